import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import type { Ffmpeg } from "../../adapters/ffmpeg.ts";
import { keep } from "../../adapters/media-ffmpeg/keep.ts";
import { type Made, type Run, startRun } from "../../adapters/media-ffmpeg/run.ts";
import { sightOf } from "../../adapters/media-ffmpeg/sight.ts";
import type { MediaEvent, MediaFailure } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import { type FakeRun, fakeFfmpeg } from "../support/fake-ffmpeg.ts";

const root = await mkdtemp(join(tmpdir(), "tallywire-run-"));
afterAll(() => rm(root, { recursive: true }));

const video = { codec: "h264", width: 320, height: 180, fps: 10, isReordered: false } as const;
const probed = { video, audio: undefined };
const ended: MediaFailure = { reason: "ended", message: "The camera ended the connection." };

const begun = async (ffmpeg: Ffmpeg, made: (made: Made) => Promise<void> = async () => undefined) => {
  const folder = join(await mkdtemp(join(root, "one-")), "film");
  const wish = { width: 0, height: 0, tenant: "t1", url: "rtsp://camera/", probed, audio: false, seconds: 1, folder };
  return startRun(wish, { ffmpeg, clock: systemClock, made });
};
/** With what has come of it. */
const running = async (ending?: (run: FakeRun) => Promise<void>) => {
  const runs: FakeRun[] = [];
  const pieces: number[] = [];
  const run = await begun(
    fakeFfmpeg((one) => runs.push(one), ending),
    async ({ durationMs }) => void pieces.push(durationMs),
  );
  await expect.poll(() => runs.length).toBe(1);
  return { run, fake: runs[0] as FakeRun, pieces };
};

describe("a run of an ffmpeg, a fake one", () => {
  it("tells of each piece once, in order, and of the one that is finished at its end", async () => {
    const { run, fake, pieces } = await running((one) => one.piece(0.25));
    await fake.piece(1);
    await fake.piece(1.5);
    await expect.poll(() => pieces).toEqual([1000, 1500]);
    run.stop();
    expect(await run.done).toBeUndefined();
    expect(pieces).toEqual([1000, 1500, 250]);
  });

  it("ends when no piece comes any more, although the program runs", async () => {
    const { run, fake } = await running();
    await fake.piece(1);
    expect(await run.done).toMatchObject({ reason: "timeout" });
    expect(fake.isEnded()).toBe(true);
  }, 20_000);

  /** What it says of the camera. */
  const toldBy = (failure: MediaFailure | undefined): readonly string[] => {
    const events: MediaEvent[] = [];
    const sight = sightOf({ tenant: "t1", camera: "door" }, systemClock.now, (event) => events.push(event));
    sight.lost(failure as MediaFailure);
    return events.map(({ kind }) => kind);
  };

  it("ends when a piece is longer than it can be, which is a clock that jumped and no camera that is gone", async () => {
    for (const seconds of [5000, 0]) {
      const { run, fake, pieces } = await running();
      await fake.piece(1);
      await fake.piece(seconds);
      const failure = await run.done;
      expect(failure).toMatchObject({ reason: "garbage" });
      expect(toldBy(failure)).toEqual([]);
      expect(pieces).toEqual([1000]);
    }
  });

  it("says why there is none", async () => {
    const full = fakeFfmpeg(() => {
      throw new AdapterError("full", "No more may run", { retryable: true });
    });
    expect(await (await begun(full)).done).toEqual({ reason: "full", message: "No more may run" });
    const { run, fake } = await running();
    fake.fail(ended);
    expect(await run.done).toEqual(ended);
    const other = await running();
    other.fake.fail({ reason: "garbage", message: "What the camera sends is no RTSP" });
    expect(toldBy(await other.run.done)).toEqual(["camera-offline"]);
  });

  it("ends with what cannot be written, and with a defect of whoever is told", async () => {
    const made = async (error: Error) => {
      const runs: FakeRun[] = [];
      const run = await begun(
        fakeFfmpeg((one) => runs.push(one)),
        () => Promise.reject(error),
      );
      await expect.poll(() => runs.length).toBe(1);
      await runs[0]?.piece(1);
      return run.done;
    };
    expect(await made(Object.assign(new Error("no room"), { code: "ENOSPC" }))).toMatchObject({ reason: "storage" });
    const unread = await made(new AdapterError("corrupt", "no film", { retryable: true }));
    expect([unread, toldBy(unread)]).toEqual([{ reason: "garbage", message: "no film" }, []]);
    await expect(made(new TypeError("a defect"))).rejects.toThrow(/a defect/);
  });
});

describe("a film that is kept", () => {
  const runOf = (failure: MediaFailure | undefined): Run => ({ done: Promise.resolve(failure), stop: () => undefined });
  /** A clock that does not wait. */
  const waits: number[] = [];
  const hasty = { now: systemClock.now, sleep: async (ms: number) => void waits.push(ms) };

  it("is tried again, later each time, and given up after so many times", async () => {
    const told: string[] = [];
    waits.length = 0;
    const kept = keep({
      begin: async () => runOf(ended),
      clock: hasty,
      tries: 4,
      failed: ({ reason }) => told.push(reason),
    });
    expect(await kept.ready).toEqual({ state: "failed", failure: ended });
    expect([told.length, waits]).toEqual([4, [1000, 2000, 4000]]);
    await kept.stop();
  });

  it("is looked at anew when it has failed, and given up at once where that is of no use", async () => {
    const again: boolean[] = [];
    const codec: MediaFailure = { reason: "codec", codec: "hevc", message: "The film is hevc" };
    const begin = async (anew: boolean) => {
      again.push(anew);
      return anew ? { failed: codec } : runOf(ended);
    };
    const kept = keep({ begin, clock: hasty, tries: 5 });
    expect(await kept.ready).toEqual({ state: "failed", failure: codec });
    expect(again).toEqual([false, true]);
  });

  it("counts its failures from the last time it ran", async () => {
    let runs = 0;
    const begin = async (): Promise<Run> => {
      runs += 1;
      if (runs < 10) kept.runs();
      return runOf(ended);
    };
    const kept = keep({ begin, clock: hasty, tries: 2 });
    await kept.done;
    expect([runs, kept.state()]).toEqual([10, { state: "failed", failure: ended }]);
  });
});
