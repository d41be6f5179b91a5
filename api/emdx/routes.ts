/**
 * emdx, base /api/v2.
 *
 * Quirks: where this surface differs from its document, or settles what the document leaves open. Each names in brackets the
 * test under test/surfaces that locks it.
 *
 * - Nothing found is 200 with an empty list; strict makes it 422. [nothing found]
 * - The socket's filter is not optional: without one within 5 s it is closed with 4408. [no filter]
 * - `direction` is absent, not null, where there is none. [direction absent]
 * - `duration` is end - start, whatever the document's examples say. [duration]
 * - Object ids go out as strings. [ids as strings]
 * - `enter` is accepted for `entry`. [enter]
 * - timeInterval, countThreshold and direction are accepted with every rule type and dropped where they mean nothing. [published parameters]
 * - DELETE /config/roi takes tripwireId for roiId. [roi by tripwireId]
 * - A place's name may be left out and is then its id. [name]
 * - A "+" of an offset that was not percent-encoded arrives as a space and is read as "+". [plus as space]
 * - Histograms cut their first and last bucket to the range. [cut buckets]
 * - A plain socket gets revision 0 of an alert only. [revision 0]
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { AdapterError } from "../../domain/ports.ts";
import { Problem, problemResponse, unavailable } from "../problem.ts";
import type { Env, House, Surface } from "../surface.ts";
import { alertRoutes } from "./alerts.ts";
import { configRoutes } from "./config.ts";
import { countRoutes } from "./counts.ts";
import { createEmdx } from "./emdx.ts";
import { ingestRoutes } from "./ingest.ts";
import { recordRoutes } from "./records.ts";
import { alertSocket } from "./socket.ts";

const bases = ["/api/v2", "/emdx/api/v2"];
const socketPaths = [...bases, "/ws-emdx/api/v2"].map((base) => `${base}/alerts/ws`);

export const emdx = (house: House, options: { readonly tenant: string; readonly strict: boolean }): Surface => {
  const routes = new OpenAPIHono<Env>();
  routes.onError((error, c) => problemResponse(problemOf(house, error, c.req.path)));
  const surface = createEmdx(house, routes, options);
  alertRoutes(surface);
  countRoutes(surface);
  recordRoutes(surface);
  configRoutes(surface);
  ingestRoutes(surface);
  let document: object | undefined;
  return {
    name: "emdx",
    bases,
    routes,
    sockets: [alertSocket(house, socketPaths, options)],
    document: () => {
      document ??= routes.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "Tallywire: emdx",
          version: "2",
          description: "Alerts, counts and configuration. The socket is at /alerts/ws.",
        },
        servers: bases.map((url) => ({ url })),
      });
      return document;
    },
  };
};

/** What is no refusal of ours is a 500 that tells nothing of the inside. */
export const problemOf = ({ core }: Pick<House, "core">, error: unknown, path: string): Problem => {
  if (error instanceof Problem) return error;
  if (error instanceof AdapterError && (error.retryable || error.code === "unavailable" || error.code === "timeout")) {
    core.journal.warn({ err: error, path }, "not available");
    return unavailable("Not available at the moment.");
  }
  core.journal.error({ err: error, path }, "a request failed");
  return new Problem(500, "Internal server error.");
};
