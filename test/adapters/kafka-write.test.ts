import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient } from "../../adapters/kafka/client.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { connected, freshTopic, openKafkajs, readAll, record, valuesOf } from "../support/kafka.ts";

const kafka = await kafkaForTests("writing to Kafka");

describe.skipIf(kafka === undefined)("writing to Kafka", () => {
  let client: KafkaClient;
  beforeAll(async () => {
    client = await connected(kafka as string);
  });
  afterAll(() => client.close());

  it("tells the offset of every record, in the order in which they were sent", async () => {
    const [one, two] = [await freshTopic(client, 3), await freshTopic(client)];
    const sent = [
      { topic: one, records: [record("a"), record("b", { partition: 2 }), record("c"), record("d", { partition: 2 })] },
      { topic: two, records: [] },
      { topic: two, records: [record("e")] },
      { topic: one, records: [record("f")] },
    ];
    expect(await client.send(sent)).toEqual([[0, 0, 1, 1], [], [0], [2]]);
    expect(await client.send(sent)).toEqual([[3, 2, 4, 3], [], [1], [5]]);
    expect(valuesOf(await readAll(client, one))).toEqual(["a", "c", "f", "a", "c", "f"]);
    expect(valuesOf(await readAll(client, one, 2))).toEqual(["b", "d", "b", "d"]);
  });

  it("keeps the order of what is sent at once from many places", async () => {
    const topic = await freshTopic(client);
    const offsets = await Promise.all(
      Array.from({ length: 300 }, (_, i) => client.send([{ topic, records: [record(String(i)), record(`${i}b`)] }])),
    );
    const found = await readAll(client, topic);
    expect(valuesOf(found)).toEqual(Array.from({ length: 300 }, (_, i) => [String(i), `${i}b`]).flat());
    expect(offsets.flat(2)).toEqual(found.map(({ offset }) => offset));
  });

  it("cuts what is too large for one batch, and refuses a record that is too large for the topic", async () => {
    const topic = await freshTopic(client);
    const megabyte = "m".repeat(1_000_000);
    const offsets = await client.send([{ topic, records: Array.from({ length: 30 }, () => record(megabyte)) }]);
    expect(offsets).toEqual([Array.from({ length: 30 }, (_, i) => i)]);
    await expect(client.send([{ topic, records: [record("x".repeat(17 * 1024 * 1024))] }])).rejects.toMatchObject({
      code: "too-large",
      retryable: false,
      message: expect.stringContaining(`${topic}/0`),
    });
    expect(await client.send([{ topic, records: [record("small again")] }])).toEqual([[30]]);
  });

  it("is smaller where it is told to be, and what is told otherwise is never in the same batch", async () => {
    const topic = await freshTopic(client, 2);
    const text = "well said ".repeat(10_000);
    const send = (squeeze: boolean) => client.send([{ topic, records: [record(text), record(text, { partition: 1 })], squeeze }]);
    await send(false);
    const [plain] = (await client.bytes(topic)) as [number];
    expect(plain).toBeGreaterThan(text.length);
    // All but the first wait together.
    await Promise.all([send(true), send(true), send(false), send(true)]);
    for (const bytes of (await client.bytes(topic)) ?? []) {
      expect(bytes).toBeGreaterThan(2 * text.length);
      expect(bytes).toBeLessThan(2.2 * text.length);
    }
    expect(valuesOf(await readAll(client, topic))).toEqual(Array(5).fill(text));
  });

  it("fails with what it was sent behind: nothing overtakes what is to be sent again", async () => {
    const topic = await freshTopic(client, 1, { "max.message.bytes": "1000" });
    const first = client.send([{ topic, records: [record("x".repeat(2_000))] }]);
    await Promise.resolve(); // The first is under way; the second waits behind it.
    const second = client.send([{ topic, records: [record("behind")] }]);
    expect((await Promise.allSettled([first, second])).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await client.send([{ topic, records: [record("anew")] }]);
    expect(valuesOf(await readAll(client, topic))).toEqual(["anew"]);
  });

  it("goes on when the broker has forgotten the producer", async () => {
    const topic = await freshTopic(client);
    await client.send([{ topic, records: [record("a"), record("b")] }]);
    // With its records a producer's last sequence goes too.
    await client.deleteBefore(topic, 0, 2);
    expect(await client.send([{ topic, records: [record("c")] }])).toEqual([[2]]);
    expect(valuesOf(await readAll(client, topic))).toEqual(["c"]);
  });
});

describe.skipIf(kafka === undefined)("a transaction on Kafka", () => {
  let client: KafkaClient;
  beforeAll(async () => {
    client = await connected(kafka as string);
  });
  afterAll(() => client.close());
  const settled = async (topic: string, values: readonly string[]) => {
    await expect.poll(async () => (await client.offsets(topic, 0)).high - (await client.offsets(topic, 0)).stable).toBe(0);
    expect(valuesOf(await readAll(client, topic))).toEqual(values);
  };

  it("is seen altogether, over topics and partitions, or not at all", async () => {
    const [one, two] = [await freshTopic(client, 2), await freshTopic(client)];
    const id = randomUUID();
    let writer = await client.transactional(id);
    const write = async (value: string) => {
      const transaction = await writer.begin();
      await transaction.send([
        { topic: one, records: [record(value), record(value, { partition: 1 })] },
        { topic: two, records: [record(value)] },
      ]);
      await transaction.send([{ topic: one, records: [record(`${value}+`)] }]);
      return transaction;
    };
    await (await write("kept")).commit();
    await write("dropped");
    await writer.close();
    writer = await client.transactional(id);
    await (await write("kept too")).commit();
    await settled(one, ["kept", "kept+", "kept too", "kept too+"]);
    await settled(two, ["kept", "kept too"]);
    expect(valuesOf(await readAll(client, one, 1))).toEqual(["kept", "kept too"]);
    await writer.close();
  });

  it("of whoever had the id before is fenced, and what they had under way is gone when the id is taken", async () => {
    const topic = await freshTopic(client);
    const id = randomUUID();
    const other = await connected(kafka as string);
    const zombie = await other.transactional(id);
    const before = await zombie.begin();
    await before.send([{ topic, records: [record("kept")] }]);
    await before.commit();
    const under = await zombie.begin();
    await under.send([{ topic, records: [record("under way")] }]);

    const owner = await client.transactional(id);
    const { stable, high } = await client.offsets(topic, 0);
    expect(stable).toBe(high);
    await expect(under.send([{ topic, records: [record("late")] }])).rejects.toMatchObject({ code: "fenced", retryable: false });
    await expect(under.commit()).rejects.toMatchObject({ code: "bad-query" });
    await expect(zombie.begin()).rejects.toMatchObject({ code: "fenced" });

    const mine = await owner.begin();
    await mine.send([{ topic, records: [record("of the owner")] }]);
    await mine.commit();
    await settled(topic, ["kept", "of the owner"]);
    await Promise.all([owner.close(), zombie.close(), other.close()]);
  });

  it("of a zombie that only commits is fenced too", async () => {
    const topic = await freshTopic(client);
    const id = randomUUID();
    const zombie = await client.transactional(id);
    const under = await zombie.begin();
    await under.send([{ topic, records: [record("late")] }]);
    const owner = await client.transactional(id);
    await expect(under.commit()).rejects.toMatchObject({ code: "fenced", retryable: false });
    await settled(topic, []);
    await Promise.all([owner.close(), zombie.close()]);
  });

  it("that has failed in part cannot be committed, and is gone when the id is taken anew", async () => {
    const topic = await freshTopic(client, 1, { "max.message.bytes": "1000" });
    const id = randomUUID();
    const writer = await client.transactional(id);
    const transaction = await writer.begin();
    await transaction.send([{ topic, records: [record("first")] }]);
    // Not to be compressed below the limit.
    const noise = randomBytes(2_000).toString("hex");
    await expect(transaction.send([{ topic, records: [record(noise)] }])).rejects.toMatchObject({ code: "too-large" });
    await expect(transaction.commit()).rejects.toMatchObject({ code: "bad-query", message: expect.stringContaining("failed in part") });
    await expect(writer.begin()).rejects.toMatchObject({ code: "too-large" });
    const anew = await client.transactional(id);
    for (const value of ["second", "third"]) {
      const next = await anew.begin();
      await next.send([{ topic, records: [record(value)] }]);
      await next.commit();
    }
    await settled(topic, ["second", "third"]);
    await Promise.all([writer.close(), anew.close()]);
  });

  it("that its writer leaves open is aborted by Kafka after eight seconds, and the writer is told", async () => {
    const topic = await freshTopic(client);
    const id = randomUUID();
    const writer = await client.transactional(id);
    const transaction = await writer.begin();
    await transaction.send([{ topic, records: [record("forgotten")] }]);
    await client.send([{ topic, records: [record("behind")] }]);
    await expect.poll(async () => valuesOf(await readAll(client, topic)), { timeout: 25_000, interval: 250 }).toEqual(["behind"]);
    await expect(transaction.commit()).rejects.toMatchObject({ code: "fenced" });
    const anew = await client.transactional(id);
    const next = await anew.begin();
    await next.send([{ topic, records: [record("anew")] }]);
    await next.commit();
    await settled(topic, ["behind", "anew"]);
    await Promise.all([writer.close(), anew.close()]);
  });

  it("carries a group's offsets, which are there once it is committed", async () => {
    const topic = await freshTopic(client, 2);
    const group = randomUUID();
    const admin = openKafkajs(kafka as string).admin();
    await admin.connect();
    const committed = async () =>
      (await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0]?.partitions.map(({ offset }) => offset).sort();
    const id = randomUUID();
    const left = await client.transactional(id);
    await (await left.begin()).sendOffsets(group, topic, [{ partition: 0, offset: 99 }]);
    await left.close();
    const writer = await client.transactional(id);
    const kept = await writer.begin();
    await kept.send([{ topic, records: [record("x")] }]);
    await kept.sendOffsets(group, topic, [{ partition: 0, offset: 7 }]);
    await kept.sendOffsets(group, topic, [{ partition: 1, offset: 8 }]);
    await kept.commit();
    await expect.poll(committed).toEqual(["7", "8"]);
    await admin.disconnect();
    await writer.close();
  });

  it("may be empty; is one at a time; and ends once", async () => {
    const writer = await client.transactional(randomUUID());
    const empty = await writer.begin();
    await expect(writer.begin()).rejects.toMatchObject({ code: "bad-query", message: expect.stringContaining("open already") });
    await empty.commit();
    await expect(empty.commit()).rejects.toMatchObject({ code: "bad-query", message: expect.stringContaining("has ended") });
    await (await writer.begin()).commit();
    await writer.close();
    await expect(writer.begin()).rejects.toMatchObject({ code: "closed" });
  });

  it("follows the one before within milliseconds", async () => {
    const topic = await freshTopic(client);
    const writer = await client.transactional(randomUUID());
    const began = performance.now();
    for (let i = 0; i < 50; i++) {
      const transaction = await writer.begin();
      await transaction.send([{ topic, records: [record(String(i))] }]);
      await transaction.commit();
    }
    // With kafkajs's own pause it would be 300 ms each.
    expect(performance.now() - began).toBeLessThan(50 * 200);
    await settled(
      topic,
      Array.from({ length: 50 }, (_, i) => String(i)),
    );
    await writer.close();
  });
});
