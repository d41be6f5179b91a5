/**
 * What stands before every stored record: what it is, in which schema, how much, when it arrived, and two checksums.
 *
 *      0        4      5        6         8       12       16              24              32            36           40
 *      | "TLYW" | kind | packed | version | count | length | high (f64)    | newest (f64)  | payload CRC | header CRC | payload
 *
 * `high` is the greatest arrival of this and all earlier records of its partition: it never falls, so an instant of arrival is
 * found by bisection even where a clock was set back. `newest` is the greatest arrival inside the record: retention goes by it.
 * The header has a checksum of its own so that bisection need not read payloads.
 */
import { crc32, zstdDecompressSync } from "node:zlib";
import type { Instant } from "../domain/envelope.ts";

export const HEADER = 40;
const MAGIC = 0x57594c54;

/** Numbers on disk: never used again for anything else. */
export const kinds = { facts: 1, derived: 2, memory: 3, base: 4, decision: 5, aside: 6, state: 7 } as const;
export type Kind = keyof typeof kinds;
const nameOf = new Map<number, Kind>(Object.entries(kinds).map(([name, n]) => [n, name as Kind]));

export type Header = {
  readonly kind: Kind;
  readonly version: number;
  readonly count: number;
  readonly high: Instant;
  readonly newest: Instant;
  readonly length: number;
  /** The payload is compressed (zstd). */
  readonly squeezed: boolean;
};

/** What the writer says; the length follows. */
export type Sealing = Omit<Header, "length" | "squeezed"> & { readonly squeezed?: boolean };

/** Writes the header into the first HEADER bytes of a record whose payload already stands behind them. */
export const seal = (record: Buffer, header: Sealing): Buffer => {
  record.writeUInt32LE(MAGIC, 0);
  record.writeUInt8(kinds[header.kind], 4);
  record.writeUInt8(header.squeezed === true ? 1 : 0, 5);
  record.writeUInt16LE(header.version, 6);
  record.writeUInt32LE(header.count, 8);
  record.writeUInt32LE(record.length - HEADER, 12);
  record.writeDoubleLE(header.high, 16);
  record.writeDoubleLE(header.newest, 24);
  record.writeUInt32LE(crc32(record.subarray(HEADER)), 32);
  record.writeUInt32LE(crc32(record.subarray(0, 36)), 36);
  return record;
};

/** What is wrong with a record, in words. The reader turns it into an AdapterError that says where. */
export class Damaged extends Error {
  override readonly name = "Damaged";
}

/** Checks the header alone. Throws Damaged. */
export const headerOf = (record: Buffer): Header => {
  if (record.length < HEADER) throw new Damaged(`it is ${record.length} bytes long, shorter than its header`);
  if (record.readUInt32LE(0) !== MAGIC) throw new Damaged("it does not begin as a record does");
  if (record.readUInt32LE(36) !== crc32(record.subarray(0, 36))) throw new Damaged("the checksum of its header does not match");
  const kind = nameOf.get(record.readUInt8(4));
  if (kind === undefined) throw new Damaged(`its kind ${record.readUInt8(4)} is not known`);
  return {
    kind,
    squeezed: record.readUInt8(5) === 1,
    version: record.readUInt16LE(6),
    count: record.readUInt32LE(8),
    length: record.readUInt32LE(12),
    high: record.readDoubleLE(16),
    newest: record.readDoubleLE(24),
  };
};

/** Checks header and payload. Throws Damaged. */
export const unseal = (record: Buffer): { readonly header: Header; readonly payload: Buffer } => {
  const header = headerOf(record);
  const payload = record.subarray(HEADER);
  if (payload.length !== header.length) throw new Damaged(`its payload is ${payload.length} bytes long and should be ${header.length}`);
  if (record.readUInt32LE(32) !== crc32(payload)) throw new Damaged("the checksum of its payload does not match");
  return { header, payload: header.squeezed ? spread(payload) : payload };
};

const spread = (payload: Buffer): Buffer => {
  try {
    return zstdDecompressSync(payload);
  } catch (cause) {
    throw new Damaged("its payload cannot be decompressed", { cause });
  }
};

/** A record whose payload is JSON text. JSON keeps lone surrogates (as escapes) and keys such as `__proto__`. */
export const sealJson = (json: string, header: Sealing): Buffer => {
  const bytes = Buffer.byteLength(json);
  const record = Buffer.allocUnsafeSlow(HEADER + bytes);
  record.write(json, HEADER, "utf8");
  return seal(record, header);
};
