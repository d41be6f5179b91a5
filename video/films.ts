import type { Limits } from "../domain/limits.ts";
import type { Clock, Media, Stop } from "../domain/ports.ts";
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

export type Films = Pick<Video, "hours" | "hour" | "hourFile" | "place" | "isRecorded" | "snap" | "clip">;

/** To be created before anything is recorded or reconciled: what is recorded it learns from the port's events. With `createPlaybacks` it is a whole Video. */
export declare const createFilms: (world: FilmWorld) => Films;
