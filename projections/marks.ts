/**
 * How far each partition of each log has been brought in, kept in the warehouse itself. A mark is written before its batch:
 * what a crash cut off is found again as [begin, end), with the same tokens. `counts` are each table's rows of the partition after the
 * batch, `repeats` those a table has beyond them: what a projector that had been replaced still wrote. Every read drops repeats.
 * Where several processes share the work a mark with nothing between begin and end follows each batch: so `begin` says what can be read.
 */
import type { Position, Row, Warehouse } from "../domain/ports.ts";
import { KEPT, type LogKind } from "./projection.ts";

export type Counts = Readonly<Record<string, number>>;
export type Mark = {
  readonly epoch: string;
  readonly begin: Position;
  readonly end: Position;
  readonly turn: number;
  readonly counts: Counts;
  readonly repeats: Counts;
};

export const MARKS = "marks";
export const VERSIONS = "versions";
/** What is built beside what (rebuild-books.ts). */
export const REBUILDS = "rebuilds";
/** In the place of a version: no table of ours, or one that is being filled. */
export const BEING_BUILT = 0;
/** The tables of the books, each by its name. */
export const BOOKS = {
  [MARKS]: (table: string) => `CREATE TABLE IF NOT EXISTS ${table} (log LowCardinality(String), partition UInt32, epoch String,
  begin Int64, end Int64, turn Int64, tables Array(String), counts Array(Int64)) ENGINE = ReplacingMergeTree(turn) ORDER BY (log, partition) ${KEPT}`,
  [VERSIONS]: (table: string) =>
    `CREATE TABLE IF NOT EXISTS ${table} (name String, version Int64, turn Int64) ENGINE = ReplacingMergeTree(turn) ORDER BY name ${KEPT}`,
  [REBUILDS]: (table: string) => `CREATE TABLE IF NOT EXISTS ${table} (name String, turn Int64, by String, stage LowCardinality(String),
  version Int64, epoch String, table String, old String, keeps Bool, starts Array(Int64), arrival Int64, carried Int64, carrying Int64,
  begins Array(Int64), ends Array(Int64), rows Int64) ENGINE = ReplacingMergeTree(turn) ORDER BY name ${KEPT}`,
};
export const BOOKKEEPING: readonly string[] = Object.entries(BOOKS).map(([name, ddl]) => ddl(name));

/** Marks of a later term have later turns, however many a term has. */
const TURNS_A_TERM = 2 ** 28;
export const turnAfter = (last: Mark | undefined, term: number): number => Math.max((last?.turn ?? 0) + 1, term * TURNS_A_TERM);

export type Reached = { readonly log: LogKind; readonly partition: number; readonly epoch: string; readonly position: Position };

type Written = Omit<Mark, "counts" | "repeats"> & { readonly tables: readonly string[]; readonly counts: readonly number[] };
/** In the list of tables, after the name of one: its repeats. */
const REPEATS = "+";
const LAST_MARK = `SELECT epoch, begin, end, turn, tables, counts FROM ${MARKS}
WHERE log = {log:String} AND partition = {partition:UInt32} ORDER BY turn DESC LIMIT 1`;

export const readMark = async (warehouse: Warehouse, log: LogKind, partition: number): Promise<Mark | undefined> => {
  const [row] = await warehouse.select<Written>(LAST_MARK, { log, partition });
  if (row === undefined) return undefined;
  const entries = row.tables.map((table, i) => [table, row.counts[i] as number] as const);
  const repeats = entries.filter(([table]) => table.endsWith(REPEATS));
  return {
    ...row,
    counts: Object.fromEntries(entries.filter(([table]) => !table.endsWith(REPEATS))),
    repeats: Object.fromEntries(repeats.map(([table, n]) => [table.slice(0, -REPEATS.length), n])),
  };
};

export const writeMark = (warehouse: Warehouse, log: LogKind, partition: number, mark: Mark): Promise<void> => {
  const { epoch, begin, end, turn, counts, repeats } = mark;
  const entries = [...Object.entries(counts), ...Object.entries(repeats).map(([table, n]) => [table + REPEATS, n] as const)];
  const row: Row = { log, partition, epoch, begin, end, turn, tables: entries.map(([table]) => table), counts: entries.map(([, n]) => n) };
  return warehouse.insert(MARKS, [row], `${log}/${partition}/${epoch}/${begin}/${end}/${turn}`);
};

/** Up to where each partition can be read, whoever brings it in. */
export const readReached = async (warehouse: Pick<Warehouse, "select">): Promise<readonly Reached[]> =>
  warehouse.select<Reached>(
    `SELECT log, partition, argMax(${MARKS}.epoch, ${MARKS}.turn) AS epoch, argMax(${MARKS}.begin, ${MARKS}.turn) AS position FROM ${MARKS} GROUP BY log, partition`,
    {},
  );

/** Names of tables stand in our code only; the partition is the one value. */
export const countRows = async (warehouse: Warehouse, table: string, partition: number): Promise<number> => {
  const [row] = await warehouse.select<{ n: number }>(`SELECT count() AS n FROM ${table} WHERE partition = {partition:UInt32}`, {
    partition,
  });
  return row?.n ?? 0;
};

export const readVersions = async (
  warehouse: Warehouse,
): Promise<ReadonlyMap<string, { readonly version: number; readonly turn: number }>> => {
  const rows = await warehouse.select<{ name: string; version: number; turn: number }>(
    `SELECT name, argMax(${VERSIONS}.version, ${VERSIONS}.turn) AS version, max(${VERSIONS}.turn) AS turn FROM ${VERSIONS} GROUP BY name`,
    {},
  );
  return new Map(rows.map(({ name, version, turn }) => [name, { version, turn }]));
};

export const writeVersion = (warehouse: Warehouse, name: string, version: number, turn: number): Promise<void> =>
  warehouse.insert(VERSIONS, [{ name, version, turn }], `${name}/${version}/${turn}`);
