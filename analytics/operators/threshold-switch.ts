import type { OperatorFunction } from "rxjs";
import type { ThresholdSwitchRule } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { type AlertOptions, alerts } from "./alerts.ts";

/**
 * Tells when the count goes above n (`up`) and when it comes back (`down`): the change only.
 *
 * 1. `up` when the count has stayed above n for `hold`, `down` when it has stayed at n - band or less for `hold`.
 * 2. start is the change, end when it is told, count the count then. With hold = 0 it is told by the very entry or leaving.
 * 3. It begins at the lower level. A clock set back begins anew, without a `down`; the stays a lost camera cuts off are leavings.
 * 4. It names no objects.
 * 5. Schedule, cooldown and ids are those of every rule: domain/rules/alerting.ts.
 *
 * @example
 * ```ts
 * import { from, map } from "rxjs";
 * import { fov } from "../../analytics/operators/fov.ts";
 * import { thresholdSwitch } from "../../analytics/operators/threshold-switch.ts";
 * import { thresholdSwitchDefaults } from "../../domain/defaults.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "lobby" };
 * const full = {
 *   ...thresholdSwitchDefaults, ruleId: "r1", ruleType: "occupancy_threshold_switch" as const, name: "Full", analytic: "fov" as const,
 *   placeId: "lobby", countThreshold: 1,
 * };
 * const facts = frames(key, [0, [seen("ann", 50, 50)]], [500, [seen("ann", 51, 50), seen("bob", 80, 50)]], [9000, []]);
 * from(facts)
 *   .pipe(fov({ minFrames: 1, exitAfter: 1 }, { key }), thresholdSwitch(full, { key }), map(({ direction, end }) => `${direction} at ${end}`))
 *   .subscribe(print); // up at 500, down at 1500
 * ```
 */
export const thresholdSwitch = (rule: ThresholdSwitchRule, options: AlertOptions): OperatorFunction<Heard, Alert> => alerts(rule, options);
