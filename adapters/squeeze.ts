/**
 * Compressing records, while there is time for it. Measured on frames of 20 objects (bench/log.ts): zstd at level 1 makes a third
 * of them and costs twice what packing them costs; with everything compressed, a flood of frames became durable at less than half the
 * rate of bare LMDB. So a steady load is kept small and a flood is kept fast.
 */
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { HEADER } from "./seal.ts";

/** Below this many bytes there is nothing to be won. */
const WORTH_SQUEEZING = 1024;
const compress = promisify(zstdCompress);

/** The record with its payload compressed, on another thread; undefined where that is not worth it. */
export const squeeze = async (record: Buffer): Promise<Buffer | undefined> => {
  if (record.length < WORTH_SQUEEZING) return undefined;
  const small = await compress(record.subarray(HEADER), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
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
