import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cursors } from "../../api/cursor.ts";

const made = cursors("epoch", "secret");
const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("cursors", () => {
  it("read as they were written", () => {
    fc.assert(
      fc.property(fc.array(position), fc.string(), (tail, tenant) => {
        expect(made.readTail(tenant, made.tail(tenant, tail))).toEqual({ ok: true, value: tail });
        const reached = new Map(tail.map((at, partition) => [partition, at]));
        expect(made.readPosition(tenant, made.position(tenant, reached))).toEqual({ ok: true, value: reached });
      }),
    );
  });

  it("of another tenant, kind, question or seal are forged, of another log foreign", () => {
    const text = made.tail("a", [1, 2]);
    expect(made.readTail("b", text)).toEqual({ ok: false, why: "forged" });
    expect(made.readPosition("a", text)).toEqual({ ok: false, why: "forged" });
    expect(cursors("epoch", "other").readTail("a", text)).toEqual({ ok: false, why: "forged" });
    expect(cursors("later", "secret").readTail("a", text)).toEqual({ ok: false, why: "foreign" });
    const page = made.page("a", "/alerts\0cam", { at: -5, id: "x" });
    expect(made.readPage("a", "/alerts\0cam", page)).toEqual({ ok: true, value: { at: -5, id: "x" } });
    expect(made.readPage("a", "/alerts\0other", page)).toEqual({ ok: false, why: "forged" });
  });

  it("with any character changed are refused", () => {
    const text = made.tail("a", [70_000, 2]);
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
      expect(made.readTail("a", changed).ok).toBe(false);
    }
  });

  it("of four partitions fit into the reason of a close", () => {
    expect(made.tail("a", Array(4).fill(Number.MAX_SAFE_INTEGER)).length).toBeLessThanOrEqual(123);
  });
});
