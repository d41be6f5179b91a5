/**
 * The time nobody was told of yet. What is derived comes when an interval closes or after a minute of it; frames come at once.
 * So beyond what was told, frames speak: from the first one on, and no longer than until the next word was due. A reader of frames
 * that runs ahead of the engine is not believed further than that.
 */
import { COVERED_MS, TELL_MS } from "../domain/rules/coverage.ts";
import type { Seen } from "./as-of.ts";
import { OF_CAMERA } from "./scope.ts";

/** The first frame at or after an instant; 0 where there is none. In the order of the key: later frames are not read. */
export const firstFrameFrom = (instant: string, { facts }: Seen): string =>
  `(SELECT max(timestamp) FROM (SELECT timestamp FROM frames WHERE ${OF_CAMERA}${facts} AND timestamp >= ${instant} ORDER BY timestamp LIMIT 1))`;

/** Frames at or after an instant that nobody was told of; `first` is the first of them. */
export const isUntold = (instant: string, first: string, { facts }: Seen): string =>
  `${OF_CAMERA}${facts} AND timestamp >= ${instant} AND timestamp >= ${first} AND timestamp < ${first} + ${COVERED_MS + TELL_MS}`;
