/** The records of one partition of one log in LMDB: numbered without holes, each a block of events with a checksum. */
import type { Instant } from "../../domain/envelope.ts";
import { AdapterError, type Batch, EVENTS_PER_RECORD, type Position } from "../../domain/ports.ts";
import { RecordLost } from "../../domain/record-lost.ts";
import { type Codec, packJson, unpackJson } from "../codec.ts";
import { type BatchLimits, Growth, type Partition } from "../feed.ts";
import type { Packed } from "../gather.ts";
import { Damaged, headerOf } from "../seal.ts";
import { Unpacked } from "../unpacked.ts";
import type { Environment, Group, Table } from "./environment.ts";

/** Kept with the records, in the same transaction. `next` outlives the records, so that no position is given twice. */
export type Extent = { readonly first: number; readonly next: number; readonly bytes: number; readonly high: Instant };
const NOTHING: Extent = { first: 0, next: 0, bytes: 0, high: 0 };

/** Readers here follow each other closely, so little is enough. */
const UNPACKED_BYTES = 128 * 1024;

/** What to do about a record that fails its checksum: said wherever one is met. */
export const corrupt = (file: string, name: string, cause: unknown): AdapterError => {
  const what = cause instanceof Error ? cause.message : String(cause);
  const message =
    `Record ${name} in ${file} is corrupt: ${what}. Stop the program and copy the directory first. ` +
    `Restore it from a copy if there is one; otherwise start with TALLYWIRE_SKIP_CORRUPT naming "${name}": ` +
    `the record is then set aside (its bytes are kept in the table "aside") and reading goes on behind it.`;
  return new AdapterError("corrupt", message, { retryable: false, cause });
};

/** Runs a reading of one record; damage becomes an AdapterError that says where. */
export const checked = <T>(environment: Environment, name: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof Damaged ? corrupt(environment.file, name, cause) : cause;
  }
};

export class Records<E extends { readonly receivedAt: Instant }> implements Partition<E> {
  /** `facts/0`, `derived/3`. */
  readonly name: string;
  readonly growth = new Growth();
  readonly codec: Codec<E>;
  readonly table: Table;
  readonly #environment: Environment;
  readonly #state: Table;
  readonly #limits: BatchLimits;
  readonly #unpacked = new Unpacked<E>(UNPACKED_BYTES);
  /** What is durable: the only thing readers are told. */
  #extent: Extent;

  /** Throws AdapterError `corrupt`. */
  constructor(environment: Environment, state: Table, name: string, codec: Codec<E>, limits: BatchLimits) {
    this.name = name;
    this.codec = codec;
    this.#environment = environment;
    this.#state = state;
    this.#limits = limits;
    this.table = environment.table(name);
    this.#extent = this.#stored();
  }

  get extent(): Extent {
    return this.#extent;
  }

  bounds(): { readonly start: Position; readonly end: Position } {
    return { start: this.#extent.first * EVENTS_PER_RECORD, end: this.#extent.next * EVENTS_PER_RECORD };
  }

  /** The extent as this group leaves it. */
  within(group: Group): Extent {
    return this.#read(group.get(this.#state, this.name));
  }

  /** Numbers the blocks and puts them. The answer tells readers, once durable, and gives the first record's number. */
  put(group: Group, blocks: readonly Packed[]): () => number {
    const before = this.within(group);
    let { next, bytes, high } = before;
    for (const { record, count, newest, squeezed } of blocks) {
      high = Math.max(high, newest);
      group.put(this.table, next++, this.codec.stamp(record, { count, newest, high, squeezed }));
      bytes += record.length;
    }
    const apply = this.#set(group, { first: before.first, next, bytes, high });
    return () => {
      apply();
      return before.next;
    };
  }

  /** Drops the oldest records, up to and without `first`. */
  drop(group: Group, first: number): () => void {
    const before = this.within(group);
    let { bytes } = before;
    for (let record = before.first; record < first; record++) {
      bytes -= group.get(this.table, record)?.length ?? 0;
      group.remove(this.table, record);
    }
    return this.#set(group, { ...before, first, bytes });
  }

  /** The record's bytes, unchecked; undefined when retention has taken it. Throws AdapterError `corrupt` when it is missing. */
  bytesOf(record: number): Buffer | undefined {
    const bytes = this.table.getBinary(record);
    if (bytes !== undefined) return bytes;
    // Between a drop's commit and its telling, `first` in memory is the older one.
    if (record < this.#stored().first) return undefined;
    throw corrupt(this.#environment.file, this.nameOf(record), new RecordLost());
  }

  nameOf(record: number): string {
    return `${this.name}/${record}`;
  }

  /** Damage becomes an AdapterError that names the record. */
  checked<T>(record: number, read: () => T): T {
    return checked(this.#environment, this.nameOf(record), read);
  }

  batch(from: Position, to: Position): Batch<E> {
    const events: E[] = [];
    const positions: Position[] = [];
    let bytes = 0;
    let next = from;
    while (next < to) {
      const record = Math.floor(next / EVENTS_PER_RECORD);
      const base = record * EVENTS_PER_RECORD;
      const block = this.#block(record, events.length, bytes);
      if (block === undefined) break;
      bytes += block.bytes;
      const end = Math.min(block.events.length, to - base);
      for (let i = next - base; i < end; i++) {
        events.push(block.events[i] as E);
        positions.push(base + i);
      }
      next = Math.min(base + EVENTS_PER_RECORD, to);
    }
    return { partition: Number(this.name.slice(this.name.indexOf("/") + 1)), events, positions, next };
  }

  /** Undefined when a batch that has so much already is to end before it: it would be too great, or it is damaged and comes next. */
  #block(record: number, events: number, bytes: number): { readonly events: readonly E[]; readonly bytes: number } | undefined {
    try {
      const stored = this.bytesOf(record);
      if (stored === undefined) return { events: [], bytes: 0 };
      const { count } = this.checked(record, () => headerOf(stored));
      if (events > 0 && (events + count > this.#limits.events || bytes + stored.length > this.#limits.bytes)) return undefined;
      const unpacked = this.#unpacked.get(record) ?? this.checked(record, () => this.codec.unpack(stored));
      this.#unpacked.keep(record, unpacked, stored.length);
      return { events: unpacked, bytes: stored.length };
    } catch (error) {
      // What stands before the damage is given first; the next pull meets it again, with nothing before it.
      if (events > 0 && error instanceof AdapterError) return undefined;
      throw error;
    }
  }

  /** By bisection over the records' headers: `high` never falls. */
  arrivedAt(instant: Instant): Position {
    let { first: low, next: end } = this.#extent;
    const { next } = this.#extent;
    while (low < end) {
      const middle = Math.floor((low + end) / 2);
      const stored = this.bytesOf(middle);
      if (stored === undefined || this.checked(middle, () => headerOf(stored)).high < instant) low = middle + 1;
      else end = middle;
    }
    if (low >= next) return next * EVENTS_PER_RECORD;
    const stored = this.bytesOf(low);
    const block = stored === undefined ? [] : this.checked(low, () => this.codec.unpack(stored));
    return (
      low * EVENTS_PER_RECORD +
      Math.max(
        0,
        block.findIndex((event) => event.receivedAt >= instant),
      )
    );
  }

  #set(group: Group, extent: Extent): () => void {
    group.put(this.#state, this.name, packJson("state", extent));
    return () => {
      this.#extent = extent;
      this.growth.grown();
    };
  }

  #stored(): Extent {
    return this.#read(this.#state.getBinary(this.name));
  }

  #read(stored: Buffer | undefined): Extent {
    return stored === undefined ? NOTHING : checked(this.#environment, `state/${this.name}`, () => unpackJson<Extent>("state", stored));
  }
}
