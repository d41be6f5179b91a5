/**
 * Where the projectors of one process stand between two batches: there each can be held for a moment, and what it brings in can be
 * another table from then on. Beside that, the tables that are not whole: nothing is brought into them, and nobody is answered from them.
 */
import { AdapterError, type Position, type Stop } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import { createTurns } from "../domain/turns.ts";
import type { Mark } from "./marks.ts";
import type { LogKind } from "./projection.ts";

/** `mark`: the last one written; undefined where nothing was brought in yet. `end`: everything before it was. */
export type Stand = { readonly mark: Mark | undefined; readonly end: Position };

type Out = { readonly whole: Promise<void>; readonly tell: () => void; readonly needs: Map<string, Position> };

const keyOf = (log: LogKind, partition: number): string => `${log}/${partition}`;

export class Borders {
  readonly #turns = createTurns();
  readonly #stands = new Map<string, Stand>();
  readonly #out = new Map<string, Out>();

  /** A projector's work from one border to the next. */
  batch<T>(log: LogKind, partition: number, work: () => Promise<T>): Promise<T> {
    return this.#turns(keyOf(log, partition), work);
  }

  /** `work` while no projector of the log is between two borders. */
  still<T>(log: LogKind, partitions: number, work: () => Promise<T>): Promise<T> {
    const from = (partition: number): Promise<T> =>
      partition === partitions ? work() : this.#turns(keyOf(log, partition), () => from(partition + 1));
    return from(0);
  }

  stand(log: LogKind, partition: number, stand: Stand | undefined): void {
    if (stand === undefined) this.#stands.delete(keyOf(log, partition));
    else this.#stands.set(keyOf(log, partition), stand);
  }

  /** Undefined while no projector of this process is at work there. */
  at(log: LogKind, partition: number): Stand | undefined {
    return this.#stands.get(keyOf(log, partition));
  }

  /** From now on nothing is brought into this table. */
  takeOut(table: string): void {
    if (this.#out.has(table)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#out.set(table, { whole: promise, tell: resolve, needs: new Map() });
  }

  /** It is whole. To be called while the projectors stand still. */
  putIn(table: string): void {
    this.#out.get(table)?.tell();
    this.#out.delete(table);
  }

  isOut(table: string): boolean {
    return this.#out.has(table);
  }

  /** The tables that are not whole. */
  out(): readonly string[] {
    return [...this.#out.keys()];
  }

  /** Resolves when this table is whole. */
  whole(table: string): Promise<void> {
    return this.#out.get(table)?.whole ?? Promise.resolve();
  }

  /** The same for work that may be stopped: it throws AdapterError `closed` then. */
  async untilWhole(table: string, stop: Stop): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    const takeBack = whenStopped(stop, stopped.resolve);
    await Promise.race([this.whole(table), stopped.promise]);
    takeBack();
    if (stop.aborted)
      throw new AdapterError("closed", `The table ${table} was waited for, until the work was to end.`, { retryable: true });
  }

  /** A table that is out has been filled up to here: what follows must stay in the log, since no table has it. */
  filled(table: string, log: LogKind, partition: number, to: Position): void {
    this.#out.get(table)?.needs.set(keyOf(log, partition), to);
  }

  /** The oldest position that a table that is out still needs; one of which nothing was told needs all. */
  needed(log: LogKind, partition: number): Position {
    return Math.min(...[...this.#out.values()].map(({ needs }) => needs.get(keyOf(log, partition)) ?? 0));
  }
}
