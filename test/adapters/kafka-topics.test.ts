import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient, TopicNeed } from "../../adapters/kafka/client.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { connected, freshTopic, readAll, record, valuesOf } from "../support/kafka.ts";

const kafka = await kafkaForTests("topics and offsets on Kafka");

describe.skipIf(kafka === undefined)("topics on Kafka", () => {
  let client: KafkaClient;
  beforeAll(async () => {
    client = await connected(kafka as string);
  });
  afterAll(() => client.close());
  const need = (more: Partial<TopicNeed> = {}): TopicNeed => ({
    topic: `t-${randomUUID()}`,
    partitions: 3,
    config: { "cleanup.policy": "compact", "max.message.bytes": "16777216" },
    must: { "cleanup.policy": "compact", "max.message.bytes": { says: "16777216 or more", holds: (value) => Number(value) >= 16_777_216 } },
    ...more,
  });

  it("are made where they are absent, and taken as they are where they are not", async () => {
    const wanted = need();
    expect(await client.partitionsOf(wanted.topic)).toBeUndefined();
    await client.ensureTopics([wanted]);
    expect(await client.partitionsOf(wanted.topic)).toBe(3);
    await client.ensureTopics([wanted]);
  });

  it("are made once by two who come at the same time", async () => {
    const wanted = need();
    const other = await connected(kafka as string);
    await Promise.all([client.ensureTopics([wanted]), other.ensureTopics([wanted])]);
    expect(await client.partitionsOf(wanted.topic)).toBe(3);
    await other.close();
  });

  it("are refused with what they have and what they should have", async () => {
    const { topic } = need();
    await client.ensureTopics([need({ topic, config: {}, must: {} })]);
    const refused = (wanted: TopicNeed, message: RegExp) =>
      expect(client.ensureTopics([wanted])).rejects.toMatchObject({
        code: "bad-query",
        retryable: false,
        message: expect.stringMatching(message),
      });
    await refused(need({ topic, partitions: 4 }), new RegExp(`${topic} has 3 partitions; it should have 4`));
    await refused(need({ topic }), /cleanup.policy = delete; it should have compact/);
    await refused(
      need({ topic, must: { "max.message.bytes": need().must["max.message.bytes"] as string } }),
      /max.message.bytes = 1048588; it should have 16777216 or more/,
    );
    await refused(need({ topic, must: { "made.up": "1" } }), /made.up = \(unknown to this broker\); it should have 1/);
  });

  it("that cannot be are refused for Kafka's own reason", async () => {
    await expect(client.ensureTopics([need({ topic: "no spaces" })])).rejects.toMatchObject({ code: "bad-query" });
    await expect(client.ensureTopics([need({ config: { "cleanup.policy": "burn" } })])).rejects.toMatchObject({ code: "bad-query" });
  });

  it("tell where they begin and end, an open transaction apart", async () => {
    const topic = await freshTopic(client, 2);
    expect(await client.offsets(topic, 1)).toEqual({ start: 0, stable: 0, high: 0 });
    await client.send([{ topic, records: [record("a"), record("b"), record("c", { partition: 1 })] }]);
    const writer = await client.transactional(randomUUID());
    const open = await writer.begin();
    await open.send([{ topic, records: [record("d")] }]);
    expect(await client.offsets(topic, 0)).toEqual({ start: 0, stable: 2, high: 3 });
    await open.commit();
    await expect.poll(() => client.offsets(topic, 0)).toEqual({ start: 0, stable: 4, high: 4 });
    await writer.close();
    await expect(client.offsets(topic, 2)).rejects.toMatchObject({ code: "bad-query", message: expect.stringContaining("no partition 2") });
  });

  it("are looked up by an instant: the first record of then or later", async () => {
    const topic = await freshTopic(client);
    const at = (timestamp: number) => record("x", { timestamp: 1_700_000_000_000 + timestamp });
    await client.send([{ topic, records: [at(10)] }]);
    await client.send([{ topic, records: [at(20), at(30)] }]);
    const find = (timestamp: number) => client.offsetAt(topic, 0, 1_700_000_000_000 + timestamp);
    expect(await Promise.all([-5, 10, 11, 20, 25, 30, 31].map(find))).toEqual([0, 0, 1, 1, 2, 2, undefined]);
    expect(await client.offsetAt(topic, 0, -1)).toBe(0);
  });

  it("lose what is before an offset, once; and tell their size", async () => {
    const topic = await freshTopic(client, 2);
    await client.send([{ topic, records: ["a", "b", "c"].map((value) => record(value.repeat(1_000))) }]);
    const [first, second] = (await client.bytes(topic)) ?? [];
    expect(first).toBeGreaterThan(3_000);
    expect(second).toBe(0);
    await client.deleteBefore(topic, 0, 2);
    expect((await client.offsets(topic, 0)).start).toBe(2);
    await client.deleteBefore(topic, 0, 1);
    expect(await client.offsets(topic, 0)).toEqual({ start: 2, stable: 3, high: 3 });
    expect(valuesOf(await readAll(client, topic))).toEqual(["c".repeat(1_000)]);
    await expect(client.deleteBefore(topic, 0, 9)).rejects.toMatchObject({ code: "bad-query" });
  });
});
