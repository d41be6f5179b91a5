/**
 * Kafka's record batches (format 2, since Kafka 0.11), read and written.
 *
 *      0        8        12      16      17    21           23           27          35        43           51      53         57      61
 *      | offset | length | epoch | magic | CRC | attributes | last delta | base time | max time | producer | epoch | sequence | count | records
 *
 * The length counts from 12 on, the CRC (Castagnoli) is over what follows 21.
 */
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { KafkaRecord, NewRecord, Unreadable } from "./client.ts";
import { type Codec, codecs } from "./codecs.ts";
import { crc32c } from "./crc.ts";

const LENGTH_AT = 8;
const OVERHEAD = 12;
const HEADER = 61;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_AT = 23;
const COUNT_AT = 57;
const CODEC = 0x07;
const APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** A control record's key: a version and a type, of which 0 is an abort. */
const ABORT = 0;

/** What is wrong with an answer, or with a batch of it: then it says which. */
export class BadBatch extends Error {
  override readonly name = "BadBatch";
  readonly batch: Unreadable | undefined;

  constructor(message: string, options?: ErrorOptions, batch?: Unreadable) {
    super(message, options);
    this.batch = batch;
  }
}

/** A transaction that did not come about: its records from that offset on, up to its marker, are none. */
export type Aborted = { readonly producerId: bigint; readonly firstOffset: number };

const recordIn = (
  reader: ByteReader,
  base: { readonly offset: number; readonly time: number; readonly appended: number | undefined },
): KafkaRecord => {
  const length = reader.varint();
  const end = reader.at + length;
  if (length < 0 || end > reader.bytes.length) throw new BadBatch("a record is longer than its batch");
  reader.int8(); // Attributes, of no use so far.
  const time = base.time + reader.varint();
  const offset = base.offset + reader.varint();
  const part = (): Buffer | undefined => {
    const size = reader.varint();
    return size < 0 ? undefined : reader.slice(size);
  };
  const key = part();
  const value = part();
  const headers: Record<string, Buffer> = {};
  for (let left = reader.varint(); left > 0; left--) {
    const name = part()?.toString("utf8") ?? "";
    const said = part();
    if (said !== undefined) Object.defineProperty(headers, name, { value: said, enumerable: true, configurable: true, writable: true });
  }
  reader.at = end;
  return { offset, key, value, timestamp: base.appended ?? time, headers };
};

/** Its checksum is right: it was written so. */
const unpacked = (codec: Codec, packed: Buffer, offset: number): Buffer => {
  try {
    return codec.decompress(packed);
  } catch (cause) {
    throw new BadBatch(`the batch at ${offset} cannot be unpacked: ${(cause as Error).message}`, { cause });
  }
};

const recordsIn = (batch: Buffer, offset: number): readonly KafkaRecord[] => {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const header = new ByteReader(batch, 27);
  const time = header.int64();
  const newest = header.int64();
  const base = { offset, time, appended: (attributes & APPEND_TIME) === 0 ? undefined : newest };
  const count = batch.readInt32BE(COUNT_AT);
  const type = attributes & CODEC;
  const packed = batch.subarray(HEADER);
  const codec = codecs[type];
  if (type !== 0 && codec === undefined) throw new BadBatch(`its compression, ${type}, is not known`);
  const reader = new ByteReader(codec === undefined ? packed : unpacked(codec, packed, offset));
  return Array.from({ length: count }, () => recordIn(reader, base));
};

const isSound = (batch: Buffer): boolean =>
  batch.length >= HEADER && batch[MAGIC_AT] === 2 && batch.readUInt32BE(CRC_AT) === crc32c(batch, ATTRIBUTES_AT);

/** Where reading goes on behind a batch that cannot be read. Its own word may be what is damaged: that of a sound one behind it is better. */
const behind = (answer: Buffer, at: number, from: number): number => {
  const endOf = (begin: number): number => begin + OVERHEAD + answer.readInt32BE(begin + LENGTH_AT);
  const end = endOf(at);
  if (end > at && answer.length - end >= HEADER && endOf(end) <= answer.length && isSound(answer.subarray(end, Math.max(end, endOf(end)))))
    return new ByteReader(answer, end).int64();
  // Fewer than there are lead to the rest of it, which is passed over likewise; more would take sound records along.
  const claimed = answer[at + MAGIC_AT] === 2 ? Math.min(answer.readInt32BE(at + LAST_AT) + 1, answer.readInt32BE(at + COUNT_AT)) : 1;
  return Math.max(new ByteReader(answer, at).int64() + claimed, from + 1);
};

/**
 * The records of an answer from an offset on, without what was aborted and without markers, and where reading goes on. The last batch may
 * be cut off: it comes whole the next time. A batch that compaction has emptied still moves `next`. One that cannot be read ends it: what
 * stands before it is given, and where that is nothing, BadBatch is thrown.
 */
export const readBatches = (
  answer: Buffer,
  from: number,
  aborted: readonly Aborted[],
): { readonly records: readonly KafkaRecord[]; readonly next: number } => {
  const records: KafkaRecord[] = [];
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const failed = new Set<bigint>();
  let next = from;

  const read = (batch: Buffer, offset: number): void => {
    if (batch[MAGIC_AT] !== 2) throw new BadBatch(`it is in format ${batch[MAGIC_AT]}, older than Kafka 0.11`);
    if (!isSound(batch)) throw new BadBatch(`the checksum of the batch at ${offset} does not match`);
    const last = offset + batch.readInt32BE(LAST_AT);
    if (last < from) return;
    for (let first = waiting[0]; first !== undefined && first.firstOffset <= last; first = waiting[0]) {
      failed.add(first.producerId);
      waiting.shift();
    }
    const attributes = batch.readInt16BE(ATTRIBUTES_AT);
    const producer = new ByteReader(batch, 43).bigint();
    if ((attributes & CONTROL) !== 0) {
      for (const { key } of recordsIn(batch, offset)) if (key?.readInt16BE(2) === ABORT) failed.delete(producer);
    } else if ((attributes & TRANSACTIONAL) === 0 || !failed.has(producer))
      for (const record of recordsIn(batch, offset)) if (record.offset >= from) records.push(record);
    next = last + 1;
  };

  for (let at = 0; answer.length - at >= HEADER; ) {
    const end = at + OVERHEAD + answer.readInt32BE(at + LENGTH_AT);
    if (end > answer.length) break;
    const offset = new ByteReader(answer, at).int64();
    try {
      read(answer.subarray(at, Math.max(at, end)), offset);
    } catch (error) {
      if (!(error instanceof BadBatch || error instanceof RangeError)) throw error;
      if (next > from) break;
      const goesOn = behind(answer, at, from);
      if (goesOn > from) throw new BadBatch(error.message, { cause: error }, { offset, next: goesOn, damage: error.message });
      // It lies before what was asked for.
    }
    at = end;
  }
  return { records, next };
};

/** `sequence`: of its first record, counted by the producer for the partition. */
export type Signed = { readonly producerId: bigint; readonly epoch: number; readonly sequence: number; readonly transactional: boolean };

/** Every client there is reads it, without a further part: others consume what is derived. zstd would be three times as fast and a quarter smaller. */
const GZIP = 1;
/** Below this many bytes there is nothing to be won. */
const WORTH_SQUEEZING = 1024;

/** Bytes of a number as a varint. */
const widthOf = (value: number): number => {
  let width = 1;
  for (let left = value < 0 ? -2 * value - 1 : 2 * value; left >= 0x80; left = Math.floor(left / 128)) width++;
  return width;
};
const partWidth = (bytes: Buffer | undefined): number => (bytes === undefined ? 1 : widthOf(bytes.length) + bytes.length);

/** Many records bear the same headers: as bytes, their number before them. */
const writtenHeaders = new WeakMap<NonNullable<NewRecord["headers"]>, Buffer>();
const NO_HEADERS = Buffer.of(0);

const writePart = (into: ByteWriter, bytes: Buffer | undefined): void => {
  if (bytes === undefined) into.varint(-1);
  else into.varint(bytes.length).raw(bytes);
};

const headersOf = (headers: NewRecord["headers"]): Buffer => {
  if (headers === undefined) return NO_HEADERS;
  const known = writtenHeaders.get(headers);
  if (known !== undefined) return known;
  const named = Object.entries(headers).flatMap(([name, said]) =>
    [said].flat().map((one) => [Buffer.from(name, "utf8"), typeof one === "string" ? Buffer.from(one, "utf8") : one] as const),
  );
  const into = new ByteWriter(64).varint(named.length);
  for (const [name, said] of named) {
    writePart(into, name);
    writePart(into, said);
  }
  writtenHeaders.set(headers, into.bytes);
  return into.bytes;
};

const write = (into: ByteWriter, { key, value, timestamp, headers }: NewRecord, index: number, base: number): void => {
  const said = headersOf(headers);
  // The length comes first; written elsewhere to be measured, a block of facts would be copied once more.
  into
    .varint(1 + widthOf(timestamp - base) + widthOf(index) + partWidth(key) + partWidth(value) + said.length)
    .int8(0)
    .varint(timestamp - base)
    .varint(index);
  writePart(into, key);
  writePart(into, value);
  into.raw(said);
};

const squeezed = (batch: Buffer): Buffer => {
  if (batch.length < WORTH_SQUEEZING) return batch;
  const packed = (codecs[GZIP] as Codec).compress(batch.subarray(HEADER));
  if (HEADER + packed.length >= batch.length) return batch;
  const small = Buffer.concat([batch.subarray(0, HEADER), packed]);
  small.writeInt16BE(small.readInt16BE(ATTRIBUTES_AT) | GZIP, ATTRIBUTES_AT);
  return small;
};

/** At least one record. Times are whole milliseconds. `squeeze`: compressed (gzip) where that makes it smaller. */
export const writeBatch = (records: readonly NewRecord[], by: Signed, squeeze = false): Buffer => {
  const [{ timestamp: base }] = records as readonly [NewRecord];
  let newest = base;
  let size = HEADER;
  for (const { timestamp, key, value } of records) {
    if (timestamp > newest) newest = timestamp;
    size += 96 + (key?.length ?? 0) + (value?.length ?? 0);
  }
  const batch = new ByteWriter(size);
  batch.int64(0).int32(0).int32(-1).int8(2).int32(0);
  batch
    .int16(by.transactional ? TRANSACTIONAL : 0)
    .int32(records.length - 1)
    .int64(base)
    .int64(newest);
  batch.int64(by.producerId).int16(by.epoch).int32(by.sequence).int32(records.length);
  for (const [index, record] of records.entries()) write(batch, record, index, base);
  const bytes = squeeze ? squeezed(batch.bytes) : batch.bytes;
  bytes.writeInt32BE(bytes.length - OVERHEAD, LENGTH_AT);
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return bytes;
};
