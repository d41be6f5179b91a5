/**
 * What a place keeps of the newest frame. Tracks in it are not written to as long as nothing changes: when and where they were last
 * seen is read off the frame, and written to them only when they are in it no more. A write of something new into something old costs
 * the collector more than all else that is done for an object that just walks on.
 */
import type { DetectedObject, FrameRef } from "../event.ts";
import { NO_FRAME } from "./place.ts";

/** `at`: where in the newest frame. Means nothing for a track that is not in it. */
export type Placed = { at: number };

/** `tracks` stand as the objects do; none for an object that is not usable, or in the frame already. */
export type Newest<T extends Placed> = { ref: FrameRef; objects: readonly DetectedObject[]; tracks: (T | undefined)[] };

const NO_OBJECTS: readonly DetectedObject[] = [];

export const noFrame = <T extends Placed>(): Newest<T> => ({ ref: NO_FRAME, objects: NO_OBJECTS, tracks: [] });

export const isNewest = <T extends Placed>({ tracks }: Newest<T>, track: T): boolean => tracks[track.at] === track;

const asked = { before: NO_OBJECTS, now: NO_OBJECTS, alike: 0 };

/**
 * How many objects, from the first on, have the ids of those that stood there before: their tracks need not be looked up.
 * All places of a camera ask the same at each frame, and to compare texts is dear: the last answer is kept.
 */
export const alike = (before: readonly DetectedObject[], now: readonly DetectedObject[]): number => {
  if (asked.before === before && asked.now === now) return asked.alike;
  const least = Math.min(before.length, now.length);
  let same = 0;
  while (same < least && (before[same] as DetectedObject).id === (now[same] as DetectedObject).id) same++;
  asked.before = before;
  asked.now = now;
  asked.alike = same;
  return same;
};

/** The track standing here already, if this is its id and it was not met earlier in the frame. */
export const standing = <T extends Placed & { readonly id: string }>({ tracks }: Newest<T>, at: number, id: string): T | undefined => {
  const there = tracks[at];
  return there !== undefined && there.at === at && there.id === id ? there : undefined;
};

/** Puts a track where its object is; not, and then nothing is given back, where the frame has that object already. */
export const put = <T extends Placed>({ tracks }: Newest<T>, at: number, track: T | undefined): T | undefined => {
  const isTwice = track !== undefined && track.at < at && tracks[track.at] === track;
  const put = isTwice ? undefined : track;
  tracks[at] = put;
  if (put !== undefined) put.at = at;
  return put;
};

/** What comes after the frame was gone through. */
export const turnTo = <T extends Placed>(newest: Newest<T>, ref: FrameRef, objects: readonly DetectedObject[]): void => {
  newest.ref = ref;
  newest.objects = objects;
  if (newest.tracks.length > objects.length) newest.tracks.length = objects.length;
};

/** Nothing is read off the newest frame any more: the next one looks everybody up. */
export const empty = <T extends Placed>(newest: Newest<T>): void => {
  newest.objects = NO_OBJECTS;
  newest.tracks = [];
};
