/** Cameras that are recorded: each by one ffmpeg that is started again whenever it ends. What is missing meanwhile is a gap, and stays one. */
import { randomBytes } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CameraKey } from "../../domain/envelope.ts";
import type { MediaEvent, MediaFailure, StreamState } from "../../domain/media.ts";
import type { Clock } from "../../domain/ports.ts";
import { createTurns } from "../../domain/turns.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import type { Ffmpeg } from "../ffmpeg.ts";
import { INIT } from "./film.ts";
import { type Kept, keep } from "./keep.ts";
import type { Look } from "./look.ts";
import { discard, type Made, startRun } from "./run.ts";
import { cameraText, LONGEST_MS, type Shelf } from "./shelf.ts";
import { sightOf } from "./sight.ts";
import { measurer, stamper } from "./stamp.ts";
import { timeline } from "./timing.ts";

/** Seconds; where keyframes are rare a piece is as long as they are apart. */
const PIECE_SECONDS = 2;

export type RecordingHow = {
  readonly ffmpeg: Ffmpeg;
  readonly look: Look;
  readonly clock: Clock;
  readonly shelf: Shelf;
  /** Of ours alone, on the file system of the shelf. */
  readonly folder: string;
  readonly tell: (event: MediaEvent) => void;
  /** Whether there is room for more. */
  readonly hasRoom: () => Promise<boolean>;
};

const FULL: MediaFailure = { reason: "storage", message: "The disk is full: nothing is recorded until there is room." };

const recordingOf = (camera: CameraKey, url: string, how: RecordingHow) => {
  const { ffmpeg, look, clock, shelf, tell, hasRoom } = how;
  const sight = sightOf(camera, clock.now, tell);
  let isFull = false;

  const run = (probed: Probed) => {
    const folder = join(how.folder, randomBytes(12).toString("hex"));
    const name = randomBytes(4).toString("hex");
    const place = timeline();
    const [measure, stamp] = [measurer(join(folder, INIT)), stamper(join(folder, INIT))];
    const made = async ({ path, completedAt }: Made): Promise<void> => {
      const { start, end } = place(await measure(path), completedAt);
      kept.runs();
      sight.seen(probed.video);
      isFull = !(await hasRoom());
      // One that is longer than may be would not be found again.
      if (isFull || end - start > LONGEST_MS) return rm(path, { force: true });
      await stamp(path, start);
      const { size } = await stat(path);
      const segment = await shelf.put(camera, { path, init: join(folder, INIT), run: name, bytes: size, start, end });
      tell({ ...segment, kind: "segment-recorded" });
    };
    // Sound, too: what was not recorded cannot be heard later.
    const begun = startRun(
      { tenant: camera.tenant, url, probed, audio: true, width: 0, height: 0, seconds: PIECE_SECONDS, folder },
      { ffmpeg, clock, made },
    );
    return { ...begun, done: begun.done.finally(() => discard(folder)) };
  };
  const kept: Kept = keep({
    async begin(again, signal) {
      isFull = !(await hasRoom());
      if (isFull) return { failed: FULL };
      const looked = await look.at({ url, tenant: camera.tenant }, again, signal);
      return "failed" in looked ? looked : run(looked);
    },
    clock,
    tries: Number.POSITIVE_INFINITY,
    failed: sight.lost,
  });
  return {
    url,
    state: (): StreamState => (isFull ? { state: "stalled", failure: FULL } : kept.state()),
    stop: kept.stop,
    /** After it was stopped: nobody looks any more. Not as the server ends, whose next life looks on. */
    unwatched: sight.end,
  };
};

export const openRecordings = async (how: RecordingHow) => {
  // What an earlier life has not finished is no whole piece.
  await rm(how.folder, { recursive: true, force: true });
  await mkdir(how.folder, { recursive: true, mode: 0o700 });
  const recordings = new Map<string, ReturnType<typeof recordingOf>>();
  /** Of each camera one change after the other. */
  const turn = createTurns();
  let isClosed = false;

  const change = async (camera: CameraKey, url: string | undefined): Promise<void> => {
    const key = cameraText(camera);
    const known = recordings.get(key);
    if (known?.url === url) return;
    await known?.stop();
    if (!isClosed) known?.unwatched();
    recordings.delete(key);
    if (url !== undefined && !isClosed) recordings.set(key, recordingOf(camera, url, how));
  };
  return {
    record: (camera: CameraKey, url: string | undefined): Promise<void> => turn(cameraText(camera), () => change(camera, url)),
    state: (camera: CameraKey): StreamState | undefined => recordings.get(cameraText(camera))?.state(),
    async close(): Promise<void> {
      isClosed = true;
      await turn.ended();
      await Promise.all([...recordings.values()].map((recording) => recording.stop()));
      recordings.clear();
    },
  };
};
