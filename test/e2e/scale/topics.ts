/** Topics as somebody else reads them: a plain kafkajs consumer that knows nothing of our reader. */
import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import { connectKafka } from "../../../adapters/kafka/connect.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, fatal: () => undefined };
const { Kafka, logLevel } = kafkajs;
const SENTINEL = "sentinel";
/** A transaction that nobody ended is aborted by the broker after 8 s; a reader who waits longer will wait for ever. */
const PATIENCE_MS = 60_000;

export type Foreign = { readonly key: string; readonly value: Buffer; readonly headers: Readonly<Record<string, string>> };

export const foreignClient = (broker: string) => new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, clientId: "somebody-else" });

/**
 * All records of a topic that are committed (or, if wanted, also those that are not), by partition. It puts a record of its own at the
 * end of each partition and reads up to it: nobody of ours may be reading any more. Throws when an open transaction keeps it from getting there.
 */
export const readTopic = async (
  broker: string,
  topic: string,
  wanted: "committed" | "everything",
): Promise<readonly (readonly Foreign[])[]> => {
  const kafka = foreignClient(broker);
  const mark = randomUUID();
  const admin = kafka.admin();
  await admin.connect();
  const { partitions } = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0] as { partitions: readonly unknown[] };
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({
    topic,
    acks: -1,
    messages: partitions.map((_, partition) => ({ partition, value: mark, headers: { [SENTINEL]: "1" } })),
  });
  await producer.disconnect();

  const read = partitions.map((): Foreign[] => []);
  const finished = new Set<number>();
  const consumer = kafka.consumer({ groupId: `somebody-else-${mark}`, readUncommitted: wanted === "everything", sessionTimeout: 30_000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    await new Promise<void>((resolve, reject) => {
      const late = async (): Promise<void> => {
        const client = await connectKafka({ url: `kafka://${broker}/any`, journal: silent });
        const behind: string[] = [];
        for (const [partition, records] of read.entries()) {
          if (finished.has(partition)) continue;
          const { stable, high } = await client.offsets(topic, partition);
          const open = stable < high ? `, a transaction is open at ${stable}` : "";
          behind.push(`${partition}: ${records.length} records read, it ends at ${high}${open}`);
        }
        await client.close();
        throw new Error(`the end of ${topic} was not to be reached, ${wanted}: ${behind.join("; ")}`);
      };
      const timer = setTimeout(() => late().catch(reject), PATIENCE_MS);
      void consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          for (const { key, value, headers } of batch.messages) {
            if (String(value) === mark) finished.add(batch.partition);
            else if (headers?.[SENTINEL] === undefined)
              read[batch.partition]?.push({
                key: String(key),
                value: value ?? Buffer.alloc(0),
                headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
              });
          }
          if (finished.size < partitions.length) return;
          clearTimeout(timer);
          resolve();
        },
      });
    });
  } finally {
    await consumer.disconnect();
  }
  return read;
};
