/**
 * occupancy_threshold_switch: tells the change only. It begins at the lower level; whoever is present then comes in at that instant.
 *
 * 1. `up` when the count goes above n and has stayed above n for `hold`; `down` when it comes back to n - band or less and has stayed
 *    there for `hold`. Coming back over the line before `hold` has passed cancels the change. Between n - band and n nothing changes.
 * 2. start is the change, end when it is told, count the count then. A change that is due is told before whatever happens then.
 * 3. With hold = 0 it is told by the very entry or leaving. Leavings come before entries, so two who change places in one instant may
 *    tell `down` and `up`: a `hold` or a `band` is the cure.
 * 4. Stays cut off by a lost camera count as leavings, since nobody is present any more and ups and downs take turns. After a clock set
 *    back or a new definition it begins anew and tells no `down`.
 */
import type { ThresholdSwitchRule } from "../camera.ts";
import { type Instant, type Json, milliseconds } from "../envelope.ts";
import type { FrameRef } from "../event.ts";
import { type Conclusion, loadFrameRef, nothing, type RuleLogic, saveFrameRef } from "./conclusion.ts";
import { NO_FRAME } from "./place.ts";
import { selects } from "./selection.ts";

type Pending = { readonly since: Instant; readonly from: FrameRef };
/** `present`: ids only, the switch names nobody. */
type Level = { present: Set<string>; up: boolean; pending: Pending | undefined; to: FrameRef };

export const thresholdSwitch = (rule: ThresholdSwitchRule): RuleLogic<Level> => {
  const selected = selects(rule);
  const hold = milliseconds(rule.hold);
  const initial = (): Level => ({ present: new Set(), up: false, pending: undefined, to: NO_FRAME });
  const beyond = ({ present, up }: Level): boolean =>
    up ? present.size <= rule.countThreshold - rule.band : present.size > rule.countThreshold;

  const tell = (state: Level, { since, from }: Pending, at: Instant): readonly Conclusion[] => {
    state.up = !state.up;
    state.pending = undefined;
    const direction = state.up ? "up" : "down";
    const cause = { from, to: state.to };
    return [
      {
        kind: "raised",
        direction,
        count: state.present.size,
        start: since,
        end: at,
        at,
        objects: undefined,
        cause,
        subject: "",
        open: false,
      },
    ];
  };

  return {
    name: "occupancy_threshold_switch",
    version: 1,
    initial,
    hear: (state, input) => {
      if (input.kind === "ended") {
        if (input.reason !== "sensor_lost") Object.assign(state, initial());
        return nothing;
      }
      if (input.kind !== "presence" && input.kind !== "present") return nothing;
      const { present } = state;
      const { object, at, cause } = input;
      if (input.kind === "presence" && input.change === "left") {
        const { reason } = input;
        if (!present.delete(object.id) || reason === "clock_reset" || reason === "redefined") return nothing;
      } else {
        if (present.has(object.id) || !selected(object)) return nothing;
        present.add(object.id);
      }
      state.to = cause.to;
      if (!beyond(state)) {
        state.pending = undefined;
        return nothing;
      }
      state.pending ??= { since: at, from: cause.from };
      return hold === 0 ? tell(state, state.pending, at) : nothing;
    },
    due: ({ pending }) => (pending === undefined ? undefined : pending.since + hold),
    ring: (state, at) => (state.pending === undefined || at < state.pending.since + hold ? nothing : tell(state, state.pending, at)),
    save: ({ present, up, pending, to }) => ({
      present: [...present],
      up,
      pending: pending === undefined ? null : [pending.since, saveFrameRef(pending.from)],
      to: saveFrameRef(to),
    }),
    load: (saved) => {
      const { present, up, pending, to } = saved as { present: string[]; up: boolean; pending: [number, Json] | null; to: Json };
      return {
        present: new Set(present),
        up,
        pending: pending === null ? undefined : { since: pending[0], from: loadFrameRef(pending[1]) },
        to: loadFrameRef(to),
      };
    },
  };
};
