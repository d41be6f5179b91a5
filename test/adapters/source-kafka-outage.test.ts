/** A topic of others whose broker dies and comes back while it is read. */
import { setTimeout as sleep } from "node:timers/promises";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openKafkaSource } from "../../adapters/source-kafka.ts";
import type { Frame } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { createReceiver } from "../../ingest/receive.ts";
import { createTake } from "../../ingest/source.ts";
import { readSources, type SourceSettings } from "../../ingest/source-settings.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { type RunningKafka, startKafka } from "../servers/kafka.ts";
import { nvFrame } from "../support/foreign.ts";
import { counting, factsOf, silent } from "../support/frames.ts";

const canStart = await canStartKafka("a topic of others whose broker is killed");

describe.skipIf(!canStart)("a topic of others whose broker is killed", () => {
  let broker: RunningKafka;
  beforeAll(async () => {
    broker = await startKafka({ heapMb: 512 });
  }, 120_000);
  afterAll(() => broker.stop());

  it("is read on when it is back, and all that was acknowledged to its senders is in the log, in order", { timeout: 180_000 }, async () => {
    const address = readKafkaUrl(broker.url);
    const kafka = new kafkajs.Kafka({ brokers: [...address.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const topic = "mdx-raw";
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();

    const logs = openMemoryLogs({ partitions: 2 });
    const world = { clock: systemClock, journal: silent, meter: counting().meter };
    const [settings] = readSources(JSON.stringify({ sources: [{ topic, tenant: "t1" }] })) as [SourceSettings];
    const receiver = createReceiver({ facts: logs.facts, limits, ...world });
    const stop = new AbortController();
    const running = openKafkaSource({ url: broker.url }, settings, world).run(
      createTake(settings, { receiver, limits, ...world }),
      stop.signal,
    );

    const begin = Date.now() - 600_000;
    let sent = 0;
    let sending = true;
    /** kafkajs gives up when it has tried for a while; a sender does not. */
    const send = async (value: Buffer): Promise<void> => {
      for (;;) {
        try {
          await producer.send({ topic, messages: [{ key: "cam-1", value }] });
          return;
        } catch (error) {
          if (!(error instanceof kafkajs.KafkaJSError)) throw error;
          await sleep(200);
        }
      }
    };
    const writing = (async () => {
      for (; sending; sent++) await send(Buffer.from(nvFrame("cam-1", `f${sent}`, begin + sent)));
    })();
    const ids = async (): Promise<readonly string[]> => [...new Set((await factsOf(logs.facts)).map((fact) => (fact as Frame).id))];
    await expect.poll(async () => (await ids()).length, { timeout: 30_000 }).toBeGreaterThan(50);
    await broker.kill();
    const before = sent;
    await broker.restart();
    await expect.poll(() => sent, { timeout: 60_000 }).toBeGreaterThan(before + 50);
    sending = false;
    await writing;
    const all = Array.from({ length: sent }, (_, n) => `f${n}`);
    await expect.poll(async () => (await ids()).length, { timeout: 60_000 }).toBe(sent);
    expect(await ids()).toEqual(all);
    stop.abort();
    await running;
    await producer.disconnect();
  });
});
