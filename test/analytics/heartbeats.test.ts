import { describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createHeartbeats } from "../../analytics/heartbeats.ts";
import { createMemory, type Memory } from "../../analytics/memory.ts";
import type { Definition, Fact } from "../../domain/event.ts";
import { frame, frames, seen, UNDER_WAY_MS } from "../support/given.ts";

const key = { tenant: "acme", camera: "shop" };
/** A clock that runs with the sensor's: an instant is told so late, the grace included. */
const LATE = UNDER_WAY_MS + 2000;
const present = frames(key, [1000, [seen("ann", 1, 1)]], [1100, [seen("ann", 1, 1)]]);
const memoryOf = (facts: readonly Fact[]): Memory => {
  const memory = createMemory();
  for (const fact of facts) derive(memory, fact);
  return memory;
};

describe("heartbeats", () => {
  it("are due when the sensor's own clock, run on from its newest frame, is at the timer, and not a millisecond before", () => {
    const beats = createHeartbeats(memoryOf(present));
    expect(beats(2100 + LATE - 1)).toEqual([]);
    expect(beats(2100 + LATE)).toEqual([
      { kind: "heartbeat", ...key, receivedAt: 2100 + LATE, at: 2100, frame: { timestamp: 1100, id: "f1100" }, release: false },
    ]);
  });

  it("are written once for a timer, though the engine has not come to it, and again for the next or after a newer frame", () => {
    const memory = memoryOf(present);
    const beats = createHeartbeats(memory);
    const [beat] = beats(2200 + LATE);
    expect(beats(2450 + LATE)).toEqual([]);
    expect(beats(9000 + LATE)).toEqual([]);
    derive(memory, beat as Fact);
    expect(beats(2450 + LATE)).toEqual([]);
    // Coverage ends five seconds after the last frame.
    expect(beats(6100 + LATE)).toMatchObject([{ at: 6100 }]);
    derive(memory, frame(key, 1200, [], { id: "late" }));
    expect(beats(6200 + LATE)).toEqual([]);
    derive(memory, frame(key, 6150, [seen("ann", 1, 1)]));
    expect(beats(11_150 + LATE)).toMatchObject([{ at: 11_150, frame: { timestamp: 6150 } }]);
  });

  it("are for live sensors only: one whose newest frame was a minute old on arrival is being imported", () => {
    const arriving = (after: number): Fact[] => present.map((one) => ({ ...one, receivedAt: one.timestamp + after }));
    const now = 1_000_000;
    expect(createHeartbeats(memoryOf(arriving(59_999)))(now)).toHaveLength(1);
    expect(createHeartbeats(memoryOf(arriving(60_000)))(now)).toEqual([]);
  });

  it("come as much later as frames are held back, and let go what is held", () => {
    const settings = { reorderMs: 700, fov: { minFrames: 1, exitAfter: 1 } };
    const set: Definition = { kind: "definition", ...key, receivedAt: 1, revision: 1, decision: { type: "sensor-set", settings } };
    const memory = memoryOf([set, frame(key, 1000, [seen("ann", 1, 1)])]);
    const beats = createHeartbeats(memory);
    expect(beats(1700 + LATE - 1)).toEqual([]);
    const [beat] = beats(1700 + LATE);
    expect(derive(memory, beat as Fact)).toMatchObject([{ kind: "presence", change: "entered", at: 1000 }]);
    expect(beats(2700 + LATE - 1)).toEqual([]);
    expect(derive(memory, beats(2700 + LATE)[0] as Fact)).toMatchObject([{ kind: "presence", reason: "timeout", at: 2000 }]);
  });

  it("are not for a camera that stands still, nor for one never seen", () => {
    const gap: Definition = { kind: "definition", ...key, receivedAt: 1, revision: 9, decision: { type: "rule-removed", ruleId: "x" } };
    expect(createHeartbeats(memoryOf([...present, gap]))(1_000_000)).toEqual([]);
    expect(createHeartbeats(memoryOf([{ ...gap, revision: 1 }]))(1_000_000)).toEqual([]);
  });
});
