/** What can be asked and wanted of a tenant's films: what surfaces present. Types only. */
import type { Refusal } from "./decider.ts";
import type { CameraKey, Instant } from "./envelope.ts";
import type { Clip, MediaFailure, MediaFile, NotRecorded, PictureSize, StreamState } from "./media.ts";

/** `from`: the instant an archive begins at. 0 x 0 pixels are the source's own. `audio`: its sound too, where it has any. */
export type PlaybackWish = PictureSize & { readonly audio: boolean } & (
    | { readonly kind: "live" }
    | { readonly kind: "archive"; readonly from: Instant }
  );
export type PlaybackKind = PlaybackWish["kind"];

/** A playback that was begun and has not ended. `id`: unique in its tenant, over both kinds, and never used again. */
export type Playback = PlaybackWish & { readonly id: number; readonly camera: string; readonly startedAt: Instant };

/** `expiresAt`: when it ends unless it is kept alive; a keep-alive, and every file that is asked for, puts that off. */
export type PlaybackStatus = Playback & { readonly state: StreamState; readonly expiresAt: Instant };

/** Why nothing is played: closed. A `failure` of reason `full` may pass, as may most others; whoever tells it on decides. */
export type NoPlayback = Refusal | NotRecorded | { readonly failure: MediaFailure };

/** Where an instant stands among a camera's recordings: in which hour (UTC), and how many seconds of its playlist are before it. */
export type Place = { readonly date: string; readonly hour: number; readonly offset: number };

/**
 * Of one process with the role video. What is refused for the moment throws AdapterError, retryable. Of a camera that nobody created, and
 * of another tenant's, nothing is known: `unknown-camera`, or undefined.
 */
export type Video = {
  /** Resolves when it plays or nothing comes of it, or with the state so far after `limits.playbackReadyMs`. `by`: who wants it. */
  start(key: CameraKey, wish: PlaybackWish, by?: string): Promise<PlaybackStatus | NoPlayback>;
  /** Undefined for one that there is not, or not any more. An id of the other kind is none. */
  status(tenant: string, kind: PlaybackKind, id: number): Promise<PlaybackStatus | undefined>;
  /** Puts its end off. Undefined as above. */
  keepAlive(tenant: string, kind: PlaybackKind, id: number): Promise<PlaybackStatus | undefined>;
  /** Ends it. True for one that had ended, too; false where there never was one. */
  stop(tenant: string, kind: PlaybackKind, id: number, by?: string): Promise<boolean>;
  /** `index.m3u8`, `init.mp4`, `s00001.m4s` of a playback; puts its end off. Undefined for what is no such name, or not there (any more). */
  file(tenant: string, kind: PlaybackKind, id: number, name: string): Promise<MediaFile | undefined>;

  /** The hours (UTC, 0 to 23) of a day (`2026-11-21`) of which something was recorded, ascending. */
  hours(key: CameraKey, date: string): Promise<readonly number[]>;
  /** The playlist of an hour; `uriOf` says how players are to ask for a file of it. Undefined where nothing was recorded. */
  hour(key: CameraKey, date: string, hour: number, uriOf: (name: string) => string): Promise<MediaFile | undefined>;
  /** A file of such a playlist. Undefined for what is no such name, or not there. */
  hourFile(key: CameraKey, date: string, hour: number, name: string): Promise<MediaFile | undefined>;
  place(key: CameraKey, at: Instant): Promise<Place | NotRecorded>;
  /** How its recording goes; undefined where it is not recorded. */
  recording(key: CameraKey): StreamState | undefined;
  /** Whether there is, or in a moment will be, a picture of that instant. From memory: it may be asked of each alert. */
  isRecorded(key: CameraKey, at: Instant): boolean;
  /** The picture of an instant, JPEG. Of one just past it waits until that is recorded. */
  snap(key: CameraKey, at: Instant): Promise<MediaFile | NotRecorded>;
  /** MP4 of what went on from `start` to `end`, with some seconds before and after it, as the settings say, and no longer than they say. */
  clip(key: CameraKey, start: Instant, end: Instant): Promise<Clip | NotRecorded>;
};
