/** /healthz, /readyz, /metrics, /openapi/<surface>.json and the reference pages. */
import { Hono } from "hono";
import type { Core } from "./core.ts";
import type { Env } from "./env.ts";
import { answerMetrics, isOperator } from "./metrics.ts";
import type { Rates } from "./rates.ts";
import { referencePage } from "./reference.ts";
import type { Surface } from "./surface.ts";

/** `showsCameras`: to everybody, as where tokens are off. */
export const opsRoutes = (
  core: Core,
  surfaces: readonly Surface[],
  { metricsAuth, rates, showsCameras }: { readonly metricsAuth: string | undefined; readonly rates: Rates; readonly showsCameras: boolean },
): Hono<Env> => {
  const routes = new Hono<Env>();

  const [first] = surfaces;
  if (first !== undefined) routes.get("/", (c) => c.redirect(`/reference/${first.name}`));

  routes.get("/healthz", (c) => c.json({ status: "ok" }));

  routes.get("/readyz", async (c) => {
    const all = await core.ready();
    const ready = all.every((part) => part.ready);
    // Cameras are their tenant's business, and this path is open to all.
    const shown = showsCameras || isOperator(c, metricsAuth) ? all : all.filter(({ kind }) => kind !== "camera");
    const parts = shown.map(({ kind: _, ...part }) => part);
    return c.json({ status: ready ? "ok" : "error", roles: core.roles, parts }, ready ? 200 : 503);
  });

  routes.get("/metrics", (c) => answerMetrics(c, core, rates, metricsAuth));

  for (const surface of surfaces) {
    // Written once: they are open to all, and each would take some milliseconds of everybody's time.
    let document: string | undefined;
    let page: Awaited<ReturnType<typeof referencePage>> | undefined;
    routes.get(`/openapi/${surface.name}.json`, (c) => {
      document ??= JSON.stringify(surface.document());
      return c.body(document, 200, { "content-type": "application/json" });
    });
    routes.get(`/reference/${surface.name}`, async (c) => {
      // The page has no script and loads nothing.
      c.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
      page ??= await referencePage(surface.document());
      return c.html(page);
    });
  }
  return routes;
};
