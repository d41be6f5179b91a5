/**
 * The Kafka client on kafkajs: its connections, authentication, metadata and encodings. Why not its consumers and
 * producers: docs/adr/0006-a-kafka-client-of-our-own.md. Needs Kafka 3.6 or later: the settings of a log's topics.
 */
import type { Access } from "../../domain/access.ts";
import type { Journal } from "../../domain/ports.ts";
import type { KafkaClient } from "./client.ts";
import { openReader } from "./fetch.ts";
import { Link } from "./link.ts";
import { joinGroup } from "./member.ts";
import { openOffsets } from "./offsets.ts";
import { openProducer } from "./produce.ts";
import { openTopics } from "./topics.ts";
import { openTransactional } from "./transactions.ts";
import { readKafkaUrl } from "./url.ts";

export type KafkaPlace = { readonly url: string; readonly access?: Partial<Access>; readonly journal: Journal };

/** Answers when a broker does. Throws AdapterError `bad-query` for a URL that cannot be, `unavailable` where no broker takes us. */
export const connectKafka = async ({ url, access, journal }: KafkaPlace): Promise<KafkaClient & { readonly prefix: string }> => {
  const address = readKafkaUrl(url, access);
  /** Made or checked here: whoever connects later need not ask for all topics there are. */
  const topics = new Set<string>();
  const links = new Set<Link>();
  const link = (...first: readonly string[]): Link => {
    const made = new Link(address, journal, first.length > 0 ? first : topics);
    links.add(made);
    return made;
  };
  const asking = link();
  const { ensureTopics, partitionsOf } = openTopics(asking);
  try {
    // A listener that asks for a login lets everybody connect, and hangs up at the first question.
    await asking.trying({ what: "Connecting to Kafka", forMs: 10_000 }, async (cluster) => {
      await cluster.connect();
      await (await cluster.brokerPool.findConnectedBroker()).metadata([]);
    });
  } catch (error) {
    asking.close();
    throw error;
  }
  const closing = <T extends () => Promise<void>>(one: Link, close: T): (() => Promise<void>) => {
    return async () => {
      links.delete(one);
      await close();
    };
  };
  return {
    prefix: address.prefix,
    ensureTopics: async (needs) => {
      await ensureTopics(needs);
      for (const { topic } of needs) topics.add(topic);
    },
    partitionsOf,
    ...openOffsets(asking),
    reader: (topic, partition, pass) => {
      const own = link(topic);
      const { fetch, close } = openReader(own, topic, partition, pass);
      return { fetch, close: closing(own, close) };
    },
    send: openProducer({ link: link() }),
    transactional: async (id, signal) => {
      const own = link();
      try {
        const { begin, close } = await openTransactional(own, id, signal);
        return { begin, close: closing(own, close) };
      } catch (error) {
        links.delete(own);
        own.close();
        throw error;
      }
    },
    join: async (group, topic, told) => {
      const own = link(topic);
      try {
        return closing(own, await joinGroup(own, journal, group, topic, told));
      } catch (error) {
        links.delete(own);
        throw error;
      }
    },
    close: async () => {
      for (const one of links) one.close();
      links.clear();
    },
  };
};
