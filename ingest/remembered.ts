import type { Frame } from "../domain/event.ts";
import type { Position } from "../domain/ports.ts";

/** One append under way. Frames are recognised as repeats within it at once, by others only when it is durable. */
export type Appending = { readonly keys: string[] };

/** The frames a partition took in last, by sensor, timestamp and id. */
export type Remembered = {
  /** A position: that frame is durable there. `true`: it is in this very append. `false`: take it in. */
  readonly seen: (key: string, appending: Appending) => Position | boolean;
  readonly begin: (key: string, appending: Appending) => void;
  readonly durable: (key: string, position: Position) => void;
  /** Forgets what this append began and did not finish: a repeat must be taken in. */
  readonly failed: (key: string, appending: Appending) => void;
};

/** NUL is in no tenant and no sensor id, so no two frames share a key. */
export const frameKey = (tenant: string, frame: Pick<Frame, "camera" | "timestamp" | "id">): string =>
  `${tenant}\0${frame.camera}\0${frame.timestamp}\0${frame.id}`;

/** Keeps `capacity` frames, the oldest go first. Two concurrent appends of one frame are both taken in; readers drop one. */
export const createRemembered = (capacity: number): Remembered => {
  const frames = new Map<string, Position | Appending>();
  return {
    seen: (key, appending) => {
      const found = frames.get(key);
      return typeof found === "number" ? found : found === appending;
    },
    begin: (key, appending) => {
      appending.keys.push(key);
      frames.set(key, appending);
      if (frames.size > capacity) for (const oldest of frames.keys()) return void frames.delete(oldest);
    },
    durable: (key, position) => {
      if (frames.has(key)) frames.set(key, position);
    },
    failed: (key, appending) => {
      if (frames.get(key) === appending) frames.delete(key);
    },
  };
};
