/**
 * What may be decided for a camera. A rule refers to a place, so they are decided together.
 *
 * 1. A command is followed whole or refused whole; the first flaw found is told with its path.
 * 2. The same definition again decides nothing, so it is no new version and keeps its state.
 * 3. `deleteHistory` raises the place's epoch before the definition, which then follows even if it is the same. A place never defined has none.
 * 4. Removing a place removes its rules first. A removal of what is not there is refused: a typo must not look like success.
 * 5. Features that are not licensed are dropped; a camera all of whose features are is refused: without any it would have more than was asked for.
 * 6. A rule id is unique in its camera: defining it for another place moves it.
 */
import {
  type Camera,
  type CameraCommand,
  type CameraEvent,
  evolveCamera,
  initialCamera,
  type Roi,
  type Rule,
  ruleVersion,
  type Tripwire,
  type Versioned,
} from "./camera.ts";
import { type Decider, type Refusal, refuse } from "./decider.ts";
import { arrowFlaw, type Flaw, pointFlaw, regionFlaw, wireFlaw } from "./geometry-check.ts";
import { limits } from "./limits.ts";
import { describe, register } from "./registration-check.ts";
import { type Check, checkRule, firstOf, identifier, invalid, seconds, text, whole } from "./rule-check.ts";
import { same } from "./same.ts";

type Decision = readonly CameraEvent[] | Refusal;
type Of<T extends CameraCommand["type"]> = Extract<CameraCommand, { type: T }>;

export const cameraDecider: Decider<CameraCommand, Camera, CameraEvent> = {
  initial: initialCamera,
  decide: (command, camera): Decision => {
    switch (command.type) {
      case "define-tripwires":
        return defineTripwires(command, camera);
      case "define-rois":
        return defineRois(command, camera);
      case "remove-tripwires":
        return removePlaces("tripwire", command.ids, camera.tripwires, camera);
      case "remove-rois":
        return removePlaces("roi", command.ids, camera.rois, camera);
      case "define-rules":
        return defineRules(command, camera);
      case "remove-rules":
        return removeRules(command, camera);
      case "set-sensor":
        return setSensor(command, camera);
      case "register":
        return register(command, camera);
      case "describe":
        return describe(command, camera);
      case "unregister":
        return camera.registered?.channel === command.channel ? [{ type: "camera-unregistered", channel: command.channel }] : [];
    }
  },
  evolve: evolveCamera,
};

/** Equal as definitions: the version does not count. */
const sameDefinition = <T extends object>(known: (T & { readonly version: number }) | undefined, given: T): boolean =>
  known !== undefined && same({ ...known, version: 0 }, { ...given, version: 0 });

/** The number a rule would carry here: that of the equal rule in force, 0 for any other (a candidate in a backtest). */
export const versionOf = (camera: Camera, rule: Rule): number => {
  const inForce = camera.rules.get(rule.ruleId);
  return inForce !== undefined && sameDefinition(inForce, rule) ? ruleVersion(camera, inForce) : 0;
};

const flawed = (path: string, flaw: Flaw | undefined): Check => flaw && invalid(`${path}${flaw.at}`, flaw.detail);

const unique = (path: string, ids: readonly string[], field: string): Check =>
  firstOf(ids, (id, i) => (ids.indexOf(id) < i ? invalid(`${path}[${i}].${field}`, `${id} is given twice`) : undefined));

const points = (path: string, given: readonly unknown[]): Check =>
  given.length > limits.pointsPerPlace ? refuse("too-many", path, `must have ${limits.pointsPerPlace} points or fewer`) : undefined;

const checkTripwire = (path: string, tripwire: Tripwire): Check => {
  const { wire, direction } = tripwire;
  return (
    identifier(`${path}.id`, tripwire.id) ??
    text(`${path}.name`, tripwire.name) ??
    points(`${path}.wire`, wire) ??
    flawed(`${path}.wire`, wireFlaw(wire)) ??
    flawed(`${path}.direction.p1`, pointFlaw(direction.p1)) ??
    flawed(`${path}.direction.p2`, pointFlaw(direction.p2)) ??
    flawed(`${path}.direction`, arrowFlaw(wire, direction.p1, direction.p2)) ??
    text(`${path}.direction.entry.name`, direction.entryName) ??
    text(`${path}.direction.exit.name`, direction.exitName) ??
    whole(`${path}.minFrames`, tripwire.minFrames, 1, limits.confirmingFrames) ??
    (tripwire.bufferPx >= 0 && tripwire.bufferPx <= limits.pointPx
      ? undefined
      : invalid(`${path}.bufferPx`, `must be pixels, from 0 to ${limits.pointPx}`)) ??
    seconds(`${path}.trackTimeout`, tripwire.trackTimeout, true)
  );
};

const checkRoi = (path: string, roi: Roi): Check =>
  identifier(`${path}.id`, roi.id) ??
  text(`${path}.name`, roi.name) ??
  points(`${path}.coordinates`, roi.coordinates) ??
  flawed(`${path}.coordinates`, regionFlaw(roi.coordinates)) ??
  whole(`${path}.minFrames`, roi.minFrames, 1, limits.confirmingFrames) ??
  seconds(`${path}.exitAfter`, roi.exitAfter, true);

const placeCount = (path: string, ids: readonly string[], known: ReadonlyMap<string, unknown>, { tripwires, rois }: Camera): Check => {
  const more = ids.filter((id) => !known.has(id)).length;
  if (tripwires.size + rois.size + more <= limits.placesPerCamera) return undefined;
  return refuse("too-many", path, `a camera has ${limits.placesPerCamera} tripwires and rois at most`);
};

const definePlaces = <P extends Tripwire | Roi>(
  analytic: "tripwire" | "roi",
  places: readonly P[],
  deleteHistory: boolean,
  { epochs }: Camera,
  known: ReadonlyMap<string, Versioned<P>>,
  defined: (place: P) => CameraEvent,
): readonly CameraEvent[] =>
  places.flatMap((place): readonly CameraEvent[] => {
    const forget = deleteHistory && epochs.has(`${analytic}/${place.id}`);
    if (forget) return [{ type: "place-history-deleted", analytic, id: place.id }, defined(place)];
    return sameDefinition(known.get(place.id), place) ? [] : [defined(place)];
  });

const defineTripwires = ({ tripwires, deleteHistory }: Of<"define-tripwires">, camera: Camera): Decision => {
  const ids = tripwires.map(({ id }) => id);
  return (
    firstOf(tripwires, (tripwire, i) => checkTripwire(`tripwires[${i}]`, tripwire)) ??
    unique("tripwires", ids, "id") ??
    placeCount("tripwires", ids, camera.tripwires, camera) ??
    definePlaces("tripwire", tripwires, deleteHistory, camera, camera.tripwires, (tripwire) => ({ type: "tripwire-defined", tripwire }))
  );
};

const defineRois = ({ rois, deleteHistory }: Of<"define-rois">, camera: Camera): Decision => {
  const ids = rois.map(({ id }) => id);
  return (
    firstOf(rois, (roi, i) => checkRoi(`rois[${i}]`, roi)) ??
    unique("rois", ids, "id") ??
    placeCount("rois", ids, camera.rois, camera) ??
    definePlaces("roi", rois, deleteHistory, camera, camera.rois, (roi) => ({ type: "roi-defined", roi }))
  );
};

const removePlaces = (
  analytic: "tripwire" | "roi",
  ids: readonly string[] | undefined,
  known: ReadonlyMap<string, unknown>,
  { rules }: Camera,
): Decision => {
  const unknown = ids?.find((id) => !known.has(id));
  if (unknown !== undefined) return refuse("unknown-place", `${analytic}Id`, `there is no ${analytic} ${unknown}`);
  return [...new Set(ids ?? known.keys())].flatMap((id): readonly CameraEvent[] => [
    ...[...rules.values()]
      .filter((rule) => rule.analytic === analytic && rule.placeId === id)
      .map(({ ruleId }): CameraEvent => ({ type: "rule-removed", ruleId })),
    { type: "place-removed", analytic, id },
  ]);
};

/** The field of view is always there; its id is the camera's, which the door has seen to. */
const hasPlace = ({ tripwires, rois }: Camera, { analytic, placeId }: Pick<Rule, "analytic" | "placeId">): boolean =>
  analytic === "fov" || (analytic === "tripwire" ? tripwires : rois).has(placeId);

const defineRules = ({ rules }: Of<"define-rules">, camera: Camera): Decision => {
  const ids = rules.map(({ ruleId }) => ruleId);
  const more = ids.filter((id) => !camera.rules.has(id)).length;
  const count = (): Check =>
    camera.rules.size + more <= limits.rulesPerCamera
      ? undefined
      : refuse("too-many", "rules", `a camera has ${limits.rulesPerCamera} rules at most`);
  const place = (rule: Rule, i: number): Check =>
    hasPlace(camera, rule) ? undefined : refuse("unknown-place", `rules[${i}].id`, `there is no ${rule.analytic} ${rule.placeId}`);
  return (
    firstOf(rules, (rule, i) => checkRule(`rules[${i}]`, rule) ?? place(rule, i)) ??
    unique("rules", ids, "ruleId") ??
    count() ??
    rules
      .filter((rule) => !sameDefinition(camera.rules.get(rule.ruleId), rule))
      .map((rule): CameraEvent => ({ type: "rule-defined", rule }))
  );
};

const removeRules = ({ analytic, placeId, ruleIds }: Of<"remove-rules">, camera: Camera): Decision => {
  if (placeId !== undefined && !hasPlace(camera, { analytic, placeId })) {
    return refuse("unknown-place", `${analytic}Id`, `there is no ${analytic} ${placeId}`);
  }
  const here = [...camera.rules.values()].filter(
    (rule) => rule.analytic === analytic && (placeId === undefined || rule.placeId === placeId),
  );
  const found = new Set(here.map(({ ruleId }) => ruleId));
  const unknown = ruleIds?.find((id) => !found.has(id));
  if (unknown !== undefined) return refuse("unknown-rule", "ruleId", `there is no such rule ${unknown} here`);
  return [...new Set(ruleIds ?? found)].map((ruleId): CameraEvent => ({ type: "rule-removed", ruleId }));
};

const setSensor = ({ settings }: Of<"set-sensor">, camera: Camera): Decision =>
  whole("reorderMs", settings.reorderMs, 0, limits.reorderMs) ??
  whole("fov.minFrames", settings.fov.minFrames, 1, limits.confirmingFrames) ??
  seconds("fov.exitAfter", settings.fov.exitAfter, true) ??
  (sameDefinition(camera.settings, settings) ? [] : [{ type: "sensor-set", settings }]);
