/**
 * How much an LZ4 frame unpacks to, found out without unpacking it: the decoder knows no bound.
 *
 *      | magic 4 | flags 1 | block size 1 | size 8? | dictionary 4? | checksum 1 | blocks: length 4, data, checksum 4? … | 0
 */

const MAGIC = 0x184d2204;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_CONTENT_CHECKSUM = 0x04;
const HAS_SIZE = 0x08;
const HAS_DICTIONARY = 0x01;
const STORED = 0x80000000;
/** Of a length in four bits: more bytes follow, up to the first that is not full. */
const LONG = 15;

/** A block is runs of bytes, and after each how many bytes from before come again. */
const blockSize = (block: Buffer): number => {
  let at = 0;
  const rest = (): number => {
    for (let more = 0; ; ) {
      const byte = block.readUInt8(at++);
      more += byte;
      if (byte < 255) return more;
    }
  };
  let size = 0;
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = (token >>> 4) + (token >>> 4 === LONG ? rest() : 0);
    size += literals;
    at += literals;
    if (at >= block.length) break; // The last has nothing after it.
    at += 2;
    size += 4 + (token & LONG) + ((token & LONG) === LONG ? rest() : 0);
  }
  return size;
};

/** Of all frames that stand there; throws RangeError where one is not whole. What the frames say of themselves is not believed. */
export const lz4Size = (bytes: Buffer): number => {
  let size = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.readUInt32LE(at) !== MAGIC) throw new RangeError("it is no LZ4 frame");
    const flags = bytes.readUInt8(at + 4);
    at += 7 + (flags & HAS_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0);
    const after = flags & HAS_BLOCK_CHECKSUMS ? 4 : 0;
    for (;;) {
      const length = bytes.readUInt32LE(at);
      at += 4;
      if (length === 0) break;
      const stored = length % STORED;
      size += length >= STORED ? stored : blockSize(bytes.subarray(at, at + stored));
      at += stored + after;
    }
    at += flags & HAS_CONTENT_CHECKSUM ? 4 : 0;
  }
  return size;
};
