/** The shape of an event, and of what its socket says. Strict: an answer with another field fails its test. */
import { z } from "@hono/zod-openapi";
import { limits } from "../../domain/limits.ts";

const instant = z.iso.datetime({ precision: 3 }).openapi({ example: "2026-04-30T14:23:45.123Z" });
const box = z.strictObject({ leftX: z.number(), topY: z.number(), rightX: z.number(), bottomY: z.number() });
const revision = z.int().min(0).openapi({ description: "The highest of an id is the truth." });

const eventAlert = z
  .strictObject({
    id: z.uuid(),
    rule_id: z.string(),
    rule_name: z.string(),
    rule_type: z.enum(["increment", "occupancy", "occupancy_threshold_switch", "flowrate", "notify"]),
    rule_version: z.int().min(0),
    type: z.enum(["fov", "tripwire", "roi"]),
    place_id: z.string(),
    place_name: z.string(),
    direction: z.enum(["entry", "exit", "up", "down"]).optional(),
    count: z.int().min(0),
    severity: z.enum(["info", "warning", "critical"]),
    description: z.string(),
    start: instant,
    end: instant,
    revision,
  })
  .openapi("EventAlert", { description: "What a rule concluded; type is the analytic." });

export const event = z
  .strictObject({
    id: z.uuid(),
    tenant_id: z.string(),
    camera_id: z.string(),
    type: z.string().openapi({ description: "The type of the rule; of a rule of type notify the type of the object." }),
    confidence: z.number().nullable().openapi({ description: "The lowest of its objects'." }),
    payload: z.strictObject({
      boxes: z.array(box).openapi({ description: "Of its objects, in pixels." }),
      track_id: z
        .union([z.int().min(0), z.string()])
        .nullable()
        .openapi({ description: "Of the first object." }),
      alert: eventAlert,
    }),
    snapshot_url: z
      .string()
      .nullable()
      .openapi({
        description: `From the root of the server on: the picture of \`ts\`, null where nothing was recorded. The address opens it without a token, for ${limits.grantMs / 3_600_000} h and up to one hour more.`,
        example: "/v2/hls/cam-front-01/2026-04-30/14/snap-1777559025123.jpg?grant=…",
      }),
    trace_id: z.uuid(),
    model_version: z.string().nullable(),
    ts: instant,
  })
  .openapi("Event");

const v = z.literal(2);
const cursor = z.string().openapi({ description: "From where ?since= goes on." });
/** A message of the socket: to a plain client, and with tallywire.v1. */
export const plainMessage = z.strictObject({ v, data: event });
export const v1Message = z.union([
  z.strictObject({
    v,
    // Not an extension of the other: the document would say that it is one, which may have no further field.
    data: z.strictObject({
      ...event.shape,
      revision,
      retracted: z.literal(true).optional().openapi({ description: "Should not have been raised." }),
    }),
    cursor,
  }),
  z.strictObject({ v, heartbeat: instant, cursor }),
  z.strictObject({ v, gap: z.strictObject({ from: z.string(), to: z.string() }), cursor }),
  z.strictObject({ v, ended: z.strictObject({ told: z.int().min(0) }), cursor }),
  z.strictObject({ v, error: z.strictObject({ path: z.string(), detail: z.string() }) }),
]);
