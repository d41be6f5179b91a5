import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient, PartitionReader } from "../../adapters/kafka/client.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { kafkaTool } from "../servers/kafka/tool.ts";
import { connected, freshTopic, openKafkajs, readAll, record, valuesOf } from "../support/kafka.ts";

const kafka = await kafkaForTests("reading a partition of Kafka");
/** A local broker of ours speaks plainly: other people's programs can be pointed at it. */
const server = kafka?.replace(/^kafka:\/\//, "") ?? "";

describe.skipIf(kafka === undefined)("reading a partition of Kafka", () => {
  let client: KafkaClient;
  const readers: PartitionReader[] = [];
  const readerOf = (topic: string): PartitionReader => {
    const reader = client.reader(topic, 0);
    readers.push(reader);
    return reader;
  };
  beforeAll(async () => {
    client = await connected(kafka as string);
  });
  afterAll(async () => {
    await Promise.all(readers.map((reader) => reader.close()));
    await client.close();
  });

  it("gives records as they were written", async () => {
    const topic = await freshTopic(client);
    const key = Buffer.from("tenant\0camera");
    await client.send([
      {
        topic,
        records: [record("one", { key, headers: { kind: "alert", __proto__: "x" } }), record("", { value: undefined, key }), record("")],
      },
    ]);
    const timestamp = 1_700_000_000_000;
    expect(await readerOf(topic).fetch(0, { waitMs: 1_000 })).toEqual({
      records: [
        { offset: 0, key, value: Buffer.from("one"), timestamp, headers: { kind: Buffer.from("alert") } },
        { offset: 1, key, value: undefined, timestamp, headers: {} },
        { offset: 2, key: undefined, value: Buffer.alloc(0), timestamp, headers: {} },
      ],
      next: 3,
    });
  });

  it("waits for more as long as it is told, and is woken by it", async () => {
    const topic = await freshTopic(client);
    const reader = readerOf(topic);
    const began = performance.now();
    expect(await reader.fetch(0, { waitMs: 300 })).toEqual({ records: [], next: 0 });
    expect(performance.now() - began).toBeGreaterThan(280);
    const woken = reader.fetch(0, { waitMs: 5_000 });
    await client.send([{ topic, records: [record("now")] }]);
    expect(valuesOf((await woken).records)).toEqual(["now"]);
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  it("ends its waiting at a signal, and reads on afterwards", async () => {
    const topic = await freshTopic(client);
    const reader = readerOf(topic);
    const stop = new AbortController();
    const began = performance.now();
    const waiting = reader.fetch(0, { waitMs: 5_000, signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    expect(await waiting).toEqual({ records: [], next: 0 });
    expect(await reader.fetch(0, { waitMs: 5_000, signal: stop.signal })).toEqual({ records: [], next: 0 });
    expect(performance.now() - began).toBeLessThan(1_000);
    await client.send([{ topic, records: [record("later")] }]);
    expect(valuesOf((await reader.fetch(0, { waitMs: 5_000 })).records)).toEqual(["later"]);
  });

  it("passes an end that is aborted altogether, and every transaction's end", async () => {
    const topic = await freshTopic(client);
    const id = randomUUID();
    let writer = await client.transactional(id);
    const write = async (values: readonly string[], end: "commit" | "abort") => {
      const transaction = await writer.begin();
      for (const value of values) await transaction.send([{ topic, records: [record(value)] }]);
      if (end === "commit") return transaction.commit();
      await writer.close();
      writer = await client.transactional(id);
    };
    await write(["a", "b"], "commit");
    await write(["lost"], "abort");
    await client.send([{ topic, records: [record("plain")] }]);
    await write(["lost", "lost"], "abort");
    await write(["lost"], "abort");
    const end = 3 + 2 + 1 + 3 + 2;
    await expect.poll(() => client.offsets(topic, 0)).toEqual({ start: 0, stable: end, high: end });
    const reader = readerOf(topic);
    const found: (string | undefined)[] = [];
    let at = 0;
    while (at < end) {
      const { records, next } = await reader.fetch(at, { waitMs: 1_000 });
      expect(next).toBeGreaterThan(at);
      found.push(...valuesOf(records));
      at = next;
    }
    expect(found).toEqual(["a", "b", "plain"]);
    expect(await reader.fetch(7, { waitMs: 1_000 })).toEqual({ records: [], next: end });
    await writer.close();
  });

  it("does not read beyond a transaction that is open", async () => {
    const topic = await freshTopic(client);
    const writer = await client.transactional(randomUUID());
    const transaction = await writer.begin();
    await transaction.send([{ topic, records: [record("open")] }]);
    await client.send([{ topic, records: [record("behind")] }]);
    const reader = readerOf(topic);
    expect(await reader.fetch(0, { waitMs: 200 })).toEqual({ records: [], next: 0 });
    await transaction.commit();
    await expect.poll(async () => valuesOf(await readAll(client, topic))).toEqual(["open", "behind"]);
    await writer.close();
  });

  it("begins with the oldest there is when its offset has been dropped", async () => {
    const topic = await freshTopic(client);
    await client.send([{ topic, records: ["a", "b", "c"].map((value) => record(value)) }]);
    await client.deleteBefore(topic, 0, 2);
    const { records, next } = await readerOf(topic).fetch(0, { waitMs: 1_000 });
    expect([valuesOf(records), records[0]?.offset, next]).toEqual([["c"], 2, 3]);
    await client.deleteBefore(topic, 0, 3);
    expect(await readerOf(topic).fetch(1, { waitMs: 200 })).toEqual({ records: [], next: 3 });
  });

  it("gives a record that is larger than what it asks for, whole", async () => {
    const topic = await freshTopic(client);
    const large = "x".repeat(6_000_000);
    await client.send([{ topic, records: [record("small"), record(large), record("small")] }]);
    const reader = readerOf(topic);
    const found: (string | undefined)[] = [];
    for (let at = 0; at < 3; ) {
      const { records, next } = await reader.fetch(at, { waitMs: 1_000, maxBytes: 1_000 });
      found.push(...valuesOf(records));
      at = next;
    }
    expect(found.map((value) => value?.length)).toEqual([5, 6_000_000, 5]);
  });

  it("reads on where compaction has left holes", async () => {
    const topic = await freshTopic(client, 1, {
      "cleanup.policy": "compact",
      "segment.ms": "100",
      "min.cleanable.dirty.ratio": "0.01",
      "delete.retention.ms": "0",
    });
    const put = (key: string, value: string | undefined) =>
      client.send([
        {
          topic,
          records: [
            record("", { key: Buffer.from(key), value: value === undefined ? undefined : Buffer.from(value), timestamp: Date.now() }),
          ],
        },
      ]);
    for (let i = 0; i < 20; i++) await put(`k${i % 2}`, String(i));
    await expect
      .poll(
        async () => {
          // A segment is closed, and can then be cleaned, when something later comes.
          await new Promise((resolve) => setTimeout(resolve, 150));
          await put("nudge", "x");
          return valuesOf(await readAll(client, topic)).filter((value) => value !== "x");
        },
        { timeout: 25_000 },
      )
      .toEqual(["18", "19"]);
  });

  it.each(["gzip", "snappy", "lz4", "zstd"])("reads what a Java program has compressed with %s", async (codec) => {
    const topic = await freshTopic(client);
    const lines = Array.from({ length: 400 }, (_, i) => `camera ${i % 7}: ${"detection ".repeat(20)}${i}`);
    await kafkaTool(
      "org.apache.kafka.tools.ConsoleProducer",
      ["--bootstrap-server", server, "--topic", topic, "--compression-codec", codec],
      `${lines.join("\n")}\n`,
    );
    expect(valuesOf(await readAll(client, topic))).toEqual(lines);
    const [bytes] = (await client.bytes(topic)) ?? [];
    expect(bytes).toBeLessThan(lines.join("").length / 2);
  });

  it.each([1, 2, 3, 4] as const)("reads what kafkajs has compressed with codec %i, once it has been taught", async (compression) => {
    const topic = await freshTopic(client);
    const producer = openKafkajs(kafka as string).producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    await producer.send({ topic, compression, messages: ["a".repeat(400), "b", "c"].map((value) => ({ value })) });
    await producer.disconnect();
    expect(valuesOf(await readAll(client, topic))).toEqual(["a".repeat(400), "b", "c"]);
  });

  it("writes what others can read: Java reads it, headers and transactions too", async () => {
    const topic = await freshTopic(client);
    const writer = await client.transactional(randomUUID());
    const transaction = await writer.begin();
    await transaction.send([
      { topic, records: [record("alert 1", { key: Buffer.from("k"), headers: { kind: "alert" } }), record("alert 2")] },
    ]);
    await transaction.commit();
    const args = [
      "--bootstrap-server",
      server,
      "--topic",
      topic,
      "--from-beginning",
      "--max-messages",
      "2",
      "--timeout-ms",
      "15000",
      "--isolation-level",
      "read_committed",
    ];
    const shown = await kafkaTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      ...args,
      "--property",
      "print.headers=true",
      "--property",
      "print.key=true",
    ]);
    expect(shown.trim().split("\n")).toEqual(["kind:alert\tk\talert 1", "NO_HEADERS\tnull\talert 2"]);
    await writer.close();
  });

  it("says what is not there", async () => {
    const reader = client.reader(`none-${randomUUID()}`, 0);
    readers.push(reader);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    expect(await reader.fetch(0, { waitMs: 10, signal: stop.signal })).toEqual({ records: [], next: 0 });
    const topic = await freshTopic(client);
    const beyond = client.reader(topic, 7);
    readers.push(beyond);
    await expect(beyond.fetch(0, { waitMs: 10 })).rejects.toMatchObject({
      code: "bad-query",
      message: expect.stringContaining("no partition 7"),
    });
    const closed = client.reader(topic, 0);
    await closed.close();
    await expect(closed.fetch(0, { waitMs: 10 })).rejects.toMatchObject({ code: "closed" });
  });
});
