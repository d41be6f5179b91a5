/**
 * Which instants of each camera are recorded: stretches without a gap, since pieces are many and stretches few.
 *
 *   pieces     |--a--||--b--| |--c--|      |--d--|        a seam of up to 250 ms is none
 *   stretches  |--------------------|      |-----|
 *
 * What is removed takes with it what is left of a stretch where that is no longer than a seam: it is a seam whose piece has gone.
 */
import { type CameraKey, type Instant, keyText } from "./envelope.ts";

/** Milliseconds between two pieces that still are one film. */
export const SEAM_MS = 250;

export type Recorded = {
  /** [start, end) is recorded. In any order, and as often as one likes. */
  add(key: CameraKey, start: Instant, end: Instant): void;
  /** [start, end) is recorded no more. */
  remove(key: CameraKey, start: Instant, end: Instant): void;
  covers(key: CameraKey, at: Instant): boolean;
  /** Where the newest stretch ends; undefined where nothing is recorded. */
  end(key: CameraKey): Instant | undefined;
};

type Stretch = { readonly start: Instant; readonly end: Instant };

/** The first that ends at the instant or later. */
const firstEnding = (stretches: readonly Stretch[], at: Instant): number => {
  let [low, high] = [0, stretches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stretches[middle] as Stretch).end < at) low = middle + 1;
    else high = middle;
  }
  return low;
};

export const createRecorded = (): Recorded => {
  const cameras = new Map<string, Stretch[]>();

  const put = (key: string, stretches: Stretch[], from: number, gone: number, instead: readonly Stretch[]): void => {
    stretches.splice(from, gone, ...instead);
    if (stretches.length === 0) cameras.delete(key);
    else cameras.set(key, stretches);
  };

  return {
    add({ tenant, camera }, start, end) {
      if (end <= start) return;
      const key = keyText(tenant, camera);
      const stretches = cameras.get(key) ?? [];
      const from = firstEnding(stretches, start - SEAM_MS);
      let to = from;
      let whole: Stretch = { start, end };
      for (let next = stretches[to]; next !== undefined && next.start <= end + SEAM_MS; next = stretches[++to])
        whole = { start: Math.min(whole.start, next.start), end: Math.max(whole.end, next.end) };
      put(key, stretches, from, to - from, [whole]);
    },
    remove({ tenant, camera }, start, end) {
      const key = keyText(tenant, camera);
      const stretches = cameras.get(key);
      if (stretches === undefined || end <= start) return;
      const from = firstEnding(stretches, start + 1);
      const left: Stretch[] = [];
      let to = from;
      for (let next = stretches[to]; next !== undefined && next.start < end; next = stretches[++to]) {
        if (start - next.start > SEAM_MS) left.push({ start: next.start, end: start });
        if (next.end - end > SEAM_MS) left.push({ start: end, end: next.end });
      }
      put(key, stretches, from, to - from, left);
    },
    covers({ tenant, camera }, at) {
      const stretches = cameras.get(keyText(tenant, camera)) ?? [];
      const found = stretches[firstEnding(stretches, at + 1)];
      return found !== undefined && found.start <= at;
    },
    end: ({ tenant, camera }) => cameras.get(keyText(tenant, camera))?.at(-1)?.end,
  };
};
