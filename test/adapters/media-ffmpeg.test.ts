import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openMedia } from "../../adapters/media-ffmpeg.ts";
import type { MediaEvent } from "../../domain/media.ts";
import { startFaulty } from "../servers/faulty-rtsp.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { CANARY } from "../support/canary.ts";
import { childrenOf, keptJournal, loopback } from "../support/media.ts";

const canRun = await canStartFfmpeg("films by ffmpeg, and its faults");
const folder = await mkdtemp(join(tmpdir(), "tallywire-films-"));
afterAll(() => rm(folder, { recursive: true }));

const opened = async (own: string, searchPath = process.env.PATH ?? "") => {
  const journal = keptJournal();
  const ffmpeg = await openFfmpeg({ folder: join(own, "lists"), network: loopback, journal, searchPath });
  const media = await openMedia({ folder: own, ffmpeg, clock: systemClock, journal });
  const events: MediaEvent[] = [];
  media.onEvent((event) => events.push(event));
  return { media, ffmpeg, events, journal, close: () => media.close().then(() => ffmpeg.close()) };
};
const door = { tenant: "t1", camera: "door" };
const own = { width: 0, height: 0, audio: false };

describe("films where there is no ffmpeg", () => {
  it("are not there, and it is said why; nothing is told of the camera", async () => {
    const at = await mkdtemp(join(folder, "none-"));
    const { media, events, close } = await opened(at, at);
    const stream = media.live({ ...door, ...own, url: "rtsp://127.0.0.1:9/" });
    const failed = { state: "failed", failure: { reason: "missing", message: expect.stringContaining("ffprobe") } };
    expect(await stream.ready).toEqual(failed);
    await media.record(door, "rtsp://127.0.0.1:9/");
    await expect.poll(() => media.recording(door)).toEqual(failed);
    expect(await media.snap(door, Date.now())).toEqual({ notRecorded: "nothing" });
    expect(events).toEqual([]);
    await close();
  });
});

describe("the folder of films", () => {
  it("is of its user alone, and rid of what an earlier life has not finished", async () => {
    const at = await mkdtemp(join(folder, "left-"));
    const kept = join(at, "recordings", "t1", "door", "2026-03-01", "00");
    for (const one of ["live/a/1", "runs/b", "cuts"]) {
      await mkdir(join(at, one), { recursive: true });
      await writeFile(join(at, one, "s00001.m4s"), "left");
    }
    await mkdir(kept, { recursive: true });
    await writeFile(join(kept, "1772323200000-2000-0a1b2c3d-4.m4s"), "film");
    const { media, close } = await opened(at);
    for (const one of ["live", "runs", "cuts"]) expect(await readdir(join(at, one))).toEqual([]);
    expect((await stat(at)).mode & 0o777).toBe(0o700);
    expect(await media.hours(door, "2026-03-01")).toEqual([0]);
    expect(Buffer.from((await media.hourFile(door, "2026-03-01", 0, "1772323200000-2000-0a1b2c3d-4.m4s"))?.content ?? [])).toEqual(
      await readFile(join(kept, "1772323200000-2000-0a1b2c3d-4.m4s")),
    );
    await close();
  });
});

describe("a folder of films that cannot be written to any more", () => {
  it.each([
    ["is a link to itself", "ELOOP"],
    ["stands under a file", "ENOTDIR"],
  ])("makes recordings fail where it %s, and nothing else; it goes on once that is over", async (how, code) => {
    const at = join(await mkdtemp(join(folder, "broken-")), "films", "of");
    await mkdir(at, { recursive: true });
    const { media, close } = await opened(at);
    const above = join(at, "..");
    const aside = `${above}-aside`;
    await rename(above, aside);
    if (code === "ELOOP") {
      await mkdir(above);
      await symlink(at, at);
    } else await writeFile(above, how);
    await media.record(door, "rtsp://127.0.0.1:9/");
    await expect
      .poll(() => media.recording(door))
      .toMatchObject({ state: "stalled", failure: { reason: "storage", message: expect.stringContaining(code) } });
    await rm(above, { recursive: true });
    await rename(aside, above);
    await expect.poll(() => media.recording(door), { timeout: 30_000 }).not.toMatchObject({ failure: { reason: "storage" } });
    await close();
  });
});

describe.skipIf(!canRun)("films whose ffmpeg is killed", () => {
  it("go on, live and recorded, and nobody's password is said", async () => {
    const camera = await startFaulty({ fault: "none", credentials: { user: "operator", password: CANARY } });
    const { media, events, ffmpeg, journal, close } = await opened(await mkdtemp(join(folder, "killed-")));
    const stream = media.live({ ...door, ...own, url: camera.url });
    await stream.ready;
    await media.record(door, camera.url);
    const recorded = () => events.filter(({ kind }) => kind === "segment-recorded").length;
    await expect.poll(recorded, { timeout: 20_000 }).toBeGreaterThan(0);
    const children = await childrenOf(process.pid);
    expect(children).toHaveLength(2);
    for (const { pid } of children) process.kill(pid, "SIGKILL");
    await expect.poll(stream.state, { timeout: 10_000, interval: 20 }).toMatchObject({ state: "stalled" });
    const before = recorded();
    await expect.poll(stream.state, { timeout: 20_000 }).toEqual({ state: "running" });
    await expect.poll(recorded, { timeout: 20_000 }).toBeGreaterThan(before + 1);
    expect(ffmpeg.running()).toBe(2);
    // It was not the camera that went.
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== "segment-recorded")).toEqual(["camera-online"]);
    await close();
    await camera.stop();
    expect(JSON.stringify(events) + journal.lines.join() + JSON.stringify(stream.state())).not.toContain(CANARY);
  }, 60_000);
});
