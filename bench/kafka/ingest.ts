/** Frames becoming durable: the log's append beside bare producers of the very same records in the very same requests. */
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientName } from "./clients/index.ts";
import type { Recorded } from "./jobs/append.ts";
import { beside, costOf, type Given, middle, OBJECTS_A_FRAME, type Ratio, type Row, rateOf, ratio, shown, type Told } from "./part.ts";
import { doOnce, inTurns, type Passes, startJob, type Worker } from "./processes.ts";

/** Frames that go into one append, as many bodies of a request do. */
const PER_APPEND = [100, 1000] as const;
const AT_ONCE = 4;
/** Held decoded by whoever appends. */
const HELD = 20_000;
const ROUNDS = 3;

const APPEND = "append";
const CLIENT = "the log's client alone, same records and requests";
const BARE = "bare kafkajs producer, same records and requests";
const OTHER = "bare @platformatic/kafka producer, same records and requests";

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
    const producing = async (client: ClientName): Promise<Worker> => {
      const to = `${name}.${client}`;
      await bench.topic(to, partitions);
      return startJob("produce", { client, brokers: bench.brokers, from, to, requests: recorded.requests }, profile);
    };
    const workers = new Map([
      [APPEND, await startJob("append", { ...appending, recordTo: undefined }, profile)],
      [CLIENT, await producing("ours")],
      [BARE, await producing("kafkajs")],
      [OTHER, await producing("platformatic")],
    ]);
    const measured = await inTurns([...workers.values()], passes);
    const medians = new Map<string, number>();
    for (const [i, who] of [...workers.keys()].entries()) {
      const one = measured[i] as Passes;
      const rate = rateOf(one, frames);
      medians.set(who, rate.median);
      rows.push({
        "": who,
        "frames an append": perAppend,
        requests: middle(one, "requests"),
        "k frames/s": shown(rate, 1000, 1),
        "MB/s": Math.round(middle(one, "bytes") / 1e6 / middle(one, "seconds")),
        "M objects/s": Number(((rate.median * OBJECTS_A_FRAME) / 1e6).toFixed(2)),
        ...costOf(one, frames * OBJECTS_A_FRAME),
        ...beside(one.rssMb),
      });
    }
    const of = (who: string): number => medians.get(who) as number;
    const what = `${APPEND}, ${perAppend} frames each`;
    ratios.push(ratio(what, BARE, of(APPEND), of(BARE), 0.7), ratio(what, OTHER, of(APPEND), of(OTHER)));
    ratios.push(ratio(`${OTHER}, ${perAppend}`, BARE, of(OTHER), of(BARE)));
    await bench.drop(await bench.topicsOf(name));
  }
  return {
    title: `Frames becoming durable (${OBJECTS_A_FRAME} objects a frame, ${partitions} partitions, acknowledged by all replicas)`,
    rows,
    ratios,
  };
};
