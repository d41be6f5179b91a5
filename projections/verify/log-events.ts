/** A log read from one position to another, past what cannot be read. */
import type { Derived, Fact } from "../../domain/event.ts";
import { AdapterError, type Batch, type Clock, EVENTS_PER_RECORD, type Log, type Position, type Stop } from "../../domain/ports.ts";
import { RecordLost } from "../../domain/record-lost.ts";

/** Records [from, to] that were met and could not be read. */
export type Hole = { readonly from: number; to: number; readonly lost: boolean; readonly reason: string };

/** Consecutive ones of a sort are one. */
export class Holes {
  readonly all: Hole[] = [];

  add(record: number, lost: boolean, reason: string): void {
    const last = this.all.at(-1);
    if (last !== undefined && last.lost === lost && record === last.to + 1) last.to = record;
    else if (!this.has(record * EVENTS_PER_RECORD)) this.all.push({ from: record, to: record, lost, reason });
  }

  has(position: Position): boolean {
    const record = Math.floor(position / EVENTS_PER_RECORD);
    return this.all.some(({ from, to }) => record >= from && record <= to);
  }
}

/** Milliseconds before a log that is away is asked again. */
const AGAIN_MS = 1000;

type Reading = {
  readonly log: Log<Fact> | Log<Derived>;
  readonly partition: number;
  readonly clock: Clock;
  readonly stop: Stop;
  readonly holes: Holes;
};

/** Ends early when stopped. Throws AdapterError for what is neither damage nor passes. */
export async function* readPast(
  { log, partition, clock, stop, holes }: Reading,
  from: Position,
  to: Position,
): AsyncGenerator<Batch<Fact | Derived>> {
  let at = from;
  while (at < to && !stop.aborted) {
    const feed = (log as Log<Fact>).read(partition, at, { to })[Symbol.asyncIterator]();
    try {
      for (let next = await feed.next(); next.done !== true; next = await feed.next()) {
        at = next.value.next;
        yield next.value;
        if (stop.aborted) return;
      }
      return;
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      if (error.code === "corrupt") {
        // What stands before the damage was given first: it is the next record.
        const record = Math.floor(Math.max(at, (await log.bounds(partition)).start) / EVENTS_PER_RECORD);
        holes.add(record, error.cause instanceof RecordLost, error.message);
        at = (record + 1) * EVENTS_PER_RECORD;
      } else if (error.retryable) await clock.sleep(AGAIN_MS, stop);
      else throw error;
    } finally {
      await feed.return?.();
    }
  }
}
