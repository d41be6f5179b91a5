/** The one shape of every answer: `{"status","code","description","message","uri","result"}`, `code` the HTTP status. */
import { STATUS_CODES } from "node:http";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Env } from "../env.ts";
import { isAway, Problem, type ProblemStatus, problemOf } from "../problem.ts";
import type { House } from "../surface.ts";

export const RETRIEVED = { status: 2000, message: "Successfully Retrieved!" } as const;
export const APPLIED = { status: 2007, message: "Successfully Applied!" } as const;
type Done = typeof RETRIEVED | typeof APPLIED;

/** Numbers that say more than the HTTP status does. */
const NO_CHANNEL = 3110;
export const NOT_RECORDED = 3111;
export const NO_SESSION = 3112;
const CANNOT_CONNECT = 1504;
type Finer = typeof NO_CHANNEL | typeof NOT_RECORDED | typeof NO_SESSION | typeof CANNOT_CONNECT;

/** The document's are 3001 and 3002. The others are ours, and follow 3001 and 1504: 3000 and what is above 400, 1000 and what is above 0. */
const numbers = {
  400: 3000,
  401: 3001,
  403: 3003,
  404: 3004,
  405: 3005,
  408: 3008,
  409: 3009,
  413: 3013,
  415: 3015,
  421: 3021,
  422: 3002,
  426: 3026,
  429: 3029,
  431: 3031,
  500: 1500,
  503: 1503,
} as const satisfies Record<ProblemStatus, number>;

/** A Problem that has a number of its own. */
export class Fault extends Problem {
  readonly number: Finer;
  constructor(number: Finer, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(number === CANNOT_CONNECT ? 500 : 404, message, { headers });
    this.number = number;
  }
}

const UNABLE = "Unable to process! Please check your request parameters!";
/** The document's sentence, and why. */
export const cannotConnect = (why?: string): Fault =>
  new Fault(CANNOT_CONNECT, ["Cannot connect the site VMS server.", why].filter((part) => part !== undefined).join(" "), {
    "retry-after": "1",
  });
export const noChannel = (): Fault => new Fault(NO_CHANNEL, "There is no channel or invalid channel id!");
export const noSession = (): Fault => new Fault(NO_SESSION, "There is no such stream session.");

const envelope = ({ status, message }: Done, result: z.ZodType) =>
  z.strictObject({
    status: z.literal(status),
    code: z.literal(200),
    description: z.literal("OK"),
    message: z.literal(message),
    uri: z.string().openapi({ description: "The absolute address that was called; a token in it is masked." }),
    result,
  });
/** `name`: of the answer, in the document. */
export const retrieved = (name: string, result: z.ZodType) => envelope(RETRIEVED, result).openapi(name);
export const applied = envelope(APPLIED, z.array(z.unknown()).max(0)).openapi("Applied");

const refused = z
  .strictObject({
    status: z.int().openapi({ enum: [...Object.values(numbers), NO_CHANNEL, NOT_RECORDED, NO_SESSION, CANNOT_CONNECT] }),
    code: z.int().openapi({ enum: Object.keys(numbers).map(Number), description: "The HTTP status." }),
    description: z.string().openapi({ description: "The HTTP status in words." }),
    message: z.string().openapi({ description: "The document's sentence, where it has one, and the reason." }),
    uri: z.string(),
    result: z.array(z.unknown()).max(0),
  })
  .openapi("Refused");
export const refusal = { type: "application/json", schema: refused } as const;

const SECRET = "token";
const nameOf = (piece: string): string | undefined => [...new URLSearchParams(piece).keys()][0];

/** Where we are called: `publicUrl`, or as the request says. */
export const originOf = (c: Context<Env>, publicUrl: string | undefined): string => publicUrl ?? new URL(c.req.url).origin;

/** The address as it was called, but for the token. */
export const uriOf = (c: Context<Env>, publicUrl: string | undefined): string => {
  const afterScheme = c.req.url.indexOf("://") + "://".length;
  const [path = "", ...query] = c.req.url.slice(c.req.url.indexOf("/", afterScheme)).split("?");
  const shown = query
    .join("?")
    .split("&")
    .map((piece) => (nameOf(piece) === SECRET ? `${SECRET}=***` : piece))
    .join("&");
  // Some write parameters into the path, behind a semicolon.
  return originOf(c, publicUrl) + path.replace(/(;token=)[^/;]*/gi, "$1***") + (query.length === 0 ? "" : `?${shown}`);
};

/** `uri`: that of the request. */
export const answerBody = (done: Done, uri: string, result: readonly unknown[]) => ({
  status: done.status,
  code: 200,
  description: "OK",
  message: done.message,
  uri,
  result,
});

const messageOf = ({ status, detail }: Problem): string => (status === 422 ? `${UNABLE} ${detail}` : detail);

/** A grant is as good as a token: no journal is to have it. */
const withoutGrant = (path: string): string => path.replace(/(\/hls\/)[^/]+/, "$1***");

const refusedResponse = (problem: Problem, uri: string): Response =>
  Response.json(
    {
      status: problem instanceof Fault ? problem.number : numbers[problem.status],
      code: problem.status,
      description: STATUS_CODES[problem.status] ?? "",
      message: messageOf(problem),
      uri,
      result: [],
    },
    { status: problem.status, headers: { ...problem.headers } },
  );

/** What was thrown, as this surface says it. What is away for the moment is the video server that the document speaks of. */
export const refusing =
  (house: House, publicUrl: string | undefined) =>
  (error: unknown, c: Context<Env>): Response => {
    const problem = problemOf(house, error, withoutGrant(c.req.path));
    return refusedResponse(isAway(error) ? cannotConnect() : problem, uriOf(c, publicUrl));
  };
