/**
 * The calls the store makes, on the client's own connection and generated code. What is not in the client's public interface is used
 * here and in kurrent/messages.ts only; its version is pinned. Why not `appendToStream` and `readStream`: docs/gotchas.md.
 */
import { convertToCommandError, KurrentDBClient } from "@kurrent/kurrentdb-client";
import grpc, { type StreamsClient } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js";
import type { AppendResp, ReadResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { AdapterError, type Revision } from "../../domain/ports.ts";
import { within } from "../../domain/within.ts";
import { systemClock } from "../clock.ts";
import type { KurrentAddress } from "./address.ts";
import { faultOf } from "./errors.ts";
import { appendRequests, type Heard, heard, type Proposed, type Recorded, readRequest, recordedOf, subscribeRequest } from "./messages.ts";
import type { Place } from "./names.ts";

export type Subscription = {
  read(): Heard;
  /** Resolves when the server ends it, rejects when it fails. */
  readonly ended: Promise<void>;
  leave(): void;
};

export type Calls = {
  /** `current`: the revision the stream must have. False: it has another. */
  append(stream: string, current: Revision | "any", records: readonly Proposed[], deadlineMs: number): Promise<boolean>;
  /** Undefined where there is no such stream. `after`: the revision before the first one wanted. As the leader knows it. */
  read(
    stream: string,
    from: { readonly after: Revision; readonly most?: number | undefined } | "newest",
    deadlineMs: number,
  ): Promise<readonly Recorded[] | undefined>;
  /** All streams whose names begin so, in the order of commitment, from after the place. `readable` is called when something can be read. */
  subscribe(prefix: string, after: Place | undefined, readable: () => void): Subscription;
  /** Ends every call under way, and the connection. */
  close(): Promise<void>;
};

const CLOSING_MS = 1000;
/** The server's and the client's own word is better than ours. */
const DEADLINE_GRACE_MS = 100;

type Ending = { cancel(): void };
/** The inside of the client, as far as it is used here. */
type Inside = {
  execute<T>(kind: typeof grpc.StreamsClient, name: string, action: (client: StreamsClient) => Promise<T>): Promise<T>;
  callArguments(
    how: { readonly requiresLeader: boolean; readonly deadline?: number },
    options?: { readonly deadline: number },
  ): [NonNullable<Parameters<StreamsClient["read"]>[1]>, NonNullable<Parameters<StreamsClient["read"]>[2]>];
  getChannel(): Promise<{ close(): void }>;
};

/** What the client says of a connection string may repeat it. */
const clientOf = (connection: string): KurrentDBClient => {
  try {
    return KurrentDBClient.connectionString(connection);
  } catch {
    const message =
      "The connection string of KurrentDB cannot be used: the client does not understand it, or a file it names is not there.";
    throw new AdapterError("bad-query", message, { retryable: false });
  }
};

/** Connects with the first call. Every call throws AdapterError. */
export const openCalls = ({ connection, hosts }: KurrentAddress): Calls => {
  const client = clientOf(connection);
  const inside = client as unknown as Inside;
  const underWay = new Set<Ending>();
  let connected = false;
  let closed = false;

  /** `over`: nobody waits for it any more. */
  const run = async <T>(
    name: string,
    doing: string,
    over: AbortSignal,
    action: (client: StreamsClient, begun: (call: Ending) => void) => Promise<T>,
  ) => {
    const refused = (): AdapterError => new AdapterError("closed", "The store is closed.", { retryable: false });
    if (closed) throw refused();
    connected = true;
    let mine: Ending | undefined;
    const begun = (call: Ending): void => {
      mine = call;
      underWay.add(call);
    };
    try {
      // The way to the server may be found only after everyone has left.
      return await inside.execute(grpc.StreamsClient, name, (found) =>
        over.aborted || closed ? Promise.reject(refused()) : action(found, begun),
      );
    } catch (error) {
      if (closed) throw refused();
      throw faultOf(error instanceof Error ? convertToCommandError(error) : error, hosts, doing);
    } finally {
      if (mine !== undefined) underWay.delete(mine);
    }
  };

  /** The deadline the client gives a call does not hold for its looking for a cluster's leader. */
  const inTime = async <T>(deadlineMs: number, doing: string, work: (over: AbortSignal) => Promise<T>): Promise<T> => {
    const over = new AbortController();
    const late = (): never => {
      throw new AdapterError("timeout", `KurrentDB at ${hosts}, ${doing}: no answer within ${deadlineMs} ms.`, { retryable: true });
    };
    try {
      return await within({ clock: systemClock }, deadlineMs + DEADLINE_GRACE_MS, work(over.signal), late);
    } finally {
      over.abort();
    }
  };

  return {
    append: async (stream, current, records, deadlineMs) => {
      const requests = appendRequests(stream, current, records);
      const doing = `appending to ${stream}`;
      const write = (found: StreamsClient, begun: (call: Ending) => void): Promise<AppendResp> => {
        const { promise, resolve, reject } = Promise.withResolvers<AppendResp>();
        const [metadata, options] = inside.callArguments({ requiresLeader: true, deadline: deadlineMs });
        const call = found.append(metadata, options, (error, given) => (error === null ? resolve(given) : reject(error)));
        begun(call);
        call.on("error", reject);
        for (const one of requests) call.write(one);
        call.end();
        return promise;
      };
      const answer = await inTime(deadlineMs, doing, (over) => run("appendToStream", doing, over, write));
      return !answer.hasWrongExpectedVersion();
    },

    read: (stream, from, deadlineMs) => {
      const doing = `reading ${stream}`;
      const collect = (found: StreamsClient, begun: (call: Ending) => void): Promise<readonly Recorded[] | undefined> => {
        const { promise, resolve, reject } = Promise.withResolvers<readonly Recorded[] | undefined>();
        const call = found.read(readRequest(stream, from), ...inside.callArguments({ requiresLeader: true, deadline: deadlineMs }));
        begun(call);
        const records: Recorded[] = [];
        let missing = false;
        call.on("data", (answer: ReadResp) => {
          const event = answer.getEvent()?.getEvent();
          if (event !== undefined) records.push(recordedOf(event));
          missing ||= answer.hasStreamNotFound();
        });
        call.on("error", reject);
        call.on("end", () => resolve(missing ? undefined : records));
        return promise;
      };
      return inTime(deadlineMs, doing, (over) => run("readStream", doing, over, collect));
    },

    subscribe: (prefix, after, readable) => {
      let call: ReturnType<StreamsClient["read"]> | undefined;
      const left = new AbortController();
      const ended = run("subscribeToAll", "following", left.signal, (found, begun) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const endless = inside.callArguments({ requiresLeader: false }, { deadline: Number.POSITIVE_INFINITY });
        call = found.read(subscribeRequest(prefix, after), ...endless);
        begun(call);
        call.on("readable", readable).on("error", reject).on("end", resolve);
        return promise;
      });
      return {
        ended,
        read: () => heard(call?.read() ?? null),
        leave: () => {
          left.abort();
          call?.cancel();
        },
      };
    },

    close: async () => {
      closed = true;
      for (const call of underWay) call.cancel();
      if (!connected) return;
      const channel = inside.getChannel().then(
        (open) => open.close(),
        // There is none to close.
        () => undefined,
      );
      // Looking for a cluster's leader cannot be called off.
      await within({ clock: systemClock }, CLOSING_MS, channel, () => undefined);
    },
  };
};
