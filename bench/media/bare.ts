/** ffmpeg by itself: what stands beside our figures. Its words are those anybody would write who wants the same and nothing else. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const QUIET = ["-nostdin", "-hide_banner", "-loglevel", "fatal", "-y"];
const LOOK_MS = 5;

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

const start = (words: readonly string[]): ChildProcess => {
  const child = spawn("ffmpeg", [...QUIET, ...words], { stdio: ["ignore", "ignore", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
};
const endOf = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, "exit");
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await ended;
};

export type Bare = { readonly pid: number; stop(): Promise<void> };
const running = (child: ChildProcess): Bare => ({ pid: child.pid as number, stop: () => endOf(child) });

/** Copies a camera's film into pieces of MP4 with a playlist, pieces as long as ours. Resolves when that is there. */
export const bareLive = async (url: string, folder: string): Promise<Bare> => {
  mkdirSync(folder, { recursive: true });
  const playlist = join(folder, "index.m3u8");
  const hls = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "6", "-hls_segment_type", "fmp4", "-hls_flags", "delete_segments"];
  const child = start(["-rtsp_transport", "tcp", "-i", url, "-map", "0:v:0", "-c", "copy", ...hls, playlist]);
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ffmpeg ended with ${child.exitCode}`);
    if ((await stat(playlist).catch(() => undefined)) !== undefined) return running(child);
    await sleep(LOOK_MS);
  }
};

/** Somebody who watches all the while: a camera that nobody else watches begins its film anew, with a keyframe, for whoever comes. */
export const bareViewer = (url: string): Bare =>
  running(start(["-rtsp_transport", "tcp", "-i", url, "-map", "0:v:0", "-c", "copy", "-f", "null", "-"]));

const done = async (words: readonly string[]): Promise<void> => {
  const [code] = (await once(start(words), "exit")) as [number | null];
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${words.join(" ")}`);
};

/** The picture so many seconds into a file. */
export const bareSnap = (file: string, at: number, to: string): Promise<void> =>
  done(["-ss", String(at), "-i", file, "-map", "0:v:0", "-frames:v", "1", "-q:v", "3", "-update", "1", to]);

/** So many seconds of a file, from so many on. */
export const bareClip = (file: string, at: number, seconds: number, to: string): Promise<void> =>
  done(["-ss", String(at), "-t", String(seconds), "-i", file, "-map", "0:v:0", "-c", "copy", "-movflags", "+faststart", to]);
