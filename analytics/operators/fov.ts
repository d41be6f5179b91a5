import type { OperatorFunction } from "rxjs";
import type { SensorSettings } from "../../domain/camera.ts";
import type { Fact } from "../../domain/event.ts";
import { observing } from "../../domain/rules/place.ts";
import { presenceInView } from "../../domain/rules/presence.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { lift } from "../lift.ts";
import type { ObserveOptions } from "./observe.ts";

/**
 * Who is in the field of view of one camera: entries, leavings and what is noticed of those present, as rules hear them.
 *
 * 1. Late frames, repeats and other cameras' facts are not seen; definitions are not followed: the settings are those given.
 * 2. To be in the frame is to be present; an object has entered after `minFrames` frames in which it was seen.
 * 3. One not seen for `exitAfter` has left at last seen + `exitAfter`: told by the first fact that brings time there.
 * 4. When the camera is gone or its clock is set back, every stay ends.
 * 5. After each frame, heartbeat and camera state it says how far time has come (`passed`) or what ended (`ended`).
 * 6. Completion and errors pass on; whoever is present at the end has not left.
 *
 * @example
 * ```ts
 * import { filter, from, map } from "rxjs";
 * import { fov } from "../../analytics/operators/fov.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "hall" };
 * const facts = frames(key, [0, [seen("ann", 50, 50)]], [100, [seen("ann", 51, 50)]], [3000, []]);
 * from(facts)
 *   .pipe(fov({ minFrames: 2, exitAfter: 1 }, { key }), filter((heard) => heard.kind === "presence"), map(({ change, at }) => `${change} at ${at}`))
 *   .subscribe(print); // entered at 100, left at 1100
 * ```
 */
export const fov = (settings: SensorSettings["fov"], options: ObserveOptions): OperatorFunction<Fact, Heard> =>
  lift(observing(presenceInView(settings, options.key), options.key, options.reorderMs ?? 0), options.memory);
