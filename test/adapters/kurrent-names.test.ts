/** Names of streams and positions, ours and KurrentDB's. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bookmarkName, followedPrefix, placeBefore, positionAfter, streamName, streamOf } from "../../adapters/kurrent/names.ts";
import { cameraStream } from "../../domain/streams.ts";

describe("a stream's name", () => {
  it("of a camera is as given, after the prefix", () => {
    expect(streamName("tallywire", cameraStream({ tenant: "a b", camera: "100% ü/x" }))).toBe("tallywire.camera-a%20b/100%25%20%C3%BC%2Fx");
  });

  it("whatever it is, has UTF-8, is told from every other and is read back", () => {
    let escaped = 0;
    const text = fc.string({
      unit: fc.oneof(fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), fc.constantFrom("\ud800", "@", "0", "\0", ".")),
    });
    fc.assert(
      fc.property(text, (stream) => {
        const name = streamName("p", stream);
        if (name !== `p.${stream}`) escaped++;
        expect(name.isWellFormed()).toBe(true);
        expect(streamOf("p", name)).toBe(stream);
      }),
      { numRuns: 500 },
    );
    expect(escaped).toBeGreaterThan(100);
  });

  it("that we would have written otherwise is somebody else's", () => {
    for (const name of ["p.é", "p.a b", "p.@0061", "p.@D800"]) expect(streamOf("p", name)).toBeUndefined();
  });

  it("of a bookmark is no decision stream's, of no house", () => {
    expect(bookmarkName("p", "relay").startsWith(followedPrefix("p"))).toBe(false);
    expect(bookmarkName("p", "relay")).toBe("p-bookmark.relay");
  });
});

describe("a position", () => {
  const big = fc.bigInt({ min: 0n, max: (1n << 52n) - 2n });

  it("gives back the place it was made from, and grows as places do", () => {
    fc.assert(
      fc.property(big, big, fc.boolean(), fc.boolean(), (a, b, eventA, eventB) => {
        const [one, two] = [
          { commit: a, prepare: eventA || a === 0n ? a : 0n },
          { commit: b, prepare: eventB || b === 0n ? b : 0n },
        ];
        for (const place of [one, two]) expect(placeBefore(positionAfter(place))).toEqual(place);
        const order = one.commit === two.commit ? one.prepare - two.prepare : one.commit - two.commit;
        expect(Math.sign(positionAfter(one) - positionAfter(two))).toBe(order > 0n ? 1 : order < 0n ? -1 : 0);
      }),
    );
  });

  it("0 is the beginning", () => expect(placeBefore(0)).toBeUndefined());

  it("inside a transaction begins the transaction again, so that nothing is lost", () => {
    expect(placeBefore(positionAfter({ commit: 900n, prepare: 700n }))).toEqual({ commit: 900n, prepare: 0n });
  });

  it("that is no number any more is refused, not rounded", () => {
    for (const commit of [1n << 52n, 1n << 62n])
      expect(() => positionAfter({ commit, prepare: commit })).toThrow(expect.objectContaining({ code: "too-large", retryable: false }));
  });
});
