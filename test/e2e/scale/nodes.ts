/** Processes of one installation on one Kafka log: started, killed with -9, started again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../../../examples/server.ts";

export type Node = {
  readonly name: string;
  /** Empty while it is down. */
  readonly url: string;
  readonly data: string;
  readonly running: boolean;
  start(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. Gives the exit code. */
  stop(): Promise<number | null>;
};

export type Nodes = {
  /** Lines that speak of a defect, with the name of the process. */
  readonly fatal: readonly string[];
  add(name: string, roles: string, env?: Readonly<Record<string, string>>): Promise<Node>;
  /** Ends what still runs and removes the data. */
  end(): Promise<void>;
};

export const nodesOf = (env: Readonly<Record<string, string>>, onLine?: (name: string, line: string) => void): Nodes => {
  const all: Node[] = [];
  const fatal: string[] = [];
  return {
    fatal,
    add: async (name, roles, more = {}) => {
      const data = await mkdtemp(join(tmpdir(), `tallywire-${name}-`));
      let server: RunningServer | undefined;
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
        get url() {
          return server?.url ?? "";
        },
        get running() {
          return server !== undefined;
        },
        start: async () => {
          server = await startServer({
            data,
            env: { TALLYWIRE_ROLES: roles, ...env, ...more },
            onLine: (line) => {
              if (/"level":"fatal"/.test(line)) fatal.push(`${name}: ${line}`);
              onLine?.(name, line);
            },
          });
        },
        kill: async () => {
          await down("SIGKILL");
        },
        stop: () => down("SIGTERM"),
      };
      all.push(node);
      await node.start();
      return node;
    },
    end: async () => {
      await Promise.all(all.filter(({ running }) => running).map((node) => node.kill()));
      await Promise.all(all.map(({ data }) => rm(data, { recursive: true, force: true })));
    },
  };
};
