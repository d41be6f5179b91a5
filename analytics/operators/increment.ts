import type { OperatorFunction } from "rxjs";
import type { IncrementRule } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { type AlertOptions, alerts } from "./alerts.ts";

/**
 * An alert after every n entries or exits.
 *
 * 1. At a wire the crossings count; at a region or the field of view an `entered` is an entry, a `left` an exit.
 * 2. Without a direction each counts on its own and tells alerts of its own.
 * 3. The nth raises: count n, start and end the least and greatest `at` of the n. Then it starts again from zero.
 * 4. `countMode: distinct` counts an object once a round.
 * 5. A stay that was cut off (sensor_lost, clock_reset, redefined) is no exit. A clock set back starts again from zero, a lost camera does not.
 * 6. Schedule, cooldown and ids are those of every rule: domain/rules/alerting.ts.
 *
 * @example
 * ```ts
 * import { from, map } from "rxjs";
 * import { increment } from "../../analytics/operators/increment.ts";
 * import { tripwire } from "../../analytics/operators/tripwire.ts";
 * import { incrementDefaults } from "../../domain/defaults.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "shop" };
 * const door = {
 *   id: "door", name: "Door", wire: [{ x: 0, y: 100 }, { x: 200, y: 100 }],
 *   direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
 *   anchor: "bottom-center" as const, minFrames: 1, bufferPx: 0, trackTimeout: 10,
 * };
 * const every2 = {
 *   ...incrementDefaults, ruleId: "r1", ruleType: "increment" as const, name: "Door count", analytic: "tripwire" as const, placeId: "door",
 *   countThreshold: 2,
 * };
 * const facts = frames(key,
 *   [0, [seen("ann", 100, 80), seen("bob", 50, 80), seen("cem", 150, 80)]],
 *   [1000, [seen("ann", 100, 120), seen("bob", 50, 80), seen("cem", 150, 80)]],
 *   [2000, [seen("ann", 100, 120), seen("bob", 50, 120), seen("cem", 150, 120)]],
 * );
 * from(facts)
 *   .pipe(tripwire(door, { key }), increment(every2, { key }), map(({ count, direction, start, end }) => `${count} ${direction} ${start}-${end}`))
 *   .subscribe(print); // 2 entry 500-1500
 * ```
 */
export const increment = (rule: IncrementRule, options: AlertOptions): OperatorFunction<Heard, Alert> => alerts(rule, options);
