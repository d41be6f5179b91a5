import type { OperatorFunction } from "rxjs";
import { type Camera, initialCamera, type Rule } from "../../domain/camera.ts";
import { versionOf } from "../../domain/camera-decider.ts";
import type { CameraKey } from "../../domain/envelope.ts";
import type { Alert } from "../../domain/event.ts";
import type { States } from "../../domain/machine.ts";
import { compileRule } from "../../domain/rules/compile.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { lift } from "../lift.ts";

/**
 * What an operator of a rule is told beside the rule. `camera` gives the place's name and epoch (its id and 0 without) and, where it has
 * this very rule in force, the alerts' rule version (0 without). `memory` holds the rule's state: hand it in to keep it, or to go on from
 * one that was kept; one memory for one rule.
 */
export type AlertOptions = {
  readonly key: CameraKey;
  readonly camera?: Camera;
  // biome-ignore lint/suspicious/noExplicitAny: the state is the rule's own business, whoever keeps it only hands it back
  readonly memory?: States<any>;
};

/** The machine the engine would step, as an operator. */
export const alerts = (rule: Rule, { key, camera = initialCamera(), memory }: AlertOptions): OperatorFunction<Heard, Alert> => {
  const version = versionOf(camera, rule);
  return lift(compileRule(key, camera, { ...rule, version }, version), memory);
};
