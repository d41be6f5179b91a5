/** The least a Kafka client is asked for here, so that two of them can do the same. */
export type Rec = {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | undefined;
  readonly value: Buffer;
  readonly timestamp: number;
};

export interface BareProducer {
  /** One batch a partition; resolves when all replicas in sync have them. Idempotent. */
  send(records: readonly Rec[]): Promise<void>;
  close(): Promise<void>;
}

export interface BareTransactions {
  /** Begins, sends, commits. */
  run(records: readonly Rec[]): Promise<void>;
  close(): Promise<void>;
}

/** Where each partition ends: the offset after the last record. */
export type Ends = readonly number[];

export interface BareClient {
  producer(): Promise<BareProducer>;
  /** Everything in the topic up to the ends, committed, by a group of its own. Gives the seconds from the first fetch to the last record. */
  consume(topic: string, ends: Ends, each: (value: Buffer, partition: number) => void): Promise<number>;
  /** The topics that will be written to, with so many partitions each. */
  transactions(id: string, topics: readonly string[], partitions: number): Promise<BareTransactions>;
  close(): Promise<void>;
}

/** The same for both clients: kafkajs's own values, but for the bytes, which are what the log on Kafka asks for. */
export const FETCH = { maxBytes: 16 * 1024 * 1024, maxBytesPerPartition: 4 * 1024 * 1024, maxWaitMs: 500 } as const;

/** Calls `over` when the last end is reached. */
export const countdown = (ends: Ends, over: () => void) => {
  const left = new Set(ends.keys());
  for (const [partition, end] of ends.entries()) if (end === 0) left.delete(partition);
  return (partition: number, offset: number): void => {
    if (offset + 1 >= (ends[partition] as number) && left.delete(partition) && left.size === 0) over();
  };
};
