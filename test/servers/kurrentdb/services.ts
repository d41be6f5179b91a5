/** The services of the fake KurrentDB as gRPC handlers, with its faults in front of them. */
import type { Metadata, ServerReadableStream, ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ClusterInfo } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_pb.js";
import gossip from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_pb.js";
import type { SupportedMethods } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js";
import features from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js";
import type { Empty } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import type { AppendReq, AppendResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { appended, type Endpoint, type Refusal, refusals } from "./answers.ts";
import { ANY, EXISTS, type Ledger, NO_STREAM, type Proposed } from "./ledger.ts";
import { type ReadCall, readStream, subscribeToAll } from "./reading.ts";

export type Faults = {
  /** Before every answer. */
  latencyMs: number;
  /** Calls of these kinds are taken and never answered. */
  hangs: ReadonlySet<"append" | "read" | "subscribe">;
  /** Set: this node follows, and who needs the leader is sent there. */
  leader: Endpoint | undefined;
  /** So many appends are done, and then the connection is lost before the answer. */
  answersToLose: number;
  /** So many calls are refused as by a server that has just started. */
  notReady: number;
  /** Bytes of an append. */
  maxAppendSize: number;
  /** Prefixes of streams that may not be written. */
  forbidden: readonly string[];
};

type House = {
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly address: () => Endpoint;
  readonly dropConnections: () => void;
  /** `user:password` that every call must bring. */
  readonly account: string | undefined;
  /** Names of the calls as they came. */
  readonly calls: string[];
};

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const streamsOf = (house: House): UntypedServiceImplementation => {
  const { ledger, faults } = house;
  const refused = (metadata: Metadata): Refusal | undefined => {
    const wanted = house.account === undefined ? undefined : `Basic ${Buffer.from(house.account).toString("base64")}`;
    if (wanted !== undefined && metadata.get("authorization")[0] !== wanted) return refusals.unauthenticated();
    if (faults.notReady > 0) {
      faults.notReady--;
      return refusals.notReady();
    }
    const requiresLeader = metadata.get("requires-leader")[0] === "true";
    return requiresLeader && faults.leader !== undefined ? refusals.notLeader(faults.leader) : undefined;
  };

  const append = async (call: ServerReadableStream<AppendReq, AppendResp>, callback: sendUnaryData<AppendResp>): Promise<void> => {
    let options: AppendReq.Options | undefined;
    const events: Proposed[] = [];
    try {
      for await (const request of call as AsyncIterable<AppendReq>) {
        options ??= request.getOptions();
        const message = request.getProposedMessage();
        if (message !== undefined) events.push(proposed(message));
      }
    } catch {
      return; // The client has gone: there is no one to answer.
    }
    house.calls.push("append");
    if (faults.hangs.has("append")) return;
    await wait(faults.latencyMs);
    const stream = Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
    const refusal =
      refused(call.metadata) ?? (faults.forbidden.some((prefix) => stream.startsWith(prefix)) ? refusals.accessDenied() : undefined);
    if (refusal !== undefined) return callback(refusal);
    if (events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0) > faults.maxAppendSize)
      return callback(refusals.tooLarge(faults.maxAppendSize));
    const expected = expectedBy(options);
    const outcome = ledger.append(stream, expected, events);
    if (faults.answersToLose > 0) {
      faults.answersToLose--;
      return house.dropConnections();
    }
    callback(null, appended(outcome, expected));
  };

  const read = async (call: ReadCall): Promise<void> => {
    const options = call.request.getOptions();
    const kind = options?.hasSubscription() ? "subscribe" : "read";
    house.calls.push(kind);
    if (faults.hangs.has(kind)) return;
    await wait(faults.latencyMs);
    const refusal = refused(call.metadata) ?? (await answered(call, options));
    if (refusal !== undefined) call.emit("error", refusal);
    else call.end();
  };
  const answered = async (call: ReadCall, options: ReturnType<ReadCall["request"]["getOptions"]>): Promise<Refusal | undefined> => {
    if (options?.hasSubscription() && options.hasAll()) return subscribeToAll(call, options, ledger);
    if (!options?.hasStream() || options.hasSubscription()) return refusals.unimplemented("this way of reading");
    await readStream(call, options, ledger);
    return undefined;
  };
  const unknown = (_call: unknown, callback: sendUnaryData<never>): void => callback(refusals.unimplemented("this call"));
  return {
    append,
    read,
    delete: unknown,
    tombstone: unknown,
    batchAppend: (call: ReadCall) => call.emit("error", refusals.unimplemented("it")),
  };
};

const expectedBy = (options: AppendReq.Options | undefined): number => {
  if (options?.hasRevision()) return Number(options.getRevision());
  return options?.hasNoStream() ? NO_STREAM : options?.hasStreamExists() ? EXISTS : ANY;
};

const proposed = (message: AppendReq.ProposedMessage): Proposed => ({
  id: message.getId()?.getString().toLowerCase() ?? "",
  type: message.getMetadataMap().get("type") ?? "",
  json: message.getMetadataMap().get("content-type") === "application/json",
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
});

export const gossipOf = ({ faults, address }: House): UntypedServiceImplementation => {
  const member = ({ host, port }: Endpoint, state: InstanceType<typeof gossip.MemberInfo> extends { getState(): infer S } ? S : never) => {
    const endpoint = new gossip.EndPoint();
    endpoint.setAddress(host);
    endpoint.setPort(port);
    const one = new gossip.MemberInfo();
    const id = new shared.UUID();
    id.setString("00000000-0000-4000-8000-000000000000");
    one.setInstanceId(id);
    one.setTimeStamp("0");
    one.setState(state);
    one.setIsAlive(true);
    one.setHttpEndPoint(endpoint);
    return one;
  };
  const { FOLLOWER, LEADER } = gossip.MemberInfo.VNodeState;
  return {
    read: (_call: ServerUnaryCall<Empty, ClusterInfo>, callback: sendUnaryData<ClusterInfo>) => {
      const answer = new gossip.ClusterInfo();
      const own = member(address(), faults.leader === undefined ? LEADER : FOLLOWER);
      answer.setMembersList(faults.leader === undefined ? [own] : [own, member(faults.leader, LEADER)]);
      callback(null, answer);
    },
  };
};

/** What it can, and no more. */
export const featuresOf = (): UntypedServiceImplementation => ({
  getSupportedMethods: (_call: ServerUnaryCall<Empty, SupportedMethods>, callback: sendUnaryData<SupportedMethods>) => {
    const answer = new features.SupportedMethods();
    answer.setEventStoreServerVersion("26.1.0");
    answer.setMethodsList(
      ["Append", "Read"].map((name) => {
        const method = new features.SupportedMethod();
        method.setServiceName("event_store.client.streams.Streams");
        method.setMethodName(name);
        return method;
      }),
    );
    callback(null, answer);
  },
});
