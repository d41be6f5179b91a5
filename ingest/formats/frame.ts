/** What every JSON form of a frame has in common: its head, and a list of objects read one by one. */
import type { DetectedObject } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import { type Context, frameIdOf, isRejection, named, type Observed, type Rejection, reject, sensorAt, timestampOf } from "../normalise.ts";

export type Loose = { readonly [name: string]: unknown };

export const isLoose = (value: unknown): value is Loose => typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads one object; the rejection's field is relative to it. */
export type ReadObject = (value: unknown, limits: Limits) => DetectedObject | Rejection;

/** `version` is that of the sender's schema and means nothing here; the model's is `modelVersion`. Unknown fields are ignored. */
export const frameOf = (value: Loose, timestampField: string, readObject: ReadObject, context: Context): Observed | Rejection => {
  const { limits } = context;
  const { id, modelVersion, objects } = value;
  const sensorId = context.sensorOf?.(value) ?? sensorAt(value.sensorId, "sensorId", limits);
  if (typeof sensorId !== "string") return sensorId;
  const timestamp = timestampOf(value[timestampField], timestampField, context);
  if (typeof timestamp !== "number") return timestamp;
  const frameId = frameIdOf(id, limits);
  if (typeof frameId !== "string") return frameId;
  if (
    modelVersion !== undefined &&
    modelVersion !== null &&
    (typeof modelVersion !== "string" || modelVersion.length > limits.textLength)
  ) {
    return reject("shape", "modelVersion", `must be text of at most ${limits.textLength} characters, but is ${named(modelVersion)}`);
  }
  const read = objectsOf(objects, readObject, limits);
  if (!Array.isArray(read)) return read as Rejection;
  return { sensorId, timestamp, id: frameId, modelVersion: modelVersion ?? undefined, objects: read };
};

/** A frame without objects may leave the list out (canonical proto3 JSON does): it says that nobody was there. */
export const objectsOf = (objects: unknown, readObject: ReadObject, limits: Limits): DetectedObject[] | Rejection => {
  if (objects === undefined || objects === null) return [];
  if (!Array.isArray(objects)) return reject("shape", "objects", `must be an array, but is ${named(objects)}`);
  if (objects.length > limits.objectsPerFrame) {
    return reject("too-many-objects", "objects", `${objects.length} objects, more than ${limits.objectsPerFrame}`);
  }
  const read: DetectedObject[] = new Array(objects.length);
  for (let i = 0; i < objects.length; i++) {
    const object = readObject(objects[i], limits);
    if (isRejection(object)) return reject(object.reason, `objects[${i}]${object.field === "" ? "" : `.${object.field}`}`, object.detail);
    read[i] = object;
  }
  return read;
};
