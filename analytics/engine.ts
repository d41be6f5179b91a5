import { Observable, type OperatorFunction } from "rxjs";
import { evolveCamera } from "../domain/camera.ts";
import { type Instant, keyText } from "../domain/envelope.ts";
import type { Definition, Derived, Fact } from "../domain/event.ts";
import { atOf, type Found, passed } from "../domain/rules/place.ts";
import type { Ended, Heard } from "../domain/rules/rule.ts";
import { hearFact, lastFrame, type Moment, release, startTime, type TimeWatch } from "../domain/rules/sensor-time.ts";
import { type CameraMemory, fitToDefinition, type PlaceRun, type RuleRun } from "./camera-memory.ts";
import { cameraMemory, type Memory, touch } from "./memory.ts";

/** Told of what leaves no derived event: late frames and clocks set back. */
export type Watch = TimeWatch;

/**
 * One partition: from facts, in the order of the log, to all that follows from them.
 *
 * 1. Sensors are independent; each has its own memory and its own time.
 * 2. At one instant: rule timers, leavings by timer, coverage, then the frame's leavings, entries and crossings. A rule hears
 *    of each as it is told, and what it concludes follows at once. Places go by analytic and id, rules by their id.
 * 3. What a fact brings about carries the fact's `receivedAt`.
 * 4. A throw in a step stops that camera's machines, as state, until it is redefined; what that fact had brought is dropped.
 * 5. The memory is up to date before anything is emitted.
 */
export const engine =
  (memory: Memory, watch?: Watch): OperatorFunction<Fact, Derived> =>
  (source) =>
    new Observable<Derived>((subscriber) =>
      source.subscribe({
        next: (fact) => {
          const out = derive(memory, fact, watch);
          for (let i = 0; i < out.length && !subscriber.closed; i++) subscriber.next(out[i] as Derived);
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );

const NOTHING: readonly Derived[] = [];

/** One fact: what follows from it. The memory is changed. */
export const derive = (memory: Memory, fact: Fact, watch?: Watch): readonly Derived[] => {
  const one = cameraMemory(memory, fact.tenant, fact.camera);
  touch(memory, one);
  if (fact.kind === "definition") return guarded(one, fact, redefine);
  if (one.stopped !== undefined) return NOTHING;
  try {
    const moments = hearFact(one.time, fact, one.definition.settings.reorderMs, watch)[1];
    if (moments.length === 0) return NOTHING;
    const out: Derived[] = [];
    for (let i = 0; i < moments.length; i++) live(one, moments[i] as Moment, out);
    return out;
  } catch (thrown) {
    return stop(one, thrown);
  }
};

const guarded = <F extends Fact>(one: CameraMemory, fact: F, step: (one: CameraMemory, fact: F, out: Derived[]) => void) => {
  const out: Derived[] = [];
  try {
    step(one, fact, out);
    return out;
  } catch (thrown) {
    return stop(one, thrown);
  }
};

/** Bad state stops its own room and is remembered as stopped: a replay stops where the live run stopped. */
const stop = (one: CameraMemory, thrown: unknown): readonly Derived[] => {
  one.stopped = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  one.places = [];
  one.rules = [];
  one.time = startTime();
  one.watching = one.coverage.initial();
  return NOTHING;
};

/** Whatever happens at the sensor: first what time brings, then the moment itself, then what rules made due by it. */
const live = (one: CameraMemory, moment: Moment, out: Derived[]): void => {
  const at = atOf(moment);
  ringAll(one, at, moment, out);
  const { places } = one;
  let first: readonly Found[] | undefined;
  let several: { readonly place: PlaceRun; readonly found: readonly Found[] }[] | undefined;
  let alone: PlaceRun | undefined;
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as PlaceRun;
    const [after, found] = place.machine.step(place.state, moment);
    place.state = after;
    if (found.length === 0) continue;
    if (first === undefined) {
      first = found;
      alone = place;
    } else {
      several ??= [{ place: alone as PlaceRun, found: first }];
      several.push({ place, found });
    }
  }
  if (several !== undefined) tellByRank(several, out);
  else if (first !== undefined) for (const found of first) tell(alone as PlaceRun, found, at, out);
  const [watching, covered] = one.coverage.step(one.watching, moment);
  one.watching = watching;
  for (const interval of covered) out.push(interval);
  if (moment.kind === "ended") for (const rule of one.rules) hear(rule, moment, at, out);
  else ringRules(one, at, moment, out);
};

const rankOf = (found: Found): number =>
  found.kind === "crossing" ? 3 : found.kind === "noticed" ? 2 : found.change === "entered" ? 1 : 0;

/** Leavings of all places before entries of any, and so on. */
const tellByRank = (several: readonly { readonly place: PlaceRun; readonly found: readonly Found[] }[], out: Derived[]): void => {
  for (let rank = 0; rank <= 3; rank++) {
    for (const { place, found } of several) {
      for (const one of found) if (rankOf(one) === rank) tell(place, one, one.kind === "crossing" ? one.confirmedAt : one.at, out);
    }
  }
};

const tell = (place: PlaceRun, found: Found, at: Instant, out: Derived[]): void => {
  if (found.kind !== "noticed") out.push(found);
  for (const rule of place.rules) hear(rule, found, at, out);
};

/** The same as lift does: what is due rings first, then the rule is stepped. */
const hear = (rule: RuleRun, heard: Heard, at: Instant, out: Derived[]): void => {
  if (rule.due <= at) ring(rule, at, heard, out);
  const [after, alerts] = rule.machine.step(rule.state, heard);
  rule.state = after;
  for (const alert of alerts) out.push(alert);
  rule.due = dueOf(rule);
};

const dueOf = ({
  machine,
  state,
}: {
  readonly machine: { due?: (state: unknown) => Instant | undefined };
  readonly state: unknown;
}): Instant => machine.due?.(state) ?? Number.POSITIVE_INFINITY;

/** So many rings for one moment are a machine that winds itself up. */
const MOST_RINGS = 100_000;

const ring = (rule: RuleRun, until: Instant, by: Heard, out: Derived[]): void => {
  for (let rings = 0; rule.due <= until; rings++) {
    if (rule.machine.ring === undefined) return;
    if (rings === MOST_RINGS) throw new Error(`${rule.machine.name} does not stop ringing at ${rule.due}`);
    const [after, alerts] = rule.machine.ring(rule.state, rule.due, keyText(by.tenant, by.camera), by);
    rule.state = after;
    for (const alert of alerts) out.push(alert);
    rule.due = dueOf(rule);
  }
};

const ringRules = (one: CameraMemory, at: Instant, by: Moment, out: Derived[]): void => {
  const { rules } = one;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as RuleRun;
    if (rule.due <= at) ring(rule, at, heardOf(by), out);
  }
};

const heardOf = (moment: Moment): Heard => (moment.kind === "ended" ? moment : passed(moment));

/** What is due at or before `until`, in time order; at one instant rules before leavings before coverage. */
const ringAll = (one: CameraMemory, until: Instant, by: Moment, out: Derived[]): void => {
  const { places, rules } = one;
  for (;;) {
    let next = one.coverage.due?.(one.watching) ?? Number.POSITIVE_INFINITY;
    for (let i = 0; i < rules.length; i++) next = Math.min(next, (rules[i] as RuleRun).due);
    for (let i = 0; i < places.length; i++) next = Math.min(next, dueOf(places[i] as PlaceRun));
    if (next > until) return;
    ringRules(one, next, by, out);
    for (const place of places) {
      if (place.machine.ring === undefined || dueOf(place) > next) continue;
      const [after, found] = place.machine.ring(place.state, next, keyText(by.tenant, by.camera), by);
      place.state = after;
      for (const gone of found) tell(place, gone, next, out);
    }
    const { coverage } = one;
    if (coverage.ring === undefined || (coverage.due?.(one.watching) ?? Number.POSITIVE_INFINITY) > next) continue;
    const [watching, covered] = coverage.ring(one.watching, next, keyText(by.tenant, by.camera), by);
    one.watching = watching;
    for (const interval of covered) out.push(interval);
  }
};

/** A definition takes effect where it stands in the log. A revision the camera has is a repeat. */
const redefine = (one: CameraMemory, fact: Definition, out: Derived[]): void => {
  if (fact.revision <= one.definition.revision) return;
  if (fact.revision !== one.definition.revision + 1) {
    throw new Error(`definition ${fact.revision} follows revision ${one.definition.revision}: one is missing`);
  }
  // New settings do not reach back: frames still held were sent under the old ones.
  if (fact.decision.type === "sensor-set") {
    for (const frame of release(one.time, Number.POSITIVE_INFINITY, fact.receivedAt)) live(one, frame, out);
  }
  one.definition = evolveCamera(one.definition, fact.decision);
  one.stopped = undefined;
  const { places, rules } = fitToDefinition(one);
  const at = one.time.told;
  if (at === undefined) return;
  const { tenant, camera, receivedAt } = fact;
  const ended: Ended = { kind: "ended", tenant, camera, receivedAt, at, reason: "redefined", frame: lastFrame(one.time, at) };
  for (const place of places) for (const gone of place.machine.step(place.state, ended)[1]) tell(place, gone, at, out);
  for (const rule of rules) hear(rule, ended, at, out);
};
