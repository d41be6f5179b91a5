/** What was unpacked last. The readers of a partition follow each other closely, and unpacking is most of what reading costs. */
export class Unpacked<E> {
  readonly #most: number;
  readonly #blocks = new Map<number, readonly E[]>();
  readonly #sizes = new Map<number, number>();
  #bytes = 0;

  /** Of packed bytes, beside the newest block whatever its size. */
  constructor(most: number) {
    this.#most = most;
  }

  get(record: number): readonly E[] | undefined {
    return this.#blocks.get(record);
  }

  keep(record: number, events: readonly E[], bytes: number): void {
    if (this.#blocks.has(record)) return;
    this.#blocks.set(record, events);
    this.#sizes.set(record, bytes);
    this.#bytes += bytes;
    for (const [oldest, size] of this.#sizes) {
      if (this.#bytes <= this.#most || oldest === record) return;
      this.#blocks.delete(oldest);
      this.#sizes.delete(oldest);
      this.#bytes -= size;
    }
  }
}
