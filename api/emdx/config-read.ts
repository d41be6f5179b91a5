/** From what was sent to the definition of a camera's places and rules. */
import type { z } from "@hono/zod-openapi";
import type { Analytic, Roi, Rule, SensorSettings, Tripwire } from "../../domain/camera.ts";
import { checked } from "../json-body.ts";
import { type Path, pathText } from "../naming.ts";
import { unprocessable } from "../problem.ts";
import * as wire from "./config-schemas.ts";

/** Exactly one sensor: in the query or in the body, or the same in both. */
export const sensorOf = (query: string | undefined, body: string | undefined): string => {
  if (query !== undefined && body !== undefined && query !== body) throw unprocessable("sensorId", "is another one in the query");
  const sensor = query ?? body;
  if (sensor === undefined) throw unprocessable("sensorId", "is required, in the query or in the body");
  return sensor;
};

/** `at`: where the list was sent. */
export const readTripwires = (sent: readonly z.output<typeof wire.tripwire>[], at: Path = ["tripwires"]): readonly Tripwire[] =>
  once(at, sent).map(({ name, direction, ...tripwire }) => ({
    ...tripwire,
    name: name ?? tripwire.id,
    direction: { p1: direction.p1, p2: direction.p2, entryName: direction.entry.name, exitName: direction.exit.name },
  }));

export const readRois = (sent: readonly z.output<typeof wire.roi>[], at: Path = ["rois"]): readonly Roi[] =>
  once(at, sent).map(({ name, ...roi }) => ({ ...roi, name: name ?? roi.id }));

const once = <T extends { readonly id: string }>(at: Path, places: readonly T[]): readonly T[] => {
  const seen = new Set<string>();
  for (const [index, { id }] of places.entries()) {
    if (seen.has(id)) throw unprocessable(pathText([...at, index, "id"]), "is given twice");
    seen.add(id);
  }
  return places;
};

export const readSettings = ({ reorderMs, fov }: z.output<typeof wire.settings>): SensorSettings => ({ reorderMs, fov });

export const readRules = (
  sent: readonly z.output<typeof wire.placed>[],
  analytic: Analytic,
  camera: string,
  at: Path = ["rules"],
): readonly Rule[] => sent.map((rule, index) => readRule(rule, [...at, index], analytic, camera));

const readRule = (sent: z.output<typeof wire.placed>, at: Path, analytic: Analytic, camera: string): Rule => {
  const { id, type, parameters, ...own } = sent;
  if (type !== undefined && type !== analytic)
    throw unprocessable(pathText([...at, "type"]), `is not ${analytic}, the analytic of this path`);
  const fields = new Map(Object.entries(own));
  const moved = new Map<string, Path>();
  for (const [index, { name: sentName, value }] of (parameters ?? []).entries()) {
    const path = [...at, "parameters", index, "name"];
    const name = sentName.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!wire.ruleParameters.has(name)) throw unprocessable(pathText(path), "is an unknown parameter");
    if (fields.has(name)) throw unprocessable(pathText(path), "is given twice");
    fields.set(name, value);
    moved.set(name, ["parameters", index, "value"]);
  }
  dropMeaningless(fields);
  const rule = checked(wire.rule, Object.fromEntries(fields), at, moved);
  const whole = {
    ...rule,
    schedule: rule.schedule,
    name: rule.name ?? rule.ruleId,
    analytic,
    placeId: placeOf(id, at, analytic, camera),
  };
  switch (whole.ruleType) {
    case "increment":
    case "flowrate":
      return { ...whole, direction: whole.direction };
    case "notify":
      return { ...whole, attribute: whole.attribute };
    case "occupancy":
    case "occupancy_threshold_switch":
      return whole;
  }
};

/** Old clients send the published parameters with every rule, null where they have none. */
const dropMeaningless = (fields: Map<string, unknown>): void => {
  const own = wire.rule.options.find((option) => option.shape.ruleType.value === fields.get("ruleType"));
  if (own === undefined) return;
  for (const name of wire.publishedParameters) if (!(name in own.shape) || fields.get(name) === null) fields.delete(name);
};

/** A camera has one field of view, of its own name: a decider is not told the camera's, so it is looked at here. */
export const fovOf = (id: string | undefined, path: string, camera: string): void => {
  if (id !== undefined && id !== camera) throw unprocessable(path, "of a fov rule is the sensorId, or left out");
};

const placeOf = (id: string | undefined, at: Path, analytic: Analytic, camera: string): string => {
  if (analytic !== "fov") {
    if (id === undefined) throw unprocessable(pathText([...at, "id"]), `is required: the ${analytic}`);
    return id;
  }
  fovOf(id, pathText([...at, "id"]), camera);
  return camera;
};
