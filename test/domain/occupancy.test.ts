import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Heard } from "../../domain/rules/rule.ts";
import {
  type Brief,
  brief,
  briefly,
  ended,
  entered,
  frame,
  idsOf,
  left,
  occupancyRule,
  only,
  pair,
  passed,
  told,
} from "../support/rule-inputs.ts";

const two = [entered(1000, "a"), entered(2000, "b")];

describe("an occupancy rule", () => {
  it.each<[string, readonly Heard[], readonly Brief[]]>([
    ["tells at the moment it is due, not at the next detection", [...two, passed(50_000)], [[0, "-", 2, 2000, 12_000, 12_000]]],
    ["tells nothing a millisecond before", [...two, passed(11_999)], []],
    ["tells before the leaving at the same instant", [...two, left(12_000, "a")], [[0, "-", 2, 2000, 12_000, 12_000]]],
    ["tells nothing of a run that ends a millisecond too early", [...two, left(11_999, "a"), passed(90_000)], []],
    ["counts who is present when it tells", [...two, entered(5000, "c"), passed(12_000)], [[0, "-", 3, 2000, 12_000, 12_000]]],
    [
      "tells once as long as the run goes on",
      [...two, passed(12_000), entered(13_000, "c"), left(14_000, "c"), passed(60_000)],
      [[0, "-", 2, 2000, 12_000, 12_000]],
    ],
    [
      "closes where the dip began, when it has lasted longer than the gap",
      [...two, left(20_000, "a"), passed(30_000)],
      [
        [0, "-", 2, 2000, 12_000, 12_000],
        [1, "-", 2, 2000, 20_000, 21_001],
      ],
    ],
    ["does not know of an end before the gap has passed", [...two, left(20_000, "a"), passed(21_000)], [[0, "-", 2, 2000, 12_000, 12_000]]],
    [
      "is not interrupted by a dip exactly as long as the gap",
      [...two, left(5000, "a"), entered(6000, "a"), passed(12_000)],
      [[0, "-", 2, 2000, 12_000, 12_000]],
    ],
    [
      "is interrupted by a dip a millisecond longer",
      [...two, left(5000, "a"), entered(6001, "a"), passed(16_001)],
      [[0, "-", 2, 6001, 16_001, 16_001]],
    ],
    [
      "waits when due in the middle of a dip, and tells at the instant of the return",
      [...two, left(11_500, "a"), passed(12_200), entered(12_400, "c")],
      [[0, "-", 2, 2000, 12_400, 12_400]],
    ],
    [
      "tells nothing when due in a dip from which nobody returns in time",
      [...two, left(11_500, "a"), entered(12_501, "a"), passed(20_000)],
      [],
    ],
    [
      "goes on through a dip after it was raised",
      [...two, passed(12_000), left(13_000, "b"), entered(14_000, "b"), left(15_000, "a"), passed(20_000)],
      [
        [0, "-", 2, 2000, 12_000, 12_000],
        [1, "-", 2, 2000, 15_000, 16_001],
      ],
    ],
    [
      "tells of the next run again",
      [...two, left(20_000, "a"), entered(30_000, "a"), passed(40_000)],
      [
        [0, "-", 2, 2000, 12_000, 12_000],
        [1, "-", 2, 2000, 20_000, 21_001],
        [0, "-", 2, 30_000, 40_000, 40_000],
      ],
    ],
    ["does not count a repeated entry twice", [entered(1, "a"), entered(2, "a"), passed(60_000)], []],
    [
      "does not mind the leaving of someone it never counted",
      [...two, left(3000, "z"), passed(12_000)],
      [[0, "-", 2, 2000, 12_000, 12_000]],
    ],
  ])("%s", (_, inputs, alerts) => {
    expect(briefly(occupancyRule, inputs)).toEqual(alerts);
  });

  it("takes a dip that lasts no time for none, even with a gap of 0", () => {
    const rule = { ...occupancyRule, gap: 0 };
    expect(briefly(rule, [...two, left(5000, "a"), entered(5000, "c"), passed(12_000)])).toEqual([[0, "-", 2, 2000, 12_000, 12_000]]);
    expect(briefly(rule, [...two, left(5000, "a"), entered(5001, "c"), passed(12_000)])).toEqual([]);
  });

  it("tells with a threshold of 0 as soon as anybody has been there long enough", () => {
    expect(briefly({ ...occupancyRule, countThreshold: 0 }, [entered(0, "a"), passed(10_000)])).toEqual([[0, "-", 1, 0, 10_000, 10_000]]);
  });

  it("tells by the very entry where the interval is 0", () => {
    expect(briefly({ ...occupancyRule, timeInterval: 0 }, two)).toEqual([[0, "-", 2, 2000, 2000, 2000]]);
  });

  it("takes fractions of seconds", () => {
    const rule = { ...occupancyRule, timeInterval: 0.25, gap: 0.1 };
    expect(briefly(rule, [...two, left(2100, "a"), entered(2200, "a"), left(2400, "b"), passed(2501)])).toEqual([
      [0, "-", 2, 2000, 2250, 2250],
      [1, "-", 2, 2000, 2400, 2501],
    ]);
  });

  it("names those present, in the order of entering, and the first and last fact", () => {
    const inputs = [entered(1000, "b"), entered(2000, "a"), entered(3000, "c"), left(4000, "b"), passed(12_000)];
    const alert = only(told(occupancyRule, inputs));
    expect(idsOf(alert)).toEqual(["a", "c"]);
    expect(alert.cause).toEqual({ from: frame(1900), to: frame(4000) });
    expect(alert.receivedAt).toBe(12_005);
  });

  it("keeps what was told in the closing revision, but for its end, its raising and its last fact", () => {
    const [first, second] = pair(
      told(occupancyRule, [...two, passed(12_000), entered(15_000, "c"), left(16_000, "a"), left(17_000, "b"), passed(20_000)]),
    );
    expect(second).toEqual({
      ...first,
      revision: 1,
      end: 17_000,
      raisedAt: 18_001,
      receivedAt: 20_005,
      cause: { from: first.cause.from, to: frame(17_000) },
    });
  });

  it.each(["sensor_lost", "clock_reset", "redefined"] as const)("closes at once at the end of its time: %s", (reason) => {
    const inputs = [...two, passed(13_000), left(14_000, "a", reason), left(14_000, "b", reason), ended(14_000, reason), passed(99_000)];
    expect(briefly(occupancyRule, inputs)).toEqual([
      [0, "-", 2, 2000, 12_000, 12_000],
      [1, "-", 2, 2000, 14_000, 14_000],
    ]);
  });

  it("closes where the dip began when its time ends in a dip", () => {
    expect(briefly(occupancyRule, [...two, left(13_500, "a"), ended(14_000, "redefined")]).at(-1)).toEqual([
      1,
      "-",
      2,
      2000,
      13_500,
      14_000,
    ]);
  });

  it("says nothing at the end of its time where nothing was raised, and starts afresh", () => {
    const inputs = [...two, ended(5000, "redefined"), entered(6000, "c"), passed(30_000)];
    expect(briefly(occupancyRule, inputs)).toEqual([]);
  });

  it("counts only what it selects, and out whoever was counted in", () => {
    const rule = { ...occupancyRule, objectTypes: ["Person"], minConfidence: 0.5, countThreshold: 0 };
    const inputs = [
      entered(1000, "bag", { type: "Bag" }),
      entered(2000, "dim", { confidence: 0.2 }),
      entered(3000, "a"),
      passed(13_000),
      left(14_000, "a", "left", { type: "Bag", confidence: 0.1 }),
      passed(20_000),
    ];
    expect(briefly(rule, inputs)).toEqual([
      [0, "-", 1, 3000, 13_000, 13_000],
      [1, "-", 1, 3000, 14_000, 15_001],
    ]);
  });
});

describe("an occupancy rule of dwell", () => {
  const rule = { ...occupancyRule, of: "dwell" } as const;

  it.each<[string, readonly Heard[], readonly Brief[]]>([
    ["tells when n + 1 objects have each stayed that long", [...two, passed(60_000)], [[0, "-", 2, 2000, 12_000, 12_000]]],
    [
      "does not take those who come and go for loiterers",
      [entered(0, "a"), entered(1000, "b"), entered(6000, "c"), left(7000, "b"), entered(9000, "d"), left(15_999, "c"), passed(18_999)],
      [],
    ],
    [
      "starts with the stay that completes the number",
      [entered(0, "a"), entered(1000, "b"), entered(6000, "c"), left(7000, "b"), passed(20_000)],
      [[0, "-", 2, 6000, 16_000, 16_000]],
    ],
    ["tells before a leaving at the same instant", [...two, left(12_000, "b")], [[0, "-", 2, 2000, 12_000, 12_000]]],
    [
      "takes a stay that ends and begins again for two",
      [...two, left(5000, "b"), entered(5000, "b"), passed(15_000)],
      [[0, "-", 2, 5000, 15_000, 15_000]],
    ],
    [
      "goes on when another has stayed long enough within the gap",
      [...two, entered(3000, "c"), passed(12_000), left(12_500, "a"), passed(13_000), left(15_000, "b"), passed(17_000)],
      [
        [0, "-", 3, 2000, 12_000, 12_000],
        [1, "-", 3, 2000, 15_000, 16_001],
      ],
    ],
    [
      "ends where the loiterers became too few, and tells anew of the next",
      [...two, entered(8000, "c"), passed(12_000), left(13_000, "a"), passed(18_000)],
      [
        [0, "-", 3, 2000, 12_000, 12_000],
        [1, "-", 3, 2000, 13_000, 14_001],
        [0, "-", 2, 8000, 18_000, 18_000],
      ],
    ],
    [
      "closes and tells anew at one instant",
      [...two, entered(5001, "c"), left(14_000, "a"), passed(15_001)],
      [
        [0, "-", 3, 2000, 12_000, 12_000],
        [1, "-", 3, 2000, 14_000, 15_001],
        [0, "-", 2, 5001, 15_001, 15_001],
      ],
    ],
  ])("%s", (_, inputs, alerts) => {
    expect(briefly(rule, inputs)).toEqual(alerts);
  });
});

/**
 * Read off a strip of milliseconds: `counts[t]` is how many are present during [t, t + 1). The run that holds t is everything before it
 * but for dips of more than g.
 */
const onStrip = (counts: readonly number[], n: number, d: number, g: number): readonly Brief[] => {
  const above = counts.map((count) => count > n);
  const runs: { start: number; end: number }[] = [];
  for (const [t, holds] of above.entries()) {
    if (!holds) continue;
    const last = runs.at(-1);
    if (last !== undefined && t - last.end <= g) last.end = t + 1;
    else runs.push({ start: t, end: t + 1 });
  }
  return runs.flatMap(({ start, end }): Brief[] => {
    // Due at start + d, before what happens then: what held just before decides.
    let at = start + d;
    if (at > end) return [];
    if (!above[at - 1]) while (!above[at]) at++;
    const count = (above[start + d - 1] ? counts[start + d - 1] : counts[at]) as number;
    const raised: Brief = [0, "-", count, start, at, at];
    return end + g + 1 < counts.length ? [raised, [1, "-", count, start, end, end + g + 1]] : [raised];
  });
};

it("agrees with a reading of every single millisecond, whoever comes and goes", () => {
  let alerts = 0;
  const moves = fc.array(fc.record({ wait: fc.integer({ min: 1, max: 6 }), who: fc.constantFrom("a", "b", "c") }), { maxLength: 40 });
  fc.assert(
    fc.property(moves, fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 4 }), (given, n, d, g) => {
      const inputs: Heard[] = [];
      const present = new Set<string>();
      const counts: number[] = [];
      for (const { wait, who } of given) {
        for (let i = 0; i < wait; i++) counts.push(present.size);
        inputs.push(present.has(who) ? left(counts.length, who) : entered(counts.length, who));
        if (!present.delete(who)) present.add(who);
      }
      for (let i = 0; i < 30; i++) counts.push(present.size);
      inputs.push(passed(counts.length - 1));
      const rule = { ...occupancyRule, countThreshold: n, timeInterval: d / 1000, gap: g / 1000 };
      const expected = onStrip(counts, n, d, g).filter(([, , , , , raisedAt]) => raisedAt < counts.length);
      const given_ = told(rule, inputs).map(brief);
      const order = (list: readonly Brief[]) => [...list].sort((a, b) => a[5] - b[5] || b[0] - a[0]);
      expect(given_).toEqual(order(expected));
      alerts += given_.length;
    }),
    { numRuns: 150 },
  );
  expect(alerts).toBeGreaterThan(50);
});
