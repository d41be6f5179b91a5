/** The topics of a log in Kafka: how they are made, what is refused, what others may read in them, and what is found to be damaged. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import kafkajs from "kafkajs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { derivedSchema } from "../../adapters/codec.ts";
import type { KafkaClient, KafkaRecord } from "../../adapters/kafka/client.ts";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { Chunks, inChunks } from "../../adapters/log-kafka/chunks.ts";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import { Damaged } from "../../adapters/seal.ts";
import type { Derived } from "../../domain/event.ts";
import { type Base, EVENTS_PER_RECORD, type Logs } from "../../domain/ports.ts";
import {
  alert,
  batchesOf,
  cameraIn,
  corrected,
  coverage,
  crossing,
  eventsOf,
  frame,
  presence,
  recomputed,
  TENANT,
} from "../conformance/events.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { openKafkajs, readAll } from "../support/kafka.ts";
import { noted } from "../support/warehouse.ts";

const PARTITIONS = 3;
const A = cameraIn(0, PARTITIONS);
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const kafka = await kafkaForTests("the topics of the log in Kafka");
describe.skipIf(kafka === undefined)("the topics of the log in Kafka", () => {
  let prefix = "";
  let opened: Logs[] = [];
  let client: KafkaClient;
  const open = async (
    more: { readonly partitions?: number; readonly skipCorrupt?: readonly string[] } = {},
    note = noted(),
  ): Promise<Logs> => {
    const logs = await connectKafkaLogs({ url: `${kafka}/${prefix}`, journal: note.journal, partitions: PARTITIONS, ...more });
    opened.push(logs);
    return logs;
  };
  const topic = (name: string): string => `${prefix}.${name}`;
  beforeEach(async () => {
    prefix = `topics-${randomUUID()}`;
    client = await connectKafka({ url: `${kafka}/${prefix}`, journal: noted().journal });
  });
  afterEach(async () => {
    await Promise.all(opened.map((logs) => logs.close()));
    opened = [];
    await client.close();
  });
  /** kafkajs's own, for what our client has no need of. */
  const admin = async (work: (admin: kafkajs.Admin) => Promise<unknown>): Promise<void> => {
    const one = openKafkajs(kafka as string).admin();
    await one.connect();
    try {
      await work(one);
    } finally {
      await one.disconnect();
    }
  };

  describe("opening", () => {
    test("a log that two make at once gives it one epoch, which stays", async () => {
      const both = await Promise.all([open(), open()]);
      const [epoch, ...others] = both.map(({ facts }) => facts.epoch);
      expect(others).toEqual([epoch]);
      expect((await open()).facts.epoch).toBe(epoch);
    });

    test("with another number of partitions is refused", async () => {
      await open();
      for (const partitions of [1, 4]) {
        await expect(open({ partitions })).rejects.toMatchObject({ code: "bad-query", retryable: false });
        await expect(open({ partitions })).rejects.toThrow(
          `${topic("facts")} was created with 3 partitions and was opened with ${partitions}`,
        );
      }
      await expect(open({ partitions: 0 })).rejects.toThrow(RangeError);
    });

    test("is refused where a topic's settings would lose something, and says which", async () => {
      const wrong: readonly (readonly [string, string, string])[] = [
        ["facts", "retention.ms", "604800000"],
        ["facts", "cleanup.policy", "compact"],
        ["facts", "message.timestamp.type", "LogAppendTime"],
        ["derived", "retention.bytes", "1000000"],
        ["derived", "max.message.bytes", "1048588"],
        ["progress", "cleanup.policy", "delete"],
        ["memory", "cleanup.policy", "compact,delete"],
      ];
      for (const [name, setting, value] of wrong) {
        prefix = `topics-${randomUUID()}`;
        await (await open()).close();
        await admin(async (one) => {
          const named = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic(name) };
          const { resources } = await one.describeConfigs({ includeSynonyms: false, resources: [named] });
          // What is not named goes back to the broker's own.
          const others = (resources[0]?.configEntries ?? []).filter((entry) => !entry.isDefault && entry.configName !== setting);
          const configEntries = [
            ...others.map((entry) => ({ name: entry.configName, value: entry.configValue })),
            { name: setting, value },
          ];
          await one.alterConfigs({ validateOnly: false, resources: [{ ...named, configEntries }] });
        });
        const opening = open();
        await expect(opening).rejects.toMatchObject({ code: "bad-query", retryable: false });
        await expect(opening).rejects.toThrow(topic(name));
        await expect(opening).rejects.toThrow(setting);
      }
    });

    test("is refused without a prefix", async () => {
      const opening = connectKafkaLogs({ url: kafka as string, journal: noted().journal, partitions: 1 });
      await expect(opening).rejects.toThrow("names no log");
    });

    test("is refused where the facts were deleted under what was made of them", async () => {
      const logs = await open();
      await logs.facts.append(numbers(3).map((n) => frame(A, n)));
      const committed = new Promise<void>((resolve, reject) => {
        void logs.claim(async (owned) => {
          if (owned.partition === 0) await owned.commit({ out: [], next: EVENTS_PER_RECORD }).then(resolve, reject);
          await owned.lost;
        });
      });
      await committed;
      await logs.close();
      await (await open()).close();
      await admin((one) => one.deleteTopics({ topics: [topic("facts")] }));
      // A broker that is asked too soon still knows the topic.
      await expect.poll(() => client.partitionsOf(topic("facts")), { timeout: 10_000 }).toBeUndefined();
      const opening = open();
      await expect(opening).rejects.toMatchObject({ code: "corrupt", retryable: false });
      await expect(opening).rejects.toThrow("it is not the topic this log was made with");
    });
  });

  describe("what others read", () => {
    test("of the derived log is JSON with its kind and schema, in the partition Java's own partitioner would look in", async () => {
      const { derived } = await open();
      const cameras = numbers(20).map((n) => `Tür ${n} \u{1f6a6}`);
      const events = cameras.map((camera, n) => ({ ...(n % 2 === 0 ? presence(camera) : coverage(camera, n)), receivedAt: 1_000 + n }));
      await derived.append(events);
      const where = kafkajs.Partitioners.JavaCompatiblePartitioner();
      const partitionMetadata = numbers(PARTITIONS).map((partitionId) => ({ partitionId, leader: 1 })) as never;
      const found: unknown[] = [];
      for (const partition of numbers(PARTITIONS)) {
        for (const { key, value, headers, timestamp } of await readAll(client, topic("derived"), partition)) {
          expect(where({ topic: "", partitionMetadata, message: { key: key as Buffer, value: null } })).toBe(partition);
          const event = JSON.parse(value?.toString() ?? "") as {
            readonly kind: string;
            readonly camera: string;
            readonly receivedAt: number;
          };
          expect(key?.toString()).toBe(`${TENANT}\0${event.camera}`);
          expect(headers).toEqual({ schema: Buffer.from(String(derivedSchema.version)), kind: Buffer.from(event.kind) });
          expect(timestamp).toBe(event.receivedAt);
          found.push(event);
        }
      }
      expect(found.length).toBe(events.length);
      expect(found).toEqual(expect.arrayContaining(JSON.parse(JSON.stringify(events)) as unknown[]));
    });

    test("of an owner's checkpoints is the lag of a group, for tools that show one", async () => {
      const logs = await open();
      const done = new Promise<void>((resolve, reject) => {
        void logs.claim(async (owned) => {
          if (owned.partition === 2) await owned.commit({ out: [], next: 7 * EVENTS_PER_RECORD + 5, checkpoint: [] }).then(resolve, reject);
          await owned.lost;
        });
      });
      await done;
      const offsets = async (): Promise<unknown> => {
        let read: unknown;
        await admin(async (one) => {
          [read] = await one.fetchOffsets({ groupId: `${prefix}-engine`, topics: [topic("facts")] });
        });
        return (read as { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }).partitions.find(
          ({ partition }) => partition === 2,
        )?.offset;
      };
      await expect.poll(offsets, { timeout: 5_000 }).toBe("7");
    });
  });

  describe("a record that is damaged", () => {
    const garbage = (name: string, value = "garbage") =>
      client.send([{ topic: topic(name), records: [{ partition: 0, value: Buffer.from(value), timestamp: 5, headers: { schema: "1" } }] }]);

    test("in the facts is reported with its place and the remedy; what stands before it is given, and behind it once it is named", async () => {
      const logs = await open();
      await logs.facts.append([frame(A, 0)]);
      await garbage("facts");
      await logs.facts.append([frame(A, 2)]);
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const { events } of logs.facts.read(0, "start")) seen.push(...events);
      })();
      await expect(reading).rejects.toMatchObject({ code: "corrupt", retryable: false });
      await expect(reading).rejects.toThrow(`Record facts/0/1 is corrupt`);
      await expect(reading).rejects.toThrow(`the topic ${topic("facts")}, partition 0, at offset 1`);
      expect(seen).toEqual([frame(A, 0)]);
      expect(await eventsOf(logs.facts.read(0, 2 * EVENTS_PER_RECORD))).toEqual([frame(A, 2)]);
      const note = noted();
      const told = await open({ skipCorrupt: ["facts/0/1", "facts/0/0"] }, note);
      expect(await eventsOf(told.facts.read(0, "start"))).toEqual([frame(A, 0), frame(A, 2)]);
      expect(note.lines.filter((line) => line.includes("passed over")).length).toBe(1);
      await expect(open({ skipCorrupt: ["facts/3/0"] })).rejects.toThrow(`"facts/3/0" names no record of this log`);
      await expect(open({ skipCorrupt: ["state/identity"] })).rejects.toMatchObject({ code: "bad-query" });
    });

    test("or foreign in the derived log is reported too", async () => {
      for (const value of ["garbage", "null", '{"kind":"other"}']) {
        prefix = `topics-${randomUUID()}`;
        const { derived } = await open();
        await garbage("derived", value);
        await expect(batchesOf(derived.read(0, "start"))).rejects.toThrow("Record derived/0/0 is corrupt");
      }
    });

    describe("in the derived log, by somebody else", () => {
      type Fields = Readonly<Record<string, unknown>>;
      const put = (event: Fields, more: { readonly key?: string; readonly kind?: string; readonly schema?: string } = {}) => {
        const { key = `${TENANT}\0${A}`, kind = String(event.kind), schema = "1" } = more;
        const value = Buffer.from(JSON.stringify(event));
        const record = { partition: 0, key: Buffer.from(key), value, timestamp: 5, headers: { schema, kind } };
        return client.send([{ topic: topic("derived"), records: [record] }]);
      };
      const events: readonly Derived[] = [alert(A), crossing(A), corrected(presence(A), true), coverage(A, 1), recomputed(A, "gone")];

      test("is found when anything is missing from an event or is none, whatever its kind, and passed over once it is named", async () => {
        const { derived } = await open();
        const hollow: Fields[] = [{ kind: "alert" }, { kind: "crossing", tenant: 5, camera: null, receivedAt: "x" }];
        // Each field gone, and each there as a list of nothing; what is undefined by right may be gone.
        for (const event of events)
          for (const name of Object.keys(event).filter((one) => one !== "kind")) {
            const { [name]: _, ...others } = event as Fields;
            if (!["direction", "reason", "objects", "correction", "fault"].includes(name) || event.kind === "crossing") hollow.push(others);
            hollow.push({ ...event, [name]: name === "objects" ? [null] : [] });
          }
        for (const event of hollow) await put(event);
        await derived.append([coverage(A, 7)]);
        for (const n of hollow.keys())
          await expect(batchesOf(derived.read(0, n * EVENTS_PER_RECORD)), JSON.stringify(hollow[n])).rejects.toThrow(
            `Record derived/0/${n} is corrupt: it is no whole ${hollow[n]?.kind}`,
          );
        const told = await open({ skipCorrupt: [...hollow.keys()].map((n) => `derived/0/${n}`) });
        expect(await eventsOf(told.derived.read(0, "start"))).toEqual([coverage(A, 7)]);
      });

      test("is found when its key or its kind is that of another event", async () => {
        const { derived } = await open();
        await put(coverage(A, 1), { key: `${TENANT}\0other` });
        await put(coverage(A, 1), { kind: "alert" });
        await expect(batchesOf(derived.read(0, 0))).rejects.toThrow("Record derived/0/0 is corrupt: its key");
        await expect(batchesOf(derived.read(0, EVENTS_PER_RECORD))).rejects.toThrow("Record derived/0/1 is corrupt: its header");
      });

      test("is not found in what is our own, whatever the camera is called", async () => {
        const { derived } = await open();
        const odd = coverage("\ud800 T\u00fcr", 2);
        await derived.append([...events, odd]);
        const read = (await Promise.all(numbers(PARTITIONS).map((p) => eventsOf(derived.read(p, "start"))))).flat();
        expect(read.length).toBe(events.length + 1);
        expect(read).toEqual(expect.arrayContaining(JSON.parse(JSON.stringify([...events, odd])) as unknown[]));
      });

      test("is named when a newer program wrote it, whatever is in it", async () => {
        const { derived } = await open();
        await put({ kind: "new" }, { schema: String(derivedSchema.version + 1) });
        const reading = batchesOf(derived.read(0, "start"));
        await expect(reading).rejects.toMatchObject({ code: "unavailable", retryable: false });
        await expect(reading).rejects.toThrow(/^derived\/0\/0: A record was written in schema 3 of derived/);
      });
    });

    test("in the bases is reported by name when its key or its position is none", async () => {
      const base: Base = { tenant: TENANT, camera: A, at: 5, partition: 0, position: 0, memory: null };
      const key = JSON.stringify([TENANT, A, 5]);
      for (const [wrong, headers] of [
        ["b", { position: "0" }],
        ["[1,2]", { position: "0" }],
        ["", { position: "0" }],
        [key, {}],
      ] as const) {
        prefix = `topics-${randomUUID()}`;
        const logs = await open();
        const record = { partition: 0, key: Buffer.from(wrong), value: Buffer.from("hello"), timestamp: 5, headers };
        await client.send([{ topic: topic("bases"), records: [record] }]);
        const asking = logs.baseBefore({ tenant: TENANT, camera: A }, 9);
        await expect(asking).rejects.toMatchObject({ code: "corrupt" });
        await expect(asking).rejects.toThrow("Record bases/0/1 is corrupt");
        const told = await open({ skipCorrupt: ["bases/0/1"] });
        await told.putBase(base);
        expect(await told.baseBefore({ tenant: TENANT, camera: A }, 9)).toEqual(base);
      }
    });

    test("in the memory or the bases is reported to who needs it, and gone once it is named", async () => {
      const logs = await open();
      await client.send([
        { topic: topic("memory"), records: [{ partition: 0, key: Buffer.from("[1]"), value: Buffer.from("x"), timestamp: 5 }] },
      ]);
      const base: Base = { tenant: TENANT, camera: A, at: 5, partition: 0, position: 0, memory: null };
      await client.send([
        {
          topic: topic("bases"),
          records: [
            {
              partition: 0,
              key: Buffer.from(JSON.stringify([TENANT, A, 5])),
              value: Buffer.from("x"),
              timestamp: 5,
              headers: { position: "0" },
            },
          ],
        },
      ]);
      const restoring = (from: Logs) =>
        new Promise((resolve, reject) => {
          void from.claim(async (owned) => {
            if (owned.partition === 0) await owned.restore().then(resolve, reject);
            await owned.lost;
          });
        });
      await expect(restoring(logs)).rejects.toThrow("Record memory/0/0 is corrupt");
      await expect(logs.baseBefore({ tenant: TENANT, camera: A }, 9)).rejects.toThrow("Record bases/0/1 is corrupt");
      await logs.close();
      const told = await open({ skipCorrupt: ["memory/0/0", "bases/0/1"] });
      expect(await restoring(told)).toEqual({ memory: [], at: 0, next: 0 });
      expect(await told.baseBefore({ tenant: TENANT, camera: A }, 9)).toBeUndefined();
      await told.putBase(base);
      expect(await told.baseBefore({ tenant: TENANT, camera: A }, 9)).toEqual(base);
    });
  });

  test("a frame greater than a record may be is refused for itself, and what was appended beside it goes in", async () => {
    const { facts } = await open();
    // Of its own for each object, and of no use to a compressor.
    const noise = (): string => randomBytes(2_900).toString("base64");
    const great = frame(A, 1, {
      objects: numbers(9_000).map((n) => ({
        id: String(n),
        type: "Person",
        bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1 },
        confidence: 1,
        info: [["noise", noise()]],
      })),
    });
    const appended = [facts.append([frame(A, 0)]), facts.append([great]), facts.append([frame(A, 2)])];
    const [before, refused, after] = await Promise.allSettled(appended);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "too-large", retryable: false } });
    expect([before?.status, after?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(await eventsOf(facts.read(0, "start"))).toEqual([frame(A, 0), frame(A, 2)]);
  });
});

describe("a value in chunks", () => {
  const value = Buffer.alloc(2_000_000, "abc");
  const other = Buffer.alloc(2_000_000, "xyz");
  const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  const records = (key: string, of: Buffer | undefined, before: number, from: number): readonly KafkaRecord[] =>
    inChunks(key, of, before, { partition: 0, timestamp: 1 }).map(({ key: name, value: part, headers }, i) => ({
      offset: from + i,
      key: name,
      value: part,
      timestamp: 1,
      headers: Object.fromEntries(Object.entries(headers ?? {}).map(([header, text]) => [header, Buffer.from(text as string)])),
    }));
  /** Megabytes are told apart by their digests. */
  const last = (read: readonly KafkaRecord[]) => {
    const chunks = new Chunks();
    const found = read.map((record) => chunks.add(record)).findLast((joined) => joined !== undefined)?.value;
    return found instanceof Buffer ? digest(found) : found;
  };

  test("is put together again, also after a greater, a smaller and none", () => {
    const three = records("a", value, 0, 0);
    expect(three.length).toBe(3);
    const one = records("a", Buffer.from("x"), 3, 3);
    const none = records("a", undefined, 1, 6);
    expect(last(three)).toBe(digest(value));
    expect(last([...three, ...one])).toBe(digest(Buffer.from("x")));
    expect(last([...three, ...one, ...none])).toBeUndefined();
    expect(last([...three, ...one, ...none, ...records("a", value, 0, 9)])).toBe(digest(value));
  });

  test("is put together whatever compaction has taken of older ones, and never out of two writings", () => {
    const older = records("a", value, 0, 0);
    const newer = records("a", other, 3, 3);
    for (const kept of numbers(2 ** older.length)) {
      const left = older.filter((_, i) => (kept & (1 << i)) !== 0);
      expect(last([...left, ...newer])).toBe(digest(other));
    }
    for (const lost of [0, 1]) {
      const found = last([...older, ...newer.filter((_, i) => i !== lost)]);
      expect(found).toBeInstanceOf(Damaged);
    }
  });
});
