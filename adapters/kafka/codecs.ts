/** What batches on Kafka may be compressed with, read and written: gzip, snappy, lz4, zstd. Also for kafkajs's own consumers and producers. */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs from "kafkajs";
import { compressFrameSync, decompressFrameSync } from "lz4-napi";
import { compressSync, uncompressSync } from "snappy";

export type Codec = { compress(bytes: Buffer): Buffer; decompress(bytes: Buffer): Buffer };

/** A tenth is left of our JSON at the first level, and little less at the others, for several times the work. */
const FAST = { level: 1 };

/** What a batch may grow to: more is no batch but an attack. */
const MOST = 512 * 1024 * 1024;

/** Java's snappy streams: a magic, two versions (16 bytes in all), then blocks, each after its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

const unsnappy = (bytes: Buffer): Buffer => {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return uncompressSync(bytes, { asBuffer: true }) as Buffer;
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < bytes.length; ) {
    const length = bytes.readInt32BE(at);
    at += 4;
    blocks.push(uncompressSync(bytes.subarray(at, at + length), { asBuffer: true }) as Buffer);
    at += length;
  }
  return Buffer.concat(blocks);
};

/** By the number in a batch's attributes. */
export const codecs: Readonly<Record<number, Codec>> = {
  1: { compress: (bytes) => gzipSync(bytes, FAST), decompress: (bytes) => gunzipSync(bytes, { maxOutputLength: MOST }) },
  2: { compress: (bytes) => compressSync(bytes), decompress: unsnappy },
  3: { compress: (bytes) => compressFrameSync(bytes), decompress: (bytes) => decompressFrameSync(bytes) },
  4: { compress: (bytes) => zstdCompressSync(bytes), decompress: (bytes) => zstdDecompressSync(bytes, { maxOutputLength: MOST }) },
};

/** A consumer of kafkajs dies of a codec it does not know. */
export const teachKafkajs = (): void => {
  for (const [type, { compress, decompress }] of Object.entries(codecs))
    (kafkajs.CompressionCodecs as Record<number, unknown>)[Number(type)] = () => ({
      compress: (encoder: { readonly buffer: Buffer }) => Promise.resolve(compress(encoder.buffer)),
      decompress: (bytes: Buffer) => Promise.resolve(decompress(bytes)),
    });
};
