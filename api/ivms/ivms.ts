/** What the parts of the ivms surface share. */
import type { Context } from "hono";
import type { Registered } from "../../domain/registry.ts";
import { mayChangeByGet } from "../browsers.ts";
import type { Env } from "../env.ts";
import { type Documented, integer } from "../parameters.ts";
import { Problem, unprocessable } from "../problem.ts";
import type { Declared, Desk } from "../route.ts";
import { APPLIED, answerBody, noChannel, originOf, RETRIEVED, uriOf } from "./answer.ts";

export type Ivms = Desk & {
  /** Undefined: the address that a request was sent to. */
  readonly publicUrl: string | undefined;
  /** Whose pages may begin and end films while tokens are off. */
  readonly origins: readonly string[];
};

/** The document has films begun and ended by GET. Throws Problem 405 for HEAD, which is to change nothing, 403 for a page that may not, while tokens are off. */
export const mayChange = (c: Context<Env>, { house, origins }: Ivms): void => {
  if (c.req.method === "HEAD") throw new Problem(405, "Allowed here: GET, POST.", { headers: { allow: "GET, POST" } });
  if (house.access.tokens !== undefined) return;
  const [site, origin, host] = ["sec-fetch-site", "origin", "host"].map((name) => c.req.header(name));
  mayChangeByGet({ site, origin, host }, origins);
};

export const LOCAL = "/REST/local";
/** Under which all of it stands once more. */
export const SERVER = "/V-Pro-IVMS-APIServer";

/** A token may stand in the address of everything here. */
export const BY_QUERY = { token: "query" } as const satisfies Pick<Declared, "token">;

/** The root of what we give addresses of, under the base that was called. */
export const rootOf = (c: Context<Env>, { publicUrl }: Ivms): string =>
  originOf(c, publicUrl) + (c.req.path.startsWith(`${SERVER}/`) ? SERVER : "") + LOCAL;

export const retrievedAnswer = (c: Context<Env>, { publicUrl }: Ivms, result: readonly unknown[]): Response =>
  c.json(answerBody(RETRIEVED, uriOf(c, publicUrl), result));
export const appliedAnswer = (c: Context<Env>, { publicUrl }: Ivms): Response => c.json(answerBody(APPLIED, uriOf(c, publicUrl), []));

export const inPath = (name: string, description: string, schema: Documented["schema"]): Documented => ({
  name,
  in: "path",
  required: true,
  description,
  schema,
});

/** A segment of the path. */
export const segment = (c: Context<Env>, { name }: Documented): string => c.req.param(name) ?? "";

/** Throws Problem 422 for what is no whole number, or not one from `least` to `most`. */
export const numberIn = (c: Context<Env>, documented: Documented, least: number, most: number): number =>
  integer(segment(c, documented), documented.name, least, most);

/** As many digits as Java's Long has. */
const DIGITS = /^\d{1,19}$/;
const LONGEST = 2n ** 63n - 1n;
const longIn = (c: Context<Env>, documented: Documented): bigint | undefined => {
  const text = segment(c, documented);
  return DIGITS.test(text) ? BigInt(text) : undefined;
};

/** Undefined for one that no session can have: it is beyond what numbers hold exactly. Throws Problem 422 for what is no Long. */
export const sessionIdIn = (c: Context<Env>, documented: Documented): number | undefined => {
  const given = longIn(c, documented);
  if (given === undefined || given > LONGEST) throw unprocessable(documented.name, `is not a whole number from 0 to ${LONGEST}`);
  const id = Number(given);
  return Number.isSafeInteger(id) ? id : undefined;
};

/** The camera with that number. Throws Problem 422 for what is no number, 3110 where no camera has it. */
export const channelIn = async (c: Context<Env>, { house }: Ivms, documented: Documented, tenant: string): Promise<Registered> => {
  const given = longIn(c, documented);
  if (given === undefined) throw unprocessable(documented.name, `is not a whole number from 1 to ${house.core.limits.channels}`);
  const found = (await house.core.registry.list(tenant)).find(({ registration }) => BigInt(registration.channel) === given);
  if (found === undefined) throw noChannel();
  return found;
};
