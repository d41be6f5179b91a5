import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient } from "../../adapters/kafka/client.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { type RunningKafka, startKafkaCluster } from "../servers/kafka.ts";
import { connected, freshTopic, openKafkajs, readAll, record, valuesOf } from "../support/kafka.ts";

const canStart = await canStartKafka("three brokers of Kafka, of which one goes");
const PARTITIONS = 3;

describe.skipIf(!canStart)("three brokers of Kafka, of which one goes", () => {
  let cluster: Awaited<ReturnType<typeof startKafkaCluster>>;
  let client: KafkaClient;
  beforeAll(async () => {
    cluster = await startKafkaCluster(3, { heapMb: 256 });
    client = await connected(cluster.url);
  }, 180_000);
  afterAll(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it("keep a topic three times, and acknowledge what two have", async () => {
    const topic = await freshTopic(client, PARTITIONS);
    const admin = openKafkajs(cluster.url).admin();
    await admin.connect();
    const found = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [];
    expect(found.map(({ replicas }) => replicas.length)).toEqual([3, 3, 3]);
    expect(new Set(found.map(({ leader }) => leader)).size).toBe(3);
    await admin.disconnect();
    await client.ensureTopics([{ topic, partitions: PARTITIONS, config: {}, must: { "min.insync.replicas": "2" } }]);
    expect(await client.bytes(topic)).toEqual([0, 0, 0]);
  });

  it("lose and repeat nothing, whoever leads a partition, a group or a transaction", { timeout: 180_000 }, async () => {
    const topic = await freshTopic(client, PARTITIONS);
    const [id, group] = [randomUUID(), randomUUID()];
    const transacted = await freshTopic(client);
    let going = true;

    let sent = 0;
    const writing = (async () => {
      for (; going; sent++) {
        const records = Array.from({ length: PARTITIONS }, (_, partition) => record(String(sent), { partition }));
        expect(await client.send([{ topic, records }])).toEqual([[sent, sent, sent]]);
      }
    })();

    const read = Array.from({ length: PARTITIONS }, (): (string | undefined)[] => []);
    let written = false;
    const reading = read.map(async (into, partition) => {
      const reader = client.reader(topic, partition);
      for (let at = 0; !written || at < sent; ) {
        const { records, next } = await reader.fetch(at, { waitMs: 300 });
        into.push(...valuesOf(records));
        at = next;
      }
      await reader.close();
    });

    const committed: string[] = [];
    const unknown: string[] = [];
    const committing = (async () => {
      let writer = await client.transactional(id);
      for (let i = 0; going; i++) {
        try {
          const transaction = await writer.begin();
          await transaction.send([{ topic: transacted, records: [record(String(i))] }]);
          await transaction.sendOffsets(group, topic, [{ partition: 0, offset: i }]);
          await transaction.commit();
          committed.push(String(i));
        } catch {
          unknown.push(String(i));
          await writer.close();
          writer = await client.transactional(id);
        }
      }
      await writer.close();
    })();

    const has = new Set<number>();
    const leave = await client.join(group, topic, { gained: (one) => has.add(one), lost: (one) => has.delete(one) });
    const goesOn = async () => {
      const [before, transactions] = [sent, committed.length];
      await expect.poll(() => Math.min(sent - before, committed.length - transactions), { timeout: 40_000 }).toBeGreaterThan(20);
      await expect.poll(() => has.size, { timeout: 20_000 }).toBe(PARTITIONS);
    };
    await goesOn();
    // Each of the two leads something of all that; the first is the only controller and stays.
    const [, second, third] = cluster.brokers as readonly [RunningKafka, RunningKafka, RunningKafka];
    await second.kill();
    await goesOn();
    await second.restart();
    await goesOn();
    await third.kill();
    await goesOn();
    going = false;
    await writing;
    written = true;
    await Promise.all([...reading, committing]);
    await leave();

    const wanted = Array.from({ length: sent }, (_, i) => String(i));
    expect(read).toEqual([wanted, wanted, wanted]);
    for (let partition = 0; partition < PARTITIONS; partition++) expect(valuesOf(await readAll(client, topic, partition))).toEqual(wanted);
    const found = valuesOf(await readAll(client, transacted));
    expect(found.filter((value) => !unknown.includes(value as string))).toEqual(committed);
    expect(new Set(found).size).toBe(found.length);
  });
});
