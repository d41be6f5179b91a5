/** Both spellings: snake_case and camelCase name the same field. */
import { limits } from "../domain/limits.ts";
import { unprocessable } from "./problem.ts";

export const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export type Path = readonly PropertyKey[];

/** `rules[0].parameters[1].name` */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");

/**
 * The same JSON with every known field in camelCase. Unknown names stay as they were sent, so that the answer names them so.
 * A field given in both spellings is refused. `__proto__` stays an own field (a plain assignment would make it vanish).
 */
export const camelFields = (value: unknown, known: ReadonlySet<string>, path: Path = []): unknown => {
  // Every level holds the path to it: without an end to that, one body of a megabyte took gigabytes.
  if (path.length > limits.jsonDepth) throw unprocessable("", "The body is nested too deeply.");
  if (Array.isArray(value)) return value.map((element, index) => camelFields(element, known, [...path, index]));
  if (typeof value !== "object" || value === null) return value;
  const fields = new Map<string, unknown>();
  for (const [name, inner] of Object.entries(value)) {
    const field = known.has(camel(name)) ? camel(name) : name;
    if (fields.has(field)) throw unprocessable(pathText([...path, name]), `is given twice, also as ${field}`);
    fields.set(field, camelFields(inner, known, [...path, name]));
  }
  return Object.fromEntries(fields);
};
