import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { folderName } from "../../adapters/folder-name.ts";
import { type ArchiveHow, openArchive } from "../../adapters/media-ffmpeg/archive.ts";
import { type Policy, retain } from "../../adapters/media-ffmpeg/reconcile.ts";
import { HOUR_MS, hourStart, openShelf } from "../../adapters/media-ffmpeg/shelf.ts";
import { stamper } from "../../adapters/media-ffmpeg/stamp.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { ArchiveStream, MediaEvent } from "../../domain/media.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { madePieces, played, saved, shelve } from "../support/films.ts";
import { keptJournal, loopback } from "../support/media.ts";
import { readPlaylist } from "../support/playlists.ts";

const canRun = await canStartFfmpeg("recordings over the hour");
const folder = await mkdtemp(join(tmpdir(), "tallywire-shelf-"));
afterAll(() => rm(folder, { recursive: true }));
const fresh = (): Promise<string> => mkdtemp(join(folder, "one-"));

const door = { tenant: "t1", camera: "door" };
const MIDNIGHT = Date.parse("2026-03-01T00:00:00.000Z");

/** Puts a piece of no film, of so many bytes. */
const putFake = async (
  shelf: Awaited<ReturnType<typeof openShelf>>,
  camera: typeof door,
  start: Instant,
  bytes: number,
  lengthMs = 2000,
) => {
  const [path, init] = [join(await fresh(), "s"), join(await fresh(), "init")];
  await writeFile(path, Buffer.alloc(bytes));
  await writeFile(init, "init");
  return shelf.put(camera, { path, init, run: "0a1b2c3d", bytes, start, end: start + lengthMs });
};

const archiveOf = (shelf: Awaited<ReturnType<typeof openShelf>>, more: Partial<ArchiveHow> = {}) =>
  openArchive({ shelf, resized: async () => "recorded", isRecorded: () => false, now: () => MIDNIGHT, ...more });

describe("the names of folders", () => {
  it("tell every two ids apart, in capitals or not, and lead nowhere", () => {
    const ids = [
      "a",
      "A",
      "a%",
      "%61",
      ".",
      "..",
      "../a",
      "a/b",
      "a\\b",
      "~",
      "ä",
      "a ",
      "CON",
      "x".repeat(201),
      "y".repeat(256),
      "/".repeat(90),
    ];
    const names = ids.map(folderName);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(ids.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9%_-]{1,200}$/);
  });

  it("of hours are real ones only", () => {
    expect(hourStart("2026-03-01", 23)).toBe(MIDNIGHT + 23 * HOUR_MS);
    for (const [date, hour] of [
      ["2026-02-29", 0],
      ["2026-3-1", 0],
      ["", 0],
      ["2026-03-01", 24],
      ["2026-03-01", 1.5],
      ["2026-03-01\n", 0],
    ] as const)
      expect(hourStart(date, hour)).toBeUndefined();
  });
});

describe("what has to go", () => {
  const keeping: Policy = { keptMs: 1000 * HOUR_MS, bytesPerTenant: 1e9, floorBytes: 0 };
  const filled = async () => {
    const root = await fresh();
    const shelf = await openShelf(join(root, "recordings"));
    const cameras = [door, { tenant: "t1", camera: "hall" }, { tenant: "t2", camera: "door" }];
    for (let hour = 0; hour < 4; hour += 1) for (const camera of cameras) await putFake(shelf, camera, MIDNIGHT + hour * HOUR_MS, 1000);
    const events: MediaEvent[] = [];
    const now = MIDNIGHT + 3 * HOUR_MS + 60_000;
    const went = (policy: Partial<Policy>) => retain(shelf, root, { ...keeping, ...policy }, now, (event) => events.push(event));
    const left = async (camera: typeof door) => shelf.hours(camera, "2026-03-01");
    return { went, left, events, cameras };
  };

  it("is nothing while there is room for it", async () => {
    const { went, events } = await filled();
    expect([await went({}), events]).toEqual([0, []]);
  });

  it("is what is too old, and of each it is told", async () => {
    const { went, left, events, cameras } = await filled();
    expect(await went({ keptMs: 2 * HOUR_MS })).toBe(3000);
    for (const camera of cameras) expect(await left(camera)).toEqual([1, 2, 3]);
    expect(events).toEqual(
      cameras.map((camera) => ({
        ...camera,
        kind: "segment-removed",
        start: MIDNIGHT,
        end: MIDNIGHT + 2000,
        file: `2026-03-01/00/${MIDNIGHT}-2000-0a1b2c3d-1000.m4s`,
      })),
    );
  });

  it("is the oldest of a tenant who has too much, and nobody else's", async () => {
    const { went, left } = await filled();
    expect(await went({ bytesPerTenant: 5000 })).toBe(3000);
    const ofOne = [...(await left(door)), ...(await left({ tenant: "t1", camera: "hall" }))].sort();
    expect(ofOne).toHaveLength(5);
    expect(ofOne.filter((hour) => hour === 0)).toEqual([]);
    expect(await left({ tenant: "t2", camera: "door" })).toEqual([0, 1, 2, 3]);
  });

  it("is all but what is being recorded, where the disk has no room", async () => {
    const { went, left, cameras } = await filled();
    expect(await went({ floorBytes: Number.MAX_SAFE_INTEGER })).toBe(9000);
    for (const camera of cameras) expect(await left(camera)).toEqual([3]);
  });
});

describe("the hours of a day", () => {
  it("are those of which there is a piece", async () => {
    const shelf = await openShelf(join(await fresh(), "recordings"));
    const date = "2026-03-01";
    const hours = () => shelf.hours(door, date);
    for (const hour of [0, 3, 3.5, 23]) await putFake(shelf, door, MIDNIGHT + hour * HOUR_MS, 10);
    expect(await hours()).toEqual([0, 3, 23]);
    // What tells how to read them is left, or nothing, or what is no piece.
    const { folder: of } = shelf.path(door, date, 3, "0a1b2c3d.mp4") as { readonly folder: string };
    const [first, second] = (await readdir(of)).filter((name) => name.endsWith(".m4s")) as [string, string];
    await rm(join(of, first));
    expect(await hours()).toEqual([0, 3, 23]);
    await rm(join(of, second));
    expect([await hours(), await readdir(of)]).toEqual([[0, 23], ["0a1b2c3d.mp4"]]);
    await mkdir(shelf.hourFolder(door, date, 7));
    await writeFile(join(shelf.hourFolder(door, date, 7), "s00000.m4s"), "no piece");
    await rename(shelf.hourFolder(door, date, 23), join(folder, "aside"));
    await symlink(join(folder, "aside"), shelf.hourFolder(door, date, 23));
    expect(await hours()).toEqual([0]);
    for (const none of ["2026-03-02", "2026-02-30", "", ".."]) expect(await shelf.hours(door, none), none).toEqual([]);
  });
});

describe("the playlist of an hour", () => {
  it("says the same of its longest piece while it grows and when it is whole, unless one comes that is longer", async () => {
    const shelf = await openShelf(join(await fresh(), "recordings"));
    const targets = async () => {
      const read = async (isRecorded: boolean) => {
        const { hour } = archiveOf(shelf, { isRecorded: () => isRecorded });
        return readPlaylist((await hour(door, "2026-03-01", 0, (name) => name))?.content);
      };
      const [growing, whole] = [await read(true), await read(false)];
      expect([growing.kind, whole.kind, whole.segments]).toEqual(["EVENT", "VOD", growing.segments]);
      return [growing.target, whole.target];
    };
    let at = MIDNIGHT;
    for (const [lengthMs, target] of [
      [300, 4],
      [2000, 4],
      [4499, 4],
      [10_000, 10],
      [1000, 10],
    ] as const) {
      await putFake(shelf, door, at, 10, lengthMs);
      at += lengthMs;
      expect(await targets(), String(lengthMs)).toEqual([target, target]);
    }
  });
});

describe("the place of an instant", () => {
  const noon = MIDNIGHT + 12 * HOUR_MS;
  /** Pieces of two seconds from five before one o'clock, one missing, and one that is of another run. */
  const filled = async () => {
    const shelf = await openShelf(join(await fresh(), "recordings"));
    for (const start of [-5000, -3000, -1000, 3000, 5000]) await putFake(shelf, door, noon + HOUR_MS + start, 10);
    return archiveOf(shelf);
  };
  const at = (offsetMs: number) => noon + HOUR_MS + offsetMs;
  const date = "2026-03-01";

  it("is in the playlist of the hour in which its piece began, behind all that is played before it", async () => {
    const { place } = await filled();
    expect(await place(door, at(-5000))).toEqual({ date, hour: 12, offset: 0 });
    expect(await place(door, at(-2500))).toEqual({ date, hour: 12, offset: 2.5 });
    // The piece goes on for a second of the next hour.
    expect(await place(door, at(0))).toEqual({ date, hour: 12, offset: 5 });
    expect(await place(door, at(999))).toEqual({ date, hour: 12, offset: 5.999 });
    expect(await place(door, at(3000))).toEqual({ date, hour: 13, offset: 0 });
    expect(await place(door, at(6500))).toEqual({ date, hour: 13, offset: 3.5 });
  });

  it("has no part of a gap before it", async () => {
    const shelf = await openShelf(join(await fresh(), "recordings"));
    for (const start of [0, 2000, 60_000, 62_000]) await putFake(shelf, door, noon + start, 10);
    const { place, hour } = archiveOf(shelf);
    expect(await place(door, noon + 60_500)).toEqual({ date, hour: 12, offset: 4.5 });
    expect(await place(door, noon + 63_999)).toEqual({ date, hour: 12, offset: 7.999 });
    const { segments } = readPlaylist((await hour(door, date, 12, (name) => name))?.content);
    expect(segments.slice(0, 3).reduce((sum, { seconds }) => sum + seconds, 0) + 1.999).toBeCloseTo(7.999, 6);
  });

  it("is nowhere where nothing was recorded", async () => {
    const { place } = await filled();
    for (const none of [-5001, 1000, 2999, 7000]) expect(await place(door, at(none)), String(none)).toEqual({ notRecorded: "gap" });
    expect(await place({ ...door, camera: "hall" }, at(0))).toEqual({ notRecorded: "nothing" });
  });
});

describe("the playlist of an archive", () => {
  const begun = MIDNIGHT + HOUR_MS - 5000;
  const filled = async () => {
    const shelf = await openShelf(join(await fresh(), "recordings"));
    for (const at of [0, 2000, 4000, 6000, 8000]) await putFake(shelf, door, begun + at, 10);
    return shelf;
  };
  const read = async (stream: ArchiveStream | undefined) => readPlaylist((await stream?.file("index.m3u8"))?.content);

  it("ends after so many pieces where more were recorded, and says so", async () => {
    const shelf = await filled();
    for (const [most, pieces] of [
      [3, 3],
      [4, 4],
      [5, 5],
      [6, 5],
    ] as const) {
      const stream = await archiveOf(shelf, { most }).stream(door, begun, begun + 60_000);
      expect(stream?.pieces).toEqual([{ start: begun, end: begun + pieces * 2000 }]);
      const { segments, ends } = await read(stream);
      expect([segments.map(({ at }) => at - begun), ends]).toEqual([[0, 2000, 4000, 6000, 8000].slice(0, pieces), true]);
      const [last, beyond] = [segments.at(-1)?.uri as string, `s${String(pieces).padStart(5, "0")}.m4s`];
      expect([(await stream?.file(last))?.content.length, await stream?.file(beyond)]).toEqual([10, undefined]);
    }
  });

  it("tells players to begin at the instant asked for, where that lies within its first piece", async () => {
    const archive = archiveOf(await filled());
    const beginsFor = async (from: Instant) => (await read(await archive.stream(door, from, begun + 60_000))).begins;
    expect(await beginsFor(begun + 1)).toEqual({ seconds: 0.001, isPrecise: true });
    expect(await beginsFor(begun + 1999)).toEqual({ seconds: 1.999, isPrecise: true });
    // Across the hour, into a piece that is the first of those asked for.
    expect(await beginsFor(begun + 5250)).toEqual({ seconds: 1.25, isPrecise: true });
    for (const from of [begun - 60_000, begun, begun + 2000]) expect(await beginsFor(from), String(from - begun)).toBeUndefined();
  });
});

describe.skipIf(!canRun)("a recording over the hour", () => {
  it("is one film, with what is missing left out", async () => {
    const ffmpeg = await openFfmpeg({
      folder: join(folder, "lists"),
      network: loopback,
      journal: keptJournal(),
      searchPath: process.env.PATH ?? "",
    });
    const shelf = await openShelf(await fresh());
    const archive = archiveOf(shelf);
    const made = await madePieces(ffmpeg, await fresh(), 6);
    expect(made.pieces).toHaveLength(6);
    // Over midnight without a gap, then one of two seconds, then another run.
    await shelve(shelf, door, "aaaaaaaa", MIDNIGHT - 3000, made, [0, 1, 2, 3, 5]);
    await shelve(shelf, door, "bbbbbbbb", MIDNIGHT + 10_000, made, [0, 1, 2]);
    const stream = await archive.stream(door, MIDNIGHT - 10_000, MIDNIGHT + 60_000);
    expect(stream?.pieces).toEqual([
      { start: MIDNIGHT - 3000, end: MIDNIGHT + 1000 },
      { start: MIDNIGHT + 2000, end: MIDNIGHT + 3000 },
      { start: MIDNIGHT + 10_000, end: MIDNIGHT + 13_000 },
    ]);
    const path = await saved((name) => stream?.file(name) ?? Promise.resolve(undefined), await fresh());
    const { segments } = readPlaylist(await readFile(path));
    expect(segments.map(({ isNew, init: of }) => [isNew, of])).toEqual([
      ...Array(4).fill([false, "init.mp4"]),
      [true, "init.mp4"],
      [true, "init-2.mp4"],
      ...Array(2).fill([false, "init-2.mp4"]),
    ]);
    expect((await played(ffmpeg, path)).frames).toBe(80);
    expect(await archive.stream(door, MIDNIGHT + 1000, MIDNIGHT + 2000)).toBeUndefined();
    expect([await shelf.hours(door, "2026-02-28"), await shelf.hours(door, "2026-03-01")]).toEqual([[23], [0]]);
    expect(readPlaylist((await archive.hour(door, "2026-02-28", 23, (name) => name))?.content)).toMatchObject({ ends: true, kind: "VOD" });
    expect(await readdir(shelf.hourFolder(door, "2026-02-28", 23))).toHaveLength(4);
    await ffmpeg.close();
  }, 60_000);

  it("takes no piece that is no MP4, or another film's", async () => {
    const ffmpeg = await openFfmpeg({
      folder: join(folder, "lists"),
      network: loopback,
      journal: keptJournal(),
      searchPath: process.env.PATH ?? "",
    });
    const { init, pieces } = await madePieces(ffmpeg, await fresh(), 1);
    await ffmpeg.close();
    const whole = await readFile((pieces[0] as (typeof pieces)[number]).path);
    const path = join(await fresh(), "s");
    const stamped = async (bytes: Buffer, by = init): Promise<Buffer> => {
      await writeFile(path, bytes);
      await stamper(by)(path, MIDNIGHT);
      return readFile(path);
    };
    const bad = expect.objectContaining({ name: "AdapterError", code: "corrupt" });
    expect((await stamped(whole)).length).toBe(whole.length);
    // The same again changes nothing.
    expect(await stamped(await stamped(whole))).toEqual(await stamped(whole));
    const endless = Buffer.from(whole);
    endless.writeUInt32BE(0xffffffff, 0);
    const small = Buffer.from(whole);
    small.writeUInt32BE(3, 0);
    for (const bytes of [Buffer.alloc(0), Buffer.from("no film"), Buffer.alloc(100), whole.subarray(0, 200), endless, small])
      await expect(stamped(bytes)).rejects.toThrow(bad);
    await expect(stamped(whole, path)).rejects.toThrow(bad);
  }, 60_000);
});
