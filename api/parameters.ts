/**
 * Query parameters: each is one value that documents and reads itself, so the OpenAPI document cannot say anything else than the code.
 * Every parameter is accepted in camelCase and snake_case; some have one more name. Unknown parameters are ignored.
 */
import type { RouteConfig } from "@hono/zod-openapi";
import type { Instant } from "../domain/envelope.ts";
import { idFlaw } from "../domain/id-flaw.ts";
import { type Limits, limits } from "../domain/limits.ts";
import { parseInstant } from "./instant.ts";
import { snake } from "./naming.ts";
import { unprocessable } from "./problem.ts";
import { idShape } from "./text.ts";

export type Parameter<T> = {
  readonly aliases: readonly string[];
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** All values under all spellings. Throws Problem 422. */
  readonly read: (values: readonly string[], name: string, bounds: Limits) => T;
};
// biome-ignore lint/suspicious/noExplicitAny: a Parameter is covariant in T; `unknown` would lose it in Values.
export type Parameters = Readonly<Record<string, Parameter<any>>>;
export type Values<P extends Parameters> = { readonly [N in keyof P]: P[N] extends Parameter<infer T> ? T : never };

type About = Pick<Parameter<unknown>, "description" | "schema"> & { readonly aliases?: readonly string[] };

/** At most one value. */
export const optional = <T>(about: About, read: (text: string, name: string, bounds: Limits) => T): Parameter<T | undefined> => ({
  aliases: [],
  ...about,
  required: false,
  read: (values, name, bounds) => {
    if (values.length > 1) throw unprocessable(name, "is given more than once");
    return values[0] === undefined ? undefined : read(values[0], name, bounds);
  },
});

export const required = <T>(parameter: Parameter<T | undefined>): Parameter<T> => ({
  ...parameter,
  required: true,
  read: (values, name, bounds) => {
    const value = parameter.read(values, name, bounds);
    if (value === undefined) throw unprocessable(name, "is required");
    return value;
  },
});

export const id = (text: string, name: string, bounds: Limits): string => {
  const flaw = idFlaw(text, bounds.idLength);
  if (flaw !== undefined) throw unprocessable(name, flaw);
  return text;
};

export const oneId = (description: string, ...aliases: string[]) => optional({ description, schema: idShape, aliases }, id);
/** May be repeated. Undefined: all. */
export const ids = (description: string, ...aliases: string[]): Parameter<readonly string[] | undefined> => ({
  aliases,
  required: false,
  description,
  schema: { type: "array", items: idShape },
  read: (values, name, bounds) => (values.length === 0 ? undefined : values.map((value) => id(value, name, bounds))),
});

/** "+02:00" that was not percent-encoded arrives as a space. */
export const readInstant = (text: string): Instant | undefined => parseInstant(text.replace(/ (?=\d\d:\d\d$)/, "+"));
export const instant = (text: string, name: string): Instant => {
  const at = readInstant(text);
  if (at === undefined) throw unprocessable(name, "is not an RFC 3339 timestamp with a zone, such as 2021-09-16T06:06:00.000Z");
  return at;
};
export const instantSchema = { type: "string", format: "date-time" };
export const from = optional({ description: "Lower end, RFC 3339 with a zone.", schema: instantSchema, aliases: ["from"] }, instant);
export const to = optional({ description: "Upper end, RFC 3339 with a zone.", schema: instantSchema, aliases: ["to"] }, instant);

export const integer = (text: string, name: string, least: number, most: number): number => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw unprocessable(name, `is not a whole number from ${least} to ${most}`);
  return value;
};

/** `most`: the name of the limit that bounds it. */
export const limit = (preset: number, most: "pageRows" | "eventRows" = "pageRows"): Parameter<number> => ({
  aliases: [],
  required: false,
  description: "How many at most.",
  schema: { type: "integer", minimum: 1, maximum: limits[most], default: preset },
  read: (values, name, bounds) => {
    if (values.length > 1) throw unprocessable(name, "is given more than once");
    return values[0] === undefined ? preset : integer(values[0], name, 1, bounds[most]);
  },
});

export const oneOf = <const T extends string>(description: string, ...allowed: readonly T[]): Parameter<T | undefined> =>
  optional({ description, schema: { type: "string", enum: allowed } }, (text, name) => {
    const value = allowed.find((each) => each === text);
    if (value === undefined) throw unprocessable(name, `is none of ${allowed.join(", ")}`);
    return value;
  });

export const flag = (description: string): Parameter<boolean> => {
  const either = oneOf(description, "true", "false");
  return { ...either, read: (values, name, bounds) => either.read(values, name, bounds) === "true" };
};

const opaque = (text: string): string => text;
export const cursor = optional({ description: "Where the page before ended.", schema: { type: "string" } }, opaque);
export const after = optional(
  { description: "A position that a write answered: wait until it is in what is read, 5 s at most.", schema: { type: "string" } },
  opaque,
);
export const asOf = optional(
  {
    description:
      "What was known then: an instant, RFC 3339 with a zone (what had followed from what arrived by then), a cursor of a socket, or a position that a write answered.",
    schema: { type: "string" },
  },
  opaque,
);

/** Of sockets. */
export const filter = optional({ description: "The filter, as JSON; else the first text message is.", schema: { type: "string" } }, opaque);
export const token = optional({ description: "The token, where a client cannot send a header.", schema: { type: "string" } }, opaque);
/** Of what players and pages ask for. */
export const grant = optional({ description: "Of an address that was given out here.", schema: { type: "string" } }, opaque);

/** Every name under which a parameter is accepted. */
const spellings = (name: string, { aliases }: Parameter<unknown>): Set<string> =>
  new Set([name, ...aliases].flatMap((each) => [each, snake(each)]));

export const readParameters = <P extends Parameters>(parameters: P, query: URLSearchParams, bounds: Limits): Values<P> =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => [
      name,
      parameter.read(
        [...spellings(name, parameter)].flatMap((spelling) => query.getAll(spelling)),
        name,
        bounds,
      ),
    ]),
  ) as Values<P>;

export type Documented = {
  readonly name: string;
  readonly in: "query" | "header" | "path";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
};

/** A parameter with a second spelling is satisfied by either; the document can only name one. */
export const documentParameters = (parameters: Parameters, ...more: readonly Documented[]): RouteConfig["parameters"] & object => {
  const own = Object.entries(parameters).map(
    ([name, parameter]): Documented => ({
      name,
      in: "query",
      required: parameter.required,
      description: [parameter.description, ...otherNames(name, parameter)].join(" "),
      schema: parameter.schema,
    }),
  );
  // The type is a union over three versions of OpenAPI that no plain list fits.
  return [...more, ...own] as unknown as RouteConfig["parameters"] & object;
};

const otherNames = (name: string, parameter: Parameter<unknown>): string[] => {
  const others = [...spellings(name, parameter)].filter((spelling) => spelling !== name);
  return others.length === 0 ? [] : [`Also: ${others.join(", ")}.`];
};
