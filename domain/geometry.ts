/**
 * Points, wires and regions, in pixels: x grows to the right, y downwards.
 *
 *            p2's side                    A bent wire: the side is that of the nearest piece. Nearest to a
 *               ^                         shared corner, the piece whose line is further away decides:
 *     a --------|--------- b
 *               | arrow                        b ------ c      P is nearest to corner b of both pieces;
 *            p1's side                        /                the line through a and b is further
 *                                            a    P            from it than the line through b and c.
 *
 * On the wire, and on the line through its nearest piece, is p1's side. A path that touches an end of the wire meets it.
 */
import type { Anchor, Point } from "./camera.ts";
import type { Box } from "./event.ts";

/** One straight piece. Both ends are kept: an end reckoned from the other and the difference may miss it by a bit. */
type Piece = {
  readonly x: number;
  readonly y: number;
  readonly endX: number;
  readonly endY: number;
  readonly dx: number;
  readonly dy: number;
};

const pieceOf = (x: number, y: number, endX: number, endY: number): Piece => ({ x, y, endX, endY, dx: endX - x, dy: endY - y });

/** A wire made ready: pieces without length are left out. `towards` is 1 where p2 lies left of the line as drawn, else -1. */
export type Wire = { readonly pieces: readonly Piece[]; readonly towards: 1 | -1 };
export type Side = "p1" | "p2";

const cross = (piece: Piece, x: number, y: number): number => piece.dx * (y - piece.y) - piece.dy * (x - piece.x);

const piecesOf = (points: readonly Point[]): Piece[] => {
  const pieces: Piece[] = [];
  for (let i = 1; i < points.length; i++) {
    const from = points[i - 1] as Point;
    const to = points[i] as Point;
    if (from.x !== to.x || from.y !== to.y) pieces.push(pieceOf(from.x, from.y, to.x, to.y));
  }
  return pieces;
};

/** Squared distance to a piece; at a corner reckoned from the corner itself, so that two pieces sharing it agree to the last bit. */
const distance2 = (piece: Piece, x: number, y: number): number => {
  const along = piece.dx * (x - piece.x) + piece.dy * (y - piece.y);
  const length2 = piece.dx * piece.dx + piece.dy * piece.dy;
  if (along > 0 && along < length2) {
    const off = cross(piece, x, y);
    return (off * off) / length2;
  }
  const offX = x - (along <= 0 ? piece.x : piece.endX);
  const offY = y - (along <= 0 ? piece.y : piece.endY);
  return offX * offX + offY * offY;
};

/** Squared distance to the line through a piece. */
const lineDistance2 = (piece: Piece, x: number, y: number): number => {
  const off = cross(piece, x, y);
  return (off * off) / (piece.dx * piece.dx + piece.dy * piece.dy);
};

/** Positive on one side of the wire, negative on the other, 0 on the line of its nearest piece. */
const lean = (pieces: readonly Piece[], x: number, y: number): number => {
  let nearest = pieces[0] as Piece;
  if (pieces.length > 1) {
    let least = distance2(nearest, x, y);
    for (let i = 1; i < pieces.length; i++) {
      const piece = pieces[i] as Piece;
      const distance = distance2(piece, x, y);
      if (distance < least || (distance === least && lineDistance2(piece, x, y) > lineDistance2(nearest, x, y))) {
        nearest = piece;
        least = distance;
      }
    }
  }
  return cross(nearest, x, y);
};

/** Whether the arrow's points lie on different sides of a wire that has a length: what a definition must satisfy. */
export const arrowFits = (points: readonly Point[], p1: Point, p2: Point): boolean => {
  const pieces = piecesOf(points);
  if (pieces.length === 0) return false;
  const from = lean(pieces, p1.x, p1.y);
  const to = lean(pieces, p2.x, p2.y);
  return (to > 0 && from <= 0) || (to < 0 && from >= 0);
};

/** Throws RangeError where `arrowFits` says no: the decider has refused such a wire. */
export const wireOf = (points: readonly Point[], p1: Point, p2: Point): Wire => {
  if (!arrowFits(points, p1, p2)) throw new RangeError("the arrow's points lie on one side of the wire");
  const pieces = piecesOf(points);
  return { pieces, towards: lean(pieces, p2.x, p2.y) > 0 ? 1 : -1 };
};

/** True on p2's side; on the wire is still p1's. */
export const beyond = (wire: Wire, x: number, y: number): boolean => {
  const { pieces } = wire;
  const off = pieces.length === 1 ? cross(pieces[0] as Piece, x, y) : lean(pieces, x, y);
  return wire.towards === 1 ? off > 0 : off < 0;
};

export const sideOf = (wire: Wire, { x, y }: Point): Side => (beyond(wire, x, y) ? "p2" : "p1");

/** Squared distance to the wire. */
export const distanceToWire2 = (wire: Wire, x: number, y: number): number => {
  let least = Number.POSITIVE_INFINITY;
  for (const piece of wire.pieces) least = Math.min(least, distance2(piece, x, y));
  return least;
};

/**
 * Where on the way from (x0, y0) to (x1, y1) the wire is first met: 0 at the start, 1 at the end, -1 where it is not.
 * Touching counts, at either end of the wire and at either end of the way.
 */
export const meets = (wire: Wire, x0: number, y0: number, x1: number, y1: number): number => {
  let first = -1;
  for (const piece of wire.pieces) {
    const part = meetsPiece(piece, x0, y0, x1, y1);
    if (part >= 0 && (first < 0 || part < first)) first = part;
  }
  return first;
};

const meetsPiece = (piece: Piece, x0: number, y0: number, x1: number, y1: number): number => {
  const start = cross(piece, x0, y0);
  const end = cross(piece, x1, y1);
  if (start === 0 && end === 0) return meetsAlong(piece, x0, y0, x1, y1);
  if ((start > 0 && end > 0) || (start < 0 && end < 0)) return -1;
  const way = pieceOf(x0, y0, x1, y1);
  const one = cross(way, piece.x, piece.y);
  const other = cross(way, piece.endX, piece.endY);
  if ((one > 0 && other > 0) || (one < 0 && other < 0)) return -1;
  const part = start === 0 ? 0 : start / (start - end);
  return part >= 0 && part <= 1 ? part : -1; // not a number where coordinates overflow
};

/** The way runs along the piece's own line, or stands on it. */
const meetsAlong = (piece: Piece, x0: number, y0: number, x1: number, y1: number): number => {
  const length2 = piece.dx * piece.dx + piece.dy * piece.dy;
  const from = (piece.dx * (x0 - piece.x) + piece.dy * (y0 - piece.y)) / length2;
  const to = (piece.dx * (x1 - piece.x) + piece.dy * (y1 - piece.y)) / length2;
  if (from >= 0 && from <= 1) return 0;
  if (from < 0) return to >= 0 ? from / (from - to) : -1;
  return to <= 1 ? (from - 1) / (from - to) : -1;
};

/** A simple polygon made ready; its edge belongs to it. `upright`: a rectangle along the axes, as most are; its bounds say it all. */
export type Region = {
  readonly pieces: readonly Piece[];
  readonly upright: boolean;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

export const regionOf = (corners: readonly Point[]): Region => {
  const xs = corners.map((corner) => corner.x);
  const ys = corners.map((corner) => corner.y);
  const pieces = piecesOf([...corners, corners[0] as Point]);
  const lies = pieces[0]?.dy === 0;
  return {
    pieces,
    upright: pieces.length === 4 && pieces.every(({ dx, dy }, i) => ((i % 2 === 0) === lies ? dy === 0 : dx === 0)),
    left: Math.min(...xs),
    top: Math.min(...ys),
    right: Math.max(...xs),
    bottom: Math.max(...ys),
  };
};

/** Whether the point is in the region or on its edge: rays to the right are counted, after a look for the edge itself. */
export const inside = (region: Region, x: number, y: number): boolean => {
  if (!(x >= region.left && x <= region.right && y >= region.top && y <= region.bottom)) return false;
  if (region.upright) return true;
  const { pieces } = region;
  let within = false;
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] as Piece;
    const off = cross(piece, x, y);
    if (off === 0 && (x - piece.x) * (x - piece.endX) <= 0 && (y - piece.y) * (y - piece.endY) <= 0) return true;
    if (piece.y > y !== piece.endY > y && off > 0 === piece.dy > 0) within = !within;
  }
  return within;
};

/** Where in a box the anchor is, made ready: 0 left or top, 1 the middle, 2 right or bottom. `corners`: all four stand for it. */
export type AnchorAt = { readonly across: 0 | 1 | 2; readonly down: 0 | 1 | 2; readonly corners: boolean };

export const anchorAt = (anchor: Anchor): AnchorAt => ({
  across: anchor.endsWith("left") ? 0 : anchor.endsWith("right") ? 2 : 1,
  down: anchor.startsWith("top") ? 0 : anchor.startsWith("bottom") ? 2 : 1,
  corners: anchor === "all-corners",
});

/** Halves are added, not sums halved: no finite box overflows. */
export const anchorX = (at: AnchorAt, box: Box): number =>
  at.across === 1 ? box.leftX / 2 + box.rightX / 2 : at.across === 0 ? box.leftX : box.rightX;

export const anchorY = (at: AnchorAt, box: Box): number =>
  at.down === 2 ? box.bottomY : at.down === 0 ? box.topY : box.topY / 2 + box.bottomY / 2;
