/**
 * One partition in the hands of one owner: reading what the one before left, fencing them, and committing.
 *
 * Taking over reads first, fences then, and reads the rest up to a sentinel written in the first transaction: while the long part is
 * read the owner before may still flush. Fencing is the transactional id's: who takes it later ends what was under way under it.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AdapterError, type Owned, type Position, type Saved } from "../../domain/ports.ts";
import type { KafkaClient, NewRecord, PartitionReader, ToSend, Transaction } from "../kafka/client.ts";
import type { KafkaDerived } from "./derived.ts";
import { KafkaMemory, memoryRecords } from "./memory.ts";
import type { Parts } from "./parts.ts";
import { isSentinel, lastProgress, offsetOf, type Progress, progressOf, progressRecord, sentinelRecord, UNBEGUN } from "./progress.ts";
import { recordsBetween, UNDECIDED_MS, undecided } from "./readers.ts";

type Work = Parameters<Owned["commit"]>[0];
type Restored = Awaited<ReturnType<Owned["restore"]>>;
type Producer = Awaited<ReturnType<KafkaClient["transactional"]>>;

export type TenureParts = Parts & {
  readonly derived: KafkaDerived;
  /** Is told what this process has committed. */
  committed(partition: number, next: Position): void;
};

/** Whether the partition was taken from this owner, and how it hears of it. */
export type Lost = { readonly promise: Promise<void>; readonly is: () => boolean; readonly tell: () => void };

const WAIT_MS = 500;
/** Milliseconds for what is under way when the partition is lost, as a last commit: a broker that is away must not hold up who stops. */
const LAST_MS = 5_000;
const engineGroup = (prefix: string): string => `${prefix}-engine`;

export class Tenure {
  readonly partition: number;
  readonly owned: Owned;
  readonly #parts: TenureParts;
  readonly #lost: Lost;
  /** What was found when the partition was taken, for who restores first. */
  #found: { readonly restored: Restored } | { readonly error: unknown } | undefined;
  #producer: Producer | undefined;
  #checkpoint: Position = 0;
  #sizes = new Map<string, number>();
  #over = false;
  #fenced = false;
  #last: Promise<unknown> = Promise.resolve();
  /** Nothing is waited for or written any more. */
  readonly #cut = new AbortController();

  constructor(parts: TenureParts, partition: number, lost: Lost) {
    this.partition = partition;
    this.#parts = parts;
    this.#lost = lost;
    void lost.promise.then(() => sleep(LAST_MS, undefined, { ref: false })).then(() => this.#cut.abort());
    this.owned = {
      partition,
      lost: lost.promise,
      restore: () => this.#inTurn(() => this.#restore()),
      commit: (work) => this.#inTurn(() => this.#commit(work)),
    };
  }

  /** Kafka said that another has the partition. */
  get fenced(): boolean {
    return this.#fenced;
  }

  /** Takes the partition. What goes wrong is told to who restores, that it was cut off included: here it would be nobody's to catch. */
  async begin(): Promise<void> {
    try {
      const restored = await this.#inTurn(() => this.#take());
      this.#found = { restored };
    } catch (error) {
      this.#found = { error };
    }
  }

  /** Commits are refused from now on; one under way is waited for, a while where the partition is lost. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#last;
    await this.#dropProducer();
  }

  async #restore(): Promise<Restored> {
    const found = this.#found;
    this.#found = undefined;
    if (found === undefined) return this.#take();
    if ("error" in found) throw found.error;
    return found.restored;
  }

  async #take(): Promise<Restored> {
    const { client, topics, readers, prefix } = this.#parts;
    const { partition } = this;
    this.#allow();
    await this.#dropProducer();
    const memory = new KafkaMemory(partition);
    return readers.using(topics.memory, partition, (ofMemory) =>
      readers.using(topics.progress, partition, async (ofProgress) => {
        const { start, stable } = await client.offsets(topics.memory, partition);
        for await (const records of recordsBetween(ofMemory, start, stable)) for (const record of records) memory.add(record);
        const { start: first, stable: end } = await client.offsets(topics.progress, partition);
        let progress = (await lastProgress(this.#parts, ofProgress, partition, first, end)) ?? UNBEGUN;
        this.#allow();
        this.#producer = await client.transactional(`${prefix}-${partition}`, this.#cut.signal);
        this.#fenced = false;
        const mark = randomUUID();
        await this.#transaction(async (transaction) => {
          const sentinel = sentinelRecord(partition, mark);
          await transaction.send([
            { topic: topics.progress, records: [sentinel] },
            { topic: topics.memory, records: [sentinel] },
          ]);
        });
        for await (const record of upTo(ofMemory, stable, mark)) memory.add(record);
        for await (const record of upTo(ofProgress, end, mark)) progress = progressOf(this.#parts, partition, record) ?? progress;
        return this.#restored(memory, progress);
      }),
    );
  }

  #restored(memory: KafkaMemory, { at, next }: Progress): Restored {
    this.#sizes = memory.sizes();
    this.#checkpoint = at;
    this.#parts.committed(this.partition, next);
    return { memory: memory.saved(this.#parts.damage), at, next };
  }

  async #commit(work: Work): Promise<void> {
    await this.#parts.derived.asked();
    if (this.#over || this.#fenced || this.#cut.signal.aborted) throw this.#fencedError();
    if (this.#producer === undefined) {
      const message = `It is not known what was last committed to partition ${this.partition}: it must be restored first.`;
      throw new AdapterError("unavailable", message, { retryable: true });
    }
    this.#found = undefined;
    const { partition } = this;
    const { topics, prefix } = this.#parts;
    const progress: Progress = { at: work.checkpoint === undefined ? this.#checkpoint : work.next, next: work.next };
    const what: readonly ToSend[] = [
      { topic: topics.progress, records: [progressRecord(partition, progress)] },
      this.#parts.derived.toSend(partition, work.out),
      { topic: topics.memory, records: this.#saved(work.checkpoint ?? []), squeeze: true },
    ];
    await this.#transaction(async (transaction) => {
      await transaction.send(what);
      if (work.checkpoint !== undefined)
        await transaction.sendOffsets(engineGroup(prefix), topics.facts, [{ partition, offset: offsetOf(work.next) }]);
    });
    this.#checkpoint = progress.at;
    this.#parts.committed(partition, work.next);
  }

  #saved(checkpoint: readonly Saved[]): readonly NewRecord[] {
    return memoryRecords(checkpoint, this.#sizes, { partition: this.partition, timestamp: Date.now() });
  }

  /**
   * All of it or nothing. After a failure nothing is assumed: the producer is dropped, and what is true is read when the partition is
   * restored. (Its sequence numbers could not be trusted either: records sent again under them may be taken for repeats and dropped.)
   * Nor is it aborted: readers wait for it until the partition is taken again, which ends it, or until its time limit.
   */
  async #transaction(work: (transaction: Transaction) => Promise<void>): Promise<void> {
    try {
      const transaction = await (this.#producer as Producer).begin();
      await work(transaction);
      await transaction.commit();
    } catch (error) {
      const fenced = error instanceof AdapterError && error.code === "fenced";
      if (fenced) {
        this.#fenced = true;
        this.#lost.tell();
      }
      await this.#dropProducer();
      throw fenced ? this.#fencedError(error) : error;
    }
  }

  async #dropProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.close();
  }

  /** Who has lost the partition must not fence the one who has it. */
  #allow(): void {
    if (this.#over || this.#lost.is()) throw this.#fencedError();
  }

  #fencedError(cause?: unknown): AdapterError {
    return new AdapterError("fenced", `Partition ${this.partition} was taken by another owner.`, { retryable: false, cause });
  }

  /** Once it is cut off, what is under way is left behind: it ends by itself, and what it finds or meets is nobody's. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.#cut;
    const working = this.#last.then(work);
    const done = new Promise<T>((resolve, reject) => {
      const cut = (): void => reject(this.#fencedError());
      if (signal.aborted) cut();
      signal.addEventListener("abort", cut, { once: true });
      void working.then(resolve, reject).finally(() => signal.removeEventListener("abort", cut));
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** Records from an offset up to the sentinel. Throws AdapterError `timeout` where it does not become readable. */
async function* upTo(reader: PartitionReader, from: number, mark: string) {
  const began = performance.now();
  for (let at = from; ; ) {
    const { records, next } = await reader.fetch(at, { waitMs: WAIT_MS });
    for (const record of records) {
      if (isSentinel(record, mark)) return;
      yield record;
    }
    if (performance.now() - began > UNDECIDED_MS) throw undecided();
    at = next;
  }
}
