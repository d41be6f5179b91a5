/** The same input as JSON, a record a frame: what a bare consumer makes of it, and Kafka Streams with exactly_once_v2 doing the peers' smaller job. */
import { load } from "../support/report.ts";
import { beside, costOf, type Given, type Row, rateOf, shown } from "./part.ts";
import { inTurns, type Passes, startJob } from "./processes.ts";

/** As the peers call it. */
const TOPIC = "frames";
const KINDS = [
  { store: "mem", threads: 1 },
  { store: "mem", threads: 2 },
  { store: "rocksdb", threads: 2 },
] as const;

export type Beside = { readonly name: string; readonly rate: number; readonly asked?: number };

export const streams = async (
  { bench, peers, size }: Given,
  objects: number,
): Promise<{ rows: readonly Row[]; measured: readonly Beside[] }> => {
  if (peers.streams === undefined) return { rows: [], measured: [] };
  const rows: Row[] = [];
  const measured: Beside[] = [];
  const broker = bench.brokers[0] as string;
  await peers.streams.load(broker);
  const ends = await bench.ends(TOPIC);
  const consuming = (decode: "nothing" | "json") =>
    startJob("consume", { client: "kafkajs", brokers: bench.brokers, topic: TOPIC, ends, decode });
  const [bytes, parsed] = (await inTurns([await consuming("nothing"), await consuming("json")], size.passes)) as [Passes, Passes];
  for (const [name, one] of [
    ["bare kafkajs consumer, a record of JSON a frame, bytes only", bytes],
    ["bare kafkajs consumer, a record of JSON a frame, parsed", parsed],
  ] as const) {
    const rate = rateOf(one, objects);
    rows.push({ "": name, "M objects/s": shown(rate, 1e6, 2), ...costOf(one, objects), ...beside(one.rssMb) });
    measured.push({ name, rate: rate.median });
  }
  let best: Beside | undefined;
  for (const kind of KINDS) {
    const { peer, objectsPerSec, min, max, rssMb } = await peers.streams.run(broker, bench.pid(), kind);
    rows.push({ "": peer, "M objects/s": shown({ median: objectsPerSec, least: min, most: max }, 1e6, 2), "peak MB": rssMb, load: load() });
    if (best === undefined || objectsPerSec > best.rate)
      best = { name: `the best of Kafka Streams (${peer})`, rate: objectsPerSec, asked: 1 };
  }
  await bench.drop([TOPIC]);
  return { rows, measured: best === undefined ? measured : [...measured, best] };
};
