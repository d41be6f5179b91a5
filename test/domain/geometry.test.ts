import { describe, expect, it } from "vitest";
import type { Point } from "../../domain/camera.ts";
import { anchorAt, anchorX, anchorY, arrowFits, distanceToWire2, inside, meets, regionOf, sideOf, wireOf } from "../../domain/geometry.ts";

const p = (x: number, y: number): Point => ({ x, y });

describe("a straight wire", () => {
  // ---- from (0, 100) to (200, 100); the arrow leads down, so p2's side is below
  const wire = wireOf([p(0, 100), p(200, 100)], p(100, 50), p(100, 150));

  it.each([
    ["above it", p(100, 99.9), "p1"],
    ["below it", p(100, 100.1), "p2"],
    ["exactly on it", p(100, 100), "p1"],
    ["on its end", p(200, 100), "p1"],
    ["beyond its end, below the line through it", p(500, 101), "p2"],
    ["beyond its end, on the line through it", p(500, 100), "p1"],
  ])("takes a point %s to its side", (_, point, side) => expect(sideOf(wire, point)).toBe(side));

  it("keeps the wire itself on p1's side when the arrow is turned round", () => {
    const turned = wireOf([p(0, 100), p(200, 100)], p(100, 150), p(100, 50));
    expect([sideOf(turned, p(100, 150)), sideOf(turned, p(100, 50)), sideOf(turned, p(100, 100))]).toEqual(["p1", "p2", "p1"]);
  });

  it("does not care in which direction it is drawn", () => {
    const drawnBack = wireOf([p(200, 100), p(0, 100)], p(100, 50), p(100, 150));
    expect([sideOf(drawnBack, p(100, 50)), sideOf(drawnBack, p(100, 150)), sideOf(drawnBack, p(100, 100))]).toEqual(["p1", "p2", "p1"]);
  });

  it.each([
    ["straight across", p(100, 80), p(100, 120), 0.5],
    ["across, met early", p(100, 90), p(100, 130), 0.25],
    ["through its very end", p(200, 80), p(200, 120), 0.5],
    ["through its other end, aslant", p(-10, 90), p(10, 110), 0.5],
    ["past its end", p(201, 80), p(201, 120), -1],
    ["up to it and no further", p(100, 80), p(100, 100), 1],
    ["away from it, begun on it", p(100, 100), p(100, 120), 0],
    ["short of it", p(100, 80), p(100, 99), -1],
    ["along it", p(50, 100), p(150, 100), 0],
    ["along its line onto it", p(-100, 100), p(100, 100), 0.5],
    ["along its line onto it from the other end", p(300, 100), p(100, 100), 0.5],
    ["along its line away from it", p(-100, 100), p(-10, 100), -1],
    ["along its line beyond the other end", p(300, 100), p(210, 100), -1],
    ["standing on it", p(100, 100), p(100, 100), 0],
    ["standing beside it", p(100, 90), p(100, 90), -1],
    ["beside it", p(0, 90), p(200, 90), -1],
  ])("is met by a way %s", (_, from, to, part) => expect(meets(wire, from.x, from.y, to.x, to.y)).toBe(part));

  it("measures its distance from the nearest point of it", () => {
    expect([distanceToWire2(wire, 100, 130), distanceToWire2(wire, 203, 104), distanceToWire2(wire, 50, 100)]).toEqual([900, 25, 0]);
  });
});

describe("a bent wire", () => {
  // a(0,100) -- b(100,100), then up to c(100,0): inside the corner is above left, p1 there, p2 outside
  const corner = wireOf([p(0, 100), p(100, 100), p(100, 0)], p(50, 50), p(150, 150));

  it.each([
    ["inside the corner, nearer the flat piece", p(40, 90), "p1"],
    ["inside the corner, nearer the upright piece", p(95, 20), "p1"],
    ["below the flat piece", p(50, 110), "p2"],
    ["right of the upright piece", p(110, 50), "p2"],
    ["outside, nearest to the corner, further below", p(110, 150), "p2"],
    ["outside, nearest to the corner, further right", p(150, 110), "p2"],
    ["on the corner", p(100, 100), "p1"],
  ])("takes a point %s to its side", (_, point, side) => expect(sideOf(corner, point)).toBe(side));

  // A hairpin: both pieces leave b to the left; what lies right of b is nearest to b of both.
  const hairpin = wireOf([p(0, 90), p(100, 100), p(0, 110)], p(20, 100), p(20, 200));
  it.each([
    ["right of the tip, above", p(150, 97), "p2"],
    ["right of the tip, below", p(150, 103), "p2"],
    ["between the pieces", p(50, 100), "p1"],
    ["above both", p(50, 80), "p2"],
  ])("lets the piece whose line is further away decide at a shared corner: %s", (_, point, side) =>
    expect(sideOf(hairpin, point)).toBe(side),
  );

  it("is first met where the way first meets any piece of it", () => {
    expect(meets(corner, 50, 50, 150, 50)).toBe(0.5);
    expect(meets(corner, 0, 150, 200, -50)).toBe(0.25);
    expect(meets(corner, 0, 50, 90, 50)).toBe(-1);
  });

  it("leaves out points that repeat the one before", () => {
    const doubled = wireOf([p(0, 100), p(0, 100), p(200, 100)], p(100, 50), p(100, 150));
    expect([sideOf(doubled, p(0, 150)), meets(doubled, 0, 50, 0, 150)]).toEqual(["p2", 0.5]);
  });
});

describe("an arrow", () => {
  const line = [p(0, 100), p(200, 100)];
  it.each([
    ["across", p(100, 50), p(100, 150), true],
    ["that starts on the wire", p(100, 100), p(100, 150), true],
    ["that ends on the wire", p(100, 50), p(100, 100), false],
    ["on one side", p(100, 50), p(120, 60), false],
    ["along the wire", p(0, 100), p(100, 100), false],
  ])("%s fits or does not", (_, p1, p2, fits) => expect(arrowFits(line, p1, p2)).toBe(fits));

  it("fits no wire without length, and such a wire is not made", () => {
    expect(arrowFits([p(1, 1), p(1, 1)], p(0, 0), p(2, 2))).toBe(false);
    expect(() => wireOf([p(1, 1), p(1, 1)], p(0, 0), p(2, 2))).toThrow(RangeError);
  });
});

describe("a region", () => {
  const square = regionOf([p(0, 0), p(100, 0), p(100, 100), p(0, 100)]);
  // A U: the notch between its arms is outside
  const notched = regionOf([p(0, 0), p(30, 0), p(30, 70), p(70, 70), p(70, 0), p(100, 0), p(100, 100), p(0, 100)]);
  it.each([
    ["in the middle", square, p(50, 50), true],
    ["on an edge", square, p(100, 50), true],
    ["on a corner", square, p(0, 100), true],
    ["on the top edge", square, p(50, 0), true],
    ["beside it, level with a corner", square, p(101, 100), false],
    ["just outside", square, p(100.001, 50), false],
    ["in the notch", notched, p(50, 50), false],
    ["on the floor of the notch", notched, p(50, 70), true],
    ["on the side of the notch", notched, p(30, 20), true],
    ["in an arm", notched, p(85, 10), true],
    ["in the notch, level with its floor's corner", notched, p(50, 69.9), false],
  ])("knows a point %s", (_, region, point, expected) => expect(inside(region, point.x, point.y)).toBe(expected));

  it("is the same however it is drawn", () => {
    const back = regionOf([p(0, 100), p(100, 100), p(100, 0), p(0, 0)]);
    for (let x = -5; x <= 105; x += 5) for (let y = -5; y <= 105; y += 5) expect(inside(back, x, y)).toBe(inside(square, x, y));
  });
});

describe("an anchor", () => {
  const box = { leftX: 10, topY: 20, rightX: 30, bottomY: 60 };
  it.each([
    ["top-left", 10, 20],
    ["top-center", 20, 20],
    ["top-right", 30, 20],
    ["center-left", 10, 40],
    ["center", 20, 40],
    ["center-right", 30, 40],
    ["bottom-left", 10, 60],
    ["bottom-center", 20, 60],
    ["bottom-right", 30, 60],
  ] as const)("%s stands where it says", (anchor, x, y) => {
    const at = anchorAt(anchor);
    expect([anchorX(at, box), anchorY(at, box), at.corners]).toEqual([x, y, false]);
  });

  it("of the largest box there is stays a number", () => {
    const huge = { leftX: Number.MAX_VALUE, topY: Number.MAX_VALUE, rightX: Number.MAX_VALUE, bottomY: Number.MAX_VALUE };
    expect(anchorX(anchorAt("center"), huge)).toBe(Number.MAX_VALUE);
  });
});
