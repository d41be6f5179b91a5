/** GET, POST /api/cameras; GET, PATCH, DELETE /api/cameras/{id}. */
import { randomUUID } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { isRefusal, type Refusal } from "../../domain/decider.ts";
import type { Changed, Registered, Said } from "../../domain/registry.ts";
import { settle } from "../after.ts";
import { readBody } from "../body.ts";
import type { Caller } from "../caller.ts";
import { statusesOf } from "../camera-status.ts";
import type { Env } from "../env.ts";
import { checked, readJson } from "../json-body.ts";
import * as parameter from "../parameters.ts";
import { readParameters } from "../parameters.ts";
import { idInPath, readIdInPath } from "../path-id.ts";
import { Problem, refusalProblem, unprocessable } from "../problem.ts";
import { type Desk, json, route } from "../route.ts";
import * as shape from "./camera.ts";

const PATH = "/api/cameras";
const ONE = `${PATH}/{id}`;

type Sent = z.output<typeof shape.newCamera>;

const saidIn = ({ name, rtsp_url, features, fps, enabled, record, model }: Sent): Said => ({
  name,
  features,
  fps,
  enabled,
  record,
  rtspUrl: rtsp_url === null ? "" : rtsp_url,
  model: model === null ? "" : model,
});

const noSuch = (): Problem => new Problem(404, "There is no such camera.");

export const cameraRoutes = (desk: Desk): void => {
  const { core, cursors } = desk.house;
  const { registry, limits } = core;
  const position = { "Tallywire-Position": { schema: { type: "string" }, description: "For `after=`." } } as const;

  const read = async <S extends z.ZodType>(c: Context<Env>, schema: S): Promise<z.output<S>> =>
    checked(schema, readJson(await readBody(c, limits.configBytes)));

  /** `asked`: undefined for all there are, whose names would be too long to ask by. */
  const shown = async (tenant: string, cameras: readonly Registered[], asked?: readonly string[]) =>
    (await statusesOf(core, tenant, cameras, asked)).map(({ camera, status }) =>
      shape.cameraBody(tenant, camera, { status, recording: core.video.recording({ tenant, camera: camera.id }) }),
    );
  const shownOne = async (tenant: string, camera: Registered) =>
    (await shown(tenant, [camera], [camera.id]))[0] as z.infer<typeof shape.camera>;

  /** What was told of a camera can be waited for. */
  const reading = { after: parameter.after };
  const settled = (c: Context<Env>, tenant: string): Promise<void> =>
    settle(desk.house, tenant, readParameters(reading, new URL(c.req.url).searchParams, limits).after, "frames");

  const written = async (c: Context<Env>, caller: Caller, id: string, sent: Sent, done: Changed | Refusal, status: 200 | 201) => {
    if (isRefusal(done)) throw refusalProblem(done);
    const { registered } = done.camera;
    if (registered === undefined) throw new Error(`camera ${id} was written and is not there`);
    const features = new Set(registered.features);
    const dropped = [...new Set(sent.features ?? [])].filter((feature) => !features.has(feature));
    c.header("tallywire-position", cursors.position(caller.tenant, done.reached));
    if (status === 201) c.header("location", `/v2${PATH}/${encodeURIComponent(id)}`);
    const body = await shownOne(caller.tenant, { id, registration: registered });
    return c.json({ ...body, dropped_features: dropped }, status);
  };

  const ownTenant = ({ tenant }: Caller, { tenant_id }: Sent): void => {
    if (tenant_id !== undefined && tenant_id !== tenant) throw unprocessable("tenant_id", "is not the one of the token");
  };

  route(
    desk,
    {
      method: "get",
      path: PATH,
      scope: "cameras:read",
      summary: "The tenant's cameras, by channel.",
      parameters: reading,
      responses: { 200: { description: "All of them.", content: json(z.array(shape.camera)) } },
      refusals: [422],
    },
    async (c, { tenant }) => {
      await settled(c, tenant);
      return c.json(await shown(tenant, await registry.list(tenant)));
    },
  );

  route(
    desk,
    {
      method: "post",
      path: PATH,
      scope: "cameras:write",
      summary: "Creates a camera. Its id is that of its sensor; one is made up where none is given.",
      request: { body: { required: true, content: json(shape.newCamera) } },
      responses: { 201: { description: "It is there, and durable.", headers: position, content: json(shape.writtenCamera) } },
      refusals: [400, 409, 413, 422],
    },
    async (c, caller) => {
      const sent = await read(c, shape.newCamera);
      ownTenant(caller, sent);
      const id = sent.id ?? `cam-${randomUUID()}`;
      const done = await registry.create({ tenant: caller.tenant, camera: id }, saidIn(sent), caller);
      return written(c, caller, id, sent, done, 201);
    },
  );

  route(
    desk,
    {
      method: "get",
      path: ONE,
      scope: "cameras:read",
      summary: "One camera.",
      parameters: reading,
      more: [idInPath],
      responses: { 200: { description: "It.", content: json(shape.camera) } },
      refusals: [404, 422],
    },
    async (c, { tenant }) => {
      await settled(c, tenant);
      const found = await registry.get({ tenant, camera: readIdInPath(c.req.url, -1, limits.idLength) });
      if (found === undefined) throw noSuch();
      return c.json(await shownOne(tenant, found));
    },
  );

  route(
    desk,
    {
      method: "patch",
      path: ONE,
      scope: "cameras:write",
      summary: "Changes what is given, and leaves the rest.",
      more: [idInPath],
      request: { body: { required: true, content: json(shape.cameraChanges) } },
      responses: { 200: { description: "What it is now, once it is durable.", headers: position, content: json(shape.writtenCamera) } },
      refusals: [400, 404, 409, 413, 422],
    },
    async (c, caller) => {
      const id = readIdInPath(c.req.url, -1, limits.idLength);
      const sent = await read(c, shape.cameraChanges);
      ownTenant(caller, sent);
      if (sent.id !== undefined && sent.id !== id) throw unprocessable("id", "cannot be changed");
      return written(c, caller, id, sent, await registry.change({ tenant: caller.tenant, camera: id }, saidIn(sent), caller), 200);
    },
  );

  route(
    desk,
    {
      method: "delete",
      path: ONE,
      scope: "cameras:write",
      summary: "Removes a camera with its places and rules. What was observed stays until retention.",
      more: [idInPath],
      responses: { 204: { description: "It is gone.", headers: position } },
      refusals: [404, 409, 422],
    },
    async (c, caller) => {
      const done = await registry.remove({ tenant: caller.tenant, camera: readIdInPath(c.req.url, -1, limits.idLength) }, caller);
      if (isRefusal(done)) throw refusalProblem(done);
      c.header("tallywire-position", cursors.position(caller.tenant, done.reached));
      return c.body(null, 204);
    },
  );
};
