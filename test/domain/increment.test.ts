import { describe, expect, it } from "vitest";
import {
  brief,
  briefly,
  crossing,
  ended,
  entered,
  frame,
  idsOf,
  incrementAtHall,
  incrementRule,
  left,
  only,
  told,
} from "../support/rule-inputs.ts";

describe("an increment rule", () => {
  it("tells after every n crossings and starts again from zero", () => {
    const inputs = ["a", "b", "c", "d", "e", "f", "g"].map((id, i) => crossing(1000 * i, id));
    expect(briefly(incrementRule, inputs)).toEqual([
      [0, "entry", 3, 0, 2000, 2000],
      [0, "entry", 3, 3000, 5000, 5000],
    ]);
  });

  it("tells at every crossing where n is 1", () => {
    expect(briefly({ ...incrementRule, countThreshold: 1 }, [crossing(5, "a"), crossing(5, "b")])).toEqual([
      [0, "entry", 1, 5, 5, 5],
      [0, "entry", 1, 5, 5, 5],
    ]);
  });

  it("counts each direction on its own where none is named", () => {
    const out = { direction: "exit" } as const;
    const inputs = [
      crossing(1, "a"),
      crossing(2, "b", out),
      crossing(3, "c"),
      crossing(4, "d", out),
      crossing(5, "e", out),
      crossing(6, "f"),
    ];
    expect(briefly(incrementRule, inputs)).toEqual([
      [0, "exit", 3, 2, 5, 5],
      [0, "entry", 3, 1, 6, 6],
    ]);
  });

  it.each([
    ["entry", [0, "entry", 2, 1, 3, 3]],
    ["exit", [0, "exit", 2, 2, 4, 4]],
  ] as const)("counts only %s where that is named", (direction, alert) => {
    const inputs = [crossing(1, "a"), crossing(2, "a", { direction: "exit" }), crossing(3, "b"), crossing(4, "b", { direction: "exit" })];
    expect(briefly({ ...incrementRule, countThreshold: 2, direction }, inputs)).toEqual([alert]);
  });

  it("starts and ends at the least and greatest instant, whatever the order of confirmation", () => {
    const inputs = [
      crossing(500, "a", { confirmedAt: 1000 }),
      crossing(100, "b", { confirmedAt: 1000 }),
      crossing(300, "c", { confirmedAt: 1200 }),
    ];
    const alert = only(told(incrementRule, inputs));
    expect(brief(alert)).toEqual([0, "entry", 3, 100, 500, 1200]);
    expect(alert.cause).toEqual({ from: frame(0), to: frame(1200) });
  });

  it("counts an object as often as it crosses, and names it once, as last counted", () => {
    const inputs = [crossing(1, "a", { confidence: 0.4 }), crossing(2, "b"), crossing(3, "a", { confidence: 0.8 })];
    const alert = only(told(incrementRule, inputs));
    expect(alert.count).toBe(3);
    expect(idsOf(alert)).toEqual(["a", "b"]);
    expect(alert.objects?.[0]?.confidence).toBe(0.8);
  });

  it("counts an object once a round with countMode distinct", () => {
    const distinct = { ...incrementRule, countMode: "distinct", countThreshold: 2 } as const;
    const inputs = ["a", "a", "b", "b", "a", "a", "c"].map((id, i) => crossing(i, id));
    expect(briefly(distinct, inputs)).toEqual([
      [0, "entry", 2, 0, 2, 2],
      [0, "entry", 2, 3, 4, 4],
      [0, "entry", 2, 5, 6, 6],
    ]);
  });

  it("keeps id, type, box and confidence of the objects, not their attributes", () => {
    const alert = only(
      told({ ...incrementRule, countThreshold: 1 }, [crossing(1, "a", { confidence: undefined, info: [["colour", "red"]] })]),
    );
    expect(alert.objects).toEqual([
      { id: "a", type: "Person", bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 }, confidence: undefined, info: undefined },
    ]);
  });

  it.each([
    ["left", 1],
    ["timeout", 1],
    ["sensor_lost", 0],
    ["clock_reset", 0],
    ["redefined", 0],
  ] as const)("takes a stay that ended as %s for %i exits", (reason, exits) => {
    const rule = { ...incrementAtHall, countThreshold: 1, direction: "exit" } as const;
    expect(briefly(rule, [entered(1, "a"), left(9, "a", reason)])).toHaveLength(exits);
  });

  it("counts entries and exits at a region apart", () => {
    const inputs = [entered(1, "a"), entered(2, "b"), left(3, "a"), left(4, "b", "timeout")];
    expect(briefly({ ...incrementAtHall, countThreshold: 2 }, inputs)).toEqual([
      [0, "entry", 2, 1, 2, 2],
      [0, "exit", 2, 3, 4, 4],
    ]);
  });

  it("goes by type and confidence at the crossing", () => {
    const rule = { ...incrementRule, countThreshold: 1, objectTypes: ["Person", "Car"], minConfidence: 0.5 };
    const inputs = [
      crossing(1, "a", { type: "Bus" }),
      crossing(2, "b", { confidence: 0.49 }),
      crossing(3, "c", { confidence: undefined }),
      crossing(4, "d", { confidence: 0.5 }),
      crossing(5, "e", { type: "Car" }),
    ];
    expect(told(rule, inputs).map(idsOf)).toEqual([["d"], ["e"]]);
  });

  it("counts out whoever was counted in, and nobody else, whatever they are called by then", () => {
    const rule = { ...incrementAtHall, countThreshold: 1, objectTypes: ["Person"], direction: "exit" } as const;
    const inputs = [
      entered(1, "a"),
      entered(2, "b", { type: "Bag" }),
      left(3, "a", "left", { type: "Bag" }),
      left(4, "b", "left", { type: "Person" }),
      left(5, "never-entered"),
    ];
    expect(told(rule, inputs).map(idsOf)).toEqual([["a"], ["never-entered"]]);
  });

  it.each([
    ["sensor_lost", 1],
    ["clock_reset", 0],
    ["redefined", 0],
  ] as const)("after %s tells %i of what was begun before", (reason, alerts) => {
    const inputs = [crossing(1, "a"), crossing(2, "b"), ended(3, reason), crossing(4, "c")];
    expect(briefly(incrementRule, inputs)).toHaveLength(alerts);
  });

  it("takes ids such as __proto__ for what they are", () => {
    const rule = { ...incrementRule, countMode: "distinct", countThreshold: 2 } as const;
    expect(told(rule, [crossing(1, "__proto__"), crossing(2, "__proto__"), crossing(3, "constructor")]).map(idsOf)).toEqual([
      ["__proto__", "constructor"],
    ]);
  });

  it("is deaf to other places and other cameras", () => {
    const other = { analytic: "tripwire", id: "window", epoch: 0 } as const;
    const rule = { ...incrementRule, countThreshold: 1 };
    expect(told(rule, [{ ...crossing(1, "a"), place: other }])).toEqual([]);
    expect(told(rule, [{ ...crossing(1, "a"), camera: "cam-2" }])).toEqual([]);
    expect(told(rule, [{ ...crossing(1, "a"), tenant: "other" }])).toEqual([]);
    expect(told(rule, [{ ...crossing(1, "a"), place: { ...other, analytic: "roi", id: "door" } }])).toEqual([]);
  });
});
