/** Films of cameras by ffmpeg: live, recorded, and cut from what was recorded. Everything stands in one folder of ours. */
import { chmod, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { CameraKey, Instant } from "../domain/envelope.ts";
import { limits } from "../domain/limits.ts";
import type { MediaEvent } from "../domain/media.ts";
import { AdapterError, type Clock, type Journal, type Media } from "../domain/ports.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { openArchive } from "./media-ffmpeg/archive.ts";
import { openCuts } from "./media-ffmpeg/cuts.ts";
import { openCutting } from "./media-ffmpeg/cutting.ts";
import { openLive } from "./media-ffmpeg/live.ts";
import { rememberingLook } from "./media-ffmpeg/look.ts";
import { freeBytes, type Policy, reconcile, retain } from "./media-ffmpeg/reconcile.ts";
import { openRecordings } from "./media-ffmpeg/recording.ts";
import { openResized } from "./media-ffmpeg/resized.ts";
import { openShelf } from "./media-ffmpeg/shelf.ts";

export type MediaSettings = {
  /** Of one server alone, on this machine: made where it is not there, private. */
  readonly folder: string;
  /** Closed by whoever opened it, after this. */
  readonly ffmpeg: Ffmpeg;
  readonly clock: Clock;
  readonly journal: Pick<Journal, "info" | "warn">;
  /** In place of the limits recordKeptMs, recordBytesPerTenant and recordFloorBytes. */
  readonly policy?: Partial<Policy>;
  /** In place of the limits liveStreams, liveStreamsPerTenant and liveTries. */
  readonly streams?: number;
  readonly streamsPerTenant?: number;
  readonly tries?: number;
};

/** Milliseconds for which it is believed how much room there was. */
const ROOM_MS = 5000;

export const openMedia = async (settings: MediaSettings): Promise<Media> => {
  const { ffmpeg, clock, journal, streams, streamsPerTenant, tries } = settings;
  const policy: Policy = {
    keptMs: limits.recordKeptMs,
    bytesPerTenant: limits.recordBytesPerTenant,
    floorBytes: limits.recordFloorBytes,
    ...settings.policy,
  };
  await mkdir(settings.folder, { recursive: true, mode: 0o700 });
  await chmod(settings.folder, 0o700);
  const root = await realpath(settings.folder);
  const listeners: ((event: MediaEvent) => void)[] = [];
  const tell = (event: MediaEvent): void => {
    for (const listener of listeners) listener(event);
  };

  const look = rememberingLook(ffmpeg);
  const shelf = await openShelf(join(root, "recordings"));
  const live = await openLive({
    ...{ ffmpeg, look, clock, folder: join(root, "live") },
    ...(streams === undefined ? {} : { streams }),
    ...(streamsPerTenant === undefined ? {} : { streamsPerTenant }),
    ...(tries === undefined ? {} : { tries }),
  });
  const cuts = await openCuts(join(root, "cuts"));
  const cutting = openCutting(ffmpeg, shelf, cuts);

  const told = async <T>(doing: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof AdapterError || code === undefined) throw error;
      throw new AdapterError("unavailable", `Recordings cannot be ${doing}: ${code}`, { retryable: true, cause: error });
    }
  };
  const retained = (now: Instant): Promise<number> => told("removed", retain(shelf, root, policy, now, tell));
  let room = { isThere: true, at: Number.NEGATIVE_INFINITY };
  const lookForRoom = async (): Promise<boolean> => {
    const isEnough = async (): Promise<boolean> => (await freeBytes(root)) >= policy.floorBytes;
    let isThere = await isEnough();
    if (!isThere && (await retained(clock.now())) > 0) isThere = await isEnough();
    if (isThere !== room.isThere)
      isThere
        ? journal.info({}, "There is room again: cameras are recorded")
        : journal.warn({ floorBytes: policy.floorBytes }, "The disk is full: cameras are not recorded until there is room");
    room = { isThere, at: performance.now() };
    return isThere;
  };
  let looking: Promise<boolean> | undefined;
  /** All cameras ask at once, and a look may go over all recordings. */
  const hasRoom = (): Promise<boolean> => {
    if (looking === undefined && performance.now() - room.at < ROOM_MS) return Promise.resolve(room.isThere);
    looking ??= lookForRoom().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const recordings = await openRecordings({ ffmpeg, look, clock, shelf, folder: join(root, "runs"), tell, hasRoom });
  const archive = openArchive({
    ...{ shelf, resized: openResized(ffmpeg, shelf, cuts), now: clock.now },
    isRecorded: (camera) => recordings.state(camera) !== undefined,
  });

  return {
    live: live.open,
    archive: archive.stream,
    place: archive.place,
    hour: archive.hour,
    hourFile: archive.hourFile,
    hours: shelf.hours,
    record: recordings.record,
    recording: recordings.state,
    snap: cutting.snap,
    clip: cutting.clip,
    reconcile: ({ tenant, camera }: CameraKey, known, stop) => told("looked at", reconcile(shelf, { tenant, camera }, known, tell, stop)),
    retain: retained,
    onEvent: (listener) => void listeners.push(listener),
    async close() {
      await Promise.all([live.close(), recordings.close()]);
    },
  };
};
