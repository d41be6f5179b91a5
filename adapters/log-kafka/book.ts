/**
 * How far each partition has been committed, as this process knows it: what it committed itself, and what it reads from the progress
 * topic while somebody asks. Asking is cheap: Kafka is asked only when something has changed.
 */
import { EVENTS_PER_RECORD, type Position, type Stop } from "../../domain/ports.ts";
import type { PartitionReader } from "../kafka/client.ts";
import type { Parts } from "./parts.ts";
import { lastProgress, progressOf } from "./progress.ts";

/** Milliseconds without a question after which a partition's progress is no longer followed. */
const IDLE_MS = 10_000;
const WAIT_MS = 1000;
/** Milliseconds the first question waits for a transaction that is under way. */
const FIRST_WAIT_MS = 1000;

type Told = { readonly facts: Position; readonly derived: Position };

export class Book {
  readonly #parts: Parts;
  readonly #pages: readonly Page[];

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#pages = Array.from({ length: parts.partitions }, (_, partition) => new Page(parts, partition));
  }

  /** This process has committed up to there. */
  committed(partition: number, next: Position): void {
    this.#at(partition).reached(next);
  }

  async progress(partition: number): Promise<Told> {
    return this.#at(partition).told();
  }

  #at(partition: number): Page {
    const page = this.#pages[partition];
    if (page === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.#parts.partitions}.`);
    return page;
  }
}

class Page {
  readonly #parts: Parts;
  readonly #partition: number;
  #facts: Position = 0;
  /** Counts what was heard, so that the end of the derived log is asked for once for each. */
  #heard = 0;
  #end: { readonly heard: number; readonly derived: Promise<Position> } | undefined;
  #first: Promise<void> | undefined;
  #askedAt = 0;

  constructor(parts: Parts, partition: number) {
    this.#parts = parts;
    this.#partition = partition;
  }

  reached(next: Position): void {
    this.#heard++;
    if (next > this.#facts) this.#facts = next;
  }

  async told(): Promise<Told> {
    this.#askedAt = performance.now();
    this.#first ??= this.#follow();
    await this.#first;
    // The end is read after the position: all that was derived up to there is before it, though its transaction may not be readable yet.
    const facts = this.#facts;
    if (this.#end?.heard !== this.#heard) this.#end = { heard: this.#heard, derived: this.#derivedEnd() };
    return { facts, derived: await this.#end.derived };
  }

  async #derivedEnd(): Promise<Position> {
    try {
      return (await this.#parts.client.offsets(this.#parts.topics.derived, this.#partition)).high * EVENTS_PER_RECORD;
    } catch (error) {
      this.#end = undefined;
      throw error;
    }
  }

  /** Resolves when what was committed before is known; goes on following then. */
  async #follow(): Promise<void> {
    const { client, readers, topics } = this.#parts;
    const reader = readers.open(topics.progress, this.#partition);
    try {
      const { start, stable, high } = await client.offsets(topics.progress, this.#partition);
      const last = await lastProgress(this.#parts, reader, this.#partition, start, stable);
      if (last !== undefined) this.reached(last.next);
      const until = performance.now() + FIRST_WAIT_MS;
      let at = stable;
      while (at < high && performance.now() < until) at = await this.#read(reader, at, 50);
      void this.#goOn(reader, at);
    } catch (error) {
      this.#first = undefined;
      await reader.close();
      throw error;
    }
  }

  async #goOn(reader: PartitionReader, from: number): Promise<void> {
    const { closing, journal } = this.#parts;
    try {
      for (let at = from; !closing.aborted && performance.now() - this.#askedAt < IDLE_MS; )
        at = await this.#read(reader, at, WAIT_MS, closing);
    } catch (error) {
      // Whoever asks next begins anew, and is told what is wrong if it still is.
      if (!closing.aborted) journal.warn({ err: error, partition: this.#partition }, "how far the engine is is not followed any more");
    } finally {
      this.#first = undefined;
      await reader.close();
    }
  }

  async #read(reader: PartitionReader, at: number, waitMs: number, signal?: Stop): Promise<number> {
    const { records, next } = await reader.fetch(at, signal === undefined ? { waitMs } : { waitMs, signal });
    for (const record of records) {
      const progress = progressOf(this.#parts, this.#partition, record);
      if (progress !== undefined) this.reached(progress.next);
    }
    return next;
  }
}
