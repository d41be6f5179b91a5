/** Trying again for as long as trying again may help. */
import { AdapterError, type Clock, type Journal, type Stop } from "./ports.ts";

const FIRST_MS = 50;
const MOST_MS = 5_000;

export type Patience = {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly stop: Stop;
  /** The longest pause between two tries, in milliseconds. */
  readonly pauseMs?: number;
};

/** Says once that it waits, and once that it goes on. Throws what is not retryable, and the last error when `stop` is aborted. */
export const patiently = async <T>(patience: Patience, fields: object, work: () => Promise<T>): Promise<T> => {
  const { clock, journal, stop, pauseMs = MOST_MS } = patience;
  for (let pause = FIRST_MS, said = false; ; pause = Math.min(pause * 2, pauseMs)) {
    try {
      const done = await work();
      if (said) journal.info(fields, "what was asked answers again");
      return done;
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.retryable || stop.aborted) throw error;
      if (!said) journal.warn({ ...fields, code: error.code, error: error.message }, "it cannot be done now; it is tried until it can");
      said = true;
      await clock.sleep(pause, stop);
    }
  }
};
