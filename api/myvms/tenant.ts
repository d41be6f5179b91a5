/** What the tenant may have, and who changed what: for operators. */
import { z } from "@hono/zod-openapi";
import { isRefusal } from "../../domain/decider.ts";
import { limits } from "../../domain/limits.ts";
import type { Audited, Holding } from "../../domain/registry.ts";
import type { TenantSettings } from "../../domain/tenant.ts";
import { readMark } from "../after.ts";
import { readBody } from "../body.ts";
import { formatInstant } from "../instant.ts";
import { checked, readJson } from "../json-body.ts";
import * as parameter from "../parameters.ts";
import { readParameters } from "../parameters.ts";
import { refusalProblem } from "../problem.ts";
import { type Desk, json, route } from "../route.ts";
import { id } from "../text.ts";
import { PAGE } from "./events.ts";

const AUDIT = "/api/audit";
const TENANT = "/api/tenant";
/** In a list of features: every type. */
const EVERY = "*";

const audited = z.strictObject({
  id: z.uuid(),
  tenant_id: z.string(),
  camera_id: z.string().nullable().openapi({ description: "null for what concerns the tenant." }),
  ts: z.iso.datetime({ precision: 3 }),
  subject: z.string().nullable().openapi({ description: "Of the token; null where tokens are off." }),
  action: z.string().openapi({ example: "rule-defined" }),
  revision: z.int().min(1),
  data: z.looseObject({ type: z.string() }).openapi({ description: "What was decided; nothing secret." }),
});
const audit = z.strictObject({ audit: z.array(audited), next: z.string().nullable() }).openapi("Audit");

const auditedBody = (tenant: string, { id, camera, at, by, type, revision, data }: Audited): z.infer<typeof audited> => ({
  id,
  tenant_id: tenant,
  camera_id: camera ?? null,
  ts: formatInstant(at),
  subject: by ?? null,
  action: type,
  revision,
  data: data as z.infer<typeof audited>["data"],
});

const cameraLimit = z.int().min(0).max(limits.channels);
const features = z
  .array(id)
  .max(limits.featuresPerCamera)
  .openapi({ description: `Object types that may become events; "${EVERY}" is every type.` });
const tenantChanges = z.strictObject({ camera_limit: cameraLimit.optional(), features: features.optional() }).openapi("TenantChanges");
const tenantAnswer = z
  .strictObject({ tenant_id: z.string(), camera_limit: cameraLimit, features, cameras: z.int().min(0) })
  .openapi("Tenant");

const auditParameters = {
  camera_id: parameter.oneId("One camera; all, and the tenant itself, when left out."),
  limit: parameter.limit(PAGE, "eventRows"),
  cursor: parameter.cursor,
};

export const tenantRoutes = (desk: Desk): void => {
  const { core, cursors } = desk.house;
  const { registry } = core;

  route(
    desk,
    {
      method: "get",
      path: AUDIT,
      scope: "ops",
      summary: "Who changed what, and who watched what, newest first.",
      parameters: auditParameters,
      responses: { 200: { description: "A page of it.", content: json(audit) } },
      refusals: [422],
    },
    async (c, { tenant }) => {
      const { camera_id: camera, limit, cursor } = readParameters(auditParameters, new URL(c.req.url).searchParams, core.limits);
      const question = JSON.stringify([AUDIT, camera]);
      const before = readMark(desk.house, tenant, question, cursor)?.at;
      const found = await core.audit(tenant, { camera, before, limit: limit + 1 });
      const shown = found.slice(0, limit);
      const last = shown.at(-1);
      const next = found.length > limit && last !== undefined ? cursors.page(tenant, question, { at: last.number, id: last.id }) : null;
      return c.json({ audit: shown.map((one) => auditedBody(tenant, one)), next });
    },
  );

  const body = (tenant: string, { settings, cameras }: Holding): z.infer<typeof tenantAnswer> => ({
    tenant_id: tenant,
    camera_limit: settings.cameraLimit,
    features: settings.features === "every" ? [EVERY] : [...settings.features],
    cameras,
  });

  route(
    desk,
    {
      method: "get",
      path: TENANT,
      scope: "ops",
      summary: "What the tenant may have.",
      responses: { 200: { description: "In force.", content: json(tenantAnswer) } },
      refusals: [],
    },
    async (c, { tenant }) => c.json(body(tenant, await registry.tenant(tenant))),
  );

  route(
    desk,
    {
      method: "patch",
      path: TENANT,
      scope: "ops",
      summary: "Sets what the tenant may have. Cameras that are there stay.",
      request: { body: { required: true, content: json(tenantChanges) } },
      responses: { 200: { description: "In force, and durable.", content: json(tenantAnswer) } },
      refusals: [400, 409, 413, 422],
    },
    async (c, caller) => {
      const { camera_limit, features: sent } = checked(tenantChanges, readJson(await readBody(c, core.limits.configBytes)));
      const changes: Partial<TenantSettings> = {
        ...(camera_limit === undefined ? {} : { cameraLimit: camera_limit }),
        ...(sent === undefined ? {} : { features: sent.includes(EVERY) ? "every" : sent }),
      };
      const done = await registry.set(caller.tenant, changes, caller);
      if (isRefusal(done)) throw refusalProblem(done);
      return c.json(body(caller.tenant, done));
    },
  );
};
