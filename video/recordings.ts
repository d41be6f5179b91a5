/** Which instants are recorded, from memory; and the waiting for one that is about to be. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import type { Clock, Media, Stop } from "../domain/ports.ts";
import { createRecorded } from "../domain/recorded.ts";

export type RecordingsWorld = {
  readonly media: Pick<Media, "onEvent" | "recording">;
  readonly clock: Clock;
  readonly limits: Limits;
  /** Ends all waiting. */
  readonly stop: Stop;
};

export type Recordings = {
  /** Whether there is, or in a moment will be, a picture of that instant. */
  isRecorded(key: CameraKey, at: Instant): boolean;
  /** Resolves when the instant is recorded, or will not be, or with `limits.snapWaitMs`. Only what is about to be is waited for: at once for all else. */
  whenRecorded(key: CameraKey, at: Instant): Promise<void>;
};

/** Milliseconds a camera's clock may be ahead of ours and its picture still be about to be recorded. */
const AHEAD_MS = 3000;
/** Milliseconds between looks whether an instant is recorded by now. */
const LOOK_MS = 250;

/** To be created before anything is recorded or reconciled: what is recorded it learns from the port's events. */
export const createRecordings = ({ media, clock, limits, stop }: RecordingsWorld): Recordings => {
  const recorded = createRecorded();
  media.onEvent((event) => {
    if (event.kind === "segment-recorded") recorded.add(event, event.start, event.end);
    else if (event.kind === "segment-removed") recorded.remove(event, event.start, event.end);
  });

  const isRunning = (key: CameraKey): boolean => media.recording(key)?.state === "running";
  /** After the newest piece, which is no older than the next one may be long, as the film runs. */
  const isBeingRecorded = (key: CameraKey, at: Instant): boolean => {
    const newest = recorded.end(key);
    const now = clock.now();
    if (newest === undefined || at < newest || at > now + AHEAD_MS || newest < now - limits.liveStartMs) return false;
    return isRunning(key);
  };
  /** Pieces come in their order: one after the instant, without one of it, says that it is in a gap. */
  const isPassed = (key: CameraKey, at: Instant): boolean => (recorded.end(key) ?? Number.NEGATIVE_INFINITY) > at;

  return {
    isRecorded: (key, at) => recorded.covers(key, at) || isBeingRecorded(key, at),
    async whenRecorded(key, at) {
      const now = clock.now();
      // An instant from longer ago that is not recorded never will be.
      if (now - at > limits.snapWaitMs || at - now > limits.snapWaitMs + AHEAD_MS) return;
      const until = Math.max(now, at) + limits.snapWaitMs;
      while (!isPassed(key, at) && isRunning(key) && clock.now() < until && !stop.aborted) await clock.sleep(LOOK_MS, stop);
    },
  };
};
