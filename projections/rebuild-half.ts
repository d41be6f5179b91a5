/** A table that is being built beside another: what is known of it, and taking it up where it was left. */
import type { Derived, Fact } from "../domain/event.ts";
import { type Patience, patiently } from "../domain/patience.ts";
import type { Log, Meter, Warehouse } from "../domain/ports.ts";
import type { Most } from "./batch.ts";
import type { Borders } from "./borders.ts";
import { recordsBetween } from "./progress.ts";
import type { Projection } from "./projection.ts";
import { oldestArrival } from "./rebuild.ts";
import { type Building, isUnderWay, readBuilding, writeBuilding } from "./rebuild-books.ts";

export type Beside = Patience & {
  readonly projection: Projection;
  readonly log: Log<Fact> | Log<Derived>;
  readonly warehouse: Warehouse;
  readonly borders: Borders;
  readonly meter: Pick<Meter, "count">;
  /** Whoever wants it: the same again goes on with what it wanted. */
  readonly by: string;
  /** Whether the old table stays beside the new one. */
  readonly keeps: boolean;
  /** Awaited after each piece of work. */
  readonly pause: () => Promise<void>;
  /** What is brought in at once, at most. */
  readonly slice?: Most;
  /** Told after each piece: of records of the log, and of as many rows copied as a slice has. */
  readonly progress?: (done: number, of: number) => void;
};

/** `at`: as it stands in the books, or a little further. `copied`: slices of what the log no longer holds. */
export type Half = Beside & { at: Building; copied: { readonly done: number; readonly of: number }; readonly next: string };

export const nextOf = (name: string): string => `${name}__next`;
export const oldOf = (name: string): string => `${name}__old`;

export const again = <T>(half: Beside, work: () => Promise<T>): Promise<T> => patiently(half, { table: half.projection.name }, work);

/** What the log holds so far, and what is under way, made durable. */
export const note = async (half: Half, next: Partial<Building>): Promise<void> => {
  half.at = { ...half.at, ...next, turn: half.at.turn + 1 };
  await again(half, () => writeBuilding(half.warehouse, half.projection.name, half.at));
  holdLog(half, half.at);
};

/** After a crash it goes on from what the books say: that much must stay in the log. */
const holdLog = ({ borders, projection }: Beside, { begins }: Building): void => {
  for (const [partition, begin] of begins.entries()) borders.filled(projection.name, projection.log, partition, begin);
};

export const tell = ({ progress, projection, log, borders, at, copied }: Half): void => {
  if (progress === undefined) return;
  let [done, of] = [copied.done, copied.of];
  for (let partition = 0; partition < log.partitions; partition++) {
    const start = at.starts[partition] ?? 0;
    const filled = recordsBetween(start, at.begins[partition] ?? start);
    done += filled;
    of += Math.max(filled, recordsBetween(start, borders.at(projection.log, partition)?.end ?? start));
  }
  progress(done, of);
};

/**
 * The engine's own name of a table, whatever ours is: it goes along when two tables change places. In a cluster that of the tables on
 * the servers, which are what is exchanged (adapters/clickhouse/cluster.ts). Undefined where there is none.
 */
export const ownName = async (warehouse: Pick<Warehouse, "select">, table: string): Promise<string | undefined> => {
  const names = await warehouse.select<{ own: string }>(
    `SELECT toString(uuid) AS own FROM system.tables
WHERE database = currentDatabase() AND name IN ({table:String}, concat({table:String}, '_local')) ORDER BY length(name) DESC LIMIT 1`,
    { table },
  );
  return names[0]?.own;
};

export const countAll = async (warehouse: Pick<Warehouse, "select">, table: string): Promise<number> =>
  (await warehouse.select<{ n: number }>(`SELECT count() AS n FROM ${table}`, {}))[0]?.n ?? 0;

/** Whether what was left is a beginning of what is wanted: nobody has touched either table, and the log is the same. */
const canGoOn = async ({ projection, log, warehouse }: Beside, found: Building): Promise<boolean> => {
  const { name, version } = projection;
  if (!isUnderWay(found) || found.version !== version || found.epoch !== log.epoch || found.begins.length !== log.partitions) return false;
  for (const [partition, end] of found.ends.entries()) if (end > (await log.bounds(partition)).end) return false;
  if ((await ownName(warehouse, name)) !== found.old || (await ownName(warehouse, nextOf(name))) !== found.table) return false;
  return !(await warehouse.damaged()).includes(nextOf(name));
};

const makeNew = async ({ projection, log, warehouse, by, keeps }: Beside, turn: number): Promise<Building> => {
  const { name, version, ddl } = projection;
  const bounds = await Promise.all(Array.from({ length: log.partitions }, (_, partition) => log.bounds(partition)));
  const starts = bounds.map(({ start }) => start);
  const arrival = await oldestArrival(log);
  await warehouse.define([`DROP TABLE IF EXISTS ${nextOf(name)} SYNC`, ddl(nextOf(name))]);
  const [table = "", old = ""] = [await ownName(warehouse, nextOf(name)), await ownName(warehouse, name)];
  const nothing = { carried: 0, carrying: 0, begins: starts, ends: starts, rows: 0 };
  return { turn, by, stage: "carry", version, epoch: log.epoch, table, old, keeps, starts, arrival, ...nothing };
};

/** Where it was left, else from the beginning. */
export const takeUp = async (beside: Beside): Promise<Half> => {
  const { projection, warehouse, journal, by } = beside;
  return again(beside, async () => {
    const found = await readBuilding(warehouse, projection.name);
    const goesOn = found !== undefined && (await canGoOn(beside, found));
    // Who wanted it first has said whether the old table stays; another may say otherwise.
    const at = goesOn
      ? { ...found, by, keeps: found.by === by ? found.keeps : beside.keeps }
      : await makeNew(beside, (found?.turn ?? 0) + 1);
    if (!goesOn) await writeBuilding(warehouse, projection.name, at);
    holdLog(beside, at);
    journal.info({ table: projection.name, by, goesOn, at: at.begins }, "a table is built beside the old one");
    return { ...beside, at, copied: { done: 0, of: 0 }, next: nextOf(projection.name) };
  });
};
