/** Role video: cameras are watched and recorded here, with ffmpeg, in a folder of this process. */
import { type CameraKey, keyText } from "../domain/envelope.ts";
import { createStreams } from "../domain/fold.ts";
import { playbackDecider } from "../domain/playback.ts";
import type { Decided, Films } from "../domain/ports.ts";
import type { Video } from "../domain/video.ts";
import type { Urls } from "../ingest/camera-url.ts";
import { createReceiver, type Receiver } from "../ingest/receive.ts";
import type { Questions } from "../projections/questions.ts";
import { createFilms } from "../video/films.ts";
import { createLastFrames } from "../video/last-frames.ts";
import { createPlaybacks } from "../video/playbacks.ts";
import { watchProgram } from "../video/program.ts";
import { createRecorder, type Recorder } from "../video/recorder.ts";
import { createRecordings } from "../video/recordings.ts";
import { tellStates } from "../video/states.ts";
import type { Decisions } from "./decisions.ts";
import type { World } from "./world.ts";

/** Of a decision, how far its stream has come. */
export type Heard = Pick<Decided, "stream" | "revision">;

export type VideoSide = {
  readonly video: Video;
  /** Of each decision of the store, or of the newest of each stream. */
  readonly note: (heard: Heard) => void;
  /** Ends when stopped; rejects with a defect. */
  readonly done: Promise<unknown>;
  /** Which ffmpeg there is and how recordings go, in words that name nobody. */
  said(): string;
  /** Ends all films. */
  close(): Promise<void>;
};

type Having = {
  readonly decisions: Decisions;
  readonly urls: Urls;
  /** Where this process has the role ingest, its own. */
  readonly receiver: Receiver | undefined;
  /** What was last known of cameras. Throws AdapterError while the warehouse is away. */
  readonly signs: Questions["signs"];
  readonly openFilms: () => Promise<Films>;
};

export const startVideo = async (world: World, { decisions, urls, receiver, signs, openFilms }: Having): Promise<VideoSide> => {
  const { config, clock, journal, limits, meter, sensors, logs, stop } = world;
  const films = await openFilms();
  const { media } = films;
  const program = await watchProgram({ version: films.version, clock, journal, stop });

  /** Throws AdapterError `corrupt` where no key opens the address. */
  const known = async (key: CameraKey): Promise<{ readonly url: string | undefined; readonly record: boolean } | undefined> => {
    const { registered } = await decisions.cameras.camera(key);
    if (registered === undefined) return undefined;
    const { url, record } = registered;
    return { url: url && urls.vault.open(url.sealed, keyText(key.tenant, key.camera)), record };
  };
  // Before anything is recorded: it learns from what is told.
  const clip = { beforeMs: config.CLIP_BEFORE * 1000, afterMs: config.CLIP_AFTER * 1000, mostMs: config.CLIP_SECONDS * 1000 };
  const recordings = createRecordings({ media, clock, limits, stop });
  const shown = createFilms({ media, clip, limits, recordings });
  const playbacks = createPlaybacks({
    streams: createStreams(decisions.folding, playbackDecider),
    media,
    addressOf: known,
    recordings,
    clock,
    limits,
    journal,
    meter,
  });
  const recorder = createRecorder({ media, recordedOf: known, journal, clock, meter });
  const { receiveState } = receiver ?? createReceiver({ facts: logs.facts, sensors, limits, clock, meter, journal });
  const telling = tellStates({ media, receiveState, lastFrame: createLastFrames(signs), journal, clock, limits, stop });
  return {
    video: { ...shown, ...playbacks },
    note: (heard) => {
      playbacks.note(heard);
      recorder.note(heard);
    },
    done: Promise.all([playbacks.run(stop), recorder.run(stop), telling.done, program.done]),
    said: () => saidOf(program.version(), recorder.states()),
    close: async () => {
      try {
        await playbacks.close();
      } finally {
        await films.close();
      }
    },
  };
};

const saidOf = (version: string | undefined, states: ReturnType<Recorder["states"]>): string => {
  const { starting, running, stalled, failed } = states;
  const cameras = starting + running + stalled + failed;
  return [
    version === undefined ? "ffmpeg is missing or too old: no films are shown or recorded" : `ffmpeg ${version}`,
    ...(cameras === 0 ? [] : [`cameras to be recorded: ${cameras}`]),
    ...(stalled === 0 ? [] : [`stalled: ${stalled}`]),
    ...(failed === 0 ? [] : [`failed: ${failed}`]),
  ].join("; ");
};
