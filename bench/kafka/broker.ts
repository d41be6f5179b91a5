/** One broker for all that is measured: of our own, on the loopback interface, its data in a temporary folder. */
import { readFileSync } from "node:fs";
import kafkajs from "kafkajs";
import { startKafka } from "../../test/servers/kafka.ts";

export type Bench = {
  /** `kafka://host:port` */
  readonly url: string;
  readonly brokers: readonly string[];
  pid(): number;
  /** Makes a topic for who is measured without a log. Records may be as large as the log's. */
  topic(name: string, partitions: number): Promise<void>;
  /** Where each partition ends. */
  ends(topic: string): Promise<readonly number[]>;
  /** Bytes that are no longer needed are not kept while the rest is measured. */
  drop(topics: readonly string[]): Promise<void>;
  topicsOf(prefix: string): Promise<readonly string[]>;
  /** Peak of the broker's memory resident, MB. */
  rssMb(): number;
  stop(): Promise<void>;
};

const HEAP_MB = 1024;
const LARGEST = 16 * 1024 * 1024;

export const startBroker = async (): Promise<Bench> => {
  const kafka = await startKafka({ heapMb: HEAP_MB });
  const brokers = [`127.0.0.1:${kafka.port}`];
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  return {
    url: kafka.url,
    brokers,
    pid: kafka.pid,
    topic: async (topic, numPartitions) => {
      const configEntries = [{ name: "max.message.bytes", value: String(LARGEST) }];
      await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }], waitForLeaders: true });
    },
    ends: async (topic) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return [...offsets].sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
    },
    topicsOf: async (prefix) => (await admin.listTopics()).filter((topic) => topic.startsWith(`${prefix}.`)),
    drop: async (topics) => {
      if (topics.length > 0) await admin.deleteTopics({ topics: [...topics] });
    },
    rssMb: () => Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${kafka.pid()}/status`, "utf8"))?.[1]) / 1024),
    stop: async () => {
      await admin.disconnect();
      await kafka.stop();
    },
  };
};
