/**
 * A topic of others on Kafka, read by a consumer group: whoever reads it in other processes under the same group shares its partitions.
 *
 *   fetch -> take (durable, or refused) -> dead letters durable -> offset committed -> fetch
 *
 * Nothing is committed before it is dealt with, so what a crash or a rebalance cuts off comes again, and the door drops the repeat. While
 * the log takes nothing the group is told that we live: a waiting member is not replaced by another that would wait just so.
 */
import kafkajs, { type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage, type SASLOptions } from "kafkajs";
import type { Access } from "../domain/access.ts";
import {
  AdapterError,
  type Clock,
  type ForeignRecord,
  type Journal,
  type Meter,
  type Source,
  type Stop,
  type Take,
} from "../domain/ports.ts";
import { teachKafkajs } from "./kafka/codecs.ts";
import { type KafkaAddress, readKafkaUrl } from "./kafka/url.ts";
import { openDeadLetters } from "./source-kafka-dead.ts";

export type SourceTopic = {
  readonly topic: string;
  readonly group: string;
  /** Where a group begins that has read nothing yet, or whose place is no longer kept. */
  readonly from: "earliest" | "latest";
  readonly deadLetter?: string | undefined;
};

export type SourceWorld = {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Meter;
  /** Milliseconds after which the group takes a silent member for dead. */
  readonly sessionMs?: number;
};

/** A member that was killed holds its partitions for so long. Ours beats even while it waits, so this may be short. */
const SESSION_MS = 10_000;
/** How long a member may take to finish and commit when the group is divided anew. */
const REBALANCE_MS = 60_000;
/** Longer would be as long a stop. */
const FETCH_WAIT_MS = 500;
/** Partitions whose batches are taken in side by side: one waits for the disk while another is parsed. */
const SIDE_BY_SIDE = 4;
const CONNECT_MS = 3000;
const REQUEST_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** kafkajs calls an error what it tries again by itself, and a lost place too: only that costs records. */
const PLACE_LOST = "Offset out of range";

const connect = ({ brokers, ssl, sasl }: KafkaAddress, topic: string, journal: Journal): Kafka => {
  teachKafkajs();
  return new kafkajs.Kafka({
    clientId: "tallywire",
    brokers: [...brokers],
    ssl: ssl ?? false,
    ...(sasl && { sasl: sasl as SASLOptions }),
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    logCreator:
      () =>
      ({ log: { message, partition } }) =>
        message.startsWith(PLACE_LOST)
          ? journal.error({ topic, partition }, "what was to be read next is no longer kept: records were dropped before they were read")
          : journal.debug({ from: "kafkajs", topic }, message),
  });
};

const recordOf = (topic: string, partition: number, { offset, timestamp, key, value }: KafkaMessage): ForeignRecord => ({
  topic,
  partition,
  offset: Number(offset),
  timestamp: Number(timestamp),
  key: key ?? undefined,
  value: value ?? undefined,
});

/** Connects when it runs. */
export const openKafkaSource = (
  address: KafkaAddress,
  { topic, group, from, deadLetter }: SourceTopic,
  { clock, journal, meter, sessionMs = SESSION_MS }: SourceWorld,
): Source => {
  const kafka = connect(address, topic, journal);
  const beatMs = Math.floor(sessionMs / 5);
  const lags = new Map<number, number>();
  const tellLag = (partition: number, lag: string): void => {
    lags.set(partition, Math.max(0, Number(lag)));
    let waiting = 0;
    for (const one of lags.values()) waiting += one;
    meter.set("tallywire_source_lag_records", waiting, { topic });
  };

  /** One membership: until the signal, or until it crashes. Rejects with why. */
  const consume = async (take: Take, signal: Stop, joined: () => void): Promise<void> => {
    const dead = deadLetter === undefined ? undefined : openDeadLetters(kafka, deadLetter, { clock, journal });
    const consumer: Consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionMs,
      heartbeatInterval: beatMs,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      // Crashes are answered below: one loop, and one line for the journal.
      retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 4, restartOnFailure: () => Promise.resolve(false) },
    });
    const ended = Promise.withResolvers<void>();
    // It may crash while it is still joining, when nobody waits for the end yet: that is no unhandled rejection.
    ended.promise.catch(() => undefined);
    /** What `take` throws is a defect: kafkajs would try it again without end. */
    let defect: { readonly error: unknown } | undefined;
    consumer.on(consumer.events.CRASH, ({ payload }) => ended.reject(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, () => {
      lags.clear();
      joined();
    });

    const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
      const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, uncommittedOffsets } = payload;
      tellLag(batch.partition, batch.offsetLagLow());
      const giveUp = new AbortController();
      const stop = (): void => giveUp.abort();
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      let lost: { readonly error: unknown } | undefined;
      const beating = setInterval(() => {
        heartbeat().catch((error: unknown) => {
          // The group is divided anew: what is under way is finished and committed, what waits is left to its next owner.
          lost ??= { error };
          stop();
        });
      }, beatMs);
      try {
        const records = batch.messages.map((message) => recordOf(topic, batch.partition, message));
        const { done, refused } = await take(records, giveUp.signal).catch((error: unknown) => {
          defect = { error };
          ended.resolve();
          return { done: 0, refused: [] };
        });
        const buried = dead === undefined || refused.length === 0 || (await dead.bury(refused, batch.messages, giveUp.signal));
        const last = batch.messages[done - 1];
        if (last !== undefined && buried) {
          resolveOffset(last.offset);
          await commitOffsetsIfNecessary(uncommittedOffsets());
          if (done === records.length) tellLag(batch.partition, batch.offsetLag());
        }
        if (lost !== undefined) throw lost.error;
      } finally {
        clearInterval(beating);
        signal.removeEventListener("abort", stop);
      }
    };

    const stopped = (): void => ended.resolve();
    signal.addEventListener("abort", stopped, { once: true });
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: from === "earliest" });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: SIDE_BY_SIDE, eachBatch });
      if (signal.aborted) stopped();
      await ended.promise;
    } finally {
      signal.removeEventListener("abort", stopped);
      // A failure to part must not stand before what ended the membership: a defect would be tried again for ever.
      try {
        await consumer.disconnect();
        await dead?.close();
      } catch (error) {
        journal.warn({ err: error, topic, group }, "a connection to a topic of others did not end well");
      }
    }
    if (defect !== undefined) throw new Defect(defect.error);
  };

  return {
    run: async (take, signal) => {
      let pause = FIRST_PAUSE_MS;
      const joined = (): void => {
        pause = FIRST_PAUSE_MS;
        journal.info({ topic, group }, "reads a topic of others");
      };
      while (!signal.aborted) {
        try {
          await consume(take, signal, joined);
        } catch (error) {
          if (error instanceof Defect) throw error.cause;
          if (signal.aborted) return;
          journal.error({ err: error, topic, group, pause }, "a topic of others cannot be read; it is tried until it can");
        }
        await clock.sleep(pause, signal);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    },
  };
};

/**
 * `url` and `access` are the source's own; without a URL it is read where the log is, in the log's name. No credentials of the one are shown
 * to the other. Throws AdapterError `bad-query` for what cannot be read, and where the log is not on Kafka.
 */
export const openSource = (
  source: SourceTopic & { readonly url?: string | undefined; readonly access?: Access | undefined },
  log: { readonly url: string; readonly access: Access },
  world: SourceWorld,
): Source => {
  if (source.url !== undefined) return openKafkaSource(readKafkaUrl(source.url, source.access), source, world);
  if (log.url.startsWith("kafka:")) return openKafkaSource(readKafkaUrl(log.url, log.access), source, world);
  const message = `The topic ${source.topic} has no url, and the log, whose connection it would use, is not on Kafka.`;
  throw new AdapterError("bad-query", message, { retryable: false });
};

class Defect extends Error {
  constructor(cause: unknown) {
    super("a record was not taken in for no reason of Kafka's", { cause });
  }
}
