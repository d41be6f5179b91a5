/** @platformatic/kafka, bare: what another client behind the same port could do. The product does not use it. */
import { randomUUID } from "node:crypto";
import { Consumer, type MessageToProduce, Producer } from "@platformatic/kafka";
import { type BareClient, countdown, FETCH, type Rec } from "./client.ts";

const messageOf = ({ topic, partition, key, value, timestamp }: Rec): MessageToProduce => ({
  topic,
  partition,
  value,
  timestamp: BigInt(timestamp),
  ...(key && { key }),
});

export const openPlatformatic = async (brokers: readonly string[]): Promise<BareClient> => {
  const common = { clientId: "bench", bootstrapBrokers: [...brokers] };
  return {
    producer: () => {
      const producer = new Producer({ ...common, idempotent: true });
      return Promise.resolve({
        send: async (records) => void (await producer.send({ messages: records.map(messageOf) })),
        close: () => producer.close(),
      });
    },
    consume: async (topic, ends, each) => {
      const consumer = new Consumer({ ...common, groupId: `bench-${randomUUID()}` });
      const { maxBytes, maxBytesPerPartition, maxWaitMs } = FETCH;
      const stream = await consumer.consume({
        topics: [topic],
        mode: "earliest",
        autocommit: false,
        maxBytes,
        maxBytesPerPartition,
        maxWaitTime: maxWaitMs,
      });
      const start = performance.now();
      await new Promise<void>((resolve, reject) => {
        const reached = countdown(ends, resolve);
        stream.on("error", reject);
        stream.on("data", ({ partition, offset, value }) => {
          each(value, partition);
          reached(partition, Number(offset));
        });
      });
      const seconds = (performance.now() - start) / 1000;
      await consumer.close(true);
      return seconds;
    },
    transactions: (transactionalId) => {
      // Its own way round: it answers CONCURRENT_TRANSACTIONS by trying again after this many milliseconds, 1,000 unless told.
      const producer = new Producer({ ...common, idempotent: true, transactionalId, retryDelay: 1 });
      return Promise.resolve({
        run: async (records) => {
          const transaction = await producer.beginTransaction();
          await transaction.send({ messages: records.map(messageOf) });
          await transaction.commit();
        },
        close: () => producer.close(),
      });
    },
    close: () => Promise.resolve(),
  };
};
