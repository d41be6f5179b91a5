/**
 * myvms, base /v2.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Under each stands the file under
 * test/ and the title of the test that locks it.
 *
 * - An event is an alert; `type` is its rule type, for `notify` the type of its object. Its id is the alert's, its trace_id a UUIDv5 of that.
 *   surfaces/myvms: "are alerts: their type is the rule's, for notify the object's"
 * - `snapshot_url` is null where nothing was recorded.
 *   surfaces/myvms: "are alerts: their type is the rule's, for notify the object's"
 * - `snapshot_url` names the picture by the instant of the event, in milliseconds since 1970, and opens it by itself for a day.
 *   surfaces/myvms-playback: "shows its picture at an address that opens it by itself, the same within an hour"
 * - The playlist takes `?token=`, no other route does; what it names is opened by a grant in its address, never by the token.
 *   surfaces/myvms-playback: "takes a token in its address, and gives none on"
 *   surfaces/myvms-playback: "is opened by a grant for its own hour, and by nothing else"
 * - Days and hours are UTC. An event just after the hour may lie in the playlist of the hour before, as its offset says.
 *   surfaces/myvms-playback: "is found in a playlist, so many seconds from its beginning"
 * - What was recorded of a camera that was removed is found and played as before; only where nothing was is it no camera.
 *   surfaces/myvms-playback: "is played as before when its camera was removed"
 * - Ranges of bytes are not served: segments come whole.
 *   surfaces/myvms-playback: "comes whole, with its type, for whoever asked to keep"
 * - `track_id` is a number where the object's id is one that JSON can hold, else a text.
 *   surfaces/myvms: "name a track by a number where its id is one, else by a text"
 * - A plain socket gets revision 0 of an event only; what is said to it in text is ignored.
 *   surfaces/myvms-socket: "tells a plain client revision 0 only, tallywire.v1 each"
 *   surfaces/myvms-socket: "ignores what is said in text, and is closed with 4400 for binary"
 * - Frames alone create no camera: such a sensor is not listed, and its events are there all the same.
 *   e2e/myvms: "of a sensor that nobody created are there, though it is no camera"
 * - `features` bound what `notify` may tell of from then on; what was told before stays. None: all that are licensed.
 *   e2e/myvms: "are those of the camera's features from then on"
 * - Features not licensed are dropped and named in `dropped_features`; where none is left the write is refused.
 *   surfaces/myvms: "drops features that are not licensed and names them"
 * - What GET answers of a camera may be sent back whole: what is ours to say (status, channel, instants) is passed over.
 *   surfaces/myvms: "takes back what it answered, and leaves what is masked as it was"
 * - `recording` is ours: null where a camera is not recorded, else how that goes, and why not. Sent back it is passed over.
 *   surfaces/myvms: "say how their recording goes, and why it does not"
 * - A camera may be without `rtsp_url` ("" or null): frames come from elsewhere.
 *   surfaces/myvms: "may be without an address"
 * - `enabled: false` stops the camera's rules, not what is observed.
 *   domain/registration: "of a camera that is not enabled raise nothing; what is observed is told all the same"
 * - `health/ready` checks the log and the warehouse, where the document has postgres and redis.
 *   surfaces/myvms: "says whether the log and the warehouse are ready"
 * - `next` and `cursor`, `after`, `channel`, `model`, `dropped_features`, GET /api/cameras/{id}, /api/tenant and /api/audit are ours.
 *   surfaces/myvms: "are answered page by page, newest first"
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "../env.ts";
import * as parameter from "../parameters.ts";
import { problemOf, problemResponse } from "../problem.ts";
import { toldAgain } from "../replay-parameters.ts";
import { type Desk, declareSecurity, declareSocket, documentOf } from "../route.ts";
import type { House, Surface } from "../surface.ts";
import { cameraRoutes } from "./cameras.ts";
import { plainMessage, v1Message } from "./event-schema.ts";
import { eventRoutes } from "./events.ts";
import { healthRoutes } from "./health.ts";
import { hlsRoutes } from "./hls.ts";
import { playbackRoutes } from "./playback.ts";
import { eventSocket } from "./socket.ts";
import { tenantRoutes } from "./tenant.ts";

const BASE = "/v2";
const SOCKET = "/ws/events";
/** Whose everything is while tokens are off. */
const TENANT = "default";

export const myvms = (house: House, { metricsAuth }: { readonly metricsAuth: string | undefined }): Surface => {
  const routes = new OpenAPIHono<Env>();
  routes.onError((error, c) => problemResponse(problemOf(house, error, c.req.path)));
  const desk: Desk = { house, routes, tenant: TENANT };
  declareSecurity(desk);
  healthRoutes(desk, metricsAuth);
  cameraRoutes(desk);
  eventRoutes(desk);
  playbackRoutes(desk);
  hlsRoutes(desk);
  tenantRoutes(desk);
  const socket = declareSocket(desk, {
    bases: [BASE],
    path: SOCKET,
    scope: "events:read",
    summary: "The tenant's events as they happen.",
    parameters: {
      camera_id: parameter.ids("Which cameras; all when left out."),
      type: parameter.ids("Which types; all when left out."),
      ...toldAgain,
      token: parameter.token,
    },
    says: { plain: { name: "EventMessage", schema: plainMessage }, v1: { name: "EventMessageV1", schema: v1Message } },
    take: eventSocket(house),
  });
  const name = "myvms";
  const description = "Cameras, events, recordings and who changed what. The socket is at /ws/events.";
  return { name, bases: [BASE], routes, sockets: [socket], document: documentOf(desk, { name, description, bases: [BASE] }) };
};
