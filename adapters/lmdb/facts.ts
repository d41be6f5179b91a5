/** The facts log in LMDB: what arrives while a commit is under way is joined into one block a partition. */
import type { Fact } from "../../domain/event.ts";
import type { Log, Position } from "../../domain/ports.ts";
import { feed } from "../feed.ts";
import { Gatherer, type Gathering, type Packed } from "../gather.ts";
import type { Environment } from "./environment.ts";
import type { Records } from "./records.ts";

export class LmdbFacts implements Log<Fact> {
  readonly epoch: string;
  readonly partitions: number;
  readonly #environment: Environment;
  readonly #records: readonly Records<Fact>[];
  readonly #gatherer: Gatherer;
  #durable: Promise<void> | undefined;

  constructor(environment: Environment, epoch: string, records: readonly Records<Fact>[]) {
    this.#gatherer = new Gatherer(records.length);
    this.#environment = environment;
    this.epoch = epoch;
    this.partitions = records.length;
    this.#records = records;
  }

  async append(facts: readonly Fact[]): Promise<readonly Position[]> {
    if (facts.length === 0) return [];
    const placed = this.#gatherer.add(facts);
    this.#durable ??= this.#write();
    await this.#durable;
    return placed.positions();
  }

  /** What is gathered until its turn comes is one write. */
  #write(): Promise<void> {
    let gathered: readonly (readonly Gathering[])[] = [];
    let packed: readonly (readonly Packed[])[] = [];
    const prepare = async (): Promise<void> => {
      gathered = this.#gatherer.take();
      this.#durable = undefined;
      packed = await Promise.all(
        gathered.map((ofPartition) => Promise.all(ofPartition.map((block) => block.packed ?? this.#gatherer.pack(block)))),
      );
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

  #at(partition: number): Records<Fact> {
    const records = this.#records[partition];
    if (records === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.partitions}.`);
    return records;
  }
}
