/** What the core says, as emdx says it. */
import type { z } from "@hono/zod-openapi";
import type { Alert, Crossing, Frame, FrameRef } from "../../domain/event.ts";
import type { AlertCount, Stay, Track } from "../../projections/questions.ts";
import { formatInstant } from "../instant.ts";
import type * as schemas from "./schemas.ts";

type Alerts = z.infer<typeof schemas.alerts>["alerts"];
type Attributes = Alerts[number]["attributes"];
export type AlertBody = Alerts[number];

export const seconds = (from: number, to: number): number => (to - from) / 1000;

const frameRef = ({ timestamp, id }: FrameRef) => ({ timestamp: formatInstant(timestamp), id });

/** A tripwire's and region's alerts name their place; a threshold switch names no objects. */
const attributes = ({ objects, place, placeName }: Alert): Attributes => [
  ...(objects === undefined ? [] : [{ name: "objects", value: objects.map(({ id, type }) => ({ id, type })) }]),
  ...(place.analytic === "fov"
    ? []
    : [
        { name: `${place.analytic}Id`, value: place.id },
        { name: `${place.analytic}Name`, value: placeName },
      ]),
];

/** `direction` is absent, not null, where there is none. */
export const alertBody = (alert: Alert): AlertBody => ({
  count: alert.count,
  description: alert.description,
  duration: seconds(alert.start, alert.end),
  endTimestamp: formatInstant(alert.end),
  id: alert.id,
  rule_type: alert.ruleType,
  sensorId: alert.camera,
  startTimestamp: formatInstant(alert.start),
  type: alert.place.analytic,
  ...(alert.direction === undefined ? {} : { direction: alert.direction }),
  attributes: attributes(alert),
  rule_id: alert.ruleId,
  rule_name: alert.ruleName,
  rule_version: alert.ruleVersion,
  severity: alert.severity,
  revision: alert.revision,
  ...(alert.retracted ? { retracted: true as const } : {}),
  cause: { from: frameRef(alert.cause.from), to: frameRef(alert.cause.to) },
});

type CountBody = z.infer<typeof schemas.alertCounts>["alerts"][number];

export const alertCountBody = (camera: string, row: AlertCount): CountBody => ({
  sensorId: camera,
  type: row.analytic,
  rule_type: row.ruleType,
  rule_id: row.ruleId,
  rule_name: row.ruleName,
  ...(row.direction === undefined ? {} : { direction: row.direction as NonNullable<CountBody["direction"]> }),
  count: row.count,
  attributes: [],
});

export const frameBody = (frame: Frame): z.infer<typeof schemas.frames>["frames"][number] => ({
  timestamp: formatInstant(frame.timestamp),
  version: "4.0",
  id: frame.id,
  sensorId: frame.camera,
  objects: frame.objects.map(({ id, type, bbox, confidence, info }) => ({
    id,
    type,
    bbox: { leftX: bbox.leftX, topY: bbox.topY, rightX: bbox.rightX, bottomY: bbox.bottomY },
    ...(confidence === undefined ? {} : { confidence }),
    // fromEntries defines own fields, so a name like `__proto__` stays one.
    ...(info === undefined ? {} : { info: Object.fromEntries(info) }),
  })),
});

export const behaviorBody = (camera: string, track: Track): z.infer<typeof schemas.behaviors>["behaviors"][number] => ({
  sensor: { id: camera },
  object: { id: track.object.id, type: track.object.type },
  locations: { coordinates: track.points.map(([at, x, y]) => [at, [x, y]]) },
});

export const crossingBody = (crossing: Crossing): z.infer<typeof schemas.crossings>["crossings"][number] => ({
  sensorId: crossing.camera,
  tripwireId: crossing.place.id,
  object: { id: crossing.object.id, type: crossing.object.type },
  direction: crossing.direction,
  at: formatInstant(crossing.at),
  confirmedAt: formatInstant(crossing.confirmedAt),
  late: crossing.late,
});

export const stayBody = (camera: string, stay: Stay): z.infer<typeof schemas.stays>["stays"][number] => ({
  sensorId: camera,
  ...(stay.place.analytic === "fov" ? {} : { roiId: stay.place.id }),
  object: { id: stay.object.id, type: stay.object.type },
  start: formatInstant(stay.start),
  ...(stay.end === undefined ? {} : { end: formatInstant(stay.end), dwell: seconds(stay.start, stay.end) }),
  ...(stay.reason === undefined ? {} : { reason: stay.reason }),
});
