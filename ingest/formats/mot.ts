/**
 * MOT challenge text, one box a line: frame,id,left,top,width,height,confidence,class,visibility
 *
 * Frames count from 1: the first is at `start`. Detections and results write -1 for what they do not know, and for the last
 * columns; ground truth marks boxes to be ignored with a confidence of 0, which is kept: a rule's `minConfidence` can leave them out.
 */
import type { Info } from "../../domain/event.ts";
import type { Context, Rejection } from "../normalise.ts";
import { aheadOf, boxOf, confidenceOf, isRejection, MINUS_ONE_UNSIGNED, reject, trackOf } from "../normalise.ts";
import { type FrameClock, instantOfFrame } from "./frame-clock.ts";
import type { Row } from "./rows.ts";

export const CLASSES: readonly string[] = [
  "Pedestrian",
  "Person on vehicle",
  "Car",
  "Bicycle",
  "Motorbike",
  "Non motorized vehicle",
  "Static person",
  "Distractor",
  "Occluder",
  "Occluder on the ground",
  "Occluder full",
  "Reflection",
  "Crowd",
];
/** The attribute that the last column is read as. */
const VISIBILITY = "visibility";
export const isClassless = (type: string): boolean => !CLASSES.includes(type);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** `type` names objects in files without classes. */
export type MotOptions = FrameClock & { readonly type: string };

export const looksLikeMot = (line: string): boolean => {
  const fields = line.split(/[,\s]+/).filter((field) => field !== "");
  return fields.length >= 6 && fields.every((field) => NUMBER.test(field));
};

/** A track as a column holds it, -1 for an object that is none; undefined for an id that is read as another. */
export const motTrack = (id: string): string | undefined =>
  id === "" ? "-1" : /^\d+$/.test(id) && id !== MINUS_ONE_UNSIGNED ? id : undefined;

/** What the last column is to hold of an object's attributes. */
export const motVisibility = (info: Info | undefined): string => {
  const [, value = ""] = info?.find(([name]) => name === VISIBILITY) ?? [];
  return NUMBER.test(value) && Number(value) >= 0 ? value : "-1";
};

/** The number of the frame a line belongs to; NaN in a line that has none. */
export const frameOfMot = (line: string): number => Number.parseInt(line, 10);

export const parseMot = (line: string, options: MotOptions, { now, limits }: Context): Row | Rejection => {
  const fields = line.trim().split(/\s*,\s*|\s+/);
  if (fields.length < 6) return reject("shape", "", `must be frame,id,left,top,width,height,…, but has ${fields.length} columns`);
  const [frame = "", track = "", left, top, width, height, sure, kind, visible] = fields;
  const number = Number(frame);
  if (!Number.isSafeInteger(number) || number < 1) return reject("shape", "frame", "must be an integer of 1 or more");
  if (!/^-?\d+(\.0*)?$/.test(track)) return reject("object", "id", "must be an integer");
  const numbers = [left, top, width, height].map((text) => (text !== undefined && NUMBER.test(text) ? Number(text) : Number.NaN));
  const [x = 0, y = 0, w = 0, h = 0] = numbers;
  const bbox = boxOf(x, y, x + w, y + h, "box");
  if (isRejection(bbox)) return bbox;
  const timestamp = instantOfFrame(options, number - 1);
  const ahead = aheadOf(timestamp, "frame", now, limits);
  if (ahead !== undefined) return ahead;
  const id = trackOf(track.replace(/\..*$/, ""), "id", limits);
  if (typeof id !== "string") return id;
  const confidence = confidenceOf(sure === undefined || sure === "" ? undefined : Number(sure), "confidence");
  if (typeof confidence === "object") return confidence;
  // Ten columns end in x, y, z of the world: they have no class.
  const type = (fields.length < 10 ? CLASSES[Number(kind) - 1] : undefined) ?? options.type;
  const seen = fields.length < 10 && visible !== undefined && NUMBER.test(visible) && Number(visible) >= 0;
  return {
    sensorId: options.sensorId,
    timestamp,
    frame: String(number),
    object: { id, type, bbox, confidence, info: seen ? [[VISIBILITY, visible]] : undefined },
  };
};
