/** Where records go that could not be taken in: as they came, with headers that say from where and why. */
import type { KafkaMessage } from "kafkajs";
import { AdapterError, type Clock, type Journal, type RefusedRecord, type Stop } from "../domain/ports.ts";
import { createSeldom, type Seldom } from "../domain/seldom.ts";
import { whenStopped } from "../domain/stop.ts";
import type { KafkaClient, NewRecord } from "./kafka/client.ts";
import { connectKafka, type KafkaPlace } from "./kafka/connect.ts";

const PAUSE_MS = 1000;
/** Milliseconds between two lines about a topic that takes nothing. */
const SAY_MS = 60_000;

type Letter = Omit<NewRecord, "partition"> & { readonly from: RefusedRecord["record"] };

const letterOf = ({ record, reason, detail }: RefusedRecord, message: KafkaMessage): Letter => ({
  from: record,
  ...(message.key && { key: message.key }),
  value: message.value ?? undefined,
  timestamp: Number(message.timestamp),
  headers: {
    // kafkajs gives null for a header that says nothing, whatever its types say.
    ...Object.fromEntries(
      Object.entries(message.headers ?? {}).map(([name, said]) => [name, [said].flat().map((one) => one ?? undefined)]),
    ),
    "tallywire.topic": record.topic,
    "tallywire.partition": String(record.partition),
    "tallywire.offset": String(record.offset),
    "tallywire.reason": reason,
    "tallywire.detail": detail,
  },
});

/** Connects when there is a first letter. */
export class DeadLetters {
  readonly #place: KafkaPlace;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #takesNothing: Seldom;
  #client: Promise<KafkaClient> | undefined;

  constructor(place: KafkaPlace, topic: string, clock: Clock) {
    this.#place = place;
    this.#topic = topic;
    this.#clock = clock;
    this.#journal = place.journal;
    this.#takesNothing = createSeldom(clock, 1, SAY_MS);
  }

  /**
   * Resolves when all are durable; false when `stop` came first. One the topic does not take for its size is told of and left. A letter may
   * come twice, as its record may.
   */
  async bury(refused: readonly RefusedRecord[], messages: readonly KafkaMessage[], stop: Stop): Promise<boolean> {
    const byOffset = new Map(messages.map((message) => [Number(message.offset), message]));
    const letters = refused.map((one) => letterOf(one, byOffset.get(one.record.offset) as KafkaMessage));
    // What is under way is cut off; what others have under way is tried again.
    const takeBack = whenStopped(stop, () => void this.close());
    try {
      while (!stop.aborted) {
        try {
          await this.#send(letters);
          return true;
        } catch (error) {
          if (!(error instanceof AdapterError)) throw error;
          if (!stop.aborted) this.#say(error, letters.length);
          await this.#clock.sleep(PAUSE_MS, stop);
        }
      }
      return false;
    } finally {
      takeBack();
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    // Whoever asked for one that did not come about has been told.
    await client?.then(
      (made) => made.close(),
      () => undefined,
    );
  }

  async #send(letters: readonly Letter[]): Promise<void> {
    const client = await this.#connected();
    const partitions = await client.partitionsOf(this.#topic);
    if (partitions === undefined) throw new AdapterError("unavailable", `There is no topic ${this.#topic}.`, { retryable: true });
    // What had one partition has one here too: the order stays, and what has the same key together.
    const records = letters.map(({ from, ...letter }) => ({ ...letter, partition: from.partition % partitions }));
    try {
      await client.send([{ topic: this.#topic, records }]);
    } catch (error) {
      if (!(error instanceof AdapterError) || error.code !== "too-large") throw error;
      if (letters.length > 1) for (const letter of letters) await this.#send([letter]);
      else this.#leave(letters[0] as Letter, error);
    }
  }

  async #connected(): Promise<KafkaClient> {
    const client = this.#client ?? connectKafka(this.#place);
    this.#client = client;
    try {
      return await client;
    } catch (error) {
      if (this.#client === client) this.#client = undefined;
      throw error;
    }
  }

  #say(error: AdapterError, letters: number): void {
    this.#takesNothing((more) =>
      this.#journal.error(
        { err: error, topic: this.#topic, letters, more },
        "the topic of dead letters takes nothing; it is tried until it does",
      ),
    );
  }

  /** Of what headers came with a record nothing is told: they may be secret. */
  #leave({ from: { topic, partition, offset } }: Letter, error: AdapterError): void {
    this.#journal.error(
      { err: error, topic: this.#topic, from: `${topic}/${partition}/${offset}` },
      "a record is too large for the topic of dead letters: it is left behind",
    );
  }
}
