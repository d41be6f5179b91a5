import { describe, expect, it } from "vitest";
import { notifyDefaults, roiDefaults } from "../../domain/defaults.ts";
import type { Derived } from "../../domain/event.ts";
import { SENSOR } from "../support/world/scene.ts";
import { factsOf, type Walker, type World } from "../support/world.ts";
import { live } from "./laws.ts";

/** What the laws have found once, kept as the smallest case. */
const yard = {
  ...roiDefaults,
  id: "yard",
  name: "Yard",
  coordinates: [
    { x: 40, y: 40 },
    { x: 100, y: 40 },
    { x: 100, y: 100 },
    { x: 40, y: 100 },
  ],
  minFrames: 2,
};
const inView = { analytic: "fov" as const, placeId: SENSOR };
const vestless = {
  ...notifyDefaults,
  ruleId: "vest",
  name: "No vest",
  ruleType: "notify" as const,
  attribute: { name: "vest", value: "no" },
};
const walker: Walker = {
  id: "1",
  type: "person",
  confidence: undefined,
  from: 0,
  frames: 20,
  speed: 0,
  way: [[60, 60]],
  missed: 0,
  jitter: 0,
  vestless: undefined,
};
const world: World = { seed: 0, frames: 20, stepMs: 100, walkers: [walker], definitions: [], mishaps: [] };

const alertsOf = (told: readonly Derived[]) => told.filter((event) => event.kind === "alert");

describe("what the laws found", () => {
  it("an attribute gained in a frame outside, by somebody who has not left, is told of", async () => {
    const definitions: World["definitions"] = [
      { type: "roi-defined", roi: yard },
      { type: "rule-defined", rule: { ...vestless, analytic: "roi", placeId: "yard" } },
    ];
    // Up and down over the edge at y = 40, one frame above it, and from that frame on without a vest.
    const edge: Walker = {
      ...walker,
      speed: 12,
      way: [
        [60, 60],
        [60, 36],
      ],
      vestless: 2,
    };
    expect(alertsOf(await live(factsOf({ ...world, walkers: [edge], definitions })))).toMatchObject([{ ruleId: "vest", count: 1 }]);
  });

  it("a camera state told again does not end what came after it", async () => {
    const facts = factsOf({
      ...world,
      definitions: [{ type: "rule-defined", rule: { ...vestless, ...inView, attribute: undefined } }],
      mishaps: [{ after: 3, what: "lost", ms: 0, state: "offline", returns: true }],
    });
    const states = facts.filter(({ kind }) => kind === "camera-state");
    const end = facts.length - 2;
    const again = [...facts.slice(0, end), ...states, ...facts.slice(end)];
    expect(states).toHaveLength(2);
    expect(JSON.stringify(await live(again))).toBe(JSON.stringify(await live(facts)));
  });
});
