/**
 * When a camera was watching.
 *
 * 1. A frame covers [frame, frame + 5 s); what frames cover without a hole is one interval.
 * 2. From a camera state that says the camera is gone until one that says it is there, frames cover nothing.
 * 3. An interval is told when it closes, and while it is open after every 60 s of it.
 */
import type { CameraKey, Instant, Json } from "../envelope.ts";
import type { Coverage } from "../event.ts";
import { loaded, type Machine } from "../machine.ts";
import { keyedBy } from "./keyed.ts";
import { atOf } from "./place.ts";
import type { Moment } from "./sensor-time.ts";

/** What one frame covers, and how often an open interval is told: read models bridge what was not told yet by both. */
export const COVERED_MS = 5000;
export const TELL_MS = 60_000;

/** `start`: of the open interval. `until`: the end of what frames cover so far. `tellAt`: when it is told next while open. */
export type Watching = { start: Instant | undefined; until: Instant; tellAt: Instant; gone: boolean };

const NOTHING: readonly Coverage[] = [];

export const coverage = (key?: CameraKey): Machine<Moment, Watching, Coverage> => ({
  name: "coverage",
  version: 1,
  keyOf: keyedBy(key),
  at: atOf,
  initial: () => ({ start: undefined, until: 0, tellAt: 0, gone: false }),
  step: (state, moment) => {
    if (moment.kind === "frame") return [onFrame(state, moment.timestamp), NOTHING];
    if (moment.kind === "passed") return [state, NOTHING];
    if (moment.kind === "returned") {
      state.gone = false;
      return [state, NOTHING];
    }
    state.gone = moment.reason === "sensor_lost";
    return [state, close(state, state.gone ? moment.at : state.until, moment)];
  },
  due: ({ start, until, tellAt }) => (start === undefined ? undefined : Math.min(until, tellAt)),
  ring: (state, at, _key, by) => [state, at < state.until ? tell(state, at, by) : close(state, at, by)],
  save,
  load: (saved, version) => (version === 1 ? loaded(saved, read, save) : undefined),
});

const save = ({ start, until, tellAt, gone }: Watching): Json => [start ?? null, until, tellAt, gone];
const read = (saved: Json): Watching => {
  const [start, until, tellAt, gone] = saved as unknown as [Instant | null, Instant, Instant, boolean];
  return { start: start ?? undefined, until, tellAt, gone };
};

const onFrame = (state: Watching, now: Instant): Watching => {
  if (state.gone) return state;
  if (state.start === undefined) {
    state.start = now;
    state.tellAt = now + TELL_MS;
  }
  state.until = now + COVERED_MS;
  return state;
};

const tell = (state: Watching, at: Instant, by: Moment): readonly Coverage[] => {
  state.tellAt = at + TELL_MS;
  return [interval(by, state.start as Instant, at, true)];
};

/** Of an interval that was gone as it began nothing is told. */
const close = (state: Watching, end: Instant, by: Moment): readonly Coverage[] => {
  const { start } = state;
  state.start = undefined;
  return start === undefined || end <= start ? NOTHING : [interval(by, start, end, false)];
};

const interval = ({ tenant, camera, receivedAt }: Moment, start: Instant, end: Instant, open: boolean): Coverage => ({
  kind: "coverage",
  tenant,
  camera,
  receivedAt,
  start,
  end,
  open,
});
