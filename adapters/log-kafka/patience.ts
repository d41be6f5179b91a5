/** Trying again while a broker is away. */
import { setTimeout as sleep } from "node:timers/promises";
import { AdapterError, type Journal } from "../../domain/ports.ts";

const FIRST_MS = 50;
const MOST_MS = 1000;
/** Milliseconds between two lines about the same trouble. */
const SAY_MS = 30_000;

const isRetryable = (error: unknown): error is AdapterError => error instanceof AdapterError && error.retryable;

/** `what` is done, for the journal. After `forMs` without success the last error is thrown, as is any that trying again cannot help, and any once `stop` is aborted. */
export const patiently = async <T>(
  work: () => Promise<T>,
  how: { readonly what: string; readonly forMs: number; readonly stop: AbortSignal; readonly journal: Journal },
): Promise<T> => {
  const began = performance.now();
  for (let pause = FIRST_MS, said = Number.NEGATIVE_INFINITY; ; pause = Math.min(2 * pause, MOST_MS)) {
    try {
      return await work();
    } catch (error) {
      const now = performance.now();
      if (!isRetryable(error) || how.stop.aborted || now - began + pause > how.forMs) throw error;
      if (now - said >= SAY_MS) {
        said = now;
        how.journal.warn({ err: error }, `${how.what} failed; it is tried again`);
      }
      await sleep(pause, undefined, { signal: how.stop }).catch(() => undefined);
    }
  }
};
