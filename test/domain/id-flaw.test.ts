import { describe, expect, it } from "vitest";
import { idFlaw, textFlaw } from "../../domain/id-flaw.ts";
import { limits } from "../../domain/limits.ts";

describe("an id", () => {
  it.each(["a", " ", "*", "__proto__", "../..", "\u{1f600}", "\n", "a".repeat(limits.idLength), "\u{1f600}".repeat(limits.idLength / 2)])(
    "may be %j",
    (text) => expect(idFlaw(text)).toBeUndefined(),
  );

  it.each([
    ["", "must not be empty"],
    ["a".repeat(limits.idLength + 1), `is longer than ${limits.idLength} characters`],
    ["\u{1f600}".repeat(limits.idLength / 2 + 1), `is longer than ${limits.idLength} characters`],
    ["a\0b", "must not hold NUL"],
    ["\ud800", "holds half a surrogate pair"],
    ["\udc00\ud800", "holds half a surrogate pair"],
  ])("may not be %j", (text, flaw) => expect(idFlaw(text)).toBe(flaw));

  it("is as long as whoever asks allows", () => {
    expect([idFlaw("abc", 3), idFlaw("abcd", 3)]).toEqual([undefined, "is longer than 3 characters"]);
  });
});

describe("a text", () => {
  it("may be empty", () => {
    expect([textFlaw("", 3), textFlaw("a\0", 3), textFlaw("abcd", 3)]).toEqual([
      undefined,
      "must not hold NUL",
      "is longer than 3 characters",
    ]);
  });
});
