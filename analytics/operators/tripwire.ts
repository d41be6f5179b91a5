import type { OperatorFunction } from "rxjs";
import type { Tripwire } from "../../domain/camera.ts";
import type { Fact } from "../../domain/event.ts";
import { crossing } from "../../domain/rules/crossing.ts";
import { observing } from "../../domain/rules/place.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { lift } from "../lift.ts";
import type { ObserveOptions } from "./observe.ts";

/**
 * Who crosses a wire, for one camera: its crossings, as rules hear them.
 *
 * 1. Late frames, repeats and other cameras' facts are not seen; definitions are not followed: the wire is the one given.
 * 2. The side on which an object is first seen is its confirmed side; another is confirmed by `minFrames` frames in a row there,
 *    one of them `bufferPx` away. It is a crossing if the path since the old side meets the wire.
 * 3. `at` is when the path met the wire, `confirmedAt` when that was known.
 * 4. After each frame, heartbeat and camera state it says how far time has come (`passed`) or what ended (`ended`).
 * 5. Completion and errors pass on; nothing is made up at the end.
 *
 * @example
 * ```ts
 * import { filter, from, map } from "rxjs";
 * import { tripwire } from "../../analytics/operators/tripwire.ts";
 * import { frames, seen } from "../../test/support/given.ts";
 *
 * const key = { tenant: "acme", camera: "door" };
 * const door = {
 *   id: "door", name: "Door", wire: [{ x: 0, y: 100 }, { x: 200, y: 100 }],
 *   direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
 *   anchor: "bottom-center" as const, minFrames: 1, bufferPx: 0, trackTimeout: 10,
 * };
 * const facts = frames(key, [0, [seen("ann", 100, 80)]], [1000, [seen("ann", 100, 120)]]);
 * from(facts)
 *   .pipe(tripwire(door, { key }), filter((heard) => heard.kind === "crossing"), map(({ direction, at }) => `${direction} at ${at}`))
 *   .subscribe(print); // entry at 500
 * ```
 */
export const tripwire = (wire: Tripwire, options: ObserveOptions): OperatorFunction<Fact, Heard> =>
  lift(observing(crossing(wire, options.key, options.epoch), options.key, options.reorderMs ?? 0), options.memory);
