/** What a log is called, made when the log is made: positions of another epoch mean nothing here. */
import { randomUUID } from "node:crypto";
import { AdapterError, EVENTS_PER_RECORD } from "../../domain/ports.ts";
import type { Parts } from "./parts.ts";
import { progressNow } from "./progress.ts";
import { recordsBetween } from "./readers.ts";

/** Each record has a key of its own, so that compaction keeps them all. */
export const IDENTITY = "identity/";
const PARTITION = 0;

/** The first one written: two that make the log at once write one each and agree on that. */
const written = (parts: Parts): Promise<string | undefined> =>
  parts.readers.using(parts.topics.bases, PARTITION, async (reader) => {
    const { start, high } = await parts.client.offsets(parts.topics.bases, PARTITION);
    for await (const records of recordsBetween(reader, start, high))
      for (const { key, value } of records)
        if (key?.toString().startsWith(IDENTITY) === true && value !== undefined) return value.toString();
    return undefined;
  });

/** The log's epoch. */
export const identify = async (parts: Parts): Promise<string> => {
  const there = await written(parts);
  if (there !== undefined) return there;
  const epoch = randomUUID();
  const record = { partition: PARTITION, key: Buffer.from(IDENTITY + epoch), value: Buffer.from(epoch), timestamp: Date.now() };
  await parts.client.send([{ topic: parts.topics.bases, records: [record] }]);
  return (await written(parts)) ?? epoch;
};

/** Throws AdapterError `corrupt` where the engine has committed facts that are not there: the topic was deleted and made anew. */
export const checkFacts = async (parts: Parts): Promise<void> => {
  const { client, topics, journal } = parts;
  const check = async (partition: number): Promise<void> => {
    const [{ next }, { start, high }] = await Promise.all([progressNow(parts, partition), client.offsets(topics.facts, partition)]);
    if (next > high * EVENTS_PER_RECORD) {
      const message =
        `The topic ${topics.facts} ends at offset ${high} in partition ${partition}, but ${topics.progress} says that its facts were worked at up ` +
        `to ${next / EVENTS_PER_RECORD}: it is not the topic this log was made with. Bring that one back, or delete all topics of this log, ` +
        "or use another prefix.";
      throw new AdapterError("corrupt", message, { retryable: false });
    }
    if (next < start * EVENTS_PER_RECORD)
      journal.warn(
        { topic: topics.facts, partition, from: next / EVENTS_PER_RECORD, to: start },
        "facts were dropped before the engine had seen them",
      );
  };
  await Promise.all(Array.from({ length: parts.partitions }, (_, partition) => check(partition)));
};
