/** Records of others' topics, as their senders write them. */
import { create, toBinary } from "@bufbuild/protobuf";
import type { ForeignRecord } from "../../domain/ports.ts";
import { NvFrameSchema } from "../../ingest/formats/nv-protobuf.ts";
import { NOW } from "./frames.ts";

export const foreign = (offset: number, value: string | Uint8Array | undefined, over: Partial<ForeignRecord> = {}): ForeignRecord => ({
  topic: "mdx-raw",
  partition: 0,
  offset,
  timestamp: NOW - 500,
  key: undefined,
  value: typeof value === "string" ? Buffer.from(value) : value,
  ...over,
});

/** One nv.Frame as a record holds it, without a length. */
export const nvFrame = (sensorId: string, id: string, at: number, objects: readonly object[] = [nvObject()]): Uint8Array =>
  toBinary(
    NvFrameSchema,
    create(NvFrameSchema, {
      version: "4.0",
      id,
      sensorId,
      timestamp: { seconds: BigInt(Math.floor(at / 1000)), nanos: (at % 1000) * 1_000_000 },
      objects,
    } as never),
  );

export const nvObject = (over: object = {}): object => ({
  id: "7",
  type: "Person",
  bbox: { leftX: 10, topY: 20, rightX: 30, bottomY: 60 },
  confidence: 0.5,
  ...over,
});

export const cameraEvent = (camera: string, change: string, over: object = {}): string =>
  JSON.stringify({
    alert_type: "camera_status_change",
    event: { camera_id: camera, camera_name: `name of ${camera}`, camera_url: `rtsp://user:secret@10.0.0.1/${camera}`, change },
    ...over,
  });
