/** Where records go that could not be taken in: as they came, with headers that say from where and why. */
import type { Kafka, KafkaMessage, Message, Producer } from "kafkajs";
import type { Clock, Journal, RefusedRecord, Stop } from "../domain/ports.ts";

export type DeadLetters = {
  /** Resolves when all are durable; false when `stop` came first. One the topic does not take for its size is told of and left. */
  bury(refused: readonly RefusedRecord[], messages: readonly KafkaMessage[], stop: Stop): Promise<boolean>;
  close(): Promise<void>;
};

const PAUSE_MS = 1000;
/** Milliseconds between two lines about a topic that takes nothing. */
const SAY_MS = 60_000;
const TOO_LARGE = "MESSAGE_TOO_LARGE";

const letterOf = ({ record, reason, detail }: RefusedRecord, message: KafkaMessage | undefined): Message => ({
  key: message?.key ?? null,
  value: message?.value ?? null,
  ...(message === undefined ? {} : { timestamp: message.timestamp }),
  headers: {
    ...message?.headers,
    "tallywire.topic": record.topic,
    "tallywire.partition": String(record.partition),
    "tallywire.offset": String(record.offset),
    "tallywire.reason": reason,
    "tallywire.detail": detail,
  },
});

/** Of what headers came with a record nothing is told: they may be secret. */
const positionOf = (letter: Message | undefined): string =>
  ["topic", "partition", "offset"].map((name) => String(letter?.headers?.[`tallywire.${name}`])).join("/");

export const openDeadLetters = (
  kafka: Kafka,
  topic: string,
  { clock, journal }: { readonly clock: Clock; readonly journal: Journal },
): DeadLetters => {
  let producer: Producer | undefined;
  let said = Number.NEGATIVE_INFINITY;

  const connected = async (): Promise<Producer> => {
    if (producer !== undefined) return producer;
    // Not idempotent: after a record that was too large it would refuse every other. A letter may come twice, as its record may.
    const made = kafka.producer({ allowAutoTopicCreation: false, retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 3 } });
    await made.connect();
    producer = made;
    return made;
  };

  const send = async (letters: readonly Message[]): Promise<void> => {
    try {
      await (await connected()).send({ topic, acks: -1, messages: [...letters] });
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (letters.length > 1) for (const letter of letters) await send([letter]);
      else
        journal.error(
          { err: error, topic, from: positionOf(letters[0]) },
          "a record is too large for the topic of dead letters: it is left behind",
        );
    }
  };

  const bury: DeadLetters["bury"] = async (refused, messages, stop) => {
    const byOffset = new Map(messages.map((message) => [Number(message.offset), message]));
    const letters = refused.map((one) => letterOf(one, byOffset.get(one.record.offset)));
    while (!stop.aborted) {
      try {
        await send(letters);
        return true;
      } catch (error) {
        if (clock.now() - said >= SAY_MS) {
          said = clock.now();
          journal.error(
            { err: error, topic, letters: letters.length },
            "the topic of dead letters takes nothing; it is tried until it does",
          );
        }
        await clock.sleep(PAUSE_MS, stop);
      }
    }
    return false;
  };

  return { bury, close: async () => void (await producer?.disconnect()) };
};

/** kafkajs puts what went wrong at the bottom of a chain of causes. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && (("type" in error && error.type === TOO_LARGE) || isTooLarge(error.cause));
