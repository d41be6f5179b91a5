/** From what a playback is to its film; and what to say where there is none. */
import { refuse } from "../domain/decider.ts";
import type { CameraKey } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import type { MediaFailure, NotRecorded, StreamState } from "../domain/media.ts";
import { AdapterError, type Clock, type Journal, type Media } from "../domain/ports.ts";
import type { NoPlayback, PlaybackWish } from "../domain/video.ts";
import type { Film, Held } from "./held.ts";
import type { Recordings } from "./recordings.ts";

/** Undefined: there is no such camera. Throws AdapterError, `corrupt` for an address that no key of ours opens. */
export type AddressOf = (key: CameraKey) => Promise<{ readonly url: string | undefined } | undefined>;
/** `failure`: why the address it has cannot be read. */
type Found = { readonly url: string | undefined; readonly failure?: MediaFailure };

export type FilmWorld = {
  readonly media: Media;
  readonly addressOf: AddressOf;
  readonly recordings: Pick<Recordings, "whenRecorded">;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly journal: Journal;
};

const RUNNING: StreamState = { state: "running" };
const REMOVED: MediaFailure = { reason: "not-found", message: "The camera was removed" };
const NO_ADDRESS: MediaFailure = { reason: "not-found", message: "The camera has no address any more" };
const FORGOTTEN: MediaFailure = { reason: "not-found", message: "What was recorded then is no longer there" };
const SEALED: MediaFailure = { reason: "unknown", message: "The camera's address cannot be read: no key opens it" };

const failureOf = ({ code, message }: AdapterError): MediaFailure => ({
  reason: code === "full" ? "full" : "unknown",
  message,
});

/** What the port refuses, as an answer to who wanted it. Throws what is nobody's answer. */
const refusalOf = (error: unknown): NoPlayback => {
  if (!(error instanceof AdapterError)) throw error;
  if (error.code === "bad-query") return refuse("invalid", "", error.message);
  if (error.code === "full") return { failure: failureOf(error) };
  throw error;
};

export const createFilmOf = ({ media, addressOf, recordings, clock, limits, journal }: FilmWorld) => {
  const lookUp = async (key: CameraKey): Promise<Found | undefined> => {
    try {
      return await addressOf(key);
    } catch (error) {
      if (!(error instanceof AdapterError) || error.code !== "corrupt") throw error;
      journal.warn({ ...key, err: error }, "the address of a camera cannot be read");
      return { url: undefined, failure: SEALED };
    }
  };

  const live = (key: CameraKey, { width, height, audio }: PlaybackWish, url: string): Film =>
    media.live({ tenant: key.tenant, camera: key.camera, url, width, height, audio });

  const archive = async (key: CameraKey, wish: PlaybackWish & { readonly kind: "archive" }): Promise<Film | NotRecorded> => {
    const { from, width, height, audio } = wish;
    await recordings.whenRecorded(key, from);
    const to = Math.min(clock.now(), from + limits.archiveMs);
    const stream = from < to ? await media.archive(key, from, to, { width, height, audio }) : undefined;
    if (stream === undefined) {
      const place = await media.place(key, from);
      return "notRecorded" in place ? place : { notRecorded: "nothing" };
    }
    return { state: () => RUNNING, ready: Promise.resolve(RUNNING), file: stream.file, release: () => Promise.resolve() };
  };

  /** Why there never will be a film of it, as far as the camera tells. */
  const hindrance = ({ kind }: PlaybackWish, found: Found | undefined): MediaFailure | undefined => {
    if (found === undefined) return REMOVED;
    return kind === "live" && found.url === undefined ? (found.failure ?? NO_ADDRESS) : undefined;
  };

  return {
    lookUp,
    hindrance,
    /** For whoever starts one: the film, or the answer. */
    async archive(key: CameraKey, wish: PlaybackWish & { readonly kind: "archive" }): Promise<Film | NoPlayback> {
      return archive(key, wish).catch(refusalOf);
    },
    live(key: CameraKey, wish: PlaybackWish, url: string): Film | NoPlayback {
      try {
        return live(key, wish, url);
      } catch (error) {
        return refusalOf(error);
      }
    },
    /** Of one that goes on. Answers why there never will be one; throws AdapterError for what may pass. */
    async begin(one: Held): Promise<MediaFailure | undefined> {
      const found = await lookUp(one.key);
      const why = hindrance(one.playback, found);
      if (why !== undefined || one.isOver) return why;
      try {
        const { playback } = one;
        const film = playback.kind === "archive" ? await archive(one.key, playback) : live(one.key, playback, found?.url as string);
        if ("notRecorded" in film) return FORGOTTEN;
        // It may have ended while its recordings were read.
        if (one.isOver) await film.release();
        else Object.assign(one, { film, url: found?.url, failure: undefined });
        return undefined;
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        one.failure = failureOf(error);
        if (error.retryable) throw error;
        return one.failure;
      }
    },
  };
};
