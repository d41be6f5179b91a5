/**
 * Dropping facts from Kafka: its own retention is off, since it knows nothing of checkpoints, bases and projectors.
 *
 * Any process may call this, and several at once do no harm. But `keepFrom` must name every partition some projector still reads,
 * whichever process that runs in: a partition it leaves out is held to be needed by nobody.
 */
import type { CameraKey } from "../../domain/envelope.ts";
import { EVENTS_PER_RECORD, type Position } from "../../domain/ports.ts";
import { camerasIn } from "../block.ts";
import type { KafkaRecord, PartitionReader } from "../kafka/client.ts";
import { type Kept, nextToGo, type Oldest, type Policy } from "../retention.ts";
import { Damaged, headerOf, unseal } from "../seal.ts";
import type { KafkaBases } from "./bases.ts";
import { cameraKey } from "./memory.ts";
import type { Parts } from "./parts.ts";
import { progressNow } from "./progress.ts";

/** The oldest records of a partition, read as they are asked for. */
class Front {
  readonly #parts: Parts;
  readonly #partition: number;
  readonly #reader: PartitionReader;
  readonly #end: number;
  #records: readonly KafkaRecord[] = [];
  #at: number;
  oldest: Oldest | undefined;

  constructor(
    parts: Parts,
    partition: number,
    reader: PartitionReader,
    { start, stable }: { readonly start: number; readonly stable: number },
  ) {
    this.#parts = parts;
    this.#partition = partition;
    this.#reader = reader;
    this.#at = start;
    this.#end = stable;
  }

  async advance(): Promise<void> {
    while (this.#records.length === 0 && this.#at < this.#end) {
      const { records, next } = await this.#reader.fetch(this.#at, { waitMs: 0 });
      this.#records = records.filter(({ offset }) => offset >= this.#at && offset < this.#end);
      if (next <= this.#at) break;
      this.#at = next;
    }
    const [record, ...rest] = this.#records;
    this.#records = rest;
    this.oldest = record === undefined ? undefined : this.#read(record);
  }

  #read(record: KafkaRecord): Oldest {
    const value = (): Buffer => {
      if (record.value === undefined) throw new Damaged("it has no value");
      return record.value;
    };
    const checked = <T>(read: () => T, instead: T): T => this.#parts.damage.read("facts", this.#partition, record, read, instead);
    let cameras: readonly CameraKey[] | undefined;
    const find = (): readonly CameraKey[] => camerasIn(unseal(value()).payload).map(([tenant, camera]) => ({ tenant, camera }));
    return {
      record: record.offset,
      bytes: record.value?.length ?? 0,
      newest: checked(() => headerOf(value()).newest, record.timestamp),
      cameras: () => {
        cameras ??= checked(find, []);
        return cameras;
      },
    };
  }
}

export class KafkaRetention {
  readonly #parts: Parts;
  readonly #bases: KafkaBases;
  /** By partition: what we dropped and the broker still stores, since it removes whole segments; and what it stored when we last asked. */
  readonly #dropped = new Map<number, { readonly bytes: number; readonly stored: number }>();

  #untold = false;

  constructor(parts: Parts, bases: KafkaBases) {
    this.#parts = parts;
    this.#bases = bases;
  }

  /** Says how many records went. */
  async retain(policy: Policy): Promise<number> {
    const { client, topics, readers, partitions } = this.#parts;
    const numbers = Array.from({ length: partitions }, (_, partition) => partition);
    await this.#bases.refresh();
    const checkpoints = await Promise.all(numbers.map(async (partition) => (await progressNow(this.#parts, partition)).at));
    const stored = Number.isFinite(policy.maxBytes) ? await this.#stored() : [];
    const fronts: (Front | undefined)[] = numbers.map(() => undefined);
    const held: { readonly partition: number; readonly reader: PartitionReader }[] = [];
    let sound = false;
    try {
      const look = async (partition: number): Promise<void> => {
        const offsets = await client.offsets(topics.facts, partition);
        const needed = Math.min(checkpoints[partition] ?? 0, policy.keepFrom[partition] ?? Number.POSITIVE_INFINITY);
        // Where the oldest record is needed, there is nothing to be read.
        if (needed < (offsets.start + 1) * EVENTS_PER_RECORD) return;
        const reader = readers.take(topics.facts, partition);
        held.push({ partition, reader });
        const front = new Front(this.#parts, partition, reader, offsets);
        await front.advance();
        fronts[partition] = front;
      };
      await Promise.all(numbers.map(look));
      const gone = await this.#drop(policy, fronts, checkpoints, stored);
      sound = true;
      return gone;
    } finally {
      await Promise.all(held.map(({ partition, reader }) => (sound ? readers.giveBack(topics.facts, partition, reader) : reader.close())));
    }
  }

  /** By partition; nothing where the broker does not tell, and then it is said, once. */
  async #stored(): Promise<readonly number[]> {
    const { client, topics, journal } = this.#parts;
    const bytes = await client.bytes(topics.facts);
    if (bytes === undefined && !this.#untold)
      journal.warn(
        { topic: topics.facts },
        "how much is stored is not told to this user: without DESCRIBE on the cluster TALLYWIRE_FACTS_BYTES bounds nothing",
      );
    this.#untold = bytes === undefined;
    return bytes ?? [];
  }

  async #drop(
    policy: Policy,
    fronts: readonly (Front | undefined)[],
    checkpoints: readonly Position[],
    stored: readonly number[],
  ): Promise<number> {
    const gone = fronts.map(() => 0);
    let bytes = stored.reduce((sum, size, partition) => sum + size - this.#stillStored(partition, size), 0);
    /** Firsts behind what goes, and where each camera's facts go up to. */
    const firsts = new Map<number, number>();
    const cameras = new Map<string, Position>();
    const kept: Kept = {
      partitions: fronts.length,
      oldest: (partition) => fronts[partition]?.oldest,
      bytes: () => bytes,
      checkpoint: (partition) => checkpoints[partition] ?? 0,
      baseBefore: (camera, at) => {
        const base = this.#bases.newest(camera, at);
        // One whose facts go with this very call is none any more.
        return base !== undefined && base.position < (cameras.get(cameraKey(camera)) ?? 0) ? undefined : base;
      },
    };
    let records = 0;
    for (let p = nextToGo(kept, policy); p !== undefined; p = nextToGo(kept, policy), records++) {
      const front = fronts[p] as Front;
      const { record, bytes: size, cameras: of } = front.oldest as Oldest;
      for (const camera of of()) cameras.set(cameraKey(camera), (record + 1) * EVENTS_PER_RECORD);
      firsts.set(p, record + 1);
      gone[p] = (gone[p] as number) + size;
      bytes -= size;
      await front.advance();
    }
    // Bases first: one that is forgotten too early does no harm, one without its facts would.
    await this.#bases.dropBefore(cameras);
    const { client, topics } = this.#parts;
    await Promise.all([...firsts].map(([partition, first]) => client.deleteBefore(topics.facts, partition, first)));
    stored.forEach((size, partition) => {
      this.#dropped.set(partition, { bytes: this.#stillStored(partition, size) + (gone[partition] ?? 0), stored: size });
    });
    return records;
  }

  /** What the broker stores no less of than when we last asked, it has not removed yet. */
  #stillStored(partition: number, stored: number): number {
    const before = this.#dropped.get(partition);
    return before === undefined ? 0 : Math.max(0, before.bytes - Math.max(0, before.stored - stored));
  }
}
