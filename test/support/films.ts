/** Films as players get them, looked at with ffmpeg. */
import { execFile } from "node:child_process";
import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { Input } from "../../adapters/ffmpeg/arguments.ts";
import type { Ffmpeg } from "../../adapters/ffmpeg.ts";
import { readList } from "../../adapters/media-ffmpeg/playlist.ts";
import type { Shelf } from "../../adapters/media-ffmpeg/shelf.ts";
import { stamper } from "../../adapters/media-ffmpeg/stamp.ts";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { MediaFile } from "../../domain/media.ts";
import { readPicture } from "../servers/rtsp-camera.ts";
import { readPlaylist } from "./playlists.ts";

type File = (name: string) => Promise<MediaFile | undefined>;

export const contentOf = async (file: Promise<MediaFile | undefined>): Promise<Uint8Array> => {
  const found = await file;
  if (found === undefined) throw new Error("there is no such file");
  return found.content;
};

/** Saves a playlist as it is now, closed, with all it names. Says where. */
export const saved = async (file: File, folder: string, name = "index.m3u8"): Promise<string> => {
  const content = await contentOf(file(name));
  const { segments, ends } = readPlaylist(content);
  for (const one of new Set(segments.flatMap(({ uri, init }) => [uri, init])))
    await writeFile(join(folder, one), await contentOf(file(one)));
  const path = join(folder, "saved.m3u8");
  await writeFile(path, `${new TextDecoder().decode(content)}${ends ? "" : "#EXT-X-ENDLIST\n"}`);
  return path;
};

const reading = (path: string): Input => ({ from: { file: path }, options: path.endsWith(".m3u8") ? { allowed_extensions: "ALL" } : {} });

/** Decodes it to its end. `isTorn`: its camera went away in the middle of a picture, which then is no whole one. */
export const played = async (
  ffmpeg: Ffmpeg,
  path: string,
  isTorn = false,
): Promise<{ readonly frames: number; readonly timeMs: number }> => {
  const session = ffmpeg.execute(
    { inputs: [reading(path)], outputs: [{ to: "nothing", format: "null", options: { map: "0:v:0", fps_mode: "passthrough" } }] },
    { mostMs: 60_000 },
  );
  expect(await session.done).toMatchObject({ state: "completed" });
  // What takes the pictures here counts in their rate, and two that came in one go have the same number to it.
  const wrong = session.logs.filter(({ level, from }) => (level === "error" || level === "fatal") && from !== "null");
  if (!isTorn) expect(wrong).toEqual([]);
  return { frames: session.statistics?.frame ?? 0, timeMs: session.statistics?.timeMs ?? 0 };
};

/** What its pictures say, in the order in which they are shown. */
export const picturesIn = async (
  ffmpeg: Ffmpeg,
  path: string,
  width = 320,
  height = 180,
): Promise<readonly ReturnType<typeof readPicture>[]> => {
  const { output } = await ffmpeg.execute(
    {
      inputs: [reading(path)],
      outputs: [{ to: "memory", format: "rawvideo", options: { map: "0:v:0", pix_fmt: "gray", fps_mode: "passthrough" } }],
    },
    { mostMs: 60_000 },
  ).done;
  const size = width * height;
  return Array.from({ length: Math.floor(output.length / size) }, (_, at) =>
    readPicture(output.subarray(at * size, (at + 1) * size), width, height),
  );
};

/** When its pictures are shown, or its sounds heard: milliseconds. */
export const timesIn = async (film: string, of: "pictures" | "sounds"): Promise<readonly number[]> => {
  const stream = of === "pictures" ? "v:0" : "a:0";
  const { stdout } = await promisify(execFile)("ffprobe", [
    ...["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "json", film],
  ]);
  const { packets } = JSON.parse(stdout) as { readonly packets: readonly { readonly pts_time: string }[] };
  return packets.map(({ pts_time }) => Number(pts_time) * 1000);
};

/** Milliseconds: of a picture of the camera, of a sound as it is made here (1,024 samples, 16,000 a second), and what an instant is moved at most. */
const [PICTURE_MS, SOUND_MS, MOVED_MS] = [100, 64, 5];
/** A piece's first picture stands where the one before it is said to end, however late it came: on a busy machine, so much. */
const UNEVEN_MS = 500;
/** Half a unit of each clock, and half a millisecond of the instants. */
const ROUNDED_MS = 1;
/** What a camera that was just woken may take from its first picture to its second. */
const WAKING_MS = 2000;

/**
 * In a saved playlist of the camera's film, which has no gap, each piece by itself with what tells how to read it: it begins when the playlist
 * says so, its sound within a sound of its pictures, and both go on where those of the piece before have ended.
 */
export const goesOnWithSound = async (path: string): Promise<void> => {
  const near = (one: number, other: number, by: number, what: string): void =>
    expect(Math.abs(one - other), `${what}: ${one} and ${other}`).toBeLessThanOrEqual(by);
  let before: { readonly picture: number; readonly sound: number } | undefined;
  const { segments } = readPlaylist(await readFile(path));
  for (const [number, { uri, init, at }] of segments.entries()) {
    // The first piece is cut off its group of pictures before that is whole, and its border is off by less than a sound; and a camera that
    // has just been woken sends one picture, and the next when it has found its pace.
    const slackMs = number <= 1 ? WAKING_MS : 0;
    const film = `${path}-${uri}.mp4`;
    await writeFile(film, Buffer.concat(await Promise.all([init, uri].map((name) => readFile(join(dirname(path), name))))));
    const [pictures, sounds] = await Promise.all([timesIn(film, "pictures"), timesIn(film, "sounds")]);
    const [picture = Number.NaN, sound = Number.NaN] = [pictures[0], sounds[0]];
    near(picture, at, ROUNDED_MS + slackMs, `the first picture of ${uri}, and the playlist`);
    near(sound, picture, SOUND_MS + UNEVEN_MS, `the first sound of ${uri}, and its first picture`);
    if (before !== undefined) {
      near(
        picture,
        before.picture + PICTURE_MS,
        MOVED_MS + ROUNDED_MS + slackMs,
        `the first picture of ${uri}, and the end of those before`,
      );
      near(sound, before.sound + SOUND_MS, MOVED_MS + ROUNDED_MS + slackMs, `the first sound of ${uri}, and the end of those before`);
      // In its first piece a film's sound, of which some comes at once, still finds its pace.
      for (const [index, next] of sounds.slice(1).entries())
        near(next, (sounds[index] as number) + SOUND_MS, ROUNDED_MS, `two sounds of ${uri}, one after the other`);
    }
    before = { picture: pictures.at(-1) as number, sound: sounds.at(-1) as number };
  }
};

/** Pieces of a film that ffmpeg makes, of a second each, a keyframe every half second, and what tells how to read them. */
export const madePieces = async (
  ffmpeg: Ffmpeg,
  folder: string,
  seconds: number,
  more: { size?: string; hasSound?: boolean; pieceSeconds?: number } = {},
) => {
  const { size = "320x180", hasSound = false, pieceSeconds = 1 } = more;
  const options = {
    ...{ t: seconds, "c:v": "libx264", preset: "ultrafast", threads: 1, g: 5, bf: 0, pix_fmt: "yuv420p", "c:a": "aac" },
    ...{ hls_time: pieceSeconds, hls_list_size: 0, hls_segment_type: "fmp4", hls_segment_filename: join(folder, "s%05d.m4s") },
  };
  const list = join(folder, "list.m3u8");
  const inputs = [`testsrc=size=${size}:rate=10`, ...(hasSound ? ["sine=frequency=440"] : [])].map((made) => ({ from: { made } }));
  const session = ffmpeg.execute({ inputs, outputs: [{ to: { file: list }, format: "hls", options }] }, { mostMs: 60_000 });
  expect(await session.done).toMatchObject({ state: "completed" });
  return {
    init: join(folder, "init.mp4"),
    pieces: readList(await readFile(list, "utf8")).map(({ name, durationMs }) => ({ path: join(folder, name), durationMs })),
  };
};

/** Puts some of them on the shelf as one run: each so long after `begin` as it stands in the film. */
export const shelve = async (
  shelf: Shelf,
  camera: CameraKey,
  run: string,
  begin: Instant,
  { init, pieces }: Awaited<ReturnType<typeof madePieces>>,
  indexes: readonly number[] = pieces.map((_, index) => index),
): Promise<void> => {
  for (const index of indexes) {
    const piece = pieces[index] as (typeof pieces)[number];
    const path = `${piece.path}-${run}`;
    await copyFile(piece.path, path);
    const start = begin + index * piece.durationMs;
    await stamper(init)(path, start);
    const { size: bytes } = await stat(path);
    await shelf.put(camera, { path, init, run, bytes, start, end: start + piece.durationMs });
  }
};
