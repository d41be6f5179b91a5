/** What may stand where a parameter wants a text: own names, the other tenant's, and names that nobody has. */
import type { OpenParameter } from "./documents.ts";
import { BEGIN, own, ownIds, ROUND_MS, shared, type Tenant } from "./mirror.ts";

/** What a tenant was given by the server and could be shown by nobody else: ids of alerts, cursors, positions. */
export type Given = { readonly words: ReadonlySet<string>; readonly cursors: readonly string[] };

/** `foreign`: the other tenant's, with as good as the same that is nobody's. */
export type Value = { readonly text: string; readonly foreign?: { readonly nobodys: string } };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (ms: number): string => new Date(ms).toISOString();
/** Of the data that is there from the beginning, and of the silence before and after. */
const day = (ms: number): string => at(ms).slice(0, 10);
export const range = { from: at(BEGIN - 60_000), to: at(BEGIN + 5 * 60_000) } as const;

/** An id or a cursor that was never given out: another character in it. */
const altered = (word: string): string => {
  const middle = Math.floor(word.length / 2);
  return word.slice(0, middle) + (word[middle] === "a" ? "b" : "a") + word.slice(middle + 1);
};
const foreignText = (tenant: Tenant, text: string): Value => ({
  text,
  foreign: { nobodys: text.replaceAll(tenant.mark, tenant.nobody) },
});
/** Texts of the other's that something might be looked up by. */
const LOOKED_UP_BY = ["type", "sort", "track", "model", "feature", "subject", "label", "key"] as const;
/** Of ids and cursors so many are tried in each place. */
const MOST_WORDS = 4;

export const textsFor = (mine: Tenant, own_: Given, other: Tenant, others: Given): readonly Value[] => [
  ...[...Object.values(shared), ...ownIds(mine), own(mine, "type"), "*", ...own_.cursors].map((text) => ({ text })),
  ...[...own_.words].slice(0, MOST_WORDS).map((text) => ({ text })),
  ...[...ownIds(other), ...LOOKED_UP_BY.map((field) => own(other, field))].map((text) => foreignText(other, text)),
  ...[...others.cursors, ...[...others.words].slice(0, MOST_WORDS)].map((text) => ({ text, foreign: { nobodys: altered(text) } })),
];

const clamped = (value: number, { minimum = value, maximum = value }: { readonly minimum?: number; readonly maximum?: number }): number =>
  Math.max(minimum, Math.min(maximum, value));

/** What makes a request a good one: undefined where it can do without. */
export const presetOf = ({ name, required, schema, in: place }: OpenParameter, camera: string): string | undefined => {
  if (schema.format === "date-time") return /^to/i.test(name) ? range.to : range.from;
  if (schema.format === "date") return day(BEGIN);
  // Of what has a shape of its own the document shows one.
  if (schema.pattern !== undefined && typeof schema.example === "string") return schema.example;
  if (schema.enum !== undefined) return required === true ? String((schema.enum as readonly unknown[])[0]) : undefined;
  if (schema.type === "integer") return required === true ? String(schema.example ?? clamped(10, schema)) : undefined;
  // A write may name its sensor in the query instead of in the body.
  return required === true || place === "path" || name === "sensorId" ? camera : undefined;
};

export const valuesFor = ({ schema }: OpenParameter, texts: readonly Value[]): readonly Value[] => {
  if (schema.enum !== undefined) return (schema.enum as readonly unknown[]).map((one) => ({ text: String(one) }));
  if (schema.format === "date-time")
    return [BEGIN - HOUR, BEGIN, BEGIN + 4000, BEGIN + ROUND_MS, BEGIN + HOUR].map((instant) => ({ text: at(instant) }));
  if (schema.format === "date") return [BEGIN - DAY, BEGIN, BEGIN + DAY].map((instant) => ({ text: day(instant) }));
  if (schema.type === "integer") {
    const { minimum = 0, maximum = 1000 } = schema as { readonly minimum?: number; readonly maximum?: number };
    return [minimum, minimum + 1, Math.floor((minimum + maximum) / 2), maximum].map((number) => ({ text: String(number) }));
  }
  return texts;
};
