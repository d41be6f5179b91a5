/** The wire, the region and the four rules that every bench puts at a sensor: those of the peers' job, in our words. */
import type { CameraEvent, Rule } from "../domain/camera.ts";
import { ruleDefaults } from "../domain/defaults.ts";
import type { Fact } from "../domain/event.ts";

const common = { ...ruleDefaults, name: "rule" };
const onWire = { ...common, analytic: "tripwire" as const, placeId: "line" };
const inRegion = { ...common, analytic: "roi" as const, placeId: "square" };
const rules: readonly Rule[] = [
  { ...onWire, ruleId: "ten", ruleType: "increment", countThreshold: 10, direction: "entry", countMode: "raw" },
  { ...onWire, ruleId: "rush", ruleType: "flowrate", countThreshold: 20, timeInterval: 10, direction: undefined },
  { ...inRegion, ruleId: "crowd", ruleType: "occupancy", countThreshold: 5, timeInterval: 3, gap: 0, of: "count" },
  { ...inRegion, ruleId: "full", ruleType: "occupancy_threshold_switch", countThreshold: 5, hold: 0, band: 0 },
];

const decisionsWith = (minFrames: number): readonly CameraEvent[] => [
  {
    type: "tripwire-defined",
    tripwire: {
      id: "line",
      name: "Line",
      wire: [
        { x: 0, y: 360 },
        { x: 1280, y: 360 },
      ],
      direction: { p1: { x: 640, y: 300 }, p2: { x: 640, y: 420 }, entryName: "down", exitName: "up" },
      anchor: "bottom-center",
      minFrames,
      bufferPx: 0,
      trackTimeout: 10,
    },
  },
  {
    type: "roi-defined",
    roi: {
      id: "square",
      name: "Square",
      coordinates: [
        { x: 400, y: 150 },
        { x: 880, y: 150 },
        { x: 880, y: 630 },
        { x: 400, y: 630 },
      ],
      anchor: "bottom-center",
      minFrames,
      exitAfter: 1,
    },
  },
  ...rules.map((rule) => ({ type: "rule-defined", rule }) as const),
];

export const definitionsFor = (cameras: Iterable<string>, minFrames: number): readonly Fact[] => {
  const decisions = decisionsWith(minFrames);
  return [...cameras].flatMap((camera) =>
    decisions.map((decision, i) => ({ kind: "definition", tenant: "default", camera, receivedAt: 0, revision: i + 1, decision }) as const),
  );
};
