/** What was recorded, for those who ask for hours, pictures and clips; and which instants it is of, from memory. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import { AdapterError, type Clock, type Media, type Stop } from "../domain/ports.ts";
import { createRecorded } from "../domain/recorded.ts";
import type { Video } from "../domain/video.ts";

/** What a clip shows before and after what it is of, and how long it may be at most. Milliseconds. */
export type ClipLengths = { readonly beforeMs: number; readonly afterMs: number; readonly mostMs: number };

export type FilmWorld = {
  readonly media: Media;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly clip: ClipLengths;
  /** Ends all waiting for what is still being recorded. */
  readonly stop: Stop;
};

export type OfRecordings = Pick<Video, "hours" | "hour" | "hourFile" | "place" | "recording" | "isRecorded" | "snap" | "clip">;

/** Milliseconds a camera's clock may be ahead of ours and its picture still be about to be recorded. */
const AHEAD_MS = 3000;
/** Milliseconds between looks whether an instant is recorded by now. */
const LOOK_MS = 250;

/**
 * What a clip of [start, end] shows: as much as it may, from some time before. Where that would leave out the end, which could be shown
 * with the start, it begins later.
 *
 *        before  |start      end|  after
 *     |----------|--------------|---------|
 *     |======= most =======|                  the end is left out, so:
 *          |======= most =======|
 */
export const clipOf = (
  start: Instant,
  end: Instant,
  { beforeMs, afterMs, mostMs }: ClipLengths,
): { readonly from: Instant; readonly to: Instant } => {
  const early = start - beforeMs;
  const isCut = end > early + mostMs && end - start <= mostMs;
  const from = isCut ? end - mostMs : early;
  return { from, to: Math.min(end + afterMs, from + mostMs) };
};

/** To be created before anything is recorded or reconciled: what is recorded it learns from the port's events. With `createPlaybacks` it is a whole Video. */
export const createFilms = ({ media, clock, limits, clip, stop }: FilmWorld): OfRecordings => {
  const recorded = createRecorded();
  media.onEvent((event) => {
    if (event.kind === "segment-recorded") recorded.add(event, event.start, event.end);
    else if (event.kind === "segment-removed") recorded.remove(event, event.start, event.end);
  });

  /** After the newest piece, which is no older than the next one may be long, as the film runs. */
  const isBeingRecorded = (key: CameraKey, at: Instant): boolean => {
    const newest = recorded.end(key);
    const now = clock.now();
    if (newest === undefined || at < newest || at > now + AHEAD_MS || newest < now - limits.liveStartMs) return false;
    return media.recording(key)?.state === "running";
  };
  const isRecorded = (key: CameraKey, at: Instant): boolean => recorded.covers(key, at) || isBeingRecorded(key, at);

  /** Resolves when the instant is recorded, or will not be. */
  const whenRecorded = async (key: CameraKey, at: Instant, until: Instant): Promise<void> => {
    while (!recorded.covers(key, at) && media.recording(key)?.state === "running" && clock.now() < until && !stop.aborted)
      await clock.sleep(LOOK_MS, stop);
  };
  /** Only what is about to be: an instant from longer ago that is not recorded never will be. */
  const waitFor = async (key: CameraKey, at: Instant): Promise<void> => {
    const now = clock.now();
    if (Math.abs(now - at) <= limits.snapWaitMs) await whenRecorded(key, at, Math.max(now, at) + limits.snapWaitMs);
  };

  return {
    hours: media.hours,
    hour: media.hour,
    hourFile: media.hourFile,
    place: media.place,
    recording: media.recording,
    isRecorded,
    async snap(key, at) {
      await waitFor(key, at);
      return media.snap(key, at);
    },
    async clip(key, start, end) {
      if (end < start) throw new AdapterError("bad-query", "A clip ends no earlier than it begins", { retryable: false });
      const most = Math.min(clip.mostMs, limits.clipMs);
      const { from, to } = clipOf(start, end, { ...clip, mostMs: most });
      await waitFor(key, to - 1);
      return media.clip(key, from, to);
    },
  };
};
