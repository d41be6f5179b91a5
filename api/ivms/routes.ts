/**
 * ivms, bases /REST/local and /V-Pro-IVMS-APIServer/REST/local.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Under each stands the file under
 * test/ and the title of the test that locks it.
 *
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
