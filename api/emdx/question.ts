/** One GET that asks the read models: documented, read, waited for, asked and answered, as JSON or as a table. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Camera } from "../../domain/camera.ts";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Paged, PageKey, Range, Scope } from "../../projections/questions.ts";
import { readMark, settle } from "../after.ts";
import { readAsOf } from "../as-of.ts";
import type { Env } from "../env.ts";
import * as parameter from "../parameters.ts";
import { type Parameters, readParameters, type Values } from "../parameters.ts";
import { Problem, unprocessable } from "../problem.ts";
import { type Declared, route } from "../route.ts";
import { csvText, type Table, wantsCsv } from "./csv.ts";
import type { Emdx } from "./emdx.ts";
import * as own from "./parameters.ts";

const common = { sensorId: own.sensorId, after: parameter.after };
/** Of what follows from facts; facts themselves are as they are. */
const knowing = { asOf: parameter.asOf };
type Common = typeof common & typeof knowing;

/** What a question is asked about. */
export type About = {
  readonly key: CameraKey;
  readonly camera: Camera;
  readonly scope: Scope;
  /** Taken when nothing has to be waited for any more; where it is asked as of an instant before, that. */
  readonly now: Instant;
};

export type Answer<A> = { readonly body: A; readonly table: Table; readonly empty: boolean; readonly more?: PageKey | undefined };

export type Question<P extends Parameters, A> = {
  readonly path: string;
  readonly summary: string;
  readonly parameters: P;
  readonly answer: z.ZodType<A>;
  /** What the answer is read from: `frames` are there sooner than what follows from them. */
  readonly reads: "alerts" | "frames";
  /** Asked by the original too: under `strict` nothing found is 422. */
  readonly original: boolean;
  readonly ask: (asked: Values<P> & Values<Common>, about: About) => Promise<Answer<A>>;
};

export const question = <P extends Parameters, A>(emdx: Emdx, asking: Question<P, A>): void => {
  const parameters = { ...common, ...(asking.reads === "alerts" && knowing), ...asking.parameters };
  const { core } = emdx.house;
  const declared: Declared = {
    method: "get",
    path: asking.path,
    scope: "events:read",
    summary: asking.summary,
    parameters,
    responses: {
      200: {
        description: asking.summary,
        content: { "application/json": { schema: asking.answer }, "text/csv": { schema: { type: "string" } } },
        headers: {
          Link: { schema: { type: "string" }, description: "Where something was cut off: rel=next." },
          "Tallywire-Uptime": { schema: { type: "string" }, description: "With text/csv: the uptime, where the answer has one." },
        },
      },
    },
    refusals: [422],
  };
  route(emdx, declared, async (c, { tenant }) => {
    const asked = readParameters(parameters, new URL(c.req.url).searchParams, core.limits) as Values<P> & Values<Common>;
    const key = { tenant, camera: asked.sensorId };
    await settle(emdx.house, tenant, asked.after, asking.reads);
    const camera = await core.camera(key);
    const then = await readAsOf(emdx.house, tenant, key.camera, asked.asOf);
    const now = Math.min(core.now(), then?.at ?? Number.POSITIVE_INFINITY);
    const answer = await asking.ask(asked, { key, camera, scope: { ...key, epochs: camera.epochs, asOf: then?.asOf }, now });
    if (answer.empty && asking.original && emdx.strict) {
      throw new Problem(422, "No behavior found for the requested sensorId and time range");
    }
    return answered(c, emdx, key, asking.path, answer);
  });
};

/** Throws Problem 422 when the range is upside down. */
export const rangeOf = (asked: { readonly fromTimestamp: Instant | undefined; readonly toTimestamp: Instant | undefined }): Range => {
  const { fromTimestamp: from, toTimestamp: to } = asked;
  if (from !== undefined && to !== undefined && from > to) throw unprocessable("fromTimestamp", "is after toTimestamp");
  return { from, to };
};

/** A cursor goes on only where it was given: same route, same sensor. */
const questionName = (path: string, camera: string): string => `${path}\0${camera}`;

export const pageOf = (
  emdx: Emdx,
  path: string,
  { key }: About,
  asked: { readonly limit: number; readonly cursor: string | undefined },
): Paged => ({ limit: asked.limit, after: readMark(emdx.house, key.tenant, questionName(path, key.camera), asked.cursor) });

const answered = <A>(c: Context<Env>, emdx: Emdx, key: CameraKey, path: string, { body, table, more }: Answer<A>): Response => {
  c.header("vary", "Accept");
  if (more !== undefined) {
    const next = new URL(c.req.url);
    // Links end up in logs.
    next.searchParams.delete("token");
    next.searchParams.set("cursor", emdx.house.cursors.page(key.tenant, questionName(path, key.camera), more));
    c.header("link", `<${next.pathname}${next.search}>; rel="next"`);
  }
  if (!wantsCsv(c)) return c.json(body as object);
  if (typeof body === "object" && body !== null && "uptime" in body) c.header("tallywire-uptime", String(body.uptime));
  return c.body(csvText(table), 200, { "content-type": "text/csv; charset=utf-8; header=present" });
};
