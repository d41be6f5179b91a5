/** Both logs in memory: the reference for the suite, for tests and for trying things out. Nothing outlives the process. */
import { randomUUID } from "node:crypto";
import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Derived, Fact } from "../domain/event.ts";
import { partitionOf } from "../domain/ids.ts";
import {
  AdapterError,
  type Base,
  type Batch,
  EVENTS_PER_RECORD,
  type Log,
  type Logs,
  type Owned,
  type Position,
  type Release,
  type Saved,
  type Share,
} from "../domain/ports.ts";
import { feed, Growth, type Partition } from "./feed.ts";
import { Ownership, Shares, type Work } from "./ownership.ts";
import { nextToGo, type Oldest, type Policy } from "./retention.ts";

/** One append's events for one partition, as in the stored logs. What is kept is a copy: events are values. */
type Block<E> = { readonly events: readonly E[]; readonly newest: Instant; readonly bytes: number };

class MemoryPartition<E extends CameraKey & { readonly receivedAt: Instant }> implements Partition<E> {
  readonly growth = new Growth();
  readonly number: number;
  readonly perBatch: number;
  first = 0;
  readonly blocks = new Map<number, Block<E>>();
  #next = 0;

  constructor(number: number, perBatch: number) {
    this.number = number;
    this.perBatch = perBatch;
  }

  get next(): number {
    return this.#next;
  }

  add(events: readonly E[]): number {
    const record = this.#next++;
    const newest = events.reduce((most, { receivedAt }) => Math.max(most, receivedAt), 0);
    this.blocks.set(record, { events: structuredClone(events), newest, bytes: JSON.stringify(events).length });
    return record;
  }

  bounds(): { readonly start: Position; readonly end: Position } {
    return { start: this.first * EVENTS_PER_RECORD, end: this.#next * EVENTS_PER_RECORD };
  }

  arrivedAt(instant: Instant): Position {
    for (let record = this.first; record < this.#next; record++) {
      const index = (this.blocks.get(record) as Block<E>).events.findIndex(({ receivedAt }) => receivedAt >= instant);
      if (index >= 0) return record * EVENTS_PER_RECORD + index;
    }
    return this.#next * EVENTS_PER_RECORD;
  }

  batch(from: Position, to: Position): Batch<E> {
    const events: E[] = [];
    const positions: Position[] = [];
    let next = from;
    while (next < to) {
      const record = Math.floor(next / EVENTS_PER_RECORD);
      const base = record * EVENTS_PER_RECORD;
      const block = (this.blocks.get(record) as Block<E>).events;
      if (events.length > 0 && events.length + block.length > this.perBatch) break;
      for (let i = next - base; i < Math.min(block.length, to - base); i++) {
        events.push(structuredClone(block[i] as E));
        positions.push(base + i);
      }
      next = Math.min(base + EVENTS_PER_RECORD, to);
    }
    return { partition: this.number, events, positions, next };
  }
}

class MemoryLog<E extends Fact | Derived> implements Log<E> {
  readonly epoch: string;
  readonly partitions: number;
  readonly all: readonly MemoryPartition<E>[];
  readonly #eachAlone: boolean;
  closed = false;

  constructor(epoch: string, partitions: number, perBatch: number, eachAlone: boolean) {
    this.epoch = epoch;
    this.partitions = partitions;
    this.#eachAlone = eachAlone;
    this.all = Array.from({ length: partitions }, (_, p) => new MemoryPartition<E>(p, perBatch));
  }

  async append(events: readonly E[]): Promise<readonly Position[]> {
    if (this.closed) throw new AdapterError("closed", "The log is closed.", { retryable: false });
    const parts = this.all.map((): E[] => []);
    const places = events.map((event) => {
      const partition = partitionOf(event.tenant, event.camera, this.partitions);
      return { partition, index: (parts[partition] as E[]).push(event) - 1 };
    });
    const bases = parts.map((part, p) => this.put(p, part));
    this.#tell(parts.flatMap((part, p) => (part.length > 0 ? [p] : [])));
    return places.map(({ partition, index }) => (bases[partition] as (index: number) => Position)(index));
  }

  /** Says at which position the event of an index stands. Readers are told by `grown`. */
  put(partition: number, events: readonly E[]): (index: number) => Position {
    const at = this.at(partition);
    if (events.length === 0) return () => Number.NaN;
    const size = this.#eachAlone ? 1 : EVENTS_PER_RECORD;
    const first = at.next;
    for (let i = 0; i < events.length; i += size) at.add(events.slice(i, i + size));
    return (index) => (first + Math.floor(index / size)) * EVENTS_PER_RECORD + (index % size);
  }

  read(partition: number, from: Parameters<Log<E>["read"]>[1], how?: Parameters<Log<E>["read"]>[2]): ReturnType<Log<E>["read"]> {
    return feed(this.at(partition), from, how);
  }

  bounds(partition: number): ReturnType<Log<E>["bounds"]> {
    return Promise.resolve(this.at(partition).bounds());
  }

  at(partition: number): MemoryPartition<E> {
    const at = this.all[partition];
    if (at === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.partitions}.`);
    return at;
  }

  close(): void {
    this.closed = true;
    for (const { growth } of this.all) growth.end();
  }

  #tell(partitions: readonly number[]): void {
    for (const p of partitions) this.at(p).growth.grown();
  }
}

class MemoryLogs implements Logs {
  readonly facts: MemoryLog<Fact>;
  readonly derived: MemoryLog<Derived>;
  readonly #progress: { at: Position; next: Position }[];
  readonly #memory: Map<string, Saved>[];
  readonly #bases = new Map<string, Base[]>();
  readonly #ownership: Ownership;
  readonly #shares: Shares;

  constructor(partitions: number, perBatch: { readonly facts: number; readonly derived: number }) {
    const epoch = randomUUID();
    this.facts = new MemoryLog(epoch, partitions, perBatch.facts, false);
    this.derived = new MemoryLog(epoch, partitions, perBatch.derived, true);
    this.#progress = Array.from({ length: partitions }, () => ({ at: 0, next: 0 }));
    this.#memory = Array.from({ length: partitions }, () => new Map());
    this.#shares = new Shares(partitions);
    this.#ownership = new Ownership(partitions, {
      restore: async (p) => ({ memory: structuredClone([...this.#memoryOf(p).values()]), ...this.#progressOf(p) }),
      commit: (p, work, allowed) => this.#commit(p, work, allowed),
    });
  }

  async claim(own: (owned: Owned) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#ownership.claim(own);
  }

  async share(name: string, work: (share: Share) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#shares.share(name, work);
  }

  async progress(partition: number): ReturnType<Logs["progress"]> {
    const facts = this.#progressOf(partition).next;
    return { facts, derived: this.derived.at(partition).bounds().end };
  }

  async putBase(base: Base): Promise<void> {
    this.#open();
    const name = keyText(base.tenant, base.camera);
    const others = (this.#bases.get(name) ?? []).filter(({ at }) => at !== base.at);
    this.#bases.set(
      name,
      [...others, structuredClone(base)].sort((a, b) => a.at - b.at),
    );
  }

  async baseBefore(camera: CameraKey, at: Instant): Promise<Base | undefined> {
    return structuredClone(this.#baseBefore(camera, at));
  }

  async retain(policy: Policy): Promise<number> {
    this.#open();
    const oldest = (p: number): Oldest | undefined => {
      const { first: record, blocks } = this.facts.at(p);
      const block = blocks.get(record);
      return block === undefined ? undefined : { record, bytes: block.bytes, newest: block.newest, cameras: () => block.events };
    };
    const kept = {
      partitions: this.facts.partitions,
      oldest,
      bytes: () => this.facts.all.reduce((sum, { blocks }) => sum + [...blocks.values()].reduce((s, { bytes }) => s + bytes, 0), 0),
      checkpoint: (p: number) => this.#progressOf(p).at,
      baseBefore: (camera: CameraKey, at: Instant) => this.#baseBefore(camera, at),
    };
    let gone = 0;
    for (let p = nextToGo(kept, policy); p !== undefined; p = nextToGo(kept, policy), gone++) {
      const partition = this.facts.at(p);
      const end = (partition.first + 1) * EVENTS_PER_RECORD;
      for (const { tenant, camera } of (oldest(p) as Oldest).cameras()) {
        const name = keyText(tenant, camera);
        this.#bases.set(
          name,
          (this.#bases.get(name) ?? []).filter(({ position }) => position >= end),
        );
      }
      partition.blocks.delete(partition.first++);
    }
    return gone;
  }

  async close(): Promise<void> {
    this.#ownership.fenceAll();
    this.#shares.loseAll();
    this.facts.close();
    this.derived.close();
  }

  #open(): void {
    if (this.facts.closed) throw new AdapterError("closed", "The log is closed.", { retryable: false });
  }

  async #commit(partition: number, work: Work, allowed: () => void): Promise<void> {
    this.#open();
    allowed();
    const progress = this.#progressOf(partition);
    const memory = this.#memoryOf(partition);
    this.derived.put(partition, work.out);
    progress.next = work.next;
    if (work.checkpoint !== undefined) progress.at = work.next;
    for (const saved of work.checkpoint ?? []) {
      const name = keyText(saved.tenant, saved.camera);
      if (saved.memory === undefined) memory.delete(name);
      else memory.set(name, structuredClone(saved));
    }
    if (work.out.length > 0) this.derived.at(partition).growth.grown();
  }

  #baseBefore(camera: CameraKey, at: Instant): Base | undefined {
    return this.#bases.get(keyText(camera.tenant, camera.camera))?.findLast((base) => base.at <= at);
  }

  #progressOf(partition: number): { at: Position; next: Position } {
    const progress = this.#progress[partition];
    if (progress === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.#progress.length}.`);
    return progress;
  }

  #memoryOf(partition: number): Map<string, Saved> {
    return this.#memory[partition] as Map<string, Saved>;
  }
}

export const openMemoryLogs = (options: {
  readonly partitions: number;
  readonly factsPerBatch?: number;
  readonly derivedPerBatch?: number;
}): Logs => new MemoryLogs(options.partitions, { facts: options.factsPerBatch ?? 10_000, derived: options.derivedPerBatch ?? 1000 });
