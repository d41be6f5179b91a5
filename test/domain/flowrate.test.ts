import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Heard } from "../../domain/rules/rule.ts";
import { type Brief, brief, briefly, crossing, ended, flowrateRule, frame, idsOf, only, told } from "../support/rule-inputs.ts";

const at = (...instants: readonly number[]): readonly Heard[] => instants.map((instant, i) => crossing(instant, `o${i}`));

describe("a flow rate rule", () => {
  it.each<[string, readonly Heard[], readonly Brief[]]>([
    ["tells when the window holds n", at(0, 4000, 9999), [[0, "-", 3, 0, 9999, 9999]]],
    ["leaves out what is exactly d old", at(0, 4000, 10_000), []],
    ["tells once while the rate stays", at(0, 1000, 2000, 3000, 4000, 5000), [[0, "-", 3, 0, 2000, 2000]]],
    [
      "tells again after the rate has fallen, though nothing was heard at that moment",
      at(0, 1000, 2000, 10_500),
      [
        [0, "-", 3, 0, 2000, 2000],
        [0, "-", 3, 1000, 10_500, 10_500],
      ],
    ],
    [
      "has not fallen where one comes at the very instant at which another ages out",
      at(0, 1000, 2000, 10_000),
      [[0, "-", 3, 0, 2000, 2000]],
    ],
    [
      "has fallen where one comes a millisecond later",
      at(0, 1000, 2000, 10_001),
      [
        [0, "-", 3, 0, 2000, 2000],
        [0, "-", 3, 1000, 10_001, 10_001],
      ],
    ],
    [
      "does not lose sight of the rate where far more than n pass",
      at(0, 10, 20, 30, 40, 50, 9000, 10_030, 10_040, 19_045),
      [
        [0, "-", 3, 0, 20, 20],
        [0, "-", 3, 10_030, 19_045, 19_045],
      ],
    ],
    ["counts several of one instant", at(5, 5, 5), [[0, "-", 3, 5, 5, 5]]],
  ])("%s", (_, inputs, alerts) => {
    expect(briefly(flowrateRule, inputs)).toEqual(alerts);
  });

  it("counts both directions together where none is named", () => {
    expect(briefly(flowrateRule, [crossing(1, "a"), crossing(2, "b", { direction: "exit" }), crossing(3, "c")])).toEqual([
      [0, "-", 3, 1, 3, 3],
    ]);
  });

  it("counts only the direction that is named, and names it", () => {
    const rule = { ...flowrateRule, direction: "exit", countThreshold: 2 } as const;
    const inputs = [crossing(1, "a"), crossing(2, "b", { direction: "exit" }), crossing(3, "c"), crossing(4, "d", { direction: "exit" })];
    expect(briefly(rule, inputs)).toEqual([[0, "exit", 2, 2, 4, 4]]);
  });

  it("counts one confirmed late if it is still in the window, and ends with the one that filled it", () => {
    const late = crossing(3000, "late", { confirmedAt: 9500 });
    const alert = only(told(flowrateRule, [crossing(2000, "a"), crossing(9000, "b"), late]));
    expect(brief(alert)).toEqual([0, "-", 3, 2000, 3000, 9500]);
    expect(idsOf(alert)).toEqual(["a", "late", "b"]);
    expect(alert.cause).toEqual({ from: frame(1900), to: frame(9500) });
  });

  it("does not count one confirmed so late that the window has passed it", () => {
    const late = crossing(2000, "late", { confirmedAt: 12_500 });
    expect(briefly(flowrateRule, [crossing(11_000, "a"), crossing(12_000, "b"), late])).toEqual([]);
  });

  it("tells with n = 1 after every pause of d", () => {
    const rule = { ...flowrateRule, countThreshold: 1, timeInterval: 0.5 };
    expect(briefly(rule, at(0, 500, 1001)).map(([, , , start]) => start)).toEqual([0, 1001]);
  });

  it("names an object once, however often it crossed", () => {
    expect(told(flowrateRule, [crossing(1, "a"), crossing(2, "a"), crossing(3, "b")]).map(idsOf)).toEqual([["a", "b"]]);
  });

  it("names those of one instant in the order in which they were heard", () => {
    expect(told(flowrateRule, [crossing(5, "c"), crossing(5, "a"), crossing(5, "b")]).map(idsOf)).toEqual([["c", "a", "b"]]);
  });

  it("goes by type and confidence at the crossing", () => {
    const rule = { ...flowrateRule, objectTypes: ["Person"], countThreshold: 2 };
    expect(told(rule, [crossing(1, "a"), crossing(2, "b", { type: "Car" }), crossing(3, "c")]).map(idsOf)).toEqual([["a", "c"]]);
  });

  it.each([
    ["sensor_lost", 1],
    ["clock_reset", 0],
    ["redefined", 0],
  ] as const)("after %s tells %i with what passed before", (reason, alerts) => {
    expect(briefly(flowrateRule, [...at(1000, 2000), ended(3000, reason), crossing(3000, "c")])).toHaveLength(alerts);
  });

  it("goes on after a clock set back", () => {
    expect(briefly(flowrateRule, [...at(90_000, 91_000), ended(91_000, "clock_reset"), ...at(1000, 2000, 3000)])).toEqual([
      [0, "-", 3, 1000, 3000, 3000],
    ]);
  });
});

/** Looks at the rate of every millisecond. Crossings in order; those of one instant come one after another. */
const everyMillisecond = (instants: readonly number[], n: number, d: number): readonly number[] => {
  const raised: number[] = [];
  let armed = true;
  let i = 0;
  for (let t = 0; t <= 60; t++) {
    const until = instants.filter((instant) => instant <= t).length;
    const rate = (seen: number): number => instants.slice(0, seen).filter((instant) => instant > t - d).length;
    for (; i < until; i++) {
      if (!armed || rate(i + 1) < n) continue;
      armed = false;
      raised.push(t);
    }
    if (rate(until) < n) armed = true;
  }
  return raised;
};

it("agrees with a look at the rate of every single millisecond", () => {
  let alerts = 0;
  const instants = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 30 }).map((list) => [...list].sort((a, b) => a - b));
  fc.assert(
    fc.property(instants, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), (given, n, d) => {
      const rule = { ...flowrateRule, countThreshold: n, timeInterval: d / 1000 };
      const ends = briefly(rule, at(...given)).map(([, , , , end]) => end);
      expect(ends).toEqual(everyMillisecond(given, n, d));
      alerts += ends.length;
    }),
    { numRuns: 200 },
  );
  expect(alerts).toBeGreaterThan(100);
});
