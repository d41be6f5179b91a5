/** The log in Kafka through a broker's death. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import type { Driven } from "../../analytics/drive.ts";
import type { Config } from "../../config.ts";
import type { Fact } from "../../domain/event.ts";
import { AdapterError, type Base, EVENTS_PER_RECORD, type Owned } from "../../domain/ports.ts";
import { owner as engineOwner } from "../../roles/engine.ts";
import { cameraIn, coverage, eventsOf, frame } from "../conformance/events.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { startKafka } from "../servers/kafka.ts";
import { changeFile } from "../support/kafka.ts";
import { owning } from "../support/owning.ts";
import { noted } from "../support/warehouse.ts";

const PARTITIONS = 3;
const A = cameraIn(0, PARTITIONS);
const numbers = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);
const ids = (events: readonly Fact[]): number[] => events.map((event) => Number((event as { readonly id: string }).id));

const canStart = await canStartKafka("the log in Kafka through a broker's death");

describe.skipIf(!canStart)("a broker that is killed and started again", () => {
  test("under load takes nothing that was acknowledged, and who reads and who owns go on", async () => {
    const broker = await startKafka({ heapMb: 384 });
    const logs = await connectKafkaLogs({ url: `${broker.url}/x`, journal: noted().journal, partitions: PARTITIONS });
    try {
      const owner = await owning(logs);
      let owned = await owner.of(0);
      const acknowledged: number[] = [];
      const seen: number[] = [];
      const cut = new AbortController();
      const following = (async () => {
        for await (const { events } of logs.facts.read(0, "start", { follow: true, signal: cut.signal })) seen.push(...ids(events));
      })();
      let committed = 0;
      let n = 0;
      const until = async (done: () => boolean): Promise<void> => {
        while (!done()) {
          const mine = numbers(5, n);
          n += 5;
          await logs.facts.append(mine.map((id) => frame(A, id))).then(
            () => acknowledged.push(...mine),
            (error: unknown) => expect(error).toMatchObject({ retryable: true }),
          );
          const next = committed + 1;
          await owned.commit({ out: [coverage(A, next)], next }).then(
            () => {
              committed = next;
            },
            async (error: unknown) => {
              // Away for longer than the group waits, it has lost the partition, and gets it again.
              if ((error as AdapterError).code === "fenced") {
                await expect.poll(() => owner.held.get(0) ?? owned, { timeout: 20_000 }).not.toBe(owned);
                owned = await owner.of(0);
              } else expect(error).toMatchObject({ retryable: true });
              committed = (await owned.restore()).next;
            },
          );
        }
      };
      await until(() => acknowledged.length >= 200);
      const killed = broker.kill().then(() => broker.restart());
      let up = false;
      void killed.then(() => {
        up = true;
      });
      await until(() => up);
      const before = acknowledged.length;
      await until(() => acknowledged.length >= before + 200);
      await expect.poll(() => seen.includes(acknowledged.at(-1) as number), { timeout: 20_000 }).toBe(true);
      cut.abort();
      await following;
      // In order; a repeat may stand where an append was refused that had been written.
      expect([...new Set(seen)].filter((id) => acknowledged.includes(id))).toEqual(acknowledged);
      const derived = await eventsOf(logs.derived.read(0, "start"));
      expect(derived.map((event) => (event as { readonly start: number }).start / 100)).toEqual(numbers(committed, 1));
    } finally {
      await logs.close();
      await broker.stop();
    }
  }, 120_000);

  test("holds up nobody who stops, whatever is under way then; the next owner goes on exactly", { timeout: 180_000 }, async () => {
    const broker = await startKafka({ heapMb: 384 });
    const { journal } = noted();
    const open = (prefix: string) => connectKafkaLogs({ url: `${broker.url}/${prefix}`, journal, partitions: PARTITIONS });
    const [committing, restoring, stepping, heirs] = await Promise.all([open("x"), open("y"), open("z"), open("x")]);
    const again = async (owned: Owned, work: () => Promise<void>): Promise<void> => {
      let isLost = owned.partition !== 0;
      void owned.lost.then(() => {
        isLost = true;
      });
      while (!isLost) await work().catch((error: unknown) => expect(error).toBeInstanceOf(AdapterError));
      await owned.lost;
    };
    try {
      let [committed, tried, restored] = [0, 0, 0];
      const one = await owning(committing, (owned) =>
        again(owned, async () => {
          for (committed = (await owned.restore()).next; ; committed = tried) {
            tried = committed + 1;
            await owned.commit({ out: [coverage(A, tried)], next: tried });
          }
        }),
      );
      const two = await owning(restoring, (owned) =>
        again(owned, async () => {
          await owned.restore();
          restored++;
        }),
      );
      const meter = { count: () => {}, set: () => {}, observe: () => {} };
      const watch = { late: () => {}, clockReset: () => {} };
      const config = { CHECKPOINT_SECONDS: 5, CHECKPOINT_FRAMES: 1000 } as Config;
      const drive = engineOwner({ logs: stepping, clock: systemClock, meter, journal, watch }, config);
      const driven: Driven = { position: 0, caughtUp: false, stopped: [] };
      const three = await stepping.claim((owned) => (owned.partition === 0 ? drive(owned, driven) : owned.lost));
      await stepping.facts.append(numbers(20).map((id) => frame(A, id)));
      await expect.poll(() => committed > 20 && restored > 1 && driven.position > 0, { timeout: 20_000 }).toBe(true);

      await broker.kill();
      // Everybody is in the middle of trying.
      await sleep(1500);
      const began = performance.now();
      const released = [one.release, two.release, three].map((release) => release().then(() => performance.now() - began));
      for (const ms of await Promise.all(released)) expect(ms).toBeLessThan(12_000);

      await broker.restart();
      const owned = await (await owning(heirs)).of(0);
      const { next } = await owned.restore();
      // The commit that had no answer was made, or was not.
      expect([committed, tried]).toContain(next);
      await owned.commit({ out: [coverage(A, next + 1)], next: next + 1 });
      const derived = await eventsOf(heirs.derived.read(0, "start"));
      expect(derived.map((event) => (event as { readonly start: number }).start / 100)).toEqual(numbers(next + 1, 1));
    } finally {
      await Promise.all([committing, restoring, stepping, heirs].map((logs) => logs.close()));
      await broker.stop();
    }
  });

  test("or whose files were changed says which batch is damaged; named, it is passed over as a whole, in whatever topic", async () => {
    const broker = await startKafka({ heapMb: 384 });
    const note = noted();
    const open = (skipCorrupt: readonly string[] = []) =>
      connectKafkaLogs({ url: `${broker.url}/x`, journal: note.journal, partitions: PARTITIONS, skipCorrupt });
    const first = await open();
    const camera = { tenant: "default", camera: A };
    const base: Base = { ...camera, at: 5, partition: 0, position: 0, memory: "to be changed" };
    await first.derived.append([coverage(A, 1)]);
    await first.derived.append([coverage(A, 2222), coverage(A, 3)]);
    await first.derived.append([coverage(A, 4)]);
    await first.putBase(base);
    await first.close();
    await changeFile(join(broker.dataDir, "x.derived-0"), '222200,"end"', '222300,"end"');
    await changeFile(join(broker.dataDir, "x.bases-0"), "to be changed", "has been");
    const named = ["derived/0/1", "bases/0/1"];
    const logs = await open();
    const told = await open(named);
    try {
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const { events } of logs.derived.read(0, "start")) seen.push(...events);
      })();
      await expect(reading).rejects.toMatchObject({ code: "corrupt", retryable: false });
      await expect(reading).rejects.toThrow(
        /^Record derived\/0\/1 is corrupt, with all of its batch, up to offset 2: the checksum .* naming "derived\/0\/1"/,
      );
      expect(seen).toEqual([coverage(A, 1)]);
      await expect(logs.baseBefore(camera, 9)).rejects.toThrow("Record bases/0/1 is corrupt, with all of its batch, up to offset 1:");
      expect(await eventsOf(told.derived.read(0, "start"))).toEqual([coverage(A, 1), coverage(A, 4)]);
      expect(await eventsOf(told.derived.read(0, 2 * EVENTS_PER_RECORD))).toEqual([coverage(A, 4)]);
      expect(await told.baseBefore(camera, 9)).toBeUndefined();
      for (const name of named) expect(note.lines.filter((line) => line.includes("passed over") && line.includes(name)).length).toBe(1);
      await told.putBase(base);
      expect(await told.baseBefore(camera, 9)).toEqual(base);
    } finally {
      await Promise.all([logs.close(), told.close()]);
      await broker.stop();
    }
  });
});
