import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFairLine, type Whose } from "../../domain/fair-line.ts";

type One = { readonly whose: Whose; readonly n: number };
const lineOf = (most: number) => {
  const line = createFairLine<One>(most);
  let n = 0;
  /** Who has no place then. */
  const join = (whose: Whose): One | undefined => line.join({ whose, n: n++ }, whose);
  const drained = (): One[] => {
    const all: One[] = [];
    for (let one = line.next(); one !== undefined; one = line.next()) all.push(one);
    return all;
  };
  return { line, join, drained };
};
const names = (all: readonly One[]): string => all.map(({ whose }) => whose ?? "-").join("");

describe("a fair line", () => {
  it("lets one of each through before the next of the same, each in the order it came", () => {
    const { join, drained } = lineOf(100);
    for (const whose of "aaaabbc") expect(join(whose)).toBeUndefined();
    const all = drained();
    expect(names(all)).toBe("abcabaa");
    expect(all.filter(({ whose }) => whose === "a").map(({ n }) => n)).toEqual([0, 1, 2, 3]);
  });

  it("puts who comes again at the end of the round", () => {
    const { line, join, drained } = lineOf(100);
    for (const whose of "aabb") join(whose);
    expect(line.next()?.whose).toBe("a");
    join("c");
    join("a");
    expect(names(drained())).toBe("bacba");
  });

  it("lets ours go before all, and in a full line takes the place of a tenant's for it", () => {
    const { join, drained } = lineOf(3);
    for (const whose of ["a", "b", undefined]) expect(join(whose)).toBeUndefined();
    expect(join(undefined)).toEqual({ whose: "a", n: 0 });
    expect(join("b")).toEqual({ whose: "b", n: 4 });
    expect(join(undefined)).toEqual({ whose: "b", n: 1 });
    expect(join(undefined)).toEqual({ whose: undefined, n: 6 });
    expect(names(drained())).toBe("---");
  });

  it("is all of one's who is alone; another then takes the place of the newest of these, until both have as many", () => {
    const { join, drained } = lineOf(5);
    for (let i = 0; i < 5; i++) expect(join("a")).toBeUndefined();
    expect(join("a")).toEqual({ whose: "a", n: 5 });
    expect(join("b")).toEqual({ whose: "a", n: 4 });
    expect(join("b")).toEqual({ whose: "a", n: 3 });
    // Three and two: one place more would only turn it round.
    expect(join("b")).toEqual({ whose: "b", n: 8 });
    expect(join("c")).toEqual({ whose: "a", n: 2 });
    expect(join("a")).toEqual({ whose: "a", n: 10 });
    expect(drained().map(({ n }) => n)).toEqual([0, 6, 9, 1, 7]);
  });

  it("passes over those that may not go now, and they keep their turn", () => {
    const { line, join, drained } = lineOf(100);
    for (const whose of "aabc") join(whose);
    expect(line.next((whose) => whose !== "a")?.whose).toBe("b");
    expect(line.next((whose) => whose === "d")).toBeUndefined();
    expect(names(drained())).toBe("aca");
  });

  it("is left by who does not wait any more, once, and has room then", () => {
    const { line, drained } = lineOf(2);
    const [first, second, third] = [0, 1, 2].map((n) => ({ whose: "a", n })) as [One, One, One];
    for (const one of [first, second]) line.join(one, "a");
    for (let i = 0; i < 2; i++) line.leave(first, "a");
    expect(line.join(third, "a")).toBeUndefined();
    expect(line.join(first, "a")).toBe(first);
    expect(drained()).toEqual([second, third]);
  });

  it("holds no more than it may, loses nobody, and turns away only who has as many as any other with the newcomer", () => {
    const whose = fc.constantFrom<Whose>("a", "b", "c", undefined);
    const step = fc.oneof({ weight: 3, arbitrary: fc.record({ whose }) }, { weight: 1, arbitrary: fc.constant("next" as const) });
    let [turnedAway, displaced] = [0, 0];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (most, steps) => {
        const line = createFairLine<One>(most);
        const inside = new Set<One>();
        const count = (of: Whose) => [...inside].filter((one) => one.whose === of).length;
        for (const [n, told] of steps.entries()) {
          if (told === "next") {
            const went = line.next();
            expect(went === undefined ? inside.size : inside.delete(went)).toBe(went === undefined ? 0 : true);
            continue;
          }
          const one = { whose: told.whose, n };
          const out = line.join(one, told.whose);
          inside.add(one);
          if (out !== undefined) {
            expect(inside.size).toBe(most + 1);
            const greediest = Math.max(...["a", "b", "c"].map(count));
            if (out === one) {
              turnedAway += 1;
              expect(greediest).toBe(told.whose === undefined ? 0 : count(told.whose));
            } else {
              displaced += 1;
              expect(out.whose).toBeDefined();
              expect(count(out.whose)).toBe(greediest);
            }
            expect(inside.delete(out)).toBe(true);
          }
          expect(inside.size).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(turnedAway, displaced)).toBeGreaterThan(20);
  });
});
