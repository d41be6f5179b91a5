/** One ffmpeg that cuts a camera's film into pieces: told of each as it is whole, ended when none comes any more. */
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../../domain/limits.ts";
import type { MediaFailure } from "../../domain/media.ts";
import { AdapterError, type Clock } from "../../domain/ports.ts";
import type { Ffmpeg } from "../ffmpeg.ts";
import { type FilmWish, filmArguments, INIT, isHeaded, LIST } from "./film.ts";
import { openHead } from "./head.ts";
import { readList } from "./playlist.ts";
import { isOwnSize } from "./size.ts";

export type Made = {
  readonly path: string;
  readonly durationMs: number;
  /** Epoch milliseconds at which it was whole. */
  readonly completedAt: number;
  /** The path of what tells how to read it. */
  readonly init: string;
  /** Milliseconds by which its first picture is later than it begins: below nought, earlier. */
  readonly lateMs: number;
  /** It does not go on where the one before has ended. */
  readonly isNew: boolean;
};

export type Run = {
  /** Why it ended; undefined where it was stopped here. Rejects with a defect only. */
  readonly done: Promise<MediaFailure | undefined>;
  stop(): void;
};

const SILENT: MediaFailure = { reason: "timeout", message: "The camera's film does not go on." };
const JUMPED: MediaFailure = { reason: "garbage", message: "The camera's clock has jumped." };

const ofWhatCame = new WeakSet<MediaFailure>([JUMPED]);
/** Whether pictures came, and only could not be used: then the camera is there. */
export const isOfWhatCame = (failure: MediaFailure): boolean => ofWhatCame.has(failure);

/** Target durations without a new piece after which a film is held for stopped; not before the camera's connection would say why. */
const PATIENCE = 3;

/** Of what the disk or the port refuses. Throws what is neither: a defect. */
export const failureOf = (error: unknown): MediaFailure => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (error instanceof AdapterError && (error.code === "full" || error.code === "closed")) return { reason: "full", message };
  if (error instanceof AdapterError && error.code === "corrupt") {
    const failure: MediaFailure = { reason: "garbage", message };
    ofWhatCame.add(failure);
    return failure;
  }
  return { reason: "storage", message: `Nothing can be written: ${code}` };
};

/** Removes what is of no use any more. What cannot be removed now goes at the next start. */
export const discard = async (folder: string): Promise<void> => {
  await rm(folder, { recursive: true, force: true }).catch(failureOf);
};

export type RunHow = {
  readonly ffmpeg: Ffmpeg;
  /** For waiting only. */
  readonly clock: Clock;
  /** Called for one after the other, in order. The pieces are whoever's is told of them. */
  readonly made: (made: Made) => Promise<void>;
};

/** Makes the wish's folder. */
export const startRun = (wish: FilmWish, { ffmpeg, clock, made }: RunHow): Run => {
  const stop = new AbortController();
  let next = 0;
  let longestMs = wish.seconds * 1000;
  let newestAt = performance.now();
  let seen = "";
  const head = isHeaded(wish) ? openHead(wish.folder) : undefined;
  let init = join(wish.folder, INIT);

  const madeHead = async (): Promise<void> => {
    const first = await head?.look();
    if (first === undefined) return;
    newestAt = performance.now();
    await made(first);
  };

  /** The failure that ends the run, where there is one. */
  const look = async (): Promise<MediaFailure | undefined> => {
    const list = join(wish.folder, LIST);
    const now = await stat(list).catch(() => undefined);
    const version = `${now?.ino}:${now?.mtimeMs}:${now?.size}`;
    if (now === undefined) await madeHead();
    if (now === undefined || version === seen) {
      const patience = next === 0 ? limits.liveStartMs : Math.max(PATIENCE * longestMs, limits.cameraSilenceMs);
      return performance.now() - newestAt > patience ? SILENT : undefined;
    }
    seen = version;
    for (const { name, durationMs } of readList(await readFile(list, "utf8"))) {
      const number = Number(/^s(\d+)\.m4s$/.exec(name)?.[1] ?? -1);
      if (number < next) continue;
      next = number + 1;
      newestAt = performance.now();
      // Longer than we have waited for it, or without any length: told by a clock that has jumped.
      if (durationMs <= 0 || durationMs > Math.max(limits.liveStartMs, PATIENCE * longestMs)) return JUMPED;
      longestMs = Math.max(longestMs, durationMs);
      const path = join(wish.folder, name);
      const whole: Made = { path, durationMs, completedAt: Math.round((await stat(path)).mtimeMs), init, lateMs: 0, isNew: false };
      const piece = number === 0 && head !== undefined ? await head.rest(whole) : whole;
      if (piece === undefined) continue;
      init = piece.init;
      await made(piece);
    }
    return undefined;
  };

  const work = async (): Promise<MediaFailure | undefined> => {
    await mkdir(wish.folder, { recursive: true, mode: 0o700 });
    const session = ffmpeg.execute(filmArguments(wish), {
      mostMs: "endless",
      signal: stop.signal,
      givesWay: !isOwnSize(wish, wish.probed?.video),
    });
    let ended = false;
    const turn = new AbortController();
    void session.done.then(() => {
      ended = true;
      turn.abort();
    });
    let failure: MediaFailure | undefined;
    try {
      while (!ended && failure === undefined) {
        await clock.sleep(limits.liveLookMs, turn.signal);
        failure = await look();
      }
    } finally {
      await session.cancel();
    }
    const finished = await session.done;
    // What it finished as it ended.
    await look();
    if (stop.signal.aborted) return undefined;
    if (failure !== undefined) return failure;
    return finished.failure ?? { reason: "ended", message: "The camera ended its film." };
  };
  return { done: work().catch(failureOf), stop: () => stop.abort() };
};
