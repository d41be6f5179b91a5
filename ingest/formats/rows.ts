/** Formats with one box a row. */
import type { Instant } from "../../domain/envelope.ts";
import type { DetectedObject } from "../../domain/event.ts";
import type { Line } from "../body.ts";
import { isRejection, type Observed, type Rejection } from "../normalise.ts";

/** `frame` is the frame's id. */
export type Row = { readonly sensorId: string; readonly timestamp: Instant; readonly frame: string; readonly object: DetectedObject };
export type RowLine = { readonly line: number; readonly row: Row | Rejection };

/** Rows of one instant that follow each other become one frame a sensor. A bad row is told at its line; the rest of its frame is kept. */
export async function* framesOfRows(rows: Iterable<RowLine> | AsyncIterable<RowLine>): AsyncGenerator<Line> {
  let open = new Map<string, { line: number; frame: Observed & { objects: DetectedObject[] } }>();
  let at: Instant | undefined;
  for await (const { line, row } of rows) {
    if (isRejection(row)) {
      yield { line, frame: row };
      continue;
    }
    const { sensorId, timestamp, frame, object } = row;
    if (timestamp !== at) {
      yield* open.values();
      open = new Map();
      at = timestamp;
    }
    const key = `${sensorId}\0${frame}`;
    const known = open.get(key);
    if (known === undefined) open.set(key, { line, frame: { sensorId, timestamp, id: frame, modelVersion: undefined, objects: [object] } });
    else known.frame.objects.push(object);
  }
  yield* open.values();
}
