/** /healthz, /readyz, /metrics, /openapi/<surface>.json and the reference pages. */
import { Hono } from "hono";
import type { Core } from "./core.ts";
import { answerMetrics } from "./metrics.ts";
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

  routes.get("/metrics", (c) => answerMetrics(c, core, metricsAuth));

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
