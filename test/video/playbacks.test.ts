/** What is decided of playbacks, and when: over a fake of films and a fake clock. With real ones: playbacks-real.test.ts. */
import { afterEach, describe, expect, it } from "vitest";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import type { MediaFailure } from "../../domain/media.ts";
import { AdapterError, type EventStore } from "../../domain/ports.ts";
import { cameraStream, playbackStream } from "../../domain/streams.ts";
import type { NoPlayback, PlaybackStatus, PlaybackWish } from "../../domain/video.ts";
import { type FakeClock, fakeClock } from "../support/fake-clock.ts";
import { FakeMedia } from "../support/fake-media.ts";
import { type Cameras, playbackLife } from "../support/playbacks.ts";

const NOW = 1_497_350_824_291;
const door = { tenant: "t1", camera: "door" };
const live: PlaybackWish = { kind: "live", width: 0, height: 0, audio: false };
const archive = (from: number): PlaybackWish => ({ kind: "archive", from, width: 0, height: 0, audio: false });
const gone: MediaFailure = { reason: "unreachable", message: "nobody is there" };
const full = new AdapterError("full", "as many as may", { retryable: true });

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const stage = (more: Partial<Limits> = {}, store: EventStore = openMemoryStore()) => {
  const [clock, cameras]: [FakeClock, Cameras] = [fakeClock(NOW), new Map([["door", "rtsp://door/"]])];
  cameras.set("bare", undefined);
  const begin = (media = new FakeMedia()) => {
    const life = playbackLife({ store, media, clock, cameras, limits: more });
    ends.push(life.end);
    return { ...life, media };
  };
  const decided = async (tenant = "t1"): Promise<readonly string[]> =>
    (await store.read(playbackStream(tenant))).map(({ type, data }) => {
      const { how } = data as { how?: string };
      return how === undefined ? type.replace("playback-", "") : how;
    });
  const redefine = (camera: string) =>
    store.append(cameraStream({ tenant: "t1", camera }), "any", [{ id: crypto.randomUUID(), type: "tested", data: {}, at: NOW }]);
  return { clock, cameras, store, begin, decided, redefine };
};
const playing = (answer: PlaybackStatus | NoPlayback): PlaybackStatus => {
  if (!("id" in answer)) throw new Error(JSON.stringify(answer));
  return answer;
};

describe("a playback", () => {
  it("is decided, begun, kept alive by whoever asks for its files, and expires when nobody does", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks, media, gauges } = begin();
    const { id, state, expiresAt } = playing(await playbacks.start(door, live, "me"));
    expect([id, state, expiresAt, await decided()]).toEqual([NOW, { state: "running" }, NOW + 60_000, ["started"]]);
    await clock.pass(50_000);
    expect(await playbacks.file("t1", "live", id, "index.m3u8")).toBeDefined();
    await clock.pass(50_000);
    expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ expiresAt: NOW + 160_000 });
    await clock.pass(59_000);
    expect(await playbacks.status("t1", "live", id)).toMatchObject({ id, camera: "door", state: { state: "running" } });
    expect([gauges.get("tallywire_playbacks t1 live"), media.films[0]?.released]).toEqual([1, 0]);
    await clock.pass(3000);
    expect([await decided(), media.films[0]?.released, gauges.get("tallywire_playbacks t1 live")]).toEqual([["started", "expired"], 1, 0]);
    expect(await playbacks.status("t1", "live", id)).toBeUndefined();
    expect(await playbacks.keepAlive("t1", "live", id)).toBeUndefined();
    expect(await playbacks.file("t1", "live", id, "index.m3u8")).toBeUndefined();
    expect(await playbacks.stop("t1", "live", id)).toBe(true);
  });

  it("is stopped once however often it is asked at the same time, and one that never was is none", async () => {
    const { begin, decided } = stage();
    const { playbacks, media } = begin();
    const { id } = playing(await playbacks.start(door, live));
    expect(await Promise.all([1, 2, 3].map(() => playbacks.stop("t1", "live", id)))).toEqual([true, true, true]);
    expect([await decided(), media.films[0]?.released]).toEqual([["started", "stopped"], 1]);
    expect(await playbacks.stop("t1", "live", id + 1)).toBe(false);
    expect(await playbacks.stop("t1", "archive", id)).toBe(false);
    expect(await playbacks.stop("t2", "live", id)).toBe(false);
  });

  it("is not another tenant's, nor of the other kind", async () => {
    const { begin } = stage();
    const { playbacks } = begin();
    const { id } = playing(await playbacks.start(door, live));
    expect(await playbacks.status("t2", "live", id)).toBeUndefined();
    expect(await playbacks.status("t1", "archive", id)).toBeUndefined();
    expect(await playbacks.file("t2", "live", id, "index.m3u8")).toBeUndefined();
    expect(await playbacks.start({ tenant: "t2", camera: "door" }, live)).toMatchObject({ refused: "unknown-camera" });
  });

  it("is refused with nothing decided where there is no such camera, no address, or none that can be read", async () => {
    const { begin, decided, cameras } = stage();
    cameras.set("sealed", new AdapterError("corrupt", "no key", { retryable: false }));
    cameras.set("away", new AdapterError("unavailable", "the store", { retryable: true }));
    const { playbacks } = begin();
    expect(await playbacks.start({ ...door, camera: "gate" }, live)).toMatchObject({ refused: "unknown-camera" });
    expect(await playbacks.start({ ...door, camera: "bare" }, live)).toMatchObject({ refused: "invalid", path: "rtsp_url" });
    expect(await playbacks.start({ ...door, camera: "sealed" }, live)).toMatchObject({ failure: { reason: "unknown" } });
    await expect(playbacks.start({ ...door, camera: "away" }, live)).rejects.toMatchObject({ code: "unavailable" });
    expect(await decided()).toEqual([]);
  });

  it("fails, and is said to, where its film does", async () => {
    const { begin, decided } = stage();
    const { playbacks, media } = begin();
    media.begins = { state: "failed", failure: gone };
    expect(await playbacks.start(door, live)).toEqual({ failure: gone });
    expect([await decided(), media.films.map(({ released }) => released)]).toEqual([["started", "failed"], [1]]);
  });

  it("leaves nothing behind where there is no room for it, or no film of it can be", async () => {
    const { begin, decided } = stage();
    const { playbacks, media } = begin();
    media.refusal = full;
    expect(await playbacks.start(door, live)).toMatchObject({ failure: { reason: "full" } });
    media.refusal = new AdapterError("bad-query", "16 pixels", { retryable: false });
    expect(await playbacks.start(door, live)).toMatchObject({ refused: "invalid", detail: "16 pixels" });
    expect([await decided(), media.films]).toEqual([[], []]);
    media.refusal = undefined;
    for (let i = 0; i < limits.playbacksPerTenant; i++) await playbacks.start(door, live);
    const answers = await Promise.all(Array.from({ length: 20 }, () => playbacks.start(door, live)));
    expect(answers.every((answer) => "refused" in answer && answer.refused === "too-many")).toBe(true);
    expect([(await decided()).length, media.films.length]).toEqual([limits.playbacksPerTenant, limits.playbacksPerTenant]);
  });

  it("that cannot be decided gives its film back", async () => {
    const store = openMemoryStore();
    let error: AdapterError | undefined;
    const append: EventStore["append"] = async (...given) => {
      if (error !== undefined) throw error;
      return store.append(...given);
    };
    const { begin, decided } = stage({}, { ...store, append });
    const { playbacks, media } = begin();
    error = new AdapterError("unavailable", "the store is away", { retryable: true });
    await expect(playbacks.start(door, live)).rejects.toMatchObject({ code: "unavailable" });
    error = new AdapterError("wrong-revision", "others are faster", { retryable: false });
    expect(await playbacks.start(door, live)).toMatchObject({ refused: "conflict" });
    expect([await decided(), media.films.map(({ released }) => released)]).toEqual([[], [1, 1]]);
  });

  it("is answered as it stands where nothing plays in time", async () => {
    const { clock, begin } = stage();
    const { playbacks, media } = begin();
    media.begins = { state: "starting" };
    const starting = playbacks.start(door, live);
    await clock.pass(16_000);
    expect(playing(await starting).state).toEqual({ state: "starting" });
  });

  it("whose film has failed says so, plays nothing old, and has its film begun anew for as long as it is kept alive", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks, media } = begin();
    const { id } = playing(await playbacks.start(door, live));
    await clock.pass(1000);
    media.films[0]?.become({ state: "failed", failure: gone });
    media.begins = { state: "failed", failure: gone };
    expect(await playbacks.status("t1", "live", id)).toMatchObject({ state: { state: "failed", failure: gone } });
    expect(await playbacks.file("t1", "live", id, "index.m3u8")).toBeUndefined();
    expect(await playbacks.file("t1", "live", id, "s00001.m4s")).toBeDefined();
    for (let i = 0; i < 10; i++) {
      await clock.pass(limits.liveBackoffMs);
      expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "failed", failure: gone } });
    }
    const begun = media.films.length;
    expect(begun).toBeGreaterThan(5);
    expect(begun).toBeLessThanOrEqual(11);
    media.begins = { state: "running" };
    await clock.pass(limits.liveBackoffMs + 2000);
    expect(await playbacks.status("t1", "live", id)).toMatchObject({ state: { state: "running" } });
    expect(await playbacks.file("t1", "live", id, "index.m3u8")).toBeDefined();
    expect(media.films.map(({ released }) => released)).toEqual([...Array(begun).fill(1), 0]);
    media.films.at(-1)?.become({ state: "failed", failure: gone });
    await clock.pass(70_000);
    expect([await decided(), media.films.at(-1)?.released]).toEqual([["started", "expired"], 1]);
  });

  it("whose film has failed waits where there is no room for a new one, and plays on when there is", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks, media, lines } = begin();
    const { id } = playing(await playbacks.start(door, live));
    media.films[0]?.become({ state: "failed", failure: gone });
    media.refusal = full;
    await clock.pass(limits.liveBackoffMs + 2000);
    expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "stalled", failure: { reason: "full" } } });
    media.refusal = undefined;
    expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "running" } });
    expect([await decided(), lines.filter((line) => line.startsWith("warn"))]).toEqual([["started"], []]);
  });

  it.each(["unauthorized", "not-allowed", "certificate", "redirected", "no-video", "codec", "missing"] as const)(
    "ends where trying again changes nothing: %s",
    async (reason) => {
      const { clock, begin, decided } = stage();
      const { playbacks, media } = begin();
      const { id } = playing(await playbacks.start(door, live));
      media.films[0]?.become({ state: "failed", failure: { reason, message: "it is so" } });
      await clock.pass(2000);
      expect([await decided(), media.films.map(({ released }) => released)]).toEqual([["started", "failed"], [1]]);
      expect(await playbacks.keepAlive("t1", "live", id)).toBeUndefined();
    },
  );

  it("is told of its end where it is stopped while it begins", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks, media } = begin();
    media.begins = { state: "starting" };
    const starting = playbacks.start(door, live);
    await clock.pass(1000);
    expect(await playbacks.stop("t1", "live", NOW)).toBe(true);
    expect(await starting).toMatchObject({ failure: { reason: "ended" } });
    expect([await decided(), media.films[0]?.released]).toEqual([["started", "stopped"], 1]);
  });

  it("is one of no more than may be, of all tenants together", async () => {
    const { begin } = stage({ playbacks: 2 });
    const { playbacks } = begin();
    const answers = await Promise.all([1, 2, 3].map(() => playbacks.start(door, live)));
    expect(answers.map((answer) => ("id" in answer ? answer.id : answer))).toEqual([
      ...[NOW, NOW + 1],
      { failure: { reason: "full", message: "2 playbacks go on, and no more may" } },
    ]);
    await playbacks.stop("t1", "live", NOW);
    expect(playing(await playbacks.start(door, live)).id).toBe(NOW + 2);
  });

  it("does not expire because the clock is set", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks } = begin();
    const { id } = playing(await playbacks.start(door, live));
    await clock.pass(2000);
    await clock.pass(3_600_000, 3_600_000);
    await clock.pass(30_000);
    expect([await decided(), (await playbacks.status("t1", "live", id)) !== undefined]).toEqual([["started"], true]);
    await clock.pass(40_000);
    expect(await decided()).toEqual(["started", "expired"]);
  });

  it("expires in time although another's end took long to be decided", async () => {
    const { store, shut, open } = gated();
    const { clock, begin, decided } = stage({}, store);
    const { playbacks } = begin();
    await playbacks.start(door, live);
    await clock.pass(5000);
    await playbacks.start(door, live);
    shut();
    await clock.pass(70_000);
    expect(await decided()).toEqual(["started", "started"]);
    open();
    await clock.pass(2000);
    expect(await decided()).toEqual(["started", "started", "expired", "expired"]);
  });

  it("goes on where it is kept alive while its end waits to be decided", async () => {
    const store = openMemoryStore();
    let open: () => void = () => undefined;
    let gate: Promise<void> = Promise.resolve();
    const append: EventStore["append"] = async (...given) => {
      await gate;
      return store.append(...given);
    };
    const { clock, begin, decided } = stage({}, { ...store, append });
    const { playbacks, media } = begin();
    const { id } = playing(await playbacks.start(door, live));
    await clock.pass(58_000);
    gate = new Promise((resolve) => {
      open = resolve;
    });
    const other = playbacks.start(door, live);
    await clock.pass(5000);
    await playbacks.keepAlive("t1", "live", id);
    open();
    await other;
    await clock.pass(5000);
    expect([await decided(), media.films.map(({ released }) => released)]).toEqual([
      ["started", "started"],
      [0, 0],
    ]);
  });

  it("ends with its camera, and shows what the camera's address is now", async () => {
    const { clock, cameras, begin, decided, redefine } = stage();
    const { playbacks, media } = begin();
    const { id } = playing(await playbacks.start(door, live));
    cameras.set("door", "rtsp://elsewhere/");
    await redefine("door");
    await clock.pass(3000);
    expect(media.films.map(({ wish, released }) => [wish.url, released])).toEqual([
      ["rtsp://door/", 1],
      ["rtsp://elsewhere/", 0],
    ]);
    cameras.delete("door");
    await redefine("door");
    await clock.pass(3000);
    expect([await decided(), await playbacks.status("t1", "live", id)]).toEqual([["started", "failed"], undefined]);
    expect(media.films[1]?.released).toBe(1);
  });
});

/** A store whose appends to playbacks wait while it is shut. */
const gated = () => {
  const store = openMemoryStore();
  let gate = Promise.resolve();
  let open: () => void = () => undefined;
  const append: EventStore["append"] = async (stream, ...given) => {
    if (stream.startsWith("playback-")) await gate;
    return store.append(stream, ...given);
  };
  const shut = (): void => {
    gate = new Promise((resolve) => {
      open = resolve;
    });
  };
  return { store: { ...store, append }, shut, open: () => open() };
};

describe("a camera that is changed while its playback begins", () => {
  it("is not shown on where it was removed", async () => {
    const { store, shut, open } = gated();
    const { clock, cameras, begin, decided, redefine } = stage({}, store);
    const { playbacks, media } = begin();
    shut();
    const starting = playbacks.start(door, live);
    await clock.pass(2000);
    cameras.delete("door");
    await redefine("door");
    await clock.pass(2000);
    open();
    const { id } = playing(await starting);
    await clock.pass(3000);
    expect([await decided(), media.films.map(({ released }) => released)]).toEqual([["started", "failed"], [1]]);
    expect(await playbacks.keepAlive("t1", "live", id)).toBeUndefined();
  });

  it("is shown at the address it has then", async () => {
    const { store, shut, open } = gated();
    const { clock, cameras, begin, redefine } = stage({}, store);
    const { playbacks, media } = begin();
    shut();
    const starting = playbacks.start(door, live);
    await clock.pass(2000);
    cameras.set("door", "rtsp://elsewhere/");
    await redefine("door");
    await clock.pass(2000);
    open();
    await starting;
    await clock.pass(3000);
    expect(media.films.map(({ wish, released }) => [wish.url, released])).toEqual([
      ["rtsp://door/", 1],
      ["rtsp://elsewhere/", 0],
    ]);
  });
});

describe("an archive", () => {
  it("plays what was recorded from an instant on, no longer than it may be and not into the future", async () => {
    const { begin, decided } = stage({ archiveMs: 3_600_000 });
    const { playbacks, media } = begin();
    media.pieces = [{ start: NOW - 50_000_000, end: NOW }];
    const { id, state } = playing(await playbacks.start(door, archive(NOW - 7_200_000)));
    expect([state, media.asked]).toEqual([{ state: "running" }, [["archive", NOW - 7_200_000, NOW - 3_600_000]]]);
    playing(await playbacks.start({ ...door, camera: "bare" }, archive(NOW - 60_000)));
    expect(media.asked[1]).toEqual(["archive", NOW - 60_000, NOW]);
    expect(await playbacks.file("t1", "archive", id, "s00000.m4s")).toBeDefined();
    expect([await decided(), media.films]).toEqual([["started", "started"], []]);
  });

  it("from an instant just past waits until that is recorded, and from one of a camera that is not recorded it does not", async () => {
    const { clock, begin, decided } = stage();
    const { playbacks, media } = begin();
    const piece = (start: number, end: number) => {
      media.pieces = [...media.pieces, { start, end }];
      media.tell({ ...door, kind: "segment-recorded", start, end, file: `${start}`, bytes: 1 });
    };
    piece(NOW - 60_000, NOW - 4000);
    expect(await playbacks.start(door, archive(NOW - 1000))).toEqual({ notRecorded: "gap" });
    await media.record(door, "rtsp://door/");
    const starting = playbacks.start(door, archive(NOW - 1000));
    await clock.pass(3000);
    expect(media.asked.filter(([what]) => what === "archive")).toHaveLength(1);
    piece(NOW - 4000, NOW);
    await clock.pass(1000);
    expect(playing(await starting).state).toEqual({ state: "running" });
    const never = playbacks.start(door, archive(clock.now() - 100));
    await clock.pass(limits.snapWaitMs + 1000);
    expect([await never, await decided()]).toEqual([{ notRecorded: "gap" }, ["started"]]);
  });

  it("begins with what comes next where it starts in a gap, and with nothing where nothing does", async () => {
    const { begin, decided } = stage();
    const { playbacks, media } = begin();
    expect(await playbacks.start(door, archive(NOW - 60_000))).toEqual({ notRecorded: "nothing" });
    media.pieces = [{ start: NOW - 50_000, end: NOW - 40_000 }];
    expect(await playbacks.start(door, archive(NOW - 30_000))).toEqual({ notRecorded: "gap" });
    expect(await playbacks.start(door, archive(NOW + 30_000))).toEqual({ notRecorded: "gap" });
    expect(await decided()).toEqual([]);
    playing(await playbacks.start(door, archive(NOW - 60_000)));
    expect(await decided()).toEqual(["started"]);
  });
});

describe("the next life", () => {
  it("takes on what is open, begins a film when somebody asks, and lets expire what nobody asks for", async () => {
    const { clock, begin, decided } = stage();
    const first = begin();
    const [asked, left] = [playing(await first.playbacks.start(door, live)), playing(await first.playbacks.start(door, live))];
    const over = playing(await first.playbacks.start(door, live));
    await first.playbacks.stop("t1", "live", over.id);
    await first.kill();
    await clock.pass(600_000);
    expect(await decided()).toEqual(["started", "started", "started", "stopped"]);

    const { playbacks, media, gauges } = begin();
    await clock.pass(3000);
    expect([gauges.get("tallywire_playbacks t1 live"), media.films]).toEqual([2, []]);
    expect(await playbacks.status("t1", "live", asked.id)).toMatchObject({ state: { state: "starting" } });
    expect(await playbacks.status("t1", "live", over.id)).toBeUndefined();
    expect(await playbacks.file("t1", "live", asked.id, "index.m3u8")).toBeDefined();
    expect(media.films).toHaveLength(1);
    await clock.pass(58_500);
    await playbacks.keepAlive("t1", "live", asked.id);
    await clock.pass(5000);
    expect(await playbacks.status("t1", "live", left.id)).toBeUndefined();
    expect(await playbacks.status("t1", "live", asked.id)).toMatchObject({ state: { state: "running" } });
    expect((await decided()).slice(4)).toEqual(["expired"]);
    // Ids go on where they were.
    expect(playing(await playbacks.start(door, live)).id).toBeGreaterThan(over.id);
  });

  it("knows of a tenant's playbacks before it was told of any", async () => {
    const { begin } = stage();
    const first = begin();
    const { id } = playing(await first.playbacks.start(door, live));
    await first.end();
    expect(first.media.films[0]?.released).toBe(1);
    await expect(first.playbacks.status("t1", "live", id)).rejects.toMatchObject({ code: "closed", retryable: true });
    expect(await begin().playbacks.keepAlive("t1", "live", id)).toMatchObject({ id, state: { state: "running" } });
  });

  it("reads no more than a sum and what followed it, and knows all the same what is open and what ended", async () => {
    const memory = openMemoryStore();
    let most = 0;
    const read: EventStore["read"] = async (...given) => {
      const events = await memory.read(...given);
      most = Math.max(most, events.length);
      return events;
    };
    const { clock, begin, decided } = stage({}, { ...memory, read });
    const first = begin();
    const left = playing(await first.playbacks.start(door, live));
    let over = left;
    for (let i = 0; i < 750; i++) {
      over = playing(await first.playbacks.start(door, live));
      await first.playbacks.stop("t1", "live", over.id);
    }
    await first.kill();
    most = 0;
    const { playbacks, gauges } = begin();
    expect(await playbacks.stop("t1", "live", over.id)).toBe(true);
    expect(await playbacks.stop("t1", "live", over.id + 1)).toBe(false);
    expect(await playbacks.status("t1", "live", left.id)).toMatchObject({ id: left.id });
    await clock.pass(3000);
    expect(gauges.get("tallywire_playbacks t1 live")).toBe(1);
    expect(playing(await playbacks.start(door, live)).id).toBe(Math.max(over.id + 1, NOW + 3000));
    expect(most).toBeLessThan(600);
    expect((await decided()).filter((what) => what === "playbacks-summed")).toHaveLength(1);
  });

  it("says that there is no film for the moment where the port is full, and begins it when there is room", async () => {
    const { begin, decided } = stage();
    const first = begin();
    const { id } = playing(await first.playbacks.start(door, live));
    await first.kill();
    const { playbacks, media } = begin();
    media.refusal = full;
    expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "stalled", failure: { reason: "full" } } });
    await expect(playbacks.file("t1", "live", id, "index.m3u8")).rejects.toMatchObject({ code: "full" });
    media.refusal = undefined;
    expect(await playbacks.keepAlive("t1", "live", id)).toMatchObject({ state: { state: "running" } });
    expect(await decided()).toEqual(["started"]);
  });

  it("ends what can be played no more: its camera was removed, its recordings have gone", async () => {
    const { begin, decided, cameras } = stage();
    const first = begin();
    first.media.pieces = [{ start: NOW - 50_000, end: NOW }];
    const [one, other] = [
      playing(await first.playbacks.start(door, live)),
      playing(await first.playbacks.start(door, archive(NOW - 9000))),
    ];
    await first.kill();
    const { playbacks } = begin();
    expect(await playbacks.file("t1", "archive", other.id, "index.m3u8")).toBeUndefined();
    cameras.delete("door");
    expect(await playbacks.keepAlive("t1", "live", one.id)).toBeUndefined();
    expect(await decided()).toEqual(["started", "started", "failed", "failed"]);
  });
});

describe("a store that is away", () => {
  it("delays an end until it is back, and that is said once", async () => {
    const store = openMemoryStore();
    let isAway = false;
    const append: EventStore["append"] = async (...given) => {
      if (isAway) throw new AdapterError("unavailable", "the store is away", { retryable: true });
      return store.append(...given);
    };
    const { clock, begin, decided } = stage({}, { ...store, append });
    const { playbacks, lines } = begin();
    const { id } = playing(await playbacks.start(door, live));
    isAway = true;
    await clock.pass(90_000);
    expect([await decided(), lines.filter((line) => line.startsWith("warn"))]).toEqual([["started"], [expect.any(String)]]);
    await expect(playbacks.stop("t1", "live", id)).rejects.toMatchObject({ code: "unavailable" });
    isAway = false;
    await clock.pass(3000);
    expect(await decided()).toEqual(["started", "expired"]);
  });
});
