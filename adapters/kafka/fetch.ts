/** Reading one partition, without a consumer group and with an exact account of where reading stands. */
import type { Stop } from "../../domain/ports.ts";
import { AdapterError } from "../../domain/ports.ts";
import { whenStopped } from "../../domain/stop.ts";
import { type Aborted, BadBatch, readBatches } from "./batch.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { Fetched, PartitionReader, Unreadable } from "./client.ts";
import { Refused } from "./errors.ts";
import { type Cluster, type Protocol, payload } from "./internals.ts";
import { type Link, REQUEST_MS } from "./link.ts";
import { oldestOf } from "./offsets.ts";

const FETCH = 1;
/** Since Kafka 2.3. */
const VERSION = 11;
const READ_COMMITTED = 1;
/** A batch that is larger comes all the same, alone. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Longer, and a connection of which nobody tells us that it is dead would not be noticed soon. */
const LONGEST_WAIT_MS = 5_000;
const OFFSET_OUT_OF_RANGE = 1;

type Answer = { readonly error: number; readonly start: number; readonly aborted: readonly Aborted[]; readonly batches: Buffer };

const answerIn = (bytes: Buffer): Answer => {
  const reader = new ByteReader(bytes);
  reader.int32(); // Throttling, for which the broker mutes the connection.
  const failed = reader.int16();
  reader.int32(); // The session: none.
  if (failed !== 0) throw new Refused(failed);
  const [answer] = reader
    .array(() => {
      reader.string();
      return reader.array(() => {
        reader.int32();
        const error = reader.int16();
        reader.int64(); // The high watermark.
        reader.int64(); // The end of what is committed.
        const start = reader.int64();
        const aborted = reader.array(() => ({ producerId: reader.bigint(), firstOffset: reader.int64() }));
        reader.int32(); // The replica to prefer: we ask the leader.
        return { error, start, aborted, batches: reader.slice(Math.max(0, reader.int32())) };
      });
    })
    .flat();
  if (answer === undefined) throw new BadBatch("the broker's answer has no partition");
  return answer;
};

const fetching = (topic: string, partition: number, from: number, waitMs: number, maxBytes: number): Protocol<Answer> => ({
  requestTimeout: waitMs + REQUEST_MS,
  request: {
    apiKey: FETCH,
    apiVersion: VERSION,
    apiName: "Fetch",
    encode: async () => {
      const writer = new ByteWriter(128 + topic.length);
      // No replica, at least a byte, no session.
      writer.int32(-1).int32(waitMs).int32(1).int32(maxBytes).int8(READ_COMMITTED).int32(0).int32(-1);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (one) => writer.int32(one).int32(-1).int64(from).int64(-1).int32(maxBytes));
      });
      return payload(writer.array([], () => undefined).string("").bytes);
    },
  },
  response: { decode: async (bytes) => answerIn(bytes), parse: async (answer) => answer },
});

/** A link of its own: a request that waits holds up whatever comes after it on the same connection. */
export const openReader = (link: Link, topic: string, partition: number, pass?: (batch: Unreadable) => void): PartitionReader => {
  const what = `Reading ${topic}/${partition}`;
  const closing = new AbortController();

  const once = async (cluster: Cluster, from: number, waitMs: number, maxBytes: number): Promise<Fetched> => {
    const leader = await link.leaderOf(cluster, topic, partition);
    const { error, start, aborted, batches } = await leader.connectionPool.send(fetching(topic, partition, from, waitMs, maxBytes));
    if (error === OFFSET_OUT_OF_RANGE) {
      const oldest = start >= 0 ? start : await oldestOf(leader, topic, partition);
      if (from < oldest) return once(cluster, oldest, waitMs, maxBytes);
    }
    if (error !== 0) throw new Refused(error);
    return readBatches(batches, from, aborted);
  };

  return {
    fetch: async (from, { waitMs, maxBytes = MAX_BYTES, signal }) => {
      const wait = Math.max(0, Math.min(waitMs, LONGEST_WAIT_MS));
      const stopped = stopping(signal, closing.signal);
      try {
        return await link.trying({ what, signal: stopped.signal }, (cluster) => once(cluster, from, wait, maxBytes));
      } catch (error) {
        if (signal?.aborted) return { records: [], next: from };
        if (error instanceof BadBatch && error.batch !== undefined && pass !== undefined) {
          pass(error.batch);
          return { records: [], next: error.batch.next };
        }
        if (error instanceof BadBatch || error instanceof RangeError)
          throw new AdapterError("corrupt", `${what} from ${from}: ${error.message}.`, { retryable: false, cause: error });
        throw error;
      } finally {
        stopped.release();
      }
    },
    close: async () => {
      closing.abort();
      link.close();
    },
  };
};

/** One signal for both: the core's has no DOM type, so AbortSignal.any does not take it. */
const stopping = (stop: Stop | undefined, closing: AbortSignal): { readonly signal: AbortSignal; release(): void } => {
  const either = new AbortController();
  const hooks = [stop, closing].map((one) => (one === undefined ? undefined : whenStopped(one, () => either.abort())));
  return {
    signal: either.signal,
    release: () => {
      for (const unhook of hooks) unhook?.();
    },
  };
};
