/** kafkajs, bare: as its documents have it, with the settings facts were gathered with (back-to-back transactions). */
import { randomUUID } from "node:crypto";
import kafkajs, { type TopicMessages } from "kafkajs";
import { type BareClient, countdown, FETCH, type Rec } from "./client.ts";

/** One entry a topic. */
const byTopic = (records: readonly Rec[]): TopicMessages[] => {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, partition, key, value, timestamp } of records) {
    const one = topics.get(topic) ?? { topic, messages: [] };
    topics.set(topic, one);
    one.messages.push({ partition, value, timestamp: String(timestamp), ...(key && { key }) });
  }
  return [...topics.values()];
};

export const openKafkajs = async (brokers: readonly string[]): Promise<BareClient> => {
  const kafka = new kafkajs.Kafka({ brokers: [...brokers], clientId: "bench", logLevel: kafkajs.logLevel.NOTHING });
  return {
    producer: async () => {
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      return {
        send: async (records) => void (await producer.sendBatch({ acks: -1, topicMessages: byTopic(records) })),
        close: () => producer.disconnect(),
      };
    },
    consume: async (topic, ends, each) => {
      const { maxBytes, maxBytesPerPartition, maxWaitMs } = FETCH;
      const consumer = kafka.consumer({ groupId: `bench-${randomUUID()}`, maxBytes, maxBytesPerPartition, maxWaitTimeInMs: maxWaitMs });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      let start: number | undefined;
      consumer.on(consumer.events.FETCH_START, () => {
        start ??= performance.now();
      });
      let over = (): void => undefined;
      const all = new Promise<void>((resolve) => {
        over = resolve;
      });
      const reached = countdown(ends, over);
      await consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          for (const { value } of batch.messages) if (value !== null) each(value, batch.partition);
          reached(batch.partition, Number(batch.lastOffset()));
          return Promise.resolve();
        },
      });
      await all;
      const seconds = (performance.now() - (start as number)) / 1000;
      await consumer.disconnect();
      return seconds;
    },
    transactions: async (transactionalId) => {
      const retry = { initialRetryTime: 1, maxRetryTime: 50, retries: 200 };
      const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1, retry });
      await producer.connect();
      return {
        run: async (records) => {
          const transaction = await producer.transaction();
          await transaction.sendBatch({ topicMessages: byTopic(records) });
          await transaction.commit();
        },
        close: () => producer.disconnect(),
      };
    },
    close: () => Promise.resolve(),
  };
};
