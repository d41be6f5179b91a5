import fc from "fast-check";
import { from, lastValueFrom, type OperatorFunction, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { flowrate } from "../../analytics/operators/flowrate.ts";
import { fov } from "../../analytics/operators/fov.ts";
import { increment } from "../../analytics/operators/increment.ts";
import { notify } from "../../analytics/operators/notify.ts";
import { occupancy } from "../../analytics/operators/occupancy.ts";
import { roi } from "../../analytics/operators/roi.ts";
import { thresholdSwitch } from "../../analytics/operators/threshold-switch.ts";
import { tripwire } from "../../analytics/operators/tripwire.ts";
import { type Camera, evolveCamera, initialCamera, type Roi, type Rule, type Tripwire } from "../../domain/camera.ts";
import type { Alert, Fact } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { factsOf, worlds } from "../support/world.ts";
import { ALERTS, bytes, live, patience, silent, type Tally, tell, thorough } from "./laws.ts";

const observed = (rule: Rule, camera: Camera, key: Fact): OperatorFunction<Fact, Heard> | undefined => {
  const options = { key, reorderMs: camera.settings.reorderMs };
  if (rule.analytic === "fov") return fov(camera.settings.fov, options);
  const place: Roi | Tripwire | undefined = (rule.analytic === "roi" ? camera.rois : camera.tripwires).get(rule.placeId);
  if (place === undefined) return undefined;
  return "wire" in place ? tripwire(place, options) : roi(place, options);
};

const concluded = (rule: Rule, camera: Camera, key: Fact): OperatorFunction<Heard, Alert> => {
  const options = { key, camera };
  switch (rule.ruleType) {
    case "increment":
      return increment(rule, options);
    case "occupancy":
      return occupancy(rule, options);
    case "occupancy_threshold_switch":
      return thresholdSwitch(rule, options);
    case "flowrate":
      return flowrate(rule, options);
    case "notify":
      return notify(rule, options);
  }
};

describe("pipelines composed by hand", () => {
  it("give what the engine gives", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        // Operators follow no definitions: what is decided is decided before the first frame.
        const facts = factsOf({ ...world, mishaps: world.mishaps.filter(({ what }) => what !== "decided") });
        const decisions = facts.flatMap((fact) => (fact.kind === "definition" ? [fact.decision] : []));
        const camera = decisions.reduce(evolveCamera, initialCamera());
        const told = (await live(facts)).filter((event) => event.kind === "alert");
        tell(tally, told);
        for (const rule of camera.rules.values()) {
          const place = observed(rule, camera, facts[0] as Fact);
          if (place === undefined) continue;
          const byHand = await lastValueFrom(from(facts).pipe(place, concluded(rule, camera, facts[0] as Fact), toArray()));
          expect(bytes(byHand)).toEqual(bytes(told.filter(({ ruleId }) => ruleId === rule.ruleId)));
        }
      }),
      thorough(2),
    );
    expect(silent(tally, ALERTS)).toEqual([]);
  });
});
