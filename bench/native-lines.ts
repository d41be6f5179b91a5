/** What the door does to a line of NDJSON before it is a fact: parse, validate, normalise. */
import type { Frame } from "../domain/event.ts";
import { limits } from "../domain/limits.ts";
import type { Loose } from "../ingest/formats/frame.ts";
import { parseNative } from "../ingest/formats/native.ts";
import { isRejection, rejectionText } from "../ingest/normalise.ts";

export const fromLines = function* (lines: readonly string[]): Generator<Frame> {
  const context = { now: Number.MAX_SAFE_INTEGER - limits.aheadMs, limits };
  for (const line of lines) {
    const observed = parseNative(JSON.parse(line) as Loose, context);
    if (isRejection(observed)) throw new Error(`${rejectionText(observed)} in ${line}`);
    const { sensorId, timestamp, id, modelVersion, objects } = observed;
    yield { kind: "frame", tenant: "default", camera: sensorId, receivedAt: timestamp + 50, timestamp, id, modelVersion, objects };
  }
};
