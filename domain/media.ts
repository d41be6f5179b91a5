/** What a camera's film is, live and recorded, for those who serve it. */
import type { CameraKey, Instant } from "./envelope.ts";

/** Why there is no film. Closed: whoever tells it on switches over it. */
export type MediaFailure = {
  readonly reason:
    | "unauthorized"
    | "unreachable"
    | "not-allowed"
    | "certificate"
    | "timeout"
    /** It took longer than it was given. */
    | "too-long"
    | "not-found"
    | "redirected"
    /** The camera has no room for another viewer now. */
    | "busy"
    /** No picture in it. */
    | "no-video"
    /** A picture, in a codec that is not served: named in `codec`. */
    | "codec"
    /** What came is no RTSP, or no film. */
    | "garbage"
    /** The camera ended the connection. */
    | "ended"
    /** The program is not on this machine. */
    | "missing"
    /** More came out than may. */
    | "too-large"
    /** No room on the disk, or nowhere to write to. */
    | "storage"
    | "memory"
    /** As many programs run as may. */
    | "full"
    | "unknown";
  /** A sentence for people, without credentials. */
  readonly message: string;
  readonly codec?: string;
};

/** In pixels; 0 x 0 is the source's own. Where only one is 0 it follows from the other. */
export type PictureSize = { readonly width: number; readonly height: number };

/** `url`: the camera's rtsp or rtsps address, credentials included. `audio`: its sound too, where it has any. */
export type LiveWish = CameraKey & PictureSize & { readonly url: string; readonly audio: boolean };

/** `stalled`: nothing comes, and it is tried again by itself; `failure` is why, where that is known. `failed` is the end of it. */
export type StreamState =
  | { readonly state: "starting" | "running" }
  | { readonly state: "stalled"; readonly failure: MediaFailure | undefined }
  | { readonly state: "failed"; readonly failure: MediaFailure };

/** The playlist among the files of a film. */
export const PLAYLIST = "index.m3u8";

export type MediaFile = {
  readonly type: "application/vnd.apple.mpegurl" | "video/mp4" | "video/iso.segment" | "image/jpeg";
  readonly content: Uint8Array;
};

/** A film that is read as it is sent, since it may be too large to be held: bit by bit, from its beginning each time. */
export type Clip = { readonly type: "video/mp4"; readonly bytes: number; readonly content: AsyncIterable<Uint8Array> };

/** One user's share of a film that is being made. */
export type LiveStream = {
  state(): StreamState;
  /** Resolves when there is something to play, when it has failed, or when nobody wants it any more. */
  readonly ready: Promise<StreamState>;
  /** `index.m3u8`, `init.mp4`, `s00001.m4s`: undefined for what is no such name, or not there (any more). */
  file(name: string): Promise<MediaFile | undefined>;
  /** Gives the share back, once; the last one ends the film. Resolves when that is done. */
  release(): Promise<void>;
};

/** From the first to the last instant asked for, as far as it was recorded when it was opened. */
export type ArchiveStream = {
  /** The instants that can be played, ascending, without the gaps. */
  readonly pieces: readonly { readonly start: Instant; readonly end: Instant }[];
  /** As of a live stream. */
  file(name: string): Promise<MediaFile | undefined>;
};

/** A part of a recording: [start, end), in instants of our clock. */
export type RecordedSegment = CameraKey & {
  readonly start: Instant;
  readonly end: Instant;
  /** Under the camera's folder: `2026-11-21/14/…`. Unique there, and never another's. */
  readonly file: string;
  readonly bytes: number;
};

export type MediaEvent =
  | (CameraKey & {
      readonly kind: "camera-online";
      readonly at: Instant;
      readonly codec: "h264";
      readonly width: number;
      readonly height: number;
      /** Pictures a second; undefined where the film does not tell. */
      readonly fps: number | undefined;
    })
  | (CameraKey & { readonly kind: "camera-offline"; readonly at: Instant; readonly failure: MediaFailure })
  /** Its recording was ended while it was offline: of the camera nothing new is known, and nobody looks. */
  | (CameraKey & { readonly kind: "camera-unwatched"; readonly at: Instant })
  | (RecordedSegment & { readonly kind: "segment-recorded" })
  /** It is no longer there: too old, in the way of newer ones, or lost. */
  | (CameraKey & { readonly kind: "segment-removed"; readonly start: Instant; readonly end: Instant; readonly file: string });

/** Why nothing can be shown of an instant. */
export type NotRecorded = { readonly notRecorded: "nothing" | "gap" };
