/**
 * A real Apache Kafka (one broker, KRaft) on the loopback interface, its data in a temporary folder. It ends with the process that
 * started it, even when that is killed.
 *
 *   const kafka = await startKafka();            // of one's own: seconds to start, 400 MB and more
 *   kafka.url                                    // "kafka://127.0.0.1:PORT"; a log's URL is that and "/prefix"
 *   await kafka.kill(); await kafka.restart();   // SIGKILL; again on the same port and data
 *   await kafka.stop();
 *
 *   const url = await kafkaForTests("what this suite shows");   // test/servers/for-tests.ts: the run's shared broker, or undefined
 *
 *   node test/servers/kafka.ts                   // one in the foreground until Ctrl-C; prints its URL
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import kafkajs from "kafkajs";
// For its cure of a warning kafkajs would make Node print.
import "../../adapters/kafka/internals.ts";
import { classPath, whyNoKafka } from "./kafka/jars.ts";
import { freePorts } from "./kafka/ports.ts";
import { startWatched, type Watched } from "./kafka/process.ts";

const run = promisify(execFile);
const START_WAIT_MS = 90_000;

export type KafkaOptions = {
  /** Java's heap; 768 by default. */
  readonly heapMb?: number;
  /** server.properties beside those below, and instead of them where named alike. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Listeners beside the plain one: name -> protocol. Their ports are in `ports`. */
  readonly listeners?: Readonly<Record<string, "PLAINTEXT" | "SASL_PLAINTEXT" | "SASL_SSL" | "SSL">>;
  /** The port that clients of a listener are told instead of its own, where something stands before it. */
  readonly advertised?: Readonly<Record<string, number>>;
  /** Further arguments for formatting the data folder, such as `--add-scram`. */
  readonly format?: readonly string[];
  /** A further broker of a cluster that runs: its number, from 2 on. */
  readonly joins?: { readonly cluster: Pick<RunningKafka, "clusterId" | "controllerPort">; readonly nodeId: number };
};

export type RunningKafka = {
  readonly url: string;
  readonly port: number;
  /** Where it keeps its partitions: a folder each, named topic-number. */
  readonly dataDir: string;
  /** By the listener's name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly clusterId: string;
  readonly controllerPort: number;
  /** Of the broker as it runs now. */
  pid(): number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; stops it first where it runs. Resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it for good and removes its data. */
  stop(): Promise<void>;
};

const dataOf = (dir: string): string => join(dir, "data");

/** Of what Kafka keeps for itself. One broker cannot keep more than one. */
const copies = (count: number): Readonly<Record<string, string>> => ({
  "offsets.topic.replication.factor": String(count),
  "transaction.state.log.replication.factor": String(count),
  "transaction.state.log.min.isr": String(Math.min(2, count)),
  "share.coordinator.state.topic.replication.factor": String(count),
  "share.coordinator.state.topic.min.isr": String(Math.min(2, count)),
});

const propertiesOf = (options: KafkaOptions, dir: string, ports: Readonly<Record<string, number>>, controller: number): string => {
  const { joins } = options;
  const listeners = Object.entries(ports).map(([name, port]) => `${name}://127.0.0.1:${port}`);
  const advertised = Object.entries(ports).map(([name, port]) => `${name}://127.0.0.1:${options.advertised?.[name] ?? port}`);
  const protocols = Object.entries(options.listeners ?? {}).map(([name, protocol]) => `${name}:${protocol}`);
  const all = {
    "process.roles": joins === undefined ? "broker,controller" : "broker",
    "node.id": String(joins?.nodeId ?? 1),
    listeners: [...listeners, ...(joins === undefined ? [`CONTROLLER://127.0.0.1:${controller}`] : [])].join(),
    "advertised.listeners": advertised.join(),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", ...protocols].join(),
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controller}`,
    "log.dirs": dataOf(dir),
    ...copies(1),
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    // After a SIGKILL the controller takes the broker back only when it has not heard of it for so long.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "8388608",
    // How often Kafka looks for transactions that have lasted too long; every ten seconds otherwise.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    // Compaction within seconds, for topics that ask for it.
    "log.cleaner.backoff.ms": "500",
    ...options.properties,
  };
  return `${Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")}\n`;
};

/** Resolves when the broker knows itself as one of its cluster. Throws with its log when it ends, or does not get there. */
const answering = async (port: number, nodeId: number, broker: Watched, log: string): Promise<void> => {
  const admin = new kafkajs.Kafka({ brokers: [`127.0.0.1:${port}`], retry: { retries: 0 }, logLevel: kafkajs.logLevel.NOTHING }).admin();
  try {
    for (const end = Date.now() + START_WAIT_MS; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
      if (!broker.running() || Date.now() > end) throw new Error(`Kafka did not start:\n${(await readFile(log, "utf8")).slice(-4_000)}`);
      const brokers = await admin
        .connect()
        .then(() => admin.describeCluster())
        .then(
          (cluster) => cluster.brokers,
          () => [],
        );
      if (brokers.some((one) => one.nodeId === nodeId)) return;
    }
  } finally {
    await admin.disconnect();
  }
};

/** Throws where `whyNoKafka` has a reason, and when the broker does not start. */
export const startKafka = async (options: KafkaOptions = {}): Promise<RunningKafka> => {
  const reason = await whyNoKafka();
  if (reason !== undefined) throw new Error(`No Kafka here: ${reason}.`);
  const cp = await classPath();
  const dir = await mkdtemp(join(tmpdir(), "tallywire-kafka-"));
  const [fresh, ...free] = (await freePorts(2 + Object.keys(options.listeners ?? {}).length)) as [number, ...number[]];
  const ports = Object.fromEntries(["PLAINTEXT", ...Object.keys(options.listeners ?? {})].map((name, i) => [name, free[i] as number]));
  const port = ports.PLAINTEXT as number;
  const nodeId = options.joins?.nodeId ?? 1;
  const controller = options.joins?.cluster.controllerPort ?? fresh;
  const config = join(dir, "server.properties");
  const log = join(dir, "broker.log");
  const heap = options.heapMb ?? 768;
  const command = ["java", `-Xms${Math.min(heap, 256)}m`, `-Xmx${heap}m`, "-cp", cp, "kafka.Kafka", config];
  const start = async (): Promise<Watched> => {
    const started = await startWatched(command, dir, log);
    try {
      await answering(port, nodeId, started, log);
      return started;
    } catch (error) {
      await started.end("SIGKILL");
      throw error;
    }
  };
  const clusterId = options.joins?.cluster.clusterId ?? Buffer.from(crypto.randomUUID().replaceAll("-", ""), "hex").toString("base64url");
  let broker: Watched;
  try {
    await writeFile(config, propertiesOf(options, dir, ports, controller));
    const format = [
      "-cp",
      cp,
      "kafka.tools.StorageTool",
      "format",
      ...(options.joins === undefined ? ["--standalone"] : []),
      `--cluster-id=${clusterId}`,
      "-c",
      config,
      ...(options.format ?? []),
    ];
    await run("java", ["-XX:TieredStopAtLevel=1", "-Xmx128m", ...format]);
    broker = await start();
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `kafka://127.0.0.1:${port}`,
    port,
    dataDir: dataOf(dir),
    ports,
    clusterId,
    controllerPort: controller,
    pid: () => broker.pid,
    kill: () => broker.end("SIGKILL"),
    restart: async () => {
      await broker.end("SIGTERM");
      broker = await start();
    },
    stop: async () => {
      await broker.end("SIGKILL"); // Its data go with it: nothing is worth a tidy end.
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Several brokers, the first of which is their controller too; everything is kept three times. */
export const startKafkaCluster = async (
  count: number,
  options: Pick<KafkaOptions, "heapMb" | "properties"> = {},
): Promise<{ readonly url: string; readonly brokers: readonly RunningKafka[]; stop(): Promise<void> }> => {
  const all = { ...options, properties: { ...copies(Math.min(3, count)), ...options.properties } };
  const first = await startKafka(all);
  const others = Array.from({ length: count - 1 }, (_, i) => startKafka({ ...all, joins: { cluster: first, nodeId: i + 2 } }));
  const started = await Promise.allSettled(others);
  const brokers = [first, ...started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))];
  const stop = async (): Promise<void> => void (await Promise.all(brokers.map((broker) => broker.stop())));
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { url: `kafka://${brokers.map(({ port }) => `127.0.0.1:${port}`).join()}`, brokers, stop };
};

if (import.meta.main) {
  const kafka = await startKafka({ heapMb: 1_024 });
  process.stdout.write(`${kafka.url}\n`);
  const end = (): void => void kafka.stop().then(() => process.exit(0));
  process.once("SIGINT", end).once("SIGTERM", end);
}
