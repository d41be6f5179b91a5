/** A topic that lines are written to, each under a key: what has the same key keeps its order. */
import { murmur2 } from "../domain/ids.ts";
import { AdapterError, type Clock } from "../domain/ports.ts";
import type { KafkaClient } from "./kafka/client.ts";
import { connectKafka, type KafkaPlace } from "./kafka/connect.ts";

type Topic = {
  /** Resolves when all are durable. Throws AdapterError; some may have been written then. */
  send(records: readonly { readonly key: string; readonly value: string }[]): Promise<void>;
  close(): Promise<void>;
};

/** As Kafka's own clients choose it: whoever else writes there under a key meets ours. */
const partitionFor = (key: Buffer, partitions: number): number => (murmur2([...key]) & 0x7fffffff) % partitions;

const partitionsOf = async (client: KafkaClient, topic: string): Promise<number> => {
  if (topic === "") throw new AdapterError("bad-query", "Kafka's URL names no topic: kafka://host:port/topic.", { retryable: false });
  const partitions = await client.partitionsOf(topic);
  if (partitions === undefined)
    throw new AdapterError("bad-query", `There is no topic ${topic}; it is not made here.`, { retryable: false });
  return partitions;
};

/** The topic stands where a log's prefix would: `kafka://host:port/topic`. Throws AdapterError where it is not there, or no broker takes us. */
export const openKafkaTopic = async (place: KafkaPlace, clock: Clock): Promise<Topic> => {
  const client = await connectKafka(place);
  const topic = client.prefix;
  try {
    const partitions = await partitionsOf(client, topic);
    return {
      send: async (lines) => {
        // When it is sent, not what it tells of: a topic drops by this what is old.
        const timestamp = clock.now();
        const records = lines.map(({ key, value }) => {
          const bytes = Buffer.from(key);
          return { partition: partitionFor(bytes, partitions), key: bytes, value: Buffer.from(value), timestamp };
        });
        await client.send([{ topic, records, squeeze: true }]);
      },
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
};
