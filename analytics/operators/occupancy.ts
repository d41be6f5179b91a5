import type { OperatorFunction } from "rxjs";
import type { OccupancyRule } from "../../domain/camera.ts";
import type { Alert } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { type AlertOptions, alerts } from "./alerts.ts";

/**
 * An alert when more than n objects are present continuously for d seconds, and a closing revision when that has ended.
 *
 * 1. A run begins with the entry that brings the count above n. Its timer is due d later and fires before whatever happens then.
 * 2. A dip of `gap` or less does not interrupt; a longer one ends the run where it began.
 * 3. Due in the middle of a dip nothing is raised until the count is above n again within the gap, then at that instant.
 * 4. `of: dwell` waits until n + 1 objects have each stayed d.
 * 5. A lost camera or a clock set back ends the run.
 * 6. Schedule, cooldown and ids are those of every rule: domain/rules/alerting.ts.
 *
 * @example
 * ```ts
 * import { from, map } from "rxjs";
 * import { fov } from "../../analytics/operators/fov.ts";
 * import { occupancy } from "../../analytics/operators/occupancy.ts";
 * import { occupancyDefaults } from "../../domain/defaults.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "lobby" };
 * const lingering = {
 *   ...occupancyDefaults, ruleId: "r1", ruleType: "occupancy" as const, name: "Lingering", analytic: "fov" as const, placeId: "lobby",
 *   countThreshold: 0, timeInterval: 2, gap: 0,
 * };
 * const facts = frames(key, [0, [seen("ann", 50, 50)]], [900, [seen("ann", 51, 50)]], [1800, [seen("ann", 52, 50)]], [9000, []]);
 * from(facts)
 *   .pipe(
 *     fov({ minFrames: 1, exitAfter: 1 }, { key }),
 *     occupancy(lingering, { key }),
 *     map(({ revision, start, end }) => `revision ${revision}: ${start}-${end}`),
 *   )
 *   .subscribe(print); // revision 0: 0-2000, revision 1: 0-2800
 * ```
 */
export const occupancy = (rule: OccupancyRule, options: AlertOptions): OperatorFunction<Heard, Alert> => alerts(rule, options);
