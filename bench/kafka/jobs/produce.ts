/** A bare producer of the very records the log has stored, in the very requests it made. */
import type { Rec } from "../clients/client.ts";
import { type ClientName, clients } from "../clients/index.ts";
import { type Job, secondsOf } from "./job.ts";

/** How many records of each partition, in the order of the partitions. */
export type Request = readonly number[];

export type Producing = {
  readonly client: ClientName;
  readonly brokers: readonly string[];
  /** Where the log's records are, and where each partition ends. */
  readonly from: { readonly topic: string; readonly ends: readonly number[] };
  readonly to: string;
  /** Of one pass of the log, in their order: the next goes out when the one before is acknowledged, as the log does it. */
  readonly requests: readonly Request[];
};

export const produce = async ({ client, brokers, from, to, requests }: Producing): Promise<Job> => {
  const opened = await clients[client](brokers);
  const stored: Buffer[][] = from.ends.map(() => []);
  const reading = await clients.kafkajs(brokers);
  await reading.consume(from.topic, from.ends, (value, partition) => stored[partition]?.push(Buffer.from(value)));
  const producer = await opened.producer();
  // A pass of ours is as many records as its requests had; whichever of the stored ones they are.
  const taken = from.ends.map(() => 0);
  const next = (partition: number): Buffer => {
    const all = stored[partition] as Buffer[];
    const n = taken[partition] as number;
    taken[partition] = (n + 1) % all.length;
    return all[n] as Buffer;
  };
  return {
    pass: async () => {
      taken.fill(0);
      const sending = requests.map((request) =>
        request.flatMap((count, partition) =>
          Array.from(
            { length: count },
            (): Rec => ({ topic: to, partition, key: undefined, value: next(partition), timestamp: Date.now() }),
          ),
        ),
      );
      const bytes = sending.flat().reduce((sum, { value }) => sum + value.length, 0);
      const seconds = await secondsOf(async () => {
        for (const records of sending) await producer.send(records);
      });
      return { seconds, bytes, requests: sending.length };
    },
    end: async () => {
      await producer.close();
      await opened.close();
    },
  };
};
