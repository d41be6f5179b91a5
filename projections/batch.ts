/** Events turned into rows and gathered until they are inserted together. */
import type { Derived, Fact } from "../domain/event.ts";
import type { Batch, Position, Row } from "../domain/ports.ts";
import type { LogKind, Projection } from "./projection.ts";

/**
 * What a batch may hold: events, and rows and objects together, which is where its bytes are. Eight projectors hold two batches
 * each while they catch up, so a batch is no larger than inserts gain by: some 2,000 frames of 20 objects.
 */
const MOST: Most = { events: 10_000, weight: 40_000 };

export type Most = { readonly events: number; readonly weight: number };

export type Gathered = {
  readonly begin: Position;
  end: Position;
  events: number;
  weight: number;
  readonly rows: Map<string, Row[]>;
};

type From = { readonly epoch: string; readonly partition: number };

export const gathering = (projections: readonly Projection[], { epoch, partition }: From, most: Most = MOST) => {
  const add = (into: Gathered, event: Fact | Derived, position: Position, end: Position): void => {
    for (const { name, kind, rows } of projections) {
      // Each projection is given events of its own log only; the pair of types is lost in the list.
      for (const row of (rows as (event: Fact | Derived, position: Position, partition: number) => readonly Row[])(
        event,
        position,
        partition,
      )) {
        const list = into.rows.get(name) ?? [];
        list.push(kind === "rows" ? { ...row, epoch, partition, position } : row);
        into.rows.set(name, list);
      }
    }
    into.events += 1;
    into.weight += 1 + ("objects" in event && event.objects !== undefined ? event.objects.length : 0);
    into.end = end;
  };
  return {
    empty: (begin: Position): Gathered => ({ begin, end: begin, events: 0, weight: 0, rows: new Map() }),
    isFull: ({ events, weight }: Gathered): boolean => events >= most.events || weight >= most.weight,
    /** Takes from the batch what fits; returns the index of the first event that did not. */
    take(into: Gathered, batch: Batch<Fact | Derived>, from: number): number {
      let i = from;
      for (; i < batch.events.length && !this.isFull(into); i++) {
        add(into, batch.events[i] as Fact | Derived, batch.positions[i] as Position, batch.positions[i + 1] ?? batch.next);
      }
      if (i === batch.events.length) into.end = batch.next;
      return i;
    },
  };
};

/** The tables of one log, in the order of their list. */
export const tablesOf = (projections: readonly Projection[], log: LogKind): readonly Projection[] =>
  projections.filter((p) => p.log === log);

/** The token says which rows these are: the same batch of the same partition in the same epoch, made by the same version. */
export const tokenOf = (
  { name, version }: Projection,
  { epoch, partition }: From,
  { begin, end }: Pick<Gathered, "begin" | "end">,
): string => `${name}/${version}/${epoch}/${partition}/${begin}/${end}`;
