import { describe, expect, it } from "vitest";
import { type Camera, type CameraEvent, evolveCamera, initialCamera, type Rule, ruleVersion, type Versioned } from "../../domain/camera.ts";
import { type Candidate, candidateCamera, candidateFault } from "../../domain/candidate.ts";
import { occupancyDefaults, sensorDefaults } from "../../domain/defaults.ts";
import { decisions, increment } from "../support/door.ts";

const [wire, region] = decisions as readonly CameraEvent[];
const door = (wire as Extract<CameraEvent, { type: "tripwire-defined" }>).tripwire;
const floor = (region as Extract<CameraEvent, { type: "roi-defined" }>).roi;
const crowd: Rule = {
  ...occupancyDefaults,
  ruleId: "crowd",
  ruleType: "occupancy",
  name: "Crowd",
  analytic: "fov",
  placeId: "shop",
  countThreshold: 3,
  timeInterval: 1,
};
const decided = [...decisions, { type: "rule-defined", rule: crowd } as const].reduce<Camera>(evolveCamera, initialCamera());
const inForce: Candidate = { tripwires: [door], rois: [floor], rules: [increment, crowd], settings: undefined };
const versionsOf = (camera: Camera): Record<string, number> =>
  Object.fromEntries([...camera.rules.values()].map((rule) => [rule.ruleId, ruleVersion(camera, rule as Versioned<Rule>)]));

describe("a camera as if a candidate had been decided", () => {
  it("is the camera itself where the candidate is equal to what is in force", () => {
    expect(candidateCamera(decided, inForce)).toEqual(decided);
    expect(candidateCamera(decided, { ...inForce, settings: sensorDefaults })).toEqual(decided);
    expect(versionsOf(candidateCamera(decided, inForce))).toEqual({ tens: 3, crowd: 4 });
  });

  it.each<[string, Partial<Candidate>, Record<string, number>]>([
    ["another rule", { rules: [{ ...increment, countThreshold: 5 } as Rule, crowd] }, { tens: 0, crowd: 4 }],
    ["a rule nobody had", { rules: [crowd, { ...increment, ruleId: "more" }] }, { crowd: 4, more: 0 }],
    ["the rule's place drawn elsewhere", { tripwires: [{ ...door, minFrames: 2 }] }, { tens: 0, crowd: 4 }],
    ["another region, which no rule is at", { rois: [{ ...floor, minFrames: 7 }] }, { tens: 3, crowd: 4 }],
    ["other settings", { settings: { ...sensorDefaults, reorderMs: 500 } }, { tens: 0, crowd: 0 }],
  ])("gives the number 0 to what is touched, with %s", (_name, over, versions) => {
    expect(versionsOf(candidateCamera(decided, { ...inForce, ...over }))).toEqual(versions);
  });

  it("has nothing of what was in force but is not in the candidate, and stays whose it is", () => {
    const registered = { type: "camera-registered", channel: 7, at: 1, events: "every" } as const;
    const description = { name: "Shop", model: undefined, url: undefined, features: [], fps: 5, enabled: true, record: false };
    const deleted = { type: "place-history-deleted", analytic: "tripwire", id: "door" } as const;
    const own = evolveCamera(evolveCamera(decided, { ...registered, description }), deleted);
    const camera = candidateCamera(own, { tripwires: [], rois: [], rules: [], settings: undefined });
    expect([camera.tripwires.size, camera.rois.size, camera.rules.size]).toEqual([0, 0, 0]);
    expect([camera.registered, camera.epochs, camera.revision]).toEqual([own.registered, own.epochs, own.revision]);
    expect(camera.registered?.channel).toBe(7);
    expect(camera.epochs.get("tripwire/door")).toBe(1);
  });

  it("bears the camera's own number where that was enabled after the rule", () => {
    const description = { name: "Shop", model: undefined, url: undefined, features: [], fps: 5, enabled: false, record: false };
    const off = evolveCamera(decided, { type: "camera-registered", channel: 1, at: 1, events: "every", description });
    const on = evolveCamera(off, { type: "camera-described", at: 2, events: "every", description: { ...description, enabled: true } });
    expect(versionsOf(candidateCamera(on, inForce))).toEqual(versionsOf(on));
    expect(versionsOf(on)).toEqual({ tens: 6, crowd: 6 });
  });
});

describe("what is wrong with a candidate", () => {
  it("is nothing where the decider would follow it", () => {
    expect(candidateFault(inForce, initialCamera())).toBeUndefined();
    expect(candidateFault({ tripwires: [], rois: [], rules: [], settings: sensorDefaults }, decided)).toBeUndefined();
  });

  it.each<[string, Partial<Candidate>, string, string]>([
    ["a wire of one point", { tripwires: [{ ...door, wire: door.wire.slice(1) }] }, "invalid", "tripwires[0].wire"],
    ["two regions of one name", { rois: [floor, floor] }, "invalid", "rois[1].id"],
    ["a rule at a wire that is not among them", { tripwires: [] }, "unknown-place", "rules[0].id"],
    ["a threshold that is none", { rules: [crowd, { ...increment, countThreshold: 0 } as Rule] }, "invalid", "rules[1].countThreshold"],
    ["settings out of bounds", { settings: { ...sensorDefaults, reorderMs: -1 } }, "invalid", "settings.reorderMs"],
  ])("is told with its path: %s", (_name, over, refused, path) => {
    expect(candidateFault({ ...inForce, ...over }, decided)).toMatchObject({ refused, path });
  });
});
