/**
 * Who crosses a wire.
 *
 * 1. The side on which an object is first seen is its confirmed side. A track not seen for `trackTimeout` is forgotten.
 * 2. Another side becomes confirmed when the object has been on it for `minFrames` consecutive frames in which it has a side,
 *    at least `bufferPx` from the wire in one of them. One frame back on the old side and the count starts again.
 * 3. It is a crossing if the path since the object was last on the old side meets the wire; with `all-corners`, if the path
 *    of every corner does. Otherwise it went round the end: the new side is confirmed and nothing is told.
 * 4. `at` is when the path first met the wire, the last corner's with `all-corners`, rounded to the millisecond.
 * 5. An object twice in a frame counts as it comes first.
 */
import type { Tripwire } from "../camera.ts";
import { type CameraKey, type Instant, type Json, milliseconds } from "../envelope.ts";
import type { Crossing, DetectedObject, Frame, FrameRef } from "../event.ts";
import { anchorAt, anchorX, anchorY, beyond, distanceToWire2, meets, type Wire, wireOf } from "../geometry.ts";
import { loaded, type Machine } from "../machine.ts";
import { loadModel } from "./frame-saving.ts";
import { keyedBy } from "./keyed.ts";
import { alike, empty, isNewest, type Newest, noFrame, put, standing, turnTo } from "./newest.ts";
import { atOf, byText, placeOf, refOf } from "./place.ts";
import type { Moment } from "./sensor-time.ts";

/**
 * `side`: 0 p1's, 1 p2's, -1 none yet. `points`: x and y of the anchor, or of the four corners, when last seen.
 * `calm`: it is in the newest frame, by its one anchor on its confirmed side. `seen`, `points` and `old` stand still as long.
 */
class Track {
  readonly id: string;
  at: number;
  calm: boolean;
  side: number;
  seen: Instant;
  points: number[];
  /** The newest frame in which it was on its confirmed side. */
  old: FrameRef;
  /** Consecutive frames on the other side, and whether it was far enough from the wire in one. */
  others: number;
  far: boolean;
  /** When the path of each point since `old` first met the wire; NaN where it has not. */
  met: number[];
  constructor(id: string, side: number, seen: Instant, points: number[], old: FrameRef) {
    this.id = id;
    this.at = -1;
    this.calm = false;
    this.side = side;
    this.seen = seen;
    this.points = points;
    this.old = old;
    this.others = 0;
    this.far = false;
    this.met = NOT_MET;
  }
}

export type WireTracks = { readonly tracks: Map<string, Track>; readonly newest: Newest<Track>; sweepAt: Instant };

const none = (tracks: Map<string, Track> = new Map()): WireTracks => ({
  tracks,
  newest: noFrame(),
  sweepAt: Number.NEGATIVE_INFINITY,
});

const NOTHING: readonly Crossing[] = [];
/** Shared by all tracks whose path is not being followed; never written to. */
const NOT_MET: number[] = [];
const CORNERS = 4;

/** One wire of one camera, or, without a key, of each camera. */
export const crossing = (tripwire: Tripwire, key?: CameraKey, epoch = 0): Machine<Moment, WireTracks, Crossing> => {
  const watch = watchOf(tripwire, key, epoch);
  return {
    name: "crossing",
    version: 1,
    keyOf: keyedBy(key),
    at: atOf,
    initial: () => none(),
    step: (state, moment) => {
      if (moment.kind === "frame") return [state, onFrame(watch, state, moment)];
      return [moment.kind === "ended" && moment.reason !== "sensor_lost" ? none() : state, NOTHING];
    },
    save: (state) => saveTracks(watch, state),
    load: (saved, version) => (version === 1 ? loaded(saved, loadTracks, (state) => saveTracks(watch, state)) : undefined),
  };
};

/** Whether somebody has met the wire before an instant and is not known to have crossed it: that may still be told. */
export const isCrossing = ({ tracks }: WireTracks, before: Instant): boolean =>
  [...tracks.values()].some(({ met }) => met.some((at) => at < before));

type Watch = ReturnType<typeof watchOf>;

const watchOf = (tripwire: Tripwire, key: CameraKey | undefined, epoch: number) => ({
  wire: wireOf(tripwire.wire, tripwire.direction.p1, tripwire.direction.p2),
  anchor: anchorAt(tripwire.anchor),
  minFrames: tripwire.minFrames,
  buffer2: tripwire.bufferPx * tripwire.bufferPx,
  timeout: milliseconds(tripwire.trackTimeout),
  place: placeOf("tripwire", tripwire.id, key, epoch).place,
});

const onFrame = (watch: Watch, state: WireTracks, frame: Frame): readonly Crossing[] => {
  const { newest } = state;
  const { tracks } = newest;
  const { wire, anchor, timeout } = watch;
  const { objects, timestamp } = frame;
  const ref = refOf(frame);
  const same = alike(newest.objects, objects);
  writeDown(watch, state, timestamp - newest.ref.timestamp >= timeout ? 0 : same);
  let found: Crossing[] | undefined;
  for (let i = 0; i < objects.length; i++) {
    const object = objects[i] as DetectedObject;
    const track = i < same ? tracks[i] : trackOf(watch, state, i, object, ref);
    if (track === undefined) continue;
    if (!track.calm && timestamp - track.seen >= timeout) {
      const points = pointsOf(watch, object);
      settle(track, sideOf(wire, points), points, ref);
      continue;
    }
    if (!anchor.corners && track.others === 0) {
      const { bbox } = object;
      if ((beyond(wire, anchorX(anchor, bbox), anchorY(anchor, bbox)) ? 1 : 0) === track.side) {
        track.calm = true;
        continue;
      }
      if (track.calm) stir(watch, track, newest.objects[i] as DetectedObject, newest.ref);
    }
    const crossed = follow(watch, track, object, frame, ref);
    if (crossed !== undefined) {
      found ??= [];
      found.push(crossed);
    }
  }
  turnTo(newest, ref, objects);
  if (timestamp >= state.sweepAt) sweep(watch, state, timestamp);
  if (found === undefined) return NOTHING;
  return found.length === 1 ? found : found.sort((a, b) => a.at - b.at || byText(a.object.id, b.object.id));
};

/** What was read off the newest frame so far is written to the track. */
const stir = (watch: Watch, track: Track, object: DetectedObject, ref: FrameRef): void => {
  track.calm = false;
  track.points = pointsOf(watch, object);
  track.seen = ref.timestamp;
  track.old = ref;
};

/** For those who may be in the next frame no more. */
const writeDown = (watch: Watch, { newest }: WireTracks, from: number): void => {
  const { tracks, objects, ref } = newest;
  for (let i = from; i < tracks.length; i++) {
    const track = tracks[i];
    if (track?.calm) stir(watch, track, objects[i] as DetectedObject, ref);
  }
};

const trackOf = (watch: Watch, state: WireTracks, at: number, object: DetectedObject, ref: FrameRef): Track | undefined => {
  const { id } = object;
  const { newest, tracks } = state;
  if (id === "") return put(newest, at, undefined);
  return standing(newest, at, id) ?? put(newest, at, tracks.get(id) ?? firstSeen(watch, state, object, ref));
};

/** Forgetting is decided where a track is looked up; this only frees what nobody will look up again. */
const sweep = (watch: Watch, state: WireTracks, now: Instant): void => {
  const { newest, tracks } = state;
  state.sweepAt = now + watch.timeout;
  for (const [id, track] of tracks) {
    if (now - (track.calm ? newest.ref.timestamp : track.seen) < watch.timeout) continue;
    tracks.delete(id);
    if (!isNewest(newest, track)) continue;
    writeDown(watch, state, 0);
    empty(newest);
  }
};

const pointsOf = ({ anchor }: Watch, { bbox }: DetectedObject): number[] =>
  anchor.corners
    ? [bbox.leftX, bbox.topY, bbox.rightX, bbox.topY, bbox.rightX, bbox.bottomY, bbox.leftX, bbox.bottomY]
    : [anchorX(anchor, bbox), anchorY(anchor, bbox)];

/** 0 p1's, 1 p2's, -1 where the corners are not on one side. */
const sideOf = (wire: Wire, points: readonly number[]): number => {
  const first = beyond(wire, points[0] as number, points[1] as number);
  for (let i = 2; i < points.length; i += 2) if (beyond(wire, points[i] as number, points[i + 1] as number) !== first) return -1;
  return first ? 1 : 0;
};

const isFar = ({ wire, buffer2 }: Watch, points: readonly number[]): boolean => {
  if (buffer2 === 0) return true;
  for (let i = 0; i < points.length; i += 2) {
    if (distanceToWire2(wire, points[i] as number, points[i + 1] as number) < buffer2) return false;
  }
  return true;
};

const firstSeen = (watch: Watch, { tracks }: WireTracks, object: DetectedObject, ref: FrameRef): Track => {
  const points = pointsOf(watch, object);
  const track = new Track(object.id, sideOf(watch.wire, points), ref.timestamp, points, ref);
  tracks.set(object.id, track);
  return track;
};

/** The object is, or may be, off its confirmed side: its path is followed from there. */
const follow = (watch: Watch, track: Track, object: DetectedObject, frame: Frame, ref: FrameRef): Crossing | undefined => {
  const points = pointsOf(watch, object);
  const side = sideOf(watch.wire, points);
  if (side === track.side || track.side === -1) {
    settle(track, side, points, ref);
    return undefined;
  }
  followPath(watch.wire, track, points, ref.timestamp);
  track.points = points;
  track.seen = ref.timestamp;
  if (side === -1) return undefined;
  track.others++;
  track.far ||= isFar(watch, points);
  if (track.others < watch.minFrames || !track.far) return undefined;
  const { met, old } = track;
  settle(track, side, points, ref);
  if (met.some(Number.isNaN)) return undefined;
  return {
    kind: "crossing",
    tenant: frame.tenant,
    camera: frame.camera,
    receivedAt: frame.receivedAt,
    place: watch.place(frame),
    object,
    direction: side === 1 ? "entry" : "exit",
    at: Math.max(...met),
    confirmedAt: ref.timestamp,
    late: false,
    cause: { from: old, to: ref },
  };
};

/** On its confirmed side from here; the path behind it is done with. A track without a side yet stays so until it has one. */
const settle = (track: Track, side: number, points: number[], ref: FrameRef): void => {
  track.side = side;
  track.points = points;
  track.seen = ref.timestamp;
  track.old = ref;
  track.others = 0;
  track.far = false;
  track.met = NOT_MET;
};

const followPath = (wire: Wire, track: Track, points: readonly number[], now: Instant): void => {
  const before = track.points;
  if (track.met === NOT_MET) track.met = Array.from({ length: points.length === 2 ? 1 : CORNERS }, () => Number.NaN);
  for (let i = 0; i < track.met.length; i++) {
    if (!Number.isNaN(track.met[i])) continue;
    const [x0, y0, x1, y1] = [before[2 * i], before[2 * i + 1], points[2 * i], points[2 * i + 1]] as [number, number, number, number];
    const part = meets(wire, x0, y0, x1, y1);
    if (part >= 0) track.met[i] = Math.round(track.seen + part * (now - track.seen));
  }
};

type SavedTrack = [string, number, number, number[], number, string, number, boolean, (number | null)[], Json?];

const saveTracks = (watch: Watch, state: WireTracks): Json => Array.from(state.tracks.values(), (track) => saveTrack(watch, state, track));
const loadTracks = (saved: Json): WireTracks => none(new Map((saved as Json[]).map(loadTrack)));

const saveTrack = (watch: Watch, { newest }: WireTracks, track: Track): Json => {
  const { calm } = track;
  const old = calm ? newest.ref : track.old;
  return [
    track.id,
    track.side,
    calm ? newest.ref.timestamp : track.seen,
    calm ? pointsOf(watch, newest.objects[track.at] as DetectedObject) : track.points.slice(),
    old.timestamp,
    old.id,
    track.others,
    track.far,
    track.met.map((at) => (Number.isNaN(at) ? null : at)),
    // The form of before models were kept, where none is known.
    ...(old.modelVersion === undefined ? [] : [old.modelVersion]),
  ];
};

const loadTrack = (saved: Json): [string, Track] => {
  const [id, side, seen, points, oldAt, oldId, others, far, met, model] = saved as unknown as SavedTrack;
  const track = new Track(id, side, seen, points.slice(), { timestamp: oldAt, id: oldId, modelVersion: loadModel(model) });
  track.others = others;
  track.far = far;
  if (met.length > 0) track.met = met.map((at) => at ?? Number.NaN);
  return [id, track];
};
