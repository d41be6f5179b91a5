/** All surfaces of one Core behind one server. */
import type { Server } from "node:http";
import { Hono } from "hono";
import { METHODS } from "hono/router";
import type { Core } from "./core.ts";
import { cursors } from "./cursor.ts";
import { emdx, problemOf } from "./emdx/routes.ts";
import { startLive } from "./live.ts";
import { opsRoutes } from "./ops.ts";
import { Problem, problemResponse } from "./problem.ts";
import { createSockets } from "./sockets.ts";
import type { Authenticate, Env, House } from "./surface.ts";

export type AppOptions = {
  /** Whose data emdx shows while tokens are off. */
  readonly tenant: string;
  readonly strict: boolean;
  /** `user:password` for /metrics; without, it answers on loopback only. */
  readonly metricsAuth: string | undefined;
  /** Given where tokens are on. */
  readonly authenticate?: Authenticate;
  /** Seals cursors and positions. */
  readonly secret?: string;
};

export type App = {
  readonly fetch: Hono<Env>["fetch"];
  /** Takes socket upgrades and sets the server's time limits. */
  attach(server: Server): void;
  /** Takes nothing new; gives open requests and sockets so many milliseconds, then ends them. */
  close(waitMs: number): Promise<void>;
};

/** Milliseconds for a request's headers, for the whole request, and for an idle connection. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const IDLE_MS = 65_000;

export const createApp = (core: Core, options: AppOptions): App => {
  const live = startLive(core);
  const house: House = { core, live, cursors: cursors(core.epoch, options.secret ?? ""), authenticate: options.authenticate };
  const surfaces = [emdx(house, options)];
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const labels = { method: c.req.method, route: routeOf(c.req.matchedRoutes), status: String(c.res.status) };
    core.meter.observe("tallywire_http_seconds", (performance.now() - start) / 1000, labels);
  });
  app.route("/", opsRoutes(core, surfaces, options.metricsAuth));
  for (const surface of surfaces) for (const base of surface.bases) app.route(base, surface.routes);
  app.onError((error, c) => problemResponse(problemOf(house, error, c.req.path)));
  const methodsAt = (path: string): string[] =>
    METHODS.map((method) => method.toUpperCase()).filter((method) =>
      app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
    );
  app.notFound((c) => problemResponse(missing(c.req.path, methodsAt(c.req.path))));
  const sockets = createSockets(
    core,
    surfaces.flatMap((surface) => surface.sockets),
    options.authenticate,
  );
  let attached: Server | undefined;

  return {
    fetch: app.fetch,
    attach: (server) => {
      attached = server;
      server.headersTimeout = HEADERS_MS;
      server.requestTimeout = REQUEST_MS;
      server.keepAliveTimeout = IDLE_MS;
      sockets.attach(server);
    },
    close: async (waitMs) => {
      live.close();
      const closed = new Promise<void>((resolve) => (attached === undefined ? resolve() : attached.close(() => resolve())));
      attached?.closeIdleConnections();
      await sockets.close(waitMs);
      const late = setTimeout(() => attached?.closeAllConnections(), waitMs);
      await closed;
      clearTimeout(late);
    },
  };
};

/** The route's pattern, never the path: a metric must not grow with what callers make up. */
const routeOf = (matched: readonly { readonly path: string; readonly method: string }[]): string =>
  matched.findLast(({ method }) => method !== "ALL")?.path ?? "none";

const missing = (path: string, allowed: readonly string[]): Problem => {
  if (allowed.length > 0) return new Problem(405, `Allowed here: ${allowed.join(", ")}.`, { headers: { allow: allowed.join(", ") } });
  const v1 = /^(\/emdx|\/ws-emdx)?\/api\/(?!v2(?:\/|$))(.+)$/.exec(path);
  if (v1 !== null)
    return new Problem(
      404,
      `The older version of this interface is not served here. See ${v1[1] ?? ""}/api/v2/${v1[2]?.replace(/^v1\//, "")}.`,
    );
  return new Problem(404, "There is nothing at this path.");
};
