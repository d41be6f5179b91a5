/** Back-to-back transactions of what a small commit holds: one derived event and the position. One producer a partition, side by side. */
import { randomUUID } from "node:crypto";
import { quantile } from "../../../test/support/figures.ts";
import { type ClientName, clients } from "../clients/index.ts";
import { type Job, secondsOf } from "./job.ts";

export type Transacting = {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  readonly topics: { readonly derived: string; readonly progress: string };
  readonly partitions: number;
  /** A pass is so many in each partition. */
  readonly perPass: number;
};

const EVENT_BYTES = 500;
const POSITION_BYTES = 40;

export const transactions = async ({ client, brokers, topics, partitions, perPass }: Transacting): Promise<Job> => {
  const opened = await clients[client](brokers);
  const producers = await Promise.all(
    Array.from({ length: partitions }, (_, p) =>
      opened.transactions(`bench-${randomUUID()}-${p}`, [topics.derived, topics.progress], partitions),
    ),
  );
  const key = Buffer.from("position");
  return {
    pass: async () => {
      const took: number[] = [];
      const one = async (producer: (typeof producers)[number], partition: number): Promise<void> => {
        for (let n = 0; n < perPass; n++) {
          const timestamp = Date.now();
          const start = performance.now();
          await producer.run([
            { topic: topics.derived, partition, key, value: Buffer.alloc(EVENT_BYTES, "e"), timestamp },
            { topic: topics.progress, partition, key, value: Buffer.alloc(POSITION_BYTES, "p"), timestamp },
          ]);
          took.push(performance.now() - start);
        }
      };
      const seconds = await secondsOf(async () => void (await Promise.all(producers.map(one))));
      return { perSecond: (partitions * perPass) / seconds, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
    },
    end: async () => {
      await Promise.all(producers.map((producer) => producer.close()));
      await opened.close();
    },
  };
};
