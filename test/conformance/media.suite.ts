/** Every promise of `Media` that bears on what is live, against cameras. What was recorded: media-recording.suite.ts. */
import { mkdtemp, readdir, readFile as readSaved, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Ffmpeg } from "../../adapters/ffmpeg.ts";
import { limits } from "../../domain/limits.ts";
import type { LiveWish, MediaEvent } from "../../domain/media.ts";
import type { Media } from "../../domain/ports.ts";
import { type FaultyHow, startFaulty } from "../servers/faulty-rtsp.ts";
import { type CameraShape, startCamera } from "../servers/rtsp-camera.ts";
import { contentOf, goesOnWithSound, picturesIn, played, saved } from "../support/films.ts";
import { readPlaylist } from "../support/playlists.ts";

export type MediaHow = {
  readonly streams?: number;
  readonly streamsPerTenant?: number;
  readonly tries?: number;
  readonly policy?: { readonly keptMs?: number; readonly bytesPerTenant?: number; readonly floorBytes?: number };
};
export type MediaUnderTest = {
  readonly media: Media;
  /** To look at films with, and to count what runs. */
  readonly ffmpeg: Ffmpeg;
  readonly events: readonly MediaEvent[];
};
export type OpenMedia = (folder: string, how: MediaHow) => Promise<MediaUnderTest>;

/** Opens adapters and cameras, and closes what a test has left open. */
export const mediaStage = (open: OpenMedia) => {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return {
    folder: async (): Promise<string> => {
      const folder = await mkdtemp(join(tmpdir(), "tallywire-media-"));
      ends.push(() => rm(folder, { recursive: true, force: true }));
      return folder;
    },
    open: async (folder: string, how: MediaHow = {}): Promise<MediaUnderTest> => {
      const opened = await open(folder, how);
      ends.push(() => opened.media.close().then(() => opened.ffmpeg.close()));
      return opened;
    },
    camera: async (shape: Partial<CameraShape> = {}) => {
      const camera = await startCamera(shape);
      let stopped: Promise<void> | undefined;
      const stop = (): Promise<void> => (stopped ??= camera.stop());
      ends.push(stop);
      return { ...camera, stop };
    },
    faulty: async (how: FaultyHow) => {
      const camera = await startFaulty(how);
      ends.push(() => camera.stop());
      return camera;
    },
  };
};

export const mediaSuite = (name: string, openMedia: OpenMedia): void => {
  describe(`${name}: live`, () => {
    const stage = mediaStage(openMedia);
    const wish = (url: string, more: Partial<LiveWish> = {}): LiveWish => ({
      ...{ tenant: "t1", camera: "door", url, width: 0, height: 0, audio: false },
      ...more,
    });
    const playlistOf = async (stream: ReturnType<Media["live"]>) => readPlaylist(await contentOf(stream.file("index.m3u8")));
    const grows = (stream: ReturnType<Media["live"]>, pieces: number) =>
      expect.poll(async () => (await playlistOf(stream)).segments.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(pieces);

    it("makes one film for all who ask for the same, whose instants are those at which its pictures were made", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const { media, ffmpeg, events } = await stage.open(folder);
      const [one, same, smaller] = [wish(camera.url), wish(camera.url), wish(camera.url, { width: 160, height: 90 })].map(media.live) as [
        ReturnType<Media["live"]>,
        ReturnType<Media["live"]>,
        ReturnType<Media["live"]>,
      ];
      expect(one.state()).toEqual({ state: "starting" });
      expect(await Promise.all([one.ready, same.ready, smaller.ready])).toEqual(Array(3).fill({ state: "running" }));
      expect(ffmpeg.running()).toBe(2);
      await grows(one, 4);
      const [films, small] = [await stage.folder(), await stage.folder()];
      const path = await saved(one.file, films);
      const savedAt = Date.now();
      const { segments } = readPlaylist(await readSaved(path));
      const seconds = segments.reduce((sum, segment) => sum + segment.seconds, 0);
      expect(await ffmpeg.probe({ file: path })).toMatchObject({ video: { codec: "h264", width: 320, height: 180 }, audio: undefined });
      expect((await played(ffmpeg, path)).frames).toBeGreaterThanOrEqual(Math.floor(seconds * 10 * 0.7) - 3);
      const pictures = await picturesIn(ffmpeg, path);
      const numbers = pictures.map(({ number }) => number);
      // In order, none twice. On a busy machine the camera itself leaves out a picture now and then: its server drops what a viewer is behind with.
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect((numbers.at(-1) as number) - (numbers[0] as number) - numbers.length + 1).toBeLessThan(numbers.length / 4);
      // Each came after it was made, by as much as the camera keeps its pictures.
      const newest = segments.at(-1);
      const shown = pictures.at(-Math.round((newest?.seconds ?? 0) * 10));
      const kept = (newest?.at ?? 0) - (shown?.madeAt ?? 0);
      expect(kept).toBeGreaterThan(-150);
      expect(kept).toBeLessThan(6000);
      const end = (newest?.at ?? 0) + (newest?.seconds ?? 0) * 1000;
      // The first piece is seen late by what ffmpeg takes to begin; those after it come nearer in small steps.
      expect(end).toBeLessThanOrEqual(savedAt + 2000);
      expect(end).toBeGreaterThan(savedAt - 6000);
      expect(await ffmpeg.probe({ file: await saved(smaller.file, small) })).toMatchObject({ video: { width: 160, height: 90 } });

      await same.release();
      await same.release();
      expect([await same.file("index.m3u8"), one.state(), ffmpeg.running()]).toEqual([undefined, { state: "running" }, 2]);
      await one.release();
      expect([ffmpeg.running(), smaller.state()]).toEqual([1, { state: "running" }]);
      await smaller.release();
      expect([ffmpeg.running(), await readdir(join(folder, "live"))]).toEqual([0, []]);
      // Whoever watches it now and then knows nothing of the camera in between.
      expect(events).toEqual([]);
    }, 60_000);

    it("has the camera's sound where it is asked for, and pictures in the order they are shown in", async () => {
      const camera = await stage.camera({ audio: true, bFrames: 2 });
      const { media, ffmpeg } = await stage.open(await stage.folder());
      const [heard, silent] = [media.live(wish(camera.url, { audio: true })), media.live(wish(camera.url))];
      await Promise.all([heard.ready, silent.ready]);
      await grows(heard, 3);
      const path = await saved(heard.file, await stage.folder());
      expect(await ffmpeg.probe({ file: path })).toMatchObject({ audio: { codec: "aac" } });
      const numbers = (await picturesIn(ffmpeg, path)).map(({ number }) => number);
      expect(numbers.length).toBeGreaterThan(15);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(await ffmpeg.probe({ file: await saved(silent.file, await stage.folder()) })).toMatchObject({ audio: undefined });
    }, 60_000);

    it("goes on with its sound from piece to piece, at any size", async () => {
      const camera = await stage.camera({ audio: true });
      const { media } = await stage.open(await stage.folder());
      const films = [wish(camera.url, { audio: true }), wish(camera.url, { audio: true, width: 160 })].map((one) => media.live(one));
      for (const film of films) {
        await film.ready;
        await grows(film, 5);
        await goesOnWithSound(await saved(film.file, await stage.folder()));
      }
    }, 60_000);

    it("begins with a short piece, and does not encode what has the size anyway", async () => {
      const camera = await stage.camera();
      const { media, ffmpeg } = await stage.open(await stage.folder());
      const [smaller, same] = [media.live(wish(camera.url, { width: 160 })), media.live(wish(camera.url, { width: 320, height: 180 }))];
      await Promise.all([smaller.ready, same.ready]);
      // The camera's groups of pictures are a second long.
      for (const stream of [smaller, same]) expect((await playlistOf(stream)).segments[0]?.seconds).toBeLessThan(0.75);
      await Promise.all([smaller, same].map((stream) => grows(stream, 4)));
      // A copy is cut in the middle of a group, once, and says that not each of its pieces begins with a keyframe.
      const [encoded, copied] = await Promise.all(
        [smaller, same].map(async (stream) => new TextDecoder().decode(await contentOf(stream.file("index.m3u8")))),
      );
      expect([encoded?.includes("INDEPENDENT-SEGMENTS"), copied?.includes("INDEPENDENT-SEGMENTS")]).toEqual([true, false]);
      const copy = await saved(same.file, await stage.folder());
      const numbers = (await picturesIn(ffmpeg, copy)).map(({ number }) => number);
      expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] as number) + at));
      const [head, rest, group] = (await playlistOf(same)).segments;
      expect((head?.seconds ?? 0) + (rest?.seconds ?? 0)).toBeCloseTo(group?.seconds ?? 0, 0);
      expect((await played(ffmpeg, copy)).frames).toBe(numbers.length);
      const path = await saved(smaller.file, await stage.folder());
      expect((await playlistOf(smaller)).target).toBeLessThanOrEqual(2);
      expect((await played(ffmpeg, path)).frames).toBeGreaterThan(20);
    }, 60_000);

    it("refuses by the name of its codec what is not H.264, and nothing is told of whether the camera sees", async () => {
      const camera = await stage.camera({ codec: "h265" });
      const { media, ffmpeg, events } = await stage.open(await stage.folder());
      const stream = media.live(wish(camera.url));
      const failed = { state: "failed", failure: { reason: "codec", codec: "hevc", message: expect.stringContaining("hevc") } };
      expect(await stream.ready).toEqual(failed);
      expect([stream.state(), await stream.file("index.m3u8"), ffmpeg.running()]).toEqual([failed, undefined, 0]);
      expect(events).toEqual([]);
      await stream.release();
    }, 60_000);

    it("goes on in the same playlist when the camera has hung up", async () => {
      const camera = await stage.faulty({ fault: { closesAfter: 200 } });
      const { media, ffmpeg, events } = await stage.open(await stage.folder());
      const stream = media.live(wish(camera.url));
      await stream.ready;
      await expect.poll(stream.state, { timeout: 30_000, interval: 20 }).toMatchObject({ state: "stalled", failure: { reason: "ended" } });
      await expect.poll(stream.state, { timeout: 30_000, interval: 20 }).toEqual({ state: "running" });
      await expect.poll(async () => (await playlistOf(stream)).segments.some(({ isNew }) => isNew), { timeout: 30_000 }).toBe(true);
      const path = await saved(stream.file, await stage.folder());
      const { segments } = readPlaylist(await readSaved(path));
      expect(new Set(segments.map(({ init }) => init)).size).toBe(2);
      expect((await played(ffmpeg, path, true)).frames).toBeGreaterThan(20);
      expect(events).toEqual([]);
    }, 90_000);

    it("says that a camera stalls which sends nothing any more, and tries it again", async () => {
      const camera = await stage.faulty({ fault: { hangsAfter: 150 } });
      const { media, events } = await stage.open(await stage.folder());
      const stream = media.live(wish(camera.url));
      await stream.ready;
      await expect
        .poll(stream.state, { timeout: 40_000, interval: 50 })
        .toMatchObject({ state: "stalled", failure: { reason: "timeout" } });
      await expect.poll(stream.state, { timeout: 40_000, interval: 50 }).toEqual({ state: "running" });
      expect(events).toEqual([]);
    }, 90_000);

    it("gives up what nothing comes of, and begins anew for whoever asks then", async () => {
      const camera = await startFaulty({ fault: "mute" });
      await camera.stop();
      const { media } = await stage.open(await stage.folder(), { tries: 2 });
      const stream = media.live(wish(camera.url));
      expect(await stream.ready).toMatchObject({ state: "failed", failure: { reason: "unreachable" } });
      const again = media.live(wish(camera.url));
      expect(again.state()).toEqual({ state: "starting" });
      await Promise.all([stream.release(), again.release()]);
    }, 60_000);

    it("makes no more films than may be made, of one tenant and of all", async () => {
      const camera = await stage.faulty({ fault: "mute" });
      const { media } = await stage.open(await stage.folder(), { streams: 3, streamsPerTenant: 2 });
      media.live(wish(camera.url));
      const second = media.live(wish(camera.url, { camera: "b" }));
      media.live(wish(camera.url));
      const full = expect.objectContaining({ name: "AdapterError", code: "full", retryable: true });
      expect(() => media.live(wish(camera.url, { camera: "c" }))).toThrow(full);
      media.live(wish(camera.url, { tenant: "t2" }));
      expect(() => media.live(wish(camera.url, { tenant: "t3" }))).toThrow(full);
      await second.release();
      media.live(wish(camera.url, { tenant: "t3" }));
    }, 60_000);

    it("encodes no more films than may be encoded, of one tenant and of all; those at their own size go on", async () => {
      const camera = await stage.faulty({ fault: "mute" });
      const { media } = await stage.open(await stage.folder());
      const sized = (tenant: string, number: number) => media.live(wish(camera.url, { tenant, width: 100 + 2 * number, height: 90 }));
      for (let number = 0; number < limits.liveEncodedPerTenant; number++) sized("t1", number);
      expect(() => sized("t1", 50)).toThrow(`${limits.liveEncodedPerTenant} live films are encoded for this tenant`);
      sized("t1", 0);
      for (let number = limits.liveEncodedPerTenant; number < limits.liveEncoded; number++) sized("t2", number);
      expect(() => sized("t3", 0)).toThrow(`${limits.liveEncoded} live films are encoded`);
      media.live(wish(camera.url, { tenant: "t3" }));
    }, 60_000);

    it("takes no size that is none", async () => {
      const { media } = await stage.open(await stage.folder());
      for (const size of [{ width: -2 }, { width: 5000 }, { height: 1.5 }, { width: 8 }, { height: Number.NaN }])
        expect(() => media.live(wish("rtsp://127.0.0.1:9/", size))).toThrow(
          expect.objectContaining({ code: "bad-query", retryable: false }),
        );
    });

    it("has nothing under any name but its own", async () => {
      const camera = await stage.faulty({ fault: "none" });
      const { media } = await stage.open(await stage.folder());
      const stream = media.live(wish(camera.url));
      await stream.ready;
      const { segments } = await playlistOf(stream);
      const [own = "", init = ""] = [segments[0]?.uri, segments[0]?.init];
      for (const there of [own, init]) expect((await stream.file(there))?.content.length).toBeGreaterThan(500);
      for (const none of [
        ...["", ".", "..", "/", "list.m3u8", "1/list.m3u8", `1/${init}`, `./${own}`, `../1/${own}`, `..%2f${own}`, `${own}%00`, `${own}\0`],
        ...[
          `${own}\n`,
          own.toUpperCase(),
          `${own}?`,
          "s0.m4s",
          "s99999.m4s",
          "init-1.mp4",
          "init-9.mp4",
          "index.m3u8/",
          "INDEX.m3u8",
          "s-0001.m4s",
        ],
      ])
        expect(await stream.file(none), JSON.stringify(none)).toBeUndefined();
    }, 60_000);

    it("ends everything when it is closed", async () => {
      const camera = await stage.faulty({ fault: "none" });
      const folder = await stage.folder();
      const { media, ffmpeg } = await stage.open(folder);
      const stream = media.live(wish(camera.url));
      await stream.ready;
      await media.close();
      expect([ffmpeg.running(), await readdir(join(folder, "live"))]).toEqual([0, []]);
      expect(() => media.live(wish(camera.url))).toThrow(expect.objectContaining({ code: "closed" }));
    }, 60_000);
  });
};
