import { describe, expect, it } from "vitest";
import type { Heard } from "../../domain/rules/rule.ts";
import { type Brief, briefly, ended, entered, frame, left, only, passed, switchRule, told } from "../support/rule-inputs.ts";

const [a, b, c] = [entered(1000, "a"), entered(2000, "b"), entered(3000, "c")] as const;

describe("a threshold switch", () => {
  it.each<[string, readonly Heard[], readonly Brief[]]>([
    ["tells nothing at n", [a], []],
    ["tells up above n", [a, b], [[0, "up", 2, 2000, 2000, 2000]]],
    ["tells the change only", [a, b, c, left(4000, "c")], [[0, "up", 2, 2000, 2000, 2000]]],
    [
      "tells down when the count comes back to n",
      [a, b, c, left(4000, "a"), left(5000, "b"), left(6000, "c")],
      [
        [0, "up", 2, 2000, 2000, 2000],
        [0, "down", 1, 5000, 5000, 5000],
      ],
    ],
    [
      "takes a stay cut off by a lost camera for a leaving, so that ups and downs take turns",
      [
        a,
        b,
        left(4000, "a", "sensor_lost"),
        left(4000, "b", "sensor_lost"),
        ended(4000, "sensor_lost"),
        entered(9000, "a"),
        entered(9000, "b"),
      ],
      [
        [0, "up", 2, 2000, 2000, 2000],
        [0, "down", 1, 4000, 4000, 4000],
        [0, "up", 2, 9000, 9000, 9000],
      ],
    ],
    ["does not mind repeated entries and unknown leavings", [a, a, left(1500, "z"), b], [[0, "up", 2, 2000, 2000, 2000]]],
  ])("%s", (_, inputs, alerts) => {
    expect(briefly(switchRule, inputs)).toEqual(alerts);
  });

  it.each(["clock_reset", "redefined"] as const)("begins anew after %s and tells no down", (reason) => {
    const inputs = [a, b, left(4000, "a", reason), left(4000, "b", reason), ended(4000, reason), entered(5000, "a"), entered(6000, "b")];
    expect(briefly(switchRule, inputs)).toEqual([
      [0, "up", 2, 2000, 2000, 2000],
      [0, "up", 2, 6000, 6000, 6000],
    ]);
  });

  it("has a threshold of 0 for somebody or nobody", () => {
    expect(briefly({ ...switchRule, countThreshold: 0 }, [a, b, left(4000, "a"), left(5000, "b")])).toEqual([
      [0, "up", 1, 1000, 1000, 1000],
      [0, "down", 0, 5000, 5000, 5000],
    ]);
  });

  it.each<[string, readonly Heard[], readonly Brief[]]>([
    ["tells a change when it has held for hold", [a, b, passed(9000)], [[0, "up", 2, 2000, 3500, 3500]]],
    ["counts when it tells", [a, b, c, passed(9000)], [[0, "up", 3, 2000, 3500, 3500]]],
    ["tells before a coming back at the same instant", [a, b, left(3500, "b")], [[0, "up", 2, 2000, 3500, 3500]]],
    ["forgets a change that comes back a millisecond earlier", [a, b, left(3499, "b"), passed(99_000)], []],
    ["waits anew after a coming back", [a, b, left(3000, "b"), entered(3001, "b"), passed(9000)], [[0, "up", 2, 3001, 4501, 4501]]],
    [
      "holds downs too",
      [a, b, passed(4000), left(5000, "a"), entered(6499, "a"), left(7000, "a"), passed(8500)],
      [
        [0, "up", 2, 2000, 3500, 3500],
        [0, "down", 1, 7000, 8500, 8500],
      ],
    ],
  ])("with hold %s", (_, inputs, alerts) => {
    expect(briefly({ ...switchRule, hold: 1.5 }, inputs)).toEqual(alerts);
  });

  it("changes nothing inside the band", () => {
    const rule = { ...switchRule, countThreshold: 2, band: 1 };
    const inputs = [a, b, c, left(4000, "a"), entered(5000, "d"), left(6000, "b"), left(7000, "c"), entered(8000, "e"), entered(9000, "f")];
    expect(briefly(rule, inputs)).toEqual([
      [0, "up", 3, 3000, 3000, 3000],
      [0, "down", 1, 7000, 7000, 7000],
      [0, "up", 3, 9000, 9000, 9000],
    ]);
  });

  it("forgets a down that rises into the band again before it has held", () => {
    const rule = { ...switchRule, countThreshold: 2, band: 1, hold: 1 };
    const inputs = [a, b, c, passed(4000), left(5000, "a"), left(5000, "b"), entered(5500, "b"), passed(9000)];
    expect(briefly(rule, inputs)).toEqual([[0, "up", 3, 3000, 4000, 4000]]);
  });

  it("names nobody, and says from which fact to which", () => {
    const alert = only(told({ ...switchRule, hold: 2 }, [a, b, c, passed(4000)]));
    expect(alert.objects).toBeUndefined();
    expect(alert.cause).toEqual({ from: frame(1900), to: frame(3000) });
  });

  it("counts only what it selects", () => {
    const rule = { ...switchRule, objectTypes: ["Person"], countThreshold: 0 };
    expect(briefly(rule, [entered(1, "x", { type: "Bag" }), a, left(1500, "x"), left(1600, "a", "left", { type: "Bag" })])).toEqual([
      [0, "up", 1, 1000, 1000, 1000],
      [0, "down", 0, 1600, 1600, 1600],
    ]);
  });
});
