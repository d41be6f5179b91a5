/**
 * flowrate: an alert when a sliding window of d seconds holds n crossings.
 *
 *                    t - d                      t = the greatest `at` so far
 *      ──x──────x────(────x─────x──x────────────x]──────►  four in the window
 *
 * 1. The window is (t - d, t]. With a direction it holds only those crossings, without it both together.
 * 2. The crossing that fills it raises: count n, start the first in the window, end the one that filled it.
 * 3. Then not again until the rate has fallen below n. It falls as crossings age out, whether or not anything is heard at that moment, so
 *    the next crossing looks back at how few the window held just before it (a millisecond: instants are integers).
 * 4. A crossing confirmed late counts if its `at` is still in the window; it does not move t back.
 * 5. A clock set back or a new definition empties the window; a lost camera does not.
 */
import type { FlowrateRule } from "../camera.ts";
import { type Instant, type Json, milliseconds } from "../envelope.ts";
import type { Crossing, FrameRef, Sighting } from "../event.ts";
import {
  type Conclusion,
  copyOf,
  earlier,
  later,
  loadFrameRef,
  loadSighting,
  nothing,
  type RuleLogic,
  saveFrameRef,
  saveSighting,
} from "./conclusion.ts";
import { selects } from "./selection.ts";

type Passed = { readonly at: Instant; readonly object: Sighting; readonly from: FrameRef; readonly to: FrameRef };
/** `window`: by `at`, never more than the newest n: these alone say whether there are n. `armed`: the rate has been below n. */
type Flow = { window: Passed[]; newest: Instant | undefined; armed: boolean };

export const flowrate = (rule: FlowrateRule): RuleLogic<Flow> => {
  const selected = selects(rule);
  const span = milliseconds(rule.timeInterval);
  const n = rule.countThreshold;
  const initial = (): Flow => ({ window: [], newest: undefined, armed: true });
  const keepAfter = (state: Flow, instant: Instant): void => {
    const stale = state.window.findIndex(({ at }) => at > instant);
    if (stale !== 0) state.window.splice(0, stale < 0 ? state.window.length : stale);
  };

  const add = (state: Flow, { at, object, cause, confirmedAt }: Crossing): readonly Conclusion[] => {
    if (state.newest !== undefined && at > state.newest) {
      keepAfter(state, at - 1 - span);
      if (state.window.length < n) state.armed = true;
    }
    state.newest = Math.max(at, state.newest ?? at);
    keepAfter(state, state.newest - span);
    if (at <= state.newest - span) return nothing;
    const after = state.window.findLastIndex((passed) => passed.at <= at) + 1;
    state.window.splice(after, 0, { at, object: copyOf(object), ...cause });
    if (state.window.length > n) state.window.shift();
    if (state.window.length < n || !state.armed) return nothing;
    state.armed = false;
    const { window } = state;
    return [
      {
        kind: "raised",
        direction: rule.direction,
        count: window.length,
        start: (window[0] as Passed).at,
        end: at,
        at: confirmedAt,
        objects: [...new Map(window.map((passed) => [passed.object.id, passed.object])).values()],
        cause: { from: window.map(({ from }) => from).reduce(earlier), to: window.map(({ to }) => to).reduce(later) },
        subject: "",
        open: false,
      },
    ];
  };

  return {
    name: "flowrate",
    version: 1,
    initial,
    hear: (state, input) => {
      if (input.kind === "ended") {
        if (input.reason !== "sensor_lost") Object.assign(state, initial());
        return nothing;
      }
      if (input.kind !== "crossing" || (rule.direction !== undefined && input.direction !== rule.direction)) return nothing;
      return selected(input.object) ? add(state, input) : nothing;
    },
    save: ({ window, newest, armed }) => ({
      window: window.map(({ at, object, from, to }) => [at, saveSighting(object), saveFrameRef(from), saveFrameRef(to)]),
      newest: newest ?? null,
      armed,
    }),
    load: (saved) => {
      const { window, newest, armed } = saved as { window: [number, Json, Json, Json][]; newest: number | null; armed: boolean };
      const passed = window.map(([at, object, from, to]) => ({
        at,
        object: loadSighting(object),
        from: loadFrameRef(from),
        to: loadFrameRef(to),
      }));
      return { window: passed, newest: newest ?? undefined, armed };
    },
  };
};
