/**
 * Bases in Kafka: one compacted topic of one partition, with the log's identity in it. This process keeps an index of it (camera,
 * instant, offsets), built when first needed and brought up to date at every look; the values stay in Kafka.
 */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import { AdapterError, type Base, type Position } from "../../domain/ports.ts";
import { packJson, unpackJson } from "../codec.ts";
import type { KafkaRecord, NewRecord } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";
import { Chunks, inChunks, type Joined } from "./chunks.ts";
import { IDENTITY } from "./identity.ts";
import { cameraKey } from "./memory.ts";
import type { Parts } from "./parts.ts";
import { recordsBetween } from "./readers.ts";

const PARTITION = 0;
/** Asked for at a time where one value is wanted. A greater one comes all the same. */
const VALUE_BYTES = 64 * 1024;

/** Where a base is. */
type Entry = { readonly key: string; readonly at: Instant; readonly position: Position; readonly offsets: readonly number[] };

const keyOf = (base: CameraKey & { readonly at: Instant }): string => JSON.stringify([base.tenant, base.camera, base.at]);

export class KafkaBases {
  readonly #parts: Parts;
  readonly #chunks = new Chunks();
  /** By camera, in the order of their instants. */
  readonly #index = new Map<string, readonly Entry[]>();
  #read = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async put(base: Base): Promise<void> {
    await this.refresh();
    const before = this.#entries(base).find(({ at }) => at === base.at)?.offsets.length ?? 0;
    const place = { partition: PARTITION, timestamp: Math.max(0, base.at) };
    await this.#send(inChunks(keyOf(base), packJson("base", base), before, place).map((record) => withPosition(record, base.position)));
  }

  /** Throws AdapterError `corrupt`. */
  async before(camera: CameraKey, at: Instant): Promise<Base | undefined> {
    for (;;) {
      await this.refresh();
      const entry = this.newest(camera, at);
      if (entry === undefined) return undefined;
      const found = await this.#value(entry);
      // Another may have replaced or dropped it meanwhile: the next look shows what there is instead.
      if (found !== "gone") return found;
    }
  }

  /** As of the last look. */
  newest(camera: CameraKey, at: Instant): Entry | undefined {
    return this.#entries(camera).findLast((entry) => entry.at <= at);
  }

  /** A base before `position` cannot be replayed from once facts of its camera between the two are gone. */
  async dropBefore(cameras: ReadonlyMap<string, Position>): Promise<void> {
    const place = { partition: PARTITION, timestamp: Date.now() };
    const going = [...cameras].flatMap(([camera, position]) =>
      (this.#index.get(camera) ?? []).filter((entry) => entry.position < position),
    );
    if (going.length > 0) await this.#send(going.flatMap(({ key, offsets }) => inChunks(key, undefined, offsets.length, place)));
  }

  /** Reads what was written since the last look. */
  refresh(): Promise<void> {
    const { client, topics, readers } = this.#parts;
    const done = this.#last.then(async () => {
      const { stable } = await client.offsets(topics.bases, PARTITION);
      if (stable <= this.#read) return;
      await readers.using(topics.bases, PARTITION, async (reader) => {
        for await (const records of recordsBetween(reader, this.#read, stable)) for (const record of records) this.#add(record);
      });
      this.#read = stable;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  #entries(camera: CameraKey): readonly Entry[] {
    return this.#index.get(cameraKey(camera)) ?? [];
  }

  #add(record: KafkaRecord): void {
    if (record.key?.toString("utf8").startsWith(IDENTITY) === true) return;
    const joined = this.#chunks.add(record);
    if (joined === undefined) return;
    const found = this.#parts.damage.read("bases", PARTITION, record, () => placeOf(joined), undefined);
    if (found === undefined) return;
    const { name, entry } = found;
    const others = (this.#index.get(name) ?? []).filter(({ at }) => at !== entry.at);
    const entries = joined.value === undefined ? others : [...others, entry].sort((a, b) => a.at - b.at);
    if (entries.length === 0) this.#index.delete(name);
    else this.#index.set(name, entries);
  }

  /** Undefined where its record is passed over. */
  #value(entry: Entry): Promise<Base | undefined | "gone"> {
    const { topics, readers, damage } = this.#parts;
    return readers.using(topics.bases, PARTITION, async (reader) => {
      const found = new Map<number, KafkaRecord>();
      for (const offset of entry.offsets)
        for await (const records of recordsBetween(reader, offset, offset + 1, VALUE_BYTES))
          for (const record of records) found.set(record.offset, record);
      const records = entry.offsets.map((offset) => found.get(offset));
      const [head] = records;
      if (head === undefined || records.includes(undefined)) return "gone";
      const value = Buffer.concat(records.map((record) => record?.value ?? Buffer.alloc(0)));
      return damage.read("bases", PARTITION, head, () => unpackJson<Base>("base", value), undefined);
    });
  }

  async #send(records: readonly NewRecord[]): Promise<void> {
    if (this.#parts.closing.aborted) throw new AdapterError("closed", "The log is closed.", { retryable: false });
    const { client, topics } = this.#parts;
    await client.send([{ topic: topics.bases, records }]);
  }
}

const withPosition = (record: NewRecord, position: Position): NewRecord => ({
  ...record,
  headers: { ...record.headers, position: String(position) },
});

/** The camera, as the index names it, and its entry; a tombstone's has no position. Throws Damaged. */
const placeOf = ({ key, record, offsets, value }: Joined): { readonly name: string; readonly entry: Entry } => {
  const [tenant, camera, at] = partsOf(key);
  const position = Number(record.headers.position?.toString());
  if (typeof tenant !== "string" || typeof camera !== "string" || !Number.isSafeInteger(at))
    throw new Damaged("its key is not that of a base");
  if (value !== undefined && !Number.isSafeInteger(position)) throw new Damaged("its header names no position");
  return { name: cameraKey({ tenant, camera }), entry: { key, at: at as Instant, position, offsets } };
};

const partsOf = (key: string): readonly unknown[] => {
  try {
    const parts: unknown = JSON.parse(key);
    return Array.isArray(parts) ? parts : [];
  } catch (cause) {
    throw new Damaged("its key is not that of a base", { cause });
  }
};
