import { describe, expect, it } from "vitest";
import {
  type Camera,
  type CameraCommand,
  type CameraEvent,
  initialCamera,
  type Roi,
  type Rule,
  ruleVersion,
  type SensorSettings,
  type Tripwire,
} from "../../domain/camera.ts";
import { cameraDecider, versionOf } from "../../domain/camera-decider.ts";
import { loadCameraDefinition, saveCameraDefinition } from "../../domain/camera-saving.ts";
import { isRefusal } from "../../domain/decider.ts";
import { sensorDefaults } from "../../domain/defaults.ts";
import type { Json } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import { door, flowrateRule, hall, incrementAtHall, incrementRule, notifyRule, occupancyRule, switchRule } from "../support/rule-inputs.ts";

const wires = (...tripwires: readonly Tripwire[]): CameraCommand => ({ type: "define-tripwires", tripwires, deleteHistory: false });
const regions = (...rois: readonly Roi[]): CameraCommand => ({ type: "define-rois", rois, deleteHistory: false });
const rules = (...given: readonly Rule[]): CameraCommand => ({ type: "define-rules", rules: given });
const sensor = (settings: SensorSettings): CameraCommand => ({ type: "set-sensor", settings });

const cameraAfter = (...commands: readonly CameraCommand[]): Camera =>
  commands.reduce((camera, command) => {
    const decided = cameraDecider.decide(command, camera);
    if (isRefusal(decided)) throw new Error(`${decided.path}: ${decided.detail}`);
    return decided.reduce(cameraDecider.evolve, camera);
  }, initialCamera());
const decide = (command: CameraCommand, camera = initialCamera()) => cameraDecider.decide(command, camera);
/** The kinds of events that follow, or "refused path". */
const follows = (command: CameraCommand, camera: Camera): readonly string[] => {
  const decided = decide(command, camera);
  return isRefusal(decided) ? [`${decided.refused} ${decided.path}`] : decided.map(named);
};
const named = (event: CameraEvent): string => {
  switch (event.type) {
    case "tripwire-defined":
      return `${event.type} ${event.tripwire.id}`;
    case "roi-defined":
      return `${event.type} ${event.roi.id}`;
    case "rule-defined":
      return `${event.type} ${event.rule.ruleId}`;
    case "rule-removed":
      return `${event.type} ${event.ruleId}`;
    case "sensor-set":
    case "camera-registered":
    case "camera-described":
    case "camera-unregistered":
      return event.type;
    default:
      return `${event.type} ${event.analytic}/${event.id}`;
  }
};

const furnished = cameraAfter(
  wires(door, { ...door, id: "gate" }),
  regions(hall),
  rules(incrementRule, { ...incrementAtHall, ruleId: "rule-2" }, { ...occupancyRule, ruleId: "rule-3", analytic: "fov", placeId: "cam-1" }),
);

describe("a definition", () => {
  it("is an event with what was given", () => {
    expect(decide(wires(door))).toEqual([{ type: "tripwire-defined", tripwire: door }]);
    expect(decide(regions(hall))).toEqual([{ type: "roi-defined", roi: hall }]);
    expect(decide(rules(incrementRule), furnished)).toEqual([]);
    expect(decide(sensor({ ...sensorDefaults, reorderMs: 200 }))).toEqual([
      { type: "sensor-set", settings: { ...sensorDefaults, reorderMs: 200 } },
    ]);
  });

  it.each<[string, CameraCommand]>([
    ["a wire", wires(door)],
    ["a region", regions(hall)],
    ["a rule", rules(incrementRule)],
    ["settings", sensor(sensorDefaults)],
    ["a rule that has come through JSON", rules(JSON.parse(JSON.stringify(incrementRule)) as Rule)],
    ["nothing", rules()],
  ])("decides nothing when it is the same again: %s", (_, command) => {
    expect(follows(command, furnished)).toEqual([]);
  });

  it.each<[string, CameraCommand, string]>([
    ["a wire's point", wires({ ...door, wire: [...door.wire, { x: 300, y: 100 }] }), "tripwire-defined door"],
    ["a wire's name", wires({ ...door, name: "Back door" }), "tripwire-defined door"],
    ["a wire's arrow", wires({ ...door, direction: { ...door.direction, exitName: "away" } }), "tripwire-defined door"],
    ["a region's time", regions({ ...hall, exitAfter: 2 }), "roi-defined hall"],
    [
      "a rule's schedule",
      rules({ ...incrementRule, schedule: { timezone: "UTC", windows: [{ days: ["mon"], from: "08:00", to: "09:00" }] } }),
      "rule-defined rule-1",
    ],
    ["a rule's direction", rules({ ...incrementRule, direction: "exit" }), "rule-defined rule-1"],
    ["a rule's place", rules({ ...incrementRule, placeId: "gate" }), "rule-defined rule-1"],
    ["a setting", sensor({ ...sensorDefaults, fov: { ...sensorDefaults.fov, minFrames: 9 } }), "sensor-set"],
  ])("is decided anew with another %s", (_, command, event) => {
    expect(follows(command, furnished)).toEqual([event]);
  });

  it("of several places leaves out those that are the same", () => {
    expect(follows(wires(door, { ...door, id: "new" }), furnished)).toEqual(["tripwire-defined new"]);
  });

  it("moves a rule to another place, also of another kind", () => {
    const camera = cameraAfter(wires(door), regions(hall), rules(incrementRule), rules(incrementAtHall));
    expect([...camera.rules.values()].map(({ analytic, placeId }) => [analytic, placeId])).toEqual([["roi", "hall"]]);
  });
});

describe("versions", () => {
  it("count every event and are never used again", () => {
    expect(furnished.revision).toBe(6);
    expect([...furnished.tripwires.values()].map(({ version }) => version)).toEqual([1, 2]);
    expect([...furnished.rois.values()].map(({ version }) => version)).toEqual([3]);
    expect([...furnished.rules.values()].map(({ version }) => version)).toEqual([4, 5, 6]);
    expect(furnished.settings.version).toBe(0);
    const again = cameraAfter(wires(door), { type: "remove-tripwires", ids: ["door"] }, wires(door));
    expect([again.revision, again.tripwires.get("door")?.version]).toEqual([3, 3]);
  });

  it("of a rule are raised by its place and by the sensor's settings, not by other places", () => {
    const rule = (camera: Camera) => camera.rules.get("rule-1") as Rule & { version: number };
    const evolve = (command: CameraCommand): Camera =>
      (decide(command, furnished) as readonly CameraEvent[]).reduce(cameraDecider.evolve, furnished);
    const versions = [
      wires({ ...door, name: "x" }),
      wires({ ...door, id: "gate", name: "x" }),
      regions({ ...hall, name: "x" }),
      sensor({ ...sensorDefaults, reorderMs: 1 }),
    ].map((command) => ruleVersion(evolve(command), rule(furnished)));
    expect(versions).toEqual([7, 4, 4, 7]);
  });

  it("give a candidate the number of the equal rule in force, any other 0", () => {
    expect(versionOf(furnished, incrementRule)).toBe(4);
    expect(versionOf(furnished, { ...incrementRule, countThreshold: 99 })).toBe(0);
    expect(versionOf(furnished, { ...incrementRule, ruleId: "other" })).toBe(0);
  });

  it("leave the state before as it was", () => {
    const before = JSON.stringify(saveCameraDefinition(furnished));
    cameraDecider.evolve(furnished, { type: "place-removed", analytic: "roi", id: "hall" });
    cameraDecider.evolve(furnished, { type: "rule-removed", ruleId: "rule-1" });
    expect(JSON.stringify(saveCameraDefinition(furnished))).toBe(before);
  });
});

describe("a place's history", () => {
  const again = { ...wires(door), deleteHistory: true } as CameraCommand;

  it("is deleted before the definition, even where that is the same", () => {
    expect(follows(again, furnished)).toEqual(["place-history-deleted tripwire/door", "tripwire-defined door"]);
    expect(follows({ ...regions(hall), deleteHistory: true } as CameraCommand, furnished)).toEqual([
      "place-history-deleted roi/hall",
      "roi-defined hall",
    ]);
  });

  it("does not exist where the place was never defined", () => {
    expect(follows(again, initialCamera())).toEqual(["tripwire-defined door"]);
  });

  it("can still be deleted after the place was removed", () => {
    expect(follows(again, cameraAfter(wires(door), { type: "remove-tripwires", ids: undefined }))).toEqual([
      "place-history-deleted tripwire/door",
      "tripwire-defined door",
    ]);
  });

  it("raises the epoch, which outlives the place", () => {
    const camera = cameraAfter(wires(door), again, again, { type: "remove-tripwires", ids: ["door"] }, wires(door));
    expect(camera.epochs.get("tripwire/door")).toBe(2);
  });
});

describe("a removal", () => {
  it("takes the place's rules along, first", () => {
    expect(follows({ type: "remove-tripwires", ids: ["door"] }, furnished)).toEqual(["rule-removed rule-1", "place-removed tripwire/door"]);
    expect(follows({ type: "remove-rois", ids: ["hall"] }, furnished)).toEqual(["rule-removed rule-2", "place-removed roi/hall"]);
  });

  it("without ids takes all", () => {
    expect(follows({ type: "remove-tripwires", ids: undefined }, furnished)).toEqual([
      "rule-removed rule-1",
      "place-removed tripwire/door",
      "place-removed tripwire/gate",
    ]);
    expect(follows({ type: "remove-rois", ids: undefined }, initialCamera())).toEqual([]);
  });

  it("names an id given twice once", () => {
    expect(follows({ type: "remove-tripwires", ids: ["gate", "gate"] }, furnished)).toEqual(["place-removed tripwire/gate"]);
  });

  it.each<[CameraCommand, string]>([
    [{ type: "remove-tripwires", ids: ["door", "nope"] }, "unknown-place tripwireId"],
    [{ type: "remove-rois", ids: ["door"] }, "unknown-place roiId"],
    [{ type: "remove-rules", analytic: "roi", placeId: "nope", ruleIds: undefined }, "unknown-place roiId"],
    [{ type: "remove-rules", analytic: "roi", placeId: undefined, ruleIds: ["rule-1"] }, "unknown-rule ruleId"],
    [{ type: "remove-rules", analytic: "tripwire", placeId: "gate", ruleIds: ["rule-1"] }, "unknown-rule ruleId"],
  ])("of what is not there is refused: %j", (command, refusal) => {
    expect(follows(command, furnished)).toEqual([refusal]);
  });

  it.each<[CameraCommand, readonly string[]]>([
    [{ type: "remove-rules", analytic: "tripwire", placeId: undefined, ruleIds: undefined }, ["rule-removed rule-1"]],
    [{ type: "remove-rules", analytic: "tripwire", placeId: "gate", ruleIds: undefined }, []],
    [{ type: "remove-rules", analytic: "roi", placeId: "hall", ruleIds: ["rule-2"] }, ["rule-removed rule-2"]],
    [{ type: "remove-rules", analytic: "fov", placeId: undefined, ruleIds: ["rule-3", "rule-3"] }, ["rule-removed rule-3"]],
  ])("of rules goes by analytic, place and id: %j", (command, events) => {
    expect(follows(command, furnished)).toEqual(events);
  });
});

const p = (x: number, y: number) => ({ x, y });
const arrow = (p1: { x: number; y: number }, p2: { x: number; y: number }) => ({ ...door.direction, p1, p2 });
const window = { days: ["mon"], from: "08:00", to: "18:00" } as const;
const scheduled = (over: object, timezone = "UTC"): Rule => ({
  ...incrementRule,
  schedule: { timezone, windows: [{ ...window, ...over }] },
});
const long = "x".repeat(limits.idLength + 1);

describe("what cannot be is refused with its path", () => {
  it.each<[string, Partial<Tripwire>]>([
    ["invalid tripwires[0].id", { id: "" }],
    ["invalid tripwires[0].id", { id: long }],
    ["invalid tripwires[0].id", { id: "a\0b" }],
    ["invalid tripwires[0].name", { name: "x".repeat(limits.textLength + 1) }],
    ["invalid tripwires[0].wire", { wire: [] }],
    ["invalid tripwires[0].wire", { wire: [p(1, 1)] }],
    ["invalid tripwires[0].wire[1].x", { wire: [p(0, 0), p(Number.NaN, 1)] }],
    ["invalid tripwires[0].wire[0].y", { wire: [p(0, Number.POSITIVE_INFINITY), p(1, 1)] }],
    ["invalid tripwires[0].wire[1].x", { wire: [p(0, 0), p(1e300, 0)] }],
    ["invalid tripwires[0].wire[1].x", { wire: [p(0, 100), p(-limits.pointPx - 1, 100)] }],
    ["invalid tripwires[0].wire[2]", { wire: [p(0, 100), p(50, 100), p(50, 100), p(99, 100)] }],
    ["too-many tripwires[0].wire", { wire: Array.from({ length: limits.pointsPerPlace + 1 }, (_, i) => p(i, 100)) }],
    ["invalid tripwires[0].direction.p1.x", { direction: arrow(p(Number.NaN, 0), p(0, 150)) }],
    ["invalid tripwires[0].direction.p2.y", { direction: arrow(p(0, 50), p(0, Number.NaN)) }],
    ["invalid tripwires[0].direction", { direction: arrow(p(100, 50), p(100, 60)) }],
    ["invalid tripwires[0].direction", { direction: arrow(p(50, 100), p(150, 100)) }],
    ["invalid tripwires[0].direction", { direction: arrow(p(100, 50), p(100, 50)) }],
    ["invalid tripwires[0].direction", { direction: arrow(p(100, 150), p(100, 100)) }],
    ["invalid tripwires[0].direction.entry.name", { direction: { ...door.direction, entryName: "x".repeat(limits.textLength + 1) } }],
    ["invalid tripwires[0].direction.exit.name", { direction: { ...door.direction, exitName: "x".repeat(limits.textLength + 1) } }],
    ["invalid tripwires[0].minFrames", { minFrames: 0 }],
    ["invalid tripwires[0].minFrames", { minFrames: 1.5 }],
    ["invalid tripwires[0].minFrames", { minFrames: limits.confirmingFrames + 1 }],
    ["invalid tripwires[0].bufferPx", { bufferPx: -1 }],
    ["invalid tripwires[0].bufferPx", { bufferPx: Number.NaN }],
    ["invalid tripwires[0].bufferPx", { bufferPx: limits.pointPx + 1 }],
    ["invalid tripwires[0].trackTimeout", { trackTimeout: 0 }],
    ["invalid tripwires[0].trackTimeout", { trackTimeout: 1e12 }],
  ])("%s: %j", (refusal, over) => {
    expect(follows(wires({ ...door, ...over }), initialCamera())).toEqual([refusal]);
  });

  it.each<[string, Partial<Roi>]>([
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(1, 1)] }],
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(1, 1), p(2, 2)] }],
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(10, 10), p(10, 0), p(0, 10)] }],
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(20, 0), p(10, 0), p(10, 10)] }],
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(10, 0), p(10, 10), p(5, 0), p(0, 10)] }],
    ["invalid rois[0].coordinates", { coordinates: [p(0, 0), p(10, 5), p(10, 10), p(10, 5), p(0, 10)] }],
    ["invalid rois[0].coordinates[1]", { coordinates: [p(0, 0), p(0, 0), p(10, 10), p(0, 10)] }],
    ["invalid rois[0].coordinates[0]", { coordinates: [p(0, 0), p(10, 0), p(10, 10), p(0, 0)] }],
    ["invalid rois[0].coordinates[2].y", { coordinates: [p(0, 0), p(10, 0), p(10, Number.NaN)] }],
    ["too-many rois[0].coordinates", { coordinates: Array.from({ length: limits.pointsPerPlace + 1 }, (_, i) => p(i, i * i)) }],
    ["invalid rois[0].minFrames", { minFrames: 0 }],
    ["invalid rois[0].exitAfter", { exitAfter: 0 }],
    ["invalid rois[0].exitAfter", { exitAfter: Number.NaN }],
  ])("%s: %j", (refusal, over) => {
    expect(follows(regions({ ...hall, ...over }), initialCamera())).toEqual([refusal]);
  });

  it.each<[string, Rule]>([
    ["unknown-place rules[1].id", { ...incrementRule, placeId: "nope" }],
    ["unknown-place rules[1].id", { ...incrementAtHall, placeId: "door" }],
    ["invalid rules[1].ruleId", { ...incrementRule, ruleId: "" }],
    ["invalid rules[1].id", { ...incrementRule, placeId: "" }],
    ["invalid rules[1].name", { ...incrementRule, name: "x".repeat(limits.textLength + 1) }],
    ["invalid rules[1].ruleType", { ...occupancyRule, analytic: "tripwire", placeId: "door" }],
    ["invalid rules[1].ruleType", { ...switchRule, analytic: "tripwire", placeId: "door" }],
    ["invalid rules[1].ruleType", { ...notifyRule, analytic: "tripwire", placeId: "door" }],
    ["invalid rules[1].ruleType", { ...flowrateRule, analytic: "roi", placeId: "hall" }],
    ["invalid rules[1].ruleType", { ...flowrateRule, analytic: "fov", placeId: "cam-1" }],
    ["invalid rules[1].countThreshold", { ...incrementRule, countThreshold: 0 }],
    ["invalid rules[1].countThreshold", { ...flowrateRule, countThreshold: 0 }],
    ["invalid rules[1].countThreshold", { ...occupancyRule, countThreshold: -1 }],
    ["invalid rules[1].countThreshold", { ...switchRule, countThreshold: 1.5 }],
    ["invalid rules[1].countThreshold", { ...switchRule, countThreshold: Number.NaN }],
    ["invalid rules[1].countThreshold", { ...incrementRule, countThreshold: limits.countThreshold + 1 }],
    ["invalid rules[1].countThreshold", { ...flowrateRule, countThreshold: limits.countThreshold + 1 }],
    ["invalid rules[1].countThreshold", { ...occupancyRule, countThreshold: limits.countThreshold + 1 }],
    ["invalid rules[1].countThreshold", { ...switchRule, countThreshold: limits.countThreshold + 1 }],
    ["invalid rules[1].timeInterval", { ...occupancyRule, timeInterval: limits.ruleSeconds + 1 }],
    ["invalid rules[1].timeInterval", { ...flowrateRule, timeInterval: 0 }],
    ["invalid rules[1].timeInterval", { ...flowrateRule, timeInterval: 0.0004 }],
    ["invalid rules[1].timeInterval", { ...occupancyRule, timeInterval: -1 }],
    ["invalid rules[1].timeInterval", { ...occupancyRule, timeInterval: Number.POSITIVE_INFINITY }],
    ["invalid rules[1].gap", { ...occupancyRule, gap: -0.1 }],
    ["invalid rules[1].hold", { ...switchRule, hold: -1 }],
    ["invalid rules[1].band", { ...switchRule, countThreshold: 3, band: 4 }],
    ["invalid rules[1].band", { ...switchRule, band: -1 }],
    ["invalid rules[1].attribute.name", { ...notifyRule, attribute: { name: "", value: "x" } }],
    ["invalid rules[1].attribute.value", { ...notifyRule, attribute: { name: "x", value: "x".repeat(limits.textLength + 1) } }],
    ["invalid rules[1].objectTypes", { ...incrementRule, objectTypes: [] }],
    ["invalid rules[1].objectTypes[1]", { ...incrementRule, objectTypes: ["a", ""] }],
    [
      "too-many rules[1].objectTypes",
      { ...incrementRule, objectTypes: Array.from({ length: limits.objectTypesPerRule + 1 }, (_, i) => `t${i}`) },
    ],
    ["invalid rules[1].minConfidence", { ...incrementRule, minConfidence: 1.01 }],
    ["invalid rules[1].minConfidence", { ...incrementRule, minConfidence: Number.NaN }],
    ["invalid rules[1].cooldown", { ...incrementRule, cooldown: -1 }],
    ["invalid rules[1].schedule.timezone", scheduled({}, "Mars/Olympus")],
    ["invalid rules[1].schedule.timezone", scheduled({}, "+02:00")],
    ["invalid rules[1].schedule.windows", { ...incrementRule, schedule: { timezone: "UTC", windows: [] } }],
    [
      "too-many rules[1].schedule.windows",
      { ...incrementRule, schedule: { timezone: "UTC", windows: Array.from({ length: limits.windowsPerSchedule + 1 }, () => window) } },
    ],
    ["invalid rules[1].schedule.windows[0].days", scheduled({ days: [] })],
    ["invalid rules[1].schedule.windows[0].days[1]", scheduled({ days: ["mon", "someday"] })],
    ["invalid rules[1].schedule.windows[0].from", scheduled({ from: "8:00" })],
    ["invalid rules[1].schedule.windows[0].to", scheduled({ to: "24:00" })],
  ])("%s: %j", (refusal, rule) => {
    const first: Rule = { ...incrementRule, ruleId: "first" };
    expect(follows(rules(first, rule), furnished)).toEqual([refusal]);
  });

  it.each<[string, SensorSettings]>([
    ["invalid reorderMs", { ...sensorDefaults, reorderMs: -1 }],
    ["invalid reorderMs", { ...sensorDefaults, reorderMs: 0.5 }],
    ["invalid reorderMs", { ...sensorDefaults, reorderMs: limits.reorderMs + 1 }],
    ["invalid fov.minFrames", { ...sensorDefaults, fov: { minFrames: 0, exitAfter: 1 } }],
    ["invalid fov.exitAfter", { ...sensorDefaults, fov: { minFrames: 1, exitAfter: 0 } }],
  ])("%s: %j", (refusal, settings) => {
    expect(follows(sensor(settings), initialCamera())).toEqual([refusal]);
  });

  it("when an id is given twice", () => {
    expect(follows(wires(door, door), initialCamera())).toEqual(["invalid tripwires[1].id"]);
    expect(follows(regions(hall, { ...hall, id: "b" }, hall), initialCamera())).toEqual(["invalid rois[2].id"]);
    expect(follows(rules(incrementRule, incrementAtHall), furnished)).toEqual(["invalid rules[1].ruleId"]);
  });

  it("whole: nothing of the command follows", () => {
    expect(isRefusal(decide(wires(door, { ...door, id: "b", minFrames: 0 })))).toBe(true);
  });

  it("when there would be too many places or rules, and not when there are just enough", () => {
    const many = (n: number): readonly Tripwire[] => Array.from({ length: n }, (_, i) => ({ ...door, id: `w${i}` }));
    const full = cameraAfter(regions(hall), wires(...many(limits.placesPerCamera - 1)));
    expect(follows(wires(door), full)).toEqual(["too-many tripwires"]);
    expect(follows(regions({ ...hall, id: "b" }), full)).toEqual(["too-many rois"]);
    expect(follows(regions({ ...hall, name: "Other" }), full)).toEqual(["roi-defined hall"]);
    const list = (n: number): readonly Rule[] => Array.from({ length: n }, (_, i) => ({ ...incrementRule, ruleId: `r${i}` }));
    expect(follows(rules(...list(limits.rulesPerCamera + 1)), cameraAfter(wires(door)))).toEqual(["too-many rules"]);
    const crowded = cameraAfter(wires(door), rules(...list(limits.rulesPerCamera)));
    expect(follows(rules(incrementRule), crowded)).toEqual(["too-many rules"]);
    expect(follows(rules({ ...incrementRule, ruleId: "r0", name: "Other" }), crowded)).toEqual(["rule-defined r0"]);
  });
});

describe("what can be is decided", () => {
  it.each<[string, Rule]>([
    ["an occupancy of nobody", { ...occupancyRule, countThreshold: 0, timeInterval: 0, gap: 0 }],
    ["a switch with its widest band", { ...switchRule, countThreshold: 3, band: 3, hold: 0.5 }],
    ["a window of half a second", { ...flowrateRule, timeInterval: 0.5, countThreshold: 1 }],
    ["a night", scheduled({ from: "22:00", to: "06:00" }, "Europe/Berlin")],
    ["a whole day", scheduled({ from: "00:00", to: "00:00", days: ["sat", "sun"] })],
    ["a count, a time and a switch as large as may be", { ...switchRule, countThreshold: limits.countThreshold, hold: limits.ruleSeconds }],
    ["a confidence of 1", { ...incrementRule, minConfidence: 1 }],
    ["the field of view, whatever the camera is called", { ...notifyRule, analytic: "fov", placeId: "anything" }],
  ])("%s", (_, rule) => {
    expect(follows(rules({ ...rule, ruleId: "new" }), furnished)).toEqual(["rule-defined new"]);
  });

  it.each<[string, Partial<Tripwire>]>([
    ["a bent wire", { wire: [p(0, 100), p(100, 80), p(200, 100)] }],
    ["an arrow that starts on the wire", { direction: arrow(p(100, 100), p(100, 150)) }],
    ["an arrow against the drawing", { direction: arrow(p(100, 150), p(100, 50)) }],
    ["points outside the picture", { wire: [p(-50, 100), p(2000, 100)] }],
    ["points as far as may be", { wire: [p(-limits.pointPx, 100), p(limits.pointPx, 100)], bufferPx: limits.pointPx }],
  ])("%s", (_, over) => {
    expect(follows(wires({ ...door, ...over }), initialCamera())).toEqual(["tripwire-defined door"]);
  });

  it("a region that is no triangle, drawn either way round", () => {
    const hook = [p(0, 0), p(30, 0), p(30, 30), p(20, 30), p(20, 10), p(10, 10), p(10, 30), p(0, 30)];
    for (const coordinates of [hook, [...hook].reverse(), [p(0, 0), p(5, 0), p(10, 0), p(10, 10)]])
      expect(follows(regions({ ...hall, coordinates }), initialCamera())).toEqual(["roi-defined hall"]);
  });

  it("names such as __proto__ and constructor", () => {
    const proto = "__proto__";
    const camera = cameraAfter(
      wires({ ...door, id: proto }),
      regions({ ...hall, id: "constructor" }),
      rules({ ...incrementRule, ruleId: proto, placeId: proto }, { ...incrementAtHall, ruleId: "toString", placeId: "constructor" }),
      { ...wires({ ...door, id: proto }), deleteHistory: true } as CameraCommand,
    );
    expect([...camera.tripwires.keys(), ...camera.rois.keys(), ...camera.rules.keys()]).toEqual([proto, "constructor", proto, "toString"]);
    expect(camera.epochs.get("tripwire/__proto__")).toBe(1);
    expect(loadCameraDefinition(JSON.parse(JSON.stringify(saveCameraDefinition(camera))) as Json)).toEqual(camera);
    expect(follows({ type: "remove-tripwires", ids: [proto] }, camera)).toEqual([
      `rule-removed ${proto}`,
      `place-removed tripwire/${proto}`,
    ]);
  });
});

describe("a saved camera", () => {
  it("is the same when it is loaded", () => {
    const loaded = loadCameraDefinition(JSON.parse(JSON.stringify(saveCameraDefinition(furnished))) as Json);
    expect(loaded).toEqual(furnished);
    expect(follows(rules(incrementRule), loaded as Camera)).toEqual([]);
    expect(saveCameraDefinition(loaded as Camera)).toEqual(saveCameraDefinition(furnished));
  });

  it("is not loaded from a form it did not save", () => {
    const saved = saveCameraDefinition(furnished) as { readonly [part: string]: Json };
    for (const form of [null, {}, [], { ...saved, rules: {} }, { ...saved, more: 1 }]) expect(loadCameraDefinition(form)).toBeUndefined();
  });

  it("has the settings nobody has set", () => {
    expect(initialCamera().settings).toEqual({ reorderMs: 0, fov: { minFrames: sensorDefaults.fov.minFrames, exitAfter: 1 }, version: 0 });
    expect(loadCameraDefinition(saveCameraDefinition(initialCamera()))).toEqual(initialCamera());
  });
});
