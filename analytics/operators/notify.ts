import type { OperatorFunction } from "rxjs";
import type { NotifyRule } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { type AlertOptions, alerts } from "./alerts.ts";

/**
 * Tells that such an object is present.
 *
 * 1. Without an attribute: when an object of these types and this confidence is confirmed present.
 * 2. With one: once a stay, at the confirmation if the object has the attribute by then, else when it is noticed on it.
 * 3. count is 1, start first seen, end confirmed. The cooldown is per object.
 * 4. Schedule, cooldown and ids are those of every rule: domain/rules/alerting.ts.
 *
 * @example
 * ```ts
 * import { from, map } from "rxjs";
 * import { fov } from "../../analytics/operators/fov.ts";
 * import { notify } from "../../analytics/operators/notify.ts";
 * import { notifyDefaults } from "../../domain/defaults.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "lobby" };
 * const anybody = {
 *   ...notifyDefaults, ruleId: "r1", ruleType: "notify" as const, name: "Anybody", analytic: "fov" as const, placeId: "lobby",
 * };
 * const facts = frames(key, [0, [seen("ann", 50, 50)]], [500, [seen("ann", 51, 50), seen("bob", 80, 50)]], [600, [seen("bob", 80, 51)]]);
 * from(facts)
 *   .pipe(
 *     fov({ minFrames: 2, exitAfter: 1 }, { key }),
 *     notify(anybody, { key }),
 *     map(({ objects, start, end }) => `${objects?.[0]?.id} ${start}-${end}`),
 *   )
 *   .subscribe(print); // ann 0-500, bob 500-600
 * ```
 */
export const notify = (rule: NotifyRule, options: AlertOptions): OperatorFunction<Heard, Alert> => alerts(rule, options);
