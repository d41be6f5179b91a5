/** A Tallywire server of one's own: a process on a free port of the loopback address, with data in a folder that is given. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type RunningServer = {
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves when the process has ended, whatever ended it. */
  readonly ended: Promise<unknown>;
  /** SIGTERM, and waits for the end. Gives the exit code. */
  stop(): Promise<number | null>;
};

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** As in `npm start`: a larger young generation, since nearly all that a frame leaves behind is gone within a second. */
const YOUNG = "--max-semi-space-size=64";

/**
 * Starts `main.ts serve` (or another program of that kind) and resolves once it listens. Lines that are no log lines, and errors, go to `onLine`.
 * Throws when the process ends before.
 */
export const startServer = async (options: {
  readonly data: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
  readonly onLine?: (line: string) => void;
}): Promise<RunningServer> => {
  const env = { ...process.env, TALLYWIRE_PORT: "0", TALLYWIRE_DATA: options.data, ...options.env };
  const child = spawn(process.execPath, [YOUNG, options.program ?? MAIN, "serve"], { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const endWithUs = (): boolean => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  void ended.then(() => process.removeListener("exit", endWithUs));
  const lines = createInterface({ input: child.stderr });
  const last: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      last.push(line);
      if (last.length > 20) last.shift();
      options.onLine?.(line);
      const found = /"url":"(http:[^"]+)".*"listening"/.exec(line);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    void ended.then(() => reject(new Error(`the server ended before it listened:\n${last.join("\n")}`)));
  });
  return {
    url,
    process: child,
    ended,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      return child.exitCode;
    },
  };
};
