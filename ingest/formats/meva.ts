/**
 * Detections of the MEVA data set as NDJSON, one box a line, sorted by time:
 *
 *   {"sensorId":"school.G423","ts":"2018-03-11T15:20:46.467Z","frame":1394,"id":"…/674503355543332019","type":"person","bbox":[x1,y1,x2,y2]}
 */
import {
  boxOf,
  type Context,
  frameIdOf,
  isRejection,
  named,
  type Rejection,
  reject,
  sensorProblem,
  timestampOf,
  trackOf,
  typeOf,
} from "../normalise.ts";
import { isLoose, type Loose } from "./frame.ts";
import type { Row } from "./rows.ts";

export const looksLikeMeva = (value: Loose): boolean => typeof value.ts === "string" && Array.isArray(value.bbox);

export const parseMeva = (value: unknown, context: Context): Row | Rejection => {
  const { limits } = context;
  if (!isLoose(value)) return reject("shape", "", `a line must be an object, but is ${named(value)}`);
  const problem = sensorProblem(value.sensorId, limits);
  if (problem !== undefined) return reject("sensor", "sensorId", problem);
  const timestamp = timestampOf(value.ts, "ts", context);
  if (typeof timestamp !== "number") return timestamp;
  const frame = frameIdOf(value.frame, limits);
  if (typeof frame !== "string") return frame;
  const id = trackOf(value.id, "id", limits);
  if (typeof id !== "string") return id;
  const type = typeOf(value.type, "type", limits);
  if (typeof type !== "string") return type;
  if (!Array.isArray(value.bbox) || value.bbox.length !== 4) return reject("box", "bbox", "must be [x1, y1, x2, y2]");
  const [left, top, right, bottom] = value.bbox as unknown[];
  const bbox = boxOf(left, top, right, bottom, "bbox");
  if (isRejection(bbox)) return bbox;
  // An integer id within it keeps its digits by the name `id` alone; sensorId was checked to be text.
  return { sensorId: value.sensorId as string, timestamp, frame, object: { id, type, bbox, confidence: undefined, info: undefined } };
};
