/** Every promise of `Media` that bears on what was recorded, against cameras. */
import { readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { MediaEvent, RecordedSegment } from "../../domain/media.ts";
import { createRecorded } from "../../domain/recorded.ts";
import { createStop } from "../../domain/stop.ts";
import { startFaulty } from "../servers/faulty-rtsp.ts";
import { contentOf, goesOnWithSound, picturesIn, played, saved, timesIn } from "../support/films.ts";
import { readPlaylist } from "../support/playlists.ts";
import { mediaStage, type OpenMedia } from "./media.suite.ts";

type Recorded = Extract<MediaEvent, { readonly kind: "segment-recorded" }>;
const recordedIn = (events: readonly MediaEvent[]): readonly Recorded[] => events.filter((event) => event.kind === "segment-recorded");

/** Of whether cameras are seen. */
const saidOf = (events: readonly MediaEvent[]): readonly string[] =>
  events.flatMap(({ kind }) => (kind === "segment-recorded" || kind === "segment-removed" ? [] : [kind]));

export const recordingSuite = (name: string, openMedia: OpenMedia): void => {
  describe(`${name}: recorded`, () => {
    const stage = mediaStage(openMedia);
    const door = { tenant: "t1", camera: "../Door %2F" };

    it("records a camera, plays it from any instant to any other, shows its gaps, and cuts pictures and clips from it", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const { media, ffmpeg, events } = await stage.open(folder);
      const begun = Date.now();
      const recorded = (count: number) => expect.poll(() => recordedIn(events).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(count);
      await media.record(door, camera.url);
      expect(media.recording(door)).toEqual({ state: "starting" });
      await recorded(3);
      expect(media.recording(door)).toEqual({ state: "running" });
      await media.record(door, undefined);
      expect([media.recording(door), ffmpeg.running(), await readdir(join(folder, "runs"))]).toEqual([undefined, 0, []]);
      const before = recordedIn(events).length;
      await sleep(1500);
      await media.record(door, camera.url);
      await recorded(before + 2);
      const growing = media.recording(door);
      expect(growing).toEqual({ state: "running" });
      await media.record(door, undefined);

      const pieces = recordedIn(events);
      for (const { start, end, tenant, camera: of } of pieces) {
        expect([tenant, of]).toEqual([door.tenant, door.camera]);
        expect(start).toBeGreaterThan(begun - 3000);
        expect(end).toBeGreaterThan(start);
      }
      // Whole, but for what no clock can tell.
      const gaps = pieces.slice(1).map(({ start }, at) => start - (pieces[at] as Recorded).end);
      expect(gaps.filter((gap) => Math.abs(gap) > 250)).toHaveLength(1);
      const [first, last] = [pieces[0] as Recorded, pieces.at(-1) as Recorded];

      const whole = await media.archive(door, first.start, last.end);
      expect(whole?.pieces).toHaveLength(2);
      expect([whole?.pieces[0]?.start, whole?.pieces[1]?.end]).toEqual([first.start, last.end]);
      const file = (one: string) => whole?.file(one) ?? Promise.resolve(undefined);
      const path = await saved(file, await stage.folder());
      const read = readPlaylist(await readFile(path));
      expect([read.kind, read.ends]).toEqual(["VOD", true]);
      expect(read.segments.map(({ at }) => at)).toEqual(pieces.map(({ start }) => start));
      expect(read.segments.filter(({ isNew }) => isNew)).toHaveLength(1);
      const seconds = pieces.reduce((sum, { start, end }) => sum + (end - start) / 1000, 0);
      expect(Math.abs((await played(ffmpeg, path)).frames - seconds * 10)).toBeLessThanOrEqual(4);

      // The same at another size, with the same instants.
      const small = await media.archive(door, first.start, last.end, { width: 160, height: 0, audio: false });
      expect(small?.pieces).toEqual(whole?.pieces);
      const smallPath = await saved((one) => small?.file(one) ?? Promise.resolve(undefined), await stage.folder());
      expect(readPlaylist(await readFile(smallPath))).toEqual(read);
      expect(await ffmpeg.probe({ file: smallPath })).toMatchObject({ video: { width: 160, height: 90, isReordered: false } });
      expect(Math.abs((await played(ffmpeg, smallPath)).frames - seconds * 10)).toBeLessThanOrEqual(4);
      await expect(media.archive(door, first.start, last.end, { width: 8, height: 0, audio: false })).rejects.toMatchObject({
        code: "bad-query",
      });

      // One piece, by an instant in it.
      const some = pieces[1] as Recorded;
      const part = await media.archive(door, some.start + 1, some.end - 1);
      expect(part?.pieces).toEqual([{ start: some.start, end: some.end }]);
      const partPath = await saved((one) => part?.file(one) ?? Promise.resolve(undefined), await stage.folder());
      expect(readPlaylist(await readFile(partPath)).begins).toEqual({ seconds: 0.001, isPrecise: true });
      const pictures = await picturesIn(ffmpeg, partPath);
      // Each came after it was made, by as much as the camera keeps its pictures.
      expect(some.start - (pictures[0]?.madeAt ?? 0)).toBeGreaterThan(-150);
      expect(some.start - (pictures[0]?.madeAt ?? 0)).toBeLessThan(3000);

      // A picture is of its instant.
      const at = some.start + 500;
      const [snap, again] = await Promise.all([media.snap(door, at), media.snap(door, at)]);
      if ("notRecorded" in snap || "notRecorded" in again) throw new Error("nothing was recorded");
      expect([snap.type, again.content]).toEqual(["image/jpeg", snap.content]);
      const jpeg = join(await stage.folder(), "snap.jpg");
      await writeFile(jpeg, snap.content);
      const offset = (pictures[0]?.madeAt ?? 0) - some.start;
      const [shown] = await picturesIn(ffmpeg, jpeg);
      expect(Math.abs((shown?.madeAt ?? 0) - at - offset)).toBeLessThanOrEqual(150);
      const end = await media.snap(door, some.end - 1);
      expect(end).toMatchObject({ type: "image/jpeg" });

      const clip = await media.clip(door, some.start + 100, some.end + 100);
      if ("notRecorded" in clip) throw new Error("nothing was recorded");
      const film = join(await stage.folder(), "clip.mp4");
      await writeFile(film, clip.content);
      expect(clip.type).toBe("video/mp4");
      const { frames } = await played(ffmpeg, film);
      expect(frames).toBeGreaterThanOrEqual(Math.floor((some.end - some.start) / 100));
      // A clip over the gap is as long as what there is.
      const over = await media.clip(door, first.start, last.end);
      if ("notRecorded" in over) throw new Error("nothing was recorded");
      await writeFile(film, over.content);
      expect(Math.abs((await played(ffmpeg, film)).frames - seconds * 10)).toBeLessThanOrEqual(4);

      // Where there is nothing.
      const [hole] = pieces.slice(1).flatMap(({ start }, index) => (start - (pieces[index] as Recorded).end > 250 ? [start - 100] : []));
      expect(await media.snap(door, hole as number)).toEqual({ notRecorded: "gap" });
      expect(await media.snap({ ...door, tenant: "t2" }, at)).toEqual({ notRecorded: "nothing" });
      expect(await media.clip(door, first.start - 10_000, first.start)).toEqual({ notRecorded: "gap" });
      expect(await media.archive(door, first.start - 10_000, first.start)).toBeUndefined();
      await expect(media.clip(door, at, at)).rejects.toMatchObject({ code: "bad-query" });
    }, 120_000);

    it("goes on with its sound from piece to piece, at any size, and in a clip", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera({ audio: true })];
      const { media, ffmpeg, events } = await stage.open(folder);
      await media.record(door, camera.url);
      await expect.poll(() => recordedIn(events).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
      await media.record(door, undefined);
      const [first, ...more] = recordedIn(events) as [Recorded, ...Recorded[]];
      const { end } = more.at(-1) as Recorded;
      for (const width of [0, 160]) {
        const archive = await media.archive(door, first.start, end, { width, height: 0, audio: true });
        const path = await saved((name) => archive?.file(name) ?? Promise.resolve(undefined), await stage.folder());
        expect(await ffmpeg.probe({ file: path })).toMatchObject({ video: { width: width || 320 }, audio: { codec: "aac" } });
        await goesOnWithSound(path);
      }
      const film = join(await stage.folder(), "clip.mp4");
      const clip = await media.clip(door, first.start, end);
      if ("notRecorded" in clip) throw new Error("nothing was recorded");
      await writeFile(film, clip.content);
      const [pictures, sounds] = await Promise.all([timesIn(film, "pictures"), timesIn(film, "sounds")]);
      // As in what it was cut from: its length is theirs, and both begin it and end it.
      for (const times of [pictures, sounds]) {
        expect(times[0]).toBeLessThanOrEqual(100);
        expect(Math.abs((times.at(-1) as number) - (end - first.start))).toBeLessThanOrEqual(250);
      }
    }, 60_000);

    it("has playlists of hours, and nothing under any name but its own", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const { media, ffmpeg, events } = await stage.open(folder);
      await media.record(door, camera.url);
      await expect.poll(() => recordedIn(events).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
      const [first] = recordedIn(events) as [Recorded];
      const [date = "", text = ""] = first.file.split("/");
      const hour = Number(text);
      expect(await media.hours(door, date)).toContain(hour);
      const same = (one: string): string => one;
      expect(readPlaylist((await media.hour(door, date, hour, same))?.content)).toMatchObject({ kind: "EVENT", ends: false });
      await media.record(door, undefined);
      const playlist = await contentOf(media.hour(door, date, hour, (one) => `${one}?signature=a`));
      const { segments, ends } = readPlaylist(playlist);
      expect([ends, segments.every(({ uri, init }) => uri.endsWith("?signature=a") && init.endsWith("?signature=a"))]).toEqual([
        true,
        true,
      ]);
      const file = (one: string) => (one === "index.m3u8" ? media.hour(door, date, hour, same) : media.hourFile(door, date, hour, one));
      const path = await saved(file, await stage.folder());
      expect((await played(ffmpeg, path)).frames).toBeGreaterThan(30);

      const own = first.file.split("/")[2] as string;
      for (const none of ["", ".", "..", `../${text}/${own}`, `..%2f${own}`, `${own}\0`, `${own}\n`, "0a1b2c3d.mp4", "index.m3u8"])
        expect(await media.hourFile(door, date, hour, none), JSON.stringify(none)).toBeUndefined();
      for (const [day, at] of [
        ["2026-13-01", 1],
        ["../..", 1],
        [date, 24],
        [date, -1],
        [date, 0.5],
        ["2026-02-30", 1],
      ] as const)
        expect([await media.hour(door, day, at, same), await media.hourFile(door, day, at, own)]).toEqual([undefined, undefined]);
      expect(await media.hourFile({ ...door, tenant: "t2" }, date, hour, own)).toBeUndefined();

      // A link is nothing, wherever it leads.
      const [tenant = ""] = await readdir(join(folder, "recordings"));
      const [of = ""] = await readdir(join(folder, "recordings", tenant));
      const day = join(folder, "recordings", tenant, of, date);
      await writeFile(join(folder, "secret"), "secret");
      const fake = own.replace(/^\d{13}/, String(first.start + 1));
      await symlink(join(folder, "secret"), join(day, text, fake));
      expect(await media.hourFile(door, date, hour, fake)).toBeUndefined();
      await rename(join(day, text), join(folder, "aside"));
      await symlink(join(folder, "aside"), join(day, text));
      expect([await media.hourFile(door, date, hour, own), await media.hour(door, date, hour, same)]).toEqual([undefined, undefined]);
    }, 120_000);

    it("says after a restart what is there that nobody knew, and what is known and gone", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const first = await stage.open(folder);
      await first.media.record(door, camera.url);
      await expect.poll(() => recordedIn(first.events).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
      await first.media.close();
      const known = recordedIn(first.events);
      const [a, b, c] = known as readonly [Recorded, Recorded, Recorded];
      const second = await stage.open(folder);
      const told = async (index: readonly RecordedSegment[]): Promise<readonly (readonly [string, string])[]> => {
        const from = second.events.length;
        await second.media.reconcile(
          door,
          (async function* () {
            yield* index;
          })(),
        );
        return second.events.slice(from).map((event) => [event.kind, "file" in event ? event.file : ""]);
      };
      expect(await told(known)).toEqual([]);
      expect(await told(known.slice(2))).toEqual([
        ["segment-recorded", a.file],
        ["segment-recorded", b.file],
      ]);
      const [tenant = ""] = await readdir(join(folder, "recordings"));
      const [of = ""] = await readdir(join(folder, "recordings", tenant));
      const path = (file: string): string => join(folder, "recordings", tenant, of, file);
      await rm(path(a.file));
      await truncate(path(b.file), 100);
      expect(await told(known)).toEqual([
        ["segment-removed", a.file],
        ["segment-removed", b.file],
      ]);
      expect(await told(known.slice(2))).toEqual([]);
      await rm(join(folder, "recordings"), { recursive: true });
      expect(await told([c])).toEqual([["segment-removed", c.file]]);
    }, 120_000);

    it("says what is there of a camera while that is recorded: some of it twice, all of it, and no more once it is told to end", async () => {
      const nothing = async function* (): AsyncGenerator<never> {};
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const first = await stage.open(folder);
      await first.media.record(door, camera.url);
      await expect.poll(() => recordedIn(first.events).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
      await first.media.close();
      const before = recordedIn(first.events);
      const second = await stage.open(folder);
      await second.media.record(door, camera.url);
      const distinct = () => new Map(recordedIn(second.events).map((piece) => [piece.file, piece]));
      // Time and again, so that pieces come while it is read.
      while (distinct().size < before.length + 3) await second.media.reconcile(door, nothing());
      await second.media.close();
      expect([...distinct().keys()]).toEqual(expect.arrayContaining(before.map(({ file }) => file)));
      expect(second.events.filter(({ kind }) => kind === "segment-removed")).toEqual([]);
      const told = recordedIn(second.events);
      expect(told.length).toBeGreaterThan(distinct().size);
      const [often, once] = [createRecorded(), createRecorded()];
      for (const { start, end } of told) often.add(door, start, end);
      for (const { start, end } of [...distinct().values()].sort((a, b) => a.start - b.start)) once.add(door, start, end);
      const [from, to] = [Math.min(...told.map(({ start }) => start)), Math.max(...told.map(({ end }) => end))];
      const instants = Array.from({ length: to - from }, (_, at) => from + at);
      expect(instants.filter((at) => often.covers(door, at) !== once.covers(door, at))).toEqual([]);
      expect([often.end(door), once.end(door)]).toEqual([to, to]);

      const third = await stage.open(folder);
      const { signal, stop } = createStop();
      third.media.onEvent(() => stop());
      await third.media.reconcile(door, nothing(), signal);
      expect(recordedIn(third.events)).toHaveLength(1);
    }, 120_000);

    it("records nothing while the disk has too little room, and says so", async () => {
      const [folder, camera] = [await stage.folder(), await stage.camera()];
      const { media, events } = await stage.open(folder, { policy: { floorBytes: Number.MAX_SAFE_INTEGER } });
      await media.record(door, camera.url);
      await expect
        .poll(() => media.recording(door), { timeout: 30_000 })
        .toMatchObject({ state: "stalled", failure: { reason: "storage" } });
      expect(recordedIn(events)).toEqual([]);
    }, 60_000);

    it("goes on when the camera has hung up, and where its folders have vanished", async () => {
      const camera = await stage.faulty({ fault: { closesAfter: 200 } });
      const folder = await stage.folder();
      const { media, events } = await stage.open(folder);
      await media.record(door, camera.url);
      await expect.poll(() => events.map(({ kind }) => kind), { timeout: 40_000 }).toContain("camera-offline");
      for (const one of ["recordings", "runs"]) await rm(join(folder, one), { recursive: true, force: true });
      const before = recordedIn(events).length;
      await expect.poll(() => recordedIn(events).length, { timeout: 40_000 }).toBeGreaterThan(before);
      expect(saidOf(events).slice(0, 3)).toEqual(["camera-online", "camera-offline", "camera-online"]);
    }, 120_000);

    it("tells what it sees of the camera when that changes, and when nobody looks any more that it was gone", async () => {
      const camera = await stage.camera();
      const [other, away] = [await stage.faulty({ fault: "garbage" }), await startFaulty({ fault: "none" })];
      await away.stop();
      const { media, events } = await stage.open(await stage.folder());
      const told = (...kinds: readonly string[]) => expect.poll(() => saidOf(events), { timeout: 40_000 }).toEqual(kinds);
      // Gone from the beginning, which an earlier life may not have known; and not told again as it is tried again.
      await media.record(door, other.url);
      await told("camera-offline");
      const tries = other.connections();
      await expect.poll(other.connections, { timeout: 40_000 }).toBeGreaterThan(tries + 1);
      expect(saidOf(events)).toEqual(["camera-offline"]);
      const begun = ["camera-offline", "camera-unwatched"];
      await media.record(door, away.url);
      await told(...begun, "camera-offline");
      await media.record(door, camera.url);
      await told(...begun, ...begun, "camera-online");
      expect(events.find(({ kind }) => kind === "camera-online")).toMatchObject({
        ...door,
        codec: "h264",
        width: 320,
        height: 180,
        fps: 10,
      });
      const seen = [...begun, ...begun, "camera-online"];
      // Of what was there nothing is to be taken back.
      await media.record(door, undefined);
      await media.record(door, camera.url);
      await told(...seen, "camera-online");
      await camera.stop();
      await told(...seen, "camera-online", "camera-offline");
      await media.record(door, undefined);
      expect(saidOf(events)).toEqual([...seen, "camera-online", ...begun]);
    }, 120_000);

    it("leaves a camera gone that is gone as it is closed: whoever looks next sees for themselves", async () => {
      const away = await startFaulty({ fault: "none" });
      await away.stop();
      const { media, events } = await stage.open(await stage.folder());
      await media.record(door, away.url);
      await expect.poll(() => saidOf(events), { timeout: 40_000 }).toEqual(["camera-offline"]);
      await media.close();
      expect(saidOf(events)).toEqual(["camera-offline"]);
    }, 60_000);
  });
};
