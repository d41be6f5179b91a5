import type { Clock, Stop } from "./ports.ts";
import { createStop, whenStopped } from "./stop.ts";

const LATE = Symbol("late");

/**
 * What the work gives; or, when so many milliseconds pass first or `stop` is aborted first, what `late` gives or throws.
 * The work goes on then, and how it ends is of no matter.
 */
export const within = async <T>(
  { clock, stop }: { readonly clock: Pick<Clock, "sleep">; readonly stop?: Stop },
  ms: number,
  work: Promise<T>,
  late: () => T,
): Promise<T> => {
  const over = createStop();
  const takeBack = stop === undefined ? undefined : whenStopped(stop, over.stop);
  try {
    const first = await Promise.race([work, clock.sleep(ms, over.signal).then(() => LATE)]);
    return first === LATE ? late() : (first as T);
  } finally {
    takeBack?.();
    over.stop();
  }
};
