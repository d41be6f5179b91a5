import type { CameraKey } from "../domain/envelope.ts";
import type { Clock, Decided, Journal, Media, Meter, Stop } from "../domain/ports.ts";

/** What a camera is now. Undefined: there is none. Throws AdapterError, `corrupt` for an address that no key of ours opens. */
export type RecordedOf = (key: CameraKey) => Promise<{ readonly url: string | undefined; readonly record: boolean } | undefined>;

export type RecorderWorld = {
  readonly media: Media;
  readonly recordedOf: RecordedOf;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Meter;
};

export type Recorder = {
  /** Of each decision as the store tells of it: its camera is to be looked at. */
  note(event: Decided): void;
  /** Until the signal. Rejects with a defect. */
  run(stop: Stop): Promise<void>;
};

export declare const createRecorder: (world: RecorderWorld) => Recorder;
