/**
 * A value of any size under one key of a compacted topic. What exceeds a chunk goes before it in records of their own, whose keys are the
 * key and a number; the record under the key itself comes last and says how many there are. All of one writing bear one mark.
 */
import { randomUUID } from "node:crypto";
import type { KafkaRecord, NewRecord } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";

const CHUNK_BYTES = 768 * 1024;
/** No key of ours has a NUL. */
const SEPARATOR = "\0";

type Place = { readonly partition: number; readonly timestamp: number };

const partKey = (key: string, part: number): Buffer => Buffer.from(part === 0 ? key : `${key}${SEPARATOR}${part}`, "utf8");

/** `undefined`: tombstones. `before`: how many records the key had, so that none of them is left behind. */
export const inChunks = (key: string, value: Buffer | undefined, before: number, place: Place): readonly NewRecord[] => {
  const parts = value === undefined ? 0 : Math.max(1, Math.ceil(value.length / CHUNK_BYTES));
  const tombstone = (part: number): NewRecord => ({ ...place, key: partKey(key, part), value: undefined });
  if (value === undefined) return Array.from({ length: Math.max(1, before) }, (_, i) => tombstone(i));
  const mark = randomUUID();
  const records: NewRecord[] = [];
  for (let part = parts - 1; part >= 0; part--) {
    const chunk = value.subarray(part * CHUNK_BYTES, (part + 1) * CHUNK_BYTES);
    records.push({ ...place, key: partKey(key, part), value: chunk, headers: { mark, parts: String(parts) } });
  }
  for (let part = parts; part < before; part++) records.push(tombstone(part));
  return records;
};

/** A value as a key's newest record so far has it. `undefined`: there is none any more. */
export type Joined = {
  readonly key: string;
  /** The one under the key itself. */
  readonly record: KafkaRecord;
  /** Of all its records, in the order of the chunks. */
  readonly offsets: readonly number[];
  /** Damaged where chunks are missing. That is damage only if nothing newer follows: compaction may take a chunk before its record. */
  readonly value: Buffer | Damaged | undefined;
};

/** Puts values together out of a topic's records as they are read. */
export class Chunks {
  readonly #parts = new Map<string, Map<number, KafkaRecord>>();

  /** The value as of this record; undefined for a chunk, whose record comes later. */
  add(record: KafkaRecord): Joined | undefined {
    const [key = "", part = "0"] = (record.key?.toString("utf8") ?? "").split(SEPARATOR);
    if (part !== "0") {
      const parts = this.#parts.get(key) ?? new Map<number, KafkaRecord>();
      this.#parts.set(key, parts);
      if (record.value === undefined) parts.delete(Number(part));
      else parts.set(Number(part), record);
      return undefined;
    }
    const others = this.#parts.get(key);
    this.#parts.delete(key);
    return joined(key, record, others);
  }
}

const joined = (key: string, record: KafkaRecord, others: ReadonlyMap<number, KafkaRecord> | undefined): Joined => {
  const mark = record.headers.mark?.toString();
  const parts = record.value === undefined ? 1 : Number(record.headers.parts?.toString() ?? "1");
  const chunks = [record];
  for (let n = 1; n < parts; n++) {
    const other = others?.get(n);
    if (other === undefined || other.headers.mark?.toString() !== mark)
      return { key, record, offsets: [record.offset], value: new Damaged(`chunk ${n} of ${parts} is missing`) };
    chunks.push(other);
  }
  const value = parts === 1 ? record.value : Buffer.concat(chunks.map((chunk) => chunk.value as Buffer));
  return { key, record, offsets: chunks.map(({ offset }) => offset), value };
};
