/** The client the log on Kafka is built on (adapters/kafka/connect.ts), asked for the same as the bare ones. */
import { openJournal } from "../../../adapters/journal-pino.ts";
import type { ToSend } from "../../../adapters/kafka/client.ts";
import { connectKafka } from "../../../adapters/kafka/connect.ts";
import { type BareClient, FETCH, type Rec } from "./client.ts";

const byTopic = (records: readonly Rec[]): readonly ToSend[] =>
  [...new Set(records.map(({ topic }) => topic))].map((topic) => ({
    topic,
    records: records
      .filter((one) => one.topic === topic)
      .map(({ partition, key, value, timestamp }) => ({ partition, value, timestamp, ...(key && { key }) })),
  }));

export const openOurs = async (brokers: readonly string[]): Promise<BareClient> => {
  const client = await connectKafka({ url: `kafka://${brokers.join(",")}/bench`, journal: openJournal("warn") });
  return {
    producer: () =>
      Promise.resolve({
        send: async (records) => void (await client.send(byTopic(records))),
        close: () => Promise.resolve(),
      }),
    consume: async (topic, ends, each) => {
      const one = async (partition: number): Promise<void> => {
        const reader = client.reader(topic, partition);
        for (let at = 0; at < (ends[partition] as number); ) {
          const { records, next } = await reader.fetch(at, { waitMs: FETCH.maxWaitMs, maxBytes: FETCH.maxBytesPerPartition });
          for (const { value } of records) if (value !== undefined) each(value, partition);
          at = next;
        }
        await reader.close();
      };
      const start = performance.now();
      await Promise.all(Array.from(ends.keys(), one));
      return (performance.now() - start) / 1000;
    },
    transactions: async (id, topics, partitions) => {
      // It asks the brokers about the topics it has been told of, and no others.
      await client.ensureTopics(topics.map((topic) => ({ topic, partitions, config: {}, must: {} })));
      const producer = await client.transactional(id);
      return {
        run: async (records) => {
          const transaction = await producer.begin();
          await transaction.send(byTopic(records).map((one) => ({ ...one, squeeze: true })));
          await transaction.commit();
        },
        close: () => producer.close(),
      };
    },
    close: () => client.close(),
  };
};
