/** Trying again for as long as a broker is away: for who follows. The client itself tries for half a minute, which is enough for anybody else. */
import { setTimeout as sleep } from "node:timers/promises";
import { AdapterError, type Journal } from "../../domain/ports.ts";

const FIRST_MS = 50;
const MOST_MS = 1000;
/** Milliseconds between two lines about the same trouble. */
const SAY_MS = 30_000;

const isRetryable = (error: unknown): error is AdapterError => error instanceof AdapterError && error.retryable;

/** `what` is done, for the journal. Throws what trying again cannot help, and anything once `stop` is aborted. */
export const patiently = async <T>(
  work: () => Promise<T>,
  how: { readonly what: string; readonly stop: AbortSignal; readonly journal: Journal },
): Promise<T> => {
  for (let pause = FIRST_MS, said = Number.NEGATIVE_INFINITY; ; pause = Math.min(2 * pause, MOST_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || how.stop.aborted) throw error;
      const now = performance.now();
      if (now - said >= SAY_MS) {
        said = now;
        how.journal.warn({ err: error }, `${how.what} failed; it is tried again`);
      }
      await sleep(pause, undefined, { signal: how.stop }).catch(() => undefined);
    }
  }
};
