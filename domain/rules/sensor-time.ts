/**
 * What a sensor's clock makes of its facts: frames in order, and word that time has passed.
 *
 *     frames, heartbeats, camera states ──► [ late? repeated? held back? clock set back? ] ──► moments
 */
import type { CameraKey, Envelope, Instant, Json } from "../envelope.ts";
import type { CameraState, Fact, Frame, FrameName, FrameRef, Heartbeat } from "../event.ts";
import { loaded, type Machine, type Step } from "../machine.ts";
import { loadFrame, loadModel, saveFrame } from "./frame-saving.ts";
import { keyedBy } from "./keyed.ts";
import type { Ended, Passed } from "./rule.ts";

/** The camera says it is there again; time comes to `at`. */
export type Returned = Envelope & { readonly kind: "returned"; readonly at: Instant };

/** What the places of a camera see, in order. `ended` is `sensor_lost` (stays end) or `clock_reset` (all starts afresh). */
export type Moment = Frame | Passed | Returned | Ended;

/** So many late frames in a row, in order among themselves, may be a clock set back. */
const RESET_FRAMES = 100;
/** So many camera states are remembered. */
const REMEMBERED_STATES = 16;
/** Live is a sensor whose newest frame was less than this old when it arrived. */
export const LIVE_MS = 60_000;

export type SensorTime = {
  /** What is older is late: the newest frame let through, or accepted heartbeat. Undefined before the first frame. */
  until: Instant | undefined;
  /** The newest frame taken in, held ones included: what heartbeats name. */
  newest: FrameName | undefined;
  newestReceivedAt: Instant;
  /** Instant and ids of the frames let through last: where a repeat is looked for. The first id stands apart, usually alone. */
  lastAt: Instant | undefined;
  lastId: string;
  moreIds: string[];
  /** The model of the frame let through last. */
  lastModel: string | undefined;
  /** Held back by `reorderMs`, by timestamp. */
  held: Frame[];
  /** Timestamps and arrivals of late frames in a row, at most RESET_FRAMES. */
  lateAt: Instant[];
  lateArrived: Instant[];
  /** The last moment told; camera states may set it ahead of `until`. */
  told: Instant | undefined;
  /** The newest camera states heard, where a repeat is looked for: a lost camera told twice must not end what came after. */
  said: readonly (readonly [at: Instant, state: string])[];
};

/** Told of what no moment comes from. */
export type TimeWatch = { readonly late: (frame: Frame) => void; readonly clockReset: (key: CameraKey) => void };

export const startTime = (): SensorTime => ({
  until: undefined,
  newest: undefined,
  newestReceivedAt: 0,
  lastAt: undefined,
  lastId: "",
  moreIds: [],
  lastModel: undefined,
  held: [],
  lateAt: [],
  lateArrived: [],
  told: undefined,
  said: [],
});

export const TIME_VERSION = 1;
const NONE: readonly Moment[] = [];

/** `reorderMs` holds frames back so long, in event time, to sort them by timestamp. */
export const sensorTime = (key: CameraKey | undefined, reorderMs: number): Machine<Fact, SensorTime, Moment> => ({
  name: "sensor time",
  version: TIME_VERSION,
  keyOf: keyedBy(key),
  at: (fact) =>
    fact.kind === "frame" ? fact.timestamp : fact.kind === "definition" || fact.kind === "recompute" ? fact.receivedAt : fact.at,
  initial: startTime,
  step: (time, fact) => hearFact(time, fact, reorderMs),
  save: saveTime,
  load: (saved, version) => (version === TIME_VERSION ? loadTime(saved) : undefined),
});

/** The same step for an engine whose settings change: `watch` is told of frames no moment comes from. */
export const hearFact = (time: SensorTime, fact: Fact, reorderMs: number, watch?: TimeWatch): Step<SensorTime, Moment> => {
  if (fact.kind === "frame") return onFrame(time, fact, reorderMs, watch);
  if (fact.kind === "heartbeat") return onHeartbeat(time, fact, reorderMs);
  if (fact.kind === "camera-state") return onCameraState(time, fact);
  return [time, NONE];
};

/** Where no model is known it is the form of before there was one. */
export const saveTime = (time: SensorTime): Json => [
  time.until ?? null,
  time.newest === undefined ? null : [time.newest.timestamp, time.newest.id],
  time.newestReceivedAt,
  time.lastAt ?? null,
  time.lastId,
  time.moreIds.slice(),
  time.held.map(saveFrame),
  time.lateAt.slice(),
  time.lateArrived.slice(),
  time.told ?? null,
  time.said.map(([at, state]) => [at, state]),
  ...(time.lastModel === undefined ? [] : [time.lastModel]),
];

/** Undefined for a form it does not know. */
export const loadTime = (saved: Json): SensorTime | undefined => loaded(saved, readTime, saveTime);

const readTime = (saved: Json): SensorTime => {
  type Newest = [number, string] | null;
  type Said = (readonly [number, string])[];
  type Form = [number | null, Newest, number, number | null, string, string[], Json[], number[], number[], number | null, Said, Json?];
  const [until, newest, newestReceivedAt, lastAt, lastId, moreIds, held, lateAt, lateArrived, told, said, lastModel] =
    saved as unknown as Form;
  return {
    until: until ?? undefined,
    newest: newest === null ? undefined : { timestamp: newest[0], id: newest[1] },
    newestReceivedAt,
    lastAt: lastAt ?? undefined,
    lastId,
    moreIds: moreIds.slice(),
    lastModel: loadModel(lastModel),
    held: held.map(loadFrame),
    lateAt: lateAt.slice(),
    lateArrived: lateArrived.slice(),
    told: told ?? undefined,
    said: said.map(([at, state]) => [at, state] as const),
  };
};

const onFrame = (time: SensorTime, frame: Frame, reorderMs: number, watch: TimeWatch | undefined): Step<SensorTime, Moment> => {
  if (time.until !== undefined && frame.timestamp < time.until) return onLate(time, frame, reorderMs, watch);
  if (repeated(time, frame)) return [time, NONE];
  if (time.lateAt.length > 0) forgetLate(time);
  return [time, takeIn(time, frame, reorderMs)];
};

const takeIn = (time: SensorTime, frame: Frame, reorderMs: number): Moment[] => {
  if (time.newest === undefined || frame.timestamp >= time.newest.timestamp) {
    time.newest = { timestamp: frame.timestamp, id: frame.id };
    time.newestReceivedAt = frame.receivedAt;
  }
  if (reorderMs === 0 && time.held.length === 0) {
    letThrough(time, frame);
    return [frame];
  }
  let place = time.held.length;
  while (place > 0 && (time.held[place - 1] as Frame).timestamp > frame.timestamp) place--;
  time.held.splice(place, 0, frame);
  return release(time, time.newest.timestamp - reorderMs, frame.receivedAt);
};

const repeated = (time: SensorTime, { timestamp, id }: Frame): boolean => {
  if (timestamp === time.lastAt && (id === time.lastId || time.moreIds.includes(id))) return true;
  for (const held of time.held) if (held.timestamp === timestamp && held.id === id) return true;
  return false;
};

const letThrough = (time: SensorTime, frame: Frame): void => {
  if (time.lastAt === frame.timestamp) time.moreIds.push(frame.id);
  else {
    time.lastAt = frame.timestamp;
    time.lastId = frame.id;
    if (time.moreIds.length > 0) time.moreIds = [];
  }
  time.lastModel = frame.modelVersion;
  time.until = frame.timestamp;
  time.told = frame.timestamp;
};

/** Held frames up to an instant. They follow from the fact that freed them, so its arrival is theirs. */
export const release = (time: SensorTime, until: Instant, receivedAt: Instant): Moment[] => {
  const out: Moment[] = [];
  for (let first = time.held[0]; first !== undefined && first.timestamp <= until; first = time.held[0]) {
    time.held.shift();
    letThrough(time, first);
    out.push(first.receivedAt === receivedAt ? first : { ...first, receivedAt });
  }
  return out;
};

/** The newest frame the places have seen; without one, nothing is open that could name it. */
export const lastFrame = ({ lastAt, lastId, moreIds, lastModel }: SensorTime, at: Instant): FrameRef =>
  lastAt === undefined
    ? { timestamp: at, id: "", modelVersion: undefined }
    : { timestamp: lastAt, id: moreIds.at(-1) ?? lastId, modelVersion: lastModel };

const forgetLate = (time: SensorTime): void => {
  time.lateAt = [];
  time.lateArrived = [];
};

const onLate = (time: SensorTime, frame: Frame, reorderMs: number, watch: TimeWatch | undefined): Step<SensorTime, Moment> => {
  const before = time.lateAt.at(-1);
  if (before !== undefined && frame.timestamp < before) forgetLate(time);
  if (before === undefined || frame.timestamp !== before) {
    time.lateAt.push(frame.timestamp);
    time.lateArrived.push(frame.receivedAt);
    if (time.lateAt.length > RESET_FRAMES) {
      time.lateAt.shift();
      time.lateArrived.shift();
    }
  }
  if (!clockSetBack(time)) {
    watch?.late(frame);
    return [time, NONE];
  }
  watch?.clockReset(frame);
  const out = release(time, Number.POSITIVE_INFINITY, frame.receivedAt);
  const { tenant, camera, receivedAt } = frame;
  const at = time.told as Instant;
  out.push({ kind: "ended", tenant, camera, receivedAt, at, reason: "clock_reset", frame: lastFrame(time, at) });
  Object.assign(time, startTime(), { said: time.said });
  for (const moment of takeIn(time, frame, reorderMs)) out.push(moment);
  return [time, out];
};

/** At a live sensor, and not by a repeated batch: that one comes at once. */
const clockSetBack = ({ lateAt, lateArrived, newest, newestReceivedAt }: SensorTime): boolean => {
  if (lateAt.length < RESET_FRAMES || newest === undefined || newestReceivedAt - newest.timestamp >= LIVE_MS) return false;
  const spans = (lateAt.at(-1) as Instant) - (lateAt[0] as Instant);
  return 2 * ((lateArrived.at(-1) as Instant) - (lateArrived[0] as Instant)) >= spans;
};

/** A heartbeat for a frame that is no longer the newest is ignored; one for a frame from before a clock reset too. */
const onHeartbeat = (time: SensorTime, beat: Heartbeat, reorderMs: number): Step<SensorTime, Moment> => {
  const { newest } = time;
  if (newest === undefined || newest.timestamp > beat.frame.timestamp) return [time, NONE];
  if (beat.release) return [time, release(time, Number.POSITIVE_INFINITY, beat.receivedAt)];
  if (newest.timestamp !== beat.frame.timestamp) return [time, NONE];
  const at = beat.at - reorderMs;
  const out = release(time, at, beat.receivedAt);
  if (time.until === undefined || at > time.until) {
    time.until = at;
    time.told = at;
    out.push({ kind: "passed", tenant: beat.tenant, camera: beat.camera, receivedAt: beat.receivedAt, at });
  }
  return [time, out];
};

/** A camera's state passes time but makes no frame late: it may come from a clock other than the frames'. */
const onCameraState = (time: SensorTime, fact: CameraState): Step<SensorTime, Moment> => {
  if (fact.state === "other" || time.said.some(([at, state]) => at === fact.at && state === fact.state)) return [time, NONE];
  time.said = [...time.said, [fact.at, fact.state] as const].slice(-REMEMBERED_STATES);
  const out = release(time, fact.at, fact.receivedAt);
  const at = time.told === undefined ? fact.at : Math.max(fact.at, time.told);
  time.told = at;
  const { tenant, camera, receivedAt } = fact;
  if (fact.state === "online") out.push({ kind: "returned", tenant, camera, receivedAt, at });
  else out.push({ kind: "ended", tenant, camera, receivedAt, at, reason: "sensor_lost", frame: lastFrame(time, at) });
  return [time, out];
};
