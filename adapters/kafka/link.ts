/** A connection to Kafka of its own, made when first used and made anew when it is of no use any more. */
import { connect, isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { AdapterError, type Journal } from "../../domain/ports.ts";
import { adapterError, verdictOf } from "./errors.ts";
import { type Broker, type Cluster, ClusterOf, createLogger } from "./internals.ts";
import type { KafkaAddress } from "./url.ts";

/** Milliseconds. A broker that does not answer in this time is taken to be gone; requests that wait on purpose add to it. */
export const REQUEST_MS = 4_000;
const CONNECT_MS = 3_000;
/** How long something is tried again before it fails. Longer than a broker takes to start again or to have its partitions taken over. */
export const PATIENCE_MS = 30_000;
const BACKOFF_MS = { first: 20, most: 1_000 };
/** Another transaction of the same id is being finished: a matter of a few milliseconds. */
const SOON_MS = { first: 1, most: 20 };
const KEEP_ALIVE_MS = 10_000;

export type Trying = {
  readonly what: string;
  /** Milliseconds after which the last error is thrown. */
  readonly forMs?: number;
  /** Nothing is begun once it is aborted, and what is under way is cut off. */
  readonly signal?: AbortSignal;
};

type Line = { readonly cluster: Cluster; readonly sockets: Set<Socket> };

export class Link {
  readonly #address: KafkaAddress;
  readonly #journal: Journal;
  readonly #logger: object;
  /** Topics known from the start: without any, kafkajs asks for the leaders of all there are. */
  readonly #topics: Iterable<string>;
  #line: Line | undefined;
  readonly #coordinators = new Map<string, number>();
  #stale = false;
  #closed = false;
  /** Links do not all ask the same broker first; and the next attempt asks another. */
  #first = Math.floor(Math.random() * 1_000);

  constructor(address: KafkaAddress, journal: Journal, topics: Iterable<string> = []) {
    this.#address = address;
    this.#topics = topics;
    this.#journal = journal;
    // Whatever kafkajs calls an error is met again below, where it is known whether it matters.
    this.#logger = createLogger({
      level: 2,
      logCreator:
        () =>
        ({ log: { message } }) =>
          journal.debug({ from: "kafkajs" }, message),
    });
  }

  /**
   * Does the work, and does it again after what may pass: a leader that moved, a broker that is gone, an answer that did not come. Work
   * that is not to be repeated must see to it by itself. Throws AdapterError.
   */
  async trying<T>(how: Trying, work: (cluster: Cluster) => Promise<T>): Promise<T> {
    const end = performance.now() + (how.forMs ?? PATIENCE_MS);
    let troubled = false;
    for (let pause = BACKOFF_MS.first, soon = SOON_MS.first; ; ) {
      if (this.#closed) throw new AdapterError("closed", `${how.what}: the connection is closed.`, { retryable: false });
      if (how.signal?.aborted) throw new AdapterError("closed", `${how.what} was given up.`, { retryable: false });
      this.#line ??= this.#make();
      const line = this.#line;
      try {
        const done = await this.#cutOff(this.#connected(line).then(work), line, how.signal);
        if (troubled) this.#journal.info({}, `${how.what}: Kafka answers again.`);
        return done;
      } catch (error) {
        if (error instanceof AdapterError) throw error;
        if (this.#closed || how.signal?.aborted) continue;
        const { remedy, type } = verdictOf(error);
        if (remedy === "never" || performance.now() > end) throw adapterError(error, how.what);
        if (remedy === "soon") {
          await sleep(soon);
          soon = Math.min(2 * soon, SOON_MS.most);
          continue;
        }
        if (remedy === "reconnect") this.#drop(line);
        this.#stale = true;
        this.#coordinators.clear();
        if (pause >= BACKOFF_MS.most && !troubled) {
          troubled = true;
          this.#journal.warn({ type }, `${how.what}: Kafka does not do it; trying goes on.`);
        }
        await sleep(pause, undefined, { signal: how.signal }).catch(() => undefined);
        pause = Math.min(2 * pause, BACKOFF_MS.most);
      }
    }
  }

  /** Throws what kafkajs throws: for use inside `trying`. */
  async leaderOf(cluster: Cluster, topic: string, partition: number): Promise<Broker> {
    if (!cluster.targetTopics.has(topic)) await cluster.addTargetTopic(topic);
    // Another has named it a moment ago, and its answer is under way.
    else if (cluster.findTopicPartitionMetadata(topic).length === 0) await cluster.refreshMetadata();
    const { leader } = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition) ?? {};
    if (leader === undefined)
      throw new AdapterError("bad-query", `The topic ${topic} has no partition ${partition}.`, { retryable: false });
    return cluster.findBroker({ nodeId: leader });
  }

  /** The broker that keeps a group (0) or a transactional id (1). */
  async coordinatorOf(cluster: Cluster, kind: 0 | 1, id: string): Promise<Broker> {
    const name = `${kind} ${id}`;
    let nodeId = this.#coordinators.get(name);
    if (nodeId === undefined) {
      const any = await cluster.brokerPool.findConnectedBroker();
      const { coordinator } = await any.findGroupCoordinator({ groupId: id, coordinatorType: kind });
      nodeId = coordinator.nodeId;
      this.#coordinators.set(name, nodeId);
    }
    return cluster.findBroker({ nodeId });
  }

  close(): void {
    this.#closed = true;
    if (this.#line !== undefined) this.#drop(this.#line);
  }

  /** Cuts all its connections: what is under way there fails. Whoever meets that later than another finds the next line in use already. */
  #drop(line: Line): void {
    if (this.#line === line) this.#line = undefined;
    // Only an error makes kafkajs give up what waits on a socket.
    for (const socket of line.sockets) socket.destroy(new Error("The connection is given up"));
  }

  /** A request that waits at the broker cannot be taken back: its connection goes. */
  async #cutOff<T>(work: Promise<T>, line: Line, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return work;
    const cut = (): void => this.#drop(line);
    signal.addEventListener("abort", cut, { once: true });
    try {
      return await work;
    } finally {
      signal.removeEventListener("abort", cut);
    }
  }

  async #connected({ cluster }: Line): Promise<Cluster> {
    await cluster.connect();
    if (this.#stale && cluster.targetTopics.size > 0) await cluster.refreshMetadata();
    this.#stale = false;
    return cluster;
  }

  #make(): Line {
    const { brokers, ssl, sasl } = this.#address;
    const first = this.#first++ % brokers.length;
    const sockets = new Set<Socket>();
    this.#stale = true; // It knows nobody yet.
    const cluster = new ClusterOf({
      logger: this.#logger,
      brokers: [...brokers.slice(first), ...brokers.slice(0, first)],
      ssl,
      sasl,
      clientId: "tallywire",
      connectionTimeout: CONNECT_MS,
      authenticationTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      enforceRequestTimeout: true,
      metadataMaxAge: 5 * 60_000,
      // Trying again is done here, with a verdict on every error.
      retry: { retries: 0 },
      allowAutoTopicCreation: false,
      socketFactory: ({ host, port, ssl: secure, onConnect }) => {
        const socket =
          secure === undefined || secure === null
            ? connect({ host, port, noDelay: true }, onConnect)
            : connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...secure }, onConnect);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        socket.setNoDelay(true);
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        return socket;
      },
    });
    for (const topic of this.#topics) cluster.targetTopics.add(topic);
    return { cluster, sockets };
  }
}
