import type { CameraKey } from "../domain/envelope.ts";
import type { Streams } from "../domain/fold.ts";
import type { Limits } from "../domain/limits.ts";
import type { PlaybackCommand, Playbacks } from "../domain/playback.ts";
import type { Clock, Decided, Journal, Media, Meter, Stop } from "../domain/ports.ts";
import type { Video } from "../domain/video.ts";

/** Undefined: there is no such camera. Throws AdapterError, `corrupt` for an address that no key of ours opens. */
export type AddressOf = (key: CameraKey) => Promise<{ readonly url: string | undefined } | undefined>;

export type PlaybackWorld = {
  readonly streams: Streams<PlaybackCommand, Playbacks>;
  readonly media: Media;
  readonly addressOf: AddressOf;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly journal: Journal;
  readonly meter: Meter;
};

export type OpenPlaybacks = Pick<Video, "start" | "status" | "keepAlive" | "stop" | "file"> & {
  /** Of each decision as the store tells of it, from the first one on; one told of before is passed over. */
  note(event: Decided): void;
  /** Ends what nobody keeps alive, and takes on what an earlier life has left. Until the signal; rejects with a defect. */
  run(stop: Stop): Promise<void>;
  /** Gives back all films. Nothing is decided: the next life takes the playbacks on. */
  close(): Promise<void>;
};

export declare const createPlaybacks: (world: PlaybackWorld) => OpenPlaybacks;
