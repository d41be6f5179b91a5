import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import * as adapters from "../../adapters/open.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { compose, type Openers } from "../../compose.ts";
import { readConfig } from "../../config.ts";
import { betweenLog, betweenLogs } from "../../domain/between.ts";
import { AdapterError, type Logs } from "../../domain/ports.ts";
import { startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { FakeMedia } from "../support/fake-media.ts";
import { silent } from "../support/frames.ts";
import { noted } from "../support/warehouse.ts";

const PARTITIONS = 4;
const kafka = await kafkaForTests("readiness over Kafka");

/** The same logs; where the facts end is said by `bounds`. */
const asking = (logs: Logs, bounds: Logs["facts"]["bounds"]): Logs => betweenLogs(logs, { facts: betweenLog(logs.facts, { bounds }) });

const housed = async (openers: Partial<Openers>, env: Record<string, string> = {}) => {
  const settings = { TALLYWIRE_LOG: "memory:", TALLYWIRE_STORE: "memory:", TALLYWIRE_PARTITIONS: String(PARTITIONS), ...env };
  const house = await compose(readConfig(settings, {}), {
    journal: silent,
    openers: {
      openLogs: (_, options) => Promise.resolve(openMemoryLogs(options)),
      openStore: () => Promise.resolve(openMemoryStore()),
      openWarehouse: () => Promise.reject(new AdapterError("closed", "There is none here.", { retryable: false })),
      openFilms: async () => ({ media: new FakeMedia(), version: async () => "5.1.9", close: async () => {} }),
      ...openers,
    },
  });
  const part = async (name: string) => (await house.core.ready()).find((each) => each.part === name);
  return { ...house, part };
};

describe("readiness", () => {
  it("asks a log that does not answer once, however many ask, and gives up after its time", async () => {
    let asked = 0;
    const { promise: answer, reject: fail } = Promise.withResolvers<never>();
    const logs = asking(openMemoryLogs({ partitions: PARTITIONS }), () => {
      asked++;
      return answer;
    });
    const { core, part, close } = await housed({ openLogs: () => Promise.resolve(logs) });
    // The server has taken a look by itself.
    const before = asked;
    // One after the other these would take longer than a test may.
    const said = await Promise.all(Array.from({ length: 50 }, () => part("log")));
    for (const one of said) expect(one).toMatchObject({ ready: false, detail: "does not answer within 1500 ms" });
    expect([before >= PARTITIONS, asked]).toEqual([true, before]);
    expect(await core.metrics()).toContain('tallywire_partitions{role="engine"} 4');
    fail(new AdapterError("unavailable", "It is away.", { retryable: true }));
    await close();
  });

  it("says in words why the log cannot be asked", async () => {
    let broken = true;
    const memory = openMemoryLogs({ partitions: PARTITIONS });
    const logs = asking(memory, (partition) =>
      broken && partition === 2
        ? Promise.reject(new AdapterError("unavailable", "Partition 2 has no leader.", { retryable: true }))
        : memory.facts.bounds(partition),
    );
    const { part, close } = await housed({ openLogs: () => Promise.resolve(logs) });
    expect(await part("log")).toMatchObject({ ready: false, detail: "Partition 2 has no leader." });
    broken = false;
    expect(await part("log")).toMatchObject({ ready: true, detail: "takes facts" });
    await close();
  });

  it("tells that the store of decisions is away, and stays ready: frames do without it", async () => {
    const fake = await startFakeKurrentDb();
    const { part, close } = await housed({ openStore: adapters.openStore }, { TALLYWIRE_STORE: fake.url });
    expect(await part("store")).toMatchObject({ ready: true, detail: "answers" });
    await fake.down();
    expect(await part("store")).toMatchObject({
      ready: true,
      detail: expect.stringMatching(/^definitions cannot be read or changed: \w+/),
    });
    await fake.up();
    await expect.poll(async () => (await part("store"))?.detail, { timeout: 15_000 }).toBe("answers");
    await close();
    await fake.stop();
  });

  it("tells which ffmpeg films are made with and how recordings go, naming nobody, and stays ready", async () => {
    const media = new FakeMedia();
    const films = { media, version: async () => "5.1.9-0+deb12u1", close: async () => {} };
    const env = { TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes and no less" };
    const { core, part, close } = await housed({ openFilms: async () => films }, env);
    expect(await part("video")).toEqual({ kind: "video", part: "video", roles: ["video"], ready: true, detail: "ffmpeg 5.1.9-0+deb12u1" });
    const asker = { subject: undefined, cameraLimit: undefined, features: undefined };
    for (const camera of ["gate", "door"]) {
      const said = { rtspUrl: "rtsp://192.168.1.20/", record: true };
      expect(await core.registry.create({ tenant: "acme", camera }, said, asker)).toHaveProperty("camera");
    }
    const detail = async () => (await part("video"))?.detail;
    await expect.poll(detail, { timeout: 15_000 }).toBe("ffmpeg 5.1.9-0+deb12u1; cameras to be recorded: 2");
    media.state = { state: "stalled", failure: { reason: "ended", message: "acme's gate has ended" } };
    expect(await detail()).toBe("ffmpeg 5.1.9-0+deb12u1; cameras to be recorded: 2; stalled: 2");
    media.state = { state: "failed", failure: { reason: "codec", message: "acme's gate is H.265" } };
    expect(await detail()).toBe("ffmpeg 5.1.9-0+deb12u1; cameras to be recorded: 2; failed: 2");
    await close();
  });

  it("tells that there is no ffmpeg, and stays ready; without the role video nothing is told of it", async () => {
    const version = () => Promise.reject(new AdapterError("unavailable", "The program /a/path/ffmpeg is not here.", { retryable: true }));
    const openFilms = async () => ({ media: new FakeMedia(), version, close: async () => {} });
    const { part, close } = await housed({ openFilms });
    const detail = "ffmpeg is missing or too old: no films are shown or recorded";
    expect(await part("video")).toMatchObject({ ready: true, detail });
    await close();
    const other = await housed({ openFilms }, { TALLYWIRE_ROLES: "ingest,engine,projector,api" });
    expect(await other.part("video")).toBeUndefined();
    await other.close();
  });

  it.skipIf(kafka === undefined)("names the record that keeps it from knowing how far the engine is, once somebody has asked", async () => {
    const note = noted();
    const prefix = `ready-${randomUUID()}`;
    const url = `${kafka}/${prefix}`;
    const away = () => Promise.reject(new AdapterError("unavailable", "It is away.", { retryable: true }));
    const openers = { openLogs: adapters.openLogs, openWarehouse: away };
    const env = {
      TALLYWIRE_LOG: url,
      TALLYWIRE_STORE: "kurrentdb://127.0.0.1:1",
      TALLYWIRE_ROLES: "api",
      TALLYWIRE_WAREHOUSE: "http://127.0.0.1:1/x",
    };
    const { core, part, close } = await housed(openers, env);
    const client = await connectKafka({ url, journal: note.journal });
    const put = (value: string) =>
      client.send([
        { topic: `${prefix}.progress`, records: [{ partition: 2, key: Buffer.from("progress"), value: Buffer.from(value), timestamp: 5 }] },
      ]);
    await put("hello");
    expect(await part("progress")).toBeUndefined();
    const began = performance.now();
    expect(await core.settled(new Map([[2, 5]]), "alerts")).toBe(false);
    expect(performance.now() - began).toBeLessThan(core.limits.afterMs / 2);
    expect(await part("progress")).toMatchObject({
      ready: false,
      roles: ["api"],
      detail: expect.stringContaining("Record progress/2/0 is corrupt"),
    });
    expect(await part("log")).toMatchObject({ ready: true });
    // The newest is looked for backwards, a few records at a time.
    for (let n = 0; n < 10; n++) await put('{"at":0,"next":0}');
    expect(await part("progress")).toBeUndefined();
    await client.close();
    await close();
  });
});
