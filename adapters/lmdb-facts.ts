/** The facts log in LMDB: what arrives while a commit is under way is joined into one block a partition. */
import type { Fact } from "../domain/event.ts";
import { createPartitions } from "../domain/partitions.ts";
import { EVENTS_PER_RECORD, type Log, type Position } from "../domain/ports.ts";
import { feed } from "./feed.ts";
import type { Environment } from "./lmdb-environment.ts";
import { newestOf, type Packed, type Records } from "./lmdb-records.ts";
import { Allowance, LEAST_SQUEEZED, squeeze } from "./squeeze.ts";

/** A block is read and dropped as a whole: bounded in facts and in objects, so that it stays near 512 kB (a frame of 10,000 objects is one too). */
const BLOCK_FACTS = 512;
const BLOCK_OBJECTS = 10_000;

/** A block being gathered. `record` is known once it is durable; `packed` is set when nothing more goes in. */
type Gathering = { readonly facts: Fact[]; objects: number; record: number; packed: Promise<Packed> | undefined };

export class LmdbFacts implements Log<Fact> {
  readonly epoch: string;
  readonly partitions: number;
  readonly #environment: Environment;
  readonly #records: readonly Records<Fact>[];
  readonly #partitionOf: ReturnType<typeof createPartitions>;
  readonly #squeezable: Allowance;
  /** One list a partition. */
  #gathering: Gathering[][];
  #durable: Promise<void> | undefined;

  constructor(environment: Environment, epoch: string, records: readonly Records<Fact>[], squeezedPerSecond: number) {
    this.#squeezable = new Allowance(squeezedPerSecond);
    this.#gathering = records.map(() => []);
    this.#environment = environment;
    this.epoch = epoch;
    this.partitions = records.length;
    this.#records = records;
    this.#partitionOf = createPartitions(records.length);
  }

  async append(facts: readonly Fact[]): Promise<readonly Position[]> {
    if (facts.length === 0) return [];
    const blocks: Gathering[] = new Array(facts.length);
    const indexes: number[] = new Array(facts.length);
    for (let i = 0; i < facts.length; i++) {
      const fact = facts[i] as Fact;
      const block = this.#blockFor(this.#partitionOf(fact.tenant, fact.camera), fact);
      blocks[i] = block;
      indexes[i] = block.facts.push(fact) - 1;
    }
    this.#durable ??= this.#write();
    await this.#durable;
    return blocks.map((block, i) => block.record * EVENTS_PER_RECORD + (indexes[i] as number));
  }

  /** What is gathered until its turn comes is one write. Packing is ours, compressing is done on other threads. */
  #write(): Promise<void> {
    let gathered: readonly (readonly Gathering[])[] = [];
    let packed: readonly (readonly Packed[])[] = [];
    const prepare = async (): Promise<void> => {
      gathered = this.#gathering;
      this.#gathering = this.#records.map(() => []);
      this.#durable = undefined;
      packed = await Promise.all(gathered.map((ofPartition) => Promise.all(ofPartition.map((block) => block.packed ?? this.#pack(block)))));
    };
    return this.#environment.write((group) => {
      const applied = packed.map((ofPartition, p) => (ofPartition.length === 0 ? undefined : this.#at(p).put(group, ofPartition)));
      return () => {
        applied.forEach((apply, p) => {
          let record = apply?.();
          for (const block of gathered[p] ?? []) block.record = record === undefined ? block.record : record++;
        });
      };
    }, prepare);
  }

  read(partition: number, from: Parameters<Log<Fact>["read"]>[1], how?: Parameters<Log<Fact>["read"]>[2]): ReturnType<Log<Fact>["read"]> {
    return feed(this.#at(partition), from, how);
  }

  bounds(partition: number): ReturnType<Log<Fact>["bounds"]> {
    return Promise.resolve(this.#at(partition).bounds());
  }

  #blockFor(partition: number, fact: Fact): Gathering {
    const objects = fact.kind === "frame" ? fact.objects.length : 0;
    const blocks = this.#gathering[partition] as Gathering[];
    let block = blocks.at(-1);
    if (block === undefined || block.facts.length >= BLOCK_FACTS || (block.facts.length > 0 && block.objects + objects > BLOCK_OBJECTS)) {
      // What is full is packed at once, while the commit before it still waits for the disk.
      if (block !== undefined) block.packed = this.#pack(block);
      block = { facts: [], objects: 0, record: -1, packed: undefined };
      blocks.push(block);
    }
    block.objects += objects;
    return block;
  }

  async #pack({ facts }: Gathering): Promise<Packed> {
    const plain = this.#at(0).codec.pack(facts);
    const small = this.#squeezable.take(Math.max(plain.length, LEAST_SQUEEZED)) ? await squeeze(plain) : undefined;
    return { record: small ?? plain, squeezed: small !== undefined, count: facts.length, newest: newestOf(facts) };
  }

  #at(partition: number): Records<Fact> {
    const records = this.#records[partition];
    if (records === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.partitions}.`);
    return records;
  }
}
