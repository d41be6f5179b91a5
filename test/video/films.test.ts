/** Which instants are called recorded, and what is waited for: over a fake of films and a fake clock. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { createStop } from "../../domain/stop.ts";
import { clipOf, createFilms } from "../../video/films.ts";
import { createRecordings } from "../../video/recordings.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { FakeMedia } from "../support/fake-media.ts";

const NOW = 1_763_730_000_000;
const door = { tenant: "t1", camera: "door" };
const clip = { beforeMs: 5000, afterMs: 5000, mostMs: 60_000 };

const stage = (lengths = clip) => {
  const [clock, media, stop] = [fakeClock(NOW), new FakeMedia(), createStop()];
  const recordings = createRecordings({ media, clock, limits, stop: stop.signal });
  const films = createFilms({ media, limits, clip: lengths, recordings });
  const piece = (start: number, end: number, kind: "segment-recorded" | "segment-removed" = "segment-recorded") =>
    media.tell({ ...door, kind, start, end, file: `${start}`, bytes: 1 });
  return { clock, media, stop, films, piece };
};

describe("an instant", () => {
  it("is recorded where a piece holds it that has not been removed", () => {
    const { films, piece } = stage();
    piece(NOW - 60_000, NOW - 58_000);
    piece(NOW - 58_000, NOW - 56_000);
    const at = [NOW - 60_001, NOW - 60_000, NOW - 56_001, NOW - 56_000];
    expect(at.map((one) => films.isRecorded(door, one))).toEqual([false, true, true, false]);
    piece(NOW - 60_000, NOW - 58_000, "segment-removed");
    expect(at.map((one) => films.isRecorded(door, one))).toEqual([false, false, true, false]);
    expect(films.isRecorded({ ...door, tenant: "t2" }, NOW - 57_000)).toBe(false);
  });

  it("is about to be where it is after the newest piece of a recording that runs, and not in the future", async () => {
    const { clock, films, piece, media } = stage();
    piece(NOW - 4000, NOW - 2000);
    expect(films.isRecorded(door, NOW - 1000)).toBe(false);
    await media.record(door, "rtsp://door/");
    expect([NOW - 1000, NOW + 1000, NOW + 60_000].map((at) => films.isRecorded(door, at))).toEqual([true, true, false]);
    media.state = { state: "stalled", failure: undefined };
    expect(films.isRecorded(door, NOW - 1000)).toBe(false);
    media.state = { state: "running" };
    // Begun again after a gap, and its first piece has not been told yet.
    await clock.pass(300_000);
    expect([NOW - 1000, NOW + 299_000].map((at) => films.isRecorded(door, at))).toEqual([false, false]);
    piece(NOW + 298_000, NOW + 299_500);
    expect([NOW - 1000, NOW + 299_000, NOW + 300_000].map((at) => films.isRecorded(door, at))).toEqual([false, true, true]);
  });
});

describe("a snap", () => {
  it("of an instant just past waits until that is recorded", async () => {
    const { clock, films, piece, media } = stage();
    await media.record(door, "rtsp://door/");
    piece(NOW - 4000, NOW - 2000);
    let got: unknown;
    const snap = films.snap(door, NOW - 500).then((file) => (got = file));
    await clock.pass(2000);
    expect(got).toBeUndefined();
    piece(NOW - 2000, NOW);
    await clock.pass(500);
    await snap;
    expect([got !== undefined, media.asked.at(-1)]).toEqual([true, ["snap", NOW - 500]]);
  });

  it("does not wait for what never comes: long past, not recorded, or when all of it ends", async () => {
    const { clock, films, media, stop } = stage();
    await films.snap(door, NOW - 500);
    await media.record(door, "rtsp://door/");
    await films.snap(door, NOW - 60_000);
    const late = films.snap(door, NOW);
    await clock.pass(limits.snapWaitMs + 500);
    await late;
    const stopped = films.snap(door, clock.now());
    await clock.pass(250);
    stop.stop();
    await stopped;
    expect(media.asked.filter(([what]) => what === "snap")).toHaveLength(4);
  });
});

describe("an instant in a gap", () => {
  it("is not waited for once something after it is recorded", async () => {
    const { films, piece, media } = stage();
    await media.record(door, "rtsp://door/");
    piece(NOW - 60_000, NOW - 8000);
    piece(NOW - 4000, NOW);
    await films.snap(door, NOW - 6000);
    expect(media.asked.at(-1)).toEqual(["snap", NOW - 6000]);
  });
});

describe("a clip", () => {
  it("has all that is to come after its alert, as long as that may be", async () => {
    const afterMs = limits.snapWaitMs;
    const { clock, films, piece, media } = stage({ ...clip, afterMs });
    await media.record(door, "rtsp://door/");
    piece(NOW - 60_000, NOW);
    let isThere = false;
    const cut = films.clip(door, NOW, NOW + 100).then(() => {
      isThere = true;
    });
    for (let second = 0; second * 1000 < afterMs; second++) {
      expect(isThere).toBe(false);
      await clock.pass(1000);
      piece(NOW + second * 1000, NOW + second * 1000 + 1000);
    }
    await clock.pass(1000);
    piece(clock.now() - 1000, clock.now());
    await clock.pass(500);
    await cut;
    expect(media.asked.at(-1)).toEqual(["clip", NOW - 5000, NOW + 100 + afterMs]);
  });

  it("shows what was before and after, and waits for what is still being recorded", async () => {
    const { clock, films, piece, media } = stage();
    await media.record(door, "rtsp://door/");
    piece(NOW - 60_000, NOW);
    let isThere = false;
    const cut = films.clip(door, NOW - 4000, NOW - 1000).then(() => {
      isThere = true;
    });
    await clock.pass(4000);
    expect(isThere).toBe(false);
    piece(NOW, NOW + 4000);
    await clock.pass(500);
    await cut;
    expect(media.asked.at(-1)).toEqual(["clip", NOW - 9000, NOW + 4000]);
    await expect(films.clip(door, NOW, NOW - 1)).rejects.toMatchObject({ code: "bad-query" });
  });

  it("is never longer than it may be, begins at its start where it can, and holds its end where that fits", () => {
    const ms = fc.integer({ min: 0, max: 100_000 });
    let cut = 0;
    fc.assert(
      fc.property(ms, ms, ms, ms, fc.integer({ min: 1, max: 100_000 }), (start, length, beforeMs, afterMs, mostMs) => {
        const end = start + length;
        const { from, to } = clipOf(start, end, { beforeMs, afterMs, mostMs });
        expect(to - from).toBe(Math.min(mostMs, beforeMs + length + afterMs));
        expect(from).toBeGreaterThanOrEqual(start - beforeMs);
        if (length <= mostMs) expect([from <= start, end <= to]).toEqual([true, true]);
        else expect(from).toBe(start - beforeMs);
        if (to - from === mostMs) cut += 1;
      }),
    );
    expect(cut).toBeGreaterThan(10);
  });
});
