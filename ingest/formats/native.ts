/**
 * The shape GET /frames answers:
 *
 *   {"timestamp","id"?,"sensorId","modelVersion"?,"objects":[{"id","type","bbox":{"leftX","topY","rightX","bottomY"},"confidence"?,"info"?}]}
 *
 * The canonical JSON of nv.Frame looks the same and cannot be told apart, save where it writes numbers as text or leaves out
 * what is zero: there nv-json.ts is asked. Objects are copied into one literal shape, for the machines that read them next: it
 * costs a twentieth of parsing and keeps a sender's own fields out of what is derived.
 */
import type { Box, DetectedObject } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import {
  boxOf,
  type Context,
  confidenceOf,
  infoOf,
  isRejection,
  named,
  type Observed,
  type Rejection,
  reject,
  trackOf,
  typeOf,
} from "../normalise.ts";
import { frameOf, isLoose, type Loose } from "./frame.ts";
import { canonicalBox, canonicalNumber } from "./nv-json.ts";

export const parseNative = (value: Loose, context: Context): Observed | Rejection => frameOf(value, "timestamp", readObject, context);

export const readObject = (value: unknown, limits: Limits): DetectedObject | Rejection => {
  if (!isLoose(value)) return reject("object", "", `must be an object, but is ${named(value)}`);
  const id = trackOf(value.id, "id", limits);
  if (typeof id !== "string") return id;
  const type = typeOf(value.type, "type", limits);
  if (typeof type !== "string") return type;
  const bbox = readBox(value.bbox);
  if (isRejection(bbox)) return bbox;
  const confidence = confidenceOf(canonicalNumber(value.confidence), "confidence");
  if (typeof confidence === "object") return confidence;
  const info = value.info === undefined ? undefined : infoOf(value.info, "info", limits);
  if (info !== undefined && "reason" in info) return info;
  return { id, type, bbox, confidence, info };
};

const readBox = (value: unknown): Box | Rejection => {
  if (!isLoose(value)) return reject("box", "bbox", `must be an object, but is ${named(value)}`);
  const { leftX, topY, rightX, bottomY } = value;
  if (typeof leftX === "number" && typeof topY === "number" && typeof rightX === "number" && typeof bottomY === "number") {
    return boxOf(leftX, topY, rightX, bottomY, "bbox");
  }
  return canonicalBox(value);
};
