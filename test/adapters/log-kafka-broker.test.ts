/** The log in Kafka through a broker's death. */
import { describe, expect, test } from "vitest";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import type { Fact } from "../../domain/event.ts";
import type { AdapterError } from "../../domain/ports.ts";
import { cameraIn, coverage, eventsOf, frame } from "../conformance/events.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { startKafka } from "../servers/kafka.ts";
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
});
