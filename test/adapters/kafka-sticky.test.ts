import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Claim, divide } from "../../adapters/kafka/sticky.ts";

const claim = (member: string, claims: readonly number[] = [], generation = 1): Claim => ({ member, claims, generation });
const divided = (partitions: number, members: readonly Claim[]) => Object.fromEntries(divide(partitions, members));

describe("dividing partitions", () => {
  it("gives all to one, and to a second what the first gives up", () => {
    expect(divided(4, [claim("a")])).toEqual({ a: [0, 1, 2, 3] });
    expect(divided(4, [claim("a", [0, 1, 2, 3]), claim("b", [], -1)])).toEqual({ a: [0, 1], b: [2, 3] });
  });

  it("moves only what a member that left had", () => {
    expect(divided(6, [claim("a", [0, 1]), claim("c", [4, 5])])).toEqual({ a: [0, 1, 2], c: [3, 4, 5] });
  });

  it("believes the later of two who claim the same", () => {
    expect(divided(2, [claim("a", [0, 1], 3), claim("b", [1], 4)])).toEqual({ a: [0], b: [1] });
  });

  it("is fair, complete and sticky whatever is claimed, in whatever order", () => {
    const members = fc.uniqueArray(
      fc.record({
        member: fc.string({ minLength: 1, maxLength: 3 }),
        claims: fc.uniqueArray(fc.nat(20), { maxLength: 20 }),
        generation: fc.integer({ min: -1, max: 5 }),
      }),
      { minLength: 1, maxLength: 7, selector: ({ member }) => member },
    );
    let kept = 0;
    fc.assert(
      fc.property(fc.nat(18), members, (partitions, claims) => {
        const given = divide(partitions, claims);
        const sizes = [...given.values()].map((has) => has.length);
        expect([...given.values()].flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(given).toEqual(divide(partitions, [...claims].reverse()));
        // What one alone claims, and not more of it than the smaller share, stays.
        for (const { member, claims: has } of claims) {
          const undisputed = has.filter(
            (one) => one < partitions && claims.every((other) => other.member === member || !other.claims.includes(one)),
          );
          const stays = (given.get(member) as readonly number[]).filter((one) => undisputed.includes(one)).length;
          expect(stays).toBeGreaterThanOrEqual(
            Math.min(undisputed.length, Math.floor(partitions / claims.length)) - (has.length - undisputed.length),
          );
          kept += stays;
        }
      }),
    );
    expect(kept).toBeGreaterThan(100);
  });

  it("changes nothing when nothing has changed", () => {
    fc.assert(
      fc.property(fc.nat(18), fc.integer({ min: 1, max: 7 }), (partitions, count) => {
        const first = divide(
          partitions,
          Array.from({ length: count }, (_, i) => claim(`m${i}`)),
        );
        expect(
          divide(
            partitions,
            [...first].map(([member, has]) => claim(member, has)),
          ),
        ).toEqual(first);
      }),
    );
  });
});
