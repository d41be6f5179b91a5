/** The filter of a socket: the document's JSON array, read into wants. */
import { z } from "@hono/zod-openapi";
import type { Analytic } from "../../domain/camera.ts";
import type { Limits } from "../../domain/limits.ts";
import { faultOf } from "../json-body.ts";
import { camelFields, pathText } from "../naming.ts";
import { Problem } from "../problem.ts";
import { id as textId } from "../text.ts";
import type { Want } from "../wants.ts";

export type FilterFault = { readonly path: string; readonly detail: string };
export type Filter = { readonly entries: number; readonly wants: readonly Want[] };

const id = z
  .union([textId, z.int().transform(String)])
  .openapi({ type: ["string", "integer"], description: "A string or a whole number; `*` is any." });
const lineTypes = z.array(z.enum(["*", "increment", "flowrate"]));
const areaTypes = z.array(z.enum(["*", "increment", "occupancy", "occupancy_threshold_switch", "notify"]));

export const filter = z.array(
  z.strictObject({
    sensorId: id,
    tripwires: z.array(z.strictObject({ tripwireId: id, alertRuleTypes: lineTypes })).default([]),
    rois: z.array(z.strictObject({ roiId: id, alertRuleTypes: areaTypes })).default([]),
    fov: z.strictObject({ alertRuleTypes: areaTypes }).optional(),
  }),
);
const known = new Set(["sensorId", "tripwires", "rois", "fov", "tripwireId", "roiId", "alertRuleTypes"]);

/** Entries are a union; absent places are none of them; `*` stands for any at every level. */
export const readFilter = (text: string, limits: Limits): Filter | FilterFault => {
  const parsed = parse(text);
  if ("fault" in parsed) return parsed.fault;
  const read = filter.safeParse(parsed.value);
  if (!read.success) {
    const { path, message } = faultOf(read.error.issues[0] as z.core.$ZodIssue);
    return { path: pathText(path), detail: message };
  }
  const wants = read.data.flatMap(wantsOf);
  const entries = read.data.reduce((sum, each) => sum + 1 + each.tripwires.length + each.rois.length, wants.length);
  if (entries > limits.filterEntries) return { path: "", detail: `has more than ${limits.filterEntries} entries, places and types` };
  return { entries: read.data.length, wants };
};

const parse = (text: string): { readonly value: unknown } | { readonly fault: FilterFault } => {
  try {
    return { value: camelFields(JSON.parse(text), known) };
  } catch (error) {
    if (error instanceof Problem) return { fault: { path: "", detail: error.detail } };
    // A filter nested thousands deep ends in a RangeError; it is as bad as one that is no JSON.
    if (error instanceof SyntaxError || error instanceof RangeError) return { fault: { path: "", detail: "The filter is no JSON." } };
    throw error;
  }
};

const wantsOf = ({ sensorId, tripwires, rois, fov }: z.output<typeof filter>[number]): Want[] => {
  const each = (analytic: Analytic, place: string, types: readonly string[]): Want[] =>
    [...new Set(types)].map((ruleType) => ({ sensor: sensorId, analytic, place, ruleType }));
  return [
    ...tripwires.flatMap(({ tripwireId, alertRuleTypes }) => each("tripwire", tripwireId, alertRuleTypes)),
    ...rois.flatMap(({ roiId, alertRuleTypes }) => each("roi", roiId, alertRuleTypes)),
    ...each("fov", "*", fov?.alertRuleTypes ?? []),
  ];
};
