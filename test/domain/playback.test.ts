import { describe, expect, it } from "vitest";
import { isRefusal } from "../../domain/decider.ts";
import { limits } from "../../domain/limits.ts";
import { type PlaybackCommand, type PlaybackEvent, type Playbacks, playbackDecider } from "../../domain/playback.ts";
import { cameraOfStream, playbackStream, tenantOfPlaybackStream, tenantOfStream } from "../../domain/streams.ts";
import type { PlaybackWish } from "../../domain/video.ts";

const NOW = 1_497_350_824_291;
const live: PlaybackWish = { kind: "live", width: 0, height: 0, audio: false };
const archive: PlaybackWish = { kind: "archive", from: NOW - 60_000, width: 640, height: 360, audio: true };
const start = (wish: PlaybackWish = live, at = NOW, camera = "door"): PlaybackCommand => ({ type: "start", camera, wish, at });
const begun = (id: number, wish: PlaybackWish = live, startedAt = NOW): PlaybackEvent => ({
  type: "playback-started",
  playback: { ...wish, id, camera: "door", startedAt },
});
const over = (id: number, kind: "live" | "archive" = "live"): PlaybackEvent => ({
  ...{ type: "playback-ended", kind, id, at: NOW, how: "stopped" },
});

/** What was decided before, a command, and what is decided then. */
const given = (...events: readonly PlaybackEvent[]) => {
  const state = events.reduce(playbackDecider.evolve, playbackDecider.initial());
  return {
    state,
    when: (command: PlaybackCommand) => {
      const decided = playbackDecider.decide(command, state);
      // biome-ignore lint/suspicious/noThenProperty: given, when, then; nobody awaits it
      return { then: (expected: unknown) => expect(isRefusal(decided) ? decided.refused : decided).toEqual(expected) };
    },
  };
};

describe("a playback", () => {
  it("begins with the instant of its start for an id", () => {
    given()
      .when(start())
      .then([begun(NOW)]);
    given(begun(NOW))
      .when(start(archive, NOW + 5))
      .then([begun(NOW + 5, archive, NOW + 5)]);
  });

  it("has an id that none of its tenant had before, of either kind, also where the clock went back", () => {
    given(begun(NOW))
      .when(start(archive))
      .then([begun(NOW + 1, archive)]);
    given(begun(NOW), over(NOW))
      .when(start())
      .then([begun(NOW + 1)]);
    given(begun(NOW))
      .when(start(live, NOW - 9000))
      .then([begun(NOW + 1, live, NOW - 9000)]);
  });

  it("ends once, as it is said how", () => {
    const named = { kind: "live", id: NOW, at: NOW + 1 } as const;
    given(begun(NOW))
      .when({ type: "stop", ...named })
      .then([{ type: "playback-ended", ...named, how: "stopped" }]);
    given(begun(NOW))
      .when({ type: "expire", ...named })
      .then([{ type: "playback-ended", ...named, how: "expired" }]);
    given(begun(NOW))
      .when({ type: "fail", ...named, reason: "no film" })
      .then([{ type: "playback-ended", ...named, how: "failed", reason: "no film" }]);
    given(begun(NOW), over(NOW))
      .when({ type: "stop", ...named })
      .then([]);
  });

  it("is not ended by an id that is none, or one of the other kind", () => {
    given(begun(NOW))
      .when({ type: "stop", kind: "live", id: NOW + 1, at: NOW })
      .then([]);
    given(begun(NOW)).when({ type: "stop", kind: "archive", id: NOW, at: NOW }).then([]);
  });

  it("is refused where as many go on as may, until one ends", () => {
    const full = Array.from({ length: limits.playbacksPerTenant }, (_, i) => begun(i + 1));
    given(...full)
      .when(start())
      .then("too-many");
    given(...full, over(7))
      .when(start())
      .then([begun(NOW)]);
  });

  it("is known for a while after it has ended, and its id is not given out again even then", () => {
    const past = Array.from({ length: limits.playbacksEnded + 1 }, (_, i) => [begun(NOW + i, archive), over(NOW + i, "archive")]);
    const { state, when } = given(...past.flat());
    expect([state.open.size, state.ended.size, state.ended.get(NOW), state.ended.get(NOW + 1)]).toEqual([
      ...[0, limits.playbacksEnded],
      ...[undefined, "archive"],
    ]);
    when(start()).then([begun(NOW + limits.playbacksEnded + 1)]);
  });

  it("is what it was in what a sum makes of any state", () => {
    const { state } = given(begun(NOW), begun(NOW + 1, archive), begun(NOW + 2), over(NOW + 2), over(NOW));
    const sum = playbackDecider.sum?.of(state) as PlaybackEvent;
    expect(sum.type).toBe(playbackDecider.sum?.type);
    const stored = JSON.parse(JSON.stringify(sum)) as PlaybackEvent;
    for (const before of [playbackDecider.initial(), given(begun(NOW + 7)).state]) {
      const after = playbackDecider.evolve(before, stored);
      expect(after).toEqual(state);
      expect([[...after.open.keys()], [...after.ended.keys()]]).toEqual([[NOW + 1], [NOW + 2, NOW]]);
    }
  });

  it("leaves a state that was handed out as it was", () => {
    const { own } = playbackDecider as { own(state: Playbacks): Playbacks };
    const { state } = given(begun(NOW));
    playbackDecider.evolve(own(state), over(NOW));
    expect([[...state.open.keys()], state.ended.size]).toEqual([[NOW], 0]);
  });
});

describe("the stream of a tenant's playbacks", () => {
  it("names the tenant, whatever it is called, and is taken for no other stream", () => {
    for (const tenant of ["t1", "a/b", "", "ü-%", "camera-x"]) {
      const stream = playbackStream(tenant);
      expect([tenantOfPlaybackStream(stream), tenantOfStream(stream), cameraOfStream(stream)]).toEqual([tenant, undefined, undefined]);
    }
    expect(tenantOfPlaybackStream("tenant-t1")).toBeUndefined();
  });
});
