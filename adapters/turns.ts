/** No more at once than the other side takes: a bounded line in which turns go round between tenants, and nobody stands in it for long. */
import { createFairLine, type Whose } from "../domain/fair-line.ts";
import { AdapterError, type AdapterErrorCode } from "../domain/ports.ts";

type Waiting = { readonly go: () => void; readonly leave: (why: string) => void };

type Turns = {
  /** Who is busy, in words for a refusal. */
  readonly of: string;
  readonly atOnce: number;
  /** How many of these may be of one tenant; without it all. */
  readonly atOnceOfOne?: number;
  /** How many may wait, and for how long; without it everybody may, as long as it takes. */
  readonly line?: { readonly most: number; readonly waitMs: number };
  /** Without it `unavailable`. */
  readonly refusedAs?: AdapterErrorCode;
};

/**
 * Whose the work is goes with it; undefined: ours, which goes first. Refuses with `refusedAs`, retryable: whom the line has no room for,
 * and who stood in it for `waitMs`.
 */
export const turns = ({ of, atOnce, atOnceOfOne = atOnce, line: bounds, refusedAs = "unavailable" }: Turns) => {
  const line = createFairLine<Waiting>(bounds?.most ?? Number.POSITIVE_INFINITY);
  const running = new Map<Whose, number>();
  let busy = 0;
  const refusal = (why: string): AdapterError => new AdapterError(refusedAs, `${of} is busy: ${why}.`, { retryable: true });
  const may = (whose: Whose): boolean => whose === undefined || (running.get(whose) ?? 0) < atOnceOfOne;
  const begin = (whose: Whose): void => {
    busy += 1;
    running.set(whose, (running.get(whose) ?? 0) + 1);
  };
  const myTurn = (whose: Whose): Promise<void> => {
    if (busy < atOnce && may(whose)) {
      begin(whose);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const late = (waitMs: number): void => {
        line.leave(one, whose);
        one.leave(`no turn within ${waitMs} ms`);
      };
      const timer = bounds === undefined ? undefined : setTimeout(late, bounds.waitMs, bounds.waitMs);
      const one: Waiting = {
        go: () => {
          clearTimeout(timer);
          begin(whose);
          resolve();
        },
        leave: (why) => {
          clearTimeout(timer);
          reject(refusal(why));
        },
      };
      line.join(one, whose)?.leave(`${bounds?.most} wait already`);
    });
  };
  const end = (whose: Whose): void => {
    busy -= 1;
    const left = (running.get(whose) ?? 0) - 1;
    if (left > 0) running.set(whose, left);
    else running.delete(whose);
    line.next(may)?.go();
  };
  return async <T>(whose: Whose, work: () => Promise<T>): Promise<T> => {
    await myTurn(whose);
    try {
      return await work();
    } finally {
      end(whose);
    }
  };
};
