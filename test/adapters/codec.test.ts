import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { derivedCodec, derivedSchema, factCodec, type Upcaster } from "../../adapters/codec.ts";
import { Damaged, HEADER } from "../../adapters/seal.ts";
import { Allowance, squeeze } from "../../adapters/squeeze.ts";
import type { Coverage, Fact, Frame } from "../../domain/event.ts";
import { coverage, everyFact, frame, presence } from "../conformance/events.ts";

const stamped = (facts: readonly Fact[], codec = factCodec()): Buffer =>
  codec.stamp(codec.pack(facts), { count: facts.length, newest: 5, high: 9, squeezed: false });

describe("facts in a block", () => {
  const text = fc.string({ unit: "binary" });
  const number = fc.double({ noNaN: true });
  const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
  const object = fc.record({
    id: text,
    type: text,
    bbox: fc.record({ leftX: number, topY: number, rightX: number, bottomY: number }),
    confidence: optional(number),
    info: optional(fc.array(fc.tuple(text, text), { maxLength: 3 })),
  });
  const anyFrame: fc.Arbitrary<Frame> = fc.record({
    kind: fc.constant("frame"),
    tenant: text,
    camera: text,
    receivedAt: fc.integer(),
    timestamp: fc.integer(),
    id: text,
    modelVersion: optional(text),
    objects: fc.array(object, { maxLength: 4 }),
  });
  const others = everyFact("a").filter(({ kind }) => kind !== "frame");
  const facts = fc.array(fc.oneof({ weight: 3, arbitrary: anyFrame }, fc.constantFrom(...others)), { maxLength: 20 });

  test("come back as they were, whatever they are and however frames and others alternate", () => {
    const codec = factCodec();
    const same = (some: readonly Fact[]): void => {
      expect(codec.unpack(stamped(some))).toEqual(some);
    };
    fc.assert(fc.property(facts, same));
  });

  test("come back from bytes at any offset of their buffer", () => {
    const record = stamped([frame("a", 1), frame("b", 2)]);
    for (const offset of [0, 1, 3, 8]) {
      const moved = Buffer.concat([Buffer.alloc(offset), record]).subarray(offset);
      expect(factCodec().unpack(moved)).toEqual([frame("a", 1), frame("b", 2)]);
    }
  });

  test("are found damaged whichever single bit is changed", () => {
    const record = stamped([frame("a", 1), ...everyFact("b")]);
    for (let byte = 0; byte < record.length; byte++) {
      const changed = Buffer.from(record);
      changed.writeUInt8(changed.readUInt8(byte) ^ (1 << (byte % 8)), byte);
      expect(() => factCodec().unpack(changed), `byte ${byte}`).toThrow(Damaged);
    }
  });

  test("are compressed where there is something to be won, come back the same, and damage is still found", async () => {
    const many = Array.from({ length: 50 }, (_, n) => frame("a", n));
    const codec = factCodec();
    const plain = codec.pack(many);
    const small = (await squeeze(plain)) ?? plain;
    expect(small.length).toBeLessThan(plain.length / 2);
    const record = codec.stamp(small, { count: 50, newest: 0, high: 0, squeezed: true });
    expect(codec.unpack(record)).toEqual(many);
    record.writeUInt8(record.readUInt8(record.length - 9) ^ 4, record.length - 9);
    expect(() => codec.unpack(record)).toThrow(Damaged);
    expect(await squeeze(codec.pack([frame("a", 1)]))).toBeUndefined();
  });

  test("of another kind are not read as facts", () => {
    const derived = derivedCodec();
    const record = derived.stamp(derived.pack([coverage("a", 1)]), { count: 1, newest: 0, high: 0, squeezed: false });
    expect(() => factCodec().unpack(record)).toThrow("of kind derived where facts is expected");
  });
});

describe("the allowance for compressing", () => {
  test("is so many bytes a second, as many at once after a rest, and never more", () => {
    let now = 0;
    const allowance = new Allowance(1000, () => now);
    expect([600, 600, 400, 1].map((bytes) => allowance.take(bytes))).toEqual([true, false, true, false]);
    now += 500;
    expect([501, 500, 1].map((bytes) => allowance.take(bytes))).toEqual([false, true, false]);
    now += 60_000;
    expect([1001, 1000, 1].map((bytes) => allowance.take(bytes))).toEqual([false, true, false]);
  });
});

describe("derived events", () => {
  test("are JSON behind the header, for others to read", () => {
    const codec = derivedCodec();
    const record = codec.stamp(codec.pack([presence("a")]), { count: 1, newest: 0, high: 0, squeezed: false });
    expect(codec.unpack(record)).toEqual([presence("a")]);
    expect(JSON.parse(record.toString("utf8", HEADER))).toEqual(JSON.parse(JSON.stringify(presence("a"))));
  });
});

describe("an older schema", () => {
  // Made up: in schema 1 a coverage had its length, in schema 2 its end; schema 3 says whether it is open.
  type One = Omit<Coverage, "end" | "open"> & { readonly length: number };
  type Two = Omit<Coverage, "open">;
  const toTwo: Upcaster = ({ length, ...rest }: One): Two => ({ ...rest, end: rest.start + length });
  const toThree: Upcaster = (event: Two): Coverage => ({ ...event, open: false });
  const three = derivedCodec({
    version: 3,
    upcasters: new Map([
      [1, toTwo],
      [2, toThree],
    ]),
  });
  const written = (version: number, event: unknown): Buffer => {
    const codec = derivedCodec({ ...derivedSchema, version });
    return codec.stamp(codec.pack([event as Coverage]), { count: 1, newest: 0, high: 0, squeezed: false });
  };
  const { end, open, ...common } = coverage("a", 1);

  test("is lifted version by version to the newest", () => {
    expect(three.unpack(written(1, { ...common, length: end - common.start }))).toEqual([coverage("a", 1)]);
    expect(three.unpack(written(2, { ...common, end }))).toEqual([coverage("a", 1)]);
    expect(three.unpack(written(3, { ...common, end, open }))).toEqual([coverage("a", 1)]);
  });

  test("is lifted event by event in a block of facts", () => {
    const version: Upcaster = (fact: Frame): Frame => ({ ...fact, modelVersion: fact.modelVersion ?? "unknown" });
    const two = factCodec({ version: 2, upcasters: new Map([[1, version]]) });
    const read = two.unpack(stamped([frame("a", 1), frame("a", 2, { modelVersion: "m" })]));
    expect(read.map((fact) => (fact as Frame).modelVersion)).toEqual(["unknown", "m"]);
  });

  test("that a newer program wrote is refused with the reason, not taken for damage", () => {
    const read = (): unknown => derivedCodec().unpack(written(3, coverage("a", 1)));
    expect(read).toThrow("was written in schema 3 of derived; this program knows 2 and older");
    expect(read).toThrow(expect.objectContaining({ code: "unavailable", retryable: false }));
  });

  test("without an upcaster is a defect of the program", () => {
    const gap = derivedCodec({ version: 3, upcasters: new Map([[2, toThree]]) });
    expect(() => gap.unpack(written(1, coverage("a", 1)))).toThrow("There is no upcaster from schema 1");
  });
});
