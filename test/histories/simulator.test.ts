import { describe, expect, it } from "vitest";
import type { CameraEvent, Rule } from "../../domain/camera.ts";
import {
  flowrateDefaults,
  incrementDefaults,
  notifyDefaults,
  occupancyDefaults,
  roiDefaults,
  thresholdSwitchDefaults,
  tripwireDefaults,
} from "../../domain/defaults.ts";
import type { Fact } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { demoConfiguration, demoSensor, shopEntrance } from "../../examples/simulator.ts";
import { parseFrame } from "../../ingest/body.ts";
import { isRejection } from "../../ingest/normalise.ts";
import { stepped } from "../laws/laws.ts";

const BEGIN = Date.UTC(2026, 0, 5, 9);
const KEY = { tenant: "default", camera: demoSensor };
const defaults = {
  increment: incrementDefaults,
  flowrate: flowrateDefaults,
  occupancy: occupancyDefaults,
  occupancy_threshold_switch: thresholdSwitchDefaults,
  notify: notifyDefaults,
} as const;

const decisions = (): readonly CameraEvent[] => {
  const [wire] = demoConfiguration.tripwire.tripwires;
  const { direction, ...line } = wire;
  const [region] = demoConfiguration.roi.rois;
  const { tripwire, roi, fov } = demoConfiguration.rules;
  const rules = [
    ...tripwire.rules.map((rule) => ({ ...rule, analytic: "tripwire" })),
    ...roi.rules.map((rule) => ({ ...rule, analytic: "roi" })),
    ...fov.rules.map((rule) => ({ ...rule, id: demoSensor, analytic: "fov" })),
  ].map(({ id, ...rule }) => ({ ...defaults[rule.ruleType], ...rule, placeId: id }) as unknown as Rule);
  const arrow = { p1: direction.p1, p2: direction.p2, entryName: direction.entry.name, exitName: direction.exit.name };
  return [
    { type: "tripwire-defined", tripwire: { ...tripwireDefaults, ...line, direction: arrow } },
    { type: "roi-defined", roi: { ...roiDefaults, ...region } },
    ...rules.map((rule) => ({ type: "rule-defined" as const, rule })),
  ];
};

const twoMinutes = (seed: number): readonly Fact[] => {
  const facts: Fact[] = decisions().map((decision, i) => ({ kind: "definition", ...KEY, receivedAt: BEGIN, revision: i + 1, decision }));
  for (const sent of shopEntrance({ seed, begin: BEGIN })) {
    const frame = parseFrame(JSON.parse(JSON.stringify(sent)), { now: BEGIN + 200_000, limits });
    if (isRejection(frame)) throw new Error(`frame ${sent.id} is refused: ${frame.detail}`);
    if (frame.timestamp >= BEGIN + 120_000) return facts;
    const { timestamp, id, objects } = frame;
    facts.push({ kind: "frame", ...KEY, receivedAt: timestamp + 40, timestamp, id, modelVersion: undefined, objects });
  }
  return facts;
};

describe("the simulated shop entrance", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("raises every rule of the demo within two minutes (seed %i)", (seed) => {
    const raised = new Set(stepped(twoMinutes(seed)).flatMap((event) => (event.kind === "alert" ? [event.ruleId] : [])));
    expect([...raised].sort()).toEqual(["crowd", "every-fifth-guest", "ladder", "rush", "second-till"]);
  });

  it("gives the same frames again for the same seed, and others for another", () => {
    expect(JSON.stringify(twoMinutes(1))).toBe(JSON.stringify(twoMinutes(1)));
    expect(JSON.stringify(twoMinutes(1))).not.toBe(JSON.stringify(twoMinutes(2)));
  });
});
