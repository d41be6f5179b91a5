/** Both logs in Kafka, so that any number of processes share the work. What is where and why: docs/adr/0004-the-log-in-kafka.md. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import { AdapterError, type Base, type Journal, type Logs, type Owned, type Release, type Share } from "../domain/ports.ts";
import { createStop } from "../domain/stop.ts";
import { within } from "../domain/within.ts";
import { systemClock } from "./clock.ts";
import { batchLimits, type LogBounds } from "./feed.ts";
import type { KafkaClient } from "./kafka/client.ts";
import { connectKafka, type KafkaPlace } from "./kafka/connect.ts";
import { KafkaBases } from "./log-kafka/bases.ts";
import { Book } from "./log-kafka/book.ts";
import { Claims, SharesOfGroups } from "./log-kafka/claims.ts";
import { Damage } from "./log-kafka/damage.ts";
import { KafkaDerived } from "./log-kafka/derived.ts";
import { KafkaFacts } from "./log-kafka/facts.ts";
import { checkFacts, identify } from "./log-kafka/identity.ts";
import type { Parts } from "./log-kafka/parts.ts";
import { Readers } from "./log-kafka/readers.ts";
import { KafkaRetention } from "./log-kafka/retention.ts";
import { ensureTopics, topicsOf } from "./log-kafka/topics.ts";
import type { Policy } from "./retention.ts";

type KafkaLogsOptions = LogBounds & {
  /** Closed with the logs. */
  readonly client: KafkaClient;
  /** What the names of topics, groups and transactional ids begin with. */
  readonly prefix: string;
  readonly journal: Journal;
  /** Fixed when the log is created. */
  readonly partitions: number;
  /** Names of corrupt records to pass over, as the error that reports one gives them. */
  readonly skipCorrupt?: readonly string[];
};

/** Milliseconds for what is under way to end when the log is closed. */
const CLOSE_MS = 3_000;

class KafkaLogs implements Logs {
  readonly facts: KafkaFacts;
  readonly derived: KafkaDerived;
  readonly #parts: Parts;
  readonly #stop: () => void;
  readonly #book: Book;
  readonly #bases: KafkaBases;
  readonly #retention: KafkaRetention;
  readonly #claims: Claims;
  readonly #shares: SharesOfGroups;
  #closed: Promise<void> | undefined;

  constructor(parts: Parts, epoch: string, stop: () => void, limits: ReturnType<typeof batchLimits>) {
    this.#parts = parts;
    this.#stop = stop;
    this.facts = new KafkaFacts(parts, epoch, limits.facts);
    this.derived = new KafkaDerived(parts, epoch, limits.derived);
    this.#book = new Book(parts);
    this.#bases = new KafkaBases(parts);
    this.#retention = new KafkaRetention(parts, this.#bases);
    this.#claims = new Claims({ ...parts, derived: this.derived, committed: (partition, next) => this.#book.committed(partition, next) });
    this.#shares = new SharesOfGroups(parts);
  }

  async claim(own: (owned: Owned) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#claims.claim(own);
  }

  async share(name: string, work: (share: Share) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#shares.share(name, work);
  }

  progress(partition: number): ReturnType<Logs["progress"]> {
    return this.#book.progress(partition);
  }

  async putBase(base: Base): Promise<void> {
    this.#open();
    await this.#bases.put(base);
  }

  baseBefore(camera: CameraKey, instant: Instant): Promise<Base | undefined> {
    return this.#bases.before(camera, instant);
  }

  async retain(policy: Policy): Promise<number> {
    this.#open();
    return this.#retention.retain(policy);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { client, readers } = this.#parts;
    this.#stop();
    const ended = Promise.all([this.facts.drained(), this.derived.drained(), this.#claims.close(), this.#shares.close()]);
    try {
      await within<unknown>({ clock: systemClock }, CLOSE_MS, ended, () => undefined);
    } finally {
      await readers.close();
      // What still waits for a broker that is away fails with it.
      await client.close();
    }
    await ended;
  }

  #open(): void {
    if (this.#parts.closing.aborted) throw new AdapterError("closed", "The log is closed.", { retryable: false });
  }
}

/**
 * Throws AdapterError `bad-query` for a number of partitions that is not the log's, and for topics whose settings would lose something;
 * `corrupt` where the topics do not belong together; `unavailable` where Kafka cannot be reached. The client is closed then.
 */
export const openKafkaLogs = async (options: KafkaLogsOptions): Promise<Logs> => {
  const { client, prefix, journal, partitions, skipCorrupt = [] } = options;
  if (!Number.isInteger(partitions) || partitions < 1) throw new RangeError(`A log has 1 partition or more, not ${partitions}.`);
  let readers: Readers | undefined;
  try {
    const topics = topicsOf(prefix);
    const damage = new Damage(topics, partitions, skipCorrupt, journal);
    readers = new Readers(client, damage);
    await ensureTopics(client, topics, partitions);
    const closing = createStop();
    const parts: Parts = { client, prefix, topics, partitions, readers, damage, journal, closing: closing.signal };
    const epoch = await identify(parts);
    await checkFacts(parts);
    return new KafkaLogs(parts, epoch, closing.stop, batchLimits(options));
  } catch (error) {
    await readers?.close();
    await client.close();
    throw error;
  }
};

/** The URL's path is the prefix. Throws as `openKafkaLogs` does. */
export const connectKafkaLogs = async (options: KafkaPlace & Omit<KafkaLogsOptions, "client" | "prefix">): Promise<Logs> => {
  const client = await connectKafka(options);
  if (client.prefix !== "") return openKafkaLogs({ ...options, client, prefix: client.prefix });
  await client.close();
  throw new AdapterError(
    "bad-query",
    "Kafka's URL names no log: it ends with a prefix for its topics, as in kafka://host:9092/tallywire.",
    {
      retryable: false,
    },
  );
};
