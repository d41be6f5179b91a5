/** How far a partition's owner has committed: a record of the progress topic, in the same transaction as what was derived. */
import { EVENTS_PER_RECORD, type Position } from "../../domain/ports.ts";
import type { KafkaRecord, NewRecord, PartitionReader } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";
import type { Parts } from "./parts.ts";
import { recordsBetween } from "./readers.ts";

/** `at`: the checkpoint's position; `next`: the committed one. */
export type Progress = { readonly at: Position; readonly next: Position };
export const UNBEGUN: Progress = { at: 0, next: 0 };

const KEY = "progress";
/** What a new owner writes first, to know by it that it has read everything before. */
export const SENTINEL = "sentinel";

export const progressRecord = (partition: number, { at, next }: Progress): NewRecord => ({
  partition,
  key: Buffer.from(KEY),
  value: Buffer.from(JSON.stringify({ at, next })),
  timestamp: Date.now(),
});

export const sentinelRecord = (partition: number, mark: string): NewRecord => ({
  partition,
  key: Buffer.from(SENTINEL),
  value: Buffer.from(mark),
  timestamp: Date.now(),
});

export const isSentinel = ({ key, value }: KafkaRecord, mark: string): boolean =>
  key?.toString() === SENTINEL && value?.toString() === mark;

/** Undefined for a record that tells no progress. Throws AdapterError `corrupt`. */
export const progressOf = ({ damage }: Parts, partition: number, record: KafkaRecord): Progress | undefined => {
  if (record.key?.toString() !== KEY) return undefined;
  return damage.read("progress", partition, record, () => parsed(record.value), undefined);
};

const parsed = (value: Buffer | undefined): Progress => {
  try {
    const { at, next } = JSON.parse(value?.toString("utf8") ?? "") as Progress;
    if (Number.isSafeInteger(at) && Number.isSafeInteger(next) && at >= 0 && next >= at) return { at, next };
  } catch (cause) {
    throw new Damaged("it is no JSON", { cause });
  }
  throw new Damaged("it holds no two positions");
};

/** Offsets looked back over at first: the last record, its transaction's end, and some more. */
const FIRST_LOOK = 8;

/** The last progress before an offset, looked for backwards: what came before the last one may be long. */
export const lastProgress = async (
  parts: Parts,
  reader: PartitionReader,
  partition: number,
  start: number,
  end: number,
): Promise<Progress | undefined> => {
  for (let to = end, span = FIRST_LOOK; to > start; span *= 16) {
    const from = Math.max(start, to - span);
    let last: Progress | undefined;
    for await (const records of recordsBetween(reader, from, to))
      for (const record of records) last = progressOf(parts, partition, record) ?? last;
    if (last !== undefined) return last;
    to = from;
  }
  return undefined;
};

/** As of what is committed now. */
export const progressNow = (parts: Parts, partition: number): Promise<Progress> =>
  parts.readers.using(parts.topics.progress, partition, async (reader) => {
    const { start, stable } = await parts.client.offsets(parts.topics.progress, partition);
    return (await lastProgress(parts, reader, partition, start, stable)) ?? UNBEGUN;
  });

/** For tools that show lag. */
export const offsetOf = (position: Position): number => Math.floor(position / EVENTS_PER_RECORD);
