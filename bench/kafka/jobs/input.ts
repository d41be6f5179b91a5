/** Frames from a file of NDJSON, a few at a time: the peers' input is not held in memory by whoever only passes it on. */
import { closeSync, openSync, readSync } from "node:fs";
import type { Frame } from "../../../domain/event.ts";
import { fromLines } from "../../native-lines.ts";

const CHUNK = 1024 * 1024;

const linesOf = function* (file: string): Generator<string> {
  const from = openSync(file, "r");
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let rest = "";
    for (let n = readSync(from, chunk); n > 0; n = readSync(from, chunk)) {
      const lines = (rest + chunk.toString("latin1", 0, n)).split("\n");
      rest = lines.pop() as string;
      yield* lines;
    }
  } finally {
    closeSync(from);
  }
};

/** The first `most` frames, in groups of `size`; the last group may be smaller. */
export const framesIn = function* (file: string, size: number, most = Number.POSITIVE_INFINITY): Generator<readonly Frame[]> {
  // They come today and are of another: an import, to which no owner writes heartbeats.
  const receivedAt = Date.now();
  let group: Frame[] = [];
  let taken = 0;
  for (const line of linesOf(file)) {
    if (taken++ >= most) break;
    for (const frame of fromLines([line])) group.push({ ...frame, receivedAt });
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
};
