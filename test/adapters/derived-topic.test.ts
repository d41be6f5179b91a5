/** What others find in the derived topic, as docs/topics.md says it: read by a plain Kafka consumer. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import kafkajs, { type KafkaMessage } from "kafkajs";
import { describe, expect, it } from "vitest";
import { derivedSchema } from "../../adapters/codec.ts";
import { teachKafkajs } from "../../adapters/kafka/codecs.ts";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import type { Derived } from "../../domain/event.ts";
import { cameraIn, presence } from "../conformance/events.ts";
import { derivedFile, histories } from "../histories/history.ts";
import { read } from "../house/sources.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { silent } from "../support/frames.ts";

const PARTITIONS = 3;
const url = await kafkaForTests("the derived topic, read by others");

describe.skipIf(url === undefined)("the derived topic", { timeout: 60_000 }, () => {
  it("gives a plain consumer one event a record, under its camera's key, in order, with headers, as the schema says", async () => {
    teachKafkajs();
    const prefix = `derived-${randomUUID()}`;
    const access = { username: "", password: "", mechanism: "", ca: "", cert: "", key: "" } as const;
    const logs = await connectKafkaLogs({ url: `${url}/${prefix}`, access, journal: silent, partitions: PARTITIONS, skipCorrupt: [] });
    const [name = ""] = await histories();
    const recorded = (await readFile(derivedFile(name), "utf8")).split("\n").filter((line) => line !== "");
    /** What an engine commits for its partition: a history's events, moved to a camera of that partition, and a name that is no ASCII. */
    const eventsOf = (partition: number): readonly Derived[] => {
      const camera = cameraIn(partition, PARTITIONS, 1);
      return [...recorded.map((line) => ({ ...(JSON.parse(line) as Derived), tenant: "default", camera })), presence(camera)];
    };
    const committed = new Set<number>();
    const { promise: all, resolve } = Promise.withResolvers<void>();
    const release = await logs.claim(async (owned) => {
      const { next } = await owned.restore();
      const out = eventsOf(owned.partition);
      // Two transactions, and one that says nothing.
      await owned.commit({ out: out.slice(0, 40), next });
      await owned.commit({ out: [], next });
      await owned.commit({ out: out.slice(40), next });
      if (committed.add(owned.partition).size === PARTITIONS) resolve();
      await owned.lost;
    });
    await all;

    const topic = `${prefix}.derived`;
    const kafka = new kafkajs.Kafka({ brokers: [...readKafkaUrl(url ?? "").brokers], logLevel: kafkajs.logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: randomUUID() });
    const found: { readonly partition: number; readonly message: KafkaMessage }[] = [];
    const expected = PARTITIONS * (recorded.length + 1);
    const { promise: whole, resolve: done } = Promise.withResolvers<void>();
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        if (found.push({ partition, message }) >= expected) done();
      },
    });
    await whole;
    await consumer.disconnect();
    await release();
    await logs.close();

    const valid = new Ajv2020({ strict: true, strictRequired: false }).compile(JSON.parse(read("docs/derived.schema.json")));
    const partitioner = kafkajs.Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: PARTITIONS }, (_, partitionId) => ({ partitionId, leader: 0 }));
    for (const { partition, message } of found) {
      const event = JSON.parse(String(message.value)) as Derived;
      expect([valid(event), valid.errors]).toEqual([true, null]);
      expect(String(message.key)).toBe(`${event.tenant}\0${event.camera}`);
      expect(partitioner({ topic, partitionMetadata: partitionMetadata as never, message })).toBe(partition);
      expect(message.timestamp).toBe(String(event.receivedAt));
      const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([header, value]) => [header, String(value)]));
      expect(headers).toEqual({ schema: String(derivedSchema.version), kind: event.kind });
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const texts = found.filter((one) => one.partition === partition).map(({ message }) => String(message.value));
      expect(texts).toEqual(eventsOf(partition).map((event) => JSON.stringify(event)));
    }
  });
});
