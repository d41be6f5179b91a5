/** POST /frames and POST /cameras/{id}/state: the HTTP side of the door. What is in a body is ingest's business. */
import { z } from "@hono/zod-openapi";
import { stateOfChange } from "../../domain/camera-status.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { CameraState } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { readBody } from "../body.ts";
import type { NotReceived } from "../core.ts";
import { parseInstant } from "../instant.ts";
import { checked, readJson } from "../json-body.ts";
import { flag, readParameters } from "../parameters.ts";
import { idInPath, readIdInPath } from "../path-id.ts";
import { notReceivedProblem, Problem, unprocessable } from "../problem.ts";
import { type Declared, route } from "../route.ts";
import { id } from "../text.ts";
import type { Emdx } from "./emdx.ts";
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
  const declared: Declared = {
    method: "post",
    path: "/frames",
    scope: "frames:write",
    summary: "Takes frames in: one, an array, NDJSON, or length-delimited nv.Frame; answered once they are durable.",
    parameters: frameParameters,
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
    },
    refusals: [400, 413, 415, 422],
  };
  route(emdx, declared, async (c, { tenant }) => {
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
const vendor = z.object({ alert_type: z.literal("camera_status_change"), event: z.object({ change: id }) }).openapi("CameraStatusChange");

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

const stateRoute = (emdx: Emdx): void => {
  const { core, cursors } = emdx.house;
  const declared: Declared = {
    method: "post",
    path: "/cameras/{id}/state",
    scope: "frames:write",
    summary: "Says what became of a camera.",
    more: [idInPath],
    request: { body: { required: true, content: { "application/json": { schema: z.union([own, vendor]) } } } },
    responses: {
      202: { description: "Durable.", content: { "application/json": { schema: stateReceived } } },
    },
    refusals: [400, 413, 422],
  };
  route(emdx, declared, async (c, { tenant }) => {
    const camera = readIdInPath(c.req.url, -2, core.limits.idLength);
    // Not camelCased: the vendor's fields are snake_case, and others may stand beside them.
    const sent = readJson(await readBody(c, core.limits.configBytes));
    const isVendor = typeof sent === "object" && sent !== null && "alert_type" in sent;
    const told = isVendor ? readVendor(checked(vendor, sent), core.now()) : readOwn(checked(own, sent));
    const answer = await core.receiveState({ tenant, camera }, told);
    if (isProblem(answer)) throw notReceivedProblem(answer);
    return c.json({ position: cursors.position(tenant, answer) }, 202);
  });
};
