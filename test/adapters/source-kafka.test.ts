/** Topics of others on a real broker. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import kafkajs, { type CompressionTypes as CompressionNames, type Message } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { teachKafkajs } from "../../adapters/kafka/codecs.ts";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openSource } from "../../adapters/open.ts";
import type { Fact, Frame } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError, type Journal, type Log, type Logs, type Take } from "../../domain/ports.ts";
import { createReceiver } from "../../ingest/receive.ts";
import { createTake } from "../../ingest/source.ts";
import { readSources } from "../../ingest/source-settings.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { cameraEvent, nvFrame } from "../support/foreign.ts";
import { counting, factsOf, silent } from "../support/frames.ts";

const url = await kafkaForTests("topics of others");
const address = readKafkaUrl(url ?? "kafka://127.0.0.1:1");
const kafka = new kafkajs.Kafka({ brokers: [...address.brokers], logLevel: kafkajs.logLevel.NOTHING });
const nobody = { username: "", password: "", mechanism: "", ca: "", cert: "", key: "" } as const;
const admin = kafka.admin();
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });

beforeAll(async () => {
  if (url === undefined) return;
  teachKafkajs();
  await admin.connect();
  await producer.connect();
});
afterAll(async () => {
  await producer.disconnect();
  await admin.disconnect();
});

const create = async (partitions = 1, topic = `mdx-raw-${randomUUID()}`): Promise<string> => {
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  return topic;
};
const BEGIN = Date.now() - 600_000;
const at = (n: number): number => BEGIN + 10 * n;

type House = { readonly logs: Logs; readonly facts?: Log<Fact> };
type Over = {
  readonly wrap?: (take: Take) => Take;
  readonly journal?: Journal;
  readonly sessionMs?: number;
  readonly settings?: object;
  readonly facts?: Log<Fact>;
};

/** One process that reads the topic: a door of its own, which remembers nothing of an earlier run. */
const read = (
  topic: string,
  { logs }: House,
  { wrap = (take) => take, journal = silent, sessionMs, settings = {}, facts = logs.facts }: Over = {},
) => {
  const [read] = readSources(JSON.stringify({ sources: [{ topic, tenant: "t1", ...settings }] }));
  if (read === undefined) throw new Error("no source");
  const { meter, counts } = counting();
  const world = { clock: systemClock, journal, meter };
  const receiver = createReceiver({ facts, limits, ...world });
  const stop = new AbortController();
  // Without a URL of its own it is read where the log is.
  const source = openSource(read, { url: `${url}/log`, access: nobody }, { ...world, ...(sessionMs && { sessionMs }) });
  const running = source.run(wrap(createTake(read, { receiver, limits, ...world })), stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { running, end, counts };
};

const until = async (is: () => Promise<boolean> | boolean, ms = 20_000): Promise<void> => {
  for (const begin = performance.now(); performance.now() - begin < ms; await sleep(30)) if (await is()) return;
  throw new Error("it did not come to that");
};
const framesIn = async ({ logs }: House): Promise<readonly Frame[]> =>
  (await factsOf(logs.facts)).filter((fact): fact is Frame => fact.kind === "frame");
/** Ids in the order of the log, each at its first place: what engines and projections make of repeats. */
const idsBySensor = async (house: House): Promise<Record<string, string[]>> => {
  const ids: Record<string, Set<string>> = {};
  for (const { camera, id } of await framesIn(house)) {
    ids[camera] ??= new Set();
    ids[camera].add(id);
  }
  return Object.fromEntries(Object.entries(ids).map(([camera, all]) => [camera, [...all]]));
};
const house = (): House => ({ logs: openMemoryLogs({ partitions: 4 }) });
/** Frames of several sensors in turn, each under its sensor's key. */
const load = (sensors: number, frames: number): { readonly messages: Message[]; readonly expected: Record<string, string[]> } => {
  const messages: Message[] = [];
  const expected: Record<string, string[]> = {};
  for (let n = 0; n < frames; n++) {
    const sensor = `cam-${n % sensors}`;
    messages.push({ key: sensor, value: Buffer.from(nvFrame(sensor, `f${n}`, at(n))) });
    expected[sensor] = [...(expected[sensor] ?? []), `f${n}`];
  }
  return { messages, expected };
};
const send = async (topic: string, messages: Message[], compression?: CompressionNames): Promise<void> => {
  for (let from = 0; from < messages.length; from += 500)
    await producer.send({ topic, messages: messages.slice(from, from + 500), ...(compression && { compression }) });
};
/** Undefined while the group's coordinator does not answer yet. */
const committed = async (topic: string): Promise<number | undefined> => {
  try {
    const [offsets] = await admin.fetchOffsets({ groupId: `tallywire.${topic}`, topics: [topic] });
    return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  } catch (error) {
    if (error instanceof kafkajs.KafkaJSError && error.retriable) return undefined;
    throw error;
  }
};
const heard = () => {
  const lines: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[] = [];
  const say = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const journal: Journal = { debug: () => {}, info: say("info"), warn: say("warn"), error: say("error"), fatal: say("fatal") };
  return { lines, journal, joins: () => lines.filter(({ message }) => message === "reads a topic of others").length };
};

describe.skipIf(url === undefined)("a topic of others", { concurrent: true, timeout: 60_000 }, () => {
  it("is read in every codec and form, camera events among the frames, and committed when all is durable", async () => {
    const topic = await create();
    const home = house();
    const { GZIP, LZ4, None, Snappy, ZSTD } = kafkajs.CompressionTypes;
    const native = (id: string) => JSON.stringify({ sensorId: "cam-1", id, timestamp: new Date(at(2)).toISOString(), objects: [] });
    await send(topic, [{ value: Buffer.from(nvFrame("cam-1", "none", at(1))) }], None);
    await send(topic, [{ value: native("gzip") }], GZIP);
    await send(topic, [{ key: "vst.event", value: cameraEvent("cam-1", "camera_remove"), timestamp: String(at(3)) }], Snappy);
    await send(topic, [{ value: Buffer.from(nvFrame("cam-1", "lz4", at(4))) }], LZ4);
    await send(topic, [{ value: Buffer.from(nvFrame("cam-1", "zstd", at(5))) }], ZSTD);
    const reader = read(topic, home);
    await until(async () => (await committed(topic)) === 5);
    await reader.end();
    const facts = await factsOf(home.logs.facts);
    expect(
      facts.map((fact) => (fact.kind === "frame" ? fact.id : fact.kind === "camera-state" ? [fact.state, fact.at] : fact.kind)),
    ).toEqual(["none", "gzip", ["removed", at(3)], "lz4", "zstd"]);
    expect(reader.counts.get(`tallywire_source_records_total ${topic}`)).toBe(5);
  });

  it("gives its frames to the sensors its keys name, and leaves the unknown ones behind", async () => {
    const topic = await create();
    const home = house();
    const value = JSON.stringify({ id: "f", timestamp: new Date(at(1)).toISOString(), objects: [] });
    await send(topic, [{ key: "stream-0", value }, { key: "stream-1", value }, { value }]);
    const reader = read(topic, home, { settings: { sensor: { from: "key", names: { "stream-0": "lobby" }, unknown: "refuse" } } });
    await until(async () => (await committed(topic)) === 3);
    await reader.end();
    expect(await idsBySensor(home)).toEqual({ lobby: ["f"] });
    expect(reader.counts.get(`tallywire_source_refused_total ${topic} sensor`)).toBe(2);
  });

  it("is not stopped by poison: what cannot be read lies in the topic of dead letters, as it came and with its place", async () => {
    const [topic, deadLetter] = [await create(), await create()];
    const home = house();
    const { journal, lines } = heard();
    const poison = Buffer.from([0x0a, 0xff, 0xff, 0xff]);
    await send(topic, [{ key: "cam-1", value: Buffer.from(nvFrame("cam-1", "before", at(1))) }]);
    // A header that says nothing, as others write them: kafkajs cannot.
    const other = await connectKafka({ url: url as string, journal });
    const headers = { trace: ["abc", "def"], bare: undefined };
    await other.send([{ topic, records: [{ partition: 0, key: Buffer.from("cam-1"), value: poison, headers, timestamp: at(2) }] }]);
    await other.close();
    await send(topic, [
      { key: "cam-1", value: null },
      { key: "cam-1", value: Buffer.from(nvFrame("cam-1", "after", at(3))) },
    ]);
    const reader = read(topic, home, { journal, settings: { deadLetter } });
    await until(async () => (await committed(topic)) === 4);
    await reader.end();
    expect(await idsBySensor(home)).toEqual({ "cam-1": ["before", "after"] });
    const letters: { key: string; value: Buffer | null; timestamp: string; headers: Record<string, string> }[] = [];
    const consumer = kafka.consumer({ groupId: randomUUID() });
    await consumer.connect();
    await consumer.subscribe({ topic: deadLetter, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message: { key, value, headers, timestamp } }) => {
        letters.push({
          key: String(key),
          value,
          timestamp,
          headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
        });
      },
    });
    await until(() => letters.length === 2);
    await consumer.disconnect();
    expect(letters[0]).toMatchObject({
      key: "cam-1",
      value: poison,
      timestamp: String(at(2)),
      headers: {
        trace: "abc,def",
        bare: "null",
        "tallywire.topic": topic,
        "tallywire.partition": "0",
        "tallywire.offset": "1",
        "tallywire.reason": "syntax",
      },
    });
    expect(letters[1]).toMatchObject({ value: null, headers: { "tallywire.offset": "2", "tallywire.reason": "empty" } });
    expect(lines.filter(({ level }) => level === "warn").map(({ fields }) => [fields.topic, fields.partition, fields.offset])).toEqual([
      [topic, 0, 1],
      [topic, 0, 2],
    ]);
  });

  it("leaves behind what the topic of dead letters does not take for its size, and says so; the letters beside it lie there", async () => {
    const [topic, deadLetter] = [await create(), `dead-${randomUUID()}`];
    const configEntries = [{ name: "max.message.bytes", value: "2000" }];
    await admin.createTopics({ topics: [{ topic: deadLetter, numPartitions: 1, configEntries }], waitForLeaders: true });
    const { journal, lines } = heard();
    await send(topic, [{ value: "{" }, { value: `{${"x".repeat(3000)}` }, { value: "[" }]);
    const reader = read(topic, house(), { journal, settings: { deadLetter } });
    await until(async () => (await committed(topic)) === 3);
    await reader.end();
    expect(await admin.fetchTopicOffsets(deadLetter)).toMatchObject([{ high: "2" }]);
    const left = lines.filter(({ message }) => message.startsWith("a record is too large for the topic of dead letters"));
    expect(left.map(({ fields }) => fields.from)).toEqual([`${topic}/0/1`]);
  });

  it("commits nothing while its dead letters are not durable", async () => {
    const topic = await create();
    const deadLetter = `dead-${randomUUID()}`;
    const { journal, lines } = heard();
    await send(topic, [{ value: "{" }]);
    const reader = read(topic, house(), { journal, settings: { deadLetter } });
    await until(() => lines.some(({ message }) => message.startsWith("the topic of dead letters takes nothing")));
    expect(await committed(topic)).toBe(0);
    await create(1, deadLetter);
    await until(async () => (await committed(topic)) === 1);
    await reader.end();
  });

  it("loses nothing when its reader stops in the middle, nor when one dies between the log and the commit", async () => {
    const topic = await create(3);
    const home = house();
    const { messages, expected } = load(7, 6000);
    await send(topic, messages);
    // It dies after the log has taken a batch and before Kafka knows: nothing more of it is heard.
    let taken = 0;
    const dying = read(topic, home, {
      wrap: (take) => async (records, stop) => {
        const { done } = await take(records.slice(0, 700), stop);
        taken += done;
        return { done: 0, refused: [] };
      },
    });
    await until(() => taken > 0);
    await dying.end();
    expect(await committed(topic)).toBe(0);
    // The next one stops cleanly, early.
    const early = read(topic, home, { wrap: (take) => (records, stop) => take(records.slice(0, 50), stop).finally(() => sleep(20)) });
    await until(async () => ((await committed(topic)) ?? 0) > 300);
    await early.end();
    const half = await committed(topic);
    expect(half).toBeGreaterThan(0);
    expect(half).toBeLessThan(6000);
    const last = read(topic, home);
    await until(async () => (await committed(topic)) === 6000);
    await last.end();
    expect(await idsBySensor(home)).toEqual(expected);
    expect((await framesIn(home)).length).toBeGreaterThan(6000);
  });

  it("is shared by two readers of one group as they come and go, and loses nothing and keeps each sensor's order", async () => {
    const topic = await create(4);
    const home = house();
    const { messages, expected } = load(9, 9000);
    const counts = [0, 0];
    const counted =
      (who: 0 | 1) =>
      (take: Take): Take =>
      async (records, stop) => {
        await sleep(20);
        const taken = await take(records.slice(0, 100), stop);
        counts[who] = (counts[who] as number) + taken.done;
        return taken;
      };
    const sending = (async () => {
      for (let from = 0; from < messages.length; from += 100, await sleep(50)) await send(topic, messages.slice(from, from + 100));
    })();
    const first = read(topic, home, { wrap: counted(0) });
    await until(() => (counts[0] as number) > 300);
    const second = read(topic, home, { wrap: counted(1) });
    await until(() => (counts[1] as number) > 300);
    await first.end();
    const before = counts[0];
    await sending;
    await until(async () => (await committed(topic)) === 9000);
    await second.end();
    expect([...first.counts.keys(), ...second.counts.keys()].filter((name) => name.includes("refused"))).toEqual([]);
    expect(counts[0]).toBe(before);
    expect(await idsBySensor(home)).toEqual(expected);
  });

  it("waits for a log that takes nothing, longer than its group waits for a dead member, and stays one", async () => {
    const topic = await create(2);
    const home = house();
    const { journal, lines, joins } = heard();
    let fails = true;
    const facts: Log<Fact> = {
      epoch: home.logs.facts.epoch,
      partitions: home.logs.facts.partitions,
      read: home.logs.facts.read.bind(home.logs.facts),
      bounds: home.logs.facts.bounds.bind(home.logs.facts),
      append: (events) =>
        fails ? Promise.reject(new AdapterError("unavailable", "not now", { retryable: true })) : home.logs.facts.append(events),
    };
    const { messages, expected } = load(3, 300);
    await send(topic, messages);
    const reader = read(topic, home, { facts, journal, sessionMs: 6000 });
    await until(() => lines.some(({ message }) => message.startsWith("a source waits")));
    await sleep(8000);
    expect(await committed(topic)).toBe(0);
    fails = false;
    await until(async () => (await committed(topic)) === 300);
    await reader.end();
    expect(joins()).toBe(1);
    expect(await idsBySensor(home)).toEqual(expected);
    expect((await framesIn(home)).length).toBe(300);
  });

  it("is waited for until it is there, and said so", async () => {
    const topic = `mdx-raw-${randomUUID()}`;
    const home = house();
    const { journal, lines } = heard();
    const reader = read(topic, home, { journal });
    await until(() => lines.some(({ level }) => level === "error"));
    expect(lines.find(({ level }) => level === "error")).toMatchObject({ fields: { topic, group: `tallywire.${topic}` } });
    await create(1, topic);
    await send(topic, load(1, 3).messages);
    await until(async () => (await framesIn(home)).length === 3, 30_000);
    await reader.end();
  });

  it("is read from its end where the settings say so", async () => {
    const topic = await create();
    const home = house();
    const { journal, joins } = heard();
    const { messages } = load(1, 20);
    await send(topic, messages.slice(0, 10));
    const reader = read(topic, home, { journal, settings: { from: "latest" } });
    await until(() => joins() === 1);
    await sleep(1500);
    await send(topic, messages.slice(10));
    await until(async () => (await framesIn(home)).length >= 10);
    await reader.end();
    expect(await idsBySensor(home)).toEqual({ "cam-0": Array.from({ length: 10 }, (_, n) => `f${n + 10}`) });
  });

  it("ends with what is nobody's trouble but ours", async () => {
    const topic = await create();
    await send(topic, load(1, 1).messages);
    const defect = new Error("a defect");
    const reader = read(topic, house(), { wrap: () => () => Promise.reject(defect) });
    await expect(reader.running).rejects.toBe(defect);
    expect(await committed(topic)).toBe(0);
  });
});

describe("a source's connection", () => {
  const world = { clock: systemClock, journal: silent, meter: counting().meter };
  const topic = { topic: "a", group: "g", from: "earliest" } as const;

  it("is the log's where it has no url, and refused where the log is not on Kafka", () => {
    expect(() => openSource(topic, { url: "kafka://log:9092/prefix", access: nobody }, world)).not.toThrow();
    expect(() => openSource(topic, { url: "file:", access: nobody }, world)).toThrow("The topic a has no url");
  });

  it("never has the log's credentials where it has a url of its own", () => {
    // A certificate that is not there is missed only by whom it is meant for.
    const log = { url: "kafka://log:9092/prefix", access: { ...nobody, ca: "nowhere.pem" } };
    expect(() => openSource(topic, log, world)).toThrow("nowhere.pem");
    expect(() => openSource({ ...topic, url: "kafka://other:9092" }, log, world)).not.toThrow();
    expect(() => openSource({ ...topic, url: "kafka://other" }, log, world)).toThrow(/Kafka's URL/);
  });
});

describe("a broker that is not there", { concurrent: true }, () => {
  it("is tried again until the end, and said so", async () => {
    const { journal, lines } = heard();
    const { meter } = counting();
    const stop = new AbortController();
    const world = { clock: systemClock, journal, meter };
    const source = openSource(
      { url: "kafka://127.0.0.1:1", topic: "a", group: "g", from: "earliest" },
      { url: "file:", access: nobody },
      world,
    );
    const running = source.run(() => Promise.reject(new Error("never called")), stop.signal);
    await until(() => lines.some(({ level }) => level === "error"), 25_000);
    stop.abort();
    await running;
    expect(lines[0]).toMatchObject({ level: "error", fields: { topic: "a", group: "g" } });
  });
});
