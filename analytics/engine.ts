import { Observable, type OperatorFunction } from "rxjs";
import { evolveCamera } from "../domain/camera.ts";
import { type Instant, keyText } from "../domain/envelope.ts";
import type { Alert, Coverage, Definition, Derived, Fact } from "../domain/event.ts";
import { ringUntil } from "../domain/machine.ts";
import { atOf, type Found, passed, rankOf } from "../domain/rules/place.ts";
import type { Ended, Heard } from "../domain/rules/rule.ts";
import { hearFact, lastFrame, type Moment, release, startTime, type TimeWatch } from "../domain/rules/sensor-time.ts";
import { type CameraMemory, dueOf, fitToDefinition, type PlaceRun, putInForce, type Refitted, type RuleRun } from "./camera-memory.ts";
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
  // It concerns the past, which is derived beside the memory.
  if (fact.kind === "recompute") return NOTHING;
  const one = cameraMemory(memory, fact.tenant, fact.camera);
  touch(memory, one);
  return deriveOf(one, fact, watch);
};

/** The same for a fact of this very camera, beside any memory of a partition. */
export const deriveOf = (one: CameraMemory, fact: Fact, watch?: Watch): readonly Derived[] => {
  if (fact.kind === "recompute") return NOTHING;
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
  if (one.nextDue <= at) ringAll(one, at, moment, out);
  const { places, rules } = one;
  let speaker: PlaceRun | undefined;
  let spoken: readonly Found[] | undefined;
  let several: { readonly place: PlaceRun; readonly found: readonly Found[] }[] | undefined;
  let next = Number.POSITIVE_INFINITY;
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as PlaceRun;
    const step = place.machine.step(place.state, moment);
    const found = step[1];
    place.state = step[0];
    place.due = dueOf(place.machine, place.state);
    if (place.due < next) next = place.due;
    if (found.length === 0) continue;
    if (speaker === undefined || spoken === undefined) {
      speaker = place;
      spoken = found;
    } else {
      several ??= [{ place: speaker, found: spoken }];
      several.push({ place, found });
    }
  }
  if (several !== undefined) tellByRank(several, out);
  else if (speaker !== undefined && spoken !== undefined) tellAll(speaker, spoken, at, out);
  const covered = one.coverage.step(one.watching, moment);
  one.watching = covered[0];
  pushAll(out, covered[1]);
  if (moment.kind === "ended") for (const rule of rules) hear(rule, moment, at, out);
  else ringRules(rules, at, moment, out);
  for (let i = 0; i < rules.length; i++) next = Math.min(next, (rules[i] as RuleRun).due);
  one.nextDue = Math.min(next, dueOf(one.coverage, one.watching));
};

const pushAll = (out: Derived[], more: readonly Derived[]): void => {
  for (let i = 0; i < more.length; i++) out.push(more[i] as Derived);
};

const tellAll = (place: PlaceRun, found: readonly Found[], at: Instant, out: Derived[]): void => {
  for (let i = 0; i < found.length; i++) tell(place, found[i] as Found, at, out);
};

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
  if (rule.due <= at) ringRule(rule, at, heard, out);
  const step = rule.machine.step(rule.state, heard);
  rule.state = step[0];
  pushAll(out, step[1]);
  rule.due = dueOf(rule.machine, rule.state);
};

const ringRule = (rule: RuleRun, until: Instant, by: Heard, out: Derived[]): void => {
  rule.state = ringUntil(rule.machine, rule.state, until, keyText(by.tenant, by.camera), by, out as Alert[]);
  rule.due = dueOf(rule.machine, rule.state);
};

const ringRules = (rules: readonly RuleRun[], at: Instant, by: Moment, out: Derived[]): void => {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as RuleRun;
    if (rule.due <= at) ringRule(rule, at, by.kind === "ended" ? by : passed(by), out);
  }
};

const nextOf = ({ places, rules, coverage, watching }: CameraMemory): Instant => {
  let next = dueOf(coverage, watching);
  for (const { due } of rules) next = Math.min(next, due);
  for (const { due } of places) next = Math.min(next, due);
  return next;
};

/** What is due at or before `until`, in time order; at one instant rules before leavings before coverage. */
const ringAll = (one: CameraMemory, until: Instant, by: Moment, out: Derived[]): void => {
  const key = keyText(by.tenant, by.camera);
  for (let next = nextOf(one); next <= until; next = nextOf(one)) {
    ringRules(one.rules, next, by, out);
    for (const place of one.places) {
      if (place.due > next) continue;
      const found: Found[] = [];
      place.state = ringUntil(place.machine, place.state, next, key, by, found);
      place.due = dueOf(place.machine, place.state);
      tellAll(place, found, next, out);
    }
    const covered: Coverage[] = [];
    one.watching = ringUntil(one.coverage, one.watching, next, key, by, covered);
    pushAll(out, covered);
  }
};

/** A definition takes effect where it stands in the log. A revision the camera has is a repeat. */
const redefine = (one: CameraMemory, fact: Definition, out: Derived[]): void => {
  if (fact.revision <= one.decided.revision) return;
  if (fact.revision !== one.decided.revision + 1) {
    throw new Error(`definition ${fact.revision} follows revision ${one.decided.revision}: one is missing`);
  }
  const decided = evolveCamera(one.decided, fact.decision);
  const definition = one.inForce(decided);
  // New settings do not reach back: frames still held were sent under the old ones.
  if (fact.decision.type === "sensor-set" && definition.settings.version !== one.definition.settings.version) {
    for (const frame of release(one.time, Number.POSITIVE_INFINITY, fact.receivedAt)) live(one, frame, out);
  }
  one.decided = decided;
  one.definition = definition;
  one.stopped = undefined;
  const isRemoved = fact.decision.type === "camera-unregistered";
  const before = { places: one.places, rules: one.rules };
  // With the camera all of it ends, what nobody decided too.
  if (isRemoved) Object.assign(one, { places: [], rules: [] });
  const { begun, ...gone } = fitToDefinition(one);
  const { places, rules } = isRemoved ? before : gone;
  const ended = endedBy(one, isRemoved ? "sensor_lost" : "redefined", fact.receivedAt);
  if (ended === undefined) return;
  const { at } = ended;
  for (const place of places) tellAll(place, place.machine.step(place.state, ended)[1], at, out);
  for (const rule of rules) hear(rule, ended, at, out);
  begin(one, begun, ended, out);
};

/** Undefined where time has not begun. */
const endedBy = (one: CameraMemory, reason: Ended["reason"], receivedAt: Instant): Ended | undefined => {
  const { tenant, camera, time } = one;
  const at = time.told;
  return at === undefined ? undefined : { kind: "ended", tenant, camera, receivedAt, at, reason, frame: lastFrame(time, at) };
};

/** The stays of a place go on when a rule begins there: what it does not hear now it would be blind to until they leave. */
const begin = (one: CameraMemory, begun: Refitted["begun"], by: Ended, out: Derived[]): void => {
  for (const { place, rule } of begun) {
    for (const present of place.machine.present?.(place.state, by) ?? []) hear(rule, present, by.at, out);
    one.nextDue = Math.min(one.nextDue, rule.due);
  }
};

/**
 * Something else than what was decided is in force from here on, in a look at the past: what it has in common keeps its state, the rest
 * starts afresh, without a word of what that brings about.
 */
export const tryOut = (one: CameraMemory, inForce: CameraMemory["inForce"]): void => {
  const { begun } = putInForce(one, inForce);
  const by = endedBy(one, "redefined", one.time.newestReceivedAt);
  if (by !== undefined) begin(one, begun, by, []);
};
