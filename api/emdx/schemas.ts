/** The shape of every answer. Strict: an answer with another field fails its test. */
import { z } from "@hono/zod-openapi";

export const instant = z.iso.datetime({ precision: 3 }).openapi({ example: "2021-09-16T06:07:00.534Z" });
const share = z.number().min(0).max(1).openapi({ description: "Share of the range for which the camera was observed." });
const count = z.int().min(0);
const direction = z.enum(["entry", "exit"]);
const objectRef = z.strictObject({ id: z.string(), type: z.string() });
const frameRef = z.strictObject({ timestamp: instant, id: z.string() });

export const alert = z
  .strictObject({
    count,
    description: z.string(),
    duration: z.number().openapi({ description: "Seconds from start to end." }),
    endTimestamp: instant,
    id: z.uuid(),
    rule_type: z.enum(["increment", "occupancy", "occupancy_threshold_switch", "flowrate", "notify"]),
    sensorId: z.string(),
    startTimestamp: instant,
    type: z.enum(["fov", "tripwire", "roi"]),
    direction: z.enum(["entry", "exit", "up", "down"]).optional(),
    attributes: z.array(z.strictObject({ name: z.string(), value: z.union([z.string(), z.array(objectRef)]) })),
    rule_id: z.string(),
    rule_name: z.string(),
    rule_version: z.int().min(0),
    severity: z.enum(["info", "warning", "critical"]),
    revision: z.int().min(0),
    retracted: z.literal(true).optional().openapi({ description: "Should not have been raised. Only on sockets with tallywire.v1." }),
    cause: z.strictObject({ from: frameRef, to: frameRef }),
  })
  .openapi("Alert");

const cursor = z.string().openapi({ description: "From where ?since= goes on." });
/** A message of the socket: to a plain client, and with tallywire.v1. */
export const plainMessage = z.strictObject({ alerts: z.array(alert) });
export const v1Message = z.union([
  z.strictObject({ alerts: z.array(alert), cursor }),
  z.strictObject({
    ack: z.strictObject({ filters: count }).openapi({ description: "The filter holds: so many entries." }),
    cursor,
  }),
  z.strictObject({ heartbeat: instant, cursor }),
  z.strictObject({ gap: z.strictObject({ from: z.string(), to: z.string() }), cursor }),
  z.strictObject({ ended: z.strictObject({ told: count }), cursor }),
  z.strictObject({ error: z.strictObject({ path: z.string(), detail: z.string() }) }),
]);

export const alerts = z.strictObject({ alerts: z.array(alert) }).openapi("Alerts");

export const alertCounts = z
  .strictObject({
    alerts: z.array(
      z.strictObject({
        sensorId: z.string(),
        type: z.enum(["fov", "tripwire", "roi"]),
        rule_type: alert.shape.rule_type,
        rule_id: z.string(),
        rule_name: z.string(),
        direction: alert.shape.direction,
        count,
        attributes: z.array(z.unknown()).max(0),
      }),
    ),
    uptime: share,
  })
  .openapi("AlertCounts");

const typeCounts = z.array(z.strictObject({ type: z.string(), count }));
const events = z.array(z.strictObject({ type: direction, objects: typeCounts }));
const distinctObjects = typeCounts
  .optional()
  .openapi({ description: "With countMode=distinct: objects that crossed in either direction at least once." });

export const tripwireKpis = z
  .strictObject({ tripwireKpis: z.array(z.strictObject({ id: z.string(), events, distinctObjects })), uptime: share })
  .openapi("TripwireKpis");

export const tripwireHistogram = z
  .strictObject({
    bucketSizeInSec: z.int(),
    tripwires: z.array(
      z.strictObject({ id: z.string(), histogram: z.array(z.strictObject({ start: instant, end: instant, events, distinctObjects })) }),
    ),
    uptime: share,
  })
  .openapi("TripwireHistogram");

const occupancyBuckets = z.array(
  z.strictObject({
    start: instant,
    end: instant,
    objects: z.array(z.strictObject({ type: z.string(), averageCount: z.number().min(0), maxCount: count, minCount: count })),
  }),
);
export const fovHistogram = z
  .strictObject({ bucketSizeInSec: z.int(), histogram: occupancyBuckets, uptime: share })
  .openapi("FovHistogram");
export const roiHistogram = z
  .strictObject({
    bucketSizeInSec: z.int(),
    rois: z.array(z.strictObject({ id: z.string(), histogram: occupancyBuckets })),
    uptime: share,
  })
  .openapi("RoiHistogram");

export const behaviors = z
  .strictObject({
    behaviors: z.array(
      z.strictObject({
        sensor: z.strictObject({ id: z.string() }),
        object: objectRef,
        locations: z.strictObject({ coordinates: z.array(z.tuple([z.int(), z.tuple([z.number(), z.number()])])) }),
      }),
    ),
  })
  .openapi("Behaviors");

export const frames = z
  .strictObject({
    frames: z.array(
      z.strictObject({
        timestamp: instant,
        version: z.literal("4.0"),
        id: z.string(),
        sensorId: z.string(),
        objects: z.array(
          z.strictObject({
            id: z.string(),
            type: z.string(),
            bbox: z.strictObject({ leftX: z.number(), topY: z.number(), rightX: z.number(), bottomY: z.number() }),
            confidence: z.number().optional(),
            info: z.record(z.string(), z.string()).optional(),
          }),
        ),
      }),
    ),
  })
  .openapi("Frames");

export const crossings = z
  .strictObject({
    crossings: z.array(
      z.strictObject({
        sensorId: z.string(),
        tripwireId: z.string(),
        object: objectRef,
        direction,
        at: instant,
        confirmedAt: instant,
        late: z.boolean(),
      }),
    ),
  })
  .openapi("Crossings");

export const stays = z
  .strictObject({
    stays: z.array(
      z.strictObject({
        sensorId: z.string(),
        roiId: z.string().optional(),
        object: objectRef,
        start: instant,
        end: instant.optional(),
        dwell: z.number().min(0).optional().openapi({ description: "Seconds; absent, like end and reason, while the stay lasts." }),
        reason: z.enum(["left", "timeout", "sensor_lost", "clock_reset", "redefined"]).optional(),
      }),
    ),
  })
  .openapi("Stays");

export const received = z
  .strictObject({
    accepted: count,
    duplicates: count,
    rejected: z.array(z.strictObject({ line: z.int(), detail: z.string() })),
    position: z.string(),
  })
  .openapi("Received");

export const stateReceived = z.strictObject({ position: z.string() }).openapi("StateReceived");
