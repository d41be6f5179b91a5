/** Topics: made where absent, checked where present. */
import { AdapterError } from "../../domain/ports.ts";
import type { KafkaClient, TopicNeed } from "./client.ts";
import { Refused, verdictOf } from "./errors.ts";
import type { Broker, Cluster } from "./internals.ts";
import type { Link } from "./link.ts";

const TOPIC = 2;
/** Copies of a partition, where there are so many brokers. */
const COPIES = 3;
/** As Kafka numbers it: another broker may know the topic already. */
const UNKNOWN_TOPIC = 3;
const CREATE_MS = 3_000;

const isUnknown = (error: unknown): boolean => verdictOf(error).type === "UNKNOWN_TOPIC_OR_PARTITION";

const topicIn = async (broker: Broker, topic: string) => {
  try {
    return await broker.metadata([topic]);
  } catch (error) {
    if (isUnknown(error)) return undefined;
    throw error;
  }
};

export const partitionsIn = async (cluster: Cluster, topic: string): Promise<number | undefined> => {
  const found = await topicIn(await cluster.brokerPool.findConnectedBroker(), topic);
  return found?.topicMetadata.find((one) => one.topic === topic)?.partitionMetadata.length;
};

const refusal = (topic: string, has: string, should: string): AdapterError =>
  new AdapterError("bad-query", `The topic ${topic} has ${has}; it should have ${should}. Change the topic or name another prefix.`, {
    retryable: false,
  });

const check = ({ topic, partitions, must }: TopicNeed, count: number, config: ReadonlyMap<string, string>): void => {
  if (count !== partitions) throw refusal(topic, `${count} partition${count === 1 ? "" : "s"}`, `${partitions}`);
  for (const [name, need] of Object.entries(must)) {
    const has = config.get(name);
    const [says, holds] = typeof need === "string" ? [need, has === need] : [need.says, has !== undefined && need.holds(has)];
    if (!holds) throw refusal(topic, `${name} = ${has ?? "(unknown to this broker)"}`, says);
  }
};

/** At least two brokers have what was acknowledged, where there are three. */
const configOf = (need: TopicNeed, copies: number): readonly { readonly name: string; readonly value: string }[] =>
  Object.entries({ ...(copies < COPIES ? {} : { "min.insync.replicas": "2" }), ...need.config }).map(([name, value]) => ({ name, value }));

const create = async (broker: Broker, brokers: number, need: TopicNeed): Promise<void> => {
  const copies = Math.min(COPIES, brokers);
  const made = { topic: need.topic, numPartitions: need.partitions, replicationFactor: copies, configEntries: configOf(need, copies) };
  try {
    await broker.createTopics({ topics: [made], timeout: CREATE_MS });
  } catch (error) {
    if (verdictOf(error).type !== "TOPIC_ALREADY_EXISTS") throw error; // Another process was first: what it made is checked.
  }
};

export const openTopics = (link: Link): Pick<KafkaClient, "ensureTopics" | "partitionsOf"> => ({
  partitionsOf: (topic) => link.trying({ what: `Asking for the topic ${topic}` }, (cluster) => partitionsIn(cluster, topic)),

  ensureTopics: async (needs) => {
    for (const need of needs)
      await link.trying({ what: `Making or checking the topic ${need.topic}` }, async (cluster) => {
        const broker = await cluster.brokerPool.findConnectedBroker();
        let count = await partitionsIn(cluster, need.topic);
        if (count === undefined) {
          // Brokers are counted by a topic that need not exist.
          const { brokers } = await broker.metadata([]);
          await create(broker, brokers.length, need);
          // Until a broker of ours has heard of it and each partition has a leader: what throws is tried again.
          for (let partition = 0; partition < need.partitions; partition++) await link.leaderOf(cluster, need.topic, partition);
          count = await partitionsIn(cluster, need.topic);
          if (count === undefined) throw new Refused(UNKNOWN_TOPIC);
        }
        const { resources } = await broker.describeConfigs({ resources: [{ type: TOPIC, name: need.topic }] });
        const entries = resources.find(({ resourceName }) => resourceName === need.topic)?.configEntries ?? [];
        const config = new Map(entries.map(({ configName, configValue }) => [configName, configValue ?? ""]));
        check(need, count, config);
      });
  },
});
