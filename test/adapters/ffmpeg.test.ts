import { readdirSync, readlinkSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { Arguments } from "../../adapters/ffmpeg/arguments.ts";
import { type Ffmpeg, type FfmpegSettings, openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import { startFaulty } from "../servers/faulty-rtsp.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { CANARY } from "../support/canary.ts";
import { childrenOf, keptJournal, loopback } from "../support/media.ts";
import { isAlive } from "../support/process.ts";

const canRun = await canStartFfmpeg("ffmpeg as sessions");
const folder = await mkdtemp(join(tmpdir(), "tallywire-ffmpeg-"));
afterAll(() => rm(folder, { recursive: true }));

const opened: Ffmpeg[] = [];
const open = async (settings: Partial<FfmpegSettings> = {}) => {
  const journal = keptJournal();
  const ffmpeg = await openFfmpeg({
    folder: join(folder, "lists"),
    network: loopback,
    journal,
    searchPath: process.env.PATH ?? "",
    ...settings,
  });
  opened.push(ffmpeg);
  return { ffmpeg, journal };
};
afterEach(async () => {
  for (const ffmpeg of opened.splice(0)) await ffmpeg.close();
});

/** What a number stands for; "" for one that was just closed. */
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

const picture = "testsrc=size=160x120:rate=10";
const shortFilm = (path: string, seconds = 1): Arguments => ({
  inputs: [{ from: { made: picture } }],
  outputs: [{ to: { file: path }, format: "mp4", options: { t: seconds, "c:v": "libx264", g: 10, bf: 0, pix_fmt: "yuv420p" } }],
});
/** As slow as a camera, and without end. */
const ENDLESS: Arguments = {
  inputs: [{ from: { made: picture }, options: { re: true } }],
  outputs: [{ to: "nothing", format: "null", options: { "c:v": "wrapped_avframe" } }],
};

describe.skipIf(!canRun)("ffmpeg as sessions", () => {
  it("runs to its end, and tells how far it came", async () => {
    const { ffmpeg } = await open();
    const path = join(folder, "film.mp4");
    const session = ffmpeg.execute(shortFilm(path), { mostMs: 20_000 });
    expect([session.state, ffmpeg.running()]).toEqual(["created", 1]);
    const finished = await session.done;
    expect(finished).toMatchObject({ state: "completed", returnCode: 0 });
    expect([session.state, session.returnCode, session.pid, ffmpeg.running()]).toEqual(["completed", 0, undefined, 0]);
    expect(session.statistics).toMatchObject({ frame: 10, bytes: (await stat(path)).size });
    expect(await ffmpeg.probe({ file: path })).toEqual({
      video: { codec: "h264", width: 160, height: 120, fps: 10, isReordered: false },
      audio: undefined,
    });
  });

  it("hands back what goes to memory", async () => {
    const { ffmpeg } = await open();
    const { output } = await ffmpeg.execute(
      { inputs: [{ from: { made: picture } }], outputs: [{ to: "memory", format: "mjpeg", options: { "frames:v": 1 } }] },
      { mostMs: 20_000 },
    ).done;
    expect(output.subarray(0, 3).toString("hex")).toBe("ffd8ff");
    expect(output.subarray(-2).toString("hex")).toBe("ffd9");
  });

  it("plays pieces of films as one", async () => {
    const { ffmpeg } = await open();
    const path = join(folder, "it's a piece.mp4");
    await ffmpeg.execute(shortFilm(path, 3), { mostMs: 20_000 }).done;
    const pieces = [
      { file: path, from: 1, to: 2 },
      { file: path, from: 0, to: 1 },
    ];
    const session = ffmpeg.execute(
      { inputs: [{ from: { pieces } }], outputs: [{ to: "nothing", format: "null", options: { c: "copy" } }] },
      { mostMs: 20_000 },
    );
    expect(await session.done).toMatchObject({ state: "completed" });
    expect(session.statistics?.frame).toBe(20);
    expect(await readdir(join(folder, "lists"))).toEqual([]);
  });

  it("tells why it failed, in its own words", async () => {
    const { ffmpeg } = await open();
    const gone = await ffmpeg.execute(
      { inputs: [{ from: { file: join(folder, "nothing.mp4") } }], outputs: [{ to: "nothing", format: "null" }] },
      { mostMs: 20_000 },
    ).done;
    expect(gone).toMatchObject({ state: "failed", returnCode: 1, failure: { reason: "not-found" } });
    const path = join(folder, "garbage.mp4");
    await writeFile(path, "no film".repeat(1000));
    expect(await ffmpeg.probe({ file: path })).toMatchObject({ failed: { reason: "garbage" } });
  });

  it("finishes what it writes when it is cancelled", async () => {
    const { ffmpeg } = await open();
    const path = join(folder, "cancelled.mp4");
    const session = ffmpeg.execute(
      { ...shortFilm(path, 600), inputs: [{ from: { made: picture }, options: { re: true } }] },
      { mostMs: "endless" },
    );
    await expect.poll(() => session.statistics?.frame ?? 0, { timeout: 20_000 }).toBeGreaterThan(5);
    expect(session.state).toBe("running");
    expect(await session.cancel()).toMatchObject({ state: "cancelled", returnCode: 255 });
    expect(await ffmpeg.probe({ file: path })).toMatchObject({ video: { codec: "h264" } });
  });

  it("is cancelled by a signal, also before it has begun", async () => {
    const { ffmpeg } = await open();
    expect(await ffmpeg.execute(ENDLESS, { mostMs: "endless", signal: AbortSignal.abort() }).done).toMatchObject({ state: "cancelled" });
    const stop = new AbortController();
    const session = ffmpeg.execute(ENDLESS, { mostMs: "endless", signal: stop.signal });
    await expect.poll(() => session.state).toBe("running");
    stop.abort();
    expect(await session.done).toMatchObject({ state: "cancelled" });
  });

  it("that has ended leaves nothing to wait for when it is cancelled", async () => {
    const { ffmpeg } = await open();
    const session = ffmpeg.execute(shortFilm(join(folder, "ended.mp4")), { mostMs: 20_000 });
    const finished = await session.done;
    const timers = () => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;
    const before = timers();
    const cancelled = session.cancel();
    expect(timers()).toBe(before);
    expect(await cancelled).toBe(finished);
    expect(finished.state).toBe("completed");
  });

  it("is killed when it does not end by itself", async () => {
    const program = join(folder, "deaf-ffmpeg");
    await writeFile(program, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n");
    await chmod(program, 0o755);
    const { ffmpeg } = await open({ ffmpeg: program, stopMs: 300 });
    const session = ffmpeg.execute(ENDLESS, { mostMs: "endless" });
    await expect.poll(() => session.pid !== undefined && isAlive(session.pid)).toBe(true);
    await sleep(300); // The trap is set.
    const finished = await session.cancel();
    expect(finished).toMatchObject({ state: "cancelled", returnCode: 128 + 9 });
    expect(finished.tookMs).toBeGreaterThan(500);
  });

  it("has so much time, and no more", async () => {
    const { ffmpeg } = await open();
    const { state, failure, tookMs } = await ffmpeg.execute(ENDLESS, { mostMs: 700 }).done;
    expect([state, failure]).toEqual(["failed", { reason: "too-long", message: "It took more than 700 ms." }]);
    expect(tookMs).toBeLessThan(5000);
  });

  it("has so much memory, and no more", async () => {
    const { ffmpeg } = await open({ memoryBytes: 400 * 1024 * 1024 });
    const large: Arguments = {
      inputs: [{ from: { made: picture } }],
      outputs: [{ to: "nothing", format: "null", options: { "frames:v": 5, vf: "scale=16000:16000,hflip" } }],
    };
    const session = ffmpeg.execute(large, { mostMs: 20_000 });
    expect(await session.done).toMatchObject({ state: "failed", failure: { reason: "memory" } });
  });

  it("hands back no more than it may", async () => {
    const { ffmpeg } = await open();
    const { state, failure, output } = await ffmpeg.execute(
      { inputs: [{ from: { made: "testsrc=size=1920x1080" } }], outputs: [{ to: "memory", format: "rawvideo", options: { t: 600 } }] },
      { mostMs: 60_000 },
    ).done;
    expect([state, failure?.reason]).toEqual(["failed", "too-large"]);
    expect(output.length).toBeLessThanOrEqual(32 * 1024 * 1024);
  });

  it("runs so many at once: one more is refused, until one has ended", async () => {
    const { ffmpeg } = await open({ processes: 2 });
    const [first] = [ffmpeg.execute(ENDLESS, { mostMs: "endless" }), ffmpeg.execute(ENDLESS, { mostMs: "endless" })];
    const error = (() => {
      try {
        ffmpeg.execute(ENDLESS, { mostMs: 1000 });
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toMatchObject({ name: "AdapterError", code: "full", retryable: true });
    await first?.cancel();
    expect(await ffmpeg.execute(shortFilm(join(folder, "room.mp4")), { mostMs: 20_000 }).done).toMatchObject({ state: "completed" });
  });

  it("leaves one tenant no more than its share of those that look at cameras, and what is cut waits for none of them", async () => {
    const { ffmpeg } = await open({ processes: 4 });
    const mute = await startFaulty({ fault: "mute" });
    const looking = (whose: string) =>
      ffmpeg.execute(
        { inputs: [{ from: { camera: mute.url, whose } }], outputs: [{ to: "nothing", format: "null" }] },
        { mostMs: "endless" },
      );
    const begun = [looking("acme"), looking("acme")];
    expect(() => looking("acme")).toThrow("2 ffmpeg processes look at cameras of this tenant");
    begun.push(looking("other"), looking("other"));
    expect(() => looking("third")).toThrow("4 ffmpeg processes are running");
    expect(await ffmpeg.execute(shortFilm(join(folder, "beside.mp4")), { mostMs: 20_000 }).done).toMatchObject({ state: "completed" });
    for (const session of begun) await session.cancel();
    await mute.stop();
  });

  it("leaves nothing open to children that this process has open, and lets those that encode give way", async () => {
    const { ffmpeg } = await open();
    const store = await openLmdbStore({ dir: join(folder, "store") });
    const session = ffmpeg.execute(ENDLESS, { mostMs: "endless", givesWay: true });
    try {
      await expect.poll(() => session.statistics !== undefined, { timeout: 20_000 }).toBe(true);
      const open = readdirSync(`/proc/${session.pid}/fd`).map((number) => linkOf(`/proc/${session.pid}/fd/${number}`));
      expect(open.length).toBeGreaterThan(2);
      expect(readdirSync("/proc/self/fd").map((number) => linkOf(`/proc/self/fd/${number}`))).toContainEqual(
        expect.stringContaining("data.mdb"),
      );
      expect(open.filter((path) => path.startsWith(folder))).toEqual([]);
      expect(getPriority(session.pid as number)).toBeGreaterThan(getPriority(process.pid));
    } finally {
      await session.cancel();
      await store.close();
    }
  });

  it("takes no arguments that are none, and is not begun", async () => {
    const { ffmpeg } = await open();
    expect(() => ffmpeg.execute({ ...ENDLESS, outputs: [{ to: "nothing", format: "null;x" }] }, { mostMs: 1 })).toThrow(/no format/);
    expect(() => ffmpeg.execute({ ...ENDLESS, inputs: [{ from: { pieces: [{ file: "a\nb" }] } }] }, { mostMs: 1 })).toThrow(
      /end of a line/,
    );
    expect(ffmpeg.running()).toBe(0);
  });

  it.each(["setpriv", "watcher"])("gives children nothing of our environment, bound by %s", async (binding) => {
    process.env.TALLYWIRE_JWT_SECRET = CANARY;
    try {
      const searchPath = binding === "setpriv" ? (process.env.PATH ?? "") : await onlyFfmpeg();
      const { ffmpeg, journal } = await open({ searchPath });
      const session = ffmpeg.execute(ENDLESS, { mostMs: "endless" });
      await expect.poll(() => session.statistics !== undefined, { timeout: 20_000 }).toBe(true);
      const children = await childrenOf(process.pid);
      // The shell, what waits beside it, and ffmpeg; or ffmpeg alone.
      expect(children).toHaveLength(binding === "setpriv" ? 1 : 3);
      for (const { environ, cmdline } of children) {
        expect(environ + cmdline).not.toContain(CANARY);
        expect(environ.split("\0").map((one) => one.split("=")[0])).toEqual(
          expect.arrayContaining(["PATH", "LC_ALL", "CHILD_OF_TALLYWIRE"]),
        );
        expect(environ).not.toContain("TALLYWIRE_JWT");
      }
      expect(journal.lines.filter((line) => line.includes("watcher"))).toHaveLength(binding === "setpriv" ? 0 : 1);
      expect(await session.cancel()).toMatchObject({ state: "cancelled", returnCode: 255 });
      await expect.poll(async () => (await childrenOf(process.pid)).length).toBe(0);
    } finally {
      delete process.env.TALLYWIRE_JWT_SECRET;
    }
  });

  it("names the program that is missing, and nothing else comes of it", async () => {
    const { ffmpeg } = await open({ ffprobe: "ffprobe-of-nobody" });
    await expect(ffmpeg.find()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("ffprobe-of-nobody") });
    expect(await ffmpeg.probe({ file: "/nothing" })).toEqual({
      failed: { reason: "missing", message: "The program ffprobe-of-nobody is not on this machine" },
    });
    expect(await ffmpeg.execute(shortFilm(join(folder, "still.mp4")), { mostMs: 20_000 }).done).toMatchObject({ state: "completed" });
    const nowhere = await open({ searchPath: folder });
    await expect(nowhere.ffmpeg.find()).rejects.toMatchObject({ message: expect.stringContaining("ffmpeg is not on this machine") });
  });

  it("says which version it found, and where", async () => {
    const { ffmpeg } = await open();
    expect(await ffmpeg.find()).toMatchObject({
      ffmpeg: expect.stringMatching(/^\/.*ffmpeg$/),
      version: expect.stringMatching(/^[nN]?\d/),
    });
  });

  it.each(["4.4.2-0ubuntu0.22.04.1", "n3.2"])("says that it is too old: %s", async (version) => {
    const program = join(folder, `ffmpeg-${version}`);
    await writeFile(program, `#!/bin/sh\necho ffmpeg version ${version} Copyright\n`, { mode: 0o755 });
    const { ffmpeg } = await open({ ffmpeg: program });
    await expect(ffmpeg.find()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("too old") });
  });

  it("keeps what it writes down to itself", async () => {
    await open();
    expect((await stat(join(folder, "lists"))).mode & 0o777).toBe(0o700);
  });

  it("starts nothing after it was closed, and leaves nothing running", async () => {
    const { ffmpeg } = await open();
    const session = ffmpeg.execute(ENDLESS, { mostMs: "endless" });
    await expect.poll(() => session.pid).toBeDefined();
    const pid = session.pid as number;
    await ffmpeg.close();
    expect([session.state, isAlive(pid)]).toEqual(["cancelled", false]);
    expect(() => ffmpeg.execute(ENDLESS, { mostMs: 1 })).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

/** A search path on which there are ffmpeg and ffprobe, and no setpriv. */
const onlyFfmpeg = async (): Promise<string> => {
  const path = await mkdtemp(join(folder, "path-"));
  const { ffmpeg } = await open();
  const found = await ffmpeg.find();
  for (const name of ["ffmpeg", "ffprobe"] as const)
    await writeFile(join(path, name), `#!/bin/sh\nexec ${found[name]} "$@"\n`, { mode: 0o755 });
  return path;
};
