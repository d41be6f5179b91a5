import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BadBatch, readBatches, writeBatch } from "../../adapters/kafka/batch.ts";
import type { NewRecord } from "../../adapters/kafka/client.ts";
import { codecs } from "../../adapters/kafka/codecs.ts";
import { crc32c } from "../../adapters/kafka/crc.ts";
import { lz4Size } from "../../adapters/kafka/lz4.ts";

const by = { producerId: 77n, epoch: 3, sequence: 9, transactional: false };
const record = (value: string): NewRecord => ({ partition: 0, value: Buffer.from(value), timestamp: 1_000 });

/** As a broker hands it out: with its offset, which its checksum does not cover. */
const at = (offset: number, batch: Buffer): Buffer => {
  const stored = Buffer.from(batch);
  stored.writeBigInt64BE(BigInt(offset), 0);
  return stored;
};
const sealed = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
};
/** The marker that ends a transaction: a batch of one record whose key says how. */
const marker = (offset: number, producerId: bigint, committed: boolean): Buffer => {
  const key = Buffer.from([0, 0, 0, committed ? 1 : 0]);
  const batch = at(offset, writeBatch([{ partition: 0, key, value: Buffer.alloc(6), timestamp: 1_000 }], { ...by, producerId }));
  batch.writeInt16BE(0x30, 21);
  return sealed(batch);
};
const transactional = (offset: number, producerId: bigint, ...values: readonly string[]): Buffer =>
  at(offset, writeBatch(values.map(record), { ...by, producerId, transactional: true }));
const values = (answer: Buffer, from: number, aborted: Parameters<typeof readBatches>[2] = []) => {
  const { records, next } = readBatches(answer, from, aborted);
  return { values: records.map(({ value }) => value?.toString()), next };
};

describe("a batch of Kafka's", () => {
  it("has the checksums of the published examples", () => {
    // RFC 3720, B.4.
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(Buffer.from("xx123456789"), 2)).toBe(0xe3069283);
  });

  it("gives back what was written", () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const written = fc.array(
      fc.record({
        partition: fc.constant(0),
        key: fc.option(bytes, { nil: undefined }),
        value: fc.option(bytes, { nil: undefined }),
        timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
        headers: fc.dictionary(fc.string({ maxLength: 9 }), fc.string({ maxLength: 40 }), { maxKeys: 4, noNullPrototype: true }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(written, fc.integer({ min: 0, max: 2 ** 45 }), fc.boolean(), (records, offset, squeeze) => {
        const found = readBatches(at(offset, writeBatch(records as readonly NewRecord[], by, squeeze)), offset, []);
        expect(found.next).toBe(offset + records.length);
        expect(found.records).toEqual(
          records.map(({ key, value, timestamp, headers }, i) => ({
            offset: offset + i,
            key,
            value,
            timestamp,
            headers: Object.fromEntries(Object.entries(headers).map(([name, said]) => [name, Buffer.from(said)])),
          })),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("has headers of bytes too, a name several times, and names that say nothing", () => {
    const bytes = Buffer.from([0xff, 0]);
    const headers = { bytes, empty: undefined, often: ["one", undefined, bytes], last: "x" };
    const batch = at(3, writeBatch([{ ...record("a"), headers }, record("b")], by));
    // A reader keeps what comes last under a name.
    expect(readBatches(batch, 3, []).records).toMatchObject([
      { headers: { bytes, often: bytes, last: Buffer.from("x") } },
      { headers: {} },
    ]);
    expect(readBatches(batch, 3, []).records[0]?.headers).not.toHaveProperty("empty");
    expect(batch.toString("latin1").match(/often/g)).toHaveLength(3);
    expect(batch.includes("one") && batch.includes("empty")).toBe(true);
  });

  it("is written smaller when told to be, where that makes it smaller", () => {
    const events = Array.from({ length: 100 }, (_, i) => record(JSON.stringify({ kind: "presence", camera: "cam-001", n: i })));
    const [plain, small] = [writeBatch(events, by), writeBatch(events, by, true)];
    expect(small.length).toBeLessThan(plain.length / 4);
    expect(values(at(7, small), 7)).toEqual(values(at(7, plain), 7));
    const noise = [{ partition: 0, value: randomBytes(5000), timestamp: 1_000 }];
    expect(writeBatch(noise, by, true)).toEqual(writeBatch(noise, by));
    expect(writeBatch([record("short")], by, true)).toEqual(writeBatch([record("short")], by));
  });

  it.each([1, 2, 3, 4])("is read when it is compressed with codec %i", (type) => {
    const batch = writeBatch(["a".repeat(500), "b", "c"].map(record), by);
    const packed = Buffer.concat([batch.subarray(0, 61), codecs[type]?.compress(batch.subarray(61)) as Buffer]);
    packed.writeInt32BE(packed.length - 12, 8);
    packed.writeInt16BE(type, 21);
    expect(packed.length).toBeLessThan(batch.length);
    expect(values(sealed(packed), 0)).toEqual({ values: ["a".repeat(500), "b", "c"], next: 3 });
  });

  it("is not believed when a bit of it has changed", () => {
    const sound = at(5, writeBatch([record("one"), record("two")], by));
    for (let i = 21; i < sound.length; i++) {
      const changed = Buffer.from(sound);
      changed[i] = (changed[i] as number) ^ 0x10;
      expect(() => readBatches(changed, 5, [])).toThrow(BadBatch);
    }
  });

  it("is refused in a format of Kafka before 0.11, and in a compression nobody knows", () => {
    const old = writeBatch([record("x")], by);
    old[16] = 1;
    expect(() => readBatches(old, 0, [])).toThrow(/format 1, older than Kafka 0.11/);
    const strange = writeBatch([record("x")], by);
    strange.writeInt16BE(6, 21);
    expect(() => readBatches(sealed(strange), 0, [])).toThrow(/compression, 6, is not known/);
  });
});

describe("a compressed batch that is not to be believed, though its checksum is right", () => {
  /** Compressed by someone else: these bytes are its records. */
  const holding = (type: number, packed: Buffer): Buffer => {
    const batch = at(4, Buffer.concat([writeBatch([record("x")], by).subarray(0, 61), packed]));
    batch.writeInt32BE(batch.length - 12, 8);
    batch.writeInt16BE(type, 21);
    return sealed(batch);
  };
  const said = (type: number, packed: Buffer) => () => readBatches(holding(type, packed), 0, []);

  it.each([1, 2, 3, 4])("is named when it cannot be unpacked: codec %i", (type) => {
    const packed = codecs[type]?.compress(Buffer.from("something long enough to be compressed ".repeat(50))) as Buffer;
    const cut = packed.subarray(0, packed.length - 9);
    for (const wrong of [Buffer.from("nothing of the kind, whatever it is"), cut]) {
      expect(said(type, wrong)).toThrow(BadBatch);
      expect(said(type, wrong)).toThrow(/^the batch at 4 cannot be unpacked: /);
    }
  });

  it("is refused by its size before it takes the memory: snappy, in one piece and in Java's", () => {
    const gigabyte = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x04, 0x00]);
    expect(said(2, gigabyte)).toThrow(/would have more than 536870912 bytes/);
    const block = codecs[2]?.compress(Buffer.alloc(1024 * 1024)) as Buffer;
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    const java = Buffer.from("82534e41505059000000000100000001", "hex");
    const many = (n: number) => Buffer.concat([java, ...Array.from({ length: n }, () => [length, block]).flat()]);
    expect(said(2, many(513))).toThrow(/would have more than 536870912 bytes/);
    expect(codecs[2]?.decompress(many(3)).equals(Buffer.alloc(3 * 1024 * 1024))).toBe(true);
  });

  it("is refused by its size before it takes the memory: lz4", () => {
    const frame = codecs[3]?.compress(Buffer.alloc(64 * 1024 * 1024)) as Buffer;
    expect(lz4Size(frame)).toBe(64 * 1024 * 1024);
    expect(said(3, Buffer.concat(Array.from({ length: 9 }, () => frame)))).toThrow(/would have more than 536870912 bytes/);
  });

  it("knows what a frame of lz4 unpacks to", () => {
    const mixed = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 3_000 }).map((array) => Buffer.from(array)),
        fc.nat(70_000).map((n) => Buffer.alloc(n, "abc")),
        fc.nat(70_000).map((n) => randomBytes(n)),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(mixed, (parts) => {
        const bytes = Buffer.concat(parts);
        expect(lz4Size(codecs[3]?.compress(bytes) as Buffer)).toBe(bytes.length);
      }),
    );
  });
});

describe("an answer of several batches", () => {
  /** With a bit changed in its records, or where it says how many offsets it has. */
  const changed = (batch: Buffer, byte = batch.length - 1): Buffer => {
    batch[byte] = (batch[byte] as number) ^ 0x10;
    return batch;
  };
  const [first, third] = [at(0, writeBatch([record("a")], by)), at(4, writeBatch([record("e")], by))];
  const second = (): Buffer => at(1, writeBatch(["b", "c", "d"].map(record), by));
  const found = (answer: readonly Buffer[], from: number): unknown => {
    try {
      return readBatches(Buffer.concat(answer), from, []);
    } catch (error) {
      return (error as BadBatch).batch;
    }
  };

  it("gives what is sound before one that is not, which comes first the next time and says where it ends", () => {
    const damage = "the checksum of the batch at 1 does not match";
    for (const byte of [second().length - 1, 23, 24, 26, 57, 60]) {
      const bad = changed(second(), byte);
      expect(values(Buffer.concat([first, bad, third]), 0)).toEqual({ values: ["a"], next: 1 });
      for (const from of [1, 3]) expect(found([bad, third], from)).toEqual({ offset: 1, next: 4, damage });
      // A broker that finds it by its damaged word may hand it out again.
      expect(found([bad, third], 4)).toMatchObject({ next: 5 });
    }
    expect(found([changed(second())], 1)).toEqual({ offset: 1, next: 4, damage });
    expect(found([changed(second()), third.subarray(0, 70)], 1)).toEqual({ offset: 1, next: 4, damage });
  });

  it("never passes over more than the damaged one, whichever of its words is wrong, and always over something", () => {
    for (let byte = 8; byte < second().length; byte++) {
      if (byte >= 8 && byte < 12) continue; // Of another length, it is not known where anything begins.
      for (const from of [1, 2, 3]) {
        const { next } = found([changed(second(), byte)], from) as { next: number };
        expect(next).toBeGreaterThan(from);
        expect(next).toBeLessThanOrEqual(4);
      }
    }
  });

  it("does not turn in a circle where one has a length that cannot be", () => {
    for (const length of [-13, -1, 0, 5, 40]) {
      const bad = second();
      bad.writeInt32BE(length, 8);
      expect(found([bad, third], 1)).toMatchObject({ offset: 1, next: 4 });
      expect(found([first, bad, third], 0)).toMatchObject({ next: 1 });
    }
  });

  it("begins at the offset that was asked for, though the broker's batch begins before", () => {
    expect(values(at(10, writeBatch(["a", "b", "c"].map(record), by)), 11)).toEqual({ values: ["b", "c"], next: 13 });
  });

  it("may end within a batch, which is left for the next", () => {
    const whole = at(0, writeBatch([record("a")], by));
    const cut = at(1, writeBatch([record("b")], by));
    for (const length of [0, 5, 30, 61, cut.length - 1])
      expect(values(Buffer.concat([whole, cut.subarray(0, length)]), 0)).toEqual({ values: ["a"], next: 1 });
  });

  it("moves beyond a batch that compaction has emptied", () => {
    const empty = at(4, writeBatch([record("gone"), record("gone")], by)).subarray(0, 61);
    empty.writeInt32BE(61 - 12, 8);
    empty.writeInt32BE(0, 57);
    expect(values(sealed(empty), 4)).toEqual({ values: [], next: 6 });
  });

  it("leaves out what was aborted, of that producer, up to its marker, and every marker", () => {
    const answer = Buffer.concat([
      transactional(0, 1n, "aborted", "aborted"),
      transactional(2, 2n, "kept"),
      at(3, writeBatch([record("plain")], { ...by, producerId: 1n })),
      transactional(4, 1n, "aborted"),
      marker(5, 1n, false),
      transactional(6, 1n, "kept, of a later transaction"),
      marker(7, 2n, true),
      marker(8, 1n, true),
    ]);
    expect(values(answer, 0, [{ producerId: 1n, firstOffset: 0 }])).toEqual({
      values: ["kept", "plain", "kept, of a later transaction"],
      next: 9,
    });
  });

  it("knows an aborted transaction in the middle of which it begins, and one of a producer that has two", () => {
    const answer = Buffer.concat([
      transactional(10, 1n, "aborted"),
      marker(11, 1n, false),
      transactional(12, 1n, "kept"),
      marker(13, 1n, true),
      transactional(14, 1n, "aborted"),
      marker(15, 1n, false),
    ]);
    const aborted = [
      { producerId: 1n, firstOffset: 14 },
      { producerId: 1n, firstOffset: 3 },
    ];
    expect(values(answer, 10, aborted)).toEqual({ values: ["kept"], next: 16 });
  });
});
