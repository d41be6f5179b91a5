/** Trying again for as long as trying again may help. */
import { AdapterError, type Clock, type Journal, type Stop } from "../domain/ports.ts";

const FIRST_MS = 50;
const MOST_MS = 5_000;

export type Patience = { readonly clock: Clock; readonly journal: Journal; readonly stop: Stop };

/** Says once that it waits, and once that it goes on. Throws what is not retryable, and the last error when `stop` is aborted. */
export const patiently = async <T>({ clock, journal, stop }: Patience, fields: object, work: () => Promise<T>): Promise<T> => {
  for (let wait = FIRST_MS, said = false; ; wait = Math.min(wait * 2, MOST_MS)) {
    try {
      const done = await work();
      if (said) journal.info(fields, "the warehouse answers again");
      return done;
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.retryable || stop.aborted) throw error;
      if (!said)
        journal.warn({ ...fields, code: error.code, error: error.message }, "the warehouse cannot do it now; it is tried until it can");
      said = true;
      await clock.sleep(wait, stop);
    }
  }
};
