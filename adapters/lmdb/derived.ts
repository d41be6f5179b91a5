/** The derived log in LMDB, with what is committed together with it: the position of the facts it follows from, and memory. */
import { createHash } from "node:crypto";
import type { CameraKey } from "../../domain/envelope.ts";
import type { Derived } from "../../domain/event.ts";
import { createPartitions } from "../../domain/partitions.ts";
import { EVENTS_PER_RECORD, type Log, type Owned, type Position, type Saved } from "../../domain/ports.ts";
import { packJson, unpackJson } from "../codec.ts";
import { feed } from "../feed.ts";
import { newestOf, type Packed } from "../gather.ts";
import type { Committer, Work } from "../ownership.ts";
import type { Environment, Group, Table } from "./environment.ts";
import { checked, type Records } from "./records.ts";

/** `at`: the checkpoint's position; `next`: the committed one. */
export type Progress = { readonly at: Position; readonly next: Position };
const UNBEGUN: Progress = { at: 0, next: 0 };

/** A camera in a key: of one length whatever its name, and any name can be in it. */
export const cameraDigest = ({ tenant, camera }: CameraKey): string =>
  createHash("sha256")
    .update(JSON.stringify([tenant, camera]))
    .digest("base64url");

export class LmdbDerived implements Log<Derived>, Committer {
  readonly epoch: string;
  readonly partitions: number;
  readonly #environment: Environment;
  readonly #state: Table;
  readonly #memory: Table;
  readonly #records: readonly Records<Derived>[];
  readonly #partitionOf: ReturnType<typeof createPartitions>;
  readonly #progress: Progress[];

  constructor(environment: Environment, epoch: string, records: readonly Records<Derived>[], state: Table, memory: Table) {
    this.#environment = environment;
    this.epoch = epoch;
    this.partitions = records.length;
    this.#records = records;
    this.#state = state;
    this.#memory = memory;
    this.#partitionOf = createPartitions(records.length);
    this.#progress = records.map((_, p) => {
      const stored = state.getBinary(`progress/${p}`);
      return stored === undefined ? UNBEGUN : checked(environment, `state/progress/${p}`, () => unpackJson<Progress>("state", stored));
    });
  }

  append(events: readonly Derived[]): Promise<readonly Position[]> {
    if (events.length === 0) return Promise.resolve([]);
    return this.#environment.write((group) => {
      const parts: Derived[][] = this.#records.map(() => []);
      const places = events.map((event) => {
        const partition = this.#partitionOf(event.tenant, event.camera);
        return { partition, index: (parts[partition] as Derived[]).push(event) - 1 };
      });
      const applied = parts.map((part, p) => (part.length === 0 ? undefined : this.#put(group, p, part)));
      return () => {
        const firsts = applied.map((apply) => apply?.() ?? 0);
        return places.map(({ partition, index }) => ((firsts[partition] as number) + index) * EVENTS_PER_RECORD);
      };
    });
  }

  read(
    partition: number,
    from: Parameters<Log<Derived>["read"]>[1],
    how?: Parameters<Log<Derived>["read"]>[2],
  ): ReturnType<Log<Derived>["read"]> {
    return feed(this.#at(partition), from, how);
  }

  bounds(partition: number): ReturnType<Log<Derived>["bounds"]> {
    return Promise.resolve(this.#at(partition).bounds());
  }

  progress(partition: number): Progress {
    this.#at(partition);
    return this.#progress[partition] as Progress;
  }

  /** Behind everything that was written before: a commit of the owner before is either in it or fenced. */
  restore(partition: number): ReturnType<Owned["restore"]> {
    return this.#environment.write(() => () => ({ memory: this.#saved(partition), ...this.progress(partition) }));
  }

  commit(partition: number, work: Work, allowed: () => void): Promise<void> {
    return this.#environment.write((group) => {
      allowed();
      const applied = work.out.length === 0 ? undefined : this.#put(group, partition, work.out);
      const before = group.get(this.#state, `progress/${partition}`);
      const { at: checkpoint } = before === undefined ? UNBEGUN : unpackJson<Progress>("state", before);
      const progress: Progress = { at: work.checkpoint === undefined ? checkpoint : work.next, next: work.next };
      group.put(this.#state, `progress/${partition}`, packJson("state", progress));
      for (const saved of work.checkpoint ?? []) this.#keep(group, partition, saved);
      return () => {
        // The position first: who is woken by the new events finds it already moved.
        this.#progress[partition] = progress;
        applied?.();
      };
    });
  }

  #keep(group: Group, partition: number, saved: Saved): void {
    const key = `${partition}/${cameraDigest(saved)}`;
    if (saved.memory === undefined) group.remove(this.#memory, key);
    else group.put(this.#memory, key, packJson("memory", saved));
  }

  #saved(partition: number): readonly Saved[] {
    const all: Saved[] = [];
    for (const key of this.#memory.getKeys({ start: `${partition}/`, end: `${partition}/~` })) {
      const stored = this.#memory.getBinary(key);
      if (stored !== undefined) all.push(checked(this.#environment, `memory/${key}`, () => unpackJson<Saved>("memory", stored)));
    }
    return all;
  }

  #put(group: Group, partition: number, events: readonly Derived[]): () => number {
    const records = this.#at(partition);
    const blocks: Packed[] = events.map((event) => ({
      record: records.codec.pack([event]),
      count: 1,
      newest: newestOf([event]),
      squeezed: false,
    }));
    return records.put(group, blocks);
  }

  #at(partition: number): Records<Derived> {
    const records = this.#records[partition];
    if (records === undefined) throw new RangeError(`There is no partition ${partition}; the log has ${this.partitions}.`);
    return records;
  }
}
