/** Read, derive, commit: one, two and three engine processes beside bare consumers of the same topic, and Kafka Streams on the same broker. */
import { randomUUID } from "node:crypto";
import { beside, costOf, type Given, middle, OBJECTS_A_FRAME, type Ratio, type Row, rateOf, ratio, shown, type Told } from "./part.ts";
import { doOnce, inTurns, type Passes, startJob, type Worker } from "./processes.ts";
import { asOne } from "./shares.ts";
import { streams } from "./streams.ts";

const PER_APPEND = 1000;
const AT_ONCE = 4;
/** Of a partition, between checkpoints: so often that each pass has some. */
const CHECKPOINT_FRAMES = 10_000;

const together = (workers: readonly Worker[]): Worker => {
  const all = async (order: (worker: Worker) => Promise<unknown>): Promise<void> => void (await Promise.all(workers.map(order)));
  return {
    pid: (workers[0] as Worker).pid,
    prepare: (n) => all((worker) => worker.prepare(n)),
    finish: (n) => all((worker) => worker.finish(n)),
    pass: async (n) => asOne(await Promise.all(workers.map((worker) => worker.pass(n)))),
    end: async () => (await Promise.all(workers.map((worker) => worker.end()))).reduce((a, b) => a + b, 0),
  };
};

/** Logs with the same facts, one for each pass: what is committed is committed. */
export const filled = async (
  { bench, peers, size }: Given,
  how: { readonly perAppend: number; readonly atOnce: number; readonly count: number },
) => {
  const names = Array.from({ length: how.count }, () => `engine-${randomUUID().slice(0, 8)}`);
  const urls = names.map((name) => `${bench.url}/${name}`);
  let objects = 0;
  for (const url of urls) {
    const loaded = await doOnce("load", {
      url,
      partitions: size.partitions,
      file: peers.input,
      frames: size.frames,
      perAppend: how.perAppend,
      atOnce: how.atOnce,
    });
    objects = loaded.objects as number;
  }
  const drop = async (): Promise<void> => {
    for (const name of names) await bench.drop(await bench.topicsOf(name));
  };
  return { urls, objects, first: `${names[0]}.facts`, drop };
};

export const engineRow = (measured: Passes, objects: number): Row => ({
  "M objects/s": shown(rateOf(measured, objects), 1e6, 2),
  ...costOf(measured, objects),
  alerts: middle(measured, "alerts"),
  derived: middle(measured, "derived"),
  commits: middle(measured, "commits"),
  "commit p50/p99 ms": `${middle(measured, "commitP50").toFixed(1)} / ${middle(measured, "commitP99").toFixed(1)}`,
  "batch to batch p50/p99 ms": `${middle(measured, "cycleP50").toFixed(1)} / ${middle(measured, "cycleP99").toFixed(1)}`,
  ...beside(measured.rssMb),
});

const PROCESSES = [1, 2, 3] as const;
const THREADS = [2, 3] as const;
const BARE = "bare kafkajs consumer of the same topic, bytes only";
const UNPACKING = "bare kafkajs consumer of the same topic that unpacks the blocks";
const OTHER = "bare @platformatic/kafka consumer of the same topic, bytes only";
const READER = "the log's own reader, unpacked, nothing derived";
const threadsName = (n: number): string => `${n} engine threads of one process`;
const engineName = (n: number): string => `${n} engine process${n > 1 ? "es" : ""}`;

export const engines = async (given: Given): Promise<Told> => {
  const { bench, size, profile } = given;
  const { partitions, passes } = size;
  const logs = await filled(given, { perAppend: PER_APPEND, atOnce: AT_ONCE, count: (PROCESSES.length + THREADS.length) * (passes + 1) });
  const { urls, objects, first } = logs;
  const ends = await bench.ends(first);
  const consuming = (client: "kafkajs" | "platformatic", decode: "nothing" | "blocks") =>
    startJob("consume", { client, brokers: bench.brokers, topic: first, ends, decode });
  let used = 0;
  const driving = (among: number) => {
    const own = urls.slice(used, used + passes + 1);
    used += own.length;
    return { urls: own, partitions, share: partitions / among, checkpointFrames: CHECKPOINT_FRAMES };
  };
  const processesOf = async (count: number): Promise<Worker> => {
    const how = driving(count);
    return together(await Promise.all(Array.from({ length: count }, () => startJob("engine", how, profile))));
  };
  const workers = new Map<string, Worker>([
    [BARE, await consuming("kafkajs", "nothing")],
    [UNPACKING, await consuming("kafkajs", "blocks")],
    [OTHER, await consuming("platformatic", "nothing")],
    [READER, await startJob("read", { url: urls[0] as string, partitions })],
  ]);
  for (const count of PROCESSES) workers.set(engineName(count), await processesOf(count));
  for (const count of THREADS) workers.set(threadsName(count), await startJob("threads", { threads: count, driving: driving(count) }));

  const measured = await inTurns([...workers.values()], passes);
  await logs.drop();
  const rows: Row[] = [];
  const medians = new Map<string, number>();
  const alerts = new Set<number>();
  for (const [i, who] of [...workers.keys()].entries()) {
    const one = measured[i] as Passes;
    const rate = rateOf(one, objects);
    medians.set(who, rate.median);
    const isEngine = one.figures[0]?.alerts !== undefined;
    const row = isEngine ? engineRow(one, objects) : { "M objects/s": shown(rate, 1e6, 2), ...costOf(one, objects), ...beside(one.rssMb) };
    rows.push({ "": who, "MB/s": Math.round(middle(measured[0] as Passes, "bytes") / 1e6 / middle(one, "seconds")), ...row });
    if (isEngine) for (const pass of one.figures) alerts.add(pass.alerts as number);
  }
  if (alerts.size > 1) throw new Error(`the engines raised different numbers of alerts: ${[...alerts].join(", ")}`);

  const others = await streams(given, objects);
  rows.push(...others.rows);
  const ratios: Ratio[] = [];
  const of = (who: string): number => medians.get(who) as number;
  for (const processes of PROCESSES) {
    const who = engineName(processes);
    ratios.push(ratio(who, UNPACKING, of(who), of(UNPACKING), 0.5));
    ratios.push(ratio(who, BARE, of(who), of(BARE), 0.5));
    for (const { name, rate, asked } of others.measured) ratios.push(ratio(who, name, of(who), rate, asked));
  }
  for (const count of THREADS) ratios.push(ratio(threadsName(count), engineName(count), of(threadsName(count)), of(engineName(count))));
  ratios.push(ratio(OTHER, BARE, of(OTHER), of(BARE)), ratio(READER, UNPACKING, of(READER), of(UNPACKING)));
  const title = `Read, derive, commit: ${objects} objects in frames of ${OBJECTS_A_FRAME}, ${partitions} partitions, a checkpoint every ${CHECKPOINT_FRAMES} frames of a partition`;
  return { title, rows, ratios };
};
