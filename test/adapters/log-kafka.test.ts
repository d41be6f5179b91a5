/** What only the log in Kafka promises: owners in several processes (here several Logs), fenced by Kafka, who find what the one before left. */
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { KafkaClient } from "../../adapters/kafka/client.ts";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { openKafkaLogs } from "../../adapters/log-kafka.ts";
import { AdapterError, EVENTS_PER_RECORD, type Logs, type Owned, type Position, type Saved } from "../../domain/ports.ts";
import { batchesOf, cameraIn, coverage, eventsOf, TENANT } from "../conformance/events.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { readAll } from "../support/kafka.ts";
import { owning } from "../support/owning.ts";
import { noted } from "../support/warehouse.ts";

const PARTITIONS = 6;
const A = cameraIn(0, PARTITIONS);
const numbers = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

type Owning = Awaited<ReturnType<typeof owning>>;

/** Every partition has exactly one of them. */
const divided = async (...owners: readonly Owning[]): Promise<void> => {
  const all = (): number[] => owners.flatMap(({ partitions }) => partitions()).sort((a, b) => a - b);
  const spread = (): number => {
    const counts = owners.map(({ partitions }) => partitions().length);
    return Math.max(...counts) - Math.min(...counts);
  };
  await expect.poll(() => ({ all: all(), fair: spread() <= 1 }), { timeout: 20_000 }).toEqual({ all: numbers(PARTITIONS), fair: true });
};

const kafka = await kafkaForTests("what only the log in Kafka promises");
describe.skipIf(kafka === undefined)("the log in Kafka", () => {
  let prefix = "";
  let opened: Logs[] = [];
  const open = async (around: (client: KafkaClient) => KafkaClient = (client) => client): Promise<Logs> => {
    prefix ||= `log-${randomUUID()}`;
    const { journal } = noted();
    const client = around(await connectKafka({ url: `${kafka}/${prefix}`, journal }));
    const logs = await openKafkaLogs({ client, prefix, journal, partitions: PARTITIONS });
    opened.push(logs);
    return logs;
  };
  afterEach(async () => {
    await Promise.all(opened.map((logs) => logs.close()));
    opened = [];
    prefix = "";
  });

  describe("partitions", () => {
    test("are divided among two and three processes, and come back when one leaves", async () => {
      const logs = [await open(), await open(), await open()] as const;
      const first = await owning(logs[0]);
      await divided(first);
      const second = await owning(logs[1]);
      await divided(first, second);
      const third = await owning(logs[2]);
      await divided(first, second, third);
      await second.release();
      await divided(first, third);
      await third.release();
      await divided(first);
      await first.release();
    });

    test("that stay with a process are not disturbed when another joins", async () => {
      const [one, other] = [await open(), await open()];
      const first = await owning(one);
      await divided(first);
      const before = new Map(first.held);
      const second = await owning(other);
      await divided(first, second);
      const kept = first.partitions();
      for (const partition of kept) expect(first.held.get(partition)).toBe(before.get(partition));
      expect(first.given.length).toBe(PARTITIONS);
      for (const partition of kept) await first.held.get(partition)?.commit({ out: [], next: EVENTS_PER_RECORD });
    });

    test("are shared out likewise among those who commit nothing", async () => {
      const [one, other] = [await open(), await open()];
      const held = [new Set<number>(), new Set<number>()] as const;
      const sharing = (logs: Logs, mine: Set<number>) =>
        logs.share("projector", async ({ partition, lost }) => {
          mine.add(partition);
          await lost;
          mine.delete(partition);
        });
      await sharing(one, held[0]);
      await sharing(other, held[1]);
      await expect.poll(() => held.map(({ size }) => size), { timeout: 20_000 }).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
      expect([...held[0], ...held[1]].sort()).toEqual(numbers(PARTITIONS));
      await expect(one.share("engine", async () => {})).rejects.toMatchObject({ code: "bad-query" });
    });
  });

  describe("an owner", () => {
    test("that does not hear of its loss is fenced by Kafka, and what it tried to commit is seen by nobody", async () => {
      const [one, other] = [await open(), await open()];
      let stop: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => {
        stop = resolve;
      });
      const zombie = await owning(one, () => stopped);
      await expect.poll(zombie.partitions, { timeout: 20_000 }).toEqual(numbers(PARTITIONS));
      await (await zombie.of(0)).commit({ out: [coverage(A, 1)], next: 1 });
      const heir = await owning(other);
      await expect.poll(() => heir.partitions().length, { timeout: 20_000 }).toBe(PARTITIONS / 2);
      const [taken] = heir.partitions() as [number];
      const camera = cameraIn(taken, PARTITIONS);
      const late = (zombie.held.get(taken) as Owned).commit({ out: [coverage(camera, 1)], next: 99, checkpoint: [] });
      await expect(late).rejects.toMatchObject({ code: "fenced", retryable: false });
      await (heir.held.get(taken) as Owned).commit({ out: [coverage(camera, 2)], next: 3 });
      expect(await eventsOf(other.derived.read(taken, "start"))).toEqual([coverage(camera, 2)]);
      expect((await one.progress(taken)).facts).toBe(3);
      expect(await (heir.held.get(taken) as Owned).restore()).toEqual({ memory: [], at: 0, next: 3 });
      stop();
      await zombie.release();
    });

    test("that was fenced though its process is still a member gets the partition again", async () => {
      const logs = await open();
      const owner = await owning(logs, async (owned) => {
        const outcome = owned.lost.then(() => "lost");
        await outcome;
      });
      const before = await owner.of(0);
      // Somebody who is no member of the group takes the id.
      const client = await connectKafka({ url: `${kafka}/${prefix}`, journal: noted().journal });
      const thief = await client.transactional(`${prefix}-0`);
      await expect(before.commit({ out: [], next: 5 })).rejects.toMatchObject({ code: "fenced" });
      await expect.poll(() => owner.held.get(0) !== undefined && owner.held.get(0) !== before, { timeout: 20_000 }).toBe(true);
      await (await owner.of(0)).commit({ out: [], next: 6 });
      await expect(
        thief.begin().then((t) => t.send([{ topic: `${prefix}.derived`, records: [] }]).then(() => t.commit())),
      ).resolves.toBeUndefined();
      expect((await logs.progress(0)).facts).toBe(6);
      await thief.close();
      await client.close();
    });

    test("finds what the one before left: with a last checkpoint, and without one", async () => {
      for (const last of [true, false]) {
        const [one, other] = [await open(), await open()];
        const first = await owning(one, async (owned) => {
          await owned.lost;
          if (owned.partition === 0 && last)
            await owned.commit({ out: [], next: 30, checkpoint: [{ tenant: TENANT, camera: A, memory: "last" }] });
        });
        const owned = await first.of(0);
        await owned.commit({ out: [coverage(A, 1)], next: 10, checkpoint: [{ tenant: TENANT, camera: A, memory: "first" }] });
        await owned.commit({ out: [coverage(A, 2)], next: 30 });
        await first.release();
        const heir = await owning(other);
        const found = await (await heir.of(0)).restore();
        expect(found).toEqual({ memory: [{ tenant: TENANT, camera: A, memory: last ? "last" : "first" }], at: last ? 30 : 10, next: 30 });
        await heir.release();
        prefix = "";
      }
    });

    test("finds also what the one before flushes while it reads, before it fences", async () => {
      let stop: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => {
        stop = resolve;
      });
      const before = await owning(await open(), () => stopped);
      await expect.poll(before.partitions, { timeout: 20_000 }).toEqual(numbers(PARTITIONS));
      const saved = (partition: number) => [{ tenant: TENANT, camera: cameraIn(partition, PARTITIONS), memory: "flushed" }];
      const other = await open((client) => ({
        ...client,
        transactional: async (id) => {
          const partition = Number(id.slice(prefix.length + 1));
          await before.held.get(partition)?.commit({ out: [], next: 40 + partition, checkpoint: saved(partition) });
          return client.transactional(id);
        },
      }));
      const heir = await owning(other);
      await expect.poll(() => heir.partitions().length, { timeout: 20_000 }).toBe(PARTITIONS / 2);
      for (const [partition, owned] of heir.held)
        expect(await owned.restore()).toEqual({ memory: saved(partition), at: 40 + partition, next: 40 + partition });
      stop();
      await before.release();
    });

    test("restores just what was committed, whoever committed it, over many hand-overs", async () => {
      const cameras = numbers(5).map((n) => cameraIn(0, PARTITIONS, n));
      const held = [await open(), await open()];
      const kept = new Map<string, Saved>();
      let at = 0;
      let next = 0;
      let seed = 7;
      const random = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      for (const turn of numbers(6)) {
        const owner = await owning(held[turn % 2] as Logs);
        const owned = await owner.of(0);
        const found = await owned.restore();
        const order = (a: Saved, b: Saved): number => (a.camera < b.camera ? -1 : 1);
        expect({ ...found, memory: [...found.memory].sort(order) }).toEqual({ memory: [...kept.values()].sort(order), at, next });
        for (const _ of numbers(8)) {
          next += 1 + random(100_000);
          const touched = cameras.filter(() => random(3) === 0);
          const checkpoint = touched.map(
            (camera): Saved => ({
              tenant: TENANT,
              camera,
              memory: random(4) === 0 ? undefined : "x".repeat(random(3) * 900_000) + random(1000),
            }),
          );
          if (random(2) === 0) {
            await owned.commit({ out: [coverage(A, next)], next });
            continue;
          }
          await owned.commit({ out: [], next, checkpoint });
          at = next;
          for (const saved of checkpoint) {
            if (saved.memory === undefined) kept.delete(saved.camera);
            else kept.set(saved.camera, saved);
          }
        }
        await owner.release();
      }
      expect(kept.size).toBeGreaterThan(0);
    });

    test("keeps a memory of many megabytes, and forgets all of it", async () => {
      const logs = await open();
      const owner = await owning(logs);
      const owned = await owner.of(0);
      const great = { tenant: TENANT, camera: A, memory: "0123456789".repeat(800_000) };
      await owned.commit({ out: [], next: 1, checkpoint: [great] });
      expect((await owned.restore()).memory).toEqual([great]);
      const small = { ...great, memory: 1 };
      await owned.commit({ out: [], next: 2, checkpoint: [small] });
      expect((await owned.restore()).memory).toEqual([small]);
      await owned.commit({ out: [], next: 3, checkpoint: [{ ...great, memory: undefined }] });
      expect(await owned.restore()).toEqual({ memory: [], at: 3, next: 3 });
      const client = await connectKafka({ url: `${kafka}/${prefix}`, journal: noted().journal });
      const last = new Map((await readAll(client, `${prefix}.memory`)).map(({ key, value }) => [key?.toString(), value]));
      last.delete("sentinel");
      expect(last.size).toBeGreaterThan(8);
      expect([...last.values()].filter((value) => value !== undefined)).toEqual([]);
      await client.close();
    });

    test("whose commit has no answer learns from the log what became of it, before it commits again", async () => {
      for (const really of [true, false]) {
        let failing = false;
        const logs = await open((client) => ({
          ...client,
          transactional: async (id) => {
            const { begin, close } = await client.transactional(id);
            const forgetful = async () => {
              const transaction = await begin();
              const commit = async (): Promise<void> => {
                if (!failing || really) await transaction.commit();
                if (failing) throw new AdapterError("timeout", "no answer", { retryable: true });
              };
              return { ...transaction, commit };
            };
            return { begin: forgetful, close };
          },
        }));
        const owner = await owning(logs);
        const owned = await owner.of(0);
        await owned.commit({ out: [coverage(A, 1)], next: 1 });
        failing = true;
        await expect(owned.commit({ out: [coverage(A, 2)], next: 2 })).rejects.toMatchObject({ code: "timeout", retryable: true });
        failing = false;
        await expect(owned.commit({ out: [coverage(A, 3)], next: 3 })).rejects.toMatchObject({ code: "unavailable", retryable: true });
        expect((await owned.restore()).next).toBe(really ? 2 : 1);
        await owned.commit({ out: [coverage(A, 4)], next: 4 });
        const kept = really ? [1, 2, 4] : [1, 4];
        expect(await eventsOf(logs.derived.read(0, "start"))).toEqual(kept.map((n) => coverage(A, n)));
        await owner.release();
        prefix = "";
      }
    });
  });

  describe("reading", () => {
    test("waits for a transaction that is under way, and gives what was acknowledged behind it", async () => {
      const logs = await open();
      const client = await connectKafka({ url: `${kafka}/${prefix}`, journal: noted().journal });
      const other = await client.transactional(`${prefix}-other`);
      const transaction = await other.begin();
      const event = coverage(A, 1);
      const record = { partition: 0, value: Buffer.from(JSON.stringify(event)), timestamp: 1, headers: { schema: "1", kind: "coverage" } };
      await transaction.send([{ topic: `${prefix}.derived`, records: [record] }]);
      await logs.derived.append([coverage(A, 2)]);
      expect((await logs.derived.bounds(0)).end).toBe(0);
      const reading = eventsOf(logs.derived.read(0, "start"));
      expect(await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 300, "waiting"))])).toBe("waiting");
      await (await client.transactional(`${prefix}-other`)).close();
      expect(await reading).toEqual([coverage(A, 2)]);
      await other.close();
      await client.close();
    });

    test("a batch of nothing says where a follower stands behind a transaction's end", async () => {
      const logs = await open();
      const owner = await owning(logs);
      await (await owner.of(0)).commit({ out: [coverage(A, 1)], next: 1 });
      let at: Position = 0;
      // The end of the transaction is written behind its acknowledgement.
      for await (const { next } of logs.derived.read(0, "start", { follow: true })) {
        at = next;
        if (at > EVENTS_PER_RECORD) break;
      }
      expect(at).toBeGreaterThanOrEqual((await logs.progress(0)).derived);
      expect(await batchesOf(logs.derived.read(0, at))).toEqual([]);
    });

    test("progress is told to processes that own nothing", async () => {
      const [one, other] = [await open(), await open()];
      const owned = await (await owning(one)).of(0);
      for (const n of numbers(20, 1)) {
        await owned.commit({ out: [coverage(A, n)], next: n });
        await expect.poll(async () => (await other.progress(0)).facts, { interval: 2, timeout: 20_000 }).toBe(n);
        const { derived } = await other.progress(0);
        expect((await eventsOf(other.derived.read(0, "start", { to: derived }))).length).toBe(n);
      }
    });
  });
});
