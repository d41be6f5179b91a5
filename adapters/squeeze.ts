/**
 * Compressing records, while there is time for it. Measured on frames of 20 objects (bench/log.ts): zstd at level 1 makes a third
 * of them and costs twice what packing them costs; with everything compressed, a flood of frames became durable at less than half the
 * rate of bare LMDB. So a steady load is kept small and a flood is kept fast.
 */
import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync } from "node:zlib";
import { HEADER } from "./seal.ts";

/** Below this many bytes there is nothing to be won. */
const WORTH_SQUEEZING = 1024;
/** Up to so many bytes handing a record to another thread and back takes more processor, and far more time, than compressing it here. */
const SQUEEZED_AT_ONCE = 16 * 1024;
/** A compressor must be set up for each record: that costs as much as compressing so many bytes, and they count as such. */
export const LEAST_SQUEEZED = 16 * 1024;
/** Bytes of facts that are compressed in a second at most, about 4,000 frames of 20 objects; what comes beyond is kept as it is. */
export const SQUEEZED_PER_SECOND = 4 * 1024 * 1024;
const SETTINGS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const compress = promisify(zstdCompress);

/** The record with its payload compressed, a large one on another thread; undefined where that is not worth it. */
export const squeeze = async (record: Buffer): Promise<Buffer | undefined> => {
  if (record.length < WORTH_SQUEEZING) return undefined;
  const payload = record.subarray(HEADER);
  const small = payload.length <= SQUEEZED_AT_ONCE ? zstdCompressSync(payload, SETTINGS) : await compress(payload, SETTINGS);
  return small.length + HEADER < record.length ? Buffer.concat([Buffer.alloc(HEADER), small]) : undefined;
};

/** So many bytes a second, and as many at once after a rest. `now` is in milliseconds and never goes back. */
export class Allowance {
  readonly #perSecond: number;
  readonly #now: () => number;
  #left: number;
  #at: number;

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#left = perSecond;
    this.#at = now();
  }

  take(bytes: number): boolean {
    const now = this.#now();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}
