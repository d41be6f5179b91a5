import type { OperatorFunction } from "rxjs";
import type { Roi } from "../../domain/camera.ts";
import type { Fact } from "../../domain/event.ts";
import { observing } from "../../domain/rules/place.ts";
import { presence } from "../../domain/rules/presence.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { lift } from "../lift.ts";
import type { ObserveOptions } from "./observe.ts";

/**
 * Who is in a region, for one camera: entries, leavings and what is noticed of those inside, as rules hear them.
 *
 * 1. Late frames, repeats and other cameras' facts are not seen; definitions are not followed: the region is the one given.
 * 2. An object has entered after `minFrames` frames in a row inside, and left after as many outside; the edge is inside.
 * 3. One not seen for `exitAfter` has left at last seen + `exitAfter`: told by the first fact that brings time there.
 * 4. When the camera is gone or its clock is set back, every stay ends.
 * 5. After each frame, heartbeat and camera state it says how far time has come (`passed`) or what ended (`ended`).
 * 6. Completion and errors pass on; whoever is inside at the end has not left.
 *
 * @example
 * ```ts
 * import { filter, from, map } from "rxjs";
 * import { roi } from "../../analytics/operators/roi.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "hall" };
 * const counter = {
 *   id: "counter", name: "Counter", coordinates: [{ x: 0, y: 0 }, { x: 100, y: 0 }, { x: 100, y: 100 }, { x: 0, y: 100 }],
 *   anchor: "bottom-center" as const, minFrames: 1, exitAfter: 1,
 * };
 * const facts = frames(key, [0, [seen("ann", 50, 50)]], [400, [seen("ann", 50, 60)]], [2000, []]);
 * from(facts)
 *   .pipe(roi(counter, { key }), filter((heard) => heard.kind === "presence"), map(({ change, at }) => `${change} at ${at}`))
 *   .subscribe(print); // entered at 0, left at 1400
 * ```
 */
export const roi = (region: Roi, options: ObserveOptions): OperatorFunction<Fact, Heard> =>
  lift(observing(presence(region, options.key, options.epoch), options.key, options.reorderMs ?? 0), options.memory);
