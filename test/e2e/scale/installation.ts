/** One installation at scale: a real broker, one process at the doors with the projector, engines beside it, and a load of cameras. */
import { randomUUID } from "node:crypto";
import { type KafkaOptions, type RunningKafka, startKafka } from "../../servers/kafka.ts";
import { client } from "../client.ts";
import { resumingSubscriber } from "../subscriber.ts";
import { type Camera, camerasFor, configure } from "./load.ts";
import { type Node, type Nodes, nodesOf } from "./nodes.ts";
import { type Prober, proberOf } from "./probes.ts";

export type Wanted = {
  readonly partitions: number;
  readonly engines: number;
  readonly cameras: number;
  /** How many of the cameras are live. */
  readonly live: number;
};

export type Installation = {
  readonly wanted: Wanted;
  readonly kafka: RunningKafka;
  /** The broker's own address, whatever stands before it. */
  readonly broker: string;
  readonly prefix: string;
  readonly nodes: Nodes;
  /** Roles ingest, api, projector. */
  readonly house: Node;
  /** Role engine each. */
  readonly engines: readonly Node[];
  /** Of the load. */
  readonly cameras: readonly Camera[];
  readonly prober: Prober;
  /** Of everything, on a socket of the house. */
  readonly subscriber: ReturnType<typeof resumingSubscriber>;
  acknowledged(): number;
  end(): Promise<void>;
};

/** `env` goes to every process; what is given there for the log is instead of the broker's own address. */
export const install = async (
  wanted: Wanted,
  options: {
    readonly kafka?: KafkaOptions;
    /** The port that the processes are told of, where something stands before the broker. */
    readonly port?: (kafka: RunningKafka) => number;
    readonly env?: Readonly<Record<string, string>>;
    /** What the engines run, and with what beside. */
    readonly engine?: { readonly program: string; readonly env: (number: number) => Readonly<Record<string, string>> };
  } = {},
): Promise<Installation> => {
  const kafka = await startKafka(options.kafka);
  const prefix = `scale-${randomUUID().slice(0, 8)}`;
  const nodes = nodesOf({
    TALLYWIRE_LOG: `kafka://127.0.0.1:${options.port?.(kafka) ?? kafka.port}/${prefix}`,
    TALLYWIRE_PARTITIONS: String(wanted.partitions),
    TALLYWIRE_CHECKPOINT_SECONDS: "1",
    ...options.env,
  });
  const end = async (): Promise<void> => {
    await nodes.end();
    await kafka.stop();
  };
  try {
    const house = await nodes.add("house", "ingest,api,projector");
    const engine = (i: number): Promise<Node> =>
      nodes.add(`engine-${i + 1}`, "engine", options.engine && { program: options.engine.program, env: options.engine.env(i) });
    const engines = await Promise.all(Array.from({ length: wanted.engines }, (_, i) => engine(i)));
    const cameras = camerasFor(wanted.partitions, wanted.cameras, wanted.live);
    const prober = proberOf(() => house.url, wanted.partitions);
    await configure(
      client(house.url),
      cameras.map(({ sensorId }) => sensorId),
    );
    await prober.configure(client(house.url));
    const subscriber = resumingSubscriber(() => (house.running ? house.url : undefined), prober.hear);
    await subscriber.ready;
    const acknowledged = (): number => [...cameras, ...prober.cameras].reduce((sum, camera) => sum + camera.acknowledged, 0);
    const broker = `127.0.0.1:${kafka.port}`;
    return { wanted, kafka, broker, prefix, nodes, house, engines, cameras, prober, subscriber, acknowledged, end };
  } catch (error) {
    await end();
    throw error;
  }
};
