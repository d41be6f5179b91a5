/** Whose record it is: the sensor as its sender names it, and its name here. */
import { isUtf8 } from "node:buffer";
import type { Limits } from "../domain/limits.ts";
import { type Rejection, reject, sensorAt } from "./normalise.ts";
import type { Naming } from "./source-settings.ts";

type Fields = { readonly [name: string]: unknown };
/** A name given in the settings for a sender's own. */
export type Translate = (own: unknown, field: string) => string | Rejection;
export type SensorOf = (frame: Fields, key: Uint8Array | undefined) => string | Rejection;

export const createTranslate = (naming: Naming, limits: Limits): Translate => {
  if (naming.from === "fixed") return () => naming.id;
  const names = new Map(Object.entries(naming.names));
  return (own, field) => {
    // Trackers and video servers number their sensors too.
    const sensor = sensorAt(typeof own === "number" && Number.isSafeInteger(own) ? String(own) : own, field, limits);
    if (typeof sensor !== "string") return sensor;
    const known = names.get(sensor);
    if (known !== undefined) return known;
    return naming.unknown === "keep" ? sensor : reject("sensor", field, "is no name the settings know");
  };
};

export const createSensorOf = (naming: Naming, translate: Translate): SensorOf => {
  if (naming.from === "fixed") return () => naming.id;
  if (naming.from === "key")
    return (_, key) => (key !== undefined && !isUtf8(key) ? reject("sensor", "key", "is not UTF-8") : translate(textOf(key), "key"));
  const path = naming.field.split(".");
  return (frame) => translate(at(frame, path), naming.field);
};

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

/** Own fields only: a path from a file must not reach what every object inherits. */
const at = (frame: Fields, path: readonly string[]): unknown => {
  let value: unknown = frame;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Fields)[name];
  }
  return value;
};
