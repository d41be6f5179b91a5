/** How far the projectors of this process have come, and waiting for it. */
import { EVENTS_PER_RECORD, type Position, type Stop } from "../domain/ports.ts";
import type { LogKind } from "./projection.ts";

type Waiting = { readonly position: Position; readonly reached: () => void };

export class Progress {
  readonly #passed = new Map<string, Position>();
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** What was read of each log by all its projectors. */
  readonly #read = new Map<LogKind, { events: number; records: number }>();
  /** One a projector. */
  readonly #hurry = new Map<string, () => void>();

  /** Everything before this position can be read. 0 where no projector has begun. */
  passed(log: LogKind, partition: number): Position {
    return this.#passed.get(`${log}/${partition}`) ?? 0;
  }

  /** Resolves true when the projector has passed the position, false when `stop` says so first. */
  until(log: LogKind, partition: number, position: Position, stop: Stop): Promise<boolean> {
    if (this.passed(log, partition) >= position) return Promise.resolve(true);
    if (stop.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const all = this.#waiting.get(`${log}/${partition}`) ?? new Set();
      this.#waiting.set(`${log}/${partition}`, all);
      const stopped = (): void => {
        all.delete(one);
        resolve(false);
      };
      const one: Waiting = {
        position,
        reached: () => {
          all.delete(one);
          stop.removeEventListener("abort", stopped);
          resolve(true);
        },
      };
      all.add(one);
      stop.addEventListener("abort", stopped, { once: true });
      this.#hurry.get(`${log}/${partition}`)?.();
    });
  }

  /** Whether somebody waits for this projector: it is not to dawdle then. */
  wanted(log: LogKind, partition: number): boolean {
    return (this.#waiting.get(`${log}/${partition}`)?.size ?? 0) > 0;
  }

  /** Called whenever somebody begins to wait for this projector. */
  onWanted(log: LogKind, partition: number, hurry: () => void): void {
    this.#hurry.set(`${log}/${partition}`, hurry);
  }

  advance(log: LogKind, partition: number, to: Position): void {
    this.#passed.set(`${log}/${partition}`, to);
    for (const one of [...(this.#waiting.get(`${log}/${partition}`) ?? [])]) if (one.position <= to) one.reached();
  }

  /** A projector has read so many events, the last of them in this record after that one. */
  read(log: LogKind, events: number, after: Position, last: Position): void {
    const sum = this.#read.get(log) ?? { events: 0, records: 0 };
    sum.events += events;
    sum.records += recordOf(last) - recordOf(after);
    this.#read.set(log, sum);
  }

  /** Events between two positions, reckoned from the records between them and the mean size of those read so far; one each before any was. */
  eventsBetween(log: LogKind, from: Position, to: Position): number {
    const { events, records } = this.#read.get(log) ?? { events: 0, records: 0 };
    return Math.ceil(recordsBetween(from, to) * (records === 0 ? 1 : events / records));
  }
}

const recordOf = (position: Position): number => Math.floor(position / EVENTS_PER_RECORD);

/** One begun counts whole. */
export const recordsBetween = (from: Position, to: Position): number => Math.max(0, Math.ceil((to - from) / EVENTS_PER_RECORD));
