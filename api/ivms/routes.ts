/**
 * ivms, bases /REST/local and /V-Pro-IVMS-APIServer/REST/local.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Under each stands the file under
 * test/ and the title of the test that locks it.
 *
 * - A channel is a camera, by its number; `model` and `ip` are NA where they are not known. There is one VMS: nothing names others.
 *   surfaces/ivms: "are the tenant's cameras by number, with the host of their address, NA for what is not known"
 * - A number that no channel has is 3110, one out of range too; what is no number is 3002.
 *   surfaces/ivms: "that do not exist are 3110, a foreign tenant's and numbers out of range too, and what is no number 3002"
 * - A channel is 0 where it is not known whether it is online.
 *   surfaces/ivms: "are online as their camera is, and 0 where that is not known or cannot be asked"
 * - Messages are the document's, its missing quotes repaired; after 3002 and 1504 it says what is wrong.
 *   surfaces/ivms-examples: "%s: 3002 where a parameter is wrong: the document's sentence, then what is wrong"
 *   surfaces/ivms-examples: "%s: 1504 where the video server cannot be reached"
 * - `uri` is absolute everywhere, as called, but for a token, which is masked; with a public address it begins with that.
 *   surfaces/ivms: "the one in the address is masked wherever the address is told"
 *   surfaces/ivms: "has a playlist under the base that was called, or under the public address"
 * - startarchive is GET and POST, at the right and at the misspelt address.
 *   surfaces/ivms: "is started by %s under %s, from an instant in milliseconds"
 * - The answer to a start is ours, where the document's is missing; its `hlsUrl` is a sealed address, which needs no token.
 *   surfaces/ivms: "is started by %s, and answered with its id, its playlist and its end"
 *   surfaces/ivms: "are had by their sealed address, also with tokens on, from pages of an allowed origin, and are kept by nobody"
 * - GET live/{id} and archive/{id}, the state of a session and why it is so, are ours.
 *   surfaces/ivms: "tells its state, and why it is stalled or failed"
 * - Stopping a session that has ended is 2007; 3112 is a session that there is not, one of the other kind and a foreign one.
 *   surfaces/ivms: "is kept alive and stopped with 2007, stopped once more too"
 *   surfaces/ivms: "has ids that are not those of live ones"
 *   surfaces/ivms-hostile: "session cannot be looked at, kept alive or stopped: 3112"
 * - An id that is a Long and no session can have is 3112, what is no Long 3002.
 *   surfaces/ivms-hostile: "of a session that is none is 3002; one that no session can have is 3112"
 * - A size is at most 3840 pixels a side, an instant not before 1970: 3002. One that is yet to come was not recorded: 3111.
 *   surfaces/ivms-hostile: "of a size is from 0 to what a picture may be made, of the sound 0 or 1: all else is 3002, and starts nothing"
 *   surfaces/ivms-hostile: "of an instant before 1970, or beyond all instants, is 3002"
 * - A source that is not H.264 is 3002 with the codec's name; too many films are 3029 with Retry-After; every other failure is 1504.
 *   surfaces/ivms: "for its codec is 3002, which names the codec"
 *   surfaces/ivms: "because there are too many is 429, and says when to come back"
 *   surfaces/ivms: "for %s is 1504, which names the reason"
 * - No such event and nothing recorded there are both 3111, with the reason.
 *   surfaces/ivms: "that there is not, is another tenant's or was not recorded is 3111 with the reason"
 * - Numbers that the document lacks are ours: 3000 and what the HTTP status is above 400 (3003 no scope, 3004 nothing at this path, 3005
 *   another method, 3009 a conflict, 3021 served elsewhere, 3029 too many), 1500 a defect, 1503 not now. All errors under the bases have this shape.
 *   surfaces/ivms: "has the shape of all others: 3004 for a path that leads nowhere, with its address"
 *   surfaces/ivms: "is 3005 for another method, and names those there are"
 *   surfaces/ivms: "is 3021 where we are called by another's name, and where another process does it"
 *   surfaces/ivms: "one too many a minute is 3029, and says when to come back"
 * - With tokens on one is wanted, in a header or as ?token=.
 *   surfaces/ivms: "one is wanted, in a header or in the address: 3001 without, 3003 without the scope"
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
 * - A session that ended long ago, before the last `playbacksEnded` of its tenant, is 3112 when it is stopped again.
 *   domain/playback: "is known for a while after it has ended, and its id is not given out again even then"
 * - While tokens are off a page of another origin begins and ends nothing, by GET either, unless it may.
 *   surfaces/ivms-hostile: "begins and ends nothing for a page of another origin while tokens are off"
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

type Options = {
  readonly ivmsTenant: string;
  readonly ivmsZone: string;
  readonly publicUrl: string | undefined;
  readonly origins: readonly string[];
};

export const ivms = (house: House, { ivmsTenant, ivmsZone, publicUrl, origins }: Options): Surface => {
  const routes = new OpenAPIHono<Env>();
  const answer = refusing(house, publicUrl);
  routes.onError(answer);
  const desk: Ivms = { house, routes, tenant: ivmsTenant, refusal, publicUrl, origins };
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
