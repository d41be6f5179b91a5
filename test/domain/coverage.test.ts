import { describe, expect, it } from "vitest";
import { run } from "../../domain/machine.ts";
import { coverage } from "../../domain/rules/coverage.ts";
import type { Moment } from "../../domain/rules/sensor-time.ts";
import { frame, runSaving } from "../support/given.ts";

const key = { tenant: "acme", camera: "hall" };
const at = (seconds: number): Moment => frame(key, seconds * 1000, []);
const said = (kind: "passed" | "returned", seconds: number): Moment => ({ kind, ...key, receivedAt: 0, at: seconds * 1000 });
const over = (reason: "sensor_lost" | "clock_reset", seconds: number): Moment => ({
  kind: "ended",
  ...key,
  receivedAt: 0,
  at: seconds * 1000,
  reason,
  frame: { timestamp: 0, id: "", modelVersion: undefined },
});
const every = (step: number, from: number, to: number): Moment[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => at(from + i * step));

type Brief = readonly [start: number, end: number, open: boolean];

const rows: readonly (readonly [what: string, moments: readonly Moment[], expected: readonly Brief[]])[] = [
  ["one frame covers five seconds", [at(0), said("passed", 9)], [[0, 5, false]]],
  ["frames without a hole are one interval", [...every(4, 0, 20), said("passed", 30)], [[0, 25, false]]],
  [
    "a hole closes it at the end of what was covered",
    [at(0), at(2), at(30), said("passed", 40)],
    [
      [0, 7, false],
      [30, 35, false],
    ],
  ],
  ["nothing is told before it is known", [at(0), at(4), said("passed", 8.999)], []],
  [
    "while open it is told every minute",
    every(1, 0, 130),
    [
      [0, 60, true],
      [0, 120, true],
    ],
  ],
  ["the minute is told by whatever comes after it", [...every(4, 0, 56), at(58), at(62.5)], [[0, 60, true]]],
  ["closing at the minute is told once", [...every(4, 0, 52), at(55), said("passed", 70)], [[0, 60, false]]],
  ["a camera that is gone covers nothing", [at(0), over("sensor_lost", 2), at(3), at(4), said("passed", 30)], [[0, 2, false]]],
  ["gone after what it covered", [at(0), over("sensor_lost", 8), said("passed", 30)], [[0, 5, false]]],
  [
    "one that has returned covers from its next frame",
    [at(0), over("sensor_lost", 2), at(3), said("returned", 4), at(6), said("passed", 30)],
    [
      [0, 2, false],
      [6, 11, false],
    ],
  ],
  ["to return without having been gone changes nothing", [at(0), said("returned", 1), at(3), said("passed", 30)], [[0, 8, false]]],
  ["gone in the instant of its first frame, nothing was covered", [at(5), over("sensor_lost", 5), said("passed", 30)], []],
  [
    "a clock set back closes what was covered",
    [at(100), over("clock_reset", 100), at(10), said("passed", 30)],
    [
      [100, 105, false],
      [10, 15, false],
    ],
  ],
];

describe("coverage", () => {
  it.each(rows)("%s", (_, moments, expected) => {
    const told = run(coverage(key), moments).map(({ start, end, open }): Brief => [start / 1000, end / 1000, open]);
    expect(told).toEqual(expected);
  });

  it("can be saved and loaded between any two moments", () => {
    for (const [, moments] of rows) expect(runSaving(coverage(key), moments)).toEqual(run(coverage(key), moments));
  });

  it("of an unknown form is not loaded", () => expect(coverage(key).load([null, 0, 0, false], 2)).toBeUndefined());
});
