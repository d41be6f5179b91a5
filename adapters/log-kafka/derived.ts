/**
 * The derived log in Kafka: one event a record, for others to read too (docs/topics.md).
 *
 * Key: UTF-8 of tenant, NUL, camera; Kafka's own default partitioner gives the same partition for it. Value: the event as JSON.
 * Timestamp: the event's `receivedAt`. Headers: `schema`, the version the JSON was written in; `kind`, the event's.
 */
import { keyText } from "../../domain/envelope.ts";
import type { Derived } from "../../domain/event.ts";
import { createPartitions } from "../../domain/partitions.ts";
import { AdapterError, EVENTS_PER_RECORD, type Log, type Position } from "../../domain/ports.ts";
import { derivedText } from "../codec.ts";
import type { BatchLimits } from "../feed.ts";
import type { KafkaRecord, NewRecord, ToSend } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";
import type { Parts } from "./parts.ts";
import { Reading } from "./reading.ts";
import { checkShape } from "./shape.ts";

const text = derivedText();

const keyOf = ({ tenant, camera }: Derived): Buffer => Buffer.from(keyText(tenant, camera), "utf8");

const unpack = ({ key, value, headers }: KafkaRecord): readonly Derived[] => {
  const schema = headers.schema?.toString() ?? "";
  if (value === undefined || !/^[1-9]\d{0,5}$/.test(schema)) throw new Damaged("it was not written by this program");
  const event = text.read(value.toString("utf8"), Number(schema));
  checkShape(event);
  if (headers.kind?.toString() !== event.kind) throw new Damaged("its header names another kind than the event");
  // As bytes: a lone surrogate has none of its own in UTF-8.
  if (key?.equals(keyOf(event)) !== true) throw new Damaged("its key is not that of the event's camera");
  return [event];
};

export class KafkaDerived implements Log<Derived> {
  readonly epoch: string;
  readonly partitions: number;
  readonly #parts: Parts;
  readonly #reading: Reading<Derived>;
  readonly #partitionOf: ReturnType<typeof createPartitions>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts, epoch: string, limits: BatchLimits) {
    this.epoch = epoch;
    this.partitions = parts.partitions;
    this.#parts = parts;
    this.#partitionOf = createPartitions(parts.partitions);
    this.#reading = new Reading(parts, { log: "derived", limits, count: () => 1, unpack });
  }

  /** One after another, so that events of a camera keep their order. Owners commit instead. */
  append(events: readonly Derived[]): Promise<readonly Position[]> {
    if (this.#parts.closing.aborted) return Promise.reject(new AdapterError("closed", "The log is closed.", { retryable: false }));
    const records = events.map((event) => recordOf(event, this.#partitionOf(event.tenant, event.camera)));
    const sent = this.#last.then(() => this.#send(records));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  read(
    partition: number,
    from: Parameters<Log<Derived>["read"]>[1],
    how?: Parameters<Log<Derived>["read"]>[2],
  ): ReturnType<Log<Derived>["read"]> {
    return this.#reading.read(partition, from, how);
  }

  bounds(partition: number): ReturnType<Log<Derived>["bounds"]> {
    return this.#reading.bounds(partition);
  }

  /** Resolves when it is known where the reads asked for so far end. */
  asked(): Promise<void> {
    return this.#reading.asked();
  }

  async drained(): Promise<void> {
    await this.#last;
  }

  /** For who commits. */
  toSend(partition: number, events: readonly Derived[]): ToSend {
    return this.#sending(events.map((event) => recordOf(event, partition)));
  }

  async #send(records: readonly NewRecord[]): Promise<readonly Position[]> {
    await this.asked();
    const [offsets = []] = await this.#parts.client.send([this.#sending(records)]);
    return offsets.map((offset) => offset * EVENTS_PER_RECORD);
  }

  #sending(records: readonly NewRecord[]): ToSend {
    return { topic: this.#parts.topics.derived, records, squeeze: true };
  }
}

const headers = new Map<Derived["kind"], NonNullable<NewRecord["headers"]>>();
/** The same object for all of a kind: they are written once. */
const headersOf = (kind: Derived["kind"]): NonNullable<NewRecord["headers"]> => {
  const made = headers.get(kind) ?? { schema: String(text.version), kind };
  headers.set(kind, made);
  return made;
};

const recordOf = (event: Derived, partition: number): NewRecord => ({
  partition,
  key: keyOf(event),
  value: Buffer.from(text.write(event), "utf8"),
  timestamp: Math.max(0, event.receivedAt),
  headers: headersOf(event.kind),
});
