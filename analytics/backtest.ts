import type { BacktestResult, BacktestRow } from "../domain/backtest-rows.ts";
import { type Candidate, candidateCamera } from "../domain/candidate.ts";
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Crossing, Derived, Frame } from "../domain/event.ts";
import { partitionOf } from "../domain/ids.ts";
import { JobFailure, type Label } from "../domain/job.ts";
import { limits } from "../domain/limits.ts";
import type { Position, Stop } from "../domain/ports.ts";
import { isCrossing, type WireTracks } from "../domain/rules/crossing.ts";
import { rested } from "../domain/stop.ts";
import { beginBefore, GONE } from "./beginning.ts";
import { arrivalOf } from "./begins.ts";
import type { CameraMemory } from "./camera-memory.ts";
import { derivedOf } from "./derived-of.ts";
import { createDifference, type Difference } from "./difference.ts";
import { tryOut } from "./engine.ts";
import { createHolding } from "./holding.ts";
import { createLabelled, type Labelled } from "./labels.ts";
import { type Begin, type History, rerun } from "./past.ts";
import { createThenNow, type ThenNowCounts } from "./then-now.ts";

/**
 * A camera of a backtest. `candidate`: what is to be in force, undefined for what was. `since`, `last`: positions of its partition of the first
 * and the last of its frames in the range, as far as they are known. Without `last` it goes on to the end.
 */
export type BacktestCamera = CameraKey & {
  readonly candidate: Candidate | undefined;
  readonly since?: Position;
  readonly last?: Position;
};

export type BacktestAsked = {
  readonly cameras: readonly BacktestCamera[];
  /** [from, to) in event time, milliseconds. */
  readonly from: Instant;
  readonly to: Instant;
  /** Frames up to the end of the range that came late are taken in at their place. */
  readonly late: boolean;
  readonly labels: readonly Label[];
  /** Milliseconds by which a label and a crossing may be apart. */
  readonly tolerance: number;
  /** Awaited after each slice of work of a few milliseconds. */
  readonly pause: () => Promise<void>;
  readonly stop: Stop;
  /** Instead of the limits of these names. */
  readonly limits?: { readonly backtestHeld?: number; readonly backtestTailMs?: number; readonly lateObjects?: number };
};

/** What a slice of work brought. `done` of `of`: how far it is, in positions. `result`: with the last part, and only with it. */
export type BacktestPart = {
  readonly rows: readonly BacktestRow[];
  readonly done: number;
  readonly of: number;
  readonly result?: BacktestResult;
};

/** Stopped cameras that are named. */
const NAMED = 20;

/**
 * What these wires, regions and rules would have given: alerts, crossings and counts of a range of the past, beside what stands in the log.
 * Nothing live is touched.
 *
 * 1. Each camera begins at its newest base before the range, else at its first fact (JobFailure where neither is kept), and is stepped by the
 *    engine itself: with what was in force, or a candidate equal
 *    to it, each alert is the one that was raised, byte for byte.
 * 2. An alert belongs to the range by `raisedAt` of its revision 0, a crossing by its `at`, as counts go, a stay by its beginning. For the end of what was
 *    raised in it, and for who was on the wire, the run goes on, an hour of event time at most (limit backtestTailMs).
 * 3. A candidate is in force in the whole range. A rule equal to the one in force bears its number, any other 0; where the log changes that,
 *    the rule begins again, as it did live.
 * 4. Rows are handed on as they come: alerts and crossings first, in the order of the log within a partition, those only raised then after the
 *    others of theirs; counts last. Held are the alerts of the log until they are matched, and the objects that are counted: JobFailure beyond
 *    the limit backtestHeld.
 * 5. Throws AdapterError `closed` when stopped, and what the ports throw.
 *
 * @example
 * ```ts
 * import { openMemoryLogs } from "../../adapters/log-memory.ts";
 * import { backtest } from "../../analytics/backtest.ts";
 * import { createStop } from "../../domain/stop.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "shop" };
 * const door = {
 *   id: "door", name: "Door", wire: [{ x: 0, y: 100 }, { x: 200, y: 100 }],
 *   direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
 *   anchor: "bottom-center" as const, minFrames: 1, bufferPx: 0, trackTimeout: 10,
 * };
 * const logs = openMemoryLogs({ partitions: 1 });
 * await logs.facts.append(frames(key, [0, [seen("ann", 100, 80)]], [1000, [seen("ann", 100, 120)]]));
 * const parts = backtest({ logs, archive: undefined }, {
 *   cameras: [{ ...key, candidate: { tripwires: [door], rois: [], rules: [], settings: undefined } }],
 *   from: 0, to: 60_000, late: false, labels: [], tolerance: 0, pause: () => Promise.resolve(), stop: createStop().signal,
 * });
 * for await (const { rows } of parts)
 *   for (const row of rows) if (row.row === "crossing") print(`${row.crossing.direction} at ${row.crossing.at}`); // entry at 500
 * ```
 */
export async function* backtest(history: History, asked: BacktestAsked): AsyncGenerator<BacktestPart> {
  const holding = createHolding(asked.limits?.backtestHeld ?? limits.backtestHeld);
  const until = endOf(asked);
  const found: Found = {
    difference: createDifference({ from: asked.from, to: asked.to, until }, holding),
    counts: createThenNow(holding),
    labelled: createLabelled(
      asked.labels.filter(({ at }) => at >= asked.from && at < asked.to),
      asked.tolerance,
      holding,
    ),
    result: { frames: 0, late: 0, onlyThen: 0, onlyNow: 0, both: 0, changed: 0, crossings: 0, stopped: [], countsFrom: 0 },
  };
  const { result } = found;
  const partitions = await partitionsOf(history, asked.cameras);
  const of = partitions.reduce((sum, { first, end }) => sum + end - first, 0);
  let before = 0;
  for (const lying of partitions) {
    const partition = { ...lying, cameras: await begunOf(history, asked, lying) };
    await readThen(history, asked, partition, found);
    for await (const { rows, at } of stepNow(history, asked, partition, found, until)) {
      result.countsFrom += rows.length;
      yield { rows, done: before + Math.min(Math.max(at - partition.first, 0), partition.end - partition.first), of };
    }
    before += partition.end - partition.first;
  }
  for (const { onlyThen, onlyNow, both, changed } of found.difference.rules()) {
    result.onlyThen += onlyThen;
    result.onlyNow += onlyNow;
    result.both += both;
    result.changed += changed;
  }
  const rows = [...found.difference.rules(), ...found.counts.rows(), ...found.labelled.rows()];
  yield { rows, done: of, of, result };
}

type Found = {
  readonly difference: Difference;
  readonly counts: ThenNowCounts;
  readonly labelled: Labelled;
  readonly result: { -readonly [P in keyof BacktestResult]: BacktestResult[P] };
};

/** Positions from `first` on matter, up to `end`. */
type Partition = {
  readonly partition: number;
  readonly cameras: readonly BacktestCamera[];
  readonly first: Position;
  readonly end: Position;
};

const partitionsOf = async ({ logs }: History, cameras: readonly BacktestCamera[]): Promise<readonly Partition[]> => {
  const all = Map.groupBy(cameras, ({ tenant, camera }) => partitionOf(tenant, camera, logs.facts.partitions));
  const found: Partition[] = [];
  for (const [partition, ours] of all) {
    const { end } = await logs.facts.bounds(partition);
    const first = ours.reduce((least, { since = 0 }) => Math.min(least, since), end);
    found.push({ partition, cameras: ours, first, end });
  }
  return found;
};

type Begun = BacktestCamera & { readonly begin: Begin };
type BegunPartition = Omit<Partition, "cameras"> & { readonly cameras: readonly Begun[] };

const begunOf = async (
  history: History,
  { from, pause, stop }: BacktestAsked,
  { partition, cameras, end }: Partition,
): Promise<readonly Begun[]> => {
  const begun: Begun[] = [];
  for (const one of cameras) {
    const { tenant, camera, since } = one;
    const begin = await beginBefore(history, partition, { tenant, camera, since, to: end, from }, () => rested(pause, stop));
    if (begin === undefined) throw new JobFailure(`Sensor ${camera}: ${GONE}`);
    begun.push({ ...one, begin });
  }
  return begun;
};

/** What stands in the log. */
const readThen = async (history: History, asked: BacktestAsked, of: BegunPartition, found: Found): Promise<void> => {
  const { logs } = history;
  const { partition, cameras } = of;
  const { from, to, pause, stop } = asked;
  const begins = cameras.map(({ tenant, camera, begin }) => ({ tenant, camera, begin: begin.position }));
  const arrivedFrom = await arrivalOf(history, partition, begins);
  const { end: until } = await logs.derived.bounds(partition);
  for await (const events of derivedOf(logs.derived, partition, cameras, { arrivedFrom, to: until })) {
    for (const { event } of events) {
      if (event.kind === "alert") found.difference.raised(event);
      else if (event.kind === "crossing" && isCounted(asked, event)) found.counts.crossing("then", event);
      else if (event.kind === "presence" && event.at >= from && event.at < to) found.counts.presence("then", event);
    }
    await rested(pause, stop);
  }
};

async function* stepNow(
  history: History,
  asked: BacktestAsked,
  { partition, cameras, end }: BegunPartition,
  found: Found,
  until: Instant,
): AsyncGenerator<{ readonly rows: readonly BacktestRow[]; readonly at: Position }> {
  const { from, to, pause, stop } = asked;
  const { result } = found;
  const candidates = new Map(cameras.map((camera) => [keyText(camera.tenant, camera.camera), camera]));
  let memories: CameraMemory[] = [];
  const prepare = (one: CameraMemory): void => {
    const candidate = candidates.get(keyText(one.tenant, one.camera))?.candidate;
    if (candidate !== undefined) tryOut(one, (decided) => candidateCamera(decided, candidate));
    // With late frames each is prepared twice.
    memories = [...memories.filter(({ tenant, camera }) => tenant !== one.tenant || camera !== one.camera), one];
  };
  const finished = (at: Position): readonly CameraMemory[] =>
    memories.filter((one) => {
      const { last = end, since = 0 } = candidates.get(keyText(one.tenant, one.camera)) ?? {};
      // Before its last frame nothing is certain: a clock may be set back into the range. One without any may not have begun.
      if (at <= Math.max(last, since)) return false;
      const told = one.time.told ?? Number.NEGATIVE_INFINITY;
      const isOver = told >= to || (one.nextDue >= to && one.time.held.length === 0);
      return isOver && (told >= until || !(found.difference.isOpen(one.tenant, one.camera) || isCrossed(one, to)));
    });
  const watch = {
    late: ({ timestamp }: Frame): void => {
      if (timestamp >= from && timestamp < to) result.late++;
    },
    clockReset: (): void => undefined,
  };
  const most = asked.limits?.lateObjects;
  const late = asked.late ? { late: { to, ...(most === undefined ? {} : { most }) } } : {};
  const each = cameras.map(({ tenant, camera, begin }) => ({ tenant, camera, begin }));
  const run = rerun(history, { partition, cameras: each, to: end, prepare, finished, watch, pause, stop, ...late });
  let at = 0;
  for await (const slice of run) {
    result.frames += slice.frames;
    at = slice.at;
    yield { rows: rowsOf(slice.derived, asked, found), at };
  }
  yield { rows: [...found.difference.rest()], at };
  result.stopped = [...result.stopped, ...memories.flatMap(stoppedOf)].slice(0, NAMED);
  for (const one of memories) tellPlaces(one, found);
}

const endOf = (asked: BacktestAsked): Instant => asked.to + (asked.limits?.backtestTailMs ?? limits.backtestTailMs);

/** By when the wire was met; what was not certain by the end of the run does not count on either side. */
const isCounted = (asked: BacktestAsked, { at, confirmedAt }: Crossing): boolean =>
  at >= asked.from && at < asked.to && confirmedAt < endOf(asked);

/** Whether somebody met a wire in the range of whom it is not certain yet that he crossed it. */
const isCrossed = ({ places }: CameraMemory, to: Instant): boolean =>
  places.some(({ analytic, state }) => analytic === "tripwire" && isCrossing(state as WireTracks, to));

const stoppedOf = ({ camera, stopped }: CameraMemory): readonly string[] => (stopped === undefined ? [] : [`${camera}: ${stopped}`]);

const rowsOf = (
  derived: readonly Derived[],
  asked: BacktestAsked,
  { difference, counts, labelled, result }: Found,
): readonly BacktestRow[] => {
  const { from, to } = asked;
  const rows: BacktestRow[] = [];
  for (let i = 0; i < derived.length; i++) {
    const event = derived[i] as Derived;
    if (event.kind === "alert") rows.push(...difference.now(event));
    else if (event.kind === "crossing" && isCounted(asked, event)) {
      counts.crossing("now", event);
      labelled.add(event);
      result.crossings++;
      rows.push({ row: "crossing", crossing: event });
    } else if (event.kind === "presence" && event.at >= from && event.at < to) counts.presence("now", event);
  }
  return rows;
};

/** Places and rules of which there is nothing to tell have their row all the same. */
const tellPlaces = ({ camera, definition }: CameraMemory, { counts, difference }: Found): void => {
  counts.place(camera, "fov", camera);
  for (const id of definition.rois.keys()) counts.place(camera, "roi", id);
  for (const id of definition.tripwires.keys()) counts.wire(camera, id);
  for (const { ruleId, ruleType, analytic, placeId } of definition.rules.values())
    difference.rule({ camera, ruleId, ruleType, place: { analytic, id: placeId, epoch: 0 } });
};
