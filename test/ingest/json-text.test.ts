import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasLongInteger } from "../../ingest/json-text.ts";

const long = (text: string): boolean => hasLongInteger(Buffer.from(text), 0, Buffer.byteLength(text));

describe("a long integer in JSON text", () => {
  it.each([
    '{"id":9007199254740993}',
    "[-1234567890123456]",
    "[1, 1234567890123456 ]",
    "1234567890123456",
    '{"a":1,\n"id":\n99999999999999999999}',
  ])("is found in %j", (text) => {
    expect(long(text)).toBe(true);
  });
  it.each(['{"id":"9007199254740993"}', "[0.1234567890123456789]", "[123456789012345]", "[1e1234567890123456]", ""])(
    "is not seen in %j",
    (text) => {
      expect(long(text)).toBe(false);
    },
  );
  it("is found wherever it stands", () => {
    fc.assert(
      fc.property(fc.nat(80), fc.integer({ min: 16, max: 40 }), fc.nat(40), (before, digits, after) => {
        expect(long(`${" ".repeat(before)}[${"7".repeat(digits)}]${" ".repeat(after)}`)).toBe(true);
        expect(long(`${" ".repeat(before)}["${"7".repeat(digits)}"]${" ".repeat(after)}`)).toBe(false);
      }),
    );
  });
});
