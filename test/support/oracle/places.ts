/** Who was where: stays and crossings, found by reading every object's sightings again at every frame. */
import type { Point, Roi, Tripwire } from "../../../domain/camera.ts";
import type { Instant } from "../../../domain/envelope.ts";
import type { Crossing, DetectedObject, EndReason, Frame, FrameRef, PlaceRef, Presence } from "../../../domain/event.ts";
import { anchorPoints, firstTouch, insidePolygon, sideOfPoint, toWire } from "./shapes.ts";
import type { Moment } from "./timeline.ts";

/** When something became known: at a moment, or by a timer due before it. `phase` orders what becomes known together. */
export type Known<T> = T & {
  readonly known: { readonly at: Instant; readonly byTimer: boolean; readonly seq: number; readonly phase: number };
};

/** Time, then timers before frames, then the moment, leavings, entries, crossings; then id by code unit. */
export const inOrder = (a: Known<Crossing | Presence>, b: Known<Crossing | Presence>): number =>
  a.known.at - b.known.at ||
  Number(b.known.byTimer) - Number(a.known.byTimer) ||
  a.known.seq - b.known.seq ||
  a.known.phase - b.known.phase ||
  (a.kind === "crossing" && b.kind === "crossing" ? a.at - b.at : 0) ||
  (a.object.id < b.object.id ? -1 : a.object.id > b.object.id ? 1 : 0);

export const LEFT = 1;
export const ENTERED = 2;
const CROSSED = 3;

export type Seen = { readonly moment: Moment; readonly frame: Frame; readonly at: Instant; readonly object: DetectedObject };

export const refOf = ({ timestamp, id, modelVersion }: Frame): FrameRef => ({ timestamp, id, modelVersion });

/** A door gives "" to whatever is no confirmed track. */
const usable = (id: string): boolean => id !== "";

/** Every object's sightings in these moments, in order. Of two objects of one id in a frame the first counts. */
export const sightings = (moments: readonly Moment[]): ReadonlyMap<string, readonly Seen[]> => {
  const all = new Map<string, Seen[]>();
  for (const moment of moments) {
    if (typeof moment.what !== "object" || !("frame" in moment.what)) continue;
    const { frame } = moment.what;
    for (const object of frame.objects) {
      if (!usable(object.id)) continue;
      const seen = all.get(object.id) ?? [];
      if (seen.at(-1)?.moment === moment) continue;
      all.set(object.id, [...seen, { moment, frame, at: frame.timestamp, object }]);
    }
  }
  return all;
};

/** Cut where the object was not seen for so long. */
export const tracks = (seen: readonly Seen[], forgottenAfter: number): readonly (readonly Seen[])[] => {
  const cut: Seen[][] = [];
  for (const sight of seen) {
    const before = cut.at(-1)?.at(-1);
    if (before === undefined || sight.at - before.at >= forgottenAfter) cut.push([sight]);
    else cut.at(-1)?.push(sight);
  }
  return cut;
};

/** A stretch of a place's life without an end in it; `end` closes it. */
export type Stretch = {
  readonly moments: readonly Moment[];
  readonly end: { readonly moment: Moment; readonly reason: EndReason } | undefined;
};

/** The first moment that knows that this instant has come. */
export const reaches = (stretch: Stretch, at: Instant): Moment | undefined =>
  [...stretch.moments, ...(stretch.end === undefined ? [] : [stretch.end.moment])].find((moment) => moment.at >= at);

export type Stay = {
  readonly object: string;
  readonly entered: Known<Presence>;
  readonly left: Known<Presence> | undefined;
  readonly seen: readonly Seen[];
};

/** Stays of one stretch. `region` undefined: the field of view. */
export const staysOf = (
  stretch: Stretch,
  place: PlaceRef,
  region: Roi | undefined,
  fov: { readonly minFrames: number; readonly exitAfter: number },
  camera: { readonly tenant: string; readonly camera: string },
): readonly Stay[] => {
  const { minFrames, exitAfter } = region ?? fov;
  const exitMs = exitAfter * 1000;
  const within = (object: DetectedObject): boolean =>
    region === undefined || anchorPoints(object.bbox, region.anchor).every((point) => insidePolygon(region.coordinates, point));
  const stays: Stay[] = [];

  for (const [id, seen] of sightings(stretch.moments))
    for (const track of tracks(seen, exitMs)) {
      let entered: Known<Presence> | undefined;
      let since = 0;
      /** The last minFrames sightings up to `i` all say `inside`. */
      const confirmed = (i: number, inside: boolean): boolean =>
        i + 1 >= minFrames && track.slice(i + 1 - minFrames, i + 1).every((sight) => within(sight.object) === inside);
      const told = (
        change: "entered" | "left",
        fields: Pick<Presence, "object" | "at" | "start" | "firstSeen" | "reason" | "cause"> & { readonly receivedAt: Instant },
        seq: number,
        byTimer: boolean,
        phase: number,
      ): Known<Presence> => ({ kind: "presence", ...camera, change, place, ...fields, known: { at: fields.at, byTimer, seq, phase } });

      track.forEach((sight, i) => {
        if (entered === undefined && confirmed(i, true)) {
          const first = track[i + 1 - minFrames] as Seen;
          since = i;
          entered = told(
            "entered",
            {
              object: sight.object,
              at: sight.at,
              start: sight.at,
              firstSeen: first.at,
              reason: undefined,
              cause: { from: refOf(first.frame), to: refOf(sight.frame) },
              receivedAt: sight.moment.fact.receivedAt,
            },
            sight.moment.seq,
            false,
            ENTERED,
          );
        } else if (entered !== undefined && i > since && i - since >= minFrames && confirmed(i, false)) {
          const left = told(
            "left",
            {
              object: sight.object,
              at: sight.at,
              start: entered.start,
              firstSeen: entered.firstSeen,
              reason: "left",
              cause: { from: refOf((track[i + 1 - minFrames] as Seen).frame), to: refOf(sight.frame) },
              receivedAt: sight.moment.fact.receivedAt,
            },
            sight.moment.seq,
            false,
            LEFT,
          );
          stays.push({ object: id, entered, left, seen: track.slice(since, i) });
          entered = undefined;
        }
      });
      if (entered === undefined) continue;
      const lastSeen = track.at(-1) as Seen;
      const dueAt = lastSeen.at + exitMs;
      const rung = reaches(stretch, dueAt);
      const end = rung === undefined ? stretch.end?.moment : rung;
      const gone =
        end === undefined
          ? undefined
          : told(
              "left",
              {
                object: lastSeen.object,
                at: rung === undefined ? end.at : dueAt,
                start: entered.start,
                firstSeen: entered.firstSeen,
                reason: rung === undefined ? (stretch.end?.reason as EndReason) : "timeout",
                cause: { from: refOf(lastSeen.frame), to: refOf(lastSeen.frame) },
                receivedAt: end.fact.receivedAt,
              },
              end.seq,
              rung !== undefined,
              LEFT,
            );
      stays.push({ object: id, entered, left: gone, seen: track.slice(since) });
    }
  return stays;
};

/** Crossings of one wire in one stretch. */
export const crossingsOf = (
  stretch: Stretch,
  place: PlaceRef,
  wire: Tripwire,
  camera: { readonly tenant: string; readonly camera: string },
): readonly Known<Crossing>[] => {
  const found: Known<Crossing>[] = [];
  const points = (sight: Seen): readonly Point[] => anchorPoints(sight.object.bbox, wire.anchor);
  const sideOf = (sight: Seen): "p1" | "p2" | undefined => {
    const sides = new Set(points(sight).map((point) => sideOfPoint(wire.wire, wire.direction.p1, point)));
    return sides.size === 1 ? [...sides][0] : undefined;
  };
  const clear = (sight: Seen): boolean => points(sight).every((point) => toWire(wire.wire, point) >= wire.bufferPx);

  for (const seen of sightings(stretch.moments).values())
    for (const track of tracks(seen, wire.trackTimeout * 1000)) {
      const sided = track.filter((sight) => sideOf(sight) !== undefined);
      let side = sided[0] === undefined ? undefined : sideOf(sided[0]);
      sided.forEach((sight, i) => {
        const other = sideOf(sight);
        if (other === side) return;
        const lastOld = sided.findLastIndex((before, k) => k < i && sideOf(before) === side);
        const run = sided.slice(lastOld + 1, i + 1);
        if (run.length < wire.minFrames || !run.some(clear)) return;
        const path = track.slice(track.indexOf(sided[lastOld] as Seen), track.indexOf(sight) + 1);
        const met = points(sight).map((_, corner) => {
          for (let k = 1; k < path.length; k += 1) {
            const [from, to] = [path[k - 1] as Seen, path[k] as Seen];
            const share = firstTouch(wire.wire, points(from)[corner] as Point, points(to)[corner] as Point);
            if (share !== undefined) return from.at + share * (to.at - from.at);
          }
          return undefined;
        });
        const old = side;
        side = other;
        if (met.some((instant) => instant === undefined)) return;
        found.push({
          kind: "crossing",
          ...camera,
          place,
          object: sight.object,
          direction: old === "p1" ? "entry" : "exit",
          at: Math.round(Math.max(...(met as number[]))),
          confirmedAt: sight.at,
          late: false,
          cause: { from: refOf((path[0] as Seen).frame), to: refOf(sight.frame) },
          receivedAt: sight.moment.fact.receivedAt,
          known: { at: sight.at, byTimer: false, seq: sight.moment.seq, phase: CROSSED },
        });
      });
    }
  return found;
};
