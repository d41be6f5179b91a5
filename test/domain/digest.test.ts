import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addText, hashOf, isSameSum, noSum, type Sum } from "../../domain/digest.ts";

const sumOf = (texts: readonly string[]): Sum => {
  const sum = noSum();
  for (const text of texts) addText(sum, text);
  return sum;
};

describe("the sum of digests", () => {
  it("is the same in whatever order the texts come", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.infiniteStream(fc.nat()), (texts, keys) => {
        const order = texts.map((text) => ({ text, key: keys.next().value as number })).sort((a, b) => a.key - b.key);
        expect(sumOf(order.map(({ text }) => text))).toEqual(sumOf(texts));
      }),
    );
  });

  it("is another where one text is another, in either half, and where one is there twice more", () => {
    const seen = new Set<string>();
    const halves = [new Set<number>(), new Set<number>()];
    const N = 20_000;
    for (let i = 0; i < N; i++) {
      const sum = sumOf(["x", `row ${i}`, "y"]);
      seen.add(hashOf(sum));
      halves[0]?.add(sum.high);
      halves[1]?.add(sum.low);
    }
    expect(seen.size).toBe(N);
    // Two of so many may meet by chance in 32 bits.
    for (const half of halves) expect(half.size).toBeGreaterThan(N - 5);
    expect(hashOf(sumOf(["a", "b", "b", "b"]))).not.toBe(hashOf(sumOf(["a", "b"])));
    expect(isSameSum(sumOf(["a", "b"]), sumOf(["a", "c"]))).toBe(false);
    expect(isSameSum(sumOf(["ab", "c"]), sumOf(["a", "bc"]))).toBe(false);
  });

  it("is told as sixteen digits, the same on every machine", () => {
    expect(hashOf(noSum())).toBe("0000000000000000");
    expect(hashOf(sumOf(["tallywire"]))).toMatch(/^[0-9a-f]{16}$/);
  });
});
