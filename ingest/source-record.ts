/** One record of a topic of others to what it tells: frames, what became of a camera, or why nothing can be made of it. */
import type { Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import type { ForeignRecord } from "../domain/ports.ts";
import { linesOf } from "./body.ts";
import { parseNvMessage } from "./formats/nv-protobuf.ts";
import { type CameraEvent, parseVstEvent } from "./formats/vst-event.ts";
import { type Context, isRejection, type Observed, type Rejection, rejectionText } from "./normalise.ts";
import { isNotReceived } from "./received.ts";
import { createSensorOf, createTranslate } from "./source-sensor.ts";
import type { Reading } from "./source-settings.ts";

export type Unreadable = { readonly reason: string; readonly detail: string };
export type Told =
  | { readonly frames: readonly (Observed | Rejection)[] }
  | { readonly event: CameraEvent }
  | { readonly unreadable: Unreadable };

export type ReadRecord = (record: ForeignRecord, now: Instant) => Told;

export const createReadRecord = ({ sensor, format, events }: Reading, limits: Limits): ReadRecord => {
  const translate = createTranslate(sensor, limits);
  const sensorOf = createSensorOf(sensor, translate);
  const eventKey = events === false ? undefined : Buffer.from(events.key);
  const eventCamera = events === false ? "camera_id" : events.camera;

  const readEvent = (value: Buffer, { timestamp }: ForeignRecord, now: Instant): Told => {
    const event = parseVstEvent(value, eventCamera, timestamp >= 0 ? timestamp : now);
    if (isRejection(event)) return refusal(event);
    const camera = translate(event.camera, `event.${eventCamera}`);
    return typeof camera === "string" ? { event: { ...event, camera } } : refusal(camera);
  };

  return (record, now) => {
    const { key, value: bytes } = record;
    if (bytes === undefined || bytes.length === 0) return { unreadable: { reason: "empty", detail: "the record has no value" } };
    if (bytes.length > limits.bodyBytes)
      return { unreadable: { reason: "too-large", detail: `the record has more than ${limits.bodyBytes} bytes` } };
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (format === "events" || (eventKey !== undefined && key !== undefined && eventKey.equals(key))) return readEvent(value, record, now);
    const context: Context = { now, limits, sensorOf: (frame) => sensorOf(frame, key) };
    const kind = format !== "auto" ? format : looksLikeJson(value) ? "json" : "protobuf";
    if (kind === "protobuf") return { frames: [parseNvMessage(value, context)] };
    const lines = linesOf(value, kind === "protobuf-delimited" ? "protobuf" : kind, context);
    return isNotReceived(lines)
      ? { unreadable: { reason: lines.problem, detail: lines.detail } }
      : { frames: lines.map(({ frame }) => frame) };
  };
};

const refusal = (rejection: Rejection): Told => ({ unreadable: { reason: rejection.reason, detail: rejectionText(rejection) } });

const JSON_OPENS = new Set([0x7b, 0x5b]);
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/** An nv.Frame begins with a field's number (0x0a for the version, which is white space to JSON) and a length; a brace there would be a version of 91 or 123 letters. */
const looksLikeJson = (bytes: Buffer): boolean => {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (isSpace(bytes[at])) at++;
  return JSON_OPENS.has(bytes[at] as number);
};
