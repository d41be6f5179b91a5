/** Frames becoming durable: the log's append beside bare producers of the very same records in the very same requests. */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Recorded } from "./jobs/append.ts";
import { beside, type Given, OBJECTS_A_FRAME, type Ratio, type Row, ratio, shown, spread, type Told } from "./part.ts";
import { doOnce, inTurns, startJob } from "./processes.ts";

/** Frames that go into one append, as many bodies of a request do. */
const PER_APPEND = [100, 1000] as const;
const AT_ONCE = 4;
/** Held decoded by whoever appends. */
const HELD = 20_000;
const ROUNDS = 3;

export const ingest = async ({ bench, peers, size, profile }: Given): Promise<Told> => {
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  const { partitions, passes } = size;
  const held = Math.min(HELD, size.frames);
  const frames = held * ROUNDS;
  for (const perAppend of size.quick ? [1000] : PER_APPEND) {
    const name = `ingest-${randomUUID().slice(0, 8)}`;
    const appending = {
      url: `${bench.url}/${name}`,
      partitions,
      file: peers.input,
      frames: held,
      rounds: ROUNDS,
      perAppend,
      atOnce: AT_ONCE,
    };
    // Once, to know the requests: how they come about is up to the log, and it is not the same from run to run.
    const recordTo = join(tmpdir(), `${name}.json`);
    await doOnce("append", { ...appending, recordTo });
    const recorded = JSON.parse(readFileSync(recordTo, "utf8")) as Recorded;
    rmSync(recordTo);
    const from = { topic: `${name}.facts`, ends: await bench.ends(`${name}.facts`) };
    const producing = async (client: "kafkajs" | "platformatic") => {
      const to = `${name}.${client}`;
      await bench.topic(to, partitions);
      return startJob("produce", { client, brokers: bench.brokers, from, to, requests: recorded.requests }, profile);
    };
    const ours = await startJob("append", { ...appending, recordTo: undefined }, profile);
    const [append, kafkajs, platformatic] = await inTurns([ours, await producing("kafkajs"), await producing("platformatic")], passes);
    if (append === undefined || kafkajs === undefined || platformatic === undefined) throw new Error("three were measured");
    const bytesPerFrame = recorded.bytes / frames;
    const rates = [append, kafkajs, platformatic].map((measured) => spread(measured, ({ seconds }) => frames / (seconds as number)));
    for (const [i, [who, { rssMb }]] of (
      [
        ["append", append],
        ["bare kafkajs", kafkajs],
        ["bare @platformatic/kafka", platformatic],
      ] as const
    ).entries()) {
      const rate = rates[i] as ReturnType<typeof spread>;
      rows.push({
        "": who,
        "frames an append": perAppend,
        requests: recorded.requests.length,
        "k frames/s": shown(rate, 1000, 1),
        "MB/s": Math.round((rate.median * bytesPerFrame) / 1e6),
        "M objects/s": Number(((rate.median * OBJECTS_A_FRAME) / 1e6).toFixed(2)),
        ...beside(rssMb),
      });
    }
    const [mine, bare, other] = rates.map(({ median }) => median) as [number, number, number];
    ratios.push(ratio(`append, ${perAppend} frames each`, "bare kafkajs producer, same bytes and requests", mine, bare, 0.7));
    ratios.push(ratio(`append, ${perAppend} frames each`, "bare @platformatic/kafka producer", mine, other));
    ratios.push(ratio(`bare @platformatic/kafka producer, ${perAppend}`, "bare kafkajs producer", other, bare));
    await bench.drop(await bench.topicsOf(name));
  }
  return {
    title: `Frames becoming durable (${OBJECTS_A_FRAME} objects a frame, ${partitions} partitions, acknowledged by all replicas)`,
    rows,
    ratios,
  };
};
