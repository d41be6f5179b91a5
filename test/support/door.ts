/** A shop with a door and a floor behind it: somebody new goes in every 200 ms, and each tenth is told of. */
import type { CameraEvent, Rule } from "../../domain/camera.ts";
import { incrementDefaults, roiDefaults, tripwireDefaults } from "../../domain/defaults.ts";
import type { Definition, Frame } from "../../domain/event.ts";
import { frame, seen } from "./given.ts";

export const key = { tenant: "acme", camera: "shop" };
export const yard = { tenant: "acme", camera: "yard" };
export const BEGIN = Date.UTC(2026, 0, 5, 9);

export const increment: Rule = {
  ...incrementDefaults,
  ruleId: "tens",
  name: "Tens",
  ruleType: "increment",
  analytic: "tripwire",
  placeId: "door",
  countThreshold: 10,
  direction: "entry",
};
export const decisions: readonly CameraEvent[] = [
  {
    type: "tripwire-defined",
    tripwire: {
      ...tripwireDefaults,
      id: "door",
      name: "Door",
      wire: [
        { x: 0, y: 100 },
        { x: 1000, y: 100 },
      ],
      direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
      minFrames: 1,
      bufferPx: 0,
    },
  },
  {
    type: "roi-defined",
    roi: {
      ...roiDefaults,
      id: "floor",
      name: "Floor",
      coordinates: [
        { x: 0, y: 100 },
        { x: 1000, y: 100 },
        { x: 1000, y: 300 },
        { x: 0, y: 300 },
      ],
      minFrames: 1,
    },
  },
  { type: "rule-defined", rule: increment },
];
export const definitions = (of = key): readonly Definition[] =>
  decisions.map((decision, i) => ({ kind: "definition", ...of, receivedAt: BEGIN, revision: i + 1, decision }));

/** The nth frame: somebody new goes in through the door between every two. */
export const walk = (n: number, of = key): Frame =>
  frame(of, BEGIN + n * 200, [seen(`p${n}`, 10 + (n % 50), 80), ...(n === 0 ? [] : [seen(`p${n - 1}`, 10 + (n % 50), 120)])]);
export const walks = (count: number, from = 0, of = key): readonly Frame[] => Array.from({ length: count }, (_, i) => walk(from + i, of));
