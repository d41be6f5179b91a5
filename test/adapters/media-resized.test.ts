import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { type Ffmpeg, openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openShelf } from "../../adapters/media-ffmpeg/shelf.ts";
import { openMedia } from "../../adapters/media-ffmpeg.ts";
import { limits } from "../../domain/limits.ts";
import type { ArchiveStream } from "../../domain/media.ts";
import type { Media } from "../../domain/ports.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { contentOf, madePieces, played, saved, shelve } from "../support/films.ts";
import { keptJournal, loopback } from "../support/media.ts";
import { readPlaylist } from "../support/playlists.ts";

const canRun = await canStartFfmpeg("recordings at other sizes");
const folder = await mkdtemp(join(tmpdir(), "tallywire-resized-"));
const fresh = (): Promise<string> => mkdtemp(join(folder, "one-"));
const door = { tenant: "t1", camera: "door" };
const NOON = Date.parse("2026-03-01T12:00:00.000Z");

describe.skipIf(!canRun)("a recording at another size", () => {
  let ffmpeg: Ffmpeg;
  let media: Media;
  beforeAll(async () => {
    const journal = keptJournal();
    ffmpeg = await openFfmpeg({ folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" });
    const shelf = await openShelf(join(folder, "media", "recordings"));
    // Silent, then a gap, then with sound and larger.
    await shelve(shelf, door, "aaaaaaaa", NOON, await madePieces(ffmpeg, await fresh(), 3));
    const loud = await madePieces(ffmpeg, await fresh(), 3, { size: "640x480", hasSound: true });
    await shelve(shelf, door, "bbbbbbbb", NOON + 10_000, loud);
    media = await openMedia({ folder: join(folder, "media"), ffmpeg, clock: systemClock, journal });
  }, 60_000);
  afterAll(async () => {
    await media?.close();
    await ffmpeg?.close();
    await rm(folder, { recursive: true });
  });

  const opened = async (width: number, height: number, audio: boolean, [from, to] = [0, 60_000]): Promise<ArchiveStream> => {
    const stream = await media.archive(door, NOON + from, NOON + to, { width, height, audio });
    if (stream === undefined) throw new Error("nothing was recorded");
    return stream;
  };
  const shape = async (stream: ArchiveStream) => {
    const path = await saved(stream.file, await fresh());
    const { segments } = readPlaylist(await readFile(path));
    const probed = await ffmpeg.probe({ file: path });
    if ("failed" in probed) throw new Error(probed.failed.message);
    const { frames, timeMs } = await played(ffmpeg, path);
    const { width, height, isReordered } = probed.video;
    return { pieces: segments.length, frames, timeMs, size: [width, height], isReordered, sound: probed.audio?.codec };
  };
  const first = [0, 5000] as [number, number];
  const second = [9000, 20_000] as [number, number];

  it("plays to its end, as long as it was, at the size that was asked for", async () => {
    expect(await shape(await opened(160, 90, false))).toMatchObject({ pieces: 6, frames: 60, size: [160, 90], isReordered: false });
    // Each run follows in its own shape.
    const one = await shape(await opened(160, 0, false, first));
    expect(one).toMatchObject({ pieces: 3, frames: 30, size: [160, 90], sound: undefined });
    expect(Math.abs(one.timeMs - 3000)).toBeLessThanOrEqual(150);
    expect(await shape(await opened(0, 240, true, second))).toMatchObject({ pieces: 3, frames: 30, size: [320, 240], sound: "aac" });
    expect(await shape(await opened(320, 240, false, second))).toMatchObject({ pieces: 3, frames: 30, sound: undefined });
    expect(await shape(await opened(1281, 0, true, first))).toMatchObject({ frames: 30, size: [1280, 720] });
  }, 60_000);

  it("is what was recorded where it has that size, and its sound is wanted or it has none", async () => {
    const bytes = async (stream: ArchiveStream, name: string) => Buffer.from(await contentOf(stream.file(name)));
    const plain = await media.archive(door, NOON, NOON + 60_000);
    if (plain === undefined) throw new Error("nothing was recorded");
    for (const [stream, names] of [
      [await opened(0, 0, true), ["init.mp4", "s00000.m4s", "init-2.mp4", "s00003.m4s"]],
      [await opened(0, 0, false), ["init.mp4", "s00000.m4s"]],
      [await opened(320, 180, true), ["init.mp4", "s00002.m4s"]],
      [await opened(0, 480, true), ["init-2.mp4", "s00005.m4s"]],
    ] as const)
      for (const name of names) expect((await bytes(stream, name)).equals(await bytes(plain, name)), name).toBe(true);
    expect((await bytes(await opened(320, 0, true), "s00003.m4s")).equals(await bytes(plain, "s00003.m4s"))).toBe(false);
    const [whole, silent] = [await shape(await opened(0, 0, true, second)), await shape(await opened(0, 0, false, second))];
    expect(silent).toMatchObject({ frames: whole.frames, size: [640, 480], sound: undefined });
    expect(whole.sound).toBe("aac");
  }, 60_000);

  it("says at the head of each piece the same, so that one head is for all", async () => {
    const heads = await Promise.all([0, 1000, 2000].map(async (from) => opened(160, 0, false, [from, from + 1])));
    const [one, ...others] = await Promise.all(heads.map(async (stream) => Buffer.from(await contentOf(stream.file("init.mp4")))));
    for (const other of others) expect(other.equals(one as Buffer)).toBe(true);
    // No head stands before the pictures: a piece begins with its own.
    const stream = await opened(160, 0, false);
    expect(Buffer.from(await contentOf(stream.file("s00001.m4s"))).toString("latin1", 4, 8)).toBe("moof");
  }, 60_000);

  it("keeps the instants of its pieces", async () => {
    const stream = await opened(160, 90, false);
    const [second] = await Promise.all([contentOf(stream.file("s00004.m4s"))]);
    const path = await saved(stream.file, await fresh());
    const { segments } = readPlaylist(await readFile(path));
    expect(segments.map(({ at }) => at - NOON)).toEqual([0, 1000, 2000, 10_000, 11_000, 12_000]);
    const at = Buffer.from(second).indexOf("tfdt");
    expect(Number(Buffer.from(second).readBigUInt64BE(at + 8)) / 90_000).toBeCloseTo((NOON + 11_000) / 1000, 3);
  }, 60_000);

  it("is made once for all who ask at the same time, and no program runs afterwards", async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, () => opened(200, 0, false)));
    const asked = streams.flatMap((stream) => ["init.mp4", "s00000.m4s"].map((name) => stream.file(name)));
    expect(ffmpeg.running()).toBeLessThanOrEqual(limits.cuts);
    await Promise.all(asked);
    expect(ffmpeg.running()).toBe(0);
  }, 60_000);

  it("has only sizes that are some", async () => {
    for (const [width, height] of [
      [-2, 0],
      [limits.livePicturePx + 2, 0],
      [0, 1.5],
      [limits.livePictureLeastPx - 1, 0],
      [0, limits.livePictureLeastPx - 1],
      [0, Number.NaN],
    ] as const)
      await expect(opened(width, height, false)).rejects.toMatchObject({ name: "AdapterError", code: "bad-query", retryable: false });
    const { livePictureLeastPx: least, livePicturePx: most } = limits;
    await expect(opened(1, 0, false)).rejects.toThrow(`A picture is ${least} to ${most} pixels wide and high, or 0 for its own size`);
    for (const px of [least, most]) expect((await opened(px, px, false)).pieces, String(px)).not.toEqual([]);
    // What follows from a height may be too wide.
    const stream = await opened(0, 3000, false);
    await expect(stream.file("s00000.m4s")).rejects.toMatchObject({ code: "bad-query", retryable: false });
    for (const none of ["", "s00006.m4s", "init-3.mp4", "../s00000.m4s", "s00000.m4s\n"]) expect(await stream.file(none)).toBeUndefined();
  }, 60_000);

  it("is gone when what was recorded is", async () => {
    const shelf = await openShelf(join(folder, "media", "recordings"));
    await shelve(shelf, { ...door, camera: "hall" }, "cccccccc", NOON, await madePieces(ffmpeg, await fresh(), 1));
    const stream = await media.archive({ ...door, camera: "hall" }, NOON, NOON + 1000, { width: 160, height: 0, audio: false });
    expect(await stream?.file("s00000.m4s")).toMatchObject({ type: "video/iso.segment" });
    await rm(join(folder, "media", "recordings", "t1", "hall"), { recursive: true });
    expect([await stream?.file("s00000.m4s"), await stream?.file("init.mp4")]).toEqual([undefined, undefined]);
  }, 60_000);
});
