import { describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createMemory, pendingCameras } from "../../analytics/memory.ts";
import type { CameraEvent, Rule } from "../../domain/camera.ts";
import { incrementDefaults, notifyDefaults, occupancyDefaults, roiDefaults, thresholdSwitchDefaults } from "../../domain/defaults.ts";
import type { Definition, Derived, Fact } from "../../domain/event.ts";
import { frame, frames, heartbeat, seen } from "../support/given.ts";
import {
  briefly,
  ended,
  entered,
  idsOf,
  incrementAtHall,
  left,
  noticed,
  notifyRule,
  occupancyRule,
  only,
  passed,
  present,
  switchRule,
  told,
} from "../support/rule-inputs.ts";

describe("whoever is present when a rule begins", () => {
  const two = [present(5000, "a"), present(5000, "b")];

  it("is counted by an occupancy from that instant on", () => {
    expect(briefly(occupancyRule, [...two, passed(14_999)])).toEqual([]);
    expect(briefly(occupancyRule, [...two, passed(15_000), left(16_000, "a"), passed(18_000)])).toEqual([
      [0, "-", 2, 5000, 15_000, 15_000],
      [1, "-", 2, 5000, 16_000, 17_001],
    ]);
    expect(briefly({ ...occupancyRule, timeInterval: 0 }, two)).toEqual([[0, "-", 2, 5000, 5000, 5000]]);
  });

  it("is no loiterer before having stayed so long in the life of the rule", () => {
    const loitering = { ...occupancyRule, of: "dwell" as const };
    expect(briefly(loitering, [...two, passed(14_999)])).toEqual([]);
    expect(briefly(loitering, [...two, passed(15_000)])).toEqual([[0, "-", 2, 5000, 15_000, 15_000]]);
  });

  it("brings a threshold switch up, and down again by leaving", () => {
    expect(briefly(switchRule, [...two, left(7000, "a")])).toEqual([
      [0, "up", 2, 5000, 5000, 5000],
      [0, "down", 1, 7000, 7000, 7000],
    ]);
    expect(briefly({ ...switchRule, hold: 3 }, [...two, passed(9000)])).toEqual([[0, "up", 2, 5000, 8000, 8000]]);
  });

  it("is told of by notify, from first seen to that instant, with the frames between as its cause", () => {
    const alert = only(told(notifyRule, [present(5000, "a")]));
    expect([alert.start, alert.end, alert.raisedAt, idsOf(alert)]).toEqual([3900, 5000, 5000, ["a"]]);
    expect(alert.cause).toEqual({
      from: { timestamp: 3900, id: "f3900" },
      to: { timestamp: 5000, id: "f5000", modelVersion: "detector@7" },
    });
  });

  it("is told of once a stay where an attribute is wanted, then or when it is gained", () => {
    const vestless = { ...notifyRule, cooldown: 0, attribute: { name: "vest", value: "no" } };
    const info = [["vest", "no"]] as const;
    expect(briefly(vestless, [present(5000, "a", { info }), noticed(6000, "a", { info })])).toEqual([[0, "-", 1, 3900, 5000, 5000]]);
    expect(briefly(vestless, [present(5000, "a"), noticed(6000, "a", { info })])).toEqual([[0, "-", 1, 5900, 6000, 6000]]);
  });

  it("is no entry of an increment, but leaves like any other", () => {
    const one = { ...incrementAtHall, countThreshold: 1 };
    expect(briefly(one, [...two, left(7000, "a")])).toEqual([[0, "exit", 1, 7000, 7000, 7000]]);
    expect(briefly(one, [...two, left(7000, "a", "sensor_lost")])).toEqual([]);
  });

  it("is judged as last seen, and at the exit by that verdict", () => {
    const people = { objectTypes: ["Person"] };
    const mixed = [present(5000, "a", { type: "Bag" }), present(5000, "b")];
    expect(briefly({ ...switchRule, ...people }, mixed)).toEqual([]);
    const one = { ...incrementAtHall, ...people, countThreshold: 1 };
    expect(briefly(one, [...mixed, left(7000, "a"), left(7100, "b", "left", { type: "Bag" })])).toEqual([[0, "exit", 1, 7100, 7100, 7100]]);
  });

  it("is forgotten like all others when the camera's time ends", () => {
    const inputs = [...two, left(6000, "a", "clock_reset"), left(6000, "b", "clock_reset"), ended(6000, "clock_reset"), entered(9000, "c")];
    expect(briefly(occupancyRule, [...inputs, passed(30_000)])).toEqual([]);
  });

  it("is told of within the schedule and the cooldown only", () => {
    const schedule = { timezone: "UTC", windows: [{ days: ["thu" as const], from: "01:00", to: "02:00" }] };
    expect(briefly({ ...notifyRule, schedule }, two)).toEqual([]);
    expect(briefly({ ...switchRule, countThreshold: 0, cooldown: 60 }, [present(5000, "a"), left(6000, "a")])).toHaveLength(1);
  });
});

const key = { tenant: "acme", camera: "shop" };
const corners = [0, 200].flatMap((y) =>
  y === 0
    ? [
        { x: 0, y },
        { x: 200, y },
      ]
    : [
        { x: 200, y },
        { x: 0, y },
      ],
);
const roi = { ...roiDefaults, id: "hall", name: "Hall", minFrames: 1, exitAfter: 5, coordinates: corners };
const atHall = { analytic: "roi" as const, placeId: "hall" };
const crowd: Rule = {
  ...occupancyDefaults,
  ...atHall,
  ruleId: "crowd",
  name: "Crowd",
  ruleType: "occupancy",
  countThreshold: 1,
  timeInterval: 2,
};
const level: Rule = {
  ...thresholdSwitchDefaults,
  ...atHall,
  ruleId: "level",
  name: "Level",
  ruleType: "occupancy_threshold_switch",
  countThreshold: 1,
};
const doorman: Rule = { ...notifyDefaults, ...atHall, ruleId: "doorman", name: "Doorman", ruleType: "notify" };
const leaving: Rule = { ...incrementDefaults, ...atHall, ruleId: "leaving", name: "Leaving", ruleType: "increment", countThreshold: 1 };

const define = (from: number, ...decisions: readonly CameraEvent[]): readonly Definition[] =>
  decisions.map((decision, i) => ({ kind: "definition", ...key, receivedAt: 77, revision: from + i, decision }));
const rules = (...all: readonly Rule[]): readonly CameraEvent[] => all.map((rule) => ({ type: "rule-defined", rule }));
const hallOnly: CameraEvent = { type: "roi-defined", roi };
const pairIn = (at: number) => [seen("ann", 50, 50 + at / 1000), seen("bob", 60, 60)] as const;
const both = frames(key, [0, pairIn(0)], [1000, pairIn(1000)]);

const alertsOf = (events: readonly Derived[]) =>
  events.flatMap((event) =>
    event.kind === "alert" ? [`${event.ruleId}.${event.revision} ${event.count} ${event.start}-${event.end}`] : [],
  );
const concluded = (facts: readonly Fact[]): readonly string[] => {
  const memory = createMemory();
  return alertsOf(facts.flatMap((fact) => derive(memory, fact)));
};

describe("a rule defined while somebody is present", () => {
  it("knows them at the camera's time so far, and its timer is waited for", () => {
    const memory = createMemory();
    const facts = [...define(1, hallOnly), ...both, ...define(2, ...rules(crowd))];
    expect(alertsOf(facts.flatMap((fact) => derive(memory, fact)))).toEqual([]);
    expect(pendingCameras(memory).map(({ due }) => due)).toEqual([3000]);
    expect(alertsOf(derive(memory, frame(key, 2900, pairIn(2900))))).toEqual([]);
    expect(alertsOf(derive(memory, heartbeat(key, 3000, 2900)))).toEqual(["crowd.0 2 1000-3000"]);
  });

  it("waits for no timer but its own where nothing else is pending", () => {
    const memory = createMemory();
    const soon: Rule = { ...crowd, timeInterval: 0.5 };
    for (const fact of [...define(1, hallOnly), ...both, ...define(2, ...rules(soon))]) derive(memory, fact);
    expect(pendingCameras(memory).map(({ due }) => due)).toEqual([1500]);
    expect(alertsOf(derive(memory, heartbeat(key, 1600, 1000)))).toEqual(["crowd.0 2 1000-1500"]);
  });

  it("concludes at once what is so already, with the definition's arrival and the frames as its cause", () => {
    const memory = createMemory();
    const events = [...define(1, hallOnly), ...both, ...define(2, ...rules(level, doorman))].flatMap((fact) => derive(memory, fact));
    expect(alertsOf(events)).toEqual(["level.0 2 1000-1000", "doorman.0 1 0-1000", "doorman.0 1 0-1000"]);
    const alerts = events.filter((event) => event.kind === "alert");
    expect(new Set(alerts.map(({ receivedAt }) => receivedAt))).toEqual(new Set([77]));
    expect(alerts.map(({ cause }) => [cause.from.id, cause.to.id])).toEqual([
      ["f0", "f1000"],
      ["f0", "f1000"],
      ["f0", "f1000"],
    ]);
    expect(alerts[1]?.objects?.[0]?.bbox.bottomY).toBe(51);
  });

  it("counts no entry for them, and an exit when they leave", () => {
    const facts = [
      ...define(1, hallOnly),
      ...both,
      ...define(2, ...rules(leaving)),
      frame(key, 2000, [seen("ann", 500, 50), seen("bob", 60, 60)]),
    ];
    expect(concluded([...facts, frame(key, 2100, [seen("ann", 500, 50)])])).toEqual(["leaving.0 1 2000-2000"]);
  });

  it("and one redefined, enabled or moved here begins so too; one not touched hears nothing again", () => {
    const first = [...define(1, hallOnly, ...rules(doorman, { ...level, enabled: false })), ...both];
    const again = define(4, ...rules({ ...level, enabled: true }, { ...level, enabled: true, severity: "info" }));
    expect(concluded([...first, ...again])).toEqual(["doorman.0 1 0-0", "doorman.0 1 0-0", "level.0 2 1000-1000", "level.0 2 1000-1000"]);
    const elsewhere: Rule = { ...level, analytic: "fov", placeId: key.camera, countThreshold: 9 };
    expect(concluded([...define(1, hallOnly, ...rules(elsewhere)), ...both, ...define(3, ...rules(level))])).toEqual([
      "level.0 2 1000-1000",
    ]);
  });

  it("hears of nobody where the place begins anew with it, and nothing before the first frame", () => {
    expect(concluded([...define(1, hallOnly, ...rules(level))])).toEqual([]);
    const renamed: CameraEvent = { type: "roi-defined", roi: { ...roi, name: "Aisle" } };
    expect(concluded([...define(1, hallOnly), ...both, ...define(2, renamed, ...rules(level))])).toEqual([]);
  });
});
