import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { type FileOptions, framesOfFile } from "../../ingest/file-frames.ts";
import { isRejection, type Observed } from "../../ingest/normalise.ts";
import { NOW } from "../support/frames.ts";

/** Recordings that are no part of the project: where they are not, these tests are told as skipped. */
const DATA = fileURLToPath(new URL("../../../shared/data", import.meta.url));
const meva = `${DATA}/meva/allcams_2018-03-11T1615.detections.ndjson.gz`;
const tracked = `${DATA}/opendatacam/tracked_frames.ndjson`;
const raw = `${DATA}/opendatacam/alexeydetections30FPS.json`;

const read = async (file: string, options: FileOptions = {}): Promise<Observed[]> => {
  const frames: Observed[] = [];
  for await (const { line, frame } of framesOfFile(file, options, { now: NOW, limits })) {
    if (isRejection(frame)) throw new Error(`line ${line}: ${frame.field} ${frame.detail}`);
    frames.push(frame);
  }
  return frames;
};
const boxes = (frames: readonly Observed[]): number => frames.reduce((sum, { objects }) => sum + objects.length, 0);

describe.skipIf(!existsSync(meva))("the MEVA recordings", () => {
  it("are read whole, each sensor in order, ids with all their digits", async () => {
    const frames = await read(meva);
    let lines = 0;
    const ids = new Set<string>();
    const sensors = new Set<string>();
    for await (const line of createInterface({ input: createReadStream(meva).pipe(createGunzip()) })) {
      lines++;
      ids.add(/"id":"([^"]*)"/.exec(line)?.[1] as string);
      sensors.add(/"sensorId":"([^"]*)"/.exec(line)?.[1] as string);
    }
    expect(boxes(frames)).toBe(lines);
    expect(new Set(frames.flatMap(({ objects }) => objects.map(({ id }) => id)))).toEqual(ids);
    const last = new Map<string, number>();
    for (const { sensorId, timestamp } of frames) {
      expect(timestamp).toBeGreaterThan(last.get(sensorId) ?? 0);
      last.set(sensorId, timestamp);
    }
    expect(new Set(last.keys())).toEqual(sensors);
    expect(sensors.size).toBeGreaterThan(1);
  });
});

describe.skipIf(!existsSync(tracked))("the OpenDataCam junction", () => {
  const clock = { sensor: "junction", fps: 30, start: NOW - 3_600_000 };
  it("is read whole, tracked and raw", async () => {
    const frames = await read(tracked, clock);
    expect(boxes(frames)).toBe(6325);
    expect(new Set(frames.flatMap(({ objects }) => objects.map(({ id }) => id))).size).toBe(141);
    const detections = await read(raw, { ...clock, size: { width: 1280, height: 720 } });
    expect([detections.length, boxes(detections)]).toEqual([437, 10_245]);
    expect(detections.every(({ objects }) => objects.every(({ id }) => id === ""))).toBe(true);
  });
});
