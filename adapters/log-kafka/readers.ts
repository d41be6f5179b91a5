/** Connections for reading once: borrowed for a partition, kept a while for whoever reads there next. */

import { AdapterError } from "../../domain/ports.ts";
import type { Fetched, KafkaClient, KafkaRecord, PartitionReader } from "../kafka/client.ts";
import type { Damage } from "./damage.ts";

/** Idle connections kept; beyond it the one idle for longest is closed. */
const IDLE = 8;
/** Milliseconds a transaction may stay undecided. A client's own time limit on one is far below. */
export const UNDECIDED_MS = 20_000;
const WAIT_MS = 500;

export class Readers {
  readonly #client: KafkaClient;
  readonly #damage: Damage;
  readonly #idle = new Map<string, PartitionReader[]>();
  #count = 0;
  #closed = false;

  constructor(client: KafkaClient, damage: Damage) {
    this.#client = client;
    this.#damage = damage;
  }

  /** One that is nobody else's, for who closes it. */
  open(topic: string, partition: number): PartitionReader {
    return this.#client.reader(topic, partition, (batch) => this.#damage.pass(topic, partition, batch));
  }

  take(topic: string, partition: number): PartitionReader {
    const idle = this.#idle.get(`${topic}/${partition}`)?.pop();
    if (idle !== undefined) this.#count--;
    return idle ?? this.open(topic, partition);
  }

  /** One that waits for nothing and has met no error. */
  async giveBack(topic: string, partition: number, reader: PartitionReader): Promise<void> {
    if (this.#closed) return reader.close();
    const name = `${topic}/${partition}`;
    const others = this.#idle.get(name) ?? [];
    this.#idle.delete(name);
    this.#idle.set(name, [...others, reader]);
    this.#count++;
    for (const [oldest, [first, ...rest]] of this.#idle) {
      if (this.#count <= IDLE) return;
      if (rest.length === 0) this.#idle.delete(oldest);
      else this.#idle.set(oldest, rest);
      if (first === undefined) continue;
      this.#count--;
      await first.close();
    }
  }

  async using<T>(topic: string, partition: number, work: (reader: PartitionReader) => Promise<T>): Promise<T> {
    const reader = this.take(topic, partition);
    let sound = false;
    try {
      const result = await work(reader);
      sound = true;
      return result;
    } finally {
      await (sound ? this.giveBack(topic, partition, reader) : reader.close());
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const idle = [...this.#idle.values()].flat();
    this.#idle.clear();
    await Promise.all(idle.map((reader) => reader.close()));
  }
}

/** Records in [from, to), in order, waiting while a transaction there is undecided. Throws AdapterError `timeout` where one stays so. */
export async function* recordsBetween(
  reader: PartitionReader,
  from: number,
  to: number,
  maxBytes?: number,
): AsyncGenerator<readonly KafkaRecord[], void> {
  let at = from;
  for (let moved = performance.now(); at < to; ) {
    const fetched: Fetched = await reader.fetch(at, maxBytes === undefined ? { waitMs: WAIT_MS } : { waitMs: WAIT_MS, maxBytes });
    if (fetched.next > at) moved = performance.now();
    else if (performance.now() - moved > UNDECIDED_MS) throw undecided();
    at = Math.max(at, fetched.next);
    const records = fetched.records.filter(({ offset }) => offset < to);
    if (records.length > 0) yield records;
  }
}

export const undecided = (): AdapterError =>
  new AdapterError("timeout", `A transaction has been open for ${UNDECIDED_MS} ms; what stands behind it cannot be read.`, {
    retryable: true,
  });
