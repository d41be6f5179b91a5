/** Records divided into what one request may carry. */
import type { NewRecord, ToSend } from "../kafka/client.ts";

/** Of one partition in one request: it becomes one batch, which the topic's limit is for. Far below it, so that readers need not take so much at once. */
const PARTITION_BYTES = 4 * 1024 * 1024;
/** Of one request. A broker takes 100 MiB. */
const REQUEST_BYTES = 32 * 1024 * 1024;

export type Addressed = { readonly topic: string; readonly record: NewRecord };

/** In order; a record greater than a portion is one alone in its partition. */
export const inPortions = (records: readonly Addressed[]): readonly (readonly Addressed[])[] => {
  const portions: Addressed[][] = [];
  let portion: Addressed[] = [];
  let total = 0;
  let sizes = new Map<string, number>();
  for (const addressed of records) {
    const bytes = (addressed.record.value?.length ?? 0) + (addressed.record.key?.length ?? 0);
    const name = `${addressed.topic}/${addressed.record.partition}`;
    const before = sizes.get(name) ?? 0;
    if (portion.length > 0 && (total + bytes > REQUEST_BYTES || (before > 0 && before + bytes > PARTITION_BYTES))) {
      portions.push(portion);
      portion = [];
      total = 0;
      sizes = new Map();
    }
    portion.push(addressed);
    total += bytes;
    sizes.set(name, (sizes.get(name) ?? 0) + bytes);
  }
  if (portion.length > 0) portions.push(portion);
  return portions;
};

/** As a client sends it: the records of each topic in their order. */
export const byTopic = (portion: readonly Addressed[]): readonly ToSend[] => {
  const topics = new Map<string, NewRecord[]>();
  for (const { topic, record } of portion) {
    const records = topics.get(topic) ?? [];
    records.push(record);
    topics.set(topic, records);
  }
  return [...topics].map(([topic, records]) => ({ topic, records }));
};
