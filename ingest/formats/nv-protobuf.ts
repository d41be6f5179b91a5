/**
 * Length-delimited nv.Frame messages (proto3). The schema is declared here, field by field, and built when loaded:
 *
 *   message Frame  { string version = 1; string id = 2; google.protobuf.Timestamp timestamp = 3; string sensorId = 4; repeated Object objects = 5; }
 *   message Object { string id = 1; Bbox bbox = 2; string type = 3; float confidence = 4; map<string, string> info = 5; }
 *   message Bbox   { float leftX = 1; float topY = 2; float rightX = 3; float bottomY = 4; }
 *
 * proto3 cannot tell a confidence of 0 from none: it is taken as none.
 */
import { create, createFileRegistry, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_timestamp,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import type { DetectedObject } from "../../domain/event.ts";
import type { Limits } from "../../domain/limits.ts";
import {
  aheadOf,
  boxOf,
  type Context,
  confidenceOf,
  frameIdOf,
  isRejection,
  type Observed,
  pairsOf,
  type Rejection,
  reject,
  sensorAt,
  trackOf,
  typeOf,
} from "../normalise.ts";
import { objectsOf } from "./frame.ts";

type NvBox = { readonly leftX: number; readonly topY: number; readonly rightX: number; readonly bottomY: number };
type NvObject = {
  readonly id: string;
  readonly bbox?: NvBox;
  readonly type: string;
  readonly confidence: number;
  readonly info: Readonly<Record<string, string>>;
};
export type NvFrame = Message<"nv.Frame"> & {
  readonly version: string;
  readonly id: string;
  readonly timestamp?: { readonly seconds: bigint; readonly nanos: number };
  readonly sensorId: string;
  readonly objects: readonly NvObject[];
};

const field = (name: string, number: number, type: Type, typeName = "", label = Label.OPTIONAL) => ({
  name,
  jsonName: name,
  number,
  type,
  label,
  ...(typeName === "" ? {} : { typeName }),
});
const float = (name: string, number: number) => field(name, number, Type.FLOAT);
const text = (name: string, number: number) => field(name, number, Type.STRING);

const file = create(FileDescriptorProtoSchema, {
  name: "nv.proto",
  package: "nv",
  syntax: "proto3",
  dependency: ["google/protobuf/timestamp.proto"],
  messageType: [
    {
      name: "Frame",
      field: [
        text("version", 1),
        text("id", 2),
        field("timestamp", 3, Type.MESSAGE, ".google.protobuf.Timestamp"),
        text("sensorId", 4),
        field("objects", 5, Type.MESSAGE, ".nv.Object", Label.REPEATED),
      ],
    },
    {
      name: "Object",
      field: [
        text("id", 1),
        field("bbox", 2, Type.MESSAGE, ".nv.Bbox"),
        text("type", 3),
        float("confidence", 4),
        field("info", 5, Type.MESSAGE, ".nv.Object.InfoEntry", Label.REPEATED),
      ],
      nestedType: [{ name: "InfoEntry", options: { mapEntry: true }, field: [text("key", 1), text("value", 2)] }],
    },
    { name: "Bbox", field: [float("leftX", 1), float("topY", 2), float("rightX", 3), float("bottomY", 4)] },
  ],
});

const schemaOf = (name: string): DescMessage => {
  const registry = createFileRegistry(file, () => file_google_protobuf_timestamp);
  const message = registry.getMessage(name);
  if (message === undefined) throw new Error(`nv.proto declares no ${name}`);
  return message;
};

export const NvFrameSchema = schemaOf("nv.Frame");

/** One message without its length. */
export const parseNvMessage = (bytes: Uint8Array, context: Context): Observed | Rejection => {
  let frame: NvFrame;
  try {
    // The schema above is what the type says; the library types a schema built at run time as any message.
    frame = fromBinary(NvFrameSchema, bytes) as unknown as NvFrame;
  } catch (error) {
    return reject("syntax", "", `is no nv.Frame message (${error instanceof Error ? error.message : String(error)})`);
  }
  const { limits } = context;
  const sensorId = context.sensorOf?.(frame) ?? sensorAt(frame.sensorId, "sensorId", limits);
  if (typeof sensorId !== "string") return sensorId;
  if (frame.timestamp === undefined) return reject("timestamp", "timestamp", "is missing");
  const { seconds, nanos } = frame.timestamp;
  if (nanos < 0 || nanos > 999_999_999 || seconds > 253_402_300_799n) return reject("timestamp", "timestamp", "names no real date or time");
  if (seconds < 0n) return reject("timestamp", "timestamp", "is before 1970");
  const timestamp = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  const ahead = aheadOf(timestamp, "timestamp", context.now, limits);
  if (ahead !== undefined) return ahead;
  const id = frameIdOf(frame.id, limits);
  if (typeof id !== "string") return id;
  const objects = objectsOf(frame.objects, (object, bounds) => readObject(object as NvObject, bounds), limits);
  if (!Array.isArray(objects)) return objects;
  return { sensorId, timestamp, id, modelVersion: undefined, objects };
};

const readObject = (object: NvObject, limits: Limits): DetectedObject | Rejection => {
  const id = trackOf(object.id, "id", limits);
  if (typeof id !== "string") return id;
  const type = typeOf(object.type, "type", limits);
  if (typeof type !== "string") return type;
  if (object.bbox === undefined) return reject("box", "bbox", "is missing");
  const bbox = boxOf(object.bbox.leftX, object.bbox.topY, object.bbox.rightX, object.bbox.bottomY, "bbox");
  if (isRejection(bbox)) return bbox;
  const confidence = confidenceOf(object.confidence === 0 ? undefined : object.confidence, "confidence");
  if (typeof confidence === "object") return confidence;
  const info = pairsOf(Object.entries(object.info), "info", limits);
  if (info !== undefined && "reason" in info) return info;
  return { id, type, bbox, confidence, info };
};

/** The messages of a body, each with its length in front. A length that reaches beyond the body is the last one's rejection. */
export function* messagesOf(body: Uint8Array): Generator<Uint8Array | Rejection> {
  let at = 0;
  while (at < body.length) {
    let length = 0;
    let scale = 1;
    for (let last = false; !last; scale *= 128) {
      const byte = body[at++];
      if (byte === undefined || scale > 2 ** 28)
        return yield reject("syntax", "", byte === undefined ? "the body ends within a length" : "has an impossible length");
      length += (byte & 0x7f) * scale;
      last = byte < 0x80;
    }
    if (length > body.length - at)
      return yield reject("syntax", "", `should be ${length} bytes long, but the body ends after ${body.length - at}`);
    yield body.subarray(at, at + length);
    at += length;
  }
}
