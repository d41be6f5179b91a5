/** The reading half of either log, all partitions. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Instant } from "../../domain/envelope.ts";
import { EVENTS_PER_RECORD, type Feed, type From, type Position } from "../../domain/ports.ts";
import type { BatchLimits } from "../feed.ts";
import type { KafkaRecord } from "../kafka/client.ts";
import { Unpacked } from "../unpacked.ts";
import { type How, kafkaFeed } from "./feed.ts";
import type { Parts } from "./parts.ts";

/** Of packed bytes a partition. Readers fetch for themselves, so they are further apart than where one file is read. */
const UNPACKED_BYTES = 1024 * 1024;

/** Milliseconds that writing waits at most for reads to know where they end. */
const ASKED_MS = 1000;

/** `unpack` and `count` may throw Damaged. */
export type Contents<E> = {
  readonly log: "facts" | "derived";
  readonly limits: BatchLimits;
  count(record: KafkaRecord): number;
  unpack(record: KafkaRecord): readonly E[];
};

export class Reading<E extends { readonly receivedAt: Instant }> {
  readonly #parts: Parts;
  readonly #contents: Contents<E>;
  readonly #unpacked: readonly Unpacked<E>[];
  /** Look-ups of an end under way. */
  readonly #asking = new Set<Promise<void>>();

  constructor(parts: Parts, contents: Contents<E>) {
    this.#parts = parts;
    this.#contents = contents;
    this.#unpacked = Array.from({ length: parts.partitions }, () => new Unpacked(UNPACKED_BYTES));
  }

  read(partition: number, from: From, how?: How): Feed<E> {
    const { client, readers, journal, topics, closing, damage } = this.#parts;
    const { log, limits, count, unpack } = this.#contents;
    const unpacked = this.#at(partition);
    const { feed, asked } = kafkaFeed(
      {
        ...{ client, readers, journal, partition, limits, topic: topics[log], closing },
        count: (record) => damage.read(log, partition, record, () => count(record), 0),
        decode: (record) => {
          const known = unpacked.get(record.offset);
          if (known !== undefined) return known;
          const events = damage.read(log, partition, record, () => unpack(record), []);
          unpacked.keep(record.offset, events, record.value?.length ?? 0);
          return events;
        },
      },
      from,
      how,
    );
    this.#asking.add(asked);
    void asked.then(() => this.#asking.delete(asked));
    return feed;
  }

  async bounds(partition: number): Promise<{ readonly start: Position; readonly end: Position }> {
    this.#at(partition);
    const { start, stable } = await this.#parts.client.offsets(this.#parts.topics[this.#contents.log], partition);
    return { start: start * EVENTS_PER_RECORD, end: stable * EVENTS_PER_RECORD };
  }

  /**
   * Resolves when it is known where the reads asked for so far end: what is written only then is in none of them. Not for long, though:
   * where a broker does not say, writing goes on.
   */
  async asked(): Promise<void> {
    if (this.#asking.size === 0) return;
    const over = new AbortController();
    const longEnough = sleep(ASKED_MS, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#asking), longEnough]);
    over.abort();
  }

  #at(partition: number): Unpacked<E> {
    const at = this.#unpacked[partition];
    if (at === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.#parts.partitions}.`);
    return at;
  }
}
