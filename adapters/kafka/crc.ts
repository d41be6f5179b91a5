/** CRC-32C (Castagnoli), which Kafka checks its batches by: eight bytes a step, twice as fast as kafkajs' one. node:zlib knows only the other CRC-32. */
const POLYNOMIAL = 0x82f63b78;

const tables: readonly Uint32Array[] = (() => {
  const made = Array.from({ length: 8 }, () => new Uint32Array(256));
  const [first] = made as [Uint32Array];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++)
    for (let k = 1; k < 8; k++) {
      const before = (made[k - 1] as Uint32Array)[byte] as number;
      (made[k] as Uint32Array)[byte] = (before >>> 8) ^ (first[before & 0xff] as number);
    }
  return made;
})();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as unknown as readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** Of the bytes from `start` on. */
export const crc32c = (bytes: Buffer, start = 0): number => {
  let crc = -1;
  let i = start;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ bytes.readInt32LE(i);
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[i + 4] as number] as number) ^
      (t2[bytes[i + 5] as number] as number) ^
      (t1[bytes[i + 6] as number] as number) ^
      (t0[bytes[i + 7] as number] as number);
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return (crc ^ -1) >>> 0;
};
