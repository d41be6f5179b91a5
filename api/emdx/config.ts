/** POST, GET, DELETE /config/tripwire, /config/roi, /config/sensor, /config/rule/alerts/{fov,tripwire,roi}. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Analytic, Camera, CameraCommand } from "../../domain/camera.ts";
import { isRefusal } from "../../domain/decider.ts";
import { sensorDefaults } from "../../domain/defaults.ts";
import { readPosition } from "../after.ts";
import { readBody } from "../body.ts";
import type { Caller } from "../caller.ts";
import type { Env } from "../env.ts";
import { checked, readJson } from "../json-body.ts";
import * as parameter from "../parameters.ts";
import { type Documented, type Parameters, readParameters, type Values } from "../parameters.ts";
import { refusalProblem } from "../problem.ts";
import { type Declared, route } from "../route.ts";
import * as present from "./config-present.ts";
import * as read from "./config-read.ts";
import * as schemas from "./config-schemas.ts";
import { csvText, type Table, wantsCsv } from "./csv.ts";
import type { Emdx } from "./emdx.ts";
import * as emdxParameter from "./parameters.ts";

type Config<P extends Parameters, B> = {
  readonly path: string;
  readonly what: string;
  readonly body: z.ZodType<B>;
  /** For the document, where it says more than what is checked first. */
  readonly shown?: z.ZodType;
  readonly answer: z.ZodType;
  readonly removal: P;
  readonly define: (sent: B, camera: string) => CameraCommand;
  readonly remove: (asked: Values<P>, camera: string) => CameraCommand;
  readonly present: (camera: Camera, sensorId: string) => object;
  readonly table: (camera: Camera, sensorId: string) => Table;
};

export const configRoutes = (emdx: Emdx): void => {
  config(emdx, {
    path: "/config/tripwire",
    what: "tripwires",
    body: schemas.tripwires,
    answer: schemas.tripwiresAnswer,
    removal: { tripwireId: parameter.ids("Which tripwires; all of the sensor's when left out.") },
    define: (sent) => ({ type: "define-tripwires", tripwires: read.readTripwires(sent.tripwires), deleteHistory: sent.deleteIfPresent }),
    remove: ({ tripwireId }) => ({ type: "remove-tripwires", ids: tripwireId }),
    present: present.tripwiresBody,
    table: (camera, sensorId) => present.listTable(sensorId, present.tripwiresBody(camera, sensorId).tripwires),
  });
  config(emdx, {
    path: "/config/roi",
    what: "regions",
    body: schemas.rois,
    answer: schemas.roisAnswer,
    removal: { roiId: parameter.ids("Which regions; all of the sensor's when left out.", "tripwireId") },
    define: (sent) => ({ type: "define-rois", rois: read.readRois(sent.rois), deleteHistory: sent.deleteIfPresent }),
    remove: ({ roiId }) => ({ type: "remove-rois", ids: roiId }),
    present: present.roisBody,
    table: (camera, sensorId) => present.listTable(sensorId, present.roisBody(camera, sensorId).rois),
  });
  config(emdx, {
    path: "/config/sensor",
    what: "settings",
    body: schemas.sensor,
    answer: schemas.sensorAnswer,
    removal: {},
    define: (sent) => ({ type: "set-sensor", settings: read.readSettings(sent) }),
    remove: () => ({ type: "set-sensor", settings: sensorDefaults }),
    present: present.sensorBody,
    table: (camera, sensorId) =>
      present.listTable(
        sensorId,
        [camera.settings].map(({ reorderMs, fov }) => ({ reorderMs, ...fov })),
      ),
  });
  for (const analytic of ["fov", "tripwire", "roi"] as const) ruleConfig(emdx, analytic);
};

const ruleConfig = (emdx: Emdx, analytic: Analytic): void => {
  const placeName = analytic === "tripwire" ? "tripwireId" : "roiId";
  config(emdx, {
    path: `/config/rule/alerts/${analytic}`,
    what: `${analytic} rules`,
    body: schemas.rules,
    shown: schemas.rulesDocument,
    answer: schemas.rulesAnswer,
    removal: {
      ruleId: parameter.ids("Which rules; all of the place's when left out."),
      placeId: parameter.oneId("The place; all of the sensor's when left out.", ...(analytic === "fov" ? [] : [placeName])),
    },
    define: (sent, camera) => ({ type: "define-rules", rules: read.readRules(sent.rules, analytic, camera) }),
    remove: ({ ruleId, placeId }, camera) => {
      if (analytic === "fov") read.fovOf(placeId, "placeId", camera);
      return { type: "remove-rules", analytic, placeId, ruleIds: ruleId };
    },
    present: (camera, sensorId) => present.rulesBody(camera, sensorId, analytic),
    table: (camera, sensorId) => present.listTable(sensorId, present.rulesBody(camera, sensorId, analytic).rules),
  });
};

const reading = { sensorId: emdxParameter.sensorId, after: parameter.after };

const config = <P extends Parameters, B extends { readonly sensorId?: string | undefined }>(emdx: Emdx, own: Config<P, B>): void => {
  const { core, cursors } = emdx.house;
  const removing = { sensorId: emdxParameter.sensorId, ...own.removal };
  const queryOf = <Q extends Parameters>(c: Context<Env>, parameters: Q): Values<Q> =>
    readParameters(parameters, new URL(c.req.url).searchParams, core.limits);

  const written = async (c: Context<Env>, { tenant, subject }: Caller, camera: string, command: CameraCommand): Promise<Response> => {
    const done = await core.change({ tenant, camera }, command, subject);
    if (isRefusal(done)) throw refusalProblem(done);
    c.header("tallywire-position", cursors.position(tenant, done.reached));
    return c.json(own.present(done.camera, camera));
  };

  const declared = declare(own, removing);
  route(emdx, declared.post, async (c, caller) => {
    const asked = queryOf(c, { sensorId: emdxParameter.sensorInBody });
    const sent = checked(own.body, readJson(await readBody(c, core.limits.configBytes), schemas.knownFields));
    const sensorId = read.sensorOf(asked.sensorId, sent.sensorId);
    return written(c, caller, sensorId, own.define(sent, sensorId));
  });

  route(emdx, declared.delete, async (c, caller) => {
    const asked = queryOf(c, removing) as Values<P> & { readonly sensorId: string };
    return written(c, caller, asked.sensorId, own.remove(asked, asked.sensorId));
  });

  route(emdx, declared.get, async (c, { tenant }) => {
    const { sensorId, after } = queryOf(c, reading);
    // Read from the store, which has a write before it is answered: there is nothing to wait for.
    if (after !== undefined) readPosition(emdx.house, tenant, after);
    const camera = await core.camera({ tenant, camera: sensorId });
    c.header("vary", "Accept");
    if (!wantsCsv(c)) return c.json(own.present(camera, sensorId));
    return c.body(csvText(own.table(camera, sensorId)), 200, { "content-type": "text/csv; charset=utf-8; header=present" });
  });
};

const admin: Documented = {
  name: "User-Type",
  in: "header",
  required: false,
  schema: { type: "string", enum: ["Admin"] },
  description: "Needed while tokens are off; with tokens on the scope decides.",
};

const declare = <P extends Parameters, B>(own: Config<P, B>, removing: Parameters): Record<"get" | "post" | "delete", Declared> => {
  const json = { "application/json": { schema: own.answer } };
  const headers = { "Tallywire-Position": { schema: { type: "string" }, description: "For `after=`." } } as const;
  return {
    post: {
      method: "post",
      path: own.path,
      scope: "cameras:write",
      summary: `Defines ${own.what}; the same id again replaces.`,
      parameters: { sensorId: emdxParameter.sensorInBody },
      more: [admin],
      request: { body: { required: true, content: { "application/json": { schema: own.shown ?? own.body } } } },
      responses: { 200: { description: "What is in force, once it is durable.", headers, content: json } },
      refusals: [400, 404, 409, 413, 422],
    },
    delete: {
      method: "delete",
      path: own.path,
      scope: "cameras:write",
      summary: `Removes ${own.what}.`,
      parameters: removing,
      more: [admin],
      responses: { 200: { description: "What is left, once it is durable.", headers, content: json } },
      refusals: [404, 409, 422],
    },
    get: {
      method: "get",
      path: own.path,
      scope: "cameras:read",
      summary: `The sensor's ${own.what}, defaults filled in.`,
      parameters: reading,
      responses: { 200: { description: "What is in force.", content: { ...json, "text/csv": { schema: { type: "string" } } } } },
      refusals: [422],
    },
  };
};
