/** /healthz, /readyz, /metrics, /openapi/<surface>.json and the reference pages. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Core } from "./core.ts";
import { Problem } from "./problem.ts";
import { referencePage } from "./reference.ts";
import type { Env, Surface } from "./surface.ts";

export const opsRoutes = (core: Core, surfaces: readonly Surface[], metricsAuth: string | undefined): Hono<Env> => {
  const routes = new Hono<Env>();

  const [first] = surfaces;
  if (first !== undefined) routes.get("/", (c) => c.redirect(`/reference/${first.name}`));

  routes.get("/healthz", (c) => c.json({ status: "ok" }));

  routes.get("/readyz", async (c) => {
    const parts = await core.ready();
    const ready = parts.every((part) => part.ready);
    return c.json({ status: ready ? "ok" : "error", roles: core.roles, parts }, ready ? 200 : 503);
  });

  routes.get("/metrics", async (c) => {
    admitMetrics(metricsAuth, c.req.header("authorization"), c.env?.incoming?.socket.remoteAddress);
    return c.body(await core.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });

  for (const surface of surfaces) {
    routes.get(`/openapi/${surface.name}.json`, (c) => c.json(surface.document()));
    routes.get(`/reference/${surface.name}`, (c) => {
      // The page has no script and loads nothing.
      c.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
      return c.html(referencePage(surface.document()));
    });
  }
  return routes;
};

const loopback = /^(::ffff:)?127\.|^::1$/;

/** With user and password set they are needed; without, only this machine may ask. */
const admitMetrics = (expected: string | undefined, authorization: string | undefined, address: string | undefined): void => {
  if (expected === undefined) {
    if (address === undefined || !loopback.test(address)) throw new Problem(403, "Metrics are answered on loopback only.");
    return;
  }
  const hash = (text: string) => createHash("sha256").update(text).digest();
  const given = `Basic ${Buffer.from(expected).toString("base64")}`;
  if (!timingSafeEqual(hash(given), hash(authorization ?? ""))) {
    throw new Problem(401, "Metrics need a user and a password.", { headers: { "www-authenticate": 'Basic realm="tallywire metrics"' } });
  }
};
