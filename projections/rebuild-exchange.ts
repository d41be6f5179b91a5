/**
 * A table that is whole takes the place of the old one, and the old one is put away. Each step can be found out afterwards by the
 * engine's own names of the tables, so whoever comes after a crash, or after an answer that never came, does what is left.
 */
import type { Warehouse } from "../domain/ports.ts";
import { countRows, type Mark, readMark, readVersions, turnAfter, writeMark, writeVersion } from "./marks.ts";
import type { Projection } from "./projection.ts";
import { type Building, isUnderWay, readBuilding, writeBuilding } from "./rebuild-books.ts";
import { nextOf, oldOf, ownName } from "./rebuild-half.ts";

/** In a cluster making a table once more is what tells the one in front of its columns; elsewhere it changes nothing. */
export const exchange = async (warehouse: Warehouse, { name, ddl }: Projection, { table }: Building): Promise<void> => {
  if ((await ownName(warehouse, name)) !== table) await warehouse.define([`EXCHANGE TABLES ${name} AND ${nextOf(name)}`]);
  await warehouse.define([ddl(name)]);
};

/** At a border: nothing is under way. */
export const markExchanged = async (warehouse: Warehouse, projection: Projection, partition: number, mark: Mark): Promise<Mark> => {
  const { name, kind, log } = projection;
  const { [name]: _repeats, ...repeats } = mark.repeats;
  const counts = kind === "rows" ? { ...mark.counts, [name]: await countRows(warehouse, name, partition) } : mark.counts;
  const written = { ...mark, begin: mark.end, turn: turnAfter(mark, 0), counts, repeats };
  await writeMark(warehouse, log, partition, written);
  return written;
};

export const setVersion = async (warehouse: Warehouse, name: string, version: number): Promise<void> =>
  writeVersion(warehouse, name, version, ((await readVersions(warehouse)).get(name)?.turn ?? 0) + 1);

/** Where the books say `swapped`. */
export const putAway = async (warehouse: Warehouse, { name, ddl }: Projection, { keeps, old }: Building): Promise<void> => {
  const [next, kept] = [nextOf(name), oldOf(name)];
  if (keeps && (await ownName(warehouse, kept)) !== old) {
    await warehouse.define([`DROP TABLE IF EXISTS ${kept} SYNC`, ddl(kept), `EXCHANGE TABLES ${next} AND ${kept}`, ddl(kept)]);
  }
  await warehouse.define([`DROP TABLE IF EXISTS ${next} SYNC`]);
};

/**
 * What was cut off between the exchange and its end, finished: to be called while nothing is brought in. An exchange that has not
 * happened is left to whoever goes on with the building. Says who wanted what was finished.
 */
export const settle = async (warehouse: Warehouse, projection: Projection): Promise<string | undefined> => {
  const { name, log } = projection;
  let found = await readBuilding(warehouse, name);
  if (found === undefined) return undefined;
  const told = async (stage: Building["stage"]): Promise<void> => {
    found = { ...(found as Building), stage, turn: (found as Building).turn + 1 };
    await writeBuilding(warehouse, name, found);
  };
  if (found.stage === "exchange" && (await ownName(warehouse, name)) === found.table) {
    for (const [partition, end] of found.begins.entries()) {
      const mark = await readMark(warehouse, log, partition);
      // Beyond the border somebody has gone on: his counts are his.
      if (mark?.epoch === found.epoch && mark.end <= end) await markExchanged(warehouse, projection, partition, mark);
    }
    await setVersion(warehouse, name, found.version);
    await told("swapped");
  }
  if (found.stage === "swapped") {
    await putAway(warehouse, projection, found);
    await told("done");
    return found.by;
  }
  return undefined;
};

/** Drops a table that is half built. One that has taken the old one's place stays: `settle` is for that. */
export const giveUp = async (warehouse: Warehouse, name: string): Promise<void> => {
  const found = await readBuilding(warehouse, name);
  if (found?.stage === "swapped" || (found?.stage === "exchange" && (await ownName(warehouse, name)) === found.table)) return;
  if (found !== undefined && isUnderWay(found)) await writeBuilding(warehouse, name, { ...found, stage: "none", turn: found.turn + 1 });
  await warehouse.define([`DROP TABLE IF EXISTS ${nextOf(name)} SYNC`]);
};
