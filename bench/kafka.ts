/**
 * Speed over Kafka, in one run on one broker:
 *
 *   node bench/kafka.ts [--only ingest,engines,transactions,cadence,latency] [--quick]
 *                       [--frames 80000] [--partitions 6] [--passes 3] [--seconds 30] [--peers ../shared/bench] [--profile folder] [--markdown]
 *
 * Everything is measured beside the bare thing in the same run, in turns: read the ratios, the figures are the machine's. The broker is
 * ours (test/servers/kafka.ts), one replica, its data in a temporary folder; it takes its share of the same processors. With the peers' folder the input is
 * theirs and Kafka Streams runs on the same broker. `--quick` shows that it runs, not how fast anything is.
 */
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startBroker } from "./kafka/broker.ts";
import { cadence } from "./kafka/cadence.ts";
import { transactions } from "./kafka/commits.ts";
import { engines } from "./kafka/engines.ts";
import { ingest } from "./kafka/ingest.ts";
import { latency } from "./kafka/latency.ts";
import type { Given, Ratio, Told } from "./kafka/part.ts";
import { preparePeers } from "./kafka/peers.ts";
import { load, markdown, round, table } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    frames: { type: "string" },
    partitions: { type: "string", default: "6" },
    passes: { type: "string" },
    seconds: { type: "string" },
    peers: { type: "string", default: "../shared/bench" },
    work: { type: "string", default: join(tmpdir(), "tallywire-peers") },
    profile: { type: "string" },
    markdown: { type: "boolean", default: false },
  },
});

const parts: Readonly<Record<string, (given: Given) => Promise<Told>>> = { ingest, engines, transactions, cadence, latency };
const only = values.only?.split(",") ?? Object.keys(parts);
const unknown = only.filter((name) => parts[name] === undefined);
if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`);

const show = values.markdown ? markdown : table;
const size = {
  frames: Number(values.frames ?? (values.quick ? 4000 : 80_000)),
  partitions: Number(values.partitions),
  passes: Number(values.passes ?? (values.quick ? 1 : 3)),
  seconds: Number(values.seconds ?? (values.quick ? 5 : 30)),
  quick: values.quick,
};
const model = `${cpus().length} x ${cpus()[0]?.model}, ${round(totalmem() / 2 ** 30)} GB, node ${process.version}`;
console.log(`${model}, ${new Date().toISOString()}, load ${load()} before anything is measured`);
const peers = preparePeers(resolve(values.peers), values.work, size.frames);
if (peers.streams === undefined) console.log(`no peers at ${resolve(values.peers)}: nothing is measured beside Kafka Streams`);

const bench = await startBroker();
const ratios: Ratio[] = [];
try {
  for (const name of only) {
    const part = parts[name] as (typeof parts)[string];
    const began = performance.now();
    const told = await part({ bench, peers, size, profile: values.profile });
    show(told.title, told.rows);
    for (const row of told.rows) console.log(JSON.stringify({ bench: `kafka ${name}`, ...row }));
    for (const note of told.notes ?? []) console.log(note);
    ratios.push(...told.ratios);
    console.error(`${name}: ${round((performance.now() - began) / 1000)} s, broker ${bench.rssMb()} MB at most so far, load ${load()}`);
  }
  if (ratios.length > 0)
    show(
      "Ratios of medians",
      ratios.map(({ what, to, ratio, asked }) => ({
        what,
        to,
        ratio,
        asked: asked ?? "",
        "": asked === undefined ? "" : ratio >= asked ? "reached" : "missed",
      })),
    );
  for (const one of ratios) console.log(JSON.stringify({ bench: "kafka ratio", ...one }));
  console.log(`broker: ${bench.rssMb()} MB at most`);
} finally {
  await bench.stop();
}
