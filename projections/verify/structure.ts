/** Before anything is counted: whether tables, books and logs stand as they should, and up to where they can be compared. */
import type { Derived, Fact } from "../../domain/event.ts";
import type { Finding, LogName } from "../../domain/finding.ts";
import { EVENTS_PER_RECORD, type Log, type Logs, type Position, type Warehouse } from "../../domain/ports.ts";
import { MARKS, type Mark, readMark, readVersions, VERSIONS } from "../marks.ts";
import type { Projection } from "../projection.ts";

/** Of which partition what can be compared: [from, to), `from` as the log began then. `waiting`: records that are not brought in yet. */
export type Range = {
  readonly kind: LogName;
  readonly log: Log<Fact> | Log<Derived>;
  readonly partition: number;
  readonly from: Position;
  readonly to: Position;
  readonly waiting: number;
  /** Rows a table may have beyond those of the log: its projector knows of them, and reads drop them. */
  readonly repeats: Readonly<Record<string, number>>;
};

type Structure = {
  readonly logs: Pick<Logs, "facts" | "derived" | "progress">;
  readonly warehouse: Warehouse;
  readonly projections: readonly Projection[];
  /** Up to where everything has been brought in, as far as this process knows. */
  readonly reached: (kind: LogName, partition: number, mark: Mark) => Position;
};

export const recordsTo = (from: Position, to: Position): number => Math.max(0, Math.ceil((to - from) / EVENTS_PER_RECORD));

/** The tables that can be compared. */
export const lookAtTables = async (
  { warehouse, projections }: Pick<Structure, "warehouse" | "projections">,
  tell: (finding: Finding) => void,
): Promise<readonly Projection[] | undefined> => {
  const there = await warehouse.select<{ name: string }>("SELECT name FROM system.tables WHERE database = currentDatabase()", {});
  const names = new Set(there.map(({ name }) => name));
  for (const table of await warehouse.damaged()) tell({ what: "parts-detached", table });
  const isThere = (table: string): boolean => {
    if (!names.has(table)) tell({ what: "table-missing", table });
    return names.has(table);
  };
  const books = [MARKS, VERSIONS].filter(isThere);
  const tables = projections.filter(({ name }) => isThere(name));
  if (books.length < 2) return undefined;
  const versions = await readVersions(warehouse);
  return tables.filter(({ name: table, version: expected }) => {
    const found = versions.get(table)?.version ?? 0;
    if (found !== expected) tell({ what: "table-other-version", table, expected, found });
    return found === expected;
  });
};

export const lookAtPartition = async (
  { logs, warehouse, reached }: Structure,
  kind: LogName,
  partition: number,
  tell: (finding: Finding) => void,
): Promise<Range> => {
  const log = logs[kind];
  const mark = await readMark(warehouse, kind, partition);
  // What has been committed is asked first: the log only grows meanwhile.
  const committed = kind === "facts" ? (await logs.progress(partition)).facts : 0;
  const { start, end } = await log.bounds(partition);
  const range = (to: Position, repeats: Range["repeats"]): Range => ({
    kind,
    log,
    partition,
    from: start,
    to: Math.max(start, to),
    waiting: recordsTo(Math.max(to, start), end),
    repeats,
  });
  if (committed > end) tell({ what: "log-truncated", log: kind, partition, end, expected: committed, by: "engine" });
  if (mark === undefined) return range(start, {});
  if (mark.epoch !== log.epoch) {
    tell({ what: "other-epoch", log: kind, partition });
    return range(start, {});
  }
  if (mark.end > end) tell({ what: "log-truncated", log: kind, partition, end, expected: mark.end, by: "warehouse" });
  return range(Math.min(end, reached(kind, partition, mark)), mark.repeats);
};

/**
 * Rows nobody compares with the log: those older than it, which are only counted, and those that should not be there. `arrival`: when the
 * oldest event of the log arrived.
 */
export const lookAtOthers = async (
  warehouse: Warehouse,
  log: LogName,
  {
    table,
    epoch,
    partitions,
    arrival,
  }: { readonly table: string; readonly epoch: string; readonly partitions: number; readonly arrival: number },
  tell: (finding: Finding) => void,
): Promise<number> => {
  const [row] = await warehouse.select<{ older: number; foreign: number; nowhere: number }>(
    `SELECT countIf(epoch != {epoch:String} AND receivedAt < {arrival:Int64}) AS older,
countIf(epoch != {epoch:String} AND receivedAt >= {arrival:Int64}) AS foreign,
countIf(epoch = {epoch:String} AND partition >= {partitions:UInt32}) AS nowhere FROM ${table}`,
    { epoch, partitions, arrival },
  );
  if (row === undefined) return 0;
  if (row.foreign > 0) tell({ what: "rows-other-epoch", table, n: row.foreign });
  if (row.nowhere > 0) tell({ what: "rows-beyond", table, log, partition: partitions, n: row.nowhere });
  return row.older;
};

const OF_PARTITION = "FROM {table} WHERE epoch = {epoch:String} AND partition = {partition:UInt32}";

/** Rows before the log's oldest kept position: counted. Rows beyond its end, which is asked after them: told. */
export const lookAround = async (
  warehouse: Warehouse,
  { kind, log, partition }: Range,
  table: string,
  tell: (finding: Finding) => void,
): Promise<number> => {
  const { start } = await log.bounds(partition);
  const of = OF_PARTITION.replace("{table}", table);
  const params = { epoch: log.epoch, partition };
  const [row] = await warehouse.select<{ before: number; newest: number }>(
    `SELECT countIf(position < {start:Int64}) AS before, max(position) AS newest ${of}`,
    { ...params, start },
  );
  const { end } = await log.bounds(partition);
  if (row !== undefined && row.newest >= end) {
    const [beyond] = await warehouse.select<{ n: number }>(`SELECT count() AS n ${of} AND position >= {end:Int64}`, { ...params, end });
    if (beyond !== undefined && beyond.n > 0) tell({ what: "rows-beyond", table, log: kind, partition, n: beyond.n });
  }
  return row?.before ?? 0;
};
