/**
 * Whether the derived log says what follows from the facts: these are stepped again, camera by camera from the oldest base of use or from the
 * log's beginning, and what follows is compared with what was told, by counts and hashes of each camera, day of arrival and kind.
 *
 * What a recomputation told is set apart on both sides, by the arrival of the fact that asked for it, and so are the alerts it told of. Where a camera begins at a base, so is
 * what arrived before it or about then: a base is written at an instant, and what had arrived by then may stand on either side of it.
 */
import { addText, hashOf, isSameSum, noSum, type Sum } from "../domain/digest.ts";
import { type CameraKey, type Instant, type Json, keyText } from "../domain/envelope.ts";
import type { Derived } from "../domain/event.ts";
import type { EventKey, Finding } from "../domain/finding.ts";
import { AdapterError, type Clock, type Logs, type Position, type Stop } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import { basesOf, CLOCKS_MS } from "./begins.ts";
import { alertKey, derivedOf } from "./derived-of.ts";
import { createMemory, restoreMemory } from "./memory.ts";
import { rerun } from "./past.ts";

type Proving = {
  readonly logs: Pick<Logs, "facts" | "derived" | "baseBefore" | "progress">;
  readonly partition: number;
  /** Of this tenant only. */
  readonly tenant: string | undefined;
  readonly clock: Clock;
  readonly pause: () => Promise<void>;
  readonly stop: Stop;
  readonly tell: (finding: Finding) => void;
};

/** `events`: derived again and compared. `left`: cameras whose facts begin in the middle, without a base. */
export type Proven = { readonly events: number; readonly left: number };

const DAY_MS = 86_400_000;
/** Milliseconds between looks for a moment in which nothing is committed, and how often. */
const QUIET_MS = 20;
const QUIET_LOOKS = 500;
/** Days of cameras that are looked at event by event, where they differ. */
const MOST_NARROWED = 20;

type Begin = CameraKey & { readonly since: Position /** What arrived then or before is not compared. */; readonly after: Instant };
type Day = CameraKey & { readonly day: Instant; readonly kind: Derived["kind"]; readonly again: Sum; readonly logged: Sum };

/** Throws AdapterError: `closed` when stopped, `unavailable` where the engine never rests or facts go meanwhile, and what the log throws. */
export const proveDerived = async (asked: Proving): Promise<Proven> => {
  const { partition, tell } = asked;
  const { facts: to, derived: end } = await quietMoment(asked);
  const heard = await hear(asked, to);
  const proving: Hearing = { ...asked, ...heard, corrected: await correctedIn(asked, heard, end) };
  const begins = await beginsOfAll(proving);
  if (begins.length === 0) return { events: 0, left: heard.cameras.length };
  const days = new Map<string, Day>();
  const at = ({ tenant, camera }: CameraKey, day: Instant, kind: Derived["kind"]): Day => {
    const name = `${keyText(tenant, camera)}\0${day}\0${kind}`;
    const known = days.get(name) ?? { tenant, camera, day, kind, again: noSum(), logged: noSum() };
    days.set(name, known);
    return known;
  };
  for await (const event of derivedAgain(proving, begins, to)) addText(at(event, dayOf(event), event.kind).again, JSON.stringify(event));
  for await (const event of loggedOf(proving, begins, end)) addText(at(event, dayOf(event), event.kind).logged, JSON.stringify(event));
  let events = 0;
  let narrowed = 0;
  for (const one of days.values()) {
    const { tenant, camera, kind, again, logged } = one;
    events += again.count;
    if (isSameSum(again, logged)) continue;
    const first = narrowed++ < MOST_NARROWED ? await firstDifference(proving, begins, one, { to, end }) : { lacks: null, has: null };
    const told = (sum: Sum) => ({ count: sum.count, hash: hashOf(sum) });
    const day = dayText(one.day);
    tell({ what: "derived-differs", tenant, camera, partition, day, kind, expected: told(again), found: told(logged), ...first });
  }
  return { events, left: heard.cameras.length - begins.length };
};

const dayOf = ({ receivedAt }: Derived): Instant => Math.floor(receivedAt / DAY_MS) * DAY_MS;
const dayText = (day: Instant): string => new Date(day).toISOString().slice(0, 10);

/** A position of the facts and the end of what followed from all before it: both of one moment. */
const quietMoment = async ({
  logs,
  partition,
  clock,
  stop,
}: Proving): Promise<{ readonly facts: Position; readonly derived: Position }> => {
  for (let look = 0; look < QUIET_LOOKS && !stop.aborted; look++) {
    const before = (await logs.derived.bounds(partition)).end;
    const progress = await logs.progress(partition);
    if (progress.derived === before) return progress;
    await clock.sleep(QUIET_MS, stop);
  }
  if (stop.aborted) throw new AdapterError("closed", "It was told to stop.", { retryable: true });
  throw new AdapterError("unavailable", `Something is committed to partition ${partition} at every look.`, { retryable: true });
};

/** `cameras`: those of which there are facts. `isRecomputed`: whether a recomputation of the camera arrived at the instant. */
type Heard = {
  readonly cameras: readonly CameraKey[];
  readonly isRecomputed: (camera: CameraKey, receivedAt: Instant) => boolean;
  /** There was one of any camera. */
  readonly wasRecomputed: boolean;
};
/** `corrected`: alerts that a recomputation told, by alertKey. Live numbers its own word of those after it, or says nothing. */
type Hearing = Proving & Heard & { readonly corrected: ReadonlySet<string> };

const correctedIn = async ({ logs, partition, pause, stop }: Proving, heard: Heard, to: Position): Promise<ReadonlySet<string>> => {
  const corrected = new Set<string>();
  if (!heard.wasRecomputed) return corrected;
  for await (const batch of derivedOf(logs.derived, partition, heard.cameras, { arrivedFrom: 0, to })) {
    for (const { event } of batch)
      if (event.kind === "alert" && heard.isRecomputed(event, event.receivedAt)) corrected.add(alertKey(event));
    await rested(pause, stop);
  }
  return corrected;
};

const hear = async ({ logs, partition, tenant: only, pause, stop }: Proving, to: Position): Promise<Heard> => {
  const cameras = new Map<string, CameraKey>();
  const recomputed = new Set<string>();
  for await (const { events } of logs.facts.read(partition, "start", { to })) {
    for (const { kind, tenant, camera, receivedAt } of events) {
      if (only !== undefined && tenant !== only) continue;
      const name = keyText(tenant, camera);
      if (!cameras.has(name)) cameras.set(name, { tenant, camera });
      if (kind === "recompute") recomputed.add(`${name}\0${receivedAt}`);
    }
    await rested(pause, stop);
  }
  const isRecomputed = ({ tenant, camera }: CameraKey, at: Instant): boolean =>
    recomputed.size > 0 && recomputed.has(`${keyText(tenant, camera)}\0${at}`);
  return { cameras: [...cameras.values()], isRecomputed, wasRecomputed: recomputed.size > 0 };
};

const beginsOfAll = async ({ logs, partition, cameras, pause, stop }: Hearing): Promise<readonly Begin[]> => {
  const { start } = await logs.facts.bounds(partition);
  const begins: Begin[] = [];
  for (const { tenant, camera } of cameras) {
    if (start === 0) {
      begins.push({ tenant, camera, since: 0, after: -1 });
      continue;
    }
    const bases = basesOf(logs, { tenant, camera }, Number.MAX_SAFE_INTEGER);
    let oldest: Begin | undefined;
    for (let base = await bases(undefined); base !== undefined && base.position >= start; base = await bases(base))
      if (restoreMemory(createMemory(), [base]).length === 0) oldest = { tenant, camera, since: base.position, after: base.at + CLOCKS_MS };
    if (oldest !== undefined) begins.push(oldest);
    await rested(pause, stop);
  }
  return begins;
};

const isCompared = ({ isRecomputed, corrected }: Hearing, afters: ReadonlyMap<string, Instant>, event: Derived): boolean =>
  event.receivedAt > (afters.get(keyText(event.tenant, event.camera)) ?? Number.POSITIVE_INFINITY) &&
  !isRecomputed(event, event.receivedAt) &&
  !(event.kind === "alert" && corrected.size > 0 && corrected.has(alertKey(event)));

const aftersOf = (begins: readonly Begin[]): ReadonlyMap<string, Instant> =>
  new Map(begins.map(({ tenant, camera, after }) => [keyText(tenant, camera), after]));

async function* derivedAgain(proving: Hearing, begins: readonly Begin[], to: Position): AsyncGenerator<Derived> {
  const { logs, partition, pause, stop } = proving;
  const afters = aftersOf(begins);
  for await (const { derived } of rerun({ logs, archive: undefined }, { partition, cameras: begins, to, pause, stop }))
    for (const event of derived) if (isCompared(proving, afters, event)) yield event;
}

async function* loggedOf(proving: Hearing, begins: readonly Begin[], to: Position): AsyncGenerator<Derived> {
  const { logs, partition, pause, stop } = proving;
  const afters = aftersOf(begins);
  const arrivedFrom = begins.reduce((least, { after }) => Math.min(least, after), Number.MAX_SAFE_INTEGER);
  for await (const batch of derivedOf(logs.derived, partition, begins, { arrivedFrom, to })) {
    for (const { event } of batch) if (isCompared(proving, afters, event)) yield event;
    await rested(pause, stop);
  }
}

const nameOf = (event: Derived): { readonly [column: string]: Json } => {
  switch (event.kind) {
    case "alert":
      return { id: event.id, revision: event.revision };
    case "crossing":
      return { at: event.at, objectId: event.object.id, placeId: event.place.id, direction: event.direction };
    case "presence":
      return {
        start: event.start,
        objectId: event.object.id,
        analytic: event.place.analytic,
        placeId: event.place.id,
        change: event.change,
      };
    case "coverage":
      return { start: event.start, end: event.end };
    case "recomputed":
      return { id: event.id };
  }
};
const keyOf = (event: Derived): EventKey => ({ kind: event.kind, receivedAt: event.receivedAt, ...nameOf(event) });

type First = { readonly lacks: EventKey | null; readonly has: EventKey | null };

/** Of one camera, day and kind: the first that only the facts say, and the first that only the log says. */
const firstDifference = async (
  proving: Hearing,
  begins: readonly Begin[],
  day: Day,
  { to, end }: { readonly to: Position; readonly end: Position },
): Promise<First> => {
  const own = begins.filter(({ tenant, camera }) => tenant === day.tenant && camera === day.camera);
  const isOurs = (event: Derived): boolean => event.kind === day.kind && dayOf(event) === day.day;
  const told = new Map<string, number>();
  for await (const event of loggedOf(proving, own, end)) {
    if (!isOurs(event)) continue;
    const text = JSON.stringify(event);
    told.set(text, (told.get(text) ?? 0) + 1);
  }
  let lacks: EventKey | null = null;
  for await (const event of derivedAgain(proving, own, to)) {
    if (!isOurs(event)) continue;
    const text = JSON.stringify(event);
    const n = told.get(text) ?? 0;
    if (n === 0) lacks ??= keyOf(event);
    else if (n === 1) told.delete(text);
    else told.set(text, n - 1);
  }
  const [left] = told.keys();
  return { lacks, has: left === undefined ? null : keyOf(JSON.parse(left) as Derived) };
};
