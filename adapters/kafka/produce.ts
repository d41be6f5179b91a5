/**
 * Writing, so that a repeat is recognised by the broker: one batch of a partition is under way at a time, signed with its sequence, and
 * repeated unchanged until there is an answer. What was sent meanwhile waits and goes together in the next.
 */
import { AdapterError } from "../../domain/ports.ts";
import { writeBatch } from "./batch.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { NewRecord, ToSend } from "./client.ts";
import { adapterError, Refused, verdictOf } from "./errors.ts";
import { type Identity, initProducer } from "./identity.ts";
import { type Protocol, payload } from "./internals.ts";
import type { Link, Trying } from "./link.ts";

const PRODUCE = 0;
/** Since Kafka 2.1. */
const VERSION = 7;
/** How long the broker may wait for its replicas. */
const REPLICAS_MS = 3_000;
/** A batch takes up what waits, up to so many bytes; a record that is larger goes alone. */
const BATCH_BYTES = 4 * 1024 * 1024;
const SEQUENCES = 2 ** 31;

export type Writing = {
  readonly link: Link;
  /** Undefined: none was asked for, a partition gets one for itself. */
  readonly transaction?: { readonly id: string; readonly identity: Identity };
  readonly forMs?: number;
  readonly signal?: AbortSignal;
};

type Waiting = { readonly records: readonly NewRecord[]; readonly squeeze: boolean; readonly done: PromiseWithResolvers<number> };

const producing = (topic: string, partition: number, batch: Buffer, transactionalId: string | null): Protocol<number> => ({
  request: {
    apiKey: PRODUCE,
    apiVersion: VERSION,
    apiName: "Produce",
    encode: async () => {
      const writer = new ByteWriter(batch.length + 256 + topic.length);
      writer.string(transactionalId).int16(-1).int32(REPLICAS_MS);
      writer.array([topic], (name) => writer.string(name).array([partition], (one) => writer.int32(one).int32(batch.length).raw(batch)));
      return payload(writer.bytes);
    },
  },
  response: {
    decode: async (bytes) => {
      const reader = new ByteReader(bytes);
      reader.int32();
      reader.string();
      reader.int32();
      reader.int32(); // One topic, its name, one partition, its number.
      const error = reader.int16();
      if (error !== 0) throw new Refused(error);
      return reader.int64();
    },
    parse: async (offset) => offset,
  },
});

/** Kafka counts to the end of its 32 bits and begins again. */
const after = (sequence: number, count: number): number => (sequence + count) % SEQUENCES;

const sizeOf = ({ key, value }: NewRecord): number => 64 + (key?.length ?? 0) + (value?.length ?? 0);

/** The way to one partition. */
class Lane {
  readonly #writing: Writing;
  readonly #topic: string;
  readonly #partition: number;
  #waiting: Waiting[] = [];
  #busy = false;
  #identity: Identity | undefined;
  #sequence = 0;

  constructor(writing: Writing, topic: string, partition: number) {
    this.#writing = writing;
    this.#topic = topic;
    this.#partition = partition;
  }

  /** The offset of the first of the records; the others follow it. They are written in one piece. */
  send(records: readonly NewRecord[], squeeze: boolean): Promise<number> {
    const done = Promise.withResolvers<number>();
    this.#waiting.push({ records, squeeze, done });
    if (!this.#busy) {
      this.#busy = true;
      // After this turn: what is sent in it goes together.
      queueMicrotask(() => void this.#run());
    }
    return done.promise;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      try {
        let offset = await this.#deliver(
          taken.flatMap(({ records }) => records),
          taken.some(({ squeeze }) => squeeze),
        );
        for (const { records, done } of taken) {
          done.resolve(offset);
          offset += records.length;
        }
      } catch (error) {
        // What stands behind fails too: were it written, a repeat of the lost would come after it.
        const lost = [...taken, ...this.#waiting];
        this.#waiting = [];
        // Whether it was written is not known, so neither is the next sequence.
        this.#identity = undefined;
        for (const { done } of lost) done.reject(error);
      }
    }
    this.#busy = false;
  }

  #take(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { records, squeeze } of this.#waiting) {
      for (const record of records) bytes += sizeOf(record);
      if (count > 0 && (bytes > BATCH_BYTES || squeeze !== this.#waiting[0]?.squeeze)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #deliver(records: readonly NewRecord[], squeeze: boolean): Promise<number> {
    const { link, transaction, ...limits } = this.#writing;
    const what = `Sending to ${this.#topic}/${this.#partition}`;
    const how = { ...limits, what };
    const once = async (): Promise<number> => {
      const identity = await this.#signature(how);
      const sequence = this.#sequence;
      const transactional = transaction !== undefined;
      const batch = writeBatch(records, { ...identity, sequence, transactional }, squeeze);
      const request = producing(this.#topic, this.#partition, batch, transaction?.id ?? null);
      let unknown = false;
      try {
        const offset = await link.trying(how, async (cluster) => {
          const leader = await link.leaderOf(cluster, this.#topic, this.#partition);
          try {
            return await leader.connectionPool.send(request);
          } catch (error) {
            unknown ||= verdictOf(error).remedy === "reconnect";
            // Only a refusal of the first attempt says that nothing was written.
            if (FORGOTTEN.has(verdictOf(error).type)) throw unknown || transaction ? adapterError(error, what) : new Forgotten();
            throw error;
          }
        });
        this.#sequence = after(sequence, records.length);
        return offset;
      } catch (error) {
        if (!(error instanceof Forgotten)) throw error;
        this.#identity = undefined;
        return once();
      }
    };
    return once();
  }

  async #signature(how: Trying): Promise<Identity> {
    const { link, transaction } = this.#writing;
    const identity =
      transaction?.identity ??
      this.#identity ??
      (await link.trying(how, async (cluster) => (await cluster.brokerPool.findConnectedBroker()).connectionPool.send(initProducer())));
    if (identity.producerId !== this.#identity?.producerId || identity.epoch !== this.#identity.epoch) this.#sequence = 0;
    this.#identity = identity;
    return identity;
  }
}

/** The broker no longer knows the producer: it was idle for a day, or its records have been dropped. */
const FORGOTTEN: ReadonlySet<string> = new Set(["UNKNOWN_PRODUCER_ID", "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_ID_MAPPING"]);
class Forgotten extends AdapterError {
  constructor() {
    super("unavailable", "The broker has forgotten the producer.", { retryable: true });
  }
}

/** Records for one partition, in their order, cut into pieces of which each fits a batch. */
const pieces = (records: readonly NewRecord[]): readonly (readonly NewRecord[])[] => {
  const cut: NewRecord[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    bytes += sizeOf(record);
    if (bytes > BATCH_BYTES) {
      bytes = sizeOf(record);
      cut.push([]);
    }
    cut.at(-1)?.push(record);
  }
  return cut;
};

/** Gives, in the order of what is sent, the offset of each record. Throws AdapterError; some may have been written then. */
export const openProducer = (writing: Writing): ((what: readonly ToSend[]) => Promise<readonly (readonly number[])[]>) => {
  const lanes = new Map<string, Lane>();
  const laneTo = (topic: string, partition: number): Lane => {
    const name = `${topic}/${partition}`;
    const lane = lanes.get(name) ?? new Lane(writing, topic, partition);
    lanes.set(name, lane);
    return lane;
  };
  return async (what) => {
    const offsets = what.map(({ records }) => new Array<number>(records.length));
    const sent = what.flatMap(({ topic, records, squeeze = false }, i) => {
      const places = new Map<number, number[]>();
      for (const [j, { partition }] of records.entries()) {
        const there = places.get(partition) ?? [];
        if (there.length === 0) places.set(partition, there);
        there.push(j);
      }
      return [...places].map(async ([partition, there]) => {
        const lane = laneTo(topic, partition);
        // All pieces are in the lane at once: when one fails, so do those behind it.
        const cut = pieces(there.map((j) => records[j] as NewRecord));
        const bases = await Promise.all(cut.map((piece) => lane.send(piece, squeeze)));
        const found = cut.flatMap((piece, n) => piece.map((_, k) => (bases[n] as number) + k));
        for (const [n, j] of there.entries()) (offsets[i] as number[])[j] = found[n] as number;
      });
    });
    const settled = await Promise.allSettled(sent);
    const failed = settled.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return offsets;
  };
};
