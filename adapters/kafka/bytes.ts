/**
 * Reading and writing Kafka's primitive types: big-endian numbers, strings and arrays after their length, zigzag varints. kafkajs' own write
 * records at half the speed and read them at a third, with an object or a string for every 64-bit number, and do not look where bytes end.
 */

export class ByteReader {
  readonly bytes: Buffer;
  at: number;
  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  get left(): number {
    return this.bytes.length - this.at;
  }
  int8(): number {
    return this.bytes.readInt8(this.at++);
  }
  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }
  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }
  /** Offsets and timestamps are far below 2^53; an unknown one is -1. */
  int64(): number {
    this.at += 8;
    return this.bytes.readInt32BE(this.at - 8) * 0x1_0000_0000 + this.bytes.readUInt32BE(this.at - 4);
  }
  /** Identities of producers are random: all 64 bits count. */
  bigint(): bigint {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8);
  }
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    throw new RangeError("a number does not end");
  }
  slice(length: number): Buffer {
    if (length < 0 || length > this.left) throw new RangeError(`${length} bytes are told of, ${this.left} are there`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  string(): string {
    return this.slice(Math.max(0, this.int16())).toString("utf8");
  }
  array<T>(one: () => T): readonly T[] {
    const count = Math.max(0, this.int32());
    return Array.from({ length: count }, one);
  }
}

export class ByteWriter {
  #bytes: Buffer;
  #at = 0;
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }
  /** What has been written, not copied. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }
  get length(): number {
    return this.#at;
  }
  /** Where the next `length` bytes go. */
  #room(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#at, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
  int8(value: number): this {
    const at = this.#room(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }
  int16(value: number): this {
    const at = this.#room(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }
  int32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }
  int64(value: number | bigint): this {
    const at = this.#room(8);
    this.#bytes.writeBigInt64BE(BigInt(value), at);
    return this;
  }
  uvarint(value: number): this {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 128)) {
      const at = this.#room(1);
      this.#bytes[at] = (left % 128) | 0x80;
    }
    const at = this.#room(1);
    this.#bytes[at] = left;
    return this;
  }
  varint(value: number): this {
    return this.uvarint(value < 0 ? -2 * value - 1 : 2 * value);
  }
  raw(bytes: Buffer): this {
    const at = this.#room(bytes.length);
    bytes.copy(this.#bytes, at);
    return this;
  }
  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text, "utf8");
    return this.int16(bytes.length).raw(bytes);
  }
  array<T>(values: readonly T[], one: (value: T) => void): this {
    this.int32(values.length);
    for (const value of values) one(value);
    return this;
  }
}
