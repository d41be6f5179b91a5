import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cursors } from "../../api/cursor.ts";

const PARTITIONS = 4;
const made = cursors("epoch", PARTITIONS);
const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const whole = fc.array(position, { minLength: PARTITIONS, maxLength: PARTITIONS });

/** What somebody makes up who has read the code: any kind and contents, with the right check. */
const forge = (kind: number, tenant: string, question: string, contents: Uint8Array): string => {
  const epochName = createHash("sha256").update("epoch").digest().subarray(0, 8);
  const payload = Buffer.concat([Buffer.of(kind), epochName, contents]);
  const check = createHash("sha256").update(`${tenant}\0${question}\0`).update(payload).digest().subarray(0, 12);
  return Buffer.concat([payload, check]).toString("base64url");
};

describe("cursors", () => {
  it("read as they were written", () => {
    fc.assert(
      fc.property(whole, fc.string(), (tail, tenant) => {
        expect(made.readTail(tenant, made.tail(tenant, tail))).toEqual({ ok: true, value: tail });
        const reached = new Map(tail.map((at, partition) => [partition, at]));
        expect(made.readPosition(tenant, made.position(tenant, reached))).toEqual({ ok: true, value: reached });
      }),
    );
  });

  it("of another tenant, kind, question or number of partitions are forged, of another log foreign", () => {
    const text = made.tail("a", [1, 2, 3, 4]);
    expect(made.readTail("b", text)).toEqual({ ok: false, why: "forged" });
    expect(made.readPosition("a", text)).toEqual({ ok: false, why: "forged" });
    expect(cursors("epoch", 3).readTail("a", text)).toEqual({ ok: false, why: "forged" });
    expect(cursors("later", PARTITIONS).readTail("a", text)).toEqual({ ok: false, why: "foreign" });
    const page = made.page("a", "/alerts\0cam", { at: -5, id: "x" });
    expect(made.readPage("a", "/alerts\0cam", page)).toEqual({ ok: true, value: { at: -5, id: "x" } });
    expect(made.readPage("a", "/alerts\0other", page)).toEqual({ ok: false, why: "forged" });
  });

  it("with any character changed are refused", () => {
    const text = made.tail("a", [70_000, 2, 0, 1]);
    for (let i = 0; i < text.length; i++) {
      const changed = text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
      expect(made.readTail("a", changed).ok).toBe(false);
    }
  });

  it("of four partitions fit into the reason of a close", () => {
    expect(made.tail("a", Array(4).fill(Number.MAX_SAFE_INTEGER)).length).toBeLessThanOrEqual(123);
  });

  it("that are made up are believed only as far as they have a shape", () => {
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    expect(made.readPage("a", "q", forge(3, "a", "q", json([7, "x"])))).toEqual({ ok: true, value: { at: 7, id: "x" } });
    for (const contents of [json([7]), json(["7", "x"]), json({ at: 7, id: "x" }), json(null), json([0.5, "x"]), Buffer.from("[1,")])
      expect(made.readPage("a", "q", forge(3, "a", "q", contents))).toEqual({ ok: false, why: "forged" });
    expect(made.readPosition("a", forge(1, "a", "", Buffer.of(3, 9)))).toEqual({ ok: true, value: new Map([[3, 9]]) });
    expect(made.readPosition("a", forge(1, "a", "", Buffer.of(PARTITIONS, 9)))).toEqual({ ok: false, why: "forged" });
    expect(made.readTail("a", forge(2, "a", "", Buffer.of(1, 2, 3, 129)))).toEqual({ ok: false, why: "forged" });
    expect(made.readTail("a", forge(2, "a", "", Buffer.of(1, 2, 3, ...Array(9).fill(255), 1)))).toEqual({ ok: false, why: "forged" });
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 80 }), (kind, contents) => {
        const text = forge(kind, "a", kind === 3 ? "q" : "", contents);
        for (const read of [made.readPosition("a", text), made.readTail("a", text), made.readPage("a", "q", text)])
          expect(typeof read.ok).toBe("boolean");
      }),
    );
  });
});
