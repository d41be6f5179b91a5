/**
 * A table built anew from the log beside the old one while the projectors wait, then exchanged. What the log no longer holds is carried over
 * from the old one. Cut off, it begins again. While projectors go on it is rebuild-beside.ts that builds; what both need stands here.
 */
import type { Derived, Fact } from "../domain/event.ts";
import { AdapterError, type Batch, type Log, type Position, type Warehouse } from "../domain/ports.ts";
import { gathering } from "./batch.ts";
import type { Projection } from "./projection.ts";

type Rebuilding = {
  readonly projection: Projection;
  readonly log: Log<Fact> | Log<Derived>;
  readonly warehouse: Warehouse;
  /** Up to where each partition is filled; the projector goes on from there. */
  readonly ends: readonly Position[];
  /** Asked before the exchange: who was replaced meanwhile must not put his table in. */
  readonly isMine: () => Promise<boolean>;
};

/** Epochs are named by our own adapters; quoted all the same. */
export const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;

/** Of a table that there is not: none. */
export const columnsOf = async (warehouse: Warehouse, table: string): Promise<readonly string[]> => {
  const rows = await warehouse.select<{ name: string }>(
    "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
    { table },
  );
  return rows.map(({ name }) => name);
};

/** When the oldest event kept arrived: positions of another epoch say nothing, arrivals do. */
export const oldestArrival = async (log: Log<Fact> | Log<Derived>): Promise<number> => {
  let oldest = Number.MAX_SAFE_INTEGER;
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const { events } of log.read(partition, "start")) {
      if (events.length === 0) continue;
      for (const { receivedAt } of events) oldest = Math.min(oldest, receivedAt);
      break;
    }
  }
  return oldest;
};

/** Where the log begins, and when its oldest event had arrived. */
type Begin = { readonly epoch: string; readonly starts: readonly Position[]; readonly arrival: number };

/** Rows of which the log no longer has the events. */
export const goneFrom = ({ epoch, starts, arrival }: Begin): string => {
  const before = starts.map((start, partition) => `(partition = ${partition} AND position < ${start})`).join(" OR ");
  return `((epoch = ${quoted(epoch)} AND (${before})) OR (epoch != ${quoted(epoch)} AND receivedAt < ${arrival}))`;
};

/**
 * Rows of one table into another, by the columns both have. The same rows may be copied again after they were deleted: so the engine is
 * not to know them again.
 */
export const copying = async (warehouse: Warehouse, from: string, to: string, which: string): Promise<string> => {
  const old = new Set(await columnsOf(warehouse, from));
  const columns = (await columnsOf(warehouse, to)).filter((name) => old.has(name)).join(", ");
  return `INSERT INTO ${to} (${columns}) SELECT ${columns} FROM ${from}
WHERE ${which} SETTINGS insert_deduplicate = 0, throw_on_max_partitions_per_insert_block = 0`;
};

/** What lies between two positions of a partition into a table, under tokens that begin with `name`. */
export const fillPartition = async (
  { projection, log, warehouse }: Pick<Rebuilding, "projection" | "log" | "warehouse">,
  table: string,
  partition: number,
  { from, to }: { readonly from: Position; readonly to: Position },
  name: string,
): Promise<void> => {
  if (from >= to) return;
  const gather = gathering([projection], { epoch: log.epoch, partition });
  let work = gather.empty(from);
  const flush = async (): Promise<void> => {
    const rows = work.rows.get(projection.name) ?? [];
    await warehouse.insert(table, rows, `${name}/${log.epoch}/${partition}/${work.begin}/${work.end}`);
    work = gather.empty(work.end);
  };
  for await (const batch of log.read(partition, from, { to })) {
    for (let i = 0; i < batch.events.length; ) {
      i = gather.take(work, batch as Batch<Fact | Derived>, i);
      if (gather.isFull(work)) await flush();
    }
  }
  await flush();
};

/** In a cluster making the table once more is what tells the table in front of the new columns; elsewhere it changes nothing. */
const exchanged = (name: string, ddl: (table: string) => string): readonly string[] => [
  `EXCHANGE TABLES ${name} AND ${name}__next`,
  ddl(name),
  `DROP TABLE ${name}__next SYNC`,
];

/** A table as it is, in the place of the old one: torn parts go with that. */
export const renew = (warehouse: Warehouse, name: string, ddl: (table: string) => string): Promise<void> =>
  warehouse.define([
    `DROP TABLE IF EXISTS ${name}__next SYNC`,
    ddl(`${name}__next`),
    `INSERT INTO ${name}__next SELECT * FROM ${name}`,
    ...exchanged(name, ddl),
  ]);

/** May be begun again at any point: a crash before the exchange leaves the old table, one after it a whole new one. */
export const rebuild = async (rebuilding: Rebuilding): Promise<void> => {
  const { projection, log, warehouse, ends, isMine } = rebuilding;
  const next = `${projection.name}__next`;
  const starts = await Promise.all(Array.from({ length: log.partitions }, async (_, p) => (await log.bounds(p)).start));
  await warehouse.define([`DROP TABLE IF EXISTS ${next} SYNC`, projection.ddl(next)]);
  if (projection.kind === "rows") {
    const gone = goneFrom({ epoch: log.epoch, starts, arrival: await oldestArrival(log) });
    await warehouse.define([await copying(warehouse, projection.name, next, gone)]);
  }
  for (const [partition, to] of ends.entries())
    await fillPartition(rebuilding, next, partition, { from: starts[partition] as Position, to }, "fill");
  if (!(await isMine())) throw new AdapterError("fenced", "Another builds the tables by now.", { retryable: false });
  await warehouse.define(exchanged(projection.name, projection.ddl));
};
