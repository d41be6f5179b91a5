/**
 * How long it takes until there is something to play: node bench/films.ts [--starts 5] [--quick]
 *
 * Live: from asking for a film to its first playlist, at a camera that is watched by another already, so that it is joined in the middle of
 * a group of pictures. Recorded: from asking for a piece at another size to having it. Needs ffmpeg and GStreamer, as the tests do.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openShelf } from "../adapters/media-ffmpeg/shelf.ts";
import { startCamera } from "../test/servers/rtsp-camera.ts";
import { madePieces, shelve } from "../test/support/films.ts";
import { openedMedia } from "../test/support/opened-media.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({ options: { starts: { type: "string", default: "5" }, quick: { type: "boolean", default: false } } });
const starts = values.quick ? 1 : Number(values.starts);
const FPS = 15;
const PICTURE = { width: 640, height: 360 };
const folder = await mkdtemp(join(tmpdir(), "tallywire-films-"));
const opened = async () => openedMedia(await mkdtemp(join(folder, "one-")), {});
const spread = (took: readonly number[]) => {
  const sorted = [...took].sort((a, b) => a - b);
  return { "p50 s": round((sorted[Math.floor(sorted.length / 2)] ?? 0) / 1000, 2), "most s": round((sorted.at(-1) ?? 0) / 1000, 2) };
};

const live = [];
for (const seconds of values.quick ? [1] : [1, 2]) {
  const camera = await startCamera({ ...PICTURE, fps: FPS, gop: seconds * FPS });
  const other = await opened();
  const wish = { tenant: "t1", camera: "c", url: camera.url, width: 0, height: 0, audio: false };
  await other.media.live(wish).ready;
  for (const width of [0, PICTURE.width / 2])
    for (const isKnown of [false, true]) {
      const took: number[] = [];
      for (let start = 0; start < starts; start += 1) {
        const { media, ffmpeg } = await opened();
        if (isKnown) {
          const before = media.live(wish);
          await before.ready;
          await before.release();
        }
        // At any moment of a group.
        await sleep(Math.random() * seconds * 1000);
        const begun = performance.now();
        const { state } = await media.live({ ...wish, width }).ready;
        if (state !== "running") throw new Error(`a film is ${state}`);
        took.push(performance.now() - begun);
        await media.close();
        await ffmpeg.close();
      }
      live.push({ "group s": seconds, size: width === 0 ? "own" : "half", "looked at before": isKnown, ...spread(took), load: load() });
    }
  await other.media.close();
  await other.ffmpeg.close();
  await camera.stop();
}
table(`until the first live playlist, ${starts} starts each`, live);

const door = { tenant: "t1", camera: "door" };
const NOON = Date.parse("2026-03-01T12:00:00.000Z");
const { media, ffmpeg } = await opened();
const own = await mkdtemp(join(folder, "own-"));
const made = await madePieces(ffmpeg, own, 10, { size: `${PICTURE.width}x${PICTURE.height}`, hasSound: true, pieceSeconds: 2 });
const shelf = await openShelf(join(own, "recordings"));
await shelve(shelf, door, "aaaaaaaa", NOON, made);
await media.close();
await ffmpeg.close();
const archive = await openedMedia(own, {});
const rows = [];
for (const [what, how] of [
  ["half as wide", { width: PICTURE.width / 2, height: 0, audio: true }],
  ["twice as wide", { width: PICTURE.width * 2, height: 0, audio: true }],
  ["without its sound", { width: 0, height: 0, audio: false }],
] as const) {
  const stream = await archive.media.archive(door, NOON, NOON + 10_000, how);
  if (stream === undefined) throw new Error("nothing was recorded");
  const first = performance.now();
  await stream.file("init.mp4");
  await stream.file("s00000.m4s");
  const took = [performance.now() - first];
  for (const number of [1, 2, 3, 4]) {
    const begun = performance.now();
    await stream.file(`s0000${number}.m4s`);
    took.push(performance.now() - begun);
  }
  rows.push({ piece: what, "init and first s": round((took[0] ?? 0) / 1000, 2), ...spread(took), load: load() });
}
table("until a recorded piece of 2 s is there at another size", rows);
await archive.media.close();
await archive.ffmpeg.close();
await rm(folder, { recursive: true });
