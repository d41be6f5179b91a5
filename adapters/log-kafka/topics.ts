/** The topics of a log and what must hold of each: made when absent, refused when otherwise. */
import { limits } from "../../domain/limits.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { KafkaClient, TopicNeed } from "../kafka/client.ts";

export type Topics = {
  /** Blocks of facts; a record is what one append sent to one partition, or a part of it. */
  readonly facts: string;
  /** One derived event a record, JSON. */
  readonly derived: string;
  /** How far the owner of the partition has committed. */
  readonly progress: string;
  /** The cameras' memory as of the last checkpoint. */
  readonly memory: string;
  /** Where bounded replays start, and what the log is called. One partition. */
  readonly bases: string;
};

export const topicsOf = (prefix: string): Topics => ({
  facts: `${prefix}.facts`,
  derived: `${prefix}.derived`,
  progress: `${prefix}.progress`,
  memory: `${prefix}.memory`,
  bases: `${prefix}.bases`,
});

/** A record is sent to the broker in a batch of its partition, and the limit is the batch's; a batch puts something round it. A frame of 10,000 objects has 1.2 MB. */
const BATCH_BYTES = limits.recordBytes + 64 * 1024;
const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;
const NEVER = "9223372036854775807";

const atLeast = (least: number, unit: string) => ({
  says: `at least ${least} (${unit})`,
  holds: (value: string) => Number(value) >= least,
});

/** Times are those of arrival, as we say them; an import of old data, or a clock set back, must not be refused or dropped for it. */
const EVERY = {
  config: {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": NEVER,
    "message.timestamp.before.max.ms": NEVER,
    "max.message.bytes": String(BATCH_BYTES),
  },
  must: {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": atLeast(YEAR_MS, "milliseconds"),
    "message.timestamp.before.max.ms": atLeast(100 * YEAR_MS, "milliseconds"),
    "max.message.bytes": atLeast(BATCH_BYTES, "bytes"),
  },
};

/** Kept until we drop it: Kafka does not know what a checkpoint, a base or a projector still needs. */
const kept = {
  config: { ...EVERY.config, "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" },
  must: { ...EVERY.must, "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" },
};

/** The newest record of a key is kept for ever. Cleaned early, so that who restores has little to read. */
const compacted = {
  config: {
    ...EVERY.config,
    "cleanup.policy": "compact",
    "segment.bytes": String(16 * MIB),
    "segment.ms": String(10 * MINUTE_MS),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": String(10 * MINUTE_MS),
  },
  must: { ...EVERY.must, "cleanup.policy": "compact" },
};

const needsOf = (topics: Topics, partitions: number): readonly TopicNeed[] => [
  // The broker drops whole segments only: smaller ones follow what we drop more closely.
  { topic: topics.facts, partitions, config: { ...kept.config, "segment.bytes": String(64 * MIB) }, must: kept.must },
  { topic: topics.derived, partitions, ...kept },
  { topic: topics.progress, partitions, ...compacted },
  { topic: topics.memory, partitions, ...compacted },
  { topic: topics.bases, partitions: 1, ...compacted },
];

/** Throws AdapterError `bad-query` for a number of partitions that is not the log's, and for settings that would lose something. */
export const ensureTopics = async (client: KafkaClient, topics: Topics, partitions: number): Promise<void> => {
  const there = await client.partitionsOf(topics.facts);
  if (there !== undefined && there !== partitions) {
    const message =
      `The log of the topic ${topics.facts} was created with ${there} partitions and was opened with ${partitions}. ` +
      `The number cannot change, or a camera's facts would be in two places: open it with ${there}.`;
    throw new AdapterError("bad-query", message, { retryable: false });
  }
  await client.ensureTopics(needsOf(topics, partitions));
};
