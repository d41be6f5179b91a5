import type { OperatorFunction } from "rxjs";
import type { FlowrateRule } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { type AlertOptions, alerts } from "./alerts.ts";

/**
 * An alert when a sliding window of d seconds holds n crossings.
 *
 * 1. The window is (t - d, t], t the greatest `at` so far. With a direction it holds only those crossings, without it both together.
 * 2. The crossing that fills it raises: count n, start the first in the window, end the one that filled it.
 * 3. Then not again until the rate has fallen below n, be it between two crossings.
 * 4. A crossing confirmed late counts if its `at` is still in the window.
 * 5. A clock set back empties the window, a lost camera does not.
 * 6. Schedule, cooldown and ids are those of every rule: domain/rules/alerting.ts.
 *
 * @example
 * ```ts
 * import { from, map } from "rxjs";
 * import { flowrate } from "../../analytics/operators/flowrate.ts";
 * import { tripwire } from "../../analytics/operators/tripwire.ts";
 * import { flowrateDefaults } from "../../domain/defaults.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "shop" };
 * const door = {
 *   id: "door", name: "Door", wire: [{ x: 0, y: 100 }, { x: 200, y: 100 }],
 *   direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
 *   anchor: "bottom-center" as const, minFrames: 1, bufferPx: 0, trackTimeout: 10,
 * };
 * const rush = {
 *   ...flowrateDefaults, ruleId: "r1", ruleType: "flowrate" as const, name: "Rush", analytic: "tripwire" as const, placeId: "door",
 *   countThreshold: 2, timeInterval: 1,
 * };
 * const facts = frames(key,
 *   [0, [seen("ann", 100, 80), seen("bob", 50, 80)]],
 *   [1000, [seen("ann", 100, 120), seen("bob", 50, 80)]],
 *   [1400, [seen("ann", 100, 120), seen("bob", 50, 120)]],
 * );
 * from(facts)
 *   .pipe(tripwire(door, { key }), flowrate(rush, { key }), map(({ count, start, end }) => `${count} from ${start} to ${end}`))
 *   .subscribe(print); // 2 from 500 to 1200
 * ```
 */
export const flowrate = (rule: FlowrateRule, options: AlertOptions): OperatorFunction<Heard, Alert> => alerts(rule, options);
