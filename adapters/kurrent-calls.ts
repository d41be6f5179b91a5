/**
 * The calls the store makes, on the client's own connection and generated code. What is not in the client's public interface is used
 * in this file only; its version is pinned. Why not `appendToStream` and `readStream`: docs/gotchas.md.
 */
import { convertToCommandError, KurrentDBClient } from "@kurrent/kurrentdb-client";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import grpc, { type StreamsClient } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js";
import type { AppendResp, ReadResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import streams from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { AdapterError, type Revision } from "../domain/ports.ts";
import type { KurrentAddress } from "./kurrent-address.ts";
import { faultOf } from "./kurrent-errors.ts";
import type { Place } from "./kurrent-names.ts";

/** `data` and `metadata` are JSON. */
export type Record = { readonly id: string; readonly type: string; readonly data: string; readonly metadata: string };
/** `stream` is KurrentDB's name for it. `revision` counts from 1. */
export type Recorded = Record & { readonly stream: string; readonly revision: Revision; readonly place: Place };

/** What a subscription tells: an event, how far it has looked through the log, that it is at the end now. `undefined`: nothing more yet. */
export type Heard = { readonly record: Recorded } | { readonly reached: Place } | "caught up" | "something else" | undefined;
export type Subscription = {
  read(): Heard;
  /** Resolves when the server ends it, rejects when it fails. */
  readonly ended: Promise<void>;
  leave(): void;
};

export type Calls = {
  /** `current`: the revision the stream must have. False: it has another. */
  append(stream: string, current: Revision | "any", records: readonly Record[], deadlineMs: number): Promise<boolean>;
  /** Undefined where there is no such stream. `after`: the revision before the first one wanted. As the leader knows it. */
  read(stream: string, from: { readonly after: Revision } | "newest", deadlineMs: number): Promise<readonly Recorded[] | undefined>;
  /** All streams whose names begin so, in the order of commitment, from after the place. `readable` is called when something can be read. */
  subscribe(prefix: string, after: Place | undefined, readable: () => void): Subscription;
  /** Ends every call under way, and the connection. */
  close(): Promise<void>;
};

/** How many events the server looks through between two words of how far it is, where none of them is ours. */
const SEARCHED = 1000;
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

const named = (stream: string): InstanceType<typeof shared.StreamIdentifier> => {
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  return name;
};

const appendRequests = (stream: string, current: Revision | "any", records: readonly Record[]) => {
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(named(stream));
  if (current === "any") options.setAny(new shared.Empty());
  else if (current === 0) options.setNoStream(new shared.Empty());
  else options.setRevision(String(current - 1));
  const head = new streams.AppendReq();
  head.setOptions(options);
  const messages = records.map((record) => {
    const id = new shared.UUID();
    id.setString(record.id);
    const message = new streams.AppendReq.ProposedMessage();
    message.setId(id);
    message.getMetadataMap().set("type", record.type).set("content-type", "application/json");
    message.setData(Buffer.from(record.data));
    message.setCustomMetadata(Buffer.from(record.metadata));
    const request = new streams.AppendReq();
    request.setProposedMessage(message);
    return request;
  });
  return [head, ...messages];
};

const readOptions = () => {
  const ids = new streams.ReadReq.Options.UUIDOption();
  ids.setString(new shared.Empty());
  const options = new streams.ReadReq.Options();
  options.setUuidOption(ids);
  return options;
};

const request = (options: ReturnType<typeof readOptions>) => {
  const made = new streams.ReadReq();
  made.setOptions(options);
  return made;
};

const readRequest = (stream: string, from: { readonly after: Revision } | "newest") => {
  const place = new streams.ReadReq.Options.StreamOptions();
  place.setStreamIdentifier(named(stream));
  const options = readOptions();
  options.setStream(place);
  options.setNoFilter(new shared.Empty());
  if (from === "newest") {
    place.setEnd(new shared.Empty());
    options.setReadDirection(streams.ReadReq.Options.ReadDirection.BACKWARDS);
    options.setCount("1");
  } else {
    place.setRevision(String(from.after));
    options.setCount(String(Number.MAX_SAFE_INTEGER));
  }
  return request(options);
};

const subscribeRequest = (prefix: string, after: Place | undefined) => {
  const all = new streams.ReadReq.Options.AllOptions();
  if (after === undefined) all.setStart(new shared.Empty());
  else {
    const position = new streams.ReadReq.Options.Position();
    position.setCommitPosition(String(after.commit));
    position.setPreparePosition(String(after.prepare));
    all.setPosition(position);
  }
  const names = new streams.ReadReq.Options.FilterOptions.Expression();
  names.setPrefixList([prefix]);
  const filter = new streams.ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(names);
  filter.setMax(SEARCHED);
  filter.setCheckpointintervalmultiplier(1);
  const options = readOptions();
  options.setAll(all);
  options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  options.setFilter(filter);
  return request(options);
};

const recordOf = (event: ReadResp.ReadEvent.RecordedEvent): Recorded => ({
  stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
  id: event.getId()?.getString() ?? "",
  type: event.getMetadataMap().get("type") ?? "",
  revision: Number(event.getStreamRevision()) + 1,
  place: { commit: BigInt(event.getCommitPosition()), prepare: BigInt(event.getPreparePosition()) },
  data: Buffer.from(event.getData_asU8()).toString(),
  metadata: Buffer.from(event.getCustomMetadata_asU8()).toString(),
});

const heard = (answer: ReadResp | null): Heard => {
  if (answer === null) return undefined;
  const event = answer.getEvent()?.getEvent();
  if (event !== undefined) return { record: recordOf(event) };
  if (answer.hasCaughtUp()) return "caught up";
  const reached = answer.getCheckpoint();
  if (reached === undefined) return "something else";
  return { reached: { commit: BigInt(reached.getCommitPosition()), prepare: BigInt(reached.getPreparePosition()) } };
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
  const within = async <T>(deadlineMs: number, doing: string, work: (over: AbortSignal) => Promise<T>): Promise<T> => {
    const over = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const message = `KurrentDB at ${hosts}, ${doing}: no answer within ${deadlineMs} ms.`;
    const timer = setTimeout(() => reject(new AdapterError("timeout", message, { retryable: true })), deadlineMs + DEADLINE_GRACE_MS);
    try {
      return await Promise.race([work(over.signal), late]);
    } finally {
      clearTimeout(timer);
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
      const answer = await within(deadlineMs, doing, (over) => run("appendToStream", doing, over, write));
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
          if (event !== undefined) records.push(recordOf(event));
          missing ||= answer.hasStreamNotFound();
        });
        call.on("error", reject);
        call.on("end", () => resolve(missing ? undefined : records));
        return promise;
      };
      return within(deadlineMs, doing, (over) => run("readStream", doing, over, collect));
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
      const { promise: late, resolve } = Promise.withResolvers<void>();
      // Looking for a cluster's leader cannot be called off.
      const timer = setTimeout(resolve, CLOSING_MS);
      const channel = inside.getChannel().then(
        (open) => open.close(),
        // There is none to close.
        () => undefined,
      );
      await Promise.race([channel, late]);
      clearTimeout(timer);
    },
  };
};
