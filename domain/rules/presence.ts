/**
 * Who is in a region or in the field of view.
 *
 * 1. An object has entered when it was inside for `minFrames` consecutive frames it was seen in, also when first seen inside;
 *    it has left when it was outside for as many. With `all-corners` inside is all four, else outside.
 * 2. One not seen for `exitAfter` has left, at last seen + `exitAfter`. One not yet confirmed is then forgotten.
 * 3. A stay is [entered, left): both at the confirming frame or timer. `firstSeen` is the first frame of the run that confirmed it.
 * 4. When the camera is lost, its clock is set back or the place is redefined, every stay ends then, with that reason.
 * 5. An object that is present and gains or changes an attribute is noticed.
 * 6. An object twice in a frame counts as it comes first.
 */
import type { Roi, SensorSettings } from "../camera.ts";
import { type CameraKey, type Instant, type Json, milliseconds } from "../envelope.ts";
import type { Box, DetectedObject, EndReason, Frame, FrameRef, Info, PlaceRef, Presence } from "../event.ts";
import { type AnchorAt, anchorAt, anchorX, anchorY, inside, type Region, regionOf } from "../geometry.ts";
import { loaded, type Machine } from "../machine.ts";
import { loadModel, loadObject, saveModels, saveObject } from "./frame-saving.ts";
import { keyedBy } from "./keyed.ts";
import { alike, empty, isNewest, type Newest, noFrame, put, standing, turnTo } from "./newest.ts";
import { atOf, byText, type Now, type PlaceMachine, placeOf, rankOf, refOf } from "./place.ts";
import type { Noticed, Present } from "./rule.ts";
import type { Moment } from "./sensor-time.ts";

/**
 * One is kept for everybody seen lately; who is outside and not present is idle, and its `object`, `seen`, `first`, `away` mean nothing.
 * `object` and `seen` stand still while it is in the newest frame: `objectOf` and `seenOf` know.
 */
class Track {
  readonly id: string;
  at: number;
  object: DetectedObject;
  seen: FrameRef;
  /** The first frame of the run inside that made, or will make, it present. */
  first: FrameRef;
  /** Consecutive frames that speak against what it is: inside while not present, outside while present. */
  run: number;
  /** The first frame outside of a present object's run. */
  away: FrameRef;
  present: boolean;
  start: Instant;
  /** Where it is not in the newest frame, the last one it was in, among those of this memory. */
  counted: number;
  constructor(object: DetectedObject, seen: FrameRef, counted: number) {
    this.id = object.id;
    this.at = -1;
    this.object = object;
    this.seen = seen;
    this.first = seen;
    this.run = 0;
    this.away = seen;
    this.present = false;
    this.start = 0;
    this.counted = counted;
  }
}

/** `wakeAt` is at or before the next timeout: a ring that finds none reckons it anew. Undefined: nobody is present. */
export type Attendance = {
  readonly tracks: Map<string, Track>;
  readonly newest: Newest<Track>;
  /** So many objects of the newest frame, from the first on, belong to somebody present and inside, or to nobody. */
  staying: number;
  present: number;
  frames: number;
  wakeAt: Instant | undefined;
  sweepAt: Instant;
  sweptFrames: number;
};

const noneYet = (): Attendance => ({
  tracks: new Map(),
  newest: noFrame(),
  staying: 0,
  present: 0,
  frames: 0,
  wakeAt: undefined,
  sweepAt: Number.NEGATIVE_INFINITY,
  sweptFrames: 0,
});

export type PresenceMachine = Machine<Moment, Attendance, Presence | Noticed> & Required<Pick<PlaceMachine<Attendance>, "present">>;
type Found = Presence | Noticed;
type Area = {
  /** Undefined: the field of view, where to be seen is to be inside. */
  readonly region: Region | undefined;
  readonly anchor: AnchorAt;
  readonly minFrames: number;
  readonly exitAfter: number;
  readonly place: (key: CameraKey) => PlaceRef;
};

const SWEEP_MS = 1000;
const NOTHING: readonly Found[] = [];

/** Presence in a region. Without a key, each camera has one like it. */
export const presence = (roi: Roi, key?: CameraKey, epoch = 0): PresenceMachine =>
  machine("roi", key, {
    region: regionOf(roi.coordinates),
    anchor: anchorAt(roi.anchor),
    minFrames: roi.minFrames,
    exitAfter: milliseconds(roi.exitAfter),
    place: placeOf("roi", roi.id, key, epoch).place,
  });

/** Presence in the field of view: to be in the frame is to be inside. */
export const presenceInView = ({ minFrames, exitAfter }: SensorSettings["fov"], key?: CameraKey): PresenceMachine =>
  machine("fov", key, {
    region: undefined,
    anchor: anchorAt("center"),
    minFrames,
    exitAfter: milliseconds(exitAfter),
    place: placeOf("fov", key?.camera, key, 0).place,
  });

const allInside = (region: Region, { leftX, topY, rightX, bottomY }: Box): boolean =>
  inside(region, leftX, topY) && inside(region, rightX, topY) && inside(region, rightX, bottomY) && inside(region, leftX, bottomY);

const machine = (name: string, key: CameraKey | undefined, area: Area): PresenceMachine => ({
  name: `presence in ${name}`,
  version: 1,
  keyOf: keyedBy(key),
  at: atOf,
  initial: noneYet,
  step: (state, moment) => {
    if (moment.kind === "frame") return [state, onFrame(area, state, moment)];
    if (moment.kind === "ended") return [state, endAll(area, state, moment, moment.reason)];
    return [state, NOTHING];
  },
  due: (state) => state.wakeAt,
  present: (state, now) => presentIn(area, state, now),
  ring: (state, at, _key, by) => [state, timeOut(area, state, at, by)],
  save: saveAttendance,
  load: (saved, version) => (version === 1 ? loaded(saved, (form) => loadAttendance(form, area), saveAttendance) : undefined),
});

const onFrame = (area: Area, state: Attendance, frame: Frame): readonly Found[] => {
  const { region, anchor, exitAfter, minFrames } = area;
  const { objects, timestamp } = frame;
  const { newest } = state;
  const { tracks } = newest;
  const ref = refOf(frame);
  const same = alike(newest.objects, objects);
  writeDown(state, same);
  let found: Found[] | undefined;
  // In the field of view who is present and seen again stays so: the track, far away in memory by now, is not even looked at.
  const stay = region === undefined ? Math.min(same, state.staying) : 0;
  let staying = 0;
  for (let i = 0; i < objects.length; i++) {
    const object = objects[i] as DetectedObject;
    if (i < stay && object.info === undefined) {
      if (staying === i) staying++;
      continue;
    }
    const track = i < same ? tracks[i] : trackOf(state, i, object, ref);
    if (track === undefined) {
      if (staying === i) staying++;
      continue;
    }
    const isIn =
      region === undefined ||
      (anchor.corners ? allInside(region, object.bbox) : inside(region, anchorX(anchor, object.bbox), anchorY(anchor, object.bbox)));
    if (track.present) {
      // Also outside, but not for long enough to have left: still present, so what it gains there must not be lost.
      const before = i < same ? (newest.objects[i] as DetectedObject) : track.object;
      if ((isIn || track.run + 1 < minFrames) && object.info !== undefined && changed(before.info, object.info)) {
        found ??= [];
        found.push(noticed(area, track, object, frame, ref));
      }
      if (isIn) {
        if (staying === i) staying++;
        track.run = 0;
        continue;
      }
    } else {
      if (!isIn) {
        track.run = 0;
        continue;
      }
      if (track.run > 0 && timestamp - (i < same ? newest.ref : track.seen).timestamp >= exitAfter) track.run = 0;
      if (track.run === 0) track.first = ref;
    }
    const change = turn(area, state, track, object, frame, ref);
    if (change !== undefined) {
      found ??= [];
      found.push(change);
    }
  }
  turnTo(newest, ref, objects);
  state.staying = staying;
  state.frames++;
  if (timestamp >= state.sweepAt) sweep(state, timestamp, exitAfter);
  if (found === undefined) return NOTHING;
  return found.length === 1 ? found : found.sort((a, b) => rankOf(a) - rankOf(b) || byText(a.object.id, b.object.id));
};

const objectOf = ({ newest }: Attendance, track: Track): DetectedObject =>
  isNewest(newest, track) ? (newest.objects[track.at] as DetectedObject) : track.object;

const seenOf = ({ newest }: Attendance, track: Track): FrameRef => (isNewest(newest, track) ? newest.ref : track.seen);

/** For those who may be in the next frame no more. */
const writeDown = ({ newest, frames }: Attendance, from: number): void => {
  const { tracks, objects, ref } = newest;
  for (let i = from; i < tracks.length; i++) {
    const track = tracks[i];
    if (track === undefined) continue;
    track.object = objects[i] as DetectedObject;
    track.seen = ref;
    track.counted = frames;
  }
};

const trackOf = ({ newest, tracks }: Attendance, at: number, object: DetectedObject, ref: FrameRef): Track | undefined => {
  const { id } = object;
  if (id === "") return put(newest, at, undefined);
  const there = standing(newest, at, id);
  if (there !== undefined) return there;
  let track = tracks.get(id);
  if (track === undefined) {
    track = new Track(object, ref, -1);
    tracks.set(id, track);
  }
  return put(newest, at, track);
};

const forget = (state: Attendance, track: Track): void => {
  state.tracks.delete(track.id);
  if (!isNewest(state.newest, track)) return;
  writeDown(state, 0);
  empty(state.newest);
};

/** A frame that speaks against what the object is: inside while not present, outside while present. */
const turn = (area: Area, state: Attendance, track: Track, object: DetectedObject, frame: Frame, ref: FrameRef): Presence | undefined => {
  track.run++;
  if (track.present && track.run === 1) track.away = ref;
  if (track.run < area.minFrames) return undefined;
  track.run = 0;
  if (track.present) {
    absent(state, track);
    return left(area, track, object, frame, ref.timestamp, "left", { from: track.away, to: ref });
  }
  track.present = true;
  track.start = ref.timestamp;
  state.present++;
  state.wakeAt = Math.min(state.wakeAt ?? Number.POSITIVE_INFINITY, ref.timestamp + area.exitAfter);
  return {
    ...told(area, track, object, frame),
    change: "entered",
    at: ref.timestamp,
    reason: undefined,
    cause: { from: track.first, to: ref },
  };
};

const absent = (state: Attendance, track: Track): void => {
  track.present = false;
  state.present--;
  if (state.present === 0) state.wakeAt = undefined;
};

/** Whether something stands in the new attributes that did not stand in the old. */
const changed = (before: Info | undefined, now: Info): boolean => {
  if (before === now) return false;
  return now.some(([name, value]) => before?.some(([oldName, oldValue]) => oldName === name && oldValue === value) !== true);
};

const told = (area: Area, track: Track, object: DetectedObject, by: CameraKey & { readonly receivedAt: Instant }) => ({
  kind: "presence" as const,
  tenant: by.tenant,
  camera: by.camera,
  receivedAt: by.receivedAt,
  place: area.place(by),
  object,
  start: track.start,
  firstSeen: track.first.timestamp,
});

const left = (
  area: Area,
  track: Track,
  object: DetectedObject,
  by: Moment,
  at: Instant,
  reason: EndReason,
  cause: Presence["cause"],
): Presence => ({
  ...told(area, track, object, by),
  change: "left",
  at,
  reason,
  cause,
});

const noticed = (area: Area, track: Track, object: DetectedObject, frame: Frame, ref: FrameRef): Noticed => ({
  kind: "noticed",
  tenant: frame.tenant,
  camera: frame.camera,
  receivedAt: frame.receivedAt,
  place: area.place(frame),
  object,
  at: ref.timestamp,
  firstSeen: track.first.timestamp,
  cause: { from: ref, to: ref },
});

/** Those whose time is up at this instant leave; the next time to look is reckoned from the others. */
const timeOut = (area: Area, state: Attendance, now: Instant, by: Moment): readonly Found[] => {
  let gone: Presence[] | undefined;
  let wakeAt: Instant | undefined;
  for (const track of state.tracks.values()) {
    if (!track.present) continue;
    const seen = seenOf(state, track);
    const due = seen.timestamp + area.exitAfter;
    if (due <= now) {
      gone ??= [];
      gone.push(left(area, track, objectOf(state, track), by, due, "timeout", { from: seen, to: seen }));
      absent(state, track);
      forget(state, track);
    } else if (wakeAt === undefined || due < wakeAt) wakeAt = due;
  }
  state.wakeAt = wakeAt;
  return gone === undefined ? NOTHING : gone.sort((a, b) => byText(a.object.id, b.object.id));
};

const endAll = (area: Area, state: Attendance, by: Moment, reason: EndReason): readonly Found[] => {
  const at = atOf(by);
  const gone: Presence[] = [];
  for (const track of state.tracks.values()) {
    if (!track.present) continue;
    const seen = seenOf(state, track);
    gone.push(left(area, track, objectOf(state, track), by, at, reason, { from: seen, to: seen }));
  }
  Object.assign(state, noneYet());
  return gone.sort((a, b) => byText(a.object.id, b.object.id));
};

const presentIn = (area: Area, state: Attendance, { tenant, camera, receivedAt, at, frame }: Now): readonly Present[] =>
  Array.from(state.tracks.values())
    .filter(({ present }) => present)
    .map((track): Present => {
      const { start, first } = track;
      const object = objectOf(state, track);
      const cause = { from: first, to: frame };
      const place = area.place({ tenant, camera });
      return { kind: "present", tenant, camera, receivedAt, place, object, at, start, firstSeen: first.timestamp, cause };
    })
    .sort((a, b) => byText(a.object.id, b.object.id));

/** Frees those not present who were in no frame since the last sweep and whose run inside, if any, is too old to go on. */
const sweep = (state: Attendance, now: Instant, exitAfter: number): void => {
  for (const track of state.tracks.values()) {
    if (track.present || isNewest(state.newest, track) || track.counted > state.sweptFrames) continue;
    if (track.run === 0 || now - track.seen.timestamp >= exitAfter) forget(state, track);
  }
  state.sweepAt = now + Math.max(exitAfter, SWEEP_MS);
  state.sweptFrames = state.frames;
};

const saveAttendance = (state: Attendance): Json =>
  Array.from(state.tracks.values())
    .filter(({ present, run }) => present || run > 0)
    .map((track) => saveTrack(track, objectOf(state, track), seenOf(state, track)));

const saveTrack = (track: Track, object: DetectedObject, seen: FrameRef): Json => [
  saveObject(object),
  seen.timestamp,
  seen.id,
  track.first.timestamp,
  track.first.id,
  track.run,
  track.away.timestamp,
  track.away.id,
  track.present,
  track.start,
  ...saveModels([seen, track.first, track.away]),
];

type SavedTrack = [Json, number, string, number, string, number, number, string, boolean, number, Json[]?];

const loadAttendance = (saved: Json, { exitAfter }: Area): Attendance => {
  const state = noneYet();
  for (const one of saved as Json[]) {
    const [object, seenAt, seenId, firstAt, firstId, run, awayAt, awayId, present, start, models = []] = one as unknown as SavedTrack;
    const [seenModel, firstModel, awayModel] = models.map(loadModel);
    const track = new Track(loadObject(object), { timestamp: seenAt, id: seenId, modelVersion: seenModel }, 0);
    track.first = { timestamp: firstAt, id: firstId, modelVersion: firstModel };
    track.run = run;
    track.away = { timestamp: awayAt, id: awayId, modelVersion: awayModel };
    track.present = present;
    track.start = start;
    state.tracks.set(track.object.id, track);
    if (!present) continue;
    state.present++;
    state.wakeAt = Math.min(state.wakeAt ?? Number.POSITIVE_INFINITY, seenAt + exitAfter);
  }
  return state;
};
