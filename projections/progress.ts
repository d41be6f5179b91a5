/** How far each partition has been brought in, as far as this process knows, and waiting for it. */
import { EVENTS_PER_RECORD, type Position, type Stop } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import type { LogKind } from "./projection.ts";

type Waiting = { readonly position: Position; readonly reached: () => void };
/** Somebody waits until everything before the position can be read. */
export type Wish = { readonly log: LogKind; readonly partition: number; readonly position: Position };

const keyOf = (log: LogKind, partition: number): string => `${log}/${partition}`;

export class Progress {
  readonly #passed = new Map<string, Position>();
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** What is waited for in other processes. */
  readonly #elsewhere = new Map<string, Position>();
  /** What was read of each log by all its projectors. */
  readonly #read = new Map<LogKind, { events: number; records: number }>();
  /** One a projector. */
  readonly #hurry = new Map<string, () => void>();
  readonly #held = new Map<string, string>();
  #somebodyWaits = (): void => undefined;
  /** Projectors that hold back a batch for their pace. */
  dawdling = 0;

  /** Everything before this position can be read. 0 where nothing is known of it. */
  passed(log: LogKind, partition: number): Position {
    return this.#passed.get(keyOf(log, partition)) ?? 0;
  }

  /** Resolves true when the position has been passed, false when `stop` says so first. */
  until(log: LogKind, partition: number, position: Position, stop: Stop): Promise<boolean> {
    if (this.passed(log, partition) >= position) return Promise.resolve(true);
    if (stop.aborted) return Promise.resolve(false);
    const key = keyOf(log, partition);
    return new Promise((resolve) => {
      const all = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, all);
      const end = (passed: boolean): void => {
        all.delete(one);
        takeBack();
        resolve(passed);
      };
      const one: Waiting = { position, reached: () => end(true) };
      all.add(one);
      const takeBack = whenStopped(stop, () => end(false));
      this.#hurry.get(key)?.();
      this.#somebodyWaits();
    });
  }

  /** What is waited for in this process: the furthest position of each partition. */
  wishes(): readonly Wish[] {
    return [...this.#waiting].flatMap(([key, all]) => {
      if (all.size === 0) return [];
      const [log, partition] = key.split("/") as [LogKind, string];
      return [{ log, partition: Number(partition), position: Math.max(...[...all].map(({ position }) => position)) }];
    });
  }

  /** Called whenever somebody in this process begins to wait. */
  onWish(tell: () => void): void {
    this.#somebodyWaits = tell;
  }

  /** Somebody in another process waits. */
  hear({ log, partition, position }: Wish): void {
    const key = keyOf(log, partition);
    this.#elsewhere.set(key, Math.max(position, this.#elsewhere.get(key) ?? 0));
    if (this.wanted(log, partition)) this.#hurry.get(key)?.();
  }

  /** Whether somebody waits for this projector: it is not to dawdle then. */
  wanted(log: LogKind, partition: number): boolean {
    const key = keyOf(log, partition);
    return (this.#waiting.get(key)?.size ?? 0) > 0 || (this.#elsewhere.get(key) ?? 0) > this.passed(log, partition);
  }

  /** Called whenever somebody begins to wait for this projector. */
  onWanted(log: LogKind, partition: number, hurry: () => void): void {
    this.#hurry.set(keyOf(log, partition), hurry);
  }

  /** Never backwards: two may tell of one partition, the one later than the other. */
  advance(log: LogKind, partition: number, to: Position): void {
    const key = keyOf(log, partition);
    if (to < this.passed(log, partition)) return;
    this.#passed.set(key, to);
    for (const one of [...(this.#waiting.get(key) ?? [])]) if (one.position <= to) one.reached();
  }

  /** What a projector waits for itself; undefined when it goes on. */
  hold(log: LogKind, partition: number, why: string | undefined): void {
    if (why === undefined) this.#held.delete(keyOf(log, partition));
    else this.#held.set(keyOf(log, partition), why);
  }

  /** Why projectors of this process do not go on, each reason once. */
  held(): readonly string[] {
    return [...new Set(this.#held.values())];
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
