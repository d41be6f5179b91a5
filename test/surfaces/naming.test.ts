import { describe, expect, it } from "vitest";
import { camelFields } from "../../api/naming.ts";
import { limits } from "../../domain/limits.ts";

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
const lists = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}1${"]".repeat(depth)}`);
const known = new Set(["a"]);

describe("Fields of a body", () => {
  it("stand in so many others at most: what is deeper is refused at that depth, and not gone into", () => {
    for (const body of [nested, lists]) {
      expect(camelFields(body(limits.jsonDepth), known)).toEqual(body(limits.jsonDepth));
      for (const depth of [limits.jsonDepth + 1, 2000])
        expect(() => camelFields(body(depth), known)).toThrow("The body is nested too deeply.");
    }
  });
});
