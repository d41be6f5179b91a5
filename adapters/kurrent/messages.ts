/** What is asked of KurrentDB and what it answers, in the client's generated code, as plain values. */
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import type { ReadResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import streams from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import type { Revision } from "../../domain/ports.ts";
import type { Place } from "./names.ts";

/** `data` and `metadata` are JSON. */
export type Proposed = { readonly id: string; readonly type: string; readonly data: string; readonly metadata: string };
/** `stream` is KurrentDB's name for it. `revision` counts from 1. */
export type Recorded = Proposed & { readonly stream: string; readonly revision: Revision; readonly place: Place };

/** What a subscription tells: an event, how far it has looked through the log, that it is at the end now. `undefined`: nothing more yet. */
export type Heard = { readonly record: Recorded } | { readonly reached: Place } | "caught up" | "something else" | undefined;
/** How many events the server looks through between two words of how far it is, where none of them is ours. */
const SEARCHED = 1000;

const named = (stream: string): InstanceType<typeof shared.StreamIdentifier> => {
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  return name;
};

export const appendRequests = (stream: string, current: Revision | "any", records: readonly Proposed[]) => {
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

export const readRequest = (stream: string, from: { readonly after: Revision; readonly most?: number | undefined } | "newest") => {
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
    options.setCount(String(from.most ?? Number.MAX_SAFE_INTEGER));
  }
  return request(options);
};

export const subscribeRequest = (prefix: string, after: Place | undefined) => {
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

export const recordedOf = (event: ReadResp.ReadEvent.RecordedEvent): Recorded => ({
  stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString(),
  id: event.getId()?.getString() ?? "",
  type: event.getMetadataMap().get("type") ?? "",
  revision: Number(event.getStreamRevision()) + 1,
  place: { commit: BigInt(event.getCommitPosition()), prepare: BigInt(event.getPreparePosition()) },
  data: Buffer.from(event.getData_asU8()).toString(),
  metadata: Buffer.from(event.getCustomMetadata_asU8()).toString(),
});

export const heard = (answer: ReadResp | null): Heard => {
  if (answer === null) return undefined;
  const event = answer.getEvent()?.getEvent();
  if (event !== undefined) return { record: recordedOf(event) };
  if (answer.hasCaughtUp()) return "caught up";
  const reached = answer.getCheckpoint();
  if (reached === undefined) return "something else";
  return { reached: { commit: BigInt(reached.getCommitPosition()), prepare: BigInt(reached.getPreparePosition()) } };
};
