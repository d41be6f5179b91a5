/** What the Kafka log asks of a Kafka client: topics, reading one partition, durable and transactional writing, membership. */
import type { Release, Stop } from "../../domain/ports.ts";

export type KafkaRecord = {
  readonly offset: number;
  readonly key: Buffer | undefined;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
  /** Epoch milliseconds, as the writer said. */
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, Buffer>>;
};

/** `timestamp` is the arrival of the newest event in it: looking up an instant relies on it. */
export type NewRecord = {
  readonly partition: number;
  readonly key?: Buffer;
  readonly value: Buffer | undefined;
  readonly timestamp: number;
  /** A name may stand several times, and one may say nothing. */
  readonly headers?: Readonly<Record<string, Header | readonly Header[]>>;
};
type Header = string | Buffer | undefined;

/** `squeeze`: compressed where that makes it smaller. */
export type ToSend = { readonly topic: string; readonly records: readonly NewRecord[]; readonly squeeze?: boolean };

/** `next`: where reading goes on, beyond what is no record too (a transaction's end, what was aborted, what compaction took). */
export type Fetched = { readonly records: readonly KafkaRecord[]; readonly next: number };

/** A batch of records that cannot be read: its first offset, where reading goes on behind it, and what is wrong with it, in words. */
export type Unreadable = { readonly offset: number; readonly next: number; readonly damage: string };

/** `stable`: the end for who reads what is committed; `high`: the end, open transactions included. Offsets. */
export type Offsets = { readonly start: number; readonly stable: number; readonly high: number };

/** A connection of its own: who waits for more holds up nobody else. Reads what is committed, without a consumer group. */
export interface PartitionReader {
  /** Records from an offset on, at least one or a moved `next`; waits for them at most `waitMs`, then gives none. One older than the oldest kept reads from there. */
  fetch(from: number, how: { readonly waitMs: number; readonly maxBytes?: number; readonly signal?: Stop }): Promise<Fetched>;
  close(): Promise<void>;
}

export interface Transaction {
  send(what: readonly ToSend[]): Promise<void>;
  /** For tools that show the lag of a group; nothing of ours reads them. */
  sendOffsets(group: string, topic: string, offsets: readonly { readonly partition: number; readonly offset: number }[]): Promise<void>;
  commit(): Promise<void>;
}

export type TopicNeed = {
  readonly topic: string;
  readonly partitions: number;
  /** Set when the topic is made. */
  readonly config: Readonly<Record<string, string>>;
  /** Checked where it is there already: a value, or what must hold of it, said in words for the refusal. */
  readonly must: Readonly<Record<string, string | { readonly says: string; readonly holds: (value: string) => boolean }>>;
};

/** Everything throws AdapterError: `fenced` where another took the transactional id, `too-large`, `unavailable` and `timeout` (retryable). */
export interface KafkaClient {
  /** Makes what is absent, checks what is there. Throws AdapterError `bad-query` that names the topic, what it has and what it should have. */
  ensureTopics(needs: readonly TopicNeed[]): Promise<void>;
  /** How many partitions; undefined where there is no such topic. */
  partitionsOf(topic: string): Promise<number | undefined>;
  offsets(topic: string, partition: number): Promise<Offsets>;
  /** The first record whose timestamp is then or later; undefined where there is none. */
  offsetAt(topic: string, partition: number, timestamp: number): Promise<number | undefined>;
  /** `pass` is told of a batch that cannot be read, and throws unless it is to be passed over. Without it, AdapterError `corrupt` is thrown. */
  reader(topic: string, partition: number, pass?: (batch: Unreadable) => void): PartitionReader;
  /** Drops records before the offset. */
  deleteBefore(topic: string, partition: number, offset: number): Promise<void>;
  /** Bytes of the partitions as stored, one replica. Undefined where our user may not know: that takes DESCRIBE on the cluster. */
  bytes(topic: string): Promise<readonly number[] | undefined>;
  /** Idempotent, acknowledged by all replicas in sync. Gives, in the order of `what`, the offset of each record. */
  send(what: readonly ToSend[]): Promise<readonly (readonly number[])[]>;
  /**
   * Fences whoever had the id before; what they had under way is aborted by then. A transaction that takes longer than 8 s is aborted by
   * Kafka, and told as `fenced` too. After anything that failed the id is to be taken anew, by whoever still has the partition: that aborts
   * what was not committed, and after a `commit` that failed it is not known what was done. Once `signal` is aborted nothing is tried any
   * more: what is under way fails as `closed`.
   */
  transactional(id: string, signal?: AbortSignal): Promise<{ begin(): Promise<Transaction>; close(): Promise<void> }>;
  /**
   * Membership in a group that divides the topic's partitions; nothing is read through it. A member keeps what it has where it can.
   * `gained` and `lost` are told in the order in which it happens; `lost` also when the group has not heard of us for too long (6 s).
   * Resolves when the group has been joined. Releasing leaves the group; what is held then is not told lost, nothing is told after it.
   */
  join(group: string, topic: string, told: { gained(partition: number): void; lost(partition: number): void }): Promise<Release>;
  close(): Promise<void>;
}
