/** All surfaces of one Core behind one server. */
import type { Server, ServerOptions } from "node:http";
import type { Socket } from "node:net";
import { type Context, Hono } from "hono";
import { METHODS } from "hono/router";
import { answerHeaders, calledByLoopback, crossOrigin, mayWrite } from "./browsers.ts";
import type { Tokens } from "./caller.ts";
import type { Core } from "./core.ts";
import { cursors } from "./cursor.ts";
import { emdx } from "./emdx/routes.ts";
import type { Env } from "./env.ts";
import { grantsBy } from "./grants.ts";
import { ivms } from "./ivms/routes.ts";
import { startLive } from "./live.ts";
import { myvms } from "./myvms/routes.ts";
import { opsRoutes } from "./ops.ts";
import { nothingAt, noUpgrade, Problem, problemOf, problemResponse } from "./problem.ts";
import { createRates, type RatesAllowed } from "./rates.ts";
import { Replays } from "./replays.ts";
import { createSockets, type SocketOptions } from "./sockets.ts";
import type { House, Surface } from "./surface.ts";

export type AppOptions = SocketOptions & {
  /** Whose data emdx, and ivms, show while tokens are off. */
  readonly tenant: string;
  readonly ivmsTenant: string;
  /** The IANA name of the time zone of instants on ivms' /notification. */
  readonly ivmsZone: string;
  /** The address under which clients reach us, without a slash at its end. Undefined: the one a request was sent to. */
  readonly publicUrl: string | undefined;
  readonly strict: boolean;
  /** `user:password` for /metrics; without, it answers on loopback only. */
  readonly metricsAuth: string | undefined;
  /** Given where tokens are on. */
  readonly tokens?: Tokens;
  /** Of one subject in a minute, while tokens are on. */
  readonly rates: RatesAllowed;
};

export type App = {
  readonly fetch: Hono<Env>["fetch"];
  /** For `createServer`: how long clients may take, and how much head they may send. */
  readonly serverOptions: ServerOptions;
  /** Takes socket upgrades. */
  attach(server: Server): void;
  /** Takes no new connection; gives open requests and sockets so many milliseconds, then ends them. */
  close(waitMs: number): Promise<void>;
};

const securing = Object.entries(answerHeaders);

/** All there are. */
const published: readonly ((house: House, options: AppOptions) => Surface)[] = [emdx, ivms, myvms];

export const createApp = (core: Core, options: AppOptions): App => {
  const live = startLive(core);
  const { limits } = core;
  const access = { tokens: options.tokens, roles: core.roles, rates: createRates(options.rates, limits, core.meter) };
  const replays = new Replays(core);
  const house: House = { core, live, replays, cursors: cursors(core.epoch, live.at().length), grants: grantsBy(core.epoch), access };
  const surfaces = published.map((surface) => surface(house, options));
  let closing = false;
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const start = performance.now();
    await next();
    const labels = { method: c.req.method, route: routeOf(c.req.matchedRoutes), status: String(c.res.status) };
    core.meter.observe("tallywire_http_seconds", (performance.now() - start) / 1000, labels);
    // A client that asks again and again on one connection would keep a stopping server alive.
    if (closing) c.res.headers.set("connection", "close");
  });
  if (options.loopbackOnly)
    app.use((c, next) => {
      calledByLoopback(c.req.header("host"));
      return next();
    });
  if (options.tokens === undefined)
    app.use((c, next) => {
      mayWrite(c.req.method, c.req.header("origin"), c.req.header("host"), options.origins);
      return next();
    });
  if (options.origins.length > 0) app.use(crossOrigin(options.origins));
  app.route(
    "/",
    opsRoutes(core, surfaces, { metricsAuth: options.metricsAuth, rates: access.rates, showsCameras: options.tokens === undefined }),
  );
  for (const surface of surfaces) for (const base of surface.bases) app.route(base, surface.routes);
  const refused = (error: unknown, c: Context<Env>): Response => {
    const own = surfaces.find(({ refusing }) => refusing?.isAt(c.req.path) === true)?.refusing;
    return own === undefined ? problemResponse(problemOf(house, error, c.req.path)) : own.answer(error, c);
  };
  app.onError(refused);
  const methodsAt = (path: string): string[] =>
    METHODS.map((method) => method.toUpperCase()).filter((method) =>
      app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
    );
  const socketRoutes = surfaces.flatMap((surface) => surface.sockets);
  const socketPaths = new Set(socketRoutes.flatMap(({ paths }) => paths));
  app.notFound((c) => refused(missing(c.req.path, methodsAt(c.req.path), socketPaths.has(c.req.path)), c));
  const sockets = createSockets(core, socketRoutes, access, options);
  let attached: Server | undefined;
  const connections = new Set<Socket>();

  return {
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: limits.connectionLookMs,
      maxHeaderSize: limits.headBytes,
    },
    attach: (server) => {
      attached = server;
      server.maxConnections = limits.connections;
      server.on("drop", () => core.meter.count("tallywire_dropped_connections_total"));
      // Before hono: what an answer says itself goes before these. As a part of hono they cost twice as much.
      server.prependListener("request", (_, answer) => {
        for (const [name, value] of securing) answer.setHeader(name, value);
      });
      server.on("connection", (connection) => {
        connections.add(connection);
        connection.once("close", () => connections.delete(connection));
      });
      sockets.attach(server);
    },
    close: async (waitMs) => {
      closing = true;
      live.close();
      replays.close();
      const closed = new Promise<void>((resolve) => (attached === undefined ? resolve() : attached.close(() => resolve())));
      attached?.closeIdleConnections();
      // Opened ahead, as browsers do, and silent so far: to Node these are busy, and would be waited for.
      for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
      const late = setTimeout(() => attached?.closeAllConnections(), waitMs);
      await Promise.all([closed, sockets.close(waitMs)]);
      clearTimeout(late);
    },
  };
};

/** The route's pattern, never the path: a metric must not grow with what callers make up. */
const routeOf = (matched: readonly { readonly path: string; readonly method: string }[]): string =>
  matched.findLast(({ method }) => method !== "ALL")?.path ?? "none";

/** 404, 405, or, at the path of a socket, 426. */
const missing = (path: string, allowed: readonly string[], isSocket: boolean): Problem => {
  if (isSocket) return noUpgrade();
  if (allowed.length > 0) return new Problem(405, `Allowed here: ${allowed.join(", ")}.`, { headers: { allow: allowed.join(", ") } });
  return nothingAt(path);
};
