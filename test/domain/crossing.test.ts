import { describe, expect, it } from "vitest";
import type { Tripwire } from "../../domain/camera.ts";
import type { Crossing, DetectedObject } from "../../domain/event.ts";
import { run } from "../../domain/machine.ts";
import { crossing } from "../../domain/rules/crossing.ts";
import { type At, boxed, frames, given, runSaving, seen } from "../support/given.ts";

const key = { tenant: "acme", camera: "door" };
// from (0, 100) to (200, 100); the arrow leads down
const wire: Tripwire = {
  id: "door",
  name: "Door",
  wire: [
    { x: 0, y: 100 },
    { x: 200, y: 100 },
  ],
  direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
  anchor: "bottom-center",
  minFrames: 1,
  bufferPx: 0,
  trackTimeout: 10,
};

type Brief = readonly [id: string, direction: string, at: number, confirmedAt: number, from: string];
const brief = ({ object, direction, at, confirmedAt, cause }: Crossing): Brief => [object.id, direction, at, confirmedAt, cause.from.id];

/** Ann's way through (x, y) points, a frame every second. */
const walk = (...points: readonly (readonly [x: number, y: number])[]): At[] => points.map(([x, y], i) => [i * 1000, [seen("ann", x, y)]]);
/** Only her height matters. */
const heights = (...ys: readonly number[]): At[] => walk(...ys.map((y) => [100, y] as const));

const rows: readonly (readonly [what: string, Partial<Tripwire>, At[], readonly Brief[]])[] = [
  ["someone walks along the arrow", {}, heights(80, 120), [["ann", "entry", 500, 1000, "f0"]]],
  ["someone walks against it", {}, heights(120, 80), [["ann", "exit", 500, 1000, "f0"]]],
  ["someone is first seen on the other side", {}, heights(120, 130), []],
  ["a foot on the wire is still on p1's side", {}, heights(80, 100), []],
  ["coming from p2's side, a foot on the wire is across", {}, heights(120, 100), [["ann", "exit", 1000, 1000, "f0"]]],
  ["someone steps off the wire", {}, heights(100, 120), [["ann", "entry", 0, 1000, "f0"]]],
  ["someone walks round the end", {}, walk([150, 80], [250, 80], [250, 120], [150, 120]), []],
  [
    "having walked round the end, someone comes back through",
    {},
    walk([250, 80], [250, 120], [150, 120], [150, 80]),
    [["ann", "exit", 2500, 3000, "f2000"]],
  ],
  ["someone crosses exactly over the end", {}, walk([200, 80], [200, 120]), [["ann", "entry", 500, 1000, "f0"]]],
  ["the instant is rounded", {}, heights(70, 115), [["ann", "entry", 667, 1000, "f0"]]],
  ["one frame on the other side is flicker at two", { minFrames: 2 }, heights(80, 90, 120, 90, 80), []],
  ["flicker from the other side is none either", { minFrames: 2 }, heights(120, 120, 80, 120, 120), []],
  ["two frames there confirm at two", { minFrames: 2 }, heights(80, 120, 130), [["ann", "entry", 500, 2000, "f0"]]],
  ["a frame back starts the count again", { minFrames: 2 }, heights(80, 120, 90, 120, 130), [["ann", "entry", 2333, 4000, "f2000"]]],
  [
    "the path begins anew with the last frame on the old side",
    { minFrames: 2 },
    walk([100, 80], [100, 120], [250, 80], [250, 120], [150, 120]),
    [],
  ],
  [
    "walking round with the wire met later on the way is a crossing",
    { minFrames: 3 },
    walk([250, 120], [250, 90], [150, 100], [150, 90]),
    [["ann", "exit", 2000, 3000, "f0"]],
  ],
  ["near the wire is not enough with a buffer", { bufferPx: 15 }, heights(80, 110, 114), []],
  ["the buffer's own distance is enough", { bufferPx: 15 }, heights(80, 110, 115), [["ann", "entry", 667, 2000, "f0"]]],
  [
    "far in one frame of the run is far enough",
    { bufferPx: 15, minFrames: 3 },
    heights(80, 120, 110, 105),
    [["ann", "entry", 500, 3000, "f0"]],
  ],
  ["far before the run began does not count", { bufferPx: 15, minFrames: 2 }, heights(80, 120, 90, 110, 112), []],
  [
    "round trip",
    {},
    heights(80, 120, 80),
    [
      ["ann", "entry", 500, 1000, "f0"],
      ["ann", "exit", 1500, 2000, "f1000"],
    ],
  ],
];

describe("a crossing", () => {
  it.each(rows)("is told or not when %s", (_, more, at, expected) => {
    given(crossing({ ...wire, ...more }, key))
      .when(frames(key, ...at))
      .then(brief, expected);
  });

  it("forgets a track not seen for trackTimeout, and not a moment earlier", () => {
    const machine = crossing(wire, key);
    given(machine)
      .when(frames(key, [0, [seen("ann", 100, 80)]], [10_000, [seen("ann", 100, 120)]]))
      .then(brief, []);
    given(machine)
      .when(frames(key, [0, [seen("ann", 100, 80)]], [9999, [seen("ann", 100, 120)]]))
      .then(brief, [["ann", "entry", 5000, 9999, "f0"]]);
  });

  it("begins anew on the side where a forgotten track turns up, wherever it stands among the objects", () => {
    const bob = seen("bob", 50, 80);
    given(crossing(wire, key))
      .when(
        frames(
          key,
          [0, [bob, seen("ann", 100, 80)]],
          [9000, [bob]],
          [12_000, [seen("ann", 100, 120), bob]],
          [13_000, [bob, seen("ann", 100, 80)]],
        ),
      )
      .then(brief, [["ann", "exit", 12_500, 13_000, "f12000"]]);
  });

  it("follows a path through the frames in which the object was missing", () => {
    given(crossing({ ...wire, minFrames: 2 }, key))
      .when(
        frames(key, [0, [seen("ann", 100, 80)]], [1000, []], [4000, [seen("ann", 100, 120)]], [5000, []], [6000, [seen("ann", 100, 125)]]),
      )
      .then(brief, [["ann", "entry", 2000, 6000, "f0"]]);
  });

  it("tells those of one frame by when they met the wire, then by id", () => {
    given(crossing(wire, key))
      .when(
        frames(
          key,
          [0, [seen("c", 10, 80), seen("b", 20, 80), seen("a", 30, 80), seen("Z", 40, 90)]],
          [1000, [seen("c", 10, 120), seen("b", 20, 120), seen("a", 30, 120), seen("Z", 40, 130)]],
        ),
      )
      .then(
        ({ object, at }) => [object.id, at] as const,
        [
          ["Z", 250],
          ["a", 500],
          ["b", 500],
          ["c", 500],
        ],
      );
  });

  it("does not see objects without a confirmed track, and sees one that is twice in a frame once", () => {
    const twice: DetectedObject[] = [seen("ann", 100, 120), seen("ann", 100, 80)];
    given(crossing({ ...wire, minFrames: 2 }, key))
      .when(frames(key, [0, [seen("", 100, 80), seen("ann", 100, 80)]], [1000, [seen("", 100, 120), ...twice]], [2000, twice]))
      .then(brief, [["ann", "entry", 500, 2000, "f0"]]);
  });

  it("counts once who is twice in a frame, also where it stood before and further up", () => {
    const [ann, bob, over] = [seen("ann", 100, 80), seen("bob", 100, 80), seen("bob", 100, 120)];
    given(crossing({ ...wire, minFrames: 2 }, key))
      .when(frames(key, [0, [ann, bob]], [1000, [over, over]], [2000, [over]]))
      .then(brief, [["bob", "entry", 500, 2000, "f0"]]);
  });

  it("names the place with its epoch, the object as in the confirming frame and the fact's arrival", () => {
    const [first] = run(crossing({ ...wire, minFrames: 2 }, key, 3), frames(key, ...heights(80, 120, 130)));
    expect(first).toMatchObject({
      kind: "crossing",
      ...key,
      receivedAt: 2050,
      place: { analytic: "tripwire", id: "door", epoch: 3 },
      object: { id: "ann", bbox: { bottomY: 130 } },
      late: false,
      cause: { from: { timestamp: 0, id: "f0" }, to: { timestamp: 2000, id: "f2000" } },
    });
  });

  it("starts afresh when the sensor's clock is set back, and not when the camera is lost", () => {
    const [before, after] = frames(key, [0, [seen("ann", 100, 80)]], [1000, [seen("ann", 100, 120)]]);
    const end = (reason: "clock_reset" | "sensor_lost") =>
      ({ kind: "ended", ...key, receivedAt: 60, at: 500, reason, frame: { timestamp: 0, id: "f0", modelVersion: undefined } }) as const;
    const told = (reason: "clock_reset" | "sensor_lost") =>
      run(
        crossing(wire, key),
        [before, end(reason), after].filter((one) => one !== undefined),
      ).map(brief);
    expect(told("clock_reset")).toEqual([]);
    expect(told("sensor_lost")).toEqual([["ann", "entry", 500, 1000, "f0"]]);
  });
});

describe("a crossing by all corners", () => {
  const whole: Tripwire = { ...wire, anchor: "all-corners" };
  /** A box 20 wide and 40 high with its top at `top`. */
  const tall = (...tops: readonly (readonly [left: number, top: number])[]): At[] =>
    tops.map(([left, top], i) => [i * 1000, [boxed("ann", { leftX: left, topY: top, rightX: left + 20, bottomY: top + 40 })]]);

  it.each([
    ["the last corner met the wire", {}, tall([90, 20], [90, 120]), [["ann", "entry", 800, 1000, "f0"]]],
    ["it was across the wire in between, on no side", {}, tall([90, 20], [90, 80], [90, 120]), [["ann", "entry", 1500, 2000, "f0"]]],
    ["it straddles and goes back", {}, tall([90, 20], [90, 80], [90, 20]), []],
    ["one corner went past the end", {}, tall([190, 20], [190, 120]), []],
    [
      "straddling frames do not interrupt the run",
      { minFrames: 2 },
      tall([90, 20], [90, 105], [90, 80], [90, 110]),
      [["ann", "entry", 941, 3000, "f0"]],
    ],
    ["the nearest corner is not past the buffer", { bufferPx: 30 }, tall([90, 20], [90, 120]), []],
    ["the nearest corner is past the buffer", { bufferPx: 30 }, tall([90, 20], [90, 130]), [["ann", "entry", 727, 1000, "f0"]]],
    [
      "first seen straddling, its side is the first it has",
      {},
      tall([90, 80], [90, 120], [90, 10]),
      [["ann", "exit", 1545, 2000, "f1000"]],
    ],
  ] as readonly (readonly [string, Partial<Tripwire>, At[], readonly Brief[]])[])("is told when %s", (_, more, at, expected) => {
    given(crossing({ ...whole, ...more }, key))
      .when(frames(key, ...at))
      .then(brief, expected);
  });
});

describe("what a wire remembers", () => {
  it("can be saved and loaded between any two frames", () => {
    let told = 0;
    for (const [, more, at] of rows) {
      const machine = crossing({ ...wire, ...more }, key);
      const whole = run(machine, frames(key, ...at));
      told += whole.length;
      expect(runSaving(machine, frames(key, ...at))).toEqual(whole);
    }
    expect(told).toBeGreaterThan(10);
  });

  it("in an unknown form is not loaded", () => {
    const machine = crossing(wire, key);
    expect(machine.load(machine.save(machine.initial()), machine.version + 1)).toBeUndefined();
  });
});
