import type { NotReceived, Reached } from "../domain/door.ts";
import type { CameraKey } from "../domain/envelope.ts";
import type { CameraState } from "../domain/event.ts";
import type { Clock, Journal, Media, Stop } from "../domain/ports.ts";

export type Picture = { readonly codec: string; readonly width: number; readonly height: number; readonly fps: number | undefined };
type Told = Pick<CameraState, "at" | "state" | "change" | "reason"> & { readonly picture?: Picture };

export type StateWorld = {
  readonly media: Pick<Media, "onEvent">;
  /** As the door takes it. */
  readonly receiveState: (key: CameraKey, state: Told) => Promise<Reached | NotReceived>;
  readonly clock: Clock;
  readonly journal: Journal;
  /** Ends trying again; what waits then is given up, and that is said. */
  readonly stop: Stop;
};

/** `done` resolves after the stop, when nothing is being written any more; rejects with a defect. */
export declare const tellStates: (world: StateWorld) => { readonly done: Promise<void> };
