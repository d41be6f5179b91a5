/** The server's answers and refusals as messages of the client's own generated code. */
import { type Metadata, Metadata as newMetadata, type StatusObject, status } from "@grpc/grpc-js";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import type { AppendResp, ReadResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import streams from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { ANY, EXISTS, NO_STREAM, type Outcome, type Recorded } from "./ledger.ts";

export type Place = { readonly commit: number; readonly prepare: number };
export type Endpoint = { readonly host: string; readonly port: number };
export type Refusal = Partial<StatusObject>;

const TICKS_PER_MS = 10_000n;

const refusal = (code: status, details: string, exception?: string, more: Readonly<Record<string, string>> = {}): Refusal => {
  const metadata: Metadata = new newMetadata();
  if (exception !== undefined) metadata.set("exception", exception);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return { code, details, metadata };
};

export const refusals = {
  notLeader: ({ host, port }: Endpoint) =>
    refusal(status.NOT_FOUND, "Leader info available", "not-leader", {
      "leader-endpoint-host": host,
      "leader-endpoint-port": String(port),
    }),
  notReady: () => refusal(status.UNAVAILABLE, "Server Is Not Ready"),
  accessDenied: () => refusal(status.PERMISSION_DENIED, "Access Denied", "access-denied"),
  unauthenticated: () => refusal(status.UNAUTHENTICATED, "No such user, or another password."),
  invalidPosition: () => refusal(status.INVALID_ARGUMENT, "The position is not valid."),
  tooLarge: (most: number) =>
    refusal(status.INVALID_ARGUMENT, `Maximum Append Size of ${most} Exceeded.`, "maximum-append-size-exceeded", {
      "maximum-append-size": String(most),
    }),
  unimplemented: (what: string) => refusal(status.UNIMPLEMENTED, `This fake does not know ${what}.`),
};

export const appended = (outcome: Outcome, expected: number): AppendResp => {
  const answer = new streams.AppendResp();
  const empty = new shared.Empty();
  if (outcome.done) {
    const success = new streams.AppendResp.Success();
    if (outcome.revision < 0) success.setNoStream(empty);
    else success.setCurrentRevision(String(outcome.revision));
    const position = new streams.AppendResp.Position();
    position.setCommitPosition(String(outcome.position));
    position.setPreparePosition(String(outcome.position));
    success.setPosition(position);
    answer.setSuccess(success);
    return answer;
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (outcome.current < 0) wrong.setCurrentNoStream(empty);
  else wrong.setCurrentRevision(String(outcome.current));
  if (expected === ANY) wrong.setExpectedAny(empty);
  else if (expected === EXISTS) wrong.setExpectedStreamExists(empty);
  else if (expected === NO_STREAM) wrong.setExpectedNoStream(empty);
  else wrong.setExpectedRevision(String(expected));
  answer.setWrongExpectedVersion(wrong);
  return answer;
};

const uuid = (id: string, structured: boolean): InstanceType<typeof shared.UUID> => {
  const answer = new shared.UUID();
  if (!structured) {
    answer.setString(id);
    return answer;
  }
  const bits = BigInt(`0x${id.replaceAll("-", "")}`);
  const halves = new shared.UUID.Structured();
  halves.setMostSignificantBits(String(BigInt.asIntN(64, bits >> 64n)));
  halves.setLeastSignificantBits(String(BigInt.asIntN(64, bits)));
  answer.setStructured(halves);
  return answer;
};

/** `structured`: ids in two halves, as the reader asked. */
export const eventRead = (event: Recorded, structured: boolean): ReadResp => {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(uuid(event.id, structured));
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(event.stream));
  recorded.setStreamIdentifier(name);
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.position));
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const metadata = recorded.getMetadataMap();
  metadata.set("type", event.type);
  metadata.set("content-type", event.json ? "application/json" : "application/octet-stream");
  metadata.set("created", String(BigInt(event.created) * TICKS_PER_MS));
  const read = new streams.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  const answer = new streams.ReadResp();
  answer.setEvent(read);
  return answer;
};

export const streamNotFound = (stream: string): ReadResp => {
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  const missing = new streams.ReadResp.StreamNotFound();
  missing.setStreamIdentifier(name);
  const answer = new streams.ReadResp();
  answer.setStreamNotFound(missing);
  return answer;
};

export const confirmed = (id: string): ReadResp => {
  const confirmation = new streams.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(id);
  const answer = new streams.ReadResp();
  answer.setConfirmation(confirmation);
  return answer;
};

export const checkpointReached = ({ commit, prepare }: Place): ReadResp => {
  const checkpoint = new streams.ReadResp.Checkpoint();
  checkpoint.setCommitPosition(String(commit));
  checkpoint.setPreparePosition(String(prepare));
  const answer = new streams.ReadResp();
  answer.setCheckpoint(checkpoint);
  return answer;
};

export const caughtUp = (): ReadResp => {
  const answer = new streams.ReadResp();
  answer.setCaughtUp(new streams.ReadResp.CaughtUp());
  return answer;
};
