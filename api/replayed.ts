/**
 * A tenant's alerts of a stretch of the derived log, in the order of the log within a partition, and by `raisedAt` between partitions.
 * What others' alerts are in between changes neither order nor pieces.
 */
import type { Alert } from "../domain/event.ts";
import type { Core, Delivered, Tail } from "./core.ts";

export const reached = (at: Tail, to: Tail): boolean => to.every((position, partition) => (at[partition] ?? 0) >= position);
export const furthest = (a: Tail, b: Tail): Tail => b.map((position, partition) => Math.max(position, a[partition] ?? 0));
export const nearest = (a: Tail, b: Tail): Tail => b.map((position, partition) => Math.min(position, a[partition] ?? 0));

export type Stretch = {
  readonly from: Tail;
  readonly to: Tail;
  readonly isWanted: (alert: Alert) => boolean;
  readonly signal: AbortSignal;
};

/** One partition's alerts, those that are wanted, read ahead by a batch. */
class Lane {
  readonly #batches: AsyncIterator<readonly Delivered[]>;
  readonly #isWanted: Stretch["isWanted"];
  readonly #pause: () => Promise<void>;
  readonly #signal: AbortSignal;
  #read: readonly Delivered[] = [];
  #next = 0;
  #isOver = false;

  constructor(core: Core, partition: number, { from, to, isWanted, signal }: Stretch, pause: () => Promise<void>) {
    const only = to.map((end, one) => (one === partition ? (from[one] ?? 0) : end));
    this.#batches = core.between(only, to)[Symbol.asyncIterator]();
    this.#isWanted = isWanted;
    this.#signal = signal;
    this.#pause = pause;
  }

  get head(): Delivered | undefined {
    return this.#read[this.#next];
  }

  take(): void {
    this.#next++;
  }

  /** Reads on where nothing is read ahead. */
  async fill(): Promise<void> {
    while (this.#next >= this.#read.length && !this.#isOver && !this.#signal.aborted) {
      const { done, value } = await this.#batches.next();
      this.#next = 0;
      this.#read = done === true ? [] : value.filter(({ alert }) => this.#isWanted(alert));
      this.#isOver = done === true;
      await this.#pause();
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}

const earliest = (lanes: readonly Lane[]): Lane | undefined => {
  let first: Lane | undefined;
  for (const lane of lanes)
    if (lane.head !== undefined && (first?.head === undefined || lane.head.alert.raisedAt < first.head.alert.raisedAt)) first = lane;
  return first;
};

/** Ends at `to`, or when the signal is aborted. */
export async function* replayed(core: Core, stretch: Stretch): AsyncGenerator<Delivered> {
  const pause = core.createPause();
  const lanes = stretch.to.flatMap((end, partition) =>
    (stretch.from[partition] ?? 0) < end ? [new Lane(core, partition, stretch, pause)] : [],
  );
  try {
    for (const lane of lanes) await lane.fill();
    for (let lane = earliest(lanes); lane !== undefined && !stretch.signal.aborted; lane = earliest(lanes)) {
      yield lane.head as Delivered;
      lane.take();
      if (lane.head === undefined) await lane.fill();
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

/** After an alert that stands there. */
export const after = (at: Tail, { partition, position }: Delivered): Tail => at.with(partition, Math.max(at[partition] ?? 0, position + 1));
