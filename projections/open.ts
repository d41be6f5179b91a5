/**
 * Makes the tables and compares them with the log before anything is projected. What another version made, what lost rows or a part,
 * what runs ahead of the log or belongs to another epoch is built anew. One process at a time. Processes that only answer do so from the
 * old tables meanwhile; one that does all the work answers nothing before it has opened.
 *
 * Where one process does all the work (`borders`) and the other tables of a log are right, a table is not built here: it is taken out,
 * and whoever opened builds it beside the old one (rebuild-beside.ts) while all else goes on. A table of another version may lack what
 * questions ask for, and one that lost rows answers wrong: so nobody is answered from it until it is whole.
 *
 * Where several processes share the work, the one with partition 0 opens; the others see by the versions and by the mark of their
 * partition that the tables stand (`obstacle`). Who builds tables says so in the versions, then takes every partition's turn, then reads
 * how far each is: whoever still writes finds out at his next batch, and what he had announced is in the new table already.
 */
import type { Derived, Fact } from "../domain/event.ts";
import { type Patience, patiently } from "../domain/patience.ts";
import { AdapterError, type Log, type Meter, type Warehouse } from "../domain/ports.ts";
import { tablesOf } from "./batch.ts";
import type { Borders } from "./borders.ts";
import { CLAIMING, type Claims, type Turn } from "./claims.ts";
import { WANTING } from "./elsewhere.ts";
import {
  BEING_BUILT,
  BOOKKEEPING,
  BOOKS,
  countRows,
  MARKS,
  type Mark,
  readMark,
  readVersions,
  turnAfter,
  VERSIONS,
  writeMark,
  writeVersion,
} from "./marks.ts";
import type { LogKind, Projection } from "./projection.ts";
import { rebuild, renew } from "./rebuild.ts";
import { settle, setVersion } from "./rebuild-exchange.ts";
import { RESULTING } from "./results.ts";
import { resume, type Source } from "./resume.ts";

/** Milliseconds before the tables are opened again by who was told that another opens them. */
const AGAIN_MS = 1000;

export type Opening = Patience & {
  readonly facts: Log<Fact>;
  readonly derived: Log<Derived>;
  readonly warehouse: Warehouse;
  readonly projections: readonly Projection[];
  readonly meter: Meter;
  /** Where several processes share the work. */
  readonly claims?: Claims;
  /** Where one does all of it, and may go on while some tables are built. */
  readonly borders?: Borders;
};

/** A table that is to be built beside the old one. `keeps`: the old one stays, since nothing is wrong with it. */
export type Outdated = { readonly projection: Projection; readonly keeps: boolean };

type Reason = "version" | "new" | "damaged" | "epoch" | "ahead" | "unmarked" | "rows";
type Found = { readonly marks: readonly (Mark | undefined)[]; readonly reasons: ReadonlyMap<string, Reason> };

const isEmpty = async (warehouse: Warehouse, table: string): Promise<boolean> =>
  (await warehouse.select(`SELECT 1 FROM ${table} LIMIT 1`, {})).length === 0;

const readMarks = ({ warehouse, ...logs }: Opening, kind: LogKind): Promise<readonly (Mark | undefined)[]> =>
  Promise.all(Array.from({ length: logs[kind].partitions }, (_, partition) => readMark(warehouse, kind, partition)));

const look = async (opening: Opening, kind: LogKind, damaged: ReadonlySet<string>): Promise<Found> => {
  const { warehouse, projections, claims } = opening;
  const log = opening[kind];
  const tables = tablesOf(projections, kind);
  const versions = await readVersions(warehouse);
  const reasons = new Map<string, Reason>();
  const because = (reason: Reason, names: readonly string[]): void => {
    for (const name of names) if (!reasons.has(name)) reasons.set(name, reason);
  };
  const all = tables.map(({ name }) => name);
  const isOfVersion = ({ name, version }: Projection): boolean => versions.get(name)?.version === version;
  const marks = await readMarks(opening, kind);
  for (const [partition, mark] of marks.entries()) {
    if (mark === undefined) continue;
    if (mark.epoch !== log.epoch) because("epoch", all);
    else if (mark.end > (await log.bounds(partition)).end) because("ahead", all);
    // Where others share the work, the rows of a partition are moving and are looked at by who has it.
    // Into a table of another version nothing of ours fits.
    else if (claims === undefined) {
      const known = projections.filter(isOfVersion);
      because("rows", [...(await resume({ kind, log, partition, projections: known, warehouse })).off.keys()]);
    }
  }
  const isFresh = marks.every((mark) => mark === undefined);
  // Nothing was ever projected: the projectors begin at the log's start. Rows without marks have lost their marks.
  if (isFresh) for (const name of all) if (!(await isEmpty(warehouse, name))) because("unmarked", all);
  if (damaged.has(MARKS) || damaged.has(VERSIONS)) because("unmarked", all);
  because(
    "damaged",
    all.filter((name) => damaged.has(name)),
  );
  for (const { name, version } of tables) {
    const made = versions.get(name)?.version;
    if (made === version) continue;
    if (isFresh && made === undefined && reasons.size === 0) await writeVersion(warehouse, name, version, 1);
    else because(made === undefined ? "new" : "version", [name]);
  }
  return { marks, reasons };
};

const isWhole = ({ reasons }: Found): boolean =>
  [...reasons.values()].some((reason) => reason === "epoch" || reason === "ahead" || reason === "unmarked");

/** Built by whoever opened, beside the old ones. */
const takeOut = async ({ warehouse, projections, journal, borders }: Opening, { reasons }: Found): Promise<readonly Outdated[]> => {
  const outdated = projections.filter(({ name }) => reasons.has(name));
  for (const { name } of outdated) {
    journal.warn({ table: name, reason: reasons.get(name) }, "a table of the warehouse is built anew from the log; questions to it wait");
    await setVersion(warehouse, name, BEING_BUILT);
    borders?.takeOut(name);
  }
  return outdated.map((projection) => ({ projection, keeps: reasons.get(projection.name) === "version" }));
};

const heal = async (opening: Opening, kind: LogKind, found: Found): Promise<void> => {
  const { reasons } = found;
  const { warehouse, projections, journal, meter, claims, stop } = opening;
  const log = opening[kind];
  const tables = tablesOf(projections, kind).filter(({ name }) => reasons.has(name));
  for (const { name } of tables) await setVersion(warehouse, name, BEING_BUILT);
  const turns: Turn[] = [];
  if (claims !== undefined) for (let p = 0; p < log.partitions; p++) turns.push(await claims.take(kind, p));
  const isMine = async (): Promise<boolean> => !stop.aborted && !(await Promise.all(turns.map(({ isOver }) => isOver()))).includes(true);
  // From here on nobody else goes on beyond what these say.
  const marks = await readMarks(opening, kind);
  const bounds = await Promise.all(marks.map((_, partition) => log.bounds(partition)));
  // Where every table is built anew it is filled to the log's end; where some are, to where the others stand.
  const isAll = isWhole(found);
  const ends = bounds.map(({ start, end }, partition) => (isAll ? end : Math.max(start, marks[partition]?.end ?? start)));
  for (const projection of tables) {
    journal.warn({ table: projection.name, reason: reasons.get(projection.name) }, "a table of the warehouse is built anew from the log");
    meter.count("tallywire_warehouse_rebuilds_total");
    await rebuild({ projection, log, warehouse, ends, isMine: claims === undefined ? () => Promise.resolve(true) : isMine });
    journal.info({ table: projection.name }, "the table is whole");
  }
  for (const [partition, end] of ends.entries()) {
    const mark = marks[partition];
    // A batch that is being written into tables that stay is counted as it will be; who takes the partition finishes it.
    const isUnderWay = claims !== undefined && !isAll && mark !== undefined;
    const counted = tablesOf(projections, kind).filter((p) => p.kind === "rows" && (!isUnderWay || reasons.has(p.name)));
    const counts = await Promise.all(counted.map(async ({ name }) => [name, await countRows(warehouse, name, partition)] as const));
    const repeats = Object.entries(isUnderWay ? mark.repeats : {}).filter(([name]) => !reasons.has(name));
    await writeMark(warehouse, kind, partition, {
      epoch: log.epoch,
      begin: isUnderWay ? mark.begin : end,
      end,
      turn: turnAfter(mark, turns[partition]?.term ?? 0),
      counts: { ...(isUnderWay ? mark.counts : {}), ...Object.fromEntries(counts) },
      repeats: Object.fromEntries(repeats),
    });
  }
  for (const { name, version } of tables) await setVersion(warehouse, name, version);
};

/** Nothing was brought in yet of these: others may begin where the log does. */
const beginMarks = async (opening: Opening, kind: LogKind): Promise<void> => {
  const log = opening[kind];
  for (const [partition, mark] of (await readMarks(opening, kind)).entries()) {
    if (mark !== undefined) continue;
    const { start } = await log.bounds(partition);
    const first: Mark = { epoch: log.epoch, begin: start, end: start, turn: 1, counts: {}, repeats: {} };
    await writeMark(opening.warehouse, kind, partition, first);
  }
};

/** What everyone who shares the work needs to be there, made by whoever comes first. */
export const makeBookkeeping = (warehouse: Warehouse): Promise<void> =>
  warehouse.define([...BOOKKEEPING, ...CLAIMING, ...WANTING, ...RESULTING]);

/** Tables of a newer version than this process knows are not its to touch: it will be replaced. */
const isOutdated = async ({ warehouse, projections, claims }: Opening): Promise<boolean> => {
  if (claims === undefined) return false;
  const versions = await readVersions(warehouse);
  return projections.some(({ name, version }) => (versions.get(name)?.version ?? 0) > version);
};

/** Says which tables are to be built beside the old ones, where that may be. Throws AdapterError `fenced` where another opens by now. */
export const openProjections = async (opening: Opening): Promise<readonly Outdated[]> => {
  const { warehouse, projections, claims, borders } = opening;
  return patiently(opening, { doing: "open" }, async () => {
    const outdated: Outdated[] = [];
    await (claims === undefined ? warehouse.define([...BOOKKEEPING, ...RESULTING]) : makeBookkeeping(warehouse));
    if (await isOutdated(opening)) return [];
    await warehouse.define(projections.map(({ name, ddl }) => ddl(name)));
    if (claims === undefined) for (const projection of projections) await settle(warehouse, projection);
    const damaged = new Set(await warehouse.damaged());
    for (const kind of ["facts", "derived"] as const) {
      const found = await look(opening, kind, damaged);
      const isBeside = borders !== undefined && claims === undefined && !isWhole(found);
      if (isBeside) outdated.push(...(await takeOut(opening, found)));
      else if (found.reasons.size > 0) await heal(opening, kind, found);
      if (claims !== undefined) await beginMarks(opening, kind);
    }
    // The books are right again; their torn parts would ask for the same at every opening.
    for (const [name, ddl] of Object.entries(BOOKS)) if (damaged.has(name)) await renew(warehouse, name, ddl);
    return outdated;
  });
};

/** The same until the tables stand or `stop`, by whoever has partition 0: where another opens by now, that one may be gone again. */
export const openInTurn = async (opening: Opening): Promise<void> => {
  const { stop, clock } = opening;
  while (!stop.aborted) {
    try {
      await openProjections(opening);
      return;
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof AdapterError && error.code === "fenced")) throw error;
      await clock.sleep(AGAIN_MS, stop);
    }
  }
};

/** Why nothing may be brought into a partition's tables yet, in words for an operator; undefined when it may. */
export const obstacle = async ({ kind, log, partition, projections, warehouse }: Source): Promise<string | undefined> => {
  const versions = await readVersions(warehouse);
  const found = tablesOf(projections, kind).map(({ name, version }) => ({ made: versions.get(name)?.version ?? BEING_BUILT, version }));
  if (found.some(({ made, version }) => made > version))
    return "the tables are of a newer version: this process is to be replaced by that one";
  if (found.some(({ made }) => made === BEING_BUILT)) return "the tables are being built by the process with partition 0";
  if (found.some(({ made, version }) => made < version))
    return "waits until a process of this version has partition 0 and builds the tables";
  const mark = await readMark(warehouse, kind, partition);
  return mark?.epoch === log.epoch ? undefined : "the tables are being compared with this log by the process with partition 0";
};

/** For a process that only answers: whether every table can be asked, in whatever version. While another builds one anew, the old one is there to be asked. */
export const areThere = async (warehouse: Warehouse, projections: readonly Projection[]): Promise<boolean> => {
  const versions = await readVersions(warehouse);
  return projections.every(({ name }) => versions.has(name));
};
