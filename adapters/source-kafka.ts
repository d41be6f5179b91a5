/**
 * A topic of others on Kafka, read by a consumer group: whoever reads it in other processes under the same group shares its partitions.
 *
 *   fetch -> take (durable, or refused) -> dead letters durable -> offset committed -> fetch
 *
 * Nothing is committed before it is dealt with, so what a crash or a rebalance cuts off comes again, and the door drops the repeat. While
 * the log takes nothing the group is told that we live: a waiting member is not replaced by another that would wait just so.
 */
import kafkajs, { type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage, type SASLOptions } from "kafkajs";
import type { Clock, ForeignRecord, Journal, Meter, Source, Stop, Take } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import { teachKafkajs } from "./kafka/codecs.ts";
import type { KafkaPlace } from "./kafka/connect.ts";
import { type KafkaAddress, readKafkaUrl } from "./kafka/url.ts";
import { DeadLetters } from "./source-kafka-dead.ts";

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

type Reading = SourceTopic & {
  readonly take: Take;
  readonly signal: Stop;
  readonly dead: DeadLetters | undefined;
  /** Told each time the group has been joined. */
  readonly joined: () => void;
};

/** One membership in the group. */
class Membership {
  readonly #reading: Reading;
  readonly #beatMs: number;
  readonly #journal: Journal;
  readonly #meter: Meter;
  readonly #consumer: Consumer;
  readonly #lags = new Map<number, number>();
  readonly #ended = Promise.withResolvers<void>();
  #defect: Defect | undefined;

  constructor(kafka: Kafka, reading: Reading, { journal, meter, sessionMs = SESSION_MS }: SourceWorld) {
    this.#reading = reading;
    this.#beatMs = Math.floor(sessionMs / 5);
    this.#journal = journal;
    this.#meter = meter;
    this.#consumer = kafka.consumer({
      groupId: reading.group,
      sessionTimeout: sessionMs,
      heartbeatInterval: this.#beatMs,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      // Crashes are answered below: one loop, and one line for the journal.
      retry: { initialRetryTime: 100, maxRetryTime: 2000, retries: 4, restartOnFailure: () => Promise.resolve(false) },
    });
    // It may crash while it is still joining, when nobody waits for the end yet: that is no unhandled rejection.
    this.#ended.promise.catch(() => undefined);
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => this.#ended.reject(payload.error));
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, () => {
      this.#lags.clear();
      reading.joined();
    });
  }

  /** Until the signal, or until it crashes: rejects with why. */
  async run(): Promise<void> {
    const { topic, group, signal } = this.#reading;
    const takeBack = whenStopped(signal, () => this.#ended.resolve());
    let why: unknown;
    try {
      await this.#read();
      await this.#ended.promise;
    } catch (error) {
      why = error;
    }
    takeBack();
    await this.#consumer
      .disconnect()
      .catch((error: unknown) => this.#journal.warn({ err: error, topic, group }, "a topic of others could not be left in good order"));
    // A defect before all else: the other ends are tried again, for ever.
    const failure = this.#defect ?? why;
    if (failure !== undefined) throw failure;
  }

  async #read(): Promise<void> {
    const { topic, from } = this.#reading;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic, fromBeginning: from === "earliest" });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: SIDE_BY_SIDE,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  async #eachBatch({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, uncommittedOffsets }: EachBatchPayload): Promise<void> {
    const { partition, messages } = batch;
    this.#tellLag(partition, batch.offsetLagLow());
    const giveUp = new AbortController();
    const takeBack = whenStopped(this.#reading.signal, () => giveUp.abort());
    let lost: { readonly error: unknown } | undefined;
    const beating = setInterval(() => {
      heartbeat().catch((error: unknown) => {
        // The group is divided anew: what is under way is finished and committed, what waits is left to its next owner.
        lost ??= { error };
        giveUp.abort();
      });
    }, this.#beatMs);
    try {
      const done = await this.#dealWith(partition, messages, giveUp.signal);
      const last = messages[done - 1];
      if (last !== undefined) {
        resolveOffset(last.offset);
        await commitOffsetsIfNecessary(uncommittedOffsets());
        if (done === messages.length) this.#tellLag(partition, batch.offsetLag());
      }
      if (lost !== undefined) throw lost.error;
    } finally {
      clearInterval(beating);
      takeBack();
    }
  }

  /** How many are durable, or refused and their letters durable. What is thrown here is a defect: kafkajs would try it again without end. */
  async #dealWith(partition: number, messages: readonly KafkaMessage[], stop: Stop): Promise<number> {
    const { topic, take, dead } = this.#reading;
    try {
      const { done, refused } = await take(
        messages.map((message) => recordOf(topic, partition, message)),
        stop,
      );
      const buried = dead === undefined || refused.length === 0 || (await dead.bury(refused, messages, stop));
      return buried ? done : 0;
    } catch (error) {
      this.#defect ??= new Defect(error);
      this.#ended.resolve();
      return 0;
    }
  }

  #tellLag(partition: number, lag: string): void {
    this.#lags.set(partition, Math.max(0, Number(lag)));
    let waiting = 0;
    for (const one of this.#lags.values()) waiting += one;
    this.#meter.set("tallywire_source_lag_records", waiting, { topic: this.#reading.topic });
  }
}

/** Connects when it runs. Throws AdapterError for a URL that cannot be, and for certificates that cannot be read. */
export const openKafkaSource = (place: Omit<KafkaPlace, "journal">, topic: SourceTopic, world: SourceWorld): Source => {
  const { clock, journal } = world;
  const kafka = connect(readKafkaUrl(place.url, place.access), topic.topic, journal);
  const told = { topic: topic.topic, group: topic.group };
  return {
    run: async (take, signal) => {
      const dead = topic.deadLetter === undefined ? undefined : new DeadLetters({ ...place, journal }, topic.deadLetter, clock);
      let pause = FIRST_PAUSE_MS;
      const joined = (): void => {
        pause = FIRST_PAUSE_MS;
        journal.info(told, "reads a topic of others");
      };
      try {
        while (!signal.aborted) {
          try {
            await new Membership(kafka, { ...topic, take, signal, dead, joined }, world).run();
          } catch (error) {
            if (error instanceof Defect) throw error.cause;
            if (signal.aborted) return;
            journal.error({ err: error, ...told, pause }, "a topic of others cannot be read; it is tried until it can");
          }
          await clock.sleep(pause, signal);
          pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
        }
      } finally {
        await dead?.close();
      }
    },
  };
};

class Defect extends Error {
  constructor(cause: unknown) {
    super("a record was not taken in for no reason of Kafka's", { cause });
  }
}
