import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecorded, SEAM_MS } from "../../domain/recorded.ts";

const door = { tenant: "t1", camera: "door" };
const END = 6000;

/** The same, as a set of instants. */
const instants = () => {
  const covered = new Set<number>();
  const fill = (from: number, to: number): void => {
    for (let at = from; at < to; at++) covered.add(at);
  };
  const clear = (from: number, to: number): void => {
    for (let at = from; at < to; at++) covered.delete(at);
  };
  const before = (at: number): number => {
    let first = at;
    while (covered.has(first - 1)) first -= 1;
    return first;
  };
  const after = (at: number): number => {
    let last = at;
    while (covered.has(last)) last += 1;
    return last;
  };
  return {
    covered,
    stretches: (): number => {
      let count = 0;
      for (const at of covered) if (!covered.has(at - 1)) count += 1;
      return count;
    },
    add(start: number, end: number) {
      fill(start, end);
      for (let gap = 1; gap <= SEAM_MS; gap++) {
        if (covered.has(start - gap - 1)) fill(start - gap, start);
        if (covered.has(end + gap)) fill(end, end + gap);
      }
    },
    remove(start: number, end: number) {
      const cutLeft = covered.has(start) && covered.has(start - 1);
      const cutRight = covered.has(end - 1) && covered.has(end);
      clear(start, end);
      if (cutLeft && start - before(start) <= SEAM_MS) clear(before(start), start);
      if (cutRight && after(end) - end <= SEAM_MS) clear(end, after(end));
    },
  };
};

describe("what is recorded", () => {
  it("is what was added and not removed, for any order of both", () => {
    const change = fc.record({
      isAdded: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
      start: fc.integer({ min: 0, max: END }),
      length: fc.integer({ min: 1, max: 900 }),
    });
    let [merged, split] = [0, 0];
    fc.assert(
      fc.property(fc.array(change, { minLength: 10, maxLength: 25 }), (changes) => {
        const [recorded, model] = [createRecorded(), instants()];
        for (const { isAdded, start, length } of changes) {
          const before = model.stretches();
          if (isAdded) recorded.add(door, start, start + length);
          else recorded.remove(door, start, start + length);
          model[isAdded ? "add" : "remove"](start, start + length);
          if (isAdded && model.stretches() < before) merged += 1;
          if (!isAdded && model.stretches() > before) split += 1;
        }
        const wrong = Array.from({ length: END + 1200 }, (_, at) => at - 100).filter(
          (at) => recorded.covers(door, at) !== model.covered.has(at),
        );
        expect(wrong).toEqual([]);
        const all = [...model.covered].sort((a, b) => a - b);
        const last = all.at(-1);
        expect(recorded.end(door)).toBe(last === undefined ? undefined : last + 1);
      }),
      { numRuns: 300 },
    );
    expect(merged).toBeGreaterThan(50);
    expect(split).toBeGreaterThan(10);
  });

  it("is one stretch of however many pieces, until something is removed from its middle", () => {
    const recorded = createRecorded();
    for (let at = 0; at < 7 * 86_400; at += 2) recorded.add(door, at * 1000, at * 1000 + 1990);
    expect([recorded.covers(door, 1_999_995), recorded.end(door)]).toEqual([true, 7 * 86_400_000 - 10]);
    recorded.remove(door, 3_600_000, 7_200_000);
    const around = [3_599_999, 3_600_000, 7_199_999, 7_200_000, 7_201_995];
    expect(around.map((at) => recorded.covers(door, at))).toEqual([true, false, false, true, true]);
  });

  it("is each camera's own, and nothing of one that is not known", () => {
    const recorded = createRecorded();
    recorded.add(door, 0, 2000);
    expect(recorded.covers({ tenant: "t2", camera: "door" }, 1000)).toBe(false);
    expect(recorded.end({ tenant: "t1", camera: "gate" })).toBeUndefined();
    recorded.remove({ tenant: "t2", camera: "door" }, 0, 2000);
    expect(recorded.covers(door, 0)).toBe(true);
  });

  it("leaves nothing of pieces that are removed one after the other", () => {
    const recorded = createRecorded();
    for (const at of [0, 2100, 4200]) recorded.add(door, at, at + 2000);
    for (const at of [0, 2100, 4200]) recorded.remove(door, at, at + 2000);
    expect([recorded.covers(door, 2050), recorded.end(door)]).toEqual([false, undefined]);
  });
});
