import { describe, expect, it } from "vitest";
import type { Rule, Schedule } from "../../domain/camera.ts";
import { alertId } from "../../domain/ids.ts";
import { run } from "../../domain/machine.ts";
import { compileRule } from "../../domain/rules/compile.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import {
  briefly,
  crossing,
  ended,
  entered,
  flowrateRule,
  incrementAtHall,
  incrementRule,
  key,
  left,
  notifyRule,
  occupancyRule,
  only,
  pair,
  passed,
  site,
  switchRule,
  told,
} from "../support/rule-inputs.ts";

const each = { ...incrementRule, countThreshold: 1 };
const starts = (rule: Rule, inputs: readonly Heard[]): readonly number[] => told(rule, inputs).map(({ start }) => start);
const fov = { analytic: "fov", placeId: key.camera } as const;
const atFov = { analytic: "fov", id: key.camera, epoch: 0 } as const;

describe("an alert", () => {
  it("says which rule, where, since when and why", () => {
    const alert = only(told({ ...each, name: "Door count", severity: "critical" }, [crossing(5000, "a", { confirmedAt: 5200 })]));
    expect(alert).toEqual({
      kind: "alert",
      tenant: "acme",
      camera: "cam-1",
      receivedAt: 5205,
      id: alertId({
        tenant: "acme",
        ruleId: "rule-1",
        ruleVersion: 7,
        camera: "cam-1",
        analytic: "tripwire",
        placeId: "door",
        direction: "entry",
        start: 5000,
        ordinal: 0,
      }),
      revision: 0,
      retracted: false,
      ruleId: "rule-1",
      ruleName: "Door count",
      ruleType: "increment",
      ruleVersion: 7,
      severity: "critical",
      place: { analytic: "tripwire", id: "door", epoch: 0 },
      placeName: "Main door",
      direction: "entry",
      count: 1,
      start: 5000,
      end: 5000,
      raisedAt: 5200,
      description: "1 person crossed tripwire Main door (in)",
      objects: [{ id: "a", type: "Person", bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 }, confidence: 0.9, info: undefined }],
      cause: {
        from: { timestamp: 4900, id: "f4900", modelVersion: undefined },
        to: { timestamp: 5200, id: "f5200", modelVersion: "detector@7" },
      },
    });
  });

  it("carries the newest version of its rule, its place and the sensor's settings", () => {
    const place = site.tripwires.get("door");
    const versions = (rule: number, wire: number, settings: number): number => {
      const camera = {
        ...site,
        tripwires: new Map(place === undefined ? [] : [["door", { ...place, version: wire }]]),
        settings: { ...site.settings, version: settings },
      };
      return only(run(compileRule(key, camera, { ...each, version: rule }), [crossing(1, "a")])).ruleVersion;
    };
    expect([versions(9, 2, 3), versions(1, 8, 3), versions(1, 2, 7)]).toEqual([9, 8, 7]);
  });

  it("takes another version where one is given", () => {
    expect(only(run(compileRule(key, site, { ...each, version: 9 }, 0), [crossing(1, "a")])).ruleVersion).toBe(0);
  });

  it("carries the epoch of its place", () => {
    const camera = { ...site, epochs: new Map([["tripwire/door", 3]]) };
    expect(only(told(each, [crossing(1, "a")], camera)).place).toEqual({ analytic: "tripwire", id: "door", epoch: 3 });
  });
});

describe("ids", () => {
  it("differ by an ordinal where direction and start are the same", () => {
    const alerts = told(each, [
      crossing(5, "a"),
      crossing(5, "b"),
      crossing(5, "c", { direction: "exit" }),
      crossing(6, "d"),
      crossing(5, "e"),
    ]);
    const id = (direction: string, start: number, ordinal: number): string =>
      alertId({ ...key, ruleId: "rule-1", ruleVersion: 7, analytic: "tripwire", placeId: "door", direction, start, ordinal });
    expect(alerts.map((alert) => alert.id)).toEqual([
      id("entry", 5, 0),
      id("entry", 5, 1),
      id("exit", 5, 0),
      id("entry", 6, 0),
      id("entry", 5, 2),
    ]);
  });

  it("go on counting after a clock set back", () => {
    const [first, second] = pair(told(each, [crossing(5, "a"), ended(9, "clock_reset"), crossing(5, "a")]));
    expect(second.id).not.toBe(first.id);
  });

  it("do not count what was dropped", () => {
    const rule = { ...each, cooldown: 10 };
    const [, second] = pair(
      told(rule, [crossing(5, "a", { confirmedAt: 5 }), crossing(5, "b", { confirmedAt: 6 }), crossing(5, "c", { confirmedAt: 20_000 })]),
    );
    expect(second.id).toBe(
      alertId({
        ...key,
        ruleId: "rule-1",
        ruleVersion: 7,
        analytic: "tripwire",
        placeId: "door",
        direction: "entry",
        start: 5,
        ordinal: 1,
      }),
    );
  });

  it("remember the newest 64 starts, in the order of their last use", () => {
    const machine = compileRule(key, site, { ...each, version: 7 });
    const idAfter = (others: number): string => {
      const inputs = [crossing(5, "a"), ...Array.from({ length: others }, (_, i) => crossing(1000 + i, "b")), crossing(5, "a")];
      return run(machine, inputs).at(-1)?.id ?? "";
    };
    const ordinal = (n: number): string =>
      alertId({
        ...key,
        ruleId: "rule-1",
        ruleVersion: 7,
        analytic: "tripwire",
        placeId: "door",
        direction: "entry",
        start: 5,
        ordinal: n,
      });
    expect([idAfter(0), idAfter(63), idAfter(64)]).toEqual([ordinal(1), ordinal(1), ordinal(0)]);
    const others = (from: number) => Array.from({ length: 40 }, (_, i) => crossing(from + i, "b"));
    const again = [crossing(5, "a"), ...others(1000), crossing(5, "a"), ...others(2000), crossing(5, "a")];
    expect(run(machine, again).at(-1)?.id).toBe(ordinal(2));
  });
});

describe("a cooldown", () => {
  it.each([
    [10, [0, 9999, 10_000, 19_999, 20_000], [0, 10_000, 20_000]],
    [0, [5, 5, 6], [5, 5, 6]],
    [0.5, [0, 499, 500], [0, 500]],
  ] as const)("of %d s lets through of %j only %j", (cooldown, instants, expected) => {
    expect(
      starts(
        { ...each, cooldown },
        instants.map((at) => crossing(at, "a")),
      ),
    ).toEqual(expected);
  });

  it("goes by the instant of raising, not by the start", () => {
    const inputs = [crossing(0, "a", { confirmedAt: 5000 }), crossing(100, "b", { confirmedAt: 15_000 })];
    expect(starts({ ...each, cooldown: 10 }, inputs)).toEqual([0, 100]);
  });

  it("is one for both directions of a rule", () => {
    expect(starts({ ...each, cooldown: 10 }, [crossing(0, "a"), crossing(1000, "a", { direction: "exit" })])).toEqual([0]);
  });

  it("is not begun by what it drops", () => {
    expect(starts({ ...each, cooldown: 10 }, [crossing(0, "a"), crossing(9000, "b"), crossing(11_000, "c")])).toEqual([0, 11_000]);
  });

  it("does not hold back a closing revision, and drops that of what it dropped", () => {
    const rule = { ...occupancyRule, countThreshold: 0, timeInterval: 1, gap: 0, cooldown: 10 };
    const inputs = [
      entered(0, "a"),
      left(2000, "a"),
      entered(3000, "a"),
      left(5000, "a"),
      entered(20_000, "a"),
      left(22_000, "a"),
      passed(30_000),
    ];
    expect(briefly(rule, inputs)).toEqual([
      [0, "-", 1, 0, 1000, 1000],
      [1, "-", 1, 0, 2000, 2001],
      [0, "-", 1, 20_000, 21_000, 21_000],
      [1, "-", 1, 20_000, 22_000, 22_001],
    ]);
  });

  it("ends with the time of a sensor whose clock is set back", () => {
    expect(starts({ ...each, cooldown: 60 }, [crossing(90_000, "a"), ended(91_000, "clock_reset"), crossing(1000, "b")])).toEqual([
      90_000, 1000,
    ]);
  });

  it("of many objects is forgotten when it has passed", () => {
    const machine = compileRule(key, site, { ...notifyRule, version: 7 });
    const states = new Map<string, unknown>();
    run(
      machine,
      Array.from({ length: 1000 }, (_, i) => entered(i * 1000, `o${i}`)),
      states,
    );
    const saved = JSON.stringify(machine.save([...states.values()][0]));
    expect(saved).toContain("o999");
    expect(saved).toContain('"o940"');
    expect(saved).not.toContain('"o939"');
  });
});

describe("the schedule of a rule", () => {
  // 1970-01-01 was a Thursday.
  const schedule: Schedule = { timezone: "UTC", windows: [{ days: ["thu"], from: "00:01", to: "00:02" }] };

  it("drops what would start being raised outside, and postpones nothing", () => {
    expect(
      starts(
        { ...each, schedule },
        [59_999, 60_000, 119_999, 120_000].map((at) => crossing(at, "a")),
      ),
    ).toEqual([60_000, 119_999]);
  });

  it("lets the machine step as always", () => {
    const rule = { ...incrementRule, countThreshold: 2, schedule };
    expect(starts(rule, [crossing(10_000, "a"), crossing(20_000, "b"), crossing(50_000, "c"), crossing(70_000, "d")])).toEqual([50_000]);
  });

  it("lets a closing revision out at any time, and none of what was not raised", () => {
    const rule = { ...occupancyRule, countThreshold: 0, timeInterval: 10, gap: 0, schedule };
    const inputs = [entered(0, "a"), left(70_000, "a"), entered(80_000, "b"), left(130_000, "b"), passed(999_000)];
    expect(briefly(rule, inputs)).toEqual([
      [0, "-", 1, 80_000, 90_000, 90_000],
      [1, "-", 1, 80_000, 130_000, 130_001],
    ]);
  });

  it("leaves the cooldown alone with what it drops", () => {
    expect(starts({ ...each, schedule, cooldown: 30 }, [crossing(55_000, "a"), crossing(65_000, "b")])).toEqual([65_000]);
  });
});

it("hears nothing while it is not enabled", () => {
  const machine = compileRule(key, site, { ...each, enabled: false, version: 7 });
  expect(machine.keyOf(crossing(1, "a"))).toBeUndefined();
  expect(machine.step(machine.initial(), crossing(1, "a"))[1]).toEqual([]);
  expect(told({ ...each, enabled: false }, [crossing(1, "a")])).toEqual([]);
});

it("does not take a saved state of another version", () => {
  const machine = compileRule(key, site, { ...each, version: 7 });
  const saved = machine.save(machine.initial());
  expect(machine.load(saved, machine.version)).toEqual(machine.initial());
  expect(machine.load(saved, machine.version + 1)).toBeUndefined();
});

it("gives what a timer raised the arrival of what moved the time", () => {
  const rule = { ...occupancyRule, countThreshold: 0 };
  expect(only(told(rule, [entered(0, "a"), passed(77_000)])).receivedAt).toBe(77_005);
});

describe("the description", () => {
  const persons = ["a", "b"].map((id, i) => entered(i, id));
  const inFov = (inputs: readonly Heard[]): readonly Heard[] =>
    inputs.map((input) => ("place" in input ? { ...input, place: atFov } : input));
  const cars = ["a", "b"].map((id, i) => crossing(i, id, { type: i === 0 ? "car" : "Truck" }));
  const twoIn = { ...incrementAtHall, countThreshold: 2 };
  const twoThrough = { ...incrementRule, countThreshold: 2 };

  it.each<[string, Rule, readonly Heard[]]>([
    ["2 people entered fov", { ...twoIn, ...fov }, inFov(persons)],
    ["2 people entered roi Hall", twoIn, persons],
    ["2 people left roi Hall", { ...twoIn, direction: "exit" }, [left(1, "a"), left(2, "b")]],
    ["1 person entered roi Hall", { ...twoIn, countThreshold: 1 }, persons.slice(0, 1)],
    ["2 objects entered roi Hall", twoIn, [entered(1, "a"), entered(2, "b", { type: "Bag" })]],
    ["1 object entered roi Hall", { ...twoIn, countThreshold: 1 }, [entered(1, "a", { type: "Bag" })]],
    ["2 vehicles crossed tripwire Main door (in)", twoThrough, cars],
    ["2 people crossed tripwire Main door (out)", twoThrough, [1, 2].map((at) => crossing(at, "a", { direction: "exit" }))],
    [
      "more than 1 people continuously present in fov for longer than 10 seconds",
      { ...occupancyRule, ...fov },
      inFov([...persons, passed(20_000)]),
    ],
    [
      "more than 1 people each present in roi Hall for longer than 1 second",
      { ...occupancyRule, of: "dwell", timeInterval: 1 },
      [...persons, passed(20_000)],
    ],
    ["fov occupancy count greater than 1", { ...switchRule, ...fov }, inFov(persons)],
    ["2 vehicles crossed tripwire Main door within 2.5 seconds", { ...flowrateRule, countThreshold: 2, timeInterval: 2.5 }, cars],
    ["2 vehicles crossed tripwire Main door (in) within 10 seconds", { ...flowrateRule, countThreshold: 2, direction: "entry" }, cars],
    ["Person present in roi Hall", notifyRule, persons.slice(0, 1)],
    [
      "Person with colour red present in roi Hall",
      { ...notifyRule, attribute: { name: "colour", value: "red" } },
      [entered(1, "a", { info: [["colour", "red"]] })],
    ],
  ])("is: %s", (sentence, rule, inputs) => {
    expect(only(told(rule, inputs)).description).toBe(sentence);
  });

  it("says when the count has come back", () => {
    const rule = { ...switchRule, countThreshold: 2, band: 1 };
    const inputs = [entered(1, "a"), entered(2, "b"), entered(3, "c"), left(4, "a"), left(5, "b")];
    expect(told(rule, inputs).map(({ description }) => description)).toEqual([
      "roi Hall occupancy count greater than 2",
      "roi Hall occupancy count back to 1 or less",
    ]);
  });

  it("calls a place by its id where the camera does not know it", () => {
    expect(only(told({ ...each, placeId: "door" }, [crossing(1, "a")], { ...site, tripwires: new Map() })).placeName).toBe("door");
  });
});
