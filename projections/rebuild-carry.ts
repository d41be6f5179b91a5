/** What the log no longer holds, copied from the old table into the one built beside it: slice by slice, each once. */
import type { Position } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import { columnsOf, copying, goneFrom, quoted } from "./rebuild.ts";
import { again, countAll, type Half, note, tell } from "./rebuild-half.ts";

/** Rows copied at once, at least: fewer only where there are no more. */
const SLICE_ROWS = 100_000;
const HOUR_MS = 3_600_000;

type Slice = { readonly from: number; readonly to: number; readonly rows: number };

/** By arrival: whole hours, so many of them that a slice is worth its while. */
const slicesOf = (hours: readonly { readonly hour: number; readonly n: number }[]): readonly Slice[] => {
  const slices: Slice[] = [];
  for (const { hour, n } of hours) {
    const last = slices.at(-1);
    const to = (hour + 1) * HOUR_MS;
    if (last !== undefined && last.rows < SLICE_ROWS) slices[slices.length - 1] = { from: last.from, to, rows: last.rows + n };
    else slices.push({ from: hour * HOUR_MS, to, rows: n });
  }
  return slices;
};

const deleting = (table: string, which: string): string => `ALTER TABLE ${table} DELETE WHERE ${which} SETTINGS mutations_sync = 2`;

/** `begun`: some of it may be there. Then, and where a try was cut off, that goes first. */
const copyOnce = async (half: Half, which: string, begun: boolean): Promise<void> => {
  const { warehouse, projection, next } = half;
  let isBegun = begun;
  await again(half, async () => {
    const copy = await copying(warehouse, projection.name, next, which);
    if (isBegun) await warehouse.define([deleting(next, which)]);
    isBegun = true;
    await warehouse.define([copy]);
  });
};

/** A summary says of a partition what it says; that may be told again. */
const carrySummary = async (half: Half, partition: number, position: Position): Promise<void> => {
  const { warehouse, projection, next, journal } = half;
  await again(half, async () => {
    const [old, columns] = [await columnsOf(warehouse, projection.name), await columnsOf(warehouse, next)];
    if (projection.before === undefined || columns.join() !== old.join()) {
      journal.warn({ table: projection.name, partition }, "what the log no longer holds is left out of this table");
      return;
    }
    const copy = projection.before(projection.name, partition, position);
    await warehouse.define([`INSERT INTO ${next} (${columns.join(", ")}) ${copy} SETTINGS insert_deduplicate = 0`]);
  });
};

/** All that was gone from the log when the building began. */
export const carry = async (half: Half): Promise<void> => {
  const { warehouse, projection, next } = half;
  const gone = goneFrom(half.at);
  if (projection.kind === "summary") {
    for (const [partition, start] of half.at.starts.entries()) if (start > 0) await carrySummary(half, partition, start);
    return note(half, { stage: "fill" });
  }
  const isCut = half.at.carrying > half.at.carried;
  const hours = await again(half, () =>
    warehouse.select<{ hour: number; n: number }>(
      `SELECT intDiv(receivedAt, ${HOUR_MS}) AS hour, count() AS n FROM ${projection.name}
WHERE ${gone} AND receivedAt >= {from:Int64} GROUP BY hour ORDER BY hour`,
      { from: half.at.carried },
    ),
  );
  if (isCut) {
    const which = `${gone} AND receivedAt >= ${half.at.carried} AND receivedAt < ${half.at.carrying}`;
    await again(half, () => warehouse.define([deleting(next, which)]));
  }
  const slices = slicesOf(hours);
  for (const [i, { from, to, rows }] of slices.entries()) {
    await note(half, { carried: from, carrying: to });
    await copyOnce(half, `${gone} AND receivedAt >= ${from} AND receivedAt < ${to}`, false);
    half.at = { ...half.at, carried: to, rows: half.at.rows + rows };
    half.copied = { done: i + 1, of: slices.length };
    tell(half);
    await rested(half.pause, half.stop);
  }
  await note(half, { stage: "fill" });
};

/** What was dropped from the log while the table was filled: [begin, end) of a partition. Some of it may be there. */
export const bridge = async (half: Half, partition: number, begin: Position, end: Position): Promise<void> => {
  const { warehouse, projection, next, at } = half;
  if (projection.kind === "summary") return carrySummary(half, partition, end);
  const here = `partition = ${partition} AND epoch = ${quoted(at.epoch)} AND position >= ${begin}`;
  await again(half, () => warehouse.define([deleting(next, here)]));
  await copyOnce(half, `${here} AND position < ${end}`, true);
  half.at = { ...at, rows: await again(half, () => countAll(warehouse, next)) };
};
