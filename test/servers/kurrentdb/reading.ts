/** Reading from the fake KurrentDB: streams either way, and filtered subscriptions to `$all` with the server's own pages and checkpoints. */
import { once } from "node:events";
import type { ServerWritableStream } from "@grpc/grpc-js";
import type { ReadReq, ReadResp } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import streams from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { caughtUp, checkpointReached, confirmed, eventRead, type Place, type Refusal, refusals, streamNotFound } from "./answers.ts";
import type { Ledger, Recorded } from "./ledger.ts";

export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;
type Options = ReadReq.Options;

const PAGE = 32;
const { BACKWARDS } = streams.ReadReq.Options.ReadDirection;

/** Waits where the client does not read. */
const send = async (call: ReadCall, answer: ReadResp): Promise<void> => {
  if (call.cancelled || call.write(answer)) return;
  const over = new AbortController();
  try {
    await Promise.race([once(call, "drain", over), once(call, "cancelled", over)]);
  } finally {
    over.abort();
  }
};

const isStructured = (options: Options): boolean => options.getUuidOption()?.hasStructured() === true;

export const readStream = async (call: ReadCall, options: Options, ledger: Ledger): Promise<void> => {
  const wanted = options.getStream();
  const name = Buffer.from(wanted?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
  const events = ledger.stream(name);
  if (events === undefined) return send(call, streamNotFound(name));
  const backwards = options.getReadDirection() === BACKWARDS;
  const from = wanted?.hasRevision() ? Number(wanted.getRevision()) : wanted?.hasEnd() ? Number.POSITIVE_INFINITY : 0;
  const chosen = backwards
    ? events.filter(({ revision }) => revision <= from).reverse()
    : events.filter(({ revision }) => revision >= from && from !== Number.POSITIVE_INFINITY);
  for (const event of chosen.slice(0, Number(options.getCount()))) await send(call, eventRead(event, isStructured(options)));
};

const matcher = (options: Options): ((event: Recorded) => boolean) => {
  const filter = options.getFilter();
  if (filter === undefined) return () => true;
  const expression = filter.getStreamIdentifier() ?? filter.getEventType();
  const regex = expression?.getRegex() ? new RegExp(expression.getRegex()) : undefined;
  const prefixes = expression?.getPrefixList() ?? [];
  return (event) => {
    const text = filter.hasStreamIdentifier() ? event.stream : event.type;
    return regex?.test(text) ?? prefixes.some((prefix) => text.startsWith(prefix));
  };
};

const after = (a: Place, b: Place): boolean => a.commit > b.commit || (a.commit === b.commit && a.prepare > b.prepare);
const placeOf = ({ position }: Recorded): Place => ({ commit: position, prepare: position });

class Subscription {
  readonly #call: ReadCall;
  readonly #ledger: Ledger;
  readonly #matches: (event: Recorded) => boolean;
  readonly #structured: boolean;
  readonly #filtered: boolean;
  readonly #window: number;
  readonly #interval: number;
  /** What was sent last: events after it are sent, and checkpoints not before it. */
  #sent: Place;
  #index = 0;

  constructor(call: ReadCall, options: Options, ledger: Ledger, from: Place) {
    this.#call = call;
    this.#ledger = ledger;
    this.#matches = matcher(options);
    this.#structured = isStructured(options);
    const filter = options.getFilter();
    this.#filtered = filter !== undefined;
    this.#window = filter?.hasMax() ? filter.getMax() : PAGE;
    this.#interval = this.#window * (filter?.getCheckpointintervalmultiplier() ?? 1);
    this.#sent = from;
  }

  async run(): Promise<Refusal | undefined> {
    const index = this.#ledger.indexAt(Math.max(0, this.#sent.commit));
    if (index === undefined) return refusals.invalidPosition();
    this.#index = index;
    await send(this.#call, confirmed(crypto.randomUUID()));
    await this.#catchUp();
    await send(this.#call, caughtUp());
    await this.#live();
    return undefined;
  }

  async #event(event: Recorded): Promise<void> {
    if (!after(placeOf(event), this.#sent) || !this.#matches(event)) return;
    await send(this.#call, eventRead(event, this.#structured));
    this.#sent = placeOf(event);
  }

  async #checkpoint(): Promise<void> {
    if (this.#filtered && this.#sent.commit >= 0) await send(this.#call, checkpointReached(this.#sent));
  }

  /** A page ends after so many events looked at or given. A checkpoint may be the place at which a page began, inside no record. */
  async #catchUp(): Promise<void> {
    let begun: Place = { commit: Math.max(0, this.#sent.commit), prepare: Math.max(0, this.#sent.prepare) };
    let counted = 0;
    while (!this.#call.cancelled) {
      let considered = 0;
      let given = 0;
      for (; this.#index < this.#ledger.records.length && considered < this.#window && given < PAGE; this.#index++, considered++) {
        const event = this.#ledger.records[this.#index] as Recorded;
        if (this.#matches(event)) given++;
        await this.#event(event);
      }
      if (considered > 0 && after(begun, this.#sent)) this.#sent = begun;
      counted += considered;
      const next = this.#ledger.records[this.#index];
      if (next === undefined) return this.#checkpoint();
      if (counted >= this.#interval) {
        counted %= this.#interval;
        await this.#checkpoint();
      }
      begun = { commit: next.position, prepare: 0 };
    }
  }

  async #live(): Promise<void> {
    let counted = 0;
    while (!this.#call.cancelled) {
      const event = this.#ledger.records[this.#index];
      if (event === undefined) {
        await this.#growth();
        continue;
      }
      this.#index++;
      await this.#event(event);
      if (++counted < this.#interval) continue;
      counted = 0;
      this.#sent = placeOf(event);
      await this.#checkpoint();
    }
  }

  #growth(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        takeBack();
        this.#call.off("cancelled", settle);
        resolve();
      };
      const takeBack = this.#ledger.onGrowth(settle);
      this.#call.once("cancelled", settle);
    });
  }
}

/** Runs until the client has gone, or says why it cannot. */
export const subscribeToAll = (call: ReadCall, options: Options, ledger: Ledger): Promise<Refusal | undefined> => {
  const all = options.getAll();
  const position = all?.getPosition();
  const last = ledger.records.at(-1);
  const end = last === undefined ? { commit: 0, prepare: 0 } : placeOf(last);
  const from = position
    ? { commit: Number(position.getCommitPosition()), prepare: Number(position.getPreparePosition()) }
    : all?.hasEnd()
      ? end
      : { commit: -1, prepare: -1 };
  return new Subscription(call, options, ledger, from).run();
};
