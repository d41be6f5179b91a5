/** Whether an answer shows something of a tenant whose answer it is not. */
import { formsOf } from "../canary/forms.ts";
import type { Answer } from "./guarded-server.ts";
import type { Tenant } from "./mirror.ts";

/** What is looked for: the tenant's mark in every form, its name, and words that only its own answers have (ids of alerts, cursors). */
export type Wanted = { readonly tenant: Tenant; readonly forms: readonly string[]; readonly words: ReadonlySet<string> };

const WORD = /[\w-]{20,}/g;
/** Ids and cursors: long, and of no language. */
export const wordsIn = (text: string): readonly string[] => text.match(WORD) ?? [];
export const withoutWords = (text: string): string => text.replaceAll(WORD, "…");

export const wanted = (tenant: Tenant, words: ReadonlySet<string>): Wanted => ({
  tenant,
  forms: formsOf(tenant.mark).map(({ bytes }) => bytes.toString("latin1")),
  words,
});

/** A text as it may come back from who was sent it. */
const spellings = (text: string): readonly string[] => [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];

export const without = (text: string, sent: Iterable<string>): string => {
  let left = text;
  for (const value of sent) for (const spelt of spellings(value)) left = left.replaceAll(spelt, "");
  return left;
};

export const textOf = ({ status, headers, body }: Pick<Answer, "status" | "headers" | "body">): string =>
  `${status}\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n")}\n\n${body.toString()}`;

/**
 * What of the tenant stands in a text. `sent`: what the caller itself said, which may come back. `isOperators`: what is told to whoever
 * runs the server may name a tenant.
 */
export const sightsIn = (
  text: string,
  { tenant, forms, words }: Wanted,
  { sent = [], isOperators = false }: { readonly sent?: Iterable<string>; readonly isOperators?: boolean } = {},
): readonly string[] => {
  const left = without(text, sent);
  return [
    ...forms.filter((form) => left.includes(form)),
    ...(isOperators || !left.includes(`"${tenant.name}"`) ? [] : [`"${tenant.name}"`]),
    ...wordsIn(left).filter((word) => words.has(word)),
  ];
};
