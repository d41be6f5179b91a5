import { createCipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cursors, cursors, type Read } from "../../api/cursor.ts";
import { cursorInClear } from "../support/cursor.ts";

const PARTITIONS = 4;
const EPOCH = "epoch";
const CHECK = 12;
const HEAD = 9;
const made = cursors(EPOCH, PARTITIONS);
const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const whole = fc.array(position, { minLength: PARTITIONS, maxLength: PARTITIONS });
const pageKey = fc.record({ at: fc.maxSafeInteger(), id: fc.string({ unit: "binary" }) });
const text = fc.string({ unit: "binary" });
const forged = { ok: false, why: "forged" };
const foreign = { ok: false, why: "foreign" };

type Sort = { readonly name: string; readonly given: (by: Cursors) => string; readonly read: (by: Cursors, text: string) => Read<unknown> };
const sorts: readonly Sort[] = [
  {
    name: "a position",
    given: (by) => by.position("a", new Map([[3, 70_000]])),
    read: (by, position) => by.readPosition("a", position),
  },
  { name: "a cursor", given: (by) => by.tail("a", [70_000, 2, 0, 1]), read: (by, tail) => by.readTail("a", tail) },
  { name: "a page's mark", given: (by) => by.page("a", "q", { at: -5, id: "x" }), read: (by, page) => by.readPage("a", "q", page) },
];

const derive = (what: string, length: number) => Buffer.from(hkdfSync("sha256", EPOCH, "", `tallywire cursor ${what}`, length));

/** What somebody makes up who knows the epoch and has read the code: any kind and contents, with the right check. */
const forge = (kind: number, tenant: string, question: string, contents: Uint8Array): string => {
  const head = Buffer.concat([Buffer.of(kind), derive("name", HEAD - 1)]);
  const whose = `${JSON.stringify([tenant, question])}\0`;
  const check = createHmac("sha256", derive("check", 32)).update(whose).update(head).update(contents).digest().subarray(0, CHECK);
  const cipher = createCipheriv("aes-256-ctr", derive("contents", 32), Buffer.concat([check, Buffer.alloc(4)]));
  return Buffer.concat([head, cipher.update(contents), check]).toString("base64url");
};

const bytesOf = (sealed: string): Buffer => Buffer.from(sealed, "base64url");
/** Of the bits in which two texts could differ, how many do: between 0 and 1. */
const difference = (pairs: readonly (readonly [Uint8Array, Uint8Array])[]): number => {
  let different = 0;
  let bits = 0;
  for (const [a, b] of pairs) {
    expect(a.length).toBe(b.length);
    for (const [i, byte] of a.entries()) {
      for (let rest = byte ^ (b[i] as number); rest > 0; rest >>= 1) different += rest & 1;
      bits += 8;
    }
  }
  return different / bits;
};
const contentsOf = (sealed: string): Uint8Array => bytesOf(sealed).subarray(HEAD, -CHECK);
const checkOf = (sealed: string): Uint8Array => bytesOf(sealed).subarray(-CHECK);
/** Enough bits for a half to be told from nearly a half; all that is compared is made without chance. */
const SAMPLES = 500;
const expectUnrelated = (pairs: readonly (readonly [string, string])[]): void => {
  for (const part of [contentsOf, checkOf]) {
    const share = difference(pairs.map(([a, b]) => [part(a), part(b)]));
    expect(share).toBeGreaterThan(0.48);
    expect(share).toBeLessThan(0.52);
  }
};

describe("cursors", () => {
  it("read as they were written, in any process of the log, and are the same text for the same", () => {
    const beside = cursors(EPOCH, PARTITIONS);
    fc.assert(
      fc.property(whole, text, text, pageKey, (tail, tenant, question, key) => {
        const reached = new Map(tail.map((at, partition) => [partition, at]));
        expect(beside.readTail(tenant, made.tail(tenant, tail))).toEqual({ ok: true, value: tail });
        expect(beside.readPosition(tenant, made.position(tenant, reached))).toEqual({ ok: true, value: reached });
        const page = { at: key.at, id: key.id };
        expect(beside.readPage(tenant, question, made.page(tenant, question, page))).toEqual({ ok: true, value: page });
        expect(beside.tail(tenant, tail)).toBe(made.tail(tenant, tail));
      }),
    );
  });

  it("of another tenant, kind, question or number of partitions are forged, of another log foreign", () => {
    const tail = made.tail("a", [1, 2, 3, 4]);
    expect(made.readTail("b", tail)).toEqual(forged);
    expect(cursors(EPOCH, 3).readTail("a", tail)).toEqual(forged);
    const page = made.page("a", "/alerts\0cam", { at: -5, id: "x" });
    expect(made.readPage("a", "/alerts\0cam", page)).toEqual({ ok: true, value: { at: -5, id: "x" } });
    expect(made.readPage("a", "/alerts\0other", page)).toEqual(forged);
    expect(made.readPage("a\0/alerts", "cam", page)).toEqual(forged);
    for (const sort of sorts) {
      const sealed = sort.given(made);
      expect(sort.read(made, sealed).ok).toBe(true);
      expect(sort.read(cursors("later", PARTITIONS), sealed)).toEqual(foreign);
      for (const other of sorts) if (other !== sort) expect(other.read(made, sealed)).toEqual(forged);
    }
  });

  it.each(sorts)("are refused with any bit or character changed, or cut short: $name", ({ given, read }) => {
    const sealed = given(made);
    const bytes = bytesOf(sealed);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      // In the name of the log it is another log's, everywhere else nobody's.
      expect(read(made, changed.toString("base64url"))).toEqual(bit >= 8 && bit < HEAD * 8 ? foreign : forged);
    }
    for (let i = 0; i < sealed.length; i++) {
      expect(read(made, sealed.slice(0, i) + (sealed[i] === "A" ? "B" : "A") + sealed.slice(i + 1)).ok).toBe(false);
      expect(read(made, sealed.slice(0, i))).toEqual(forged);
    }
  });

  it("tell nothing of the offsets in them: one more is another text altogether", () => {
    const from = (i: number) => 3_000_000 + i;
    const tail = (i: number) => made.tail("a", [from(0), from(i), from(0), from(0)]);
    expectUnrelated(Array.from({ length: SAMPLES }, (_, i) => [tail(i), tail(i + 1)]));
    const position = (i: number) => made.position("a", new Map([[1, from(i)]]));
    expectUnrelated(Array.from({ length: SAMPLES }, (_, i) => [position(i), position(i + 1)]));
    const page = (i: number) => made.page("a", "q", { at: from(i), id: "x" });
    expectUnrelated(Array.from({ length: SAMPLES }, (_, i) => [page(i), page(i + 1)]));
  });

  it("of the same offsets look unrelated at two tenants and at two logs", () => {
    const beside = cursors("later", PARTITIONS);
    const tail = (i: number) => [3_000_000 + i, 3_000_000, 3_000_000, 3_000_000];
    expectUnrelated(Array.from({ length: SAMPLES }, (_, i) => [made.tail("a", tail(i)), made.tail("b", tail(i))]));
    expectUnrelated(Array.from({ length: SAMPLES }, (_, i) => [made.tail("a", tail(i)), beside.tail("a", tail(i))]));
  });

  it.each([PARTITIONS, 64])("are as short as they were in clear, with %i partitions", (partitions) => {
    const tail = Array<number>(partitions).fill(Number.MAX_SAFE_INTEGER);
    expect(cursors(EPOCH, partitions).tail("a", tail).length).toBe(cursorInClear(EPOCH, "a", tail).length);
  });

  it("of four partitions fit into the reason of a close", () => {
    expect(made.tail("a", Array(4).fill(Number.MAX_SAFE_INTEGER)).length).toBeLessThanOrEqual(123);
  });

  it("of an earlier version are told as such, and what they say is not looked at", () => {
    const outdated = { ok: false, why: "outdated" };
    expect(made.readTail("a", cursorInClear(EPOCH, "a", [1, 2, 3, 4]))).toEqual(outdated);
    expect(made.readTail("a", cursorInClear("later", "b", [1]))).toEqual(outdated);
    const digest = createHash("sha256").digest();
    const old = (kind: number) => Buffer.concat([Buffer.of(kind), digest]).toString("base64url");
    expect(made.readPosition("a", old(1))).toEqual(outdated);
    expect(made.readPage("a", "q", old(3))).toEqual(outdated);
    for (const kind of [0, 1, 3, 7]) expect(made.readTail("a", old(kind))).toEqual(forged);
  });

  it("that are made up by who knows the epoch are believed only as far as they have a shape", () => {
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    expect(made.readPage("a", "q", forge(6, "a", "q", json([7, "x"])))).toEqual({ ok: true, value: { at: 7, id: "x" } });
    for (const contents of [json([7]), json(["7", "x"]), json({ at: 7, id: "x" }), json(null), json([0.5, "x"]), Buffer.from("[1,")])
      expect(made.readPage("a", "q", forge(6, "a", "q", contents))).toEqual(forged);
    expect(made.readPosition("a", forge(4, "a", "", Buffer.of(3, 9)))).toEqual({ ok: true, value: new Map([[3, 9]]) });
    expect(made.readPosition("a", forge(4, "a", "", Buffer.of(PARTITIONS, 9)))).toEqual(forged);
    expect(made.readTail("a", forge(5, "a", "", Buffer.of(1, 2, 3, 4)))).toEqual({ ok: true, value: [1, 2, 3, 4] });
    expect(made.readTail("a", forge(5, "a", "", Buffer.of(1, 2, 3, 129)))).toEqual(forged);
    expect(made.readTail("a", forge(5, "a", "", Buffer.of(1, 2, 3, ...Array(9).fill(255), 1)))).toEqual(forged);
    fc.assert(
      fc.property(fc.constantFrom(4, 5, 6), fc.uint8Array({ maxLength: 80 }), (kind, contents) => {
        const sealed = forge(kind, "a", kind === 6 ? "q" : "", contents);
        for (const read of [made.readPosition("a", sealed), made.readTail("a", sealed), made.readPage("a", "q", sealed)])
          expect(typeof read.ok).toBe("boolean");
      }),
    );
  });
});
