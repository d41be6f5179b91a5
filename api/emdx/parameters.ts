/** What emdx asks with beside what every surface does. */
import { limits } from "../../domain/limits.ts";
import type { CountMode, Types } from "../../projections/questions.ts";
import { id, integer, oneId, oneOf, optional, type Parameter, required } from "../parameters.ts";
import { unprocessable } from "../problem.ts";

const anySensor = oneId("The sensor. Exactly one.");
export const sensorId = required(anySensor);
/** For a write, whose body may name the sensor instead. */
export const sensorInBody = { ...anySensor, description: "The sensor, here or in the body." };

export const bucketSizeInSec = required(
  optional(
    { description: "Seconds of a bucket.", schema: { type: "integer", minimum: 1, maximum: limits.bucketSeconds } },
    (text, name, bounds) => integer(text, name, 1, bounds.bucketSeconds),
  ),
);

export const timezone = optional(
  { description: "An IANA zone that hour and day buckets follow across daylight saving.", schema: { type: "string" } },
  (text, name) => {
    if (text === "") throw unprocessable(name, "is empty");
    return text;
  },
);

/** Absent: all together. A list: those and all together. `*`: every type and all together. */
export const objectType: Parameter<Types> = {
  aliases: [],
  required: false,
  description: 'Types separated by commas, or `*` for every type. The row `"*"` (all types together) always comes too.',
  schema: { type: "string" },
  read: (values, name, bounds) => {
    if (values.length === 0) return undefined;
    const types = [...new Set(values.flatMap((value) => value.split(",")))].map((type) => id(type.trim(), name, bounds));
    if (types.length > bounds.objectTypesPerRule) throw unprocessable(name, `names more than ${bounds.objectTypesPerRule} types`);
    return types.includes("*") ? "every" : types;
  },
};

const modes = ["raw", "distinct", "net"] as const satisfies readonly CountMode[];
export const countMode = oneOf("raw: every crossing. distinct: objects. net: entries minus exits of each object.", ...modes);
export const stayType = oneOf("The field of view's stays or the regions'.", "fov", "roi");
