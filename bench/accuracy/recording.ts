/** A recording as facts, read by the product's own parsers, and the crossings its own machines find in it. */
import type { Tripwire } from "../../domain/camera.ts";
import type { Crossing, Frame } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { run } from "../../domain/machine.ts";
import { crossing } from "../../domain/rules/crossing.ts";
import { observing } from "../../domain/rules/place.ts";
import { type FileOptions, framesOfFile } from "../../ingest/file-frames.ts";
import { isRejection, rejectionText } from "../../ingest/normalise.ts";

/** Every frame of a file, as it would stand in the log. Throws where the file holds a line that would be refused. */
export const recording = async (file: string, options: FileOptions): Promise<readonly Frame[]> => {
  const frames: Frame[] = [];
  for await (const { line, frame } of framesOfFile(file, options, { now: Number.MAX_SAFE_INTEGER, limits })) {
    if (isRejection(frame)) throw new Error(`${file}, line ${line}: ${rejectionText(frame)}`);
    const { sensorId, timestamp, id, modelVersion, objects } = frame;
    frames.push({ kind: "frame", tenant: "default", camera: sensorId, receivedAt: timestamp, timestamp, id, modelVersion, objects });
  }
  return frames;
};

export const crossingsIn = (frames: readonly Frame[], wire: Tripwire): readonly Crossing[] => {
  const { tenant, camera } = frames[0] as Frame;
  const key = { tenant, camera };
  return run(observing(crossing(wire, key), key, 0), frames).filter((heard) => heard.kind === "crossing");
};

/** Of both recordings. */
export const FRAMES_PER_SECOND = 30;

export const minFrames = [1, 2, 3, 4, 5];
export const bufferPx = [0, 1, 2, 3, 5, 8, 10, 15];

/** Every nth frame: what a slower camera would have sent. */
export const thinned = (frames: readonly Frame[], nth: number): readonly Frame[] => {
  // By the instant, not the place in the list: the doors' recording has gaps.
  const number = ({ timestamp }: Frame): number => Math.round((timestamp * FRAMES_PER_SECOND) / 1000);
  return frames.filter((frame) => number(frame) % nth === 0);
};
