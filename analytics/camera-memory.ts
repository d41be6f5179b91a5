import { type Analytic, type Camera, epochOf, grantedVersion, initialCamera, isAtWork, ruleVersion } from "../domain/camera.ts";
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Coverage } from "../domain/event.ts";
import type { Machine } from "../domain/machine.ts";
import { compileRule } from "../domain/rules/compile.ts";
import { coverage, type Watching } from "../domain/rules/coverage.ts";
import { crossing } from "../domain/rules/crossing.ts";
import { byText, type PlaceMachine } from "../domain/rules/place.ts";
import { presence, presenceInView } from "../domain/rules/presence.ts";
import type { RuleMachine } from "../domain/rules/rule.ts";
import { type Moment, type SensorTime, startTime } from "../domain/rules/sensor-time.ts";
import { same } from "../domain/same.ts";
import type { PendingRecompute } from "./pending.ts";
import type { ToldAlerts } from "./told-already.ts";

/** A rule's machine at work. `due` is kept beside the state: it is asked at every frame and changes only when the rule hears something. */
export type RuleRun = {
  readonly ruleId: string;
  /** What must not change for the state to stay. */
  readonly tag: string;
  readonly machine: RuleMachine;
  state: unknown;
  due: Instant;
};

export type PlaceRun = {
  readonly analytic: Analytic;
  readonly id: string;
  readonly tag: string;
  readonly machine: PlaceMachine;
  state: unknown;
  due: Instant;
  /** The rules that listen here, by ruleId. */
  rules: readonly RuleRun[];
};

/** All that is remembered of one camera. Mutable: the engine's own. */
export type CameraMemory = CameraKey & {
  /** What the log has said so far was decided. */
  decided: Camera;
  /** What is in force: what was decided, or, in a look at the past, what is to stand in its place. */
  definition: Camera;
  inForce: (decided: Camera) => Camera;
  time: SensorTime;
  readonly coverage: Machine<Moment, Watching, Coverage>;
  watching: Watching;
  /** By analytic, then id. */
  places: readonly PlaceRun[];
  /** By ruleId. */
  rules: readonly RuleRun[];
  /** At or before the next timer of all these. */
  nextDue: Instant;
  /** What a step threw: nothing moves here until the camera is redefined. */
  stopped: string | undefined;
  /** Recomputations that were asked for and are not done, in the order of the log. */
  recomputes: readonly PendingRecompute[];
  /** Alerts that recomputations told, should live come to them. */
  told: ToldAlerts;
  touched: boolean;
};

const COVERAGE = coverage();

export const createCameraMemory = (tenant: string, camera: string): CameraMemory => {
  const decided = initialCamera();
  const one: CameraMemory = {
    tenant,
    camera,
    decided,
    definition: decided,
    inForce: (camera) => camera,
    time: startTime(),
    coverage: COVERAGE,
    watching: COVERAGE.initial(),
    places: [],
    rules: [],
    nextDue: Number.POSITIVE_INFINITY,
    stopped: undefined,
    recomputes: [],
    told: new Map(),
    touched: false,
  };
  fitToDefinition(one);
  return one;
};

/** Something else than what was decided is in force from here on: what it has in common keeps its state, the rest starts afresh. */
export const putInForce = (one: CameraMemory, inForce: (decided: Camera) => Camera): Refitted => {
  const { settings } = one.definition;
  one.inForce = inForce;
  one.definition = inForce(one.decided);
  one.stopped = undefined;
  // Settings nobody decided bear the number of those that nobody ever set: the number alone would not tell them apart.
  if (!same({ ...settings, version: 0 }, { ...one.definition.settings, version: 0 })) {
    one.places = [];
    one.rules = [];
  }
  return fitToDefinition(one);
};

/** What was put aside because its definition changed; and the rules that began, each at its place, by ruleId. */
export type Refitted = {
  readonly places: readonly PlaceRun[];
  readonly rules: readonly RuleRun[];
  readonly begun: readonly { readonly place: PlaceRun; readonly rule: RuleRun }[];
};

/** Makes the machines follow the definition. What did not change keeps its state, the rest starts afresh. */
export const fitToDefinition = (one: CameraMemory): Refitted => {
  const before = { places: one.places, rules: one.rules };
  const places = placesOf(one).map((fresh) => before.places.find((old) => sameRun(old, fresh) && old.id === fresh.id) ?? fresh.make());
  const rules: RuleRun[] = [];
  for (const place of places) {
    const own = rulesOf(one, place).map(
      (fresh) => before.rules.find((old) => sameRun(old, fresh) && old.ruleId === fresh.ruleId) ?? fresh.make(),
    );
    place.rules = own;
    rules.push(...own);
  }
  one.places = places;
  one.rules = rules.sort((a, b) => byText(a.ruleId, b.ruleId));
  reckonDue(one);
  return {
    places: before.places.filter((old) => !places.includes(old)),
    rules: before.rules.filter((old) => !rules.includes(old)),
    begun: one.rules
      .filter((rule) => !before.rules.includes(rule))
      .map((rule) => ({ place: places.find((place) => place.rules.includes(rule)) as PlaceRun, rule })),
  };
};

const sameRun = (old: { readonly tag: string }, fresh: { readonly tag: string }): boolean => old.tag === fresh.tag;

type Fresh<T> = { readonly tag: string; readonly make: () => T };

const placesOf = ({ tenant, camera, definition }: CameraMemory): (Fresh<PlaceRun> & { readonly id: string })[] => {
  const key = { tenant, camera };
  const { settings, tripwires, rois } = definition;
  const place = (analytic: Analytic, id: string, version: number, machine: (epoch: number) => PlaceMachine) => {
    const epoch = epochOf(definition, analytic, id);
    const tag = `${analytic} ${version} ${settings.version} ${epoch}`;
    return { id, tag, make: (): PlaceRun => started({ analytic, id, tag, machine: machine(epoch), rules: [] }) };
  };
  const byId = <T extends { readonly id: string }>(map: ReadonlyMap<string, T>): T[] =>
    [...map.values()].sort((a, b) => byText(a.id, b.id));
  return [
    place("fov", camera, 0, () => presenceInView(settings.fov, key) as unknown as PlaceMachine),
    ...byId(rois).map((roi) => place("roi", roi.id, roi.version, (epoch) => presence(roi, key, epoch) as unknown as PlaceMachine)),
    ...byId(tripwires).map((wire) =>
      place("tripwire", wire.id, wire.version, (epoch) => crossing(wire, key, epoch) as unknown as PlaceMachine),
    ),
  ];
};

const started = (place: Omit<PlaceRun, "state" | "due">): PlaceRun => {
  const state = place.machine.initial();
  return { ...place, state, due: dueOf(place.machine, state) };
};

/** Infinity where nothing waits. */
export const dueOf = <S>(machine: { readonly due?: (state: S) => Instant | undefined }, state: S): Instant =>
  machine.due?.(state) ?? Number.POSITIVE_INFINITY;

/** To be called when states were changed from outside the engine, or machines exchanged. */
export const reckonDue = (one: CameraMemory): void => {
  let next = dueOf(one.coverage, one.watching);
  for (const run of one.places) {
    run.due = dueOf(run.machine, run.state);
    next = Math.min(next, run.due);
  }
  for (const run of one.rules) {
    run.due = dueOf(run.machine, run.state);
    next = Math.min(next, run.due);
  }
  one.nextDue = next;
};

const rulesOf = ({ tenant, camera, definition }: CameraMemory, place: PlaceRun): (Fresh<RuleRun> & { readonly ruleId: string })[] =>
  [...definition.rules.values()]
    .filter(
      (rule) => isAtWork(definition, rule) && rule.analytic === place.analytic && (rule.analytic === "fov" || rule.placeId === place.id),
    )
    .sort((a, b) => byText(a.ruleId, b.ruleId))
    .map((rule) => {
      // A rule nobody decided has the number 0 whatever else it may tell of by now.
      const tag = `${ruleVersion(definition, rule)} ${grantedVersion(definition, rule)} ${place.tag}`;
      const make = (): RuleRun => {
        const machine = compileRule({ tenant, camera }, definition, rule);
        const state = machine.initial();
        return { ruleId: rule.ruleId, tag, machine, state, due: dueOf(machine, state) };
      };
      return { ruleId: rule.ruleId, tag, make };
    });
