/** An alert, as myvms says it: an event. */
import type { z } from "@hono/zod-openapi";
import type { Alert } from "../../domain/event.ts";
import { eventTypeOf } from "../../domain/event-type.ts";
import { traceId } from "../../domain/ids.ts";
import { formatInstant } from "../instant.ts";
import { snapUrl } from "../snap-url.ts";
import type { House } from "../surface.ts";
import type { event } from "./event-schema.ts";

export type EventBody = z.infer<typeof event>;

const lowestConfidence = ({ objects = [] }: Alert): number | null => {
  const known = objects.flatMap(({ confidence }) => confidence ?? []);
  return known.length === 0 ? null : Math.min(...known);
};

/** The document shows a number. An id that a number would change stays text. */
const trackId = (id: string | undefined): number | string | null => {
  if (id === undefined) return null;
  const number = Number(id);
  return Number.isSafeInteger(number) && number >= 0 && String(number) === id ? number : id;
};

export const eventBody = (house: Pick<House, "core" | "grants">, alert: Alert): EventBody => ({
  id: alert.id,
  tenant_id: alert.tenant,
  camera_id: alert.camera,
  type: eventTypeOf(alert),
  confidence: lowestConfidence(alert),
  payload: {
    boxes: (alert.objects ?? []).map(({ bbox: { leftX, topY, rightX, bottomY } }) => ({ leftX, topY, rightX, bottomY })),
    track_id: trackId(alert.objects?.[0]?.id),
    alert: {
      id: alert.id,
      rule_id: alert.ruleId,
      rule_name: alert.ruleName,
      rule_type: alert.ruleType,
      rule_version: alert.ruleVersion,
      type: alert.place.analytic,
      place_id: alert.place.id,
      place_name: alert.placeName,
      ...(alert.direction === undefined ? {} : { direction: alert.direction }),
      count: alert.count,
      severity: alert.severity,
      description: alert.description,
      start: formatInstant(alert.start),
      end: formatInstant(alert.end),
      revision: alert.revision,
    },
  },
  snapshot_url: snapUrl(house, alert, alert.end) ?? null,
  trace_id: traceId(alert.id),
  model_version: alert.cause.to.modelVersion ?? null,
  ts: formatInstant(alert.end),
});
