/** Topics of one's own on the run's broker, through our client; and kafkajs itself beside it, which others use. */
import { randomUUID } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs from "kafkajs";
import type { KafkaClient, KafkaRecord, NewRecord } from "../../adapters/kafka/client.ts";
import { teachKafkajs } from "../../adapters/kafka/codecs.ts";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { noted } from "./warehouse.ts";

/** Made anew for every test that asks. It keeps what is old: our records are dated as the test likes. */
export const freshTopic = async (client: KafkaClient, partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> => {
  const topic = `t-${randomUUID()}`;
  await client.ensureTopics([
    { topic, partitions, config: { "max.message.bytes": "16777216", "retention.ms": "-1", ...config }, must: {} },
  ]);
  return topic;
};

export const connected = (url: string, note = noted()) => connectKafka({ url, journal: note.journal });

/** The same brokers, login and codecs. `ca`: the path of a PEM file. */
export const openKafkajs = (url: string, ca = ""): kafkajs.Kafka => {
  const { brokers, ssl, sasl } = readKafkaUrl(url, { ca });
  teachKafkajs();
  return new kafkajs.Kafka({
    brokers: [...brokers],
    ...(ssl && { ssl }),
    ...(sasl && { sasl: sasl as kafkajs.SASLOptions }),
    // It calls errors what it tries again a moment later.
    logLevel: kafkajs.logLevel.NOTHING,
  });
};

export const record = (value: string, more: Partial<NewRecord> = {}): NewRecord => ({
  partition: 0,
  value: Buffer.from(value),
  timestamp: 1_700_000_000_000,
  ...more,
});

export const valuesOf = (records: readonly KafkaRecord[]): readonly (string | undefined)[] => records.map(({ value }) => value?.toString());

/** All that is committed now. */
export const readAll = async (client: KafkaClient, topic: string, partition = 0, from = 0): Promise<readonly KafkaRecord[]> => {
  const reader = client.reader(topic, partition);
  try {
    const records: KafkaRecord[] = [];
    const { stable } = await client.offsets(topic, partition);
    for (let at = from; at < stable; ) {
      const { records: more, next } = await reader.fetch(at, { waitMs: 5_000 });
      records.push(...more);
      at = next;
    }
    return records;
  } finally {
    await reader.close();
  }
};

/** Changes some bytes of a partition's first file, behind the back of the broker whose folder it is. */
export const changeFile = async (folder: string, from: string, to: string): Promise<void> => {
  const segment = join(folder, (await readdir(folder)).find((name) => name.endsWith(".log")) as string);
  const bytes = await readFile(segment);
  bytes.write(to, bytes.indexOf(from));
  await writeFile(segment, bytes);
};
