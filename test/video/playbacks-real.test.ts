/** Playbacks over real films: a camera, ffmpeg, and a store on the disk that outlives the process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import type { EventStore } from "../../domain/ports.ts";
import { playbackStream } from "../../domain/streams.ts";
import type { NoPlayback, PlaybackStatus, PlaybackWish } from "../../domain/video.ts";
import { canStartCamera } from "../servers/for-tests.ts";
import { startCamera } from "../servers/rtsp-camera.ts";
import { contentOf } from "../support/films.ts";
import { openedMedia } from "../support/opened-media.ts";
import { playbackLife } from "../support/playbacks.ts";
import { readPlaylist } from "../support/playlists.ts";

const canRun = await canStartCamera("playbacks over real films");
const door = { tenant: "t1", camera: "door" };
const live: PlaybackWish = { kind: "live", width: 0, height: 0, audio: false };
const kept = 8000;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const playing = (answer: PlaybackStatus | NoPlayback): PlaybackStatus => {
  if (!("id" in answer)) throw new Error(JSON.stringify(answer));
  return answer;
};
const decided = async (store: EventStore) =>
  (await store.read(playbackStream("t1"))).map(({ type, data }) => {
    const { how } = data as { readonly how?: string };
    return how ?? type;
  });
const UNTIL = { timeout: 40_000 };

describe.skipIf(!canRun)("a playback of a real camera", () => {
  it("plays while it is kept alive, outlives the server, and expires with its film when nobody asks any more", async () => {
    const [folder, camera] = [await mkdtemp(join(tmpdir(), "tallywire-playbacks-")), await startCamera()];
    ends.push(
      () => rm(folder, { recursive: true, force: true }),
      () => camera.stop(),
    );
    const cameras = new Map([["door", camera.url]]);
    const begin = async (playbackKeptMs: number) => {
      const store = await openLmdbStore({ dir: join(folder, "store") });
      const { media, ffmpeg, events } = await openedMedia(join(folder, "media"), {});
      const life = playbackLife({ store, media, cameras, clock: systemClock, limits: { playbackKeptMs } });
      let ended: Promise<void> | undefined;
      const end = (): Promise<void> =>
        (ended ??= (async () => {
          await life.end();
          await media.close();
          await ffmpeg.close();
          await store.close();
        })());
      ends.push(end);
      return { ...life, store, media, ffmpeg, events, end };
    };

    const first = await begin(60_000);
    const { id, state } = playing(await first.playbacks.start(door, live));
    expect([state, await decided(first.store)]).toEqual([{ state: "running" }, ["playback-started"]]);
    const playlist = readPlaylist(await contentOf(first.playbacks.file("t1", "live", id, "index.m3u8")));
    expect(playlist.segments.length).toBeGreaterThan(0);
    const other = playing(await first.playbacks.start(door, live));
    expect([other.id > id, first.ffmpeg.running()]).toEqual([true, 1]);
    expect(await first.playbacks.stop("t1", "live", other.id)).toBe(true);
    expect(first.events).toEqual([]);
    await first.end();
    expect(first.ffmpeg.running()).toBe(0);

    const second = await begin(kept);
    const known = ["playback-started", "playback-started", "stopped"];
    expect(await decided(second.store)).toEqual(known);
    expect(await second.playbacks.status("t1", "live", other.id)).toBeUndefined();
    expect(await second.playbacks.status("t1", "live", id)).toMatchObject({ id, state: { state: "starting" } });
    expect(second.ffmpeg.running()).toBe(0);
    const again = readPlaylist(await contentOf(second.playbacks.file("t1", "live", id, "index.m3u8")));
    expect([again.segments.length > 0, second.ffmpeg.running()]).toEqual([true, 1]);

    // It goes on for longer than it may without being kept alive.
    for (const until = Date.now() + kept * 1.5; Date.now() < until; await systemClock.sleep(250))
      expect(await second.playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "running" } });
    expect(await decided(second.store)).toEqual(known);
    await expect.poll(() => decided(second.store), UNTIL).toEqual([...known, "expired"]);
    await expect.poll(() => second.ffmpeg.running(), UNTIL).toBe(0);
    expect(await second.playbacks.file("t1", "live", id, "index.m3u8")).toBeUndefined();
    expect(await second.playbacks.stop("t1", "live", id)).toBe(true);
  }, 120_000);

  it("fails with the reason where the camera refuses its credentials, and nothing goes on", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tallywire-playbacks-"));
    const camera = await startCamera({ auth: "digest", password: "s3cret" });
    ends.push(
      () => rm(folder, { recursive: true, force: true }),
      () => camera.stop(),
    );
    const store = await openLmdbStore({ dir: join(folder, "store") });
    const { media, ffmpeg, events } = await openedMedia(join(folder, "media"), {});
    const url = camera.urlWith({ userinfo: "viewer:wr0ng" });
    const life = playbackLife({ store, media, cameras: new Map([["door", url]]), clock: systemClock });
    ends.push(async () => {
      await life.end();
      await media.close();
      await ffmpeg.close();
      await store.close();
    });
    const answer = await life.playbacks.start(door, live);
    expect(answer).toMatchObject({ failure: { reason: "unauthorized" } });
    expect(JSON.stringify(answer)).not.toMatch(/s3cret|wr0ng/);
    expect([await decided(store), events]).toEqual([["playback-started", "failed"], []]);
    await expect.poll(() => ffmpeg.running(), UNTIL).toBe(0);
  }, 60_000);
});
