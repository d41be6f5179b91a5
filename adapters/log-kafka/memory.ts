/** Checkpoints in Kafka: each camera's memory under its own key of a compacted topic, in the camera's partition. */
import type { CameraKey } from "../../domain/envelope.ts";
import type { Saved } from "../../domain/ports.ts";
import { packJson, unpackJson } from "../codec.ts";
import type { KafkaRecord, NewRecord } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";
import { Chunks, inChunks, type Joined } from "./chunks.ts";
import type { Damage } from "./damage.ts";
import { SENTINEL } from "./progress.ts";

/** JSON, not the text of the facts' keys: lone surrogates have no UTF-8, and no two cameras may share a key. */
export const cameraKey = ({ tenant, camera }: CameraKey): string => JSON.stringify([tenant, camera]);

/** What the memory topic holds for one partition, as far as it was read. */
export class KafkaMemory {
  readonly #partition: number;
  readonly #chunks = new Chunks();
  readonly #cameras = new Map<string, Joined>();

  constructor(partition: number) {
    this.#partition = partition;
  }

  add(record: KafkaRecord): void {
    if (record.key?.toString("utf8") === SENTINEL) return;
    const joined = this.#chunks.add(record);
    if (joined === undefined) return;
    if (joined.value === undefined) this.#cameras.delete(joined.key);
    else this.#cameras.set(joined.key, joined);
  }

  /** Throws AdapterError `corrupt`. A camera whose record is passed over starts afresh. */
  saved(damage: Damage): readonly Saved[] {
    return [...this.#cameras.values()].flatMap(({ record, value }) => {
      const read = (): Saved => {
        if (value instanceof Damaged) throw value;
        return unpackJson<Saved>("memory", value as Buffer);
      };
      return damage.read("memory", this.#partition, record, read, []);
    });
  }

  /** How many records each key has. */
  sizes(): Map<string, number> {
    return new Map([...this.#cameras].map(([key, { offsets }]) => [key, offsets.length]));
  }
}

/** Records of a checkpoint. `sizes` says how many records each key has, and is brought up to date. */
export const memoryRecords = (
  checkpoint: readonly Saved[],
  sizes: Map<string, number>,
  place: { readonly partition: number; readonly timestamp: number },
): readonly NewRecord[] =>
  checkpoint.flatMap((saved) => {
    const key = cameraKey(saved);
    const before = sizes.get(key) ?? 0;
    if (saved.memory === undefined) {
      sizes.delete(key);
      return before === 0 ? [] : inChunks(key, undefined, before, place);
    }
    const records = inChunks(key, packJson("memory", saved), before, place);
    sizes.set(key, records.filter(({ value }) => value !== undefined).length);
    return records;
  });
