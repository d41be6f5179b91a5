import { describe, expect, it } from "vitest";
import { initialCamera, type Rule, type Tripwire } from "../../domain/camera.ts";
import { cameraDecider } from "../../domain/camera-decider.ts";
import { type Candidate, candidateFault } from "../../domain/candidate.ts";
import { ruleDefaults, sensorDefaults, tripwireDefaults } from "../../domain/defaults.ts";
import { limits } from "../../domain/limits.ts";

const wire: Tripwire = {
  ...tripwireDefaults,
  id: "gate",
  name: "gate",
  wire: [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ],
  direction: { p1: { x: 5, y: -5 }, p2: { x: 5, y: 5 }, entryName: "in", exitName: "out" },
};
const rule: Rule = {
  ...ruleDefaults,
  ruleId: "r",
  name: "r",
  analytic: "tripwire",
  placeId: "gate",
  schedule: undefined,
  cooldown: 0,
  ruleType: "increment",
  countThreshold: 1,
  direction: undefined,
  countMode: "raw",
};
const candidate = (own: Partial<Candidate>): Candidate => ({ tripwires: [], rois: [], rules: [], settings: undefined, ...own });

describe("a candidate", () => {
  it("may have nothing at all, and whatever a camera may have", () => {
    expect(candidateFault(candidate({}), initialCamera())).toBeUndefined();
    const whole = candidate({ tripwires: [wire], rules: [rule], settings: sensorDefaults });
    expect(candidateFault(whole, initialCamera())).toBeUndefined();
  });

  it("stands in the place of all the camera had: its places are not there for the candidate's rules, and do not fill it", () => {
    const camera = [
      { type: "define-tripwires", tripwires: [wire], deleteHistory: false } as const,
      { type: "define-rules", rules: [rule] } as const,
    ].reduce((sofar, command) => {
      const decided = cameraDecider.decide(command, sofar);
      if ("refused" in decided) throw new Error(decided.detail);
      return decided.reduce(cameraDecider.evolve, sofar);
    }, initialCamera());
    expect(candidateFault(candidate({ rules: [rule] }), camera)).toMatchObject({ refused: "unknown-place", path: "rules[0].id" });
    const many = Array.from({ length: limits.placesPerCamera }, (_, i) => ({ ...wire, id: `w${i}` }));
    expect(candidateFault(candidate({ tripwires: many }), camera)).toBeUndefined();
    expect(candidateFault(candidate({ tripwires: [...many, wire] }), camera)).toMatchObject({ refused: "too-many", path: "tripwires" });
  });

  it("is refused for what its camera's decider refuses, with the path in it", () => {
    const twisted: Tripwire = { ...wire, direction: { ...wire.direction, p2: { x: 5, y: -6 } } };
    for (const [own, path] of [
      [{ tripwires: [wire, twisted] }, "tripwires[1].direction"],
      [{ tripwires: [wire, wire] }, "tripwires[1].id"],
      [{ tripwires: [wire], rules: [rule, { ...rule, countThreshold: 0, ruleId: "s" }] }, "rules[1].countThreshold"],
      [{ settings: { ...sensorDefaults, reorderMs: -1 } }, "settings.reorderMs"],
    ] as const)
      expect(candidateFault(candidate(own), initialCamera())).toMatchObject({ path });
  });
});
