/** Reads ahead of the warehouse, and says when what was read is due to be written. */
import type { Derived, Fact } from "../domain/event.ts";
import type { Patience } from "../domain/patience.ts";
import { type Batch, EVENTS_PER_RECORD, type Log, type Position } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import { type Gathered, gathering, tablesOf } from "./batch.ts";
import type { Progress } from "./progress.ts";
import type { LogKind, Projection } from "./projection.ts";

/**
 * Milliseconds between the beginnings of two batches. An insert costs the warehouse as much for one row as for a thousand, and a
 * part to merge: without a pace, a steady load made inserts of a few rows one after another and took more of the machine than
 * everything else together.
 */
export const PACE_MS = 1000;

type Pumping = Pick<Patience, "clock" | "stop"> & {
  readonly kind: LogKind;
  readonly log: Log<Fact> | Log<Derived>;
  readonly partition: number;
  readonly projections: readonly Projection[];
  readonly progress: Progress;
};

/**
 * Holds what was read until it is taken. An idle feed is brought in at once, and so is one that somebody waits for or that has a
 * full batch; a steady one at a pace.
 */
export const pump = (source: Pumping, from: Position) => {
  const { kind, log, partition, projections, stop, clock, progress } = source;
  const gather = gathering(tablesOf(projections, kind), { epoch: log.epoch, partition });
  let waiting = gather.empty(from);
  let ended = false;
  let failure: unknown;
  let wakeWriter = (): void => undefined;
  let takenAt = Number.NEGATIVE_INFINITY;
  let wakeReader = (): void => undefined;
  const reading = async (): Promise<void> => {
    // Before the first record there is none: the record of `from` itself is yet to be read.
    let last = from - EVENTS_PER_RECORD;
    for await (const batch of log.read(partition, from, { follow: true, signal: stop })) {
      const newest = batch.positions.at(-1) ?? last;
      progress.read(kind, batch.events.length, last, newest);
      last = newest;
      let i = 0;
      do {
        if (gather.isFull(waiting)) {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
          if (stop.aborted) return;
        }
        i = gather.take(waiting, batch as Batch<Fact | Derived>, i);
        wakeWriter();
      } while (i < batch.events.length);
    }
  };
  const done = reading()
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      ended = true;
      wakeWriter();
    });
  whenStopped(stop, () => {
    wakeReader();
    wakeWriter();
  });
  progress.onWanted(kind, partition, () => wakeWriter());
  const isUrgent = (): boolean => ended || stop.aborted || gather.isFull(waiting) || progress.wanted(kind, partition);
  const pace = async (): Promise<void> => {
    // A clock that was set back must not hold a batch for longer than the pace.
    const early = Math.min(PACE_MS, takenAt + PACE_MS - clock.now());
    if (early <= 0 || isUrgent()) return;
    const hurried = new Promise<void>((resolve) => {
      wakeWriter = () => {
        if (isUrgent()) resolve();
      };
    });
    progress.dawdling += 1;
    await Promise.race([clock.sleep(early, stop), hurried]);
    progress.dawdling -= 1;
  };
  return {
    done,
    /** Undefined when the feed has ended. Throws what the feed threw. */
    async next(): Promise<Gathered | undefined> {
      while (waiting.end === waiting.begin && !ended) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
      if (failure !== undefined) throw failure;
      if (waiting.end === waiting.begin) return undefined;
      await pace();
      if (failure !== undefined) throw failure;
      takenAt = clock.now();
      const taken = waiting;
      waiting = gather.empty(taken.end);
      wakeReader();
      return taken;
    },
  };
};
