/** Reading a partition, the same for every log that can say where it begins and ends: pull-based, in batches, waiting when told to follow. */
import { setImmediate as turn } from "node:timers/promises";
import type { Instant } from "../domain/envelope.ts";
import type { Batch, Feed, From, Position, Stop } from "../domain/ports.ts";

/** Of what a feed gives at once. */
export type BatchLimits = { readonly events: number; readonly bytes: number };

export type LogBounds = {
  /** Bounds of a batch of facts; a batch has at least one block. It is unpacked in one go, and everybody else waits meanwhile. */
  readonly factsPerBatch?: number;
  /** Bounds of a batch of derived events. */
  readonly derivedPerBatch?: number;
};

const BATCH_BYTES = 8 * 1024 * 1024;

/** Of logs that keep bytes. */
export const batchLimits = ({
  factsPerBatch = 2000,
  derivedPerBatch = 1000,
}: LogBounds): Readonly<Record<"facts" | "derived", BatchLimits>> => ({
  facts: { events: factsPerBatch, bytes: BATCH_BYTES },
  derived: { events: derivedPerBatch, bytes: BATCH_BYTES },
});

/** Tells the readers of one partition that there is more, or that there will be no more. */
export class Growth {
  readonly #waiting = new Set<() => void>();
  #ended = false;
  get ended(): boolean {
    return this.#ended;
  }
  grown(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }
  end(): void {
    this.#ended = true;
    this.grown();
  }
  /** Calls `wake` once, at the next growth; the answer takes it back. */
  onNext(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

/**
 * An iterator that takes what there is, waits for growth when told so, and ends when told so, when the signal is aborted, when it is
 * returned (also while it waits) and when there will be no more.
 */
export const pulling = <T extends object>(
  growth: Growth,
  signal: Stop | undefined,
  take: () => T | "wait" | "over",
): AsyncIterator<T, undefined> => {
  let done = false;
  let wake: (() => void) | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const more = (): Promise<void> =>
    new Promise((resolve) => {
      const settle = (): void => {
        takeBack();
        signal?.removeEventListener("abort", settle);
        wake = undefined;
        resolve();
      };
      const takeBack = growth.onNext(settle);
      signal?.addEventListener("abort", settle, { once: true });
      wake = settle;
    });
  const pull = async (): Promise<IteratorResult<T, undefined>> => {
    // A reader that never waits for anything else must not keep the sockets waiting.
    await turn();
    while (!done && signal?.aborted !== true && !growth.ended) {
      const taken = take();
      if (typeof taken === "object") return { done: false, value: taken };
      if (taken === "over") break;
      await more();
    }
    done = true;
    return { done: true, value: undefined };
  };
  return {
    // Pulls made without waiting for the one before are answered in order.
    next: () => {
      const pulled = last.then(pull);
      last = pulled.catch(() => undefined);
      return pulled;
    },
    return: () => {
      done = true;
      wake?.();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
};

export type Partition<E> = {
  readonly growth: Growth;
  bounds(): { readonly start: Position; readonly end: Position };
  /** The first event that arrived then or later; the end if there is none. */
  arrivedAt(instant: Instant): Position;
  /** Events from a position inside the bounds, at least one unless `next` is moved; never beyond `to`. */
  batch(from: Position, to: Position): Batch<E>;
};

/**
 * `from` and, without `follow`, the end are settled when `read` is called, not when the first batch is pulled. A position older
 * than the oldest kept one reads from there: who must not miss anything holds retention back (`keepFrom`) or compares with
 * `bounds`. A feed that follows ends when its signal is aborted, when it is returned, and when the log is closed.
 */
export const feed = <E>(
  partition: Partition<E>,
  from: From,
  how: { readonly to?: Position; readonly follow?: boolean; readonly signal?: Stop } = {},
): Feed<E> => {
  const { start, end } = partition.bounds();
  const first = from === "start" ? start : from === "end" ? end : typeof from === "number" ? from : partition.arrivedAt(from.arrivedAt);
  const until = how.to ?? (how.follow === true ? Number.POSITIVE_INFINITY : end);
  return { [Symbol.asyncIterator]: () => iterate(partition, first, until, how.follow === true, how.signal) };
};

const iterate = <E>(
  partition: Partition<E>,
  first: Position,
  until: Position,
  follow: boolean,
  signal: Stop | undefined,
): AsyncIterator<Batch<E>, undefined> => {
  let at = first;
  return pulling(partition.growth, signal, () => {
    while (at < until) {
      const { start, end } = partition.bounds();
      at = Math.max(at, start);
      const to = Math.min(end, until);
      if (at >= to) return follow && at < until ? "wait" : "over";
      const batch = partition.batch(at, to);
      at = batch.next;
      if (batch.events.length > 0) return batch;
    }
    return "over";
  });
};
