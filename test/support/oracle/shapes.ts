/**
 * Plane geometry, read from the words and nothing else. It is slow and it shares no line with domain/geometry.ts.
 * All coordinates are pixels; y grows downwards.
 */
import type { Anchor, Point } from "../../../domain/camera.ts";
import type { Box } from "../../../domain/event.ts";

/** The points that stand for a box: one, or the four corners. */
export const anchorPoints = (box: Box, anchor: Anchor): readonly Point[] => {
  const xs = { left: box.leftX, center: (box.leftX + box.rightX) / 2, right: box.rightX };
  const ys = { top: box.topY, center: (box.topY + box.bottomY) / 2, bottom: box.bottomY };
  if (anchor === "all-corners")
    return [
      { x: xs.left, y: ys.top },
      { x: xs.right, y: ys.top },
      { x: xs.right, y: ys.bottom },
      { x: xs.left, y: ys.bottom },
    ];
  if (anchor === "center") return [{ x: xs.center, y: ys.center }];
  const [vertical, horizontal] = anchor.split("-") as ["top" | "center" | "bottom", "left" | "center" | "right"];
  return [{ x: xs[horizontal], y: ys[vertical] }];
};

/** Twice the signed area of the triangle a, b, c. */
const turn = (a: Point, b: Point, c: Point): number => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);

const between = (a: number, b: number, c: number): boolean => Math.min(a, b) <= c && c <= Math.max(a, b);
const onPiece = (a: Point, b: Point, p: Point): boolean => turn(a, b, p) === 0 && between(a.x, b.x, p.x) && between(a.y, b.y, p.y);

const piecesOf = (wire: readonly Point[]): readonly (readonly [Point, Point])[] =>
  wire.slice(1).map((end, i) => [wire[i] as Point, end] as const);

const length = (a: Point, b: Point): number => Math.hypot(b.x - a.x, b.y - a.y);

const toPiece = (a: Point, b: Point, p: Point): number => {
  const along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / ((b.x - a.x) ** 2 + (b.y - a.y) ** 2);
  if (along <= 0) return length(a, p);
  if (along >= 1) return length(b, p);
  return Math.abs(turn(a, b, p)) / length(a, b);
};

/** Pixels from the point to the nearest point of the wire. */
export const toWire = (wire: readonly Point[], p: Point): number => Math.min(...piecesOf(wire).map(([a, b]) => toPiece(a, b, p)));

/** The side of the nearest piece; where two are equally near, of the one whose line is further away. */
const signOf = (wire: readonly Point[], p: Point): number => {
  const nearest = toWire(wire, p);
  const candidates = piecesOf(wire)
    .filter(([a, b]) => Math.abs(toPiece(a, b, p) - nearest) < 1e-9)
    .map(([a, b]) => turn(a, b, p) / length(a, b))
    .sort((l, r) => Math.abs(r) - Math.abs(l));
  return Math.sign(candidates[0] as number);
};

/** "p1" when the point is on the side where the arrow starts, or on the wire itself. */
export const sideOfPoint = (wire: readonly Point[], p1: Point, p: Point): "p1" | "p2" => {
  const sign = signOf(wire, p);
  return sign === 0 || sign === signOf(wire, p1) ? "p1" : "p2";
};

/** The share of the way from `from` to `to` (0 to 1) at which it first touches the wire; undefined when it never does. */
export const firstTouch = (wire: readonly Point[], from: Point, to: Point): number | undefined => {
  const shares: number[] = [];
  for (const [a, b] of piecesOf(wire)) {
    if (onPiece(a, b, from)) shares.push(0);
    if (onPiece(a, b, to)) shares.push(1);
    for (const end of [a, b]) if (onPiece(from, to, end) && length(from, to) > 0) shares.push(length(from, end) / length(from, to));
    const start = turn(a, b, from);
    const stop = turn(a, b, to);
    const crossesLine = (start < 0 && stop > 0) || (start > 0 && stop < 0);
    const left = turn(from, to, a);
    const right = turn(from, to, b);
    const crossesPath = (left <= 0 && right >= 0) || (left >= 0 && right <= 0);
    if (crossesLine && crossesPath) shares.push(start / (start - stop));
  }
  return shares.length === 0 ? undefined : Math.min(...shares);
};

/** Inside or on the edge: on an edge, or an odd number of edges to the right. */
export const insidePolygon = (polygon: readonly Point[], p: Point): boolean => {
  const edges = polygon.map((a, i) => [a, polygon[(i + 1) % polygon.length] as Point] as const);
  if (edges.some(([a, b]) => onPiece(a, b, p))) return true;
  return (
    edges.filter(([a, b]) => {
      if (a.y > p.y === b.y > p.y) return false;
      const [low, high] = a.y < b.y ? [a, b] : [b, a];
      return turn(low, high, p) > 0;
    }).length %
      2 ===
    1
  );
};
