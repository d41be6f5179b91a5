/** A fake clock: it stands still until it is moved. Sleepers wake as it passes them, or when their signal is aborted. */
import type { Instant } from "../../domain/envelope.ts";
import type { Clock, Stop } from "../../domain/ports.ts";

export type FakeClock = Clock & {
  /** Work that really takes time: the clock does not move on before it is done. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Moves on in steps; before each, whoever woke has done its work. */
  pass(ms: number, stepMs?: number): Promise<void>;
  readonly sleepers: number;
};

/** So many turns of the loop without new work, and nobody is about to begin some. */
const QUIET_TURNS = 20;

export const fakeClock = (begin: Instant): FakeClock => {
  let now = begin;
  const busy = new Set<Promise<unknown>>();
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < QUIET_TURNS; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (busy.size === 0) continue;
      await Promise.allSettled(busy);
      turns = 0;
    }
  };
  const waiting = new Set<{ readonly until: Instant; wake(): void }>();
  return {
    now: () => now,
    sleep: (ms, signal?: Stop) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const sleeper = {
          until: now + ms,
          wake: () => {
            waiting.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        waiting.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake, { once: true });
      }),
    during: (work) => {
      const done = (): void => void busy.delete(work);
      busy.add(work);
      work.then(done, done);
      return work;
    },
    pass: async (ms, stepMs = 250) => {
      for (const end = now + ms; now < end; ) {
        await settle();
        now = Math.min(end, now + stepMs);
        for (const sleeper of [...waiting]) if (sleeper.until <= now) sleeper.wake();
      }
      await settle();
    },
    get sleepers() {
      return waiting.size;
    },
  };
};
