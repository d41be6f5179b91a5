/** Facts on their way into a log: gathered a partition into blocks, which are packed and, while there is time for it, compressed. */
import type { Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import { createPartitions } from "../domain/partitions.ts";
import { EVENTS_PER_RECORD, type Position } from "../domain/ports.ts";
import { factCodec } from "./codec.ts";
import { Allowance, LEAST_SQUEEZED, SQUEEZED_PER_SECOND, squeeze } from "./squeeze.ts";

/** A block is read and dropped as a whole: bounded in facts and in objects, so that it stays near 512 kB (a frame of 10,000 objects is one too). */
const BLOCK_FACTS = 512;
const BLOCK_OBJECTS = 10_000;

/** Events packed but not yet numbered. */
export type Packed = { readonly record: Buffer; readonly count: number; readonly newest: Instant; readonly squeezed: boolean };

/** A block being gathered. `record` is known once it is durable; `packed` is set when nothing more goes in; `rest` is what was split off. */
export type Gathering = {
  facts: Fact[];
  objects: number;
  record: number;
  packed: Promise<Packed> | undefined;
  rest: Gathering | undefined;
};

/** Where each fact of an append went. A position of a block that was never numbered is below 0. */
type Placed = { positions(): readonly Position[] };

export const newestOf = (events: readonly { readonly receivedAt: Instant }[]): Instant => {
  let newest = 0;
  for (const event of events) if (event.receivedAt > newest) newest = event.receivedAt;
  return newest;
};

const gathering = (facts: Fact[], objects: number): Gathering => ({ facts, objects, record: -1, packed: undefined, rest: undefined });

const positionOf = (block: Gathering, index: number): Position => {
  let at: Gathering = block;
  let left = index;
  while (left >= at.facts.length) {
    left -= at.facts.length;
    at = at.rest as Gathering;
  }
  return at.record * EVENTS_PER_RECORD + left;
};

export class Gatherer {
  readonly codec = factCodec();
  readonly #partitions: number;
  readonly #partitionOf: ReturnType<typeof createPartitions>;
  readonly #squeezable = new Allowance(SQUEEZED_PER_SECOND);
  /** One list a partition. */
  #gathered: Gathering[][];

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.#partitionOf = createPartitions(partitions);
    this.#gathered = this.#nothing();
  }

  add(facts: readonly Fact[]): Placed {
    const blocks: Gathering[] = new Array(facts.length);
    const indexes: number[] = new Array(facts.length);
    for (let i = 0; i < facts.length; i++) {
      const fact = facts[i] as Fact;
      const block = this.#blockFor(this.#partitionOf(fact.tenant, fact.camera), fact);
      blocks[i] = block;
      indexes[i] = block.facts.push(fact) - 1;
    }
    return { positions: () => blocks.map((block, i) => positionOf(block, indexes[i] as number)) };
  }

  /** What was gathered, by partition; what comes from now on is gathered anew. */
  take(): readonly (readonly Gathering[])[] {
    const taken = this.#gathered;
    this.#gathered = this.#nothing();
    return taken;
  }

  /** Packing is ours, compressing is done on other threads. `anyway`: compressed whatever is left of the allowance. */
  async pack({ facts }: Gathering, anyway = false): Promise<Packed> {
    const plain = this.codec.pack(facts);
    const small = anyway || this.#squeezable.take(Math.max(plain.length, LEAST_SQUEEZED)) ? await squeeze(plain) : undefined;
    return { record: small ?? plain, squeezed: small !== undefined, count: facts.length, newest: newestOf(facts) };
  }

  #blockFor(partition: number, fact: Fact): Gathering {
    const objects = fact.kind === "frame" ? fact.objects.length : 0;
    const blocks = this.#gathered[partition] as Gathering[];
    let block = blocks.at(-1);
    if (block === undefined || block.facts.length >= BLOCK_FACTS || (block.facts.length > 0 && block.objects + objects > BLOCK_OBJECTS)) {
      // What is full is packed at once, while the write before it still waits to be durable.
      if (block !== undefined) block.packed = this.pack(block);
      block = gathering([], 0);
      blocks.push(block);
    }
    block.objects += objects;
    return block;
  }

  #nothing(): Gathering[][] {
    return Array.from({ length: this.#partitions }, () => []);
  }
}

/** Its second half becomes a block of its own. Whoever has a place in the first finds it there. */
export const split = (block: Gathering): Gathering => {
  const half = Math.ceil(block.facts.length / 2);
  const second = gathering(block.facts.slice(half), 0);
  second.rest = block.rest;
  block.facts = block.facts.slice(0, half);
  block.packed = undefined;
  block.rest = second;
  return second;
};
