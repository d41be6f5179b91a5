/** Work that takes its time, a resource a kind: POST asks for it, GET looks at it, DELETE cancels it. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { isRefusal } from "../../domain/decider.ts";
import type { Job, JobKind } from "../../domain/job.ts";
import { readBody } from "../body.ts";
import type { Scope } from "../caller.ts";
import type { Env } from "../env.ts";
import { readJson } from "../json-body.ts";
import type { Documented } from "../parameters.ts";
import { readIdInPath } from "../path-id.ts";
import { Problem, refusalProblem, tooMany } from "../problem.ts";
import { json, route } from "../route.ts";
import { idShape } from "../text.ts";
import type { Emdx } from "./emdx.ts";
import { jobBody } from "./jobs-present.ts";
import * as read from "./jobs-read.ts";
import * as schemas from "./jobs-schemas.ts";

export const jobInPath: Documented = { name: "id", in: "path", required: true, description: "The job.", schema: idShape };

type Kind = {
  readonly kind: JobKind;
  /** As it stands in the path. */
  readonly resource: string;
  readonly scope: Scope;
  readonly what: string;
  readonly body: z.ZodType;
  readonly wish: read.ReadWish;
};

const kinds: readonly Kind[] = [
  {
    kind: "backtest",
    resource: "backtests",
    scope: "events:read",
    what: "what other wires, regions and rules would have given",
    body: schemas.backtestDocument,
    wish: read.readBacktest,
  },
  {
    kind: "recompute",
    resource: "recomputes",
    scope: "cameras:write",
    what: "the past of a sensor, derived again",
    body: schemas.recompute,
    wish: read.readRecompute,
  },
  {
    kind: "rebuild",
    resource: "rebuilds",
    scope: "ops",
    what: "a table of the warehouse, built anew from the log",
    body: schemas.rebuild,
    wish: read.readRebuild,
  },
  {
    kind: "archive",
    resource: "archives",
    scope: "ops",
    what: "facts written to the archive",
    body: schemas.archive,
    wish: read.readArchive,
  },
  {
    kind: "verify",
    resource: "verifications",
    scope: "ops",
    what: "whether the logs and the warehouse agree",
    body: schemas.verification,
    wish: read.readVerification,
  },
];

export const jobKinds: readonly JobKind[] = kinds.map(({ kind }) => kind);
/** What a socket's caller may be told of: what he may ask for. */
export const scopeOf = (kind: JobKind): Scope => (kinds.find((one) => one.kind === kind) as Kind).scope;

const noSuchJob = (resource: string): Problem => new Problem(404, `There is no such job among ${resource}.`);

/** Which segment of the path, from its end. Throws Problem 404. */
export const jobAt = async (
  { house: { core } }: Emdx,
  c: Context<Env>,
  { tenant, kind, resource, at }: { readonly tenant: string; readonly kind: JobKind; readonly resource: string; readonly at: number },
): Promise<Job> => {
  const job = await core.jobs.get(tenant, kind, readIdInPath(c.req.url, at, core.limits.idLength));
  if (job === undefined) throw noSuchJob(resource);
  return job;
};

export const jobRoutes = (emdx: Emdx): void => {
  for (const kind of kinds) resource(emdx, kind);
};

const resource = (emdx: Emdx, { kind, resource: name, scope, what, body, wish }: Kind): void => {
  const { core } = emdx.house;
  const path = `/${name}`;
  const one = `${path}/{id}`;

  route(
    emdx,
    {
      method: "post",
      path,
      scope,
      summary: `Asks for ${what}.`,
      request: { body: { required: true, content: json(body) } },
      responses: {
        202: {
          description: "The job, which goes on by itself.",
          headers: { Location: { schema: { type: "string" }, description: "Where it can be looked at." } },
          content: json(schemas.job),
        },
      },
      refusals: [400, 413, 422],
    },
    async (c, { tenant, subject }) => {
      const sent = readJson(await readBody(c, core.limits.configBytes), schemas.knownFields);
      const job = await core.jobs.start(tenant, await wish(sent, (camera) => core.camera({ tenant, camera })), subject);
      // That passes when one of them ends.
      if (isRefusal(job)) throw job.refused === "too-many" ? tooMany(job.detail) : refusalProblem(job);
      c.header("location", `${new URL(c.req.url).pathname}/${job.id}`);
      return c.json(jobBody(job, true), 202);
    },
  );

  route(
    emdx,
    {
      method: "get",
      path,
      scope,
      summary: `Jobs: ${what}. The newest first.`,
      responses: { 200: { description: "All that are remembered.", content: json(schemas.jobs) } },
      refusals: [],
    },
    async (c, { tenant }) => c.json({ jobs: (await core.jobs.list(tenant, kind)).map((job) => jobBody(job, false)) }),
  );

  route(
    emdx,
    {
      method: "get",
      path: one,
      scope,
      summary: `One of them: ${what}.`,
      more: [jobInPath],
      responses: { 200: { description: "How it stands, and what was asked for.", content: json(schemas.job) } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => c.json(jobBody(await jobAt(emdx, c, { tenant, kind, resource: name, at: -1 }), true)),
  );

  route(
    emdx,
    {
      method: "delete",
      path: one,
      scope,
      summary: `Cancels one; of one that has ended nothing changes: ${what}.`,
      more: [jobInPath],
      responses: { 200: { description: "The job as it is then.", content: json(schemas.job) } },
      refusals: [404, 422],
    },
    async (c, { tenant, subject }) => {
      const job = await core.jobs.cancel(tenant, kind, readIdInPath(c.req.url, -1, core.limits.idLength), subject);
      if (job === undefined) throw noSuchJob(name);
      return c.json(jobBody(job, true));
    },
  );
};
