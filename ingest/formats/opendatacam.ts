/**
 * What OpenDataCam's tracker tells of a frame:
 *
 *   {"frame_id":16,"objects":[{"id":0,"name":"car","cx":319,"cy":361,"w":116,"h":121,"confidence":0.67,"isZombie":false}]}
 *
 * Centres are `cx`, `cy` or `x`, `y`, in pixels. Raw detections (`relative_coordinates`, no ids) need the picture's size; without
 * ids they are no tracks. A zombie is the tracker's guess where nothing was detected: taken in as OpenDataCam counts it, and marked.
 */
import type { DetectedObject, Info } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import {
  aheadOf,
  boxOf,
  type Context,
  confidenceOf,
  isRejection,
  named,
  type Observed,
  type Rejection,
  reject,
  timestampOf,
  trackOf,
  typeOf,
} from "../normalise.ts";
import { isLoose, type Loose, objectsOf } from "./frame.ts";
import { type FrameClock, instantOfFrame } from "./frame-clock.ts";

/** Frame 0 is at `start`, also in a file that begins later. */
export type OpendatacamOptions = FrameClock & { readonly size: { readonly width: number; readonly height: number } | undefined };

const ZOMBIE: Info = [["isZombie", "true"]];

export const looksLikeOpendatacam = (value: Loose): boolean => frameNumber(value) !== undefined && Array.isArray(value.objects);

const frameNumber = (value: Loose): unknown => value.frame_id ?? value.frameId;

export const parseOpendatacam = (value: unknown, options: OpendatacamOptions, context: Context): Observed | Rejection => {
  if (!isLoose(value)) return reject("shape", "", `a frame must be an object, but is ${named(value)}`);
  const number = frameNumber(value);
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) {
    return reject("shape", "frame_id", "must be an integer of 0 or more");
  }
  // Its own exports carry the time; the tracker's plain output does not.
  const timestamp =
    typeof value.timestamp === "string" ? timestampOf(value.timestamp, "timestamp", context) : instantOfFrame(options, number);
  if (typeof timestamp !== "number") return timestamp;
  const ahead = aheadOf(timestamp, "frame_id", context.now, context.limits);
  if (ahead !== undefined) return ahead;
  const objects = objectsOf(value.objects, (object, limits) => readObject(object, options, limits), context.limits);
  if (!Array.isArray(objects)) return objects;
  return { sensorId: options.sensorId, timestamp, id: String(number), modelVersion: undefined, objects };
};

const readObject = (value: unknown, options: OpendatacamOptions, limits: Limits): DetectedObject | Rejection => {
  if (!isLoose(value)) return reject("object", "", `must be an object, but is ${named(value)}`);
  const id = trackOf(value.id, "id", limits);
  if (typeof id !== "string") return id;
  const type = typeOf(value.name, "name", limits);
  if (typeof type !== "string") return type;
  const centre = centreOf(value, options);
  if ("reason" in centre) return centre;
  const { x, y, w, h } = centre;
  const bbox = boxOf(x - w / 2, y - h / 2, x + w / 2, y + h / 2, "box");
  if (isRejection(bbox)) return bbox;
  const confidence = confidenceOf(value.confidence, "confidence");
  if (typeof confidence === "object") return confidence;
  return { id, type, bbox, confidence, info: value.isZombie === true ? ZOMBIE : undefined };
};

type Centre = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };

const centreOf = (value: Loose, { size }: OpendatacamOptions): Centre | Rejection => {
  const relative = value.relative_coordinates;
  if (!isLoose(relative)) return numbersOf(value.cx ?? value.x, value.cy ?? value.y, value.w, value.h, 1, 1);
  if (size === undefined) return reject("box", "relative_coordinates", "need the picture's size (--size 1280x720)");
  return numbersOf(relative.center_x, relative.center_y, relative.width, relative.height, size.width, size.height);
};

const numbersOf = (x: unknown, y: unknown, w: unknown, h: unknown, across: number, down: number): Centre | Rejection =>
  typeof x === "number" && typeof y === "number" && typeof w === "number" && typeof h === "number"
    ? { x: x * across, y: y * down, w: w * across, h: h * down }
    : reject("box", "", "the centre, width and height must be numbers");
