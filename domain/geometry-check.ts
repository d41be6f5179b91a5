/** What a wire or a region must be before it is defined. Undefined: it may. */
import type { Point } from "./camera.ts";
import { arrowFits } from "./geometry.ts";
import { limits } from "./limits.ts";

/** `at` follows the field's path: `[2].x`, or "" for the whole. */
export type Flaw = { readonly at: string; readonly detail: string };

const coordinate = (value: number, at: string): Flaw | undefined =>
  Number.isFinite(value) && Math.abs(value) <= limits.pointPx
    ? undefined
    : { at, detail: `must be a number of pixels between -${limits.pointPx} and ${limits.pointPx}` };

export const pointFlaw = ({ x, y }: Point): Flaw | undefined => coordinate(x, ".x") ?? coordinate(y, ".y");

const pointsFlaw = (points: readonly Point[]): Flaw | undefined => {
  for (const [i, point] of points.entries()) {
    const flaw = pointFlaw(point);
    if (flaw !== undefined) return { at: `[${i}]${flaw.at}`, detail: flaw.detail };
  }
  return undefined;
};

const same = (a: Point, b: Point): boolean => a.x === b.x && a.y === b.y;
const doubled = (points: readonly Point[], next: (i: number) => number): Flaw | undefined => {
  const i = points.findIndex((point, at) => next(at) < points.length && next(at) !== at && same(point, points[next(at)] as Point));
  return i < 0 ? undefined : { at: `[${next(i)}]`, detail: `is the same point as [${i}]` };
};

export const wireFlaw = (wire: readonly Point[]): Flaw | undefined => {
  if (wire.length < 2) return { at: "", detail: "a wire needs two points or more" };
  return pointsFlaw(wire) ?? doubled(wire, (i) => i + 1);
};

/** For a wire without flaw. The arrow must lead from one side to the other; one along the wire names no sides. */
export const arrowFlaw = (wire: readonly Point[], p1: Point, p2: Point): Flaw | undefined =>
  arrowFits(wire, p1, p2) ? undefined : { at: "", detail: "p1 and p2 must lie on different sides of the wire" };

export const regionFlaw = (corners: readonly Point[]): Flaw | undefined => {
  if (corners.length < 3) return { at: "", detail: "a region needs three points or more" };
  const flaw = pointsFlaw(corners) ?? doubled(corners, (i) => (i + 1) % corners.length);
  if (flaw !== undefined) return flaw;
  if (twiceArea(corners) === 0) return { at: "", detail: "a region needs an area" };
  return selfCrosses(corners) ? { at: "", detail: "the edges of a region must not cross or touch one another" } : undefined;
};

const next = (corners: readonly Point[], i: number): Point => corners[(i + 1) % corners.length] as Point;

const twiceArea = (corners: readonly Point[]): number =>
  corners.reduce((sum, corner, i) => sum + (corner.x * next(corners, i).y - next(corners, i).x * corner.y), 0);

/** Positive, negative, 0: c is left of the line from a to b, right of it, on it. */
const turn = (a: Point, b: Point, c: Point): number => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);

const between = (a: Point, b: Point, c: Point): boolean =>
  Math.min(a.x, b.x) <= c.x && c.x <= Math.max(a.x, b.x) && Math.min(a.y, b.y) <= c.y && c.y <= Math.max(a.y, b.y);

const touch = (a: Point, b: Point, c: Point, d: Point): boolean => {
  const [abc, abd, cda, cdb] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (((abc > 0 && abd < 0) || (abc < 0 && abd > 0)) && ((cda > 0 && cdb < 0) || (cda < 0 && cdb > 0))) return true;
  return (
    (abc === 0 && between(a, b, c)) || (abd === 0 && between(a, b, d)) || (cda === 0 && between(c, d, a)) || (cdb === 0 && between(c, d, b))
  );
};

/** Whether two edges meet anywhere but at the corner they share. Every pair is tried: a region has few corners. */
const selfCrosses = (corners: readonly Point[]): boolean =>
  corners.some((a, i) => {
    const b = next(corners, i);
    // An edge that turns straight back lies on the one before it.
    const c = next(corners, i + 1);
    if (turn(a, b, c) === 0 && (c.x - b.x) * (a.x - b.x) + (c.y - b.y) * (a.y - b.y) > 0) return true;
    return corners.some((other, j) => j > i + 1 && (j + 1) % corners.length !== i && touch(a, b, other, next(corners, j)));
  });
