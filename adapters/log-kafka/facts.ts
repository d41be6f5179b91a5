/** The facts log in Kafka: what arrives while a request is under way shares the next one, in blocks a partition. */
import type { Fact } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError, type Log, type Position } from "../../domain/ports.ts";
import type { BatchLimits } from "../feed.ts";
import { Gatherer, type Gathering, type Packed, split } from "../gather.ts";
import type { KafkaRecord } from "../kafka/client.ts";
import { Damaged, headerOf } from "../seal.ts";
import type { Parts } from "./parts.ts";
import { Reading } from "./reading.ts";

/** A block to be sent, and where its number is to be put. */
type Ready = { readonly block: Gathering; readonly partition: number; readonly packed: Packed };

const bytesIn = ({ value }: KafkaRecord): Buffer => {
  if (value === undefined) throw new Damaged("it has no value");
  return value;
};

export class KafkaFacts implements Log<Fact> {
  readonly epoch: string;
  readonly partitions: number;
  readonly #parts: Parts;
  readonly #gatherer: Gatherer;
  readonly #reading: Reading<Fact>;
  #durable: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: Parts, epoch: string, batches: BatchLimits) {
    this.epoch = epoch;
    this.partitions = parts.partitions;
    this.#parts = parts;
    this.#gatherer = new Gatherer(parts.partitions);
    const { codec } = this.#gatherer;
    this.#reading = new Reading(parts, {
      log: "facts",
      limits: batches,
      count: (record) => headerOf(bytesIn(record)).count,
      unpack: (record) => codec.unpack(bytesIn(record)),
    });
  }

  /**
   * Throws AdapterError `closed`, `too-large`, and `unavailable` or `timeout` where Kafka did not answer in time: the facts may be in the log
   * all the same, and once more when they are appended again; readers drop the repeat.
   */
  async append(facts: readonly Fact[]): Promise<readonly Position[]> {
    if (this.#parts.closing.aborted) throw new AdapterError("closed", "The log is closed.", { retryable: false });
    if (facts.length === 0) return [];
    const placed = this.#gatherer.add(facts);
    this.#durable ??= this.#write();
    await this.#durable;
    const positions = placed.positions();
    // Of a block that was not sent.
    if (positions.some((position) => position < 0)) throw tooLarge();
    return positions;
  }

  read(partition: number, from: Parameters<Log<Fact>["read"]>[1], how?: Parameters<Log<Fact>["read"]>[2]): ReturnType<Log<Fact>["read"]> {
    return this.#reading.read(partition, from, how);
  }

  bounds(partition: number): ReturnType<Log<Fact>["bounds"]> {
    return this.#reading.bounds(partition);
  }

  /** Resolves when what was appended is durable or refused. */
  async drained(): Promise<void> {
    await this.#last;
  }

  #write(): Promise<void> {
    const written = this.#last.then(async () => {
      await this.#reading.asked();
      const gathered = this.#gatherer.take();
      this.#durable = undefined;
      await this.#send((await Promise.all(gathered.flatMap((blocks, p) => blocks.map((block) => this.#ready(block, p))))).flat());
    });
    this.#last = written.catch(() => undefined);
    return written;
  }

  /** Packed, in as many blocks as it takes; nothing for facts no record can hold. */
  async #ready(block: Gathering, partition: number): Promise<readonly Ready[]> {
    const packed = await (block.packed ?? this.#gatherer.pack(block));
    if (packed.record.length <= limits.recordBytes) return [{ block, partition, packed }];
    if (block.facts.length > 1) {
      const second = split(block);
      return [...(await this.#ready(block, partition)), ...(await this.#ready(second, partition))];
    }
    const small = packed.squeezed ? packed : await this.#gatherer.pack(block, true);
    return small.record.length <= limits.recordBytes ? [{ block, partition, packed: small }] : [];
  }

  async #send(blocks: readonly Ready[]): Promise<void> {
    const records = blocks.map(({ partition, packed }) => {
      const { record, count, newest, squeezed } = packed;
      // Kafka finds an instant of arrival by its own index; `high` of the seal is for logs that have none.
      const value = this.#gatherer.codec.stamp(record, { count, newest, high: newest, squeezed });
      return { partition, value, timestamp: Math.max(0, newest) };
    });
    // As they are: a block was compressed while there was time for it.
    const [offsets = []] = await this.#parts.client.send([{ topic: this.#parts.topics.facts, records }]);
    for (const [i, { block }] of blocks.entries()) block.record = offsets[i] as number;
  }
}

const tooLarge = (): AdapterError =>
  new AdapterError("too-large", `A frame is greater than what a record may have (${limits.recordBytes} bytes).`, { retryable: false });
