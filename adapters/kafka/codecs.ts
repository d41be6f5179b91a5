/** What batches on Kafka may be compressed with, read and written: gzip, snappy, lz4, zstd. Also for kafkajs's own consumers and producers. */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs from "kafkajs";
import { compressFrameSync, decompressFrameSync } from "lz4-napi";
import { compressSync, uncompressSync } from "snappy";
import { limits } from "../../domain/limits.ts";
import { lz4Size } from "./lz4.ts";

export type Codec = { compress(bytes: Buffer): Buffer; decompress(bytes: Buffer): Buffer };

/** A tenth is left of our JSON at the first level, and little less at the others, for several times the work. */
const FAST = { level: 1 };

const MOST = { maxOutputLength: limits.unpackedBytes };

/** What a batch may grow to: more is no batch but an attack. zlib looks for itself. */
const checked = (size: number): void => {
  if (size > limits.unpackedBytes) throw new RangeError(`it would have more than ${limits.unpackedBytes} bytes`);
};

/** Java's snappy streams: a magic, two versions (16 bytes in all), then blocks, each after its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

/** A block begins with what it unpacks to. */
const snappySize = (block: Buffer): number => {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block.readUInt8(i);
    size += (byte & 0x7f) * 128 ** i;
    if (byte < 0x80) break;
  }
  return size;
};

const unsnappy = (bytes: Buffer): Buffer => {
  const blocks: Buffer[] = [];
  if (bytes.subarray(0, XERIAL.length).equals(XERIAL))
    for (let at = XERIAL_HEADER; at < bytes.length; ) {
      const length = bytes.readInt32BE(at);
      if (length < 0 || length > bytes.length - at - 4) throw new RangeError("a block is longer than what is there");
      blocks.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
  else blocks.push(bytes);
  checked(blocks.reduce((sum, block) => sum + snappySize(block), 0));
  return Buffer.concat(blocks.map((block) => uncompressSync(block, { asBuffer: true }) as Buffer));
};

const unlz4 = (bytes: Buffer): Buffer => {
  checked(lz4Size(bytes));
  return decompressFrameSync(bytes);
};

/** By the number in a batch's attributes. */
export const codecs: Readonly<Record<number, Codec>> = {
  1: { compress: (bytes) => gzipSync(bytes, FAST), decompress: (bytes) => gunzipSync(bytes, MOST) },
  2: { compress: (bytes) => compressSync(bytes), decompress: unsnappy },
  3: { compress: (bytes) => compressFrameSync(bytes), decompress: unlz4 },
  4: { compress: (bytes) => zstdCompressSync(bytes), decompress: (bytes) => zstdDecompressSync(bytes, MOST) },
};

/** A consumer of kafkajs dies of a codec it does not know. */
export const teachKafkajs = (): void => {
  for (const [type, { compress, decompress }] of Object.entries(codecs))
    (kafkajs.CompressionCodecs as Record<number, unknown>)[Number(type)] = () => ({
      compress: (encoder: { readonly buffer: Buffer }) => Promise.resolve(compress(encoder.buffer)),
      decompress: (bytes: Buffer) => Promise.resolve(decompress(bytes)),
    });
};
