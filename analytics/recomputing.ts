/**
 * The work beside a driven partition: recomputations that its facts ask for, one after the other, in the order of the log.
 *
 *     met ──► checkpoint ──► held, derived log ──┐
 *                            found, facts again ─┴─► correct ──► one commit: what differs, and that it is done
 *
 * A crash before that commit begins it again, and what it compares with is then the same; one after it leaves nothing to do. Whatever goes
 * wrong with one is told as its fault: the partition goes on.
 */
import type { Camera } from "../domain/camera.ts";
import type { Instant } from "../domain/envelope.ts";
import type { Alert, Corrected, Derived, Recompute, Recomputed } from "../domain/event.ts";
import { JobFailure } from "../domain/job.ts";
import { limits } from "../domain/limits.ts";
import { patiently } from "../domain/patience.ts";
import type { Archive, Clock, Journal, Logs, Position, Stop } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import { type Beginning, beginningOf } from "./beginning.ts";
import type { CameraMemory } from "./camera-memory.ts";
import { derivedOf } from "./derived-of.ts";
import { tryOut } from "./engine.ts";
import { createFindings, type Findings, missingIn } from "./findings.ts";
import { cameraMemory, camerasIn, type Memory, touch } from "./memory.ts";
import { type History, rerun } from "./past.ts";
import type { PendingRecompute } from "./pending.ts";
import { corrections, type Differences, differ } from "./recompute.ts";
import { withTold } from "./told-already.ts";

export type RecomputingParts = {
  readonly logs: Logs;
  readonly archive: Archive | undefined;
  readonly clock: Clock;
  readonly journal: Journal;
  /** Of one recomputation: awaited after each slice of work of a few milliseconds, so that live goes first. */
  readonly createPause: () => () => Promise<void>;
  /** The partition is let go. */
  readonly stop: Stop;
};

export type Recomputing = {
  /** A recomputation stands at this position, and all before it was stepped: to be in the checkpoint of the commit that follows. */
  meet(fact: Recompute, position: Position): void;
  /**
   * To be called when that commit is done and before another, and when a partition is taken up: what the derived log has by now is what
   * those that were met are compared with. Whether the memory was changed: then it is to be checkpointed before anything follows.
   */
  settle(): Promise<boolean>;
  /** Begins the oldest, where none is at work. */
  begin(): void;
  /** What has been done since: to be committed with a checkpoint before anything else is told, and `begin` called after it. */
  take(): Promise<readonly Derived[] | undefined>;
  /** When what is at work has stopped. */
  ended(): Promise<void>;
};

const NONE: Corrected = { raised: 0, revised: 0, retracted: 0 };

export const createRecomputing = (parts: RecomputingParts, memory: Memory, partition: number): Recomputing => {
  const { logs, clock, journal, stop } = parts;
  let work: Promise<void> | undefined;
  let done: { readonly pending: PendingRecompute; readonly came: Came } | undefined;

  const ofCamera = ({ fact }: PendingRecompute): CameraMemory => cameraMemory(memory, fact.tenant, fact.camera);
  const keep = (one: CameraMemory, recomputes: readonly PendingRecompute[]): void => {
    touch(memory, one);
    one.recomputes = recomputes;
  };
  const all = (): readonly PendingRecompute[] =>
    camerasIn(memory)
      .flatMap(({ tenant, camera }) => cameraMemory(memory, tenant, camera).recomputes)
      .sort((a, b) => a.position - b.position);

  const run = async (pending: PendingRecompute): Promise<void> => {
    const { tenant, camera, id } = pending.fact;
    const about = { partition, tenant, camera, recompute: id };
    try {
      const came = await patiently({ clock, journal, stop }, about, () => recompute(parts, partition, pending));
      done = { pending, came };
    } catch (error) {
      if (stop.aborted) return;
      // A defect here must not end the process: the fact would end the next one too.
      if (!(error instanceof JobFailure)) journal.error({ ...about, err: error }, "a recomputation failed");
      done = { pending, came: { fault: error instanceof Error ? error.message : String(error) } };
    }
  };

  return {
    meet: (fact, position) => {
      const one = cameraMemory(memory, fact.tenant, fact.camera);
      keep(one, [...one.recomputes, { fact, position, decided: one.decided, told: undefined }]);
    },
    settle: async () => {
      const unsettled = all().filter(({ told }) => told === undefined);
      if (unsettled.length === 0) return false;
      const { derived: told } = await logs.progress(partition);
      for (const pending of unsettled) {
        const one = ofCamera(pending);
        keep(
          one,
          one.recomputes.map((other) => (other === pending ? { ...other, told } : other)),
        );
      }
      return true;
    },
    begin: () => {
      const [oldest] = all();
      if (work !== undefined || oldest === undefined || stop.aborted) return;
      work = run(oldest);
    },
    take: async () => {
      if (done === undefined) return undefined;
      const { pending, came } = done;
      const out = await toldOf(parts, partition, pending, came);
      done = undefined;
      work = undefined;
      const one = ofCamera(pending);
      one.told = withTold(
        one.told,
        out.filter((event): event is Alert => event.kind === "alert"),
      );
      keep(
        one,
        one.recomputes.filter(({ position }) => position !== pending.position),
      );
      return out;
    },
    ended: async () => work,
  };
};

const outcome = ({ fact }: PendingRecompute, told: Partial<Recomputed>): Recomputed => ({
  kind: "recomputed",
  tenant: fact.tenant,
  camera: fact.camera,
  receivedAt: fact.receivedAt,
  id: fact.id,
  from: fact.from,
  to: fact.to,
  events: 0,
  alerts: NONE,
  crossings: NONE,
  stays: NONE,
  fault: undefined,
  ...told,
});

/** What came of it. `live`: ids of alerts that live told since it was asked for, before `until` in the derived log. */
type Came =
  | { readonly fault: string }
  | { readonly from: Instant; readonly differences: Differences; readonly live: Set<string>; readonly until: Position };

/** What it has to tell: what came of it, then the corrections. To be asked for while nothing else is told. */
const toldOf = async (
  { logs }: RecomputingParts,
  partition: number,
  pending: PendingRecompute,
  came: Came,
): Promise<readonly Derived[]> => {
  if ("fault" in came) return [outcome(pending, { fault: came.fault })];
  const { from, differences, live, until } = came;
  if (differences.alerts.length > 0) await liveSince({ logs, pause: async () => undefined }, partition, pending, until, live);
  const { events, ...sums } = corrections(differences, pending.fact.receivedAt, ({ id }) => live.has(id));
  return [outcome(pending, { from, events: events.length, ...sums }), ...events];
};

/** Adds the ids of alerts that live told from a position of the derived log on, and gives where that ends. */
const liveSince = async (
  { logs, pause }: Pick<Parts, "logs" | "pause">,
  partition: number,
  { fact }: PendingRecompute,
  from: Position,
  live: Set<string>,
): Promise<Position> => {
  const { derived: to } = await logs.progress(partition);
  let corrected = 0;
  if (from < to)
    for await (const { events } of logs.derived.read(partition, from, { to })) {
      for (const event of events) {
        if (event.tenant !== fact.tenant || event.camera !== fact.camera) continue;
        if (event.kind === "recomputed") corrected = event.events;
        else if (corrected > 0) corrected--;
        else if (event.kind === "alert") live.add(event.id);
      }
      await pause();
    }
  return to;
};

/** Lets others have their turn wherever the work yields. */
const slowly = async <T>(work: Generator<undefined, T>, { pause, stop }: Parts): Promise<T> => {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await rested(pause, stop);
  }
};

/** Derives it again and compares. Throws JobFailure for what cannot be derived again, and what the ports throw. */
const recompute = async (all: RecomputingParts, partition: number, pending: PendingRecompute): Promise<Came> => {
  const { logs, archive, createPause, stop } = all;
  const parts: Parts = { logs, pause: createPause(), stop };
  const history: History = { logs, archive };
  const begin = await beginningOf(history, partition, pending, () => rested(parts.pause, stop));
  const range = { from: begin.from, to: pending.fact.to };
  const before = await held(
    parts,
    partition,
    pending,
    begin,
    createFindings(range, () => false),
  );
  const isHeld = (key: string): boolean => before.alerts.has(key) || before.crossings.has(key) || before.stays.has(key);
  const now = await found(parts, history, partition, pending, begin, createFindings(range, isHeld));
  const missing = await slowly(missingIn(before, now), parts);
  // What is found in the range may have been told outside of it: then it is no news.
  const known =
    missing.size === 0
      ? before
      : await held(
          parts,
          partition,
          pending,
          begin,
          createFindings(range, (key) => missing.has(key)),
        );
  const differences = await slowly(differ(known, now), parts);
  const live = new Set<string>();
  const until = await liveSince(parts, partition, pending, pending.told ?? Number.MAX_SAFE_INTEGER, live);
  return { from: range.from, differences, live, until };
};

type Parts = Pick<RecomputingParts, "logs" | "stop"> & { readonly pause: () => Promise<void> };

const bounded = (findings: Findings): void => {
  if (findings.size <= limits.recomputeEvents) return;
  throw new JobFailure(`There is more than the ${limits.recomputeEvents} events that can be compared at once: ask for a shorter time.`);
};

/** What the derived log has of it, as of the recomputation: what live told since follows from later facts, what earlier ones corrected since counts. */
const held = async (
  { logs, pause, stop }: Parts,
  partition: number,
  { fact, told }: PendingRecompute,
  { arrivedFrom }: Beginning,
  findings: Findings,
): Promise<Findings> => {
  const { derived: to } = await logs.progress(partition);
  let corrections = 0;
  for await (const events of derivedOf(logs.derived, partition, [fact], { arrivedFrom, to })) {
    for (const { event, position } of events) {
      if (position < (told ?? to)) findings.add(event);
      else if (event.kind === "recomputed") corrections = event.events;
      else if (corrections > 0) {
        corrections--;
        findings.add(event);
      }
    }
    bounded(findings);
    await rested(pause, stop);
  }
  return findings;
};

/** In the place of what was decided; of whose camera it was, and which histories were deleted, nothing changes. */
const standIn =
  (now: Camera) =>
  (decided: Camera): Camera => ({
    ...decided,
    settings: now.settings,
    tripwires: now.tripwires,
    rois: now.rois,
    rules: now.rules,
  });

/** The same derived again. */
const found = async (
  { pause, stop }: Parts,
  history: History,
  partition: number,
  { fact, position, decided }: PendingRecompute,
  { begin }: Beginning,
  findings: Findings,
): Promise<Findings> => {
  const { tenant, camera, definitions } = fact;
  const { range } = findings;
  let one: CameraMemory | undefined;
  let reached: Instant = Number.NEGATIVE_INFINITY;
  const prepare = (memory: CameraMemory): void => {
    one = memory;
    if (definitions === "now") tryOut(memory, standIn(decided));
  };
  const cameras = [{ tenant, camera, begin }];
  for await (const { derived } of rerun(history, { partition, cameras, to: position, prepare, late: range, pause, stop })) {
    for (const event of derived) findings.add(event);
    bounded(findings);
    const { stopped, time } = one as unknown as CameraMemory;
    if (stopped === undefined) reached = Math.max(reached, time.told ?? reached);
    else if (reached < range.to) throw new JobFailure(`A defect stopped the camera's rules in that time: ${stopped}`);
  }
  const last = (one as unknown as CameraMemory | undefined)?.decided.revision;
  if (last !== undefined && last < decided.revision)
    throw new JobFailure("Decisions that were in force then are no longer in the log, and nothing that was saved reaches back so far.");
  return findings;
};
