/** What the machines of places have in common. */
import type { Analytic } from "../camera.ts";
import type { CameraKey } from "../envelope.ts";
import type { Crossing, Fact, FrameRef, PlaceRef, Presence } from "../event.ts";
import { andThen, type Machine } from "../machine.ts";
import type { Ended, Heard, Noticed, Passed, Present } from "./rule.ts";
import { type Moment, type SensorTime, sensorTime } from "./sensor-time.ts";

/** What a place finds. At one instant: leavings, entries, what was noticed, crossings. */
export type Found = Crossing | Presence | Noticed;
export type PlaceMachine<S = unknown> = Machine<Moment, S, Found> & {
  /** Whose stay is open, by id: what a rule that begins now is told first. `now` is where the camera's time stands. */
  readonly present?: (state: S, now: Now) => readonly Present[];
};
export type Now = Pick<Ended, "tenant" | "camera" | "receivedAt" | "at" | "frame">;

/** `camera`: whose place it is; without it, each camera has one like it. */
export type PlaceOf = { readonly key: CameraKey | undefined; readonly place: (key: CameraKey) => PlaceRef };

export const placeOf = (analytic: Analytic, id: string | undefined, key: CameraKey | undefined, epoch: number): PlaceOf => {
  const fixed = id === undefined ? undefined : { analytic, id, epoch };
  return { key, place: (of) => fixed ?? { analytic, id: of.camera, epoch } };
};

export const atOf = (moment: Moment): number => (moment.kind === "frame" ? moment.timestamp : moment.at);

export const refOf = ({ timestamp, id, modelVersion }: FrameRef): FrameRef => ({ timestamp, id, modelVersion });

/** Where no frame came yet. */
export const NO_FRAME: FrameRef = { timestamp: 0, id: "", modelVersion: undefined };

/** By code unit: no locale, the same everywhere. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order in which one instant is told: leavings, entries, what was noticed, crossings. */
export const rankOf = (found: Found): number =>
  found.kind === "crossing" ? 3 : found.kind === "noticed" ? 2 : found.change === "entered" ? 1 : 0;

/**
 * A place for a rule to listen to: what it finds, and after each moment that time has come so far. An end is told as it is:
 * what it means to a rule is the rule's business.
 */
const telling = <S>(place: Machine<Moment, S, Found>): Machine<Moment, S, Heard> => ({
  ...place,
  step: (state, moment) => {
    const [after, found] = place.step(state, moment);
    const heard: Heard[] = found.slice();
    heard.push(moment.kind === "ended" ? moment : passed(moment));
    return [after, heard];
  },
});

export const passed = (moment: Moment): Passed =>
  moment.kind === "passed"
    ? moment
    : { kind: "passed", tenant: moment.tenant, camera: moment.camera, receivedAt: moment.receivedAt, at: atOf(moment) };

/** From facts to what rules hear: the sensor's time, then the place. */
export const observing = <S>(place: Machine<Moment, S, Found>, key: CameraKey | undefined, reorderMs: number) =>
  andThen<Fact, SensorTime, Moment, S, Heard>(sensorTime(key, reorderMs), telling(place));
