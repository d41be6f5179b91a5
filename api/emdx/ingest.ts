/** POST /frames and POST /cameras/{id}/state: the HTTP side of the door. What is in a body is ingest's business. */
import { z } from "@hono/zod-openapi";
import { stateOfChange } from "../../domain/camera-status.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { CameraState } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { readBody } from "../body.ts";
import type { NotReceived } from "../core.ts";
import { parseInstant } from "../instant.ts";
import { notReceivedProblem, Problem, unprocessable } from "../problem.ts";
import { checked, readJson } from "./config-read.ts";
import type { Emdx } from "./emdx.ts";
import { documentParameters, flag, readParameters } from "./parameters.ts";
import { refusals } from "./question.ts";
import { frames, received, stateReceived } from "./schemas.ts";

const isProblem = (answer: object): answer is NotReceived => "problem" in answer;

export const ingestRoutes = (emdx: Emdx): void => {
  frameRoute(emdx);
  stateRoute(emdx);
};

const frameParameters = {
  release: flag("`true` also lets go the frames that are held for reordering, once these are in: the end of an import."),
};

const frameRoute = (emdx: Emdx): void => {
  const { core, cursors } = emdx.house;
  const { routes } = emdx;
  routes.openAPIRegistry.registerPath({
    method: "post",
    path: "/frames",
    summary: "Takes frames in: one, an array, NDJSON, or length-delimited nv.Frame; answered once they are durable.",
    parameters: documentParameters(frameParameters),
    request: {
      body: {
        required: true,
        content: {
          "application/json": {
            schema: z.union([frames.shape.frames.element, frames.shape.frames, z.looseObject({}), z.array(z.looseObject({}))]),
          },
          "application/x-ndjson": { schema: { type: "string" } },
          "application/x-protobuf": { schema: { type: "string", format: "binary" } },
        },
      },
    },
    responses: {
      202: { description: "Durable.", content: { "application/json": { schema: received } } },
      ...refusals(400, 413, 415, 422, 429, 500, 503),
    },
  });
  routes.post("/frames", async (c) => {
    const { tenant } = await emdx.callerOf(c, "frames:write");
    const { release } = readParameters(frameParameters, new URL(c.req.url).searchParams, core.limits);
    const body = await readBody(c, core.limits.bodyBytes);
    const answer = await core.receive(tenant, {
      contentType: c.req.header("content-type") ?? "application/json",
      encoding: c.req.header("content-encoding"),
      body,
      release,
    });
    if (isProblem(answer)) throw notReceivedProblem(answer);
    const { accepted, duplicates, rejected, reached } = answer;
    if (accepted + duplicates === 0) throw nothingTaken(rejected);
    return c.json({ accepted, duplicates, rejected, position: cursors.position(tenant, reached) }, 202);
  });
};

const nothingTaken = (rejected: Problem["rejected"]): Problem => {
  const first = rejected?.[0];
  if (first === undefined) return new Problem(422, "There is no frame in the body.");
  return new Problem(422, `No frame could be taken in; line ${first.line}: ${first.detail}`, { rejected: rejected ?? [] });
};

const reason = z.string().max(limits.textLength).optional();
const own = z.object({ state: z.enum(["online", "offline", "removed"]), at: z.string(), reason }).openapi("CameraState");
/** The vendor's message. Only what happened is read: a camera's URL may hold its password and is not kept. */
const vendor = z
  .object({ alert_type: z.literal("camera_status_change"), event: z.object({ change: z.string().min(1).max(limits.idLength) }) })
  .openapi("CameraStatusChange");

type Told = Pick<CameraState, "at" | "state" | "change" | "reason">;

const readOwn = (sent: z.output<typeof own>): Told => {
  const at = parseInstant(sent.at);
  if (at === undefined) throw unprocessable("at", "is not an RFC 3339 timestamp with a zone");
  return { at, state: sent.state, change: undefined, reason: sent.reason };
};

const readVendor = ({ event: { change } }: z.output<typeof vendor>, now: Instant): Told => ({
  at: now,
  state: stateOfChange(change),
  change,
  reason: undefined,
});

/** Decoded here: hono leaves a name that is no UTF-8 as it came, and `%25` would then name the same camera as `%`. */
const cameraOf = (url: string, most: number): string => {
  const segment = new URL(url).pathname.split("/").at(-2) ?? "";
  let camera: string;
  try {
    camera = decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) throw unprocessable("id", "is not percent-encoded UTF-8");
    throw error;
  }
  if (camera.includes("\0") || camera.length > most) throw unprocessable("id", "contains NUL or is too long");
  return camera;
};

const stateRoute = (emdx: Emdx): void => {
  const { core, cursors } = emdx.house;
  const { routes } = emdx;
  routes.openAPIRegistry.registerPath({
    method: "post",
    path: "/cameras/{id}/state",
    summary: "Says what became of a camera.",
    parameters: documentParameters({}, { name: "id", in: "path", required: true, description: "The camera.", schema: { type: "string" } }),
    request: { body: { required: true, content: { "application/json": { schema: z.union([own, vendor]) } } } },
    responses: {
      202: { description: "Durable.", content: { "application/json": { schema: stateReceived } } },
      ...refusals(400, 413, 422, 429, 500, 503),
    },
  });
  routes.post("/cameras/:id/state", async (c) => {
    const { tenant } = await emdx.callerOf(c, "frames:write");
    const camera = cameraOf(c.req.url, core.limits.idLength);
    // Not camelCased: the vendor's fields are snake_case, and others may stand beside them.
    const sent = readJson(await readBody(c, core.limits.configBytes), new Set());
    const isVendor = typeof sent === "object" && sent !== null && "alert_type" in sent;
    const told = isVendor ? readVendor(checked(vendor, sent), core.now()) : readOwn(checked(own, sent));
    const answer = await core.receiveState({ tenant, camera }, told);
    if (isProblem(answer)) throw notReceivedProblem(answer);
    return c.json({ position: cursors.position(tenant, answer) }, 202);
  });
};
