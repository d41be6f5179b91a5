/** Real tracks for the demo: any file `tallywire import` reads, played as if it had begun at an instant of ours. */

import { limits } from "../domain/limits.ts";
import { framesOfFile } from "../ingest/file-frames.ts";
import { isRejection } from "../ingest/normalise.ts";

type Box = { readonly leftX: number; readonly topY: number; readonly rightX: number; readonly bottomY: number };
export type DemoFrame = {
  readonly sensorId: string;
  readonly timestamp: string;
  readonly id: string;
  readonly objects: readonly { readonly id: string; readonly type: string; readonly bbox: Box; readonly confidence?: number | undefined }[];
};

const configurationFor = (sensorId: string, { width, height }: { readonly width: number; readonly height: number }) => {
  const wire = [
    { x: 0, y: height / 2 },
    { x: width, y: height / 2 },
  ];
  const direction = {
    p1: { x: width / 2, y: height * 0.6 },
    p2: { x: width / 2, y: height * 0.4 },
    entry: { name: "up" },
    exit: { name: "down" },
  };
  const region = [
    { x: width * 0.25, y: height * 0.25 },
    { x: width * 0.75, y: height * 0.25 },
    { x: width * 0.75, y: height * 0.75 },
    { x: width * 0.25, y: height * 0.75 },
  ];
  return {
    tripwire: {
      sensorId,
      deleteIfPresent: false,
      tripwires: [{ id: "middle", name: "Across the middle", wire, direction, anchor: "center" }],
    },
    roi: { sensorId, deleteIfPresent: false, rois: [{ id: "centre", name: "The centre", coordinates: region, anchor: "center" }] },
    rules: {
      tripwire: {
        sensorId,
        rules: [
          { id: "middle", ruleId: "every-fifth", name: "Every fifth", ruleType: "increment", countThreshold: 5 },
          { id: "middle", ruleId: "dense", name: "Dense traffic", ruleType: "flowrate", countThreshold: 6, timeInterval: 5 },
        ],
      },
      roi: {
        sensorId,
        rules: [
          { id: "centre", ruleId: "standing", name: "Standing in the centre", ruleType: "occupancy", countThreshold: 5, timeInterval: 3 },
          { id: "centre", ruleId: "full", name: "The centre is full", ruleType: "occupancy_threshold_switch", countThreshold: 8 },
        ],
      },
    },
  };
};

/** Reads the whole file: a demonstration's worth, not a month's. Throws when it holds no frame. */
export const recorded = async (file: string, fps: number, begin: number) => {
  const frames: DemoFrame[] = [];
  let shift: number | undefined;
  let width = 0;
  let height = 0;
  const options = { sensor: "recorded", fps, start: begin, type: "Object" };
  for await (const { line, frame } of framesOfFile(file, options, { now: Number.MAX_SAFE_INTEGER, limits })) {
    if (isRejection(frame)) throw new Error(`${file}, line ${line}: ${frame.field} ${frame.detail}`);
    shift ??= begin - frame.timestamp;
    for (const { bbox } of frame.objects) {
      width = Math.max(width, bbox.rightX);
      height = Math.max(height, bbox.bottomY);
    }
    frames.push({
      sensorId: "recorded",
      timestamp: new Date(frame.timestamp + shift).toISOString(),
      id: frame.id || String(line),
      objects: frame.objects,
    });
  }
  if (frames.length === 0) throw new Error(`${file} holds no frame`);
  return { sensor: "recorded", frames, configuration: configurationFor("recorded", { width, height }) };
};
