/** What a look at the past may hold at once: beyond it the work fails, and the process does not. */
import { JobFailure } from "../domain/job.ts";

export type Holding = { add(n: number): void };

/** Throws JobFailure beyond `most`. */
export const createHolding = (most: number): Holding => {
  let held = 0;
  return {
    add: (n) => {
      held += n;
      if (held > most)
        throw new JobFailure(`There is more to hold at once than ${most} alerts and objects: ask for a shorter time or fewer cameras.`);
    },
  };
};
