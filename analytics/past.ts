/**
 * The past of some cameras, derived again beside whatever is live: the same engine over what the log and the archive hold.
 *
 *     base or oldest fact          since                                        to
 *        |--- stepped, as ever ------|------ what was asked for ----------------|
 *        |= archive, camera by camera =|= log, all cameras in one pass =========|
 */
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { Derived, Fact } from "../domain/event.ts";
import { AdapterError, type Archive, type Base, type Logs, type Position, type Stop } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import { beginsOf, factsFrom, fromBase, keptBases } from "./begins.ts";
import type { CameraMemory } from "./camera-memory.ts";
import { deriveOf, type Watch } from "./engine.ts";
import { collectLate, type LateRange, takingIn } from "./late.ts";
import { cameraMemory, createMemory, restoreMemory } from "./memory.ts";

export type History = {
  readonly logs: Pick<Logs, "facts" | "derived" | "baseBefore">;
  readonly archive: Pick<Archive, "read" | "baseBefore"> | undefined;
};

/** Facts of a camera are stepped from a position on, by what the base remembers; by nothing, without one. */
export type Begin = { readonly position: Position; readonly base: Base | undefined };

/**
 * `since`: a position at or before the camera's first fact that matters; `begin`: where it is to begin, where that was looked up.
 * `to`: exclusive, as in the log.
 */
export type Asked = {
  readonly partition: number;
  readonly cameras: readonly (CameraKey & ({ readonly since: Position } | { readonly begin: Begin }))[];
  readonly to: Position;
  /** Called for each camera when its memory is that of its base (or empty) and before it hears any fact; with `late` a second time, of a second memory. */
  readonly prepare?: (one: CameraMemory) => void;
  /** Frames from where it begins up to `to`, event time, that were late are taken in at their place. */
  readonly late?: LateRange;
  /** Asked after each batch: these cameras are stepped no more. With none left it ends. */
  readonly finished?: (at: Position) => readonly CameraKey[];
  /** Told of what came late where it stands in the log, also where it was taken in, and of clocks set back. */
  readonly watch?: Watch;
  /** Awaited after each slice of work of a few milliseconds. */
  readonly pause: () => Promise<void>;
  readonly stop: Stop;
};

/** What a slice of work came to. `facts`: of these cameras, stepped, `frames` among them; `at`: where the batch ends that it is of, of the archive or the log. */
export type Rerun = { readonly facts: number; readonly frames: number; readonly at: Position; readonly derived: readonly Derived[] };

/** A slice: so many facts, or so many objects in them, whichever comes first. */
const SLICE_FACTS = 256;
const SLICE_OBJECTS = 4096;

const UNWATCHED: Watch = { late: () => undefined, clockReset: () => undefined };

/**
 * Derives the past again, slice by slice. Each camera begins where it is told, or at its newest base of use at or before `since`, else at its
 * oldest fact; what follows is what the live run gave, byte for byte, where nothing was prepared and nothing late is taken in. Throws AdapterError: `closed`
 * when stopped, `unavailable` when retention took facts it had not come to, and what the ports throw. JobFailure for too much that was late.
 */
export async function* rerun(history: History, asked: Asked): AsyncGenerator<Rerun> {
  const { late, watch = UNWATCHED } = asked;
  if (late === undefined) {
    yield* pass(history, asked, (one) => (fact) => deriveOf(one, fact, watch));
    return;
  }
  const found = collectLate(late);
  // What is late is known by stepping only: it depends on heartbeats, on frames held back and on clocks set back.
  const looking = pass(history, asked, (one) => {
    found.see(one);
    return (fact) => deriveOf(one, fact, found.watch);
  });
  for await (const _ of looking) found.check();
  const frames = found.frames();
  yield* pass(history, asked, (one) => takingIn(one, frames.get(keyText(one.tenant, one.camera)) ?? [], watch));
}

type Step = (fact: Fact) => readonly Derived[];
type Lane = CameraKey & { readonly begin: Position; readonly step: Step };

/** One time over it all. */
async function* pass({ logs, archive }: History, asked: Asked, stepOf: (one: CameraMemory) => Step): AsyncGenerator<Rerun> {
  const { partition, to } = asked;
  const { start } = await logs.facts.bounds(partition);
  const lanes: Lane[] = [];
  for (const camera of asked.cameras) lanes.push(await laneOf({ logs, archive }, asked, camera, start, stepOf));
  const steps = stepsOf(lanes);
  for (const lane of lanes) {
    if (archive === undefined || lane.begin >= Math.min(start, to)) continue;
    for await (const { events, next } of archive.read(lane, lane.begin, Math.min(start, to))) {
      yield* slices(asked, steps, events, next);
      // Of the others some have not begun.
      if (!finished(asked, next).some(({ tenant, camera }) => tenant === lane.tenant && camera === lane.camera)) continue;
      steps.get(lane.tenant)?.delete(lane.camera);
      break;
    }
  }
  const rest = lanes.filter(({ tenant, camera }) => steps.get(tenant)?.has(camera));
  // Without an archive one that was to begin before the log's start has lost what it was to begin with.
  let at = rest.reduce((least, { begin }) => Math.min(least, archive === undefined ? begin : Math.max(begin, start)), to);
  if (at === to) return;
  const begins = beginsOf(rest);
  for await (const { events, first, next } of factsFrom(logs.facts, partition, begins, { from: at, to })) {
    if (first !== undefined && first > at) await nothingLost(logs, partition, at);
    at = next;
    yield* slices(asked, steps, events, next);
    for (const { tenant, camera } of finished(asked, next)) {
      steps.get(tenant)?.delete(camera);
      begins.get(tenant)?.delete(camera);
      if (begins.get(tenant)?.size === 0) begins.delete(tenant);
    }
    if (begins.size === 0) return;
  }
  // What was lost may have been the last of it.
  if (at < to) await nothingLost(logs, partition, at);
}

const finished = (asked: Asked, at: Position): readonly CameraKey[] => asked.finished?.(at) ?? [];

const laneOf = async (
  { logs, archive }: History,
  { to, prepare }: Asked,
  asked: Asked["cameras"][number],
  start: Position,
  stepOf: (one: CameraMemory) => Step,
): Promise<Lane> => {
  const { tenant, camera } = asked;
  const memory = createMemory();
  let begin: Position;
  if ("begin" in asked) {
    begin = asked.begin.position;
    if (asked.begin.base !== undefined) restoreMemory(memory, [asked.begin.base]);
  } else {
    const until = Math.min(asked.since, to);
    const oldest = archive === undefined ? start : 0;
    const found = await fromBase(memory, keptBases(logs, archive, { tenant, camera }, until), until);
    begin = Math.max(found ?? oldest, oldest);
  }
  const one = cameraMemory(memory, tenant, camera);
  prepare?.(one);
  return { tenant, camera, begin, step: stepOf(one) };
};

type Steps = ReadonlyMap<string, Map<string, Step>>;

const stepsOf = (lanes: readonly Lane[]): Steps => {
  const steps = new Map<string, Map<string, Step>>();
  for (const { tenant, camera, step } of lanes) steps.set(tenant, (steps.get(tenant) ?? new Map<string, Step>()).set(camera, step));
  return steps;
};

async function* slices({ pause, stop }: Asked, steps: Steps, facts: readonly Fact[], at: Position): AsyncGenerator<Rerun> {
  let done = 0;
  do {
    const first = done;
    const derived: Derived[] = [];
    let frames = 0;
    for (let objects = 0; done < facts.length && done - first < SLICE_FACTS && objects < SLICE_OBJECTS; done++) {
      const fact = facts[done] as Fact;
      if (fact.kind === "frame") {
        frames++;
        objects += fact.objects.length;
      }
      const given = steps.get(fact.tenant)?.get(fact.camera)?.(fact) ?? [];
      for (let i = 0; i < given.length; i++) derived.push(given[i] as Derived);
    }
    yield { facts: done - first, frames, at, derived };
    await rested(pause, stop);
  } while (done < facts.length);
}

/** Throws where facts between what was read and the oldest that is kept are gone: nothing would tell of them. */
const nothingLost = async ({ facts }: History["logs"], partition: number, at: Position): Promise<void> => {
  const { start } = await facts.bounds(partition);
  if (start <= at) return;
  const message = `Facts of partition ${partition} were removed from the log before they were read, from position ${at} on. Try again.`;
  throw new AdapterError("unavailable", message, { retryable: true });
};
