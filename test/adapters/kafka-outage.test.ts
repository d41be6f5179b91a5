import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient, Unreadable } from "../../adapters/kafka/client.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { freePorts } from "../servers/kafka/ports.ts";
import { type RunningKafka, startKafka } from "../servers/kafka.ts";
import { changeFile, connected, freshTopic, readAll, record, valuesOf } from "../support/kafka.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const canStart = await canStartKafka("a Kafka that is killed and started again");

describe.skipIf(!canStart)("a Kafka that is killed and started again", () => {
  let kafka: RunningKafka;
  let client: KafkaClient;
  /** Given up after ten seconds: the other tests need not wait for that. */
  let nowhere: Promise<unknown>;
  let proxy: TcpProxy;
  beforeAll(async () => {
    const [port, proxied] = (await freePorts(2)) as [number, number];
    nowhere = connected(`kafka://127.0.0.1:${port}/x`).catch((error: unknown) => error);
    proxy = await startTcpProxy({ seed: 1, port: proxied });
    kafka = await startKafka({ heapMb: 512, listeners: { PROXIED: "PLAINTEXT" }, advertised: { PROXIED: proxied } });
    proxy.leadTo(kafka.ports.PROXIED as number);
    client = await connected(kafka.url);
  }, 120_000);
  afterAll(async () => {
    await client.close();
    await proxy.close();
    await kafka.stop();
  });

  it("has everything that was acknowledged, once and in order; who reads meanwhile reads on", { timeout: 120_000 }, async () => {
    const topic = await freshTopic(client);
    const reader = client.reader(topic, 0);
    const read: (string | undefined)[] = [];
    let sending = true;
    let done = false;
    let sent = 0;
    const writing = (async () => {
      for (; sending; sent++) {
        // A broker that starts again forgets producers whose last record is older than a day, by the record's own time.
        const now = { timestamp: Date.now() };
        expect(await client.send([{ topic, records: [record(`${sent}a`, now), record(`${sent}b`, now)] }])).toEqual([
          [2 * sent, 2 * sent + 1],
        ]);
      }
    })();
    const reading = (async () => {
      for (let at = 0; !done || at < 2 * sent; ) {
        const { records, next } = await reader.fetch(at, { waitMs: 500 });
        read.push(...valuesOf(records));
        at = next;
      }
    })();
    await expect.poll(() => read.length, { timeout: 20_000 }).toBeGreaterThan(100);
    await kafka.kill();
    const atKill = sent;
    await kafka.restart();
    await expect.poll(() => sent, { timeout: 30_000 }).toBeGreaterThan(atKill + 100);
    sending = false;
    await writing;
    done = true;
    await reading;
    const wanted = Array.from({ length: sent }, (_, i) => [`${i}a`, `${i}b`]).flat();
    expect(read).toEqual(wanted);
    expect(valuesOf(await readAll(client, topic))).toEqual(wanted);
    await reader.close();
  });

  it("has of a transaction under way all or nothing, and what was said of it is true", { timeout: 120_000 }, async () => {
    const topic = await freshTopic(client, 2);
    const id = randomUUID();
    let writer = await client.transactional(id);
    const committed: string[] = [];
    const unknown: string[] = [];
    let going = true;
    const writing = (async () => {
      for (let i = 0; going; i++) {
        const value = String(i);
        try {
          const transaction = await writer.begin();
          await transaction.send([{ topic, records: [record(value), record(value, { partition: 1 })] }]);
          await transaction.commit();
          committed.push(value);
        } catch {
          unknown.push(value);
          await writer.close();
          writer = await client.transactional(id);
        }
      }
    })();
    await expect.poll(() => committed.length, { timeout: 20_000 }).toBeGreaterThan(10);
    await kafka.kill();
    const before = committed.length;
    await kafka.restart();
    await expect.poll(() => committed.length, { timeout: 40_000 }).toBeGreaterThan(before + 10);
    going = false;
    await writing;
    await writer.close();
    const settled = async () => {
      const both = await Promise.all([client.offsets(topic, 0), client.offsets(topic, 1)]);
      return both.every(({ stable, high }) => stable === high);
    };
    await expect.poll(settled, { timeout: 20_000 }).toBe(true);
    const [one, two] = [valuesOf(await readAll(client, topic, 0)), valuesOf(await readAll(client, topic, 1))];
    expect(one).toEqual(two);
    expect(one.filter((value) => !unknown.includes(value as string))).toEqual(committed);
    expect(new Set(one).size).toBe(one.length);
  });

  it("that stays away takes its partitions from who is a member, and gives them back", { timeout: 120_000 }, async () => {
    const topic = await freshTopic(client, 2);
    const has = new Set<number>();
    const leave = await client.join(randomUUID(), topic, { gained: (p) => has.add(p), lost: (p) => has.delete(p) });
    expect(has.size).toBe(2);
    await kafka.kill();
    const began = performance.now();
    await expect.poll(() => has.size, { timeout: 15_000 }).toBe(0);
    expect(performance.now() - began).toBeGreaterThan(5_000);
    await kafka.restart();
    await expect.poll(() => has.size, { timeout: 30_000 }).toBe(2);
    await leave();
  });

  it("that is back before it misses a member gives him work again, though he had given it up", { timeout: 120_000 }, async () => {
    const topic = await freshTopic(client, 2);
    const has = new Set<number>();
    const behind = await connected(`kafka://127.0.0.1:${proxy.port}/x`);
    const leave = await behind.join(randomUUID(), topic, {
      gained: (p) => has.add(p),
      // As soon as it gives up: its heartbeat under way comes through, and a broker that was started again takes it.
      lost: (p) => has.delete(p) && has.size === 0 && void proxy.end(),
    });
    expect(has.size).toBe(2);
    await proxy.begin({ kind: "reset" });
    await kafka.kill();
    await kafka.restart();
    await expect.poll(() => has.size, { timeout: 15_000, interval: 5 }).toBe(0);
    await expect.poll(() => has.size, { timeout: 15_000 }).toBe(2);
    await leave();
    await behind.close();
  });

  it("whose files were changed is not believed: what is sound is given, the reader says where the rest is, and passes it over if told", async () => {
    const topic = await freshTopic(client);
    await client.send([{ topic, records: [record("sound")] }]);
    await client.send([{ topic, records: [record("to be changed"), record("beside it"), record("too")] }]);
    await client.send([{ topic, records: [record("behind")] }]);
    await changeFile(join(kafka.dataDir, `${topic}-0`), "to be changed", "has been");
    const reader = client.reader(topic, 0);
    const { records, next } = await reader.fetch(0, { waitMs: 1_000 });
    expect([valuesOf(records), next]).toEqual([["sound"], 1]);
    for (const within of [1, 3])
      await expect(reader.fetch(within, { waitMs: 1_000 })).rejects.toMatchObject({
        code: "corrupt",
        retryable: false,
        message: expect.stringMatching(new RegExp(`${topic}/0 from ${within}: the checksum of the batch at 1 does not match`)),
      });
    await reader.close();
    const told: Unreadable[] = [];
    const passing = client.reader(topic, 0, (batch) => told.push(batch));
    expect(await passing.fetch(2, { waitMs: 1_000 })).toEqual({ records: [], next: 4 });
    expect(told).toEqual([{ offset: 1, next: 4, damage: "the checksum of the batch at 1 does not match" }]);
    expect(valuesOf((await passing.fetch(4, { waitMs: 1_000 })).records)).toEqual(["behind"]);
    await passing.close();
  });

  it("that is not there is unavailable, and may be there later", { timeout: 30_000 }, async () => {
    expect(await nowhere).toMatchObject({ code: "unavailable", retryable: true });
  });
});
