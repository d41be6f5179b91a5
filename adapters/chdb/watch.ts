/** Whether the embedded engine's process still turns, asked while statements wait for it. */
import { request } from "node:http";

/** Several short looks, not one long: a parent that was itself held up for seconds misses one of them, not all. */
export const MISSES = 5;
export const PING_MS = 2_000;

/** Also false where its socket is gone though the process lives: somebody deleted the folder under it. */
export const pings = (socketPath: string, ms: number): Promise<boolean> =>
  new Promise((done) => {
    const asked = request({ socketPath, path: "/ping", agent: false, timeout: ms }, (answer) => {
      answer.resume();
      done(true);
    });
    asked.once("timeout", () => {
      done(false);
      asked.destroy();
    });
    asked.once("error", () => done(false));
    asked.end();
  });

type Watched = {
  /** The process asked; undefined while none listens: its death, or its slow start, is heard of elsewhere. */
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
      misses = asked !== undefined && !(await ping()) ? misses + 1 : 0;
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
