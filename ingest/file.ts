/** `tallywire import FILE`: a recording into a running server, as fast as it takes it or at a pace, and on from where it stopped. */
import { stat } from "node:fs/promises";
import { SingleBar } from "cli-progress";
import type { Instant } from "../domain/envelope.ts";
import { limits as defaultLimits, type Limits } from "../domain/limits.ts";
import type { Clock, Stop } from "../domain/ports.ts";
import { detectFormat, type FileOptions, framesOfFile } from "./file-frames.ts";
import { ImportError } from "./file-text.ts";
import { wireOf } from "./formats/wire.ts";
import { dropState, fingerprintOf, framesDone, keepState } from "./import-state.ts";
import { type Context, isRejection, type Observed, rejectionText } from "./normalise.ts";
import { deliver, httpSend, type Send } from "./send.ts";

export { ImportError } from "./file-text.ts";

export type ImportOptions = FileOptions & {
  readonly file: string;
  /** The server, e.g. `http://127.0.0.1:8080`. */
  readonly to: string;
  readonly token?: string | undefined;
  /** 1: at the recording's own pace, 2: twice as fast; absent: as fast as the server takes it. */
  readonly pace?: number | undefined;
  readonly clock: Clock;
  readonly limits?: Limits;
  readonly send?: Send;
  /** Told after every body. Absent: a bar on standard error, where that is a terminal. */
  readonly progress?: (done: { readonly bytes: number; readonly of: number; readonly frames: number }) => void;
  readonly signal?: Stop;
};

/** `resumedAt`: frames an earlier run had sent. `rejected` has the first hundred, `rejections` counts all. */
export type Imported = {
  readonly frames: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejections: number;
  readonly rejected: readonly { readonly line: number; readonly detail: string }[];
  readonly sensors: readonly string[];
  readonly resumedAt: number;
};

const FRAMES_A_BODY = 1000;
const TOLD_REJECTIONS = 100;

/** The last request repeats each sensor's newest frame and releases what is held for reordering. Throws ImportError. */
export const importFile = async (options: ImportOptions): Promise<Imported> => {
  const { file, clock, pace, signal } = options;
  const limits = options.limits ?? defaultLimits;
  if (pace !== undefined && !(pace > 0 && Number.isFinite(pace))) throw new ImportError(`--pace must be above 0, but is ${pace}`);
  const { size } = await stat(file).catch((cause: Error) => {
    throw new ImportError(`${file} cannot be read: ${cause.message}`, { cause });
  });
  const format = options.format ?? (await detectFormat(file));
  const { sensor, fps, start, type, size: picture, to } = options;
  const fingerprint = await fingerprintOf(file, { format, sensor, fps, start, type, picture, to });
  const resumedAt = await framesDone(file, fingerprint);
  const send = options.send ?? httpSend(to, options.token);
  const bar = options.progress === undefined && process.stderr.isTTY === true ? barOf(size) : undefined;

  let bytes = 0;
  let frames = 0;
  let accepted = 0;
  let duplicates = 0;
  let rejections = 0;
  const rejected: { line: number; detail: string }[] = [];
  const newest = new Map<string, Observed>();
  let first: { event: Instant; wall: Instant } | undefined;
  let body = "";
  let lines: number[] = [];

  const refuse = (line: number, detail: string): void => {
    rejections++;
    if (rejected.length < TOLD_REJECTIONS) rejected.push({ line, detail });
  };
  const flush = async (): Promise<void> => {
    if (lines.length === 0) return;
    const taken = await deliver(send, body, lines.length, false, clock, signal);
    accepted += taken.accepted;
    duplicates += taken.duplicates;
    for (const one of taken.rejected) refuse(lines[one.line - 1] ?? one.line, one.detail);
    body = "";
    lines = [];
    await keepState(file, { fingerprint, frames });
    options.progress?.({ bytes, of: size, frames });
    bar?.update(bytes, { frames });
  };
  /** Sends what is due and waits for what is not. */
  const untilDue = async (at: Instant): Promise<void> => {
    if (pace === undefined) return;
    first ??= { event: at, wall: clock.now() };
    const early = first.wall + (at - first.event) / pace - clock.now();
    if (early <= 0) return;
    await flush();
    await clock.sleep(early, signal);
  };

  try {
    const context: Context = {
      // Read again for each frame: a paced import of a file that is still written goes on for hours.
      get now() {
        return clock.now();
      },
      limits,
    };
    for await (const { line, frame } of framesOfFile(file, { ...options, size: picture, format }, context, (read) => {
      bytes = read;
    })) {
      if (isRejection(frame)) {
        refuse(line, rejectionText(frame));
        continue;
      }
      if (frame.timestamp >= (newest.get(frame.sensorId)?.timestamp ?? frame.timestamp)) newest.set(frame.sensorId, frame);
      if (frames >= resumedAt) await untilDue(frame.timestamp);
      if (signal?.aborted === true) throw new ImportError("stopped; the same command goes on from here");
      frames++;
      if (frames <= resumedAt) continue;
      const text = `${wireOf(frame)}\n`;
      if (body.length + text.length > limits.bodyBytes / 4 || lines.length >= Math.min(FRAMES_A_BODY, limits.framesPerBody)) {
        frames--;
        await flush();
        frames++;
      }
      body += text;
      lines.push(line);
    }
    await flush();
    await release([...newest.values()], send, clock, limits, signal);
    await dropState(file);
    bar?.update(size, { frames });
  } finally {
    bar?.stop();
  }
  return { frames, accepted, duplicates, rejections, rejected, sensors: [...newest.keys()].sort(), resumedAt };
};

const release = async (frames: readonly Observed[], send: Send, clock: Clock, limits: Limits, signal: Stop | undefined): Promise<void> => {
  let body = "";
  let lines = 0;
  for (const frame of frames) {
    const text = `${wireOf(frame)}\n`;
    if (lines > 0 && (body.length + text.length > limits.bodyBytes / 4 || lines >= limits.framesPerBody)) {
      await deliver(send, body, lines, true, clock, signal);
      body = "";
      lines = 0;
    }
    body += text;
    lines++;
  }
  if (lines > 0) await deliver(send, body, lines, true, clock, signal);
};

const barOf = (size: number): SingleBar => {
  const bar = new SingleBar({
    format: "{bar} {percentage}% | {frames} frames | {eta_formatted} left",
    stream: process.stderr,
    hideCursor: true,
  });
  bar.start(size, 0, { frames: 0 });
  return bar;
};
