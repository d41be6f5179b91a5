/** Whether the embedded engine's process still turns, asked while statements wait for it. */
import { request } from "node:http";

/** Several short looks, not one long: a parent that was itself held up for seconds misses one of them, not all. */
export const MISSES = 5;
export const PING_MS = 2_000;

/** What a process that is gone or not there yet says: its death is heard of elsewhere. */
const AWAY = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET"]);

export const pings = (socketPath: string, ms: number): Promise<"answers" | "away" | "silent"> =>
  new Promise((done) => {
    const asked = request({ socketPath, path: "/ping", agent: false, timeout: ms }, (answer) => {
      answer.resume();
      done("answers");
    });
    asked.once("timeout", () => {
      done("silent");
      asked.destroy();
    });
    asked.once("error", (error: NodeJS.ErrnoException) => done(AWAY.has(error.code ?? "") ? "away" : "silent"));
    asked.end();
  });

type Watched = {
  /** The process asked; undefined while there is none. */
  readonly pid: () => number | undefined;
  readonly ping: () => ReturnType<typeof pings>;
  readonly kill: () => void;
  readonly everyMs: number;
};

/** Wraps statements: while one waits, a process that was silent several times in a row is killed. */
export const watching = ({ pid, ping, kill, everyMs }: Watched) => {
  let waiting = 0;
  let running = false;
  const run = async (): Promise<void> => {
    let misses = 0;
    let asked: number | undefined;
    while (waiting > 0) {
      await new Promise((resolve) => setTimeout(resolve, everyMs).unref());
      if (waiting === 0) break;
      if (asked !== pid()) misses = 0;
      asked = pid();
      misses = asked !== undefined && (await ping()) === "silent" ? misses + 1 : 0;
      if (misses < MISSES || asked !== pid()) continue;
      misses = 0;
      kill();
    }
    running = false;
  };
  return async <T>(statement: () => Promise<T>): Promise<T> => {
    waiting += 1;
    if (!running) {
      running = true;
      void run();
    }
    try {
      return await statement();
    } finally {
      waiting -= 1;
    }
  };
};
