/** Taking up a partition where it was left, whoever left it: what was cut off is finished, what is missing is brought in again. */
import type { Derived, Fact } from "../domain/event.ts";
import type { Batch, Log, Position, Warehouse } from "../domain/ports.ts";
import { type Gathered, gathering, tablesOf, tokenOf } from "./batch.ts";
import { type Counts, countRows, type Mark, readMark } from "./marks.ts";
import type { LogKind, Projection } from "./projection.ts";
import { fillPartition, quoted } from "./rebuild.ts";

export type Source = {
  readonly kind: LogKind;
  readonly log: Log<Fact> | Log<Derived>;
  readonly partition: number;
  readonly projections: readonly Projection[];
  readonly warehouse: Warehouse;
};

export const insertAll = async (
  { kind, log, partition, projections, warehouse }: Source,
  work: Gathered,
  only: (p: Projection) => boolean,
): Promise<void> => {
  const inserts = tablesOf(projections, kind).filter((p) => only(p) && work.rows.has(p.name));
  const from = { epoch: log.epoch, partition };
  await Promise.all(inserts.map((p) => warehouse.insert(p.name, work.rows.get(p.name) ?? [], tokenOf(p, from, work))));
};

/** What lies in [begin, end), as rows. */
const readAgain = async (source: Source, begin: Position, end: Position): Promise<Gathered> => {
  const { kind, log, partition, projections } = source;
  const gather = gathering(tablesOf(projections, kind), { epoch: log.epoch, partition });
  const whole = gather.empty(begin);
  const { start } = await log.bounds(partition);
  for await (const batch of log.read(partition, Math.max(begin, start), { to: end })) {
    for (let i = 0; i < batch.events.length; ) {
      const part = gather.empty(begin);
      i = gather.take(part, batch as Batch<Fact | Derived>, i);
      for (const [name, rows] of part.rows) whole.rows.set(name, [...(whole.rows.get(name) ?? []), ...rows]);
    }
  }
  whole.end = end;
  return whole;
};

/** Tables whose rows differ from what the mark says: by how many. */
export type Differing = ReadonlyMap<string, number>;

const differingFrom = async ({ projections, kind, warehouse, partition }: Source, mark: Mark): Promise<Differing> => {
  const names = tablesOf(projections, kind).filter((p) => p.kind === "rows" && mark.counts[p.name] !== undefined);
  const counts = await Promise.all(names.map(({ name }) => countRows(warehouse, name, partition)));
  const off = names.map(
    ({ name }, i) => [name, (counts[i] as number) - (mark.counts[name] as number) - (mark.repeats[name] ?? 0)] as const,
  );
  return new Map(off.filter(([, by]) => by !== 0));
};

/**
 * Finishes what a crash may have cut off. Tokens are forgotten after a while, so a table that has the rows it should have is left
 * alone; a summary can be told twice. Returns the mark, and the tables whose rows do not add up even so.
 * Where others share the work every table is told again: one that was replaced may have made up for what is missing by repeats.
 */
export const resume = async (source: Source, isShared = false): Promise<{ readonly mark: Mark | undefined; readonly off: Differing }> => {
  const { kind, log, partition, warehouse } = source;
  const mark = await readMark(warehouse, kind, partition);
  if (mark === undefined || mark.epoch !== log.epoch) return { mark, off: new Map() };
  const before = await differingFrom(source, mark);
  if (mark.begin === mark.end) return { mark, off: before };
  const again = await readAgain(source, mark.begin, mark.end);
  await insertAll(source, again, (p) => isShared || p.kind === "summary" || before.has(p.name));
  return { mark, off: before.size === 0 && !isShared ? before : await differingFrom(source, mark) };
};

/**
 * Makes good what does not add up, table by table, for this partition alone: what a table has beyond its count is repeats, which reads
 * drop; a table that has less is emptied of what the log still holds and filled again. Returns what the next mark is to say.
 * `attempt` is never used twice for a partition: under a token used before nothing would come in.
 */
export const makeGood = async (
  source: Source,
  { mark, off }: { readonly mark: Mark; readonly off: Differing },
  attempt: string,
): Promise<{ readonly counts: Counts; readonly repeats: Counts; readonly refilled: readonly string[] }> => {
  const { kind, log, partition, projections, warehouse } = source;
  const counts = { ...mark.counts };
  const repeats = { ...mark.repeats };
  const refilled: string[] = [];
  for (const [name, by] of off) {
    if (by > 0) {
      repeats[name] = (repeats[name] ?? 0) + by;
      continue;
    }
    const projection = tablesOf(projections, kind).find((p) => p.name === name) as Projection;
    const { start } = await log.bounds(partition);
    await warehouse.define([
      `ALTER TABLE ${name} DELETE WHERE partition = ${partition} AND epoch = ${quoted(log.epoch)} AND position >= ${start} SETTINGS mutations_sync = 2`,
    ]);
    await fillPartition({ projection, log, warehouse }, name, partition, { from: start, to: mark.end }, `again/${attempt}`);
    counts[name] = await countRows(warehouse, name, partition);
    delete repeats[name];
    refilled.push(name);
  }
  return { counts, repeats, refilled };
};
