/** Where the past of a camera is to begin so that all that came about from an instant on is derived again, and how much of it can be with what is left. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import { JobFailure } from "../domain/job.ts";
import type { Base, Position } from "../domain/ports.ts";
import { arrivalOf, keptBases, newestFirst } from "./begins.ts";
import { cameraMemory, createMemory, restoreMemory } from "./memory.ts";
import type { Begin, History } from "./past.ts";
import type { PendingRecompute } from "./pending.ts";

/**
 * `begin`: where facts are to be stepped from. `from`: what was asked for, or what the oldest base leaves of it.
 * `arrivedFrom`: what is derived from the beginning on arrived then or later.
 */
export type Beginning = { readonly begin: Begin; readonly from: Instant; readonly arrivedFrom: Instant };

/** `since`: none of its frames of `from` or later stands before; undefined where that is not known. `to`: the end of what is read. */
type Wanted = CameraKey & { readonly since: Position | undefined; readonly to: Position; readonly from: Instant };

/**
 * The newest base that was written before `from`, by its arrival and by the camera's own time: in one written later, timers, heartbeats and
 * camera states of `from` and after have come to pass, frames or none, and what is late is older than its time. Else the camera's first fact,
 * where that is kept; else a base that is before `from` by the camera's time alone. Undefined where what came before `from` is gone.
 * `rest` is awaited after each batch that is looked through.
 */
export const beginBefore = async (
  { logs, archive }: History,
  partition: number,
  wanted: Wanted,
  rest: () => Promise<void>,
): Promise<Begin | undefined> => {
  const { tenant, camera, from, to } = wanted;
  const key = { tenant, camera };
  const { start } = await logs.facts.bounds(partition);
  const oldest = archive === undefined ? start : 0;
  const beginAt = (base: Base): Begin => ({ base, position: Math.max(base.position, oldest) });
  const until = Math.min(wanted.since ?? to, to);
  let byTime: Base | undefined;
  for await (const base of newestFirst(keptBases(logs, archive, key, until), until)) {
    const told = toldBy(base);
    if (told === undefined || told >= from) continue;
    if (base.at <= from) return beginAt(base);
    byTime ??= base;
  }
  if (start === 0 || isFirst(await firstOf({ logs, archive }, partition, { ...key, start, to }, rest)))
    return { base: undefined, position: oldest };
  return byTime && beginAt(byTime);
};

/** Throws JobFailure where nothing of it can be derived again. */
export const beginningOf = async (
  history: History,
  partition: number,
  { fact, position }: PendingRecompute,
  rest: () => Promise<void>,
): Promise<Beginning> => {
  const { tenant, camera, since } = fact;
  const key = { tenant, camera };
  // No frame of that time was known: of timers there may be something all the same.
  const wanted = { ...key, since: since === 0 ? undefined : since, to: position, from: fact.from };
  const begin = await beginBefore(history, partition, wanted, rest);
  if (begin !== undefined)
    return { begin, from: fact.from, arrivedFrom: await arrivalOf(history, partition, [{ ...key, begin: begin.position }]) };
  // What was before is gone: from the oldest base on what is derived is right, and what lies before is left alone.
  const start = history.archive === undefined ? (await history.logs.facts.bounds(partition)).start : 0;
  const base = await oldestOf(history, key, position);
  const told = base === undefined ? Number.POSITIVE_INFINITY : (toldBy(base) ?? Number.NEGATIVE_INFINITY);
  if (base === undefined || told + 1 >= fact.to) throw new JobFailure(GONE);
  const left: Begin = { base, position: Math.max(base.position, start) };
  return {
    begin: left,
    from: Math.max(fact.from, told + 1),
    arrivedFrom: await arrivalOf(history, partition, [{ ...key, begin: left.position }]),
  };
};

export const GONE = "The facts of that time are no longer kept, and nothing that was saved reaches back so far.";

const oldestOf = async ({ logs, archive }: History, key: CameraKey, to: Position): Promise<Base | undefined> => {
  let oldest: Base | undefined;
  for await (const base of newestFirst(keptBases(logs, archive, key, to), to)) if (toldBy(base) !== undefined) oldest = base;
  return oldest;
};

/** How far the sensor's time had come, by whatever it was told; undefined for a base of a form not known. */
const toldBy = (base: Base): Instant | undefined => {
  const memory = createMemory();
  if (restoreMemory(memory, [base]).length > 0) return undefined;
  return cameraMemory(memory, base.tenant, base.camera).time.told ?? Number.NEGATIVE_INFINITY;
};

/** Revisions count from 1: before that nothing was decided of the camera, and nothing could follow. */
const isFirst = (fact: Fact | undefined): boolean => fact?.kind === "definition" && fact.revision === 1;

/** The oldest fact of the camera that is kept, before `to`. */
const firstOf = async (
  { logs, archive }: History,
  partition: number,
  key: CameraKey & { readonly start: Position; readonly to: Position },
  rest: () => Promise<void>,
): Promise<Fact | undefined> => {
  const { start, to } = key;
  const feeds = [...(archive === undefined ? [] : [archive.read(key, 0, start)]), logs.facts.read(partition, start, { to })];
  for (const feed of feeds)
    for await (const { events } of feed) {
      const first = events.find(({ tenant, camera }) => tenant === key.tenant && camera === key.camera);
      if (first !== undefined) return first;
      await rest();
    }
  return undefined;
};
