/** Facts of a camera sent again: what is asked for, and what is answered. Types only. */
import type { Reached } from "./door.ts";
import type { CameraKey, Instant } from "./envelope.ts";
import type { Position, Stop } from "./ports.ts";

/** Event time, [from, to). */
export type EventRange = { readonly from: Instant | undefined; readonly to: Instant | undefined };

/** `since`: after a position that was reached, or with what arrived then or later; undefined for the oldest that is kept. */
export type FactsAsked = EventRange & {
  readonly camera: CameraKey;
  readonly since: { readonly after: Reached } | { readonly arrivedAt: Instant } | undefined;
  /** Ends the reading, between two pieces or while it waits for more. */
  readonly signal: Stop;
};

/** A fact in words. `at`: its event time; `text`: a line without its end; of MOT all lines of a frame, with their ends, or none. */
export type FactLine = { readonly position: Position; readonly at: Instant; readonly text: string };

/** `missing`: something of what was asked for stood before the oldest that is kept. `lines`: in the order of the log; a piece may be empty. */
export type FactsTold = { readonly partition: number; readonly missing: boolean; readonly lines: AsyncIterable<readonly FactLine[]> };

/**
 * What has to be said to whoever reads MOT: it has no timestamps, and its classes are few. `type`: of the objects that have none of them. `late`: frames
 * that are left out since they came late.
 */
export type MotKey = { readonly fps: number; readonly start: Instant; readonly type: string | undefined; readonly late: number };
export type MotTold = FactsTold & { readonly key: MotKey };
/** A position was named that says nothing of the camera's partition: why, in words. */
export type Elsewhere = { readonly elsewhere: string };
/** Why MOT cannot hold it. */
export type NotMot = { readonly notMot: string };

export interface FactReplay {
  /** Frames as NDJSON that is taken in again; with `states`, what became of the camera stands among them. `follow`: goes on with what comes. */
  lines(asked: FactsAsked & { readonly states: boolean; readonly follow: boolean }): Promise<FactsTold | Elsewhere>;
  /** Reads it all once before it answers: what MOT cannot hold is told before the first line. A frame that stands twice in a row is told once. */
  mot(asked: FactsAsked & { readonly fps: number }): Promise<MotTold | NotMot | Elsewhere>;
}
