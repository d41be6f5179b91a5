/**
 * Makes the tables and compares them with the log before anything is projected. What another version made, what lost rows or a part,
 * what runs ahead of the log or belongs to another epoch is built anew. One process at a time; questions are answered from the old tables meanwhile.
 */
import type { Derived, Fact } from "../domain/event.ts";
import type { Log, Meter, Position, Warehouse } from "../domain/ports.ts";
import { tablesOf } from "./batch.ts";
import { BOOKKEEPING, countRows, MARKS, type Mark, readMark, readVersions, VERSIONS, writeMark, writeVersion } from "./marks.ts";
import { type Patience, patiently } from "./patience.ts";
import type { LogKind, Projection } from "./projection.ts";
import { resume } from "./projector.ts";
import { rebuild } from "./rebuild.ts";

export type Opening = Patience & {
  readonly facts: Log<Fact>;
  readonly derived: Log<Derived>;
  readonly warehouse: Warehouse;
  readonly projections: readonly Projection[];
  readonly meter: Meter;
};

type Reason = "version" | "damaged" | "epoch" | "ahead" | "unmarked" | "rows";
type Found = {
  readonly marks: readonly (Mark | undefined)[];
  readonly ends: readonly Position[];
  readonly reasons: ReadonlyMap<string, Reason>;
};

const isEmpty = async (warehouse: Warehouse, table: string): Promise<boolean> =>
  (await warehouse.select(`SELECT 1 FROM ${table} LIMIT 1`, {})).length === 0;

const look = async (opening: Opening, kind: LogKind, damaged: ReadonlySet<string>): Promise<Found> => {
  const { warehouse, projections } = opening;
  const log = opening[kind];
  const tables = tablesOf(projections, kind);
  const versions = await readVersions(warehouse);
  const reasons = new Map<string, Reason>();
  const because = (reason: Reason, names: readonly string[]): void => {
    for (const name of names) if (!reasons.has(name)) reasons.set(name, reason);
  };
  const all = tables.map(({ name }) => name);
  const marks: (Mark | undefined)[] = [];
  const bounds: { readonly start: Position; readonly end: Position }[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    const { start, end } = await log.bounds(partition);
    const mark = await readMark(warehouse, kind, partition);
    marks.push(mark);
    bounds.push({ start, end });
    if (mark === undefined) continue;
    if (mark.epoch !== log.epoch) because("epoch", all);
    else if (mark.end > end) because("ahead", all);
    else because("rows", (await resume({ kind, log, partition, projections, warehouse })).short);
  }
  const isFresh = marks.every((mark) => mark === undefined);
  // Nothing was ever projected: the projectors begin at the log's start. Rows without marks have lost their marks.
  if (isFresh) for (const name of all) if (!(await isEmpty(warehouse, name))) because("unmarked", all);
  if (damaged.has(MARKS) || damaged.has(VERSIONS)) because("unmarked", all);
  because(
    "damaged",
    all.filter((name) => damaged.has(name)),
  );
  // Where every table is built anew it is filled to the log's end; where some are, to where the others stand.
  const isWhole = [...reasons.values()].some((reason) => reason === "epoch" || reason === "ahead" || reason === "unmarked");
  const ends = bounds.map(({ start, end }, partition) => (isWhole ? end : Math.max(start, marks[partition]?.end ?? start)));
  for (const { name, version } of tables) {
    const made = versions.get(name)?.version;
    if (made === version) continue;
    if (isFresh && made === undefined && reasons.size === 0) await writeVersion(warehouse, name, version, 1);
    else because("version", [name]);
  }
  return { marks, ends, reasons };
};

const heal = async (opening: Opening, kind: LogKind, { marks, ends, reasons }: Found): Promise<void> => {
  const { warehouse, projections, journal, meter } = opening;
  const log = opening[kind];
  for (const projection of tablesOf(projections, kind)) {
    const reason = reasons.get(projection.name);
    if (reason === undefined) continue;
    journal.warn({ table: projection.name, reason }, "a table of the warehouse is built anew from the log");
    meter.count("tallywire_warehouse_rebuilds_total");
    await rebuild({ projection, log, warehouse, ends });
    const turn = (await readVersions(warehouse)).get(projection.name)?.turn ?? 0;
    await writeVersion(warehouse, projection.name, projection.version, turn + 1);
    journal.info({ table: projection.name }, "the table is whole");
  }
  for (const [partition, end] of ends.entries()) {
    const counted = tablesOf(projections, kind).filter((p) => p.kind === "rows");
    const counts = await Promise.all(counted.map(async ({ name }) => [name, await countRows(warehouse, name, partition)] as const));
    const turn = (marks[partition]?.turn ?? 0) + 1;
    await writeMark(warehouse, kind, partition, { epoch: log.epoch, begin: end, end, turn, counts: Object.fromEntries(counts) });
  }
};

export const openProjections = async (opening: Opening): Promise<void> => {
  const { warehouse, projections } = opening;
  await patiently(opening, { doing: "open" }, async () => {
    await warehouse.define([...BOOKKEEPING, ...projections.map(({ name, ddl }) => ddl(name))]);
    const damaged = new Set(await warehouse.damaged());
    for (const kind of ["facts", "derived"] as const) {
      const found = await look(opening, kind, damaged);
      if (found.reasons.size > 0) await heal(opening, kind, found);
    }
    const lost = [MARKS, VERSIONS].filter((name) => damaged.has(name));
    // The marks are whole again; their torn parts would ask for the same at every opening.
    for (const name of lost) await dropTorn(warehouse, name);
  });
};

const dropTorn = async (warehouse: Warehouse, table: string): Promise<void> => {
  const parts = await warehouse.select<{ name: string }>(
    "SELECT name FROM system.detached_parts WHERE database = currentDatabase() AND table = {table:String}",
    { table },
  );
  for (const { name } of parts) {
    await warehouse.define([
      `ALTER TABLE ${table} DROP DETACHED PART '${name.replace(/[\\']/g, "\\$&")}' SETTINGS allow_drop_detached = 1`,
    ]);
  }
};
