/**
 * ivms, bases /REST/local and /V-Pro-IVMS-APIServer/REST/local.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Under each stands the file under
 * test/ and the title of the test that locks it.
 *
 * - /notification says that it is open, and that it closes, in text frames; where the client closes it says nothing more.
 *   surfaces/notification: "says that it is open, then the newest alerts, the oldest of them first, then each as it is raised"
 *   surfaces/notification: "it says so when it stops"
 *   surfaces/notification: "it says nothing where the client closes"
 * - On connecting it tells the newest alerts of the tenant, 20 of them; who resumes with a cursor is told what came since instead.
 *   surfaces/notification: "says that it is open, then the newest alerts, the oldest of them first, then each as it is raised"
 *   surfaces/notification: "says that it is open, a cursor, the newest alerts, and resumes from any cursor without loss or repeat"
 * - A plain client is told of an alert once, whatever is found out of it later: among the newest in its newest revision, else in revision 0.
 *   surfaces/notification: "a plain client is not told of later revisions that were raised meanwhile"
 *   surfaces/notification: "an alert that was told in a later revision is not told in an earlier one, and in a later still with tallywire.v1 alone"
 * - `alertType` 301 to 304 are ours, 209 (Activity Detection) is occupancy; `eventDetails1` is the alert's id.
 *   surfaces/notification: "says an alert of a rule of type %s as the document shows it, its type %d"
 * - Frames alone make no channel: an alert of such a sensor has `cameraId` 0 and its id as `cameraName`.
 *   surfaces/notification: "is as it stands when the alert is raised: nobody's, created, renamed, removed, created again"
 * - `base64imageUrl` is the signed address of a JPEG, no base64; "" where nothing was recorded.
 *   surfaces/notification: "is the address of a picture of its end, by the name the socket was opened by; alike for equals, of whom one is asked"
 *   surfaces/notification: "is empty where nothing was recorded"
 * - `eventTime` names no zone: it is that of a setting.
 *   surfaces/notification: "is in the zone of the setting"
 * - What is said to /notification in text is ignored.
 *   surfaces/notification: "ignores what is said in text, and is closed with 4400 for binary"
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "../env.ts";
import { declareSecurity, documentOf } from "../route.ts";
import type { House, Surface } from "../surface.ts";
import { refusal, refusing } from "./answer.ts";
import { channelRoutes } from "./channels.ts";
import { eventRoutes } from "./events.ts";
import { fileRoutes } from "./files.ts";
import { type Ivms, SERVER } from "./ivms.ts";
import { notification } from "./notification.ts";
import { sessionRoutes } from "./sessions.ts";

/** Before every path, the socket's at the root included. */
const bases = ["", SERVER];
const MINE = new RegExp(`^(?:${SERVER})?/REST/(?:local|locla)(?:/|$)`);

type Options = { readonly ivmsTenant: string; readonly ivmsZone: string; readonly publicUrl: string | undefined };

export const ivms = (house: House, { ivmsTenant, ivmsZone, publicUrl }: Options): Surface => {
  const routes = new OpenAPIHono<Env>();
  const answer = refusing(house, publicUrl);
  routes.onError(answer);
  const desk: Ivms = { house, routes, tenant: ivmsTenant, refusal, publicUrl };
  declareSecurity(desk);
  channelRoutes(desk);
  sessionRoutes(desk);
  eventRoutes(desk);
  fileRoutes(desk);
  const socket = notification(desk, { bases, zone: ivmsZone, publicUrl });
  const name = "ivms";
  const description = "Channels, live and recorded films of them over HLS, pictures and films of events.";
  return {
    name,
    bases,
    routes,
    sockets: [socket],
    refusing: { isAt: (path) => MINE.test(path), answer },
    document: documentOf(desk, { name, description, bases }),
  };
};
