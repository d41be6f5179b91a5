/** The wire shape of configurations. Strict: an unknown field is refused with its path. Defaults live in domain/defaults.ts. */
import { z } from "@hono/zod-openapi";
import {
  flowrateDefaults,
  incrementDefaults,
  notifyDefaults,
  occupancyDefaults,
  roiDefaults,
  ruleDefaults,
  sensorDefaults,
  thresholdSwitchDefaults,
  tripwireDefaults,
} from "../../domain/defaults.ts";
import { limits } from "../../domain/limits.ts";
import { text, id as textId } from "../text.ts";

/** Ids come as strings or numbers. */
const id = z
  .union([textId, z.int().transform(String)])
  .openapi({ type: ["string", "integer"], description: "A string or a whole number." });
const name = text(limits.textLength);
const number = z.number();
const atLeast0 = z.number().min(0);
const point = z.strictObject({ x: number, y: number });
const points = z.array(point).max(limits.pointsPerPlace);
const minFrames = z.int().min(1);
const anchor = z.enum([
  "top-left",
  "top-center",
  "top-right",
  "center-left",
  "center",
  "center-right",
  "bottom-left",
  "bottom-center",
  "bottom-right",
  "all-corners",
]);
/** `enter` is the vocabulary of some published examples; `entry` is what we say. */
const direction = z.enum(["entry", "exit", "enter"]).transform((value) => (value === "exit" ? "exit" : "entry"));
const sensorId = id.optional().openapi({ description: "Here or in the query." });

export const tripwire = z.strictObject({
  id,
  name: name.optional(),
  wire: points,
  direction: z.strictObject({
    p1: point,
    p2: point,
    entry: z.strictObject({ name: name.default(tripwireDefaults.entryName) }).default({ name: tripwireDefaults.entryName }),
    exit: z.strictObject({ name: name.default(tripwireDefaults.exitName) }).default({ name: tripwireDefaults.exitName }),
  }),
  anchor: anchor.default(tripwireDefaults.anchor),
  minFrames: minFrames.default(tripwireDefaults.minFrames),
  bufferPx: atLeast0.default(tripwireDefaults.bufferPx),
  trackTimeout: z.number().positive().default(tripwireDefaults.trackTimeout),
});

export const roi = z.strictObject({
  id,
  name: name.optional(),
  coordinates: points,
  anchor: anchor.default(roiDefaults.anchor),
  minFrames: minFrames.default(roiDefaults.minFrames),
  exitAfter: z.number().positive().default(roiDefaults.exitAfter),
});

const deleteIfPresent = z.boolean().default(false).openapi({ description: "Also deletes the place's history." });
export const tripwires = z
  .strictObject({ sensorId, deleteIfPresent, tripwires: z.array(tripwire).min(1).max(limits.placesPerCamera) })
  .openapi("TripwireConfig");
export const rois = z
  .strictObject({ sensorId, deleteIfPresent, rois: z.array(roi).min(1).max(limits.placesPerCamera) })
  .openapi("RoiConfig");

const fov = sensorDefaults.fov;
export const settings = z.strictObject({
  reorderMs: z.int().min(0).default(sensorDefaults.reorderMs),
  fov: z
    .strictObject({ minFrames: minFrames.default(fov.minFrames), exitAfter: z.number().positive().default(fov.exitAfter) })
    .default(fov),
});
export const sensor = z.strictObject({ sensorId, ...settings.shape }).openapi("SensorConfig");

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "is no time of day such as 08:00");
const schedule = z.strictObject({
  timezone: z.string().min(1).max(limits.idLength),
  windows: z
    .array(
      z.strictObject({
        days: z.array(z.enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])).min(1),
        from: timeOfDay,
        to: timeOfDay,
      }),
    )
    .max(limits.windowsPerSchedule),
});

const common = {
  ruleId: id,
  name: name.optional(),
  enabled: z.boolean().default(ruleDefaults.enabled),
  objectTypes: z
    .array(textId)
    .min(1)
    .max(limits.objectTypesPerRule)
    .default([...ruleDefaults.objectTypes]),
  minConfidence: z.number().min(0).max(1).default(ruleDefaults.minConfidence),
  severity: z.enum(["info", "warning", "critical"]).default(ruleDefaults.severity),
  schedule: schedule.optional(),
};
const cooldown = (preset: number) => atLeast0.default(preset);
const timeInterval = z.number().positive();
const eventThreshold = z.int().min(1);
const presentThreshold = z.int().min(0);
const attribute = z.strictObject({ name: text(limits.textLength).min(1), value: text(limits.textLength) });

/** Each rule with the parameters that mean something to it. */
export const rule = z.discriminatedUnion("ruleType", [
  z.strictObject({
    ruleType: z.literal("increment"),
    ...common,
    cooldown: cooldown(incrementDefaults.cooldown),
    countThreshold: eventThreshold,
    direction: direction.optional(),
    countMode: z.enum(["raw", "distinct"]).default(incrementDefaults.countMode),
  }),
  z.strictObject({
    ruleType: z.literal("occupancy"),
    ...common,
    cooldown: cooldown(occupancyDefaults.cooldown),
    countThreshold: presentThreshold,
    timeInterval,
    gap: atLeast0.default(occupancyDefaults.gap),
    of: z.enum(["count", "dwell"]).default(occupancyDefaults.of),
  }),
  z.strictObject({
    ruleType: z.literal("occupancy_threshold_switch"),
    ...common,
    cooldown: cooldown(thresholdSwitchDefaults.cooldown),
    countThreshold: presentThreshold,
    hold: atLeast0.default(thresholdSwitchDefaults.hold),
    band: z.int().min(0).default(thresholdSwitchDefaults.band),
  }),
  z.strictObject({
    ruleType: z.literal("flowrate"),
    ...common,
    cooldown: cooldown(flowrateDefaults.cooldown),
    countThreshold: eventThreshold,
    timeInterval,
    direction: direction.optional(),
  }),
  z.strictObject({
    ruleType: z.literal("notify"),
    ...common,
    cooldown: cooldown(notifyDefaults.cooldown),
    attribute: attribute.optional(),
  }),
]);

/** As it is sent: the rule's own parameters beside its place, or as name and value in `parameters`. */
const given = z.strictObject({ name: z.string(), value: z.unknown() });
export const placed = z.looseObject({
  id: id.optional().openapi({ description: "The place. For fov absent or the sensor." }),
  type: z.enum(["fov", "tripwire", "roi"]).optional(),
  parameters: z.array(given).max(limits.attributesPerObject).optional(),
});
export const rules = z.strictObject({ sensorId, rules: z.array(placed).min(1).max(limits.rulesPerCamera) });
/** The same, for the document only: what a rule may carry. */
export const placedRule = z.intersection(placed, rule);
export const rulesDocument = z.object({ sensorId, rules: z.array(placedRule).max(limits.rulesPerCamera) }).openapi("RuleConfig");

/** What GET and writes answer: every field, its default filled in. */
export const tripwiresAnswer = z.strictObject({ sensorId: z.string(), tripwires: z.array(tripwire.required()) }).openapi("Tripwires");
export const roisAnswer = z.strictObject({ sensorId: z.string(), rois: z.array(roi.required()) }).openapi("Rois");
export const sensorAnswer = z.strictObject({ sensorId: z.string(), reorderMs: z.int(), fov: sensor.shape.fov }).openapi("Sensor");
const answered = { id: z.string(), type: z.enum(["fov", "tripwire", "roi"]), name: z.string(), parameters: z.array(given) };
export const rulesAnswer = z
  .strictObject({
    sensorId: z.string(),
    rules: z.array(z.discriminatedUnion("ruleType", mapOptions(rule.options))),
  })
  .openapi("Rules");

function mapOptions(options: typeof rule.options) {
  const [increment, occupancy, change, flowrate, notify] = options;
  return [
    increment.extend(answered),
    occupancy.extend(answered),
    change.extend(answered),
    flowrate.extend(answered),
    notify.extend(answered),
  ] as const;
}

/** Parameters of the published rule: accepted on every rule type, dropped where they mean nothing. Ours are refused there. */
export const publishedParameters: ReadonlySet<string> = new Set(["timeInterval", "countThreshold", "direction"]);
const identity = new Set(["id", "ruleId", "name", "type", "ruleType", "parameters"]);
export const ruleParameters: ReadonlySet<string> = new Set(
  rule.options.flatMap((option) => Object.keys(option.shape)).filter((field) => !identity.has(field)),
);

/** Every field of any configuration, so that snake_case can be told from an unknown name. */
export const knownFields: ReadonlySet<string> = new Set(
  [
    tripwires,
    rois,
    sensor,
    rules,
    tripwire,
    roi,
    placed,
    fovShape(),
    tripwire.shape.direction,
    schedule,
    attribute,
    ...rule.options,
  ].flatMap((schema) => Object.keys(schema.shape)),
);

function fovShape() {
  return sensor.shape.fov.unwrap();
}
