import { describe, expect, it } from "vitest";
import type { Roi } from "../../domain/camera.ts";
import type { Presence } from "../../domain/event.ts";
import { run } from "../../domain/machine.ts";
import { presence, presenceInView } from "../../domain/rules/presence.ts";
import type { Noticed } from "../../domain/rules/rule.ts";
import type { Moment } from "../../domain/rules/sensor-time.ts";
import { type At, boxed, frames, given, runSaving, seen } from "../support/given.ts";

const key = { tenant: "acme", camera: "hall" };
const square: Roi = {
  id: "counter",
  name: "Counter",
  coordinates: [
    { x: 0, y: 0 },
    { x: 100, y: 0 },
    { x: 100, y: 100 },
    { x: 0, y: 100 },
  ],
  anchor: "bottom-center",
  minFrames: 1,
  exitAfter: 1,
};

type Brief = readonly [id: string, change: string, at: number, firstSeen: number, reason?: string];
const brief = (found: Presence | Noticed): Brief => {
  const { object, at, firstSeen } = found;
  if (found.kind === "noticed") return [object.id, "noticed", at, firstSeen];
  const { change, reason } = found;
  return reason === undefined ? [object.id, change, at, firstSeen] : [object.id, change, at, firstSeen, reason];
};

const passed = (at: number): Moment => ({ kind: "passed", ...key, receivedAt: at + 50, at });
const ended = (at: number, reason: "sensor_lost" | "clock_reset" | "redefined"): Moment => ({
  kind: "ended",
  ...key,
  receivedAt: at + 50,
  at,
  reason,
  frame: { timestamp: 0, id: "f0", modelVersion: undefined },
});

/** Ann in (i) or out (o) of the square, or not seen (-), a frame every 400 ms. */
const way = (steps: string): At[] => [...steps].map((step, i) => [i * 400, step === "-" ? [] : [seen("ann", step === "i" ? 50 : 500, 50)]]);

const rows: readonly (readonly [what: string, Partial<Roi>, string, readonly Brief[]])[] = [
  ["someone first seen inside has entered", {}, "i", [["ann", "entered", 0, 0]]],
  ["someone walks in", {}, "oi", [["ann", "entered", 400, 400]]],
  [
    "someone walks out",
    {},
    "ioo",
    [
      ["ann", "entered", 0, 0],
      ["ann", "left", 400, 0, "left"],
    ],
  ],
  ["someone outside is nobody", {}, "ooo", []],
  ["being inside must be confirmed", { minFrames: 3 }, "iioiii", [["ann", "entered", 2000, 1200]]],
  [
    "being outside must be confirmed",
    { minFrames: 2 },
    "iioiioo",
    [
      ["ann", "entered", 400, 0],
      ["ann", "left", 2400, 0, "left"],
    ],
  ],
  [
    "not seen for exitAfter has left, at last seen + exitAfter",
    {},
    "i---",
    [
      ["ann", "entered", 0, 0],
      ["ann", "left", 1000, 0, "timeout"],
    ],
  ],
  [
    "seen again in time is still there",
    {},
    "i--i---",
    [
      ["ann", "entered", 0, 0],
      ["ann", "left", 1000, 0, "timeout"],
      ["ann", "entered", 1200, 1200],
      ["ann", "left", 2200, 1200, "timeout"],
    ],
  ],
  [
    "a gap shorter than exitAfter does not end a stay",
    {},
    "i-i-i---",
    [
      ["ann", "entered", 0, 0],
      ["ann", "left", 2600, 0, "timeout"],
    ],
  ],
  ["a gap shorter than exitAfter does not interrupt a run", { minFrames: 2 }, "i-i", [["ann", "entered", 800, 0]]],
  ["a gap of exitAfter interrupts a run", { minFrames: 2 }, "i--ii", [["ann", "entered", 1600, 1200]]],
  [
    "last seen outside, unconfirmed, it leaves by the timer of that frame",
    { minFrames: 3 },
    "iiio---",
    [
      ["ann", "entered", 800, 0],
      ["ann", "left", 2200, 0, "timeout"],
    ],
  ],
];

describe("presence in a region", () => {
  it.each(rows)("%s", (_, more, steps, expected) => {
    given(presence({ ...square, ...more }, key))
      .when(frames(key, ...way(steps)))
      .then(brief, expected);
  });

  it("by all corners wants all four inside, and ends when one is not", () => {
    const box = (left: number) => [boxed("ann", { leftX: left, topY: 20, rightX: left + 40, bottomY: 80 })];
    given(presence({ ...square, anchor: "all-corners" }, key))
      .when(frames(key, [0, box(70)], [400, box(60)], [800, box(61)]))
      .then(brief, [
        ["ann", "entered", 400, 400],
        ["ann", "left", 800, 400, "left"],
      ]);
  });

  it("tells leavings before entries, each by id", () => {
    const [there, gone] = [50, 500];
    given(presence(square, key))
      .when(
        frames(
          key,
          [0, [seen("d", there, 50), seen("b", there, 50)]],
          [400, [seen("c", there, 50), seen("a", there, 50), seen("d", gone, 50), seen("b", gone, 50)]],
        ),
      )
      .then(
        ({ object, ...found }) => `${object.id} ${found.kind === "presence" ? found.change : ""} ${found.at}`,
        ["b entered 0", "d entered 0", "b left 400", "d left 400", "a entered 400", "c entered 400"],
      );
  });

  it("lets those who time out together leave together, by id, and those who time out earlier first", () => {
    given(presence(square, key))
      .when(frames(key, [0, [seen("b", 5, 5)]], [400, [seen("c", 5, 5), seen("a", 5, 5)]], [9000, []]))
      .then(({ object, at }) => `${object.id} ${at}`, ["b 0", "a 400", "c 400", "b 1000", "a 1400", "c 1400"]);
  });

  it("hears of passing time without a frame", () => {
    given(presence(square, key))
      .when([...frames(key, [0, [seen("ann", 50, 50)]]), passed(999), passed(1000)])
      .then(brief, [
        ["ann", "entered", 0, 0],
        ["ann", "left", 1000, 0, "timeout"],
      ]);
  });

  it("gives what a timer brings the arrival of what moved the time, and the object as last seen", () => {
    const left = run(presence(square, key, 2), [...frames(key, [0, [seen("ann", 50, 50)]], [400, [seen("ann", 60, 50)]]), passed(7000)])[1];
    expect(left).toMatchObject({
      receivedAt: 7050,
      at: 1400,
      start: 0,
      place: { analytic: "roi", id: "counter", epoch: 2 },
      object: { bbox: { leftX: 50 } },
      cause: { from: { id: "f400" }, to: { id: "f400" } },
    });
  });

  it.each(["sensor_lost", "clock_reset", "redefined"] as const)("ends every stay when it is over: %s", (reason) => {
    given(presence(square, key))
      .when([...frames(key, [0, [seen("b", 50, 50), seen("a", 50, 50)]]), ended(700, reason), passed(9000)])
      .then(brief, [
        ["a", "entered", 0, 0],
        ["b", "entered", 0, 0],
        ["a", "left", 700, 0, reason],
        ["b", "left", 700, 0, reason],
      ]);
  });

  it("notices what someone present gains or changes, not what stays or goes", () => {
    const ann = (...info: (readonly [string, string])[]) => [seen("ann", 50, 50, { info })];
    given(presence({ ...square, minFrames: 2 }, key))
      .when(
        frames(
          key,
          [0, ann()],
          [100, ann(["coat", "red"])],
          [200, ann(["coat", "red"])],
          [300, ann(["bag", "yes"], ["coat", "red"])],
          [400, ann(["coat", "red"], ["bag", "yes"])],
          [500, ann(["coat", "blue"], ["bag", "yes"])],
          [600, ann(["bag", "yes"])],
          [700, [seen("ann", 50, 50)]],
        ),
      )
      .then(brief, [
        ["ann", "entered", 100, 0],
        ["ann", "noticed", 300, 0],
        ["ann", "noticed", 500, 0],
      ]);
  });

  it("does not see objects without a confirmed track, and counts one that is twice in a frame once", () => {
    given(presence({ ...square, minFrames: 2 }, key))
      .when(frames(key, [0, [seen("", 50, 50), seen("ann", 50, 50), seen("ann", 50, 50)]], [400, [seen("", 50, 50), seen("ann", 50, 50)]]))
      .then(brief, [["ann", "entered", 400, 0]]);
  });

  it("counts once who is twice in a frame, also where it stood before and further up", () => {
    const [ann, bob] = [seen("ann", 50, 50), seen("bob", 50, 50)];
    given(presence({ ...square, minFrames: 3 }, key))
      .when(frames(key, [0, [ann, bob]], [400, [bob, bob]], [800, [bob]]))
      .then(brief, [["bob", "entered", 800, 0]]);
  });

  it("keeps track of objects that change places in the frame's list", () => {
    const [ann, bob] = [seen("ann", 50, 50), seen("bob", 50, 50)];
    given(presence({ ...square, minFrames: 3 }, key))
      .when(frames(key, [0, [ann, bob]], [400, [bob, ann]], [800, [bob]], [1200, [ann, bob]], [1600, [ann]]))
      .then(brief, [
        ["bob", "entered", 800, 0],
        ["ann", "entered", 1200, 0],
      ]);
  });
});

describe("presence in the field of view", () => {
  it("is being in the frame, wherever", () => {
    given(presenceInView({ minFrames: 2, exitAfter: 0.5 }, key))
      .when(frames(key, [0, [seen("ann", 50, 50)]], [400, [seen("ann", 5000, 50)]], [2000, []]))
      .then(brief, [
        ["ann", "entered", 400, 0],
        ["ann", "left", 900, 0, "timeout"],
      ]);
  });

  it("has the camera's id for its place", () => {
    const [entered] = run(presenceInView({ minFrames: 1, exitAfter: 1 }, key), frames(key, [0, [seen("ann", 1, 1)]]));
    expect(entered?.place).toEqual({ analytic: "fov", id: "hall", epoch: 0 });
  });
});

describe("what a region remembers", () => {
  it("can be saved and loaded between any two moments", () => {
    let told = 0;
    for (const [, more, steps] of rows) {
      const machine = presence({ ...square, ...more }, key);
      const moments = [...frames(key, ...way(steps)), passed(100_000)];
      const whole = run(machine, moments);
      told += whole.length;
      expect(runSaving(machine, moments)).toEqual(whole);
    }
    expect(told).toBeGreaterThan(20);
  });

  it("does not grow with those who only passed by outside", () => {
    const machine = presence(square, key);
    let state = machine.initial();
    for (let i = 0; i < 1000; i++)
      for (const frame of frames(key, [i * 100, [seen(`p${i}`, 500, 50)]])) [state] = machine.step(state, frame);
    expect(state.tracks.size).toBeLessThan(30);
    expect(machine.save(state)).toEqual([]);
  });

  it("in an unknown form is not loaded", () => {
    const machine = presence(square, key);
    expect(machine.load([], machine.version + 1)).toBeUndefined();
  });
});
