/**
 * DeepStream's minimal schema: one text an object.
 *
 *   trackingId | leftX | topY | rightX | bottomY | type |#| attribute | … | confidence |#| further section | …
 *   957|1834|150|1918|215|Vehicle|#|sedan|maker|M|blue|CA 444|California|0.8
 *
 * Spaces round bars are dropped. The confidence ends the first section; a section without one, or none at all, leaves it unknown.
 * The six attributes have names of their own for people and vehicles, others are numbered. A further section is kept as
 * one attribute under its first word (`pose3D`, `embedding`); one too long to be an attribute is left out.
 */
import type { DetectedObject, Info } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import {
  boxOf,
  type Context,
  confidenceOf,
  isRejection,
  named,
  type Observed,
  type Rejection,
  reject,
  trackOf,
  typeOf,
} from "../normalise.ts";
import { frameOf, type Loose } from "./frame.ts";

const PERSON = ["gender", "age", "hair", "cap", "apparel"];
const VEHICLE = ["type", "make", "model", "color", "license", "region"];
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

export const parseDeepstream = (value: Loose, context: Context): Observed | Rejection =>
  frameOf(value, value["@timestamp"] === undefined ? "timestamp" : "@timestamp", readLine, context);

export const isDeepstream = (value: Loose): boolean =>
  value["@timestamp"] !== undefined || (Array.isArray(value.objects) && typeof value.objects[0] === "string");

export const readLine = (line: unknown, limits: Limits): DetectedObject | Rejection => {
  if (typeof line !== "string") return reject("object", "", `must be text, but is ${named(line)}`);
  const fields = line.split("|");
  const marker = fields.findIndex((field) => field.trim() === "#");
  const head = marker === -1 ? fields : fields.slice(0, marker);
  // Without the marker a seventh field can only be the confidence.
  if (head.length < 6 || head.length > (marker === -1 ? 7 : 6)) {
    return reject("object", "", `must be trackingId|leftX|topY|rightX|bottomY|type, but has ${head.length} fields before |#|`);
  }
  const [track = "", left = "", top = "", right = "", bottom = "", kind = "", bare] = head.map((field) => field.trim());
  const id = trackOf(track, "trackingId", limits);
  if (typeof id !== "string") return id;
  const bbox = boxOf(decimal(left), decimal(top), decimal(right), decimal(bottom), "bbox");
  if (isRejection(bbox)) return bbox;
  const type = typeOf(kind, "type", limits);
  if (typeof type !== "string") return type;
  const sections = marker === -1 ? [] : sectionsOf(fields.slice(marker + 1));
  const first = sections[0] ?? [];
  const last = bare ?? first.at(-1) ?? "";
  const ends = DECIMAL.test(last);
  const confidence = confidenceOf(ends ? Number(last) : undefined, "confidence");
  if (typeof confidence === "object") return confidence;
  return {
    id,
    type,
    bbox,
    confidence,
    info: infoOfSections(type, ends && bare === undefined ? first.slice(0, -1) : first, sections.slice(1), limits),
  };
};

const decimal = (text: string): unknown => (DECIMAL.test(text) ? Number(text) : NOT_FINITE.test(text) ? Number.NaN : text);

const sectionsOf = (fields: readonly string[]): string[][] => {
  const sections: string[][] = [[]];
  for (const field of fields) {
    const text = field.trim();
    if (text === "#") sections.push([]);
    else sections.at(-1)?.push(text);
  }
  return sections;
};

const infoOfSections = (
  type: string,
  attributes: readonly string[],
  further: readonly (readonly string[])[],
  limits: Limits,
): Info | undefined => {
  const lower = type.toLowerCase();
  const names = lower === "person" ? PERSON : lower === "vehicle" ? VEHICLE : [];
  const pairs: [string, string][] = [];
  const keep = (name: string, value: string): void => {
    if (value !== "" && value.length <= limits.textLength && name.length <= limits.idLength && pairs.length < limits.attributesPerObject) {
      pairs.push([name, value]);
    }
  };
  for (const [index, value] of attributes.entries()) keep(names[index] ?? `attribute${index + 1}`, value);
  for (const [index, [word, ...rest]] of further.entries()) keep(word || `section${index + 2}`, rest.join("|"));
  return pairs.length === 0 ? undefined : pairs;
};
