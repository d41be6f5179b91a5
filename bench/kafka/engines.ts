/** Read, derive, commit: one, two and three engine processes beside bare consumers of the same topic, and Kafka Streams on the same broker. */
import { randomUUID } from "node:crypto";
import { load as busy } from "../support/report.ts";
import type { Figures } from "./jobs/job.ts";
import { beside, type Given, OBJECTS_A_FRAME, type Ratio, type Row, ratio, shown, spread, type Told } from "./part.ts";
import type { Streams } from "./peers.ts";
import { doOnce, inTurns, type Passes, startJob, type Worker } from "./processes.ts";

const PER_APPEND = 1000;
/** Of a partition, between checkpoints: so often that each pass has some. */
const CHECKPOINT_FRAMES = 10_000;

/** Several processes that share the work as one: its time is from the first that began to the last that ended. */
const together = (workers: readonly Worker[]): Worker => {
  const all = async (order: (worker: Worker) => Promise<unknown>): Promise<void> => void (await Promise.all(workers.map(order)));
  return {
    pid: (workers[0] as Worker).pid,
    prepare: (n) => all((worker) => worker.prepare(n)),
    finish: (n) => all((worker) => worker.finish(n)),
    pass: async (n) => {
      const figures = await Promise.all(workers.map((worker) => worker.pass(n)));
      const of = (name: string): number[] => figures.map((one) => one[name] as number);
      const sum = (name: string): number => of(name).reduce((a, b) => a + b, 0);
      return {
        seconds: (Math.max(...of("to")) - Math.min(...of("from"))) / 1000,
        alerts: sum("alerts"),
        derived: sum("derived"),
        commits: sum("commits"),
        checkpoints: sum("checkpoints"),
        commitP50: Math.max(...of("commitP50")),
        commitP99: Math.max(...of("commitP99")),
        cycleP50: Math.max(...of("cycleP50")),
        cycleP99: Math.max(...of("cycleP99")),
      };
    },
    end: async () => (await Promise.all(workers.map((worker) => worker.end()))).reduce((a, b) => a + b, 0),
  };
};

/** Logs with the same facts, one for each pass: what is committed is committed. */
export const filled = async ({ bench, peers, size }: Given, how: { readonly perAppend: number; readonly count: number }) => {
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
    });
    objects = loaded.objects as number;
  }
  const drop = async (): Promise<void> => {
    for (const name of names) await bench.drop(await bench.topicsOf(name));
  };
  return { urls, objects, first: `${names[0]}.facts`, drop };
};

const processesText = (n: number): string => `${n} engine process${n > 1 ? "es" : ""}`;
const middle = (passes: Passes, name: string): number => spread(passes, (pass: Figures) => pass[name] as number).median;
const rateOf = (measured: Passes, objects: number) => spread(measured, ({ seconds }) => objects / (seconds as number));

export const engineRow = (measured: Passes, objects: number): Row => ({
  "M objects/s": shown(rateOf(measured, objects), 1e6, 2),
  alerts: middle(measured, "alerts"),
  derived: middle(measured, "derived"),
  commits: middle(measured, "commits"),
  checkpoints: middle(measured, "checkpoints"),
  "commit p50/p99 ms": `${middle(measured, "commitP50").toFixed(1)} / ${middle(measured, "commitP99").toFixed(1)}`,
  "batch to batch p50/p99 ms": `${middle(measured, "cycleP50").toFixed(1)} / ${middle(measured, "cycleP99").toFixed(1)}`,
  ...beside(measured.rssMb),
});

export const engines = async (given: Given): Promise<Told> => {
  const { bench, peers, size, profile } = given;
  const { partitions, passes } = size;
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  const { urls, objects, first, drop } = await filled(given, { perAppend: PER_APPEND, count: 1 });
  const ends = await bench.ends(first);
  const row = (who: string, measured: Passes, more: Row): number => {
    const of = rateOf(measured, objects);
    rows.push({ "": who, "M objects/s": shown(of, 1e6, 2), ...more, ...beside(measured.rssMb) });
    return of.median;
  };

  const consuming = (client: "kafkajs" | "platformatic", decode: boolean) =>
    startJob("consume", { client, brokers: bench.brokers, topic: first, ends, decode });
  const [bytes, decoded, other, reader] = (await inTurns(
    [
      await consuming("kafkajs", false),
      await consuming("kafkajs", true),
      await consuming("platformatic", false),
      await startJob("read", { url: urls[0] as string, partitions }),
    ],
    passes,
  )) as [Passes, Passes, Passes, Passes];
  const megabytes = (measured: Passes): Row => ({ "MB/s": Math.round(middle(bytes, "bytes") / 1e6 / middle(measured, "seconds")) });
  const bare = row("bare kafkajs consumer, bytes only", bytes, megabytes(bytes));
  const unpacked = row("bare kafkajs consumer that unpacks the blocks", decoded, megabytes(decoded));
  const bareOther = row("bare @platformatic/kafka consumer, bytes only", other, megabytes(other));
  row("the log's own reader, unpacked, nothing derived", reader, megabytes(reader));
  await drop();

  const ours = new Map<string, number>();
  const alerts = new Set<number>();
  for (const processes of [1, 2, 3]) {
    const logs = await filled(given, { perAppend: PER_APPEND, count: passes + 1 });
    const driving = { urls: logs.urls, partitions, share: partitions / processes, checkpointFrames: CHECKPOINT_FRAMES };
    const workers = await Promise.all(Array.from({ length: processes }, () => startJob("engine", driving, profile)));
    const [measured] = (await inTurns([together(workers)], passes)) as [Passes];
    const who = processesText(processes);
    rows.push({ "": who, ...engineRow(measured, objects), ...megabytes(measured) });
    ours.set(who, rateOf(measured, objects).median);
    for (const pass of measured.figures) alerts.add(pass.alerts as number);
    await logs.drop();
  }
  if (alerts.size > 1) throw new Error(`the engines raised different numbers of alerts: ${[...alerts].join(", ")}`);

  let best: Streams | undefined;
  if (peers.streams !== undefined) {
    await peers.streams.load(bench.brokers[0] as string);
    const [lines] = (await inTurns(
      [
        await startJob("consume", {
          client: "kafkajs",
          brokers: bench.brokers,
          topic: "frames",
          ends: await bench.ends("frames"),
          decode: false,
        }),
      ],
      passes,
    )) as [Passes];
    const line = row("bare kafkajs consumer, a record of JSON a frame, not parsed", lines, {
      "MB/s": Math.round(middle(lines, "bytes") / 1e6 / middle(lines, "seconds")),
    });
    ratios.push(ratio("1 engine process", "bare kafkajs consumer of a record a frame", ours.get(processesText(1)) as number, line));
    for (const kind of [
      { store: "mem", threads: 1 },
      { store: "mem", threads: 2 },
      { store: "rocksdb", threads: 2 },
    ] as const) {
      const streams = await peers.streams.run(bench.brokers[0] as string, bench.pid(), kind);
      const figures = { median: streams.objectsPerSec, least: streams.min, most: streams.max };
      rows.push({ "": streams.peer, "M objects/s": shown(figures, 1e6, 2), "peak MB": streams.rssMb, load: busy() });
      if (best === undefined || streams.objectsPerSec > best.objectsPerSec) best = streams;
    }
    await bench.drop(["frames"]);
  }
  for (const [who, median] of ours) {
    ratios.push(ratio(who, "bare kafkajs consumer, bytes only", median, bare, 0.5));
    ratios.push(ratio(who, "bare kafkajs consumer that unpacks", median, unpacked));
    if (best !== undefined) ratios.push(ratio(who, `best of Kafka Streams (${best.peer}), a smaller job`, median, best.objectsPerSec, 1));
  }
  ratios.push(ratio("bare @platformatic/kafka consumer", "bare kafkajs consumer", bareOther, bare));
  const title = `Read, derive, commit: ${objects} objects in frames of ${OBJECTS_A_FRAME}, ${partitions} partitions, a checkpoint every ${CHECKPOINT_FRAMES} frames of a partition`;
  return { title, rows, ratios };
};
