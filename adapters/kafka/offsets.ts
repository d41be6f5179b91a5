/** Where partitions begin and end, how large they are, and dropping their beginning. */
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { KafkaClient, Offsets } from "./client.ts";
import { Refused } from "./errors.ts";
import { type Broker, type Protocol, payload } from "./internals.ts";
import type { Link } from "./link.ts";
import { partitionsIn } from "./topics.ts";

const EARLIEST = -2;
const LATEST = -1;
const ANY = 0;
const COMMITTED = 1;
const DESCRIBE_LOG_DIRS = 35;

/** -1 where there is none. */
const lookUp = async (broker: Broker, topic: string, partition: number, timestamp: number, isolationLevel: 0 | 1): Promise<number> => {
  const { responses } = await broker.listOffsets({ isolationLevel, topics: [{ topic, partitions: [{ partition, timestamp }] }] });
  return Number(responses[0]?.partitions[0]?.offset);
};

export const oldestOf = (leader: Broker, topic: string, partition: number): Promise<number> =>
  lookUp(leader, topic, partition, EARLIEST, ANY);

type Size = { readonly partition: number; readonly bytes: number };

/** Undefined: we may not know. Who may is told of each folder the broker has, though it has none of the partitions. */
const sizesOf = (topic: string, partitions: readonly number[]): Protocol<{ readonly sizes: readonly Size[] | undefined }> => ({
  request: {
    apiKey: DESCRIBE_LOG_DIRS,
    apiVersion: 1,
    apiName: "DescribeLogDirs",
    encode: async () => {
      const writer = new ByteWriter(64 + topic.length + 4 * partitions.length);
      writer.array([topic], (name) => writer.string(name).array(partitions, (partition) => writer.int32(partition)));
      return payload(writer.bytes);
    },
  },
  response: {
    decode: async (bytes) => {
      const reader = new ByteReader(bytes);
      reader.int32();
      const found = reader.array(() => {
        const error = reader.int16();
        reader.string(); // The folder.
        if (error !== 0) throw new Refused(error);
        return reader.array(() => {
          reader.string();
          return reader.array(() => {
            const partition = reader.int32();
            const size = reader.int64();
            reader.int64(); // The lag.
            const isMovingHere = reader.int8() !== 0;
            return { partition, bytes: isMovingHere ? 0 : size };
          });
        });
      });
      return { sizes: found.length === 0 ? undefined : found.flat(2) };
    },
    parse: async (told) => told,
  },
});

export const openOffsets = (link: Link): Pick<KafkaClient, "offsets" | "offsetAt" | "bytes" | "deleteBefore"> => ({
  offsets: (topic, partition) =>
    link.trying({ what: `Asking where ${topic}/${partition} begins and ends` }, async (cluster): Promise<Offsets> => {
      const leader = await link.leaderOf(cluster, topic, partition);
      // In this order, so that start <= stable <= high however it grows meanwhile.
      const start = await lookUp(leader, topic, partition, EARLIEST, ANY);
      const stable = await lookUp(leader, topic, partition, LATEST, COMMITTED);
      return { start, stable, high: await lookUp(leader, topic, partition, LATEST, ANY) };
    }),

  offsetAt: (topic, partition, timestamp) =>
    link.trying({ what: `Looking up an instant in ${topic}/${partition}` }, async (cluster) => {
      const leader = await link.leaderOf(cluster, topic, partition);
      // Below zero stand Kafka's own words for "earliest" and "latest".
      const found = await lookUp(leader, topic, partition, Math.max(0, Math.floor(timestamp)), COMMITTED);
      return found < 0 ? undefined : found;
    }),

  deleteBefore: async (topic, partition, offset) => {
    await link.trying({ what: `Dropping what is old in ${topic}/${partition}` }, async (cluster) => {
      const leader = await link.leaderOf(cluster, topic, partition);
      const oldest = await oldestOf(leader, topic, partition);
      // An offset already dropped is no error to us; to Kafka it is.
      if (oldest < offset) await leader.deleteRecords({ topics: [{ topic, partitions: [{ partition, offset: String(offset) }] }] });
    });
  },

  bytes: (topic) =>
    link.trying({ what: `Asking for the size of ${topic}` }, async (cluster) => {
      const count = await partitionsIn(cluster, topic);
      const byLeader = new Map<Broker, number[]>();
      for (let partition = 0; partition < (count ?? 0); partition++) {
        const leader = await link.leaderOf(cluster, topic, partition);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
      }
      const found = new Map<number, number>();
      for (const [leader, partitions] of byLeader) {
        const { sizes: told } = await leader.connectionPool.send(sizesOf(topic, partitions));
        if (told === undefined) return undefined;
        for (const { partition, bytes } of told) found.set(partition, (found.get(partition) ?? 0) + bytes);
      }
      return Array.from({ length: count ?? 0 }, (_, partition) => found.get(partition) ?? 0);
    }),
});
