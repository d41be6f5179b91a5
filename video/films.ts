/** What was recorded, for those who ask for hours, pictures and clips. */
import type { Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import { AdapterError, type Media } from "../domain/ports.ts";
import type { Video } from "../domain/video.ts";
import type { Recordings } from "./recordings.ts";

/** What a clip shows before and after what it is of, and how long it may be at most. Milliseconds. */
export type ClipLengths = { readonly beforeMs: number; readonly afterMs: number; readonly mostMs: number };

export type FilmWorld = {
  readonly media: Media;
  readonly limits: Limits;
  readonly clip: ClipLengths;
  readonly recordings: Recordings;
};

export type OfRecordings = Pick<Video, "hours" | "hour" | "hourFile" | "place" | "recording" | "isRecorded" | "snap" | "clip">;

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

/** With `createPlaybacks` it is a whole Video. */
export const createFilms = ({ media, limits, clip, recordings: { isRecorded, whenRecorded } }: FilmWorld): OfRecordings => {
  return {
    hours: media.hours,
    hour: media.hour,
    hourFile: media.hourFile,
    place: media.place,
    recording: media.recording,
    isRecorded,
    async snap(key, at) {
      await whenRecorded(key, at);
      return media.snap(key, at);
    },
    async clip(key, start, end) {
      if (end < start) throw new AdapterError("bad-query", "A clip ends no earlier than it begins", { retryable: false });
      const most = Math.min(clip.mostMs, limits.clipMs);
      const { from, to } = clipOf(start, end, { ...clip, mostMs: most });
      await whenRecorded(key, to - 1);
      return media.clip(key, from, to);
    },
  };
};
