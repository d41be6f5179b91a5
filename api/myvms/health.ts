/** GET /health, /health/ready, /metrics. */
import { z } from "@hono/zod-openapi";
import type { Readiness } from "../core.ts";
import { answerMetrics } from "../metrics.ts";
import { BASIC, type Desk, openRoute } from "../route.ts";

const check = z.enum(["ok", "error"]);
const health = z.strictObject({ status: z.literal("ok") }).openapi("Health");
const ready = z.strictObject({ status: check, checks: z.strictObject({ log: check, warehouse: check }) }).openapi("Ready");

export const healthRoutes = (desk: Desk, metricsAuth: string | undefined): void => {
  const { core } = desk.house;
  openRoute(
    desk,
    {
      path: "/health",
      summary: "Whether the process is alive.",
      responses: { 200: { description: "It is.", content: { "application/json": { schema: health } } } },
      refusals: [],
    },
    async (c) => c.json({ status: "ok" }),
  );
  const answer = { content: { "application/json": { schema: ready } } };
  openRoute(
    desk,
    {
      path: "/health/ready",
      summary: "Whether the log and the warehouse can be worked with.",
      responses: { 200: { description: "They can.", ...answer }, 503: { description: "One cannot.", ...answer } },
      refusals: [],
    },
    async (c) => {
      const parts = await core.ready();
      const checkOf = (isOf: (kind: Readiness["kind"]) => boolean) =>
        parts.every(({ kind, ready: isReady }) => isReady || !isOf(kind)) ? "ok" : "error";
      // Whoever works with a camera works with the log.
      const checks = { log: checkOf((kind) => kind !== "warehouse"), warehouse: checkOf((kind) => kind === "warehouse") } as const;
      const isReady = parts.every((part) => part.ready);
      return c.json({ status: isReady ? "ok" : "error", checks }, isReady ? 200 : 503);
    },
  );
  openRoute(
    desk,
    {
      path: "/metrics",
      summary: "The metrics, for Prometheus.",
      guard: BASIC,
      responses: { 200: { description: "Its text format.", content: { "text/plain": { schema: { type: "string" } } } } },
      refusals: [401, 403, 429],
    },
    (c) => answerMetrics(c, core, desk.house.access.rates, metricsAuth),
  );
};
