/** Films as players get them, looked at with ffmpeg. */
import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
