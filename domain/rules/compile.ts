/** From a definition to its machine: the only switch over rule types. */
import { type Camera, epochOf, eventTypes, type Rule, ruleVersion, type Versioned } from "../camera.ts";
import type { CameraKey } from "../envelope.ts";
import { alerting, type Named } from "./alerting.ts";
import type { RuleLogic } from "./conclusion.ts";
import { flowrate } from "./flowrate.ts";
import { increment } from "./increment.ts";
import { notify } from "./notify.ts";
import { occupancy } from "./occupancy.ts";
import type { RuleMachine } from "./rule.ts";
import { thresholdSwitch } from "./threshold-switch.ts";

/**
 * `version` is what its alerts carry: by default the rule's in this camera; a backtest gives its own.
 * A place the camera does not know has its id for a name.
 */
export const compileRule = (key: CameraKey, camera: Camera, rule: Versioned<Rule>, version = ruleVersion(camera, rule)): RuleMachine => {
  const { analytic, placeId } = rule;
  const wire = analytic === "tripwire" ? camera.tripwires.get(placeId) : undefined;
  const place = wire ?? (analytic === "roi" ? camera.rois.get(placeId) : undefined);
  const named: Named = {
    key,
    version,
    place: { analytic, id: placeId, epoch: epochOf(camera, analytic, placeId) },
    placeName: place?.name ?? placeId,
    naming: wire?.direction,
  };
  // The state is the machine's own business: whoever keeps it need not know its shape.
  const machine = <S>(logic: RuleLogic<S>): RuleMachine => alerting(rule, logic, named) as unknown as RuleMachine;
  switch (rule.ruleType) {
    case "increment":
      return machine(increment(rule));
    case "occupancy":
      return machine(occupancy(rule));
    case "occupancy_threshold_switch":
      return machine(thresholdSwitch(rule));
    case "flowrate":
      return machine(flowrate(rule));
    case "notify":
      return machine(notify(rule, eventTypes(camera)));
  }
};
