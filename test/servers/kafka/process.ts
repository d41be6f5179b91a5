/** A Java process that ends with the one that started it, however that ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/**
 * The shell waits for the broker; beside it a watcher waits for a line from whoever started it. When that one ends without a line, the
 * broker is killed and its folder goes. The broker itself cannot do that, and asking the system (prctl) is for Linux only.
 * Not over standard input: Node closes that by itself when the shell ends, which the watcher would take for the end of all.
 */
const WATCHED = `
folder=$1; shift
"$@" 3<&- >&2 &
pid=$!
echo $pid
{ read -r _ <&3 || { kill -9 $pid; rm -rf -- "$folder"; }; } >/dev/null 2>&1 &
exec 3<&- >/dev/null
wait $pid
`;

export type Watched = {
  readonly pid: number;
  readonly running: () => boolean;
  /** Ends it and waits for its end. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
};

/** `folder` is removed should this process end without having ended the other. What the other prints goes to `log`. */
export const startWatched = async (command: readonly string[], folder: string, log: string): Promise<Watched> => {
  const fd = openSync(log, "a");
  const shell = spawn("sh", ["-c", WATCHED, "sh", folder, ...command], { stdio: ["ignore", "pipe", fd, "pipe"] });
  closeSync(fd);
  const watcher = shell.stdio[3] as Writable;
  watcher.on("error", () => undefined); // It is gone too.
  const ended = once(shell, "exit").then(() => void watcher.end("ended\n")); // Its process is gone, another may have its number next.
  const lines = createInterface({ input: shell.stdout as Readable });
  const [line] = (await once(lines, "line")) as [string];
  const running = (): boolean => shell.exitCode === null && shell.signalCode === null;
  return {
    pid: Number(line),
    running,
    end: async (signal) => {
      if (running()) process.kill(Number(line), signal);
      await ended;
    },
  };
};
