/** Processes of one installation on one Kafka log: started, killed with -9, started again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningServer, startServer } from "../../../examples/server.ts";

/** Warnings that are kept. */
const WARNINGS = 60;
/** Lines of a process that are kept. */
const LINES = 12;
/** Milliseconds a process may take to come by its point before it is killed wherever it is. */
const PATIENCE_MS = 3000;

export type Node = {
  readonly name: string;
  /** Empty while it is down. */
  readonly url: string;
  readonly data: string;
  readonly running: boolean;
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Has it end itself at the point it was started for; kills it where it does not come by. Says whether it came by. */
  killAtPoint(): Promise<boolean>;
  /** SIGTERM, and waits for the end. Gives the exit code. */
  stop(): Promise<number | null>;
  /** What it said last, a stack among it where it ended by one. */
  readonly last: readonly string[];
};

export type Nodes = {
  /** Lines that speak of a defect, with the name of the process. */
  readonly fatal: readonly string[];
  /** What each process says of itself, and the last warnings of all: where nothing moves any more, the reason is among them. */
  state(): Promise<readonly string[]>;
  /** `program`: another than main.ts. Started at once. */
  add(name: string, roles: string, how?: { readonly program?: string; readonly env?: Readonly<Record<string, string>> }): Promise<Node>;
  /** Ends what still runs and removes the data. */
  end(): Promise<void>;
};

export const nodesOf = (env: Readonly<Record<string, string>>, onLine?: (name: string, line: string) => void): Nodes => {
  const all: Node[] = [];
  const fatal: string[] = [];
  const warnings: string[] = [];
  return {
    fatal,
    state: async () => {
      const asked = all
        .filter(({ running }) => running)
        .map(({ name, url }) =>
          fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PATIENCE_MS) })
            .then((answer) => answer.text())
            .catch(String)
            .then((said) => `${name}: ${said}`),
        );
      return [...warnings, ...(await Promise.all(asked))];
    },
    add: async (name, roles, { program, env: first } = {}) => {
      const data = await mkdtemp(join(tmpdir(), `tallywire-${name}-`));
      let server: RunningServer | undefined;
      const last: string[] = [];
      const down = async (signal: "SIGKILL" | "SIGTERM"): Promise<number | null> => {
        const { process: child, ended } = server as RunningServer;
        server = undefined;
        child.kill(signal);
        await ended;
        return child.exitCode;
      };
      const node: Node = {
        name,
        data,
        last,
        get url() {
          return server?.url ?? "";
        },
        get running() {
          return server !== undefined;
        },
        start: async (more = {}) => {
          server = await startServer({
            data,
            ...(program && { program }),
            env: { TALLYWIRE_ROLES: roles, ...env, ...more },
            onLine: (line) => {
              if (last.push(line) > LINES) last.shift();
              if (/"level":"fatal"/.test(line)) fatal.push(`${name}: ${line}`);
              if (/"level":"(warn|error|fatal)"/.test(line) && warnings.push(`${name}: ${line}`) > WARNINGS) warnings.shift();
              onLine?.(name, line);
            },
          });
        },
        kill: async () => {
          await down("SIGKILL");
        },
        killAtPoint: async () => {
          const { process: child, ended } = server as RunningServer;
          child.kill("SIGUSR2");
          const came = await Promise.race([ended.then(() => true), sleep(PATIENCE_MS, false)]);
          await node.kill();
          return came;
        },
        stop: () => down("SIGTERM"),
      };
      all.push(node);
      await node.start(first);
      return node;
    },
    end: async () => {
      await Promise.all(all.filter(({ running }) => running).map((node) => node.kill()));
      await Promise.all(all.map(({ data }) => rm(data, { recursive: true, force: true })));
    },
  };
};
