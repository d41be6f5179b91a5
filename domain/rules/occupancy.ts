/**
 * occupancy: one alert when more than n objects are present continuously for d seconds.
 *
 *      count  n+1 ┌────────┐ ┌─────────────────┐
 *             n ──┘        └─┘ dip of g or less └──── longer than g: the run has ended
 *                 start ──────────► start + d: raised  ^ end of the closing revision
 *
 * 1. A run begins with the entry that brings the count above n. Its timer is due d later and fires before whatever happens then.
 * 2. A dip, the count at n or less, of g or less does not interrupt; one longer than g ends the run where the dip began, which is known
 *    one millisecond after g has passed: at g exactly somebody may still come back.
 * 3. Due in the middle of a dip nothing is raised until the count is above n again within g, then at that instant.
 * 4. The alert has the number present and the objects when it was raised, the run's beginning as start, the raising as end. Its closing
 *    revision has the run's end as end.
 * 5. `of: dwell`: more than n objects of those present have each stayed d (a stay that ends and a new one of the same object are two).
 *    start is the entry of the last of these n + 1, so that end is d later; dips of g or less do not end it.
 * 6. With d = 0 it is raised by the very entry.
 * 7. Whoever is present when the rule begins is counted from then on, as if entering at that instant.
 * 8. A lost camera, a clock set back and a new definition end the run at once: where the dip began, or else then.
 */
import type { OccupancyRule } from "../camera.ts";
import { type Instant, type Json, milliseconds } from "../envelope.ts";
import type { FrameRef, Presence, Sighting } from "../event.ts";
import { type Conclusion, copyOf, loadFrameRef, loadSighting, nothing, type RuleLogic, saveFrameRef, saveSighting } from "./conclusion.ts";
import { NO_FRAME } from "./place.ts";
import type { Present } from "./rule.ts";
import { selects } from "./selection.ts";

type Stay = { readonly object: Sighting; readonly entered: Instant; readonly from: FrameRef };
type Run = { readonly start: Instant; readonly from: FrameRef; dip: Instant | undefined; raised: boolean };
/** `present` in the order of entering. `to`: the last fact that bore on the count. */
type Occupied = { readonly present: Map<string, Stay>; run: Run | undefined; to: FrameRef };

export const occupancy = (rule: OccupancyRule): RuleLogic<Occupied> => {
  const selected = selects(rule);
  const wait = milliseconds(rule.timeInterval);
  const gap = milliseconds(rule.gap);
  const dwell = rule.of === "dwell";

  /** The stay that makes it more than n: of those present the (n + 1)th to enter. */
  const decisive = ({ present }: Occupied): Stay | undefined => {
    if (present.size <= rule.countThreshold) return undefined;
    let skip = rule.countThreshold;
    for (const stay of present.values()) if (skip-- === 0) return stay;
    return undefined;
  };
  const ripeAt = (state: Occupied): Instant | undefined => {
    const stay = decisive(state);
    return stay && stay.entered + wait;
  };
  const brokenAt = ({ run }: Occupied): Instant | undefined => (run?.dip === undefined ? undefined : run.dip + gap + 1);

  const raise = (state: Occupied, run: Run, at: Instant): readonly Conclusion[] => {
    run.raised = true;
    const objects = [...state.present.values()].map(({ object }) => object);
    const cause = { from: run.from, to: state.to };
    return [
      {
        kind: "raised",
        direction: undefined,
        count: objects.length,
        start: run.start,
        end: at,
        at,
        objects,
        cause,
        subject: "",
        open: true,
      },
    ];
  };
  const close = (state: Occupied, end: Instant, at: Instant): readonly Conclusion[] => {
    const raised = state.run?.raised === true;
    state.run = undefined;
    return raised ? [{ kind: "closed", end, at, to: state.to }] : nothing;
  };

  /** Whether the rule's condition holds now; its timer aside. */
  const holds = (state: Occupied, at: Instant): boolean => {
    if (!dwell) return state.present.size > rule.countThreshold;
    const ripe = ripeAt(state);
    return ripe !== undefined && ripe <= at;
  };
  const settle = (state: Occupied, at: Instant): readonly Conclusion[] => {
    const { run } = state;
    if (!holds(state, at)) {
      if (run !== undefined && run.dip === undefined) run.dip = at;
      return nothing;
    }
    const last = decisive(state) as Stay;
    state.run = run ?? { start: last.entered, from: last.from, dip: undefined, raised: false };
    state.run.dip = undefined;
    return !state.run.raised && at >= state.run.start + wait ? raise(state, state.run, at) : nothing;
  };

  return {
    name: "occupancy",
    version: 1,
    initial: () => ({ present: new Map(), run: undefined, to: NO_FRAME }),
    hear: (state, input) => {
      if (input.kind === "ended") {
        state.to = input.frame;
        state.present.clear();
        return close(state, state.run?.dip ?? input.at, input.at);
      }
      if ((input.kind !== "presence" && input.kind !== "present") || !change(state, input, selected)) return nothing;
      state.to = input.cause.to;
      return settle(state, input.at);
    },
    due: (state) => {
      const broken = brokenAt(state);
      const { run } = state;
      if (dwell) {
        const ripe = run === undefined || broken !== undefined ? ripeAt(state) : undefined;
        return broken === undefined || ripe === undefined ? (broken ?? ripe) : Math.min(broken, ripe);
      }
      return broken ?? (run === undefined || run.raised ? undefined : run.start + wait);
    },
    ring: (state, at) => {
      const broken = brokenAt(state);
      const closed = broken !== undefined && broken <= at ? close(state, state.run?.dip as Instant, broken) : nothing;
      return [...closed, ...settle(state, at)];
    },
    save: ({ present, run, to }) => ({
      present: [...present.values()].map(({ object, entered, from }) => [saveSighting(object), entered, saveFrameRef(from)]),
      run: run === undefined ? null : [run.start, saveFrameRef(run.from), run.dip ?? null, run.raised],
      to: saveFrameRef(to),
    }),
    load,
  };
};

/** False where nothing changed: an object not selected, or one that was not counted in. */
const change = ({ present }: Occupied, input: Presence | Present, selected: (object: Sighting) => boolean): boolean => {
  const { object, at, cause } = input;
  if (input.kind === "presence" && input.change === "left") return present.delete(object.id);
  if (present.has(object.id) || !selected(object)) return false;
  present.set(object.id, { object: copyOf(object), entered: at, from: cause.from });
  return true;
};

const load = (saved: Json): Occupied => {
  const { present, run, to } = saved as { present: [Json, number, Json][]; run: [number, Json, number | null, boolean] | null; to: Json };
  const stays = present.map(([object, entered, from]): Stay => ({ object: loadSighting(object), entered, from: loadFrameRef(from) }));
  return {
    present: new Map(stays.map((stay) => [stay.object.id, stay])),
    run: run === null ? undefined : { start: run[0], from: loadFrameRef(run[1]), dip: run[2] ?? undefined, raised: run[3] },
    to: loadFrameRef(to),
  };
};
