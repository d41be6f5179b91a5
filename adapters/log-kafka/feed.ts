/**
 * Reading a partition of a topic, with the promises of feed.ts: pull-based, in bounded batches, waiting when told to follow.
 *
 * A feed reads over a connection of its own, without a consumer group, and knows where it stands beyond what is no event (a
 * transaction's end, what was aborted). While its batches are worked at, the next lot is fetched already. One that follows is
 * patient while a broker is away; one that is bounded gives up when the client does.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Instant } from "../../domain/envelope.ts";
import { type Patience, patiently } from "../../domain/patience.ts";
import {
  AdapterError,
  type Batch,
  EVENTS_PER_RECORD,
  type Feed,
  type From,
  type Journal,
  type Position,
  type Stop,
} from "../../domain/ports.ts";
import { whenStopped } from "../../domain/stop.ts";
import { systemClock } from "../clock.ts";
import type { BatchLimits } from "../feed.ts";
import type { Fetched, KafkaClient, KafkaRecord, PartitionReader } from "../kafka/client.ts";
import { type Readers, UNDECIDED_MS, undecided } from "./readers.ts";

/** One partition of one topic, as a feed needs it. */
export type Readable<E> = {
  readonly client: KafkaClient;
  readonly readers: Readers;
  readonly journal: Journal;
  readonly topic: string;
  readonly partition: number;
  readonly limits: BatchLimits;
  /** Told when the log is closed. */
  readonly closing: Stop;
  /** Throws AdapterError `corrupt`, as `decode` does. */
  count(record: KafkaRecord): number;
  decode(record: KafkaRecord): readonly E[];
};

export type How = { readonly to?: Position; readonly follow?: boolean; readonly signal?: Stop };

const FOLLOW_WAIT_MS = 1000;
/** The longest pause between two tries. */
const PAUSE_MS = 1000;
const FETCH_BYTES = 2 * 1024 * 1024;

/** Where a feed begins and ends. `arrived`: what arrived before is passed over until the first that did not. */
type Span = { readonly at: Position; readonly until: Position; readonly arrived?: Instant };

/**
 * The end is settled when `read` is called: it is what the broker then had taken in, decided or not, so that what was
 * acknowledged before is always in it. To follow from the end is to follow from the first that was undecided then.
 */
const spanOf = async ({ client, topic, partition }: Readable<unknown>, from: From, { to, follow = false }: How): Promise<Span> => {
  if (follow && (from === "start" || typeof from === "number"))
    return { at: from === "start" ? 0 : from, until: to ?? Number.POSITIVE_INFINITY };
  const { stable, high } = await client.offsets(topic, partition);
  const until = follow ? (to ?? Number.POSITIVE_INFINITY) : Math.min(to ?? Number.POSITIVE_INFINITY, high * EVENTS_PER_RECORD);
  if (typeof from === "number") return { at: from, until };
  if (from === "start") return { at: 0, until };
  if (from === "end") return { at: (follow ? stable : high) * EVENTS_PER_RECORD, until };
  const arrived = Math.ceil(from.arrivedAt);
  if (arrived <= 0) return { at: 0, until, arrived };
  const first = await client.offsetAt(topic, partition, Math.min(arrived, Number.MAX_SAFE_INTEGER));
  return first === undefined ? { at: stable * EVENTS_PER_RECORD, until, arrived } : { at: first * EVENTS_PER_RECORD, until, arrived };
};

/** `asked` resolves when it is settled where the feed begins and ends; it never rejects. */
export const kafkaFeed = <E extends { readonly receivedAt: Instant }>(
  log: Readable<E>,
  from: From,
  how: How = {},
): { readonly feed: Feed<E>; readonly asked: Promise<void> } => {
  const asking = () => spanOf(log, from, how);
  const span = how.follow === true ? patiently(patienceOf(log, log.closing), { doing: `ask where ${log.topic} ends` }, asking) : asking();
  const asked = span.then(
    () => undefined,
    () => undefined,
  );
  return { asked, feed: { [Symbol.asyncIterator]: () => new Feeding(log, span, how) } };
};

/** For who follows; the client itself tries for half a minute, which is enough for anybody else. */
const patienceOf = ({ journal }: Readable<unknown>, stop: Stop): Patience => ({ clock: systemClock, journal, stop, pauseMs: PAUSE_MS });

class Feeding<E extends { readonly receivedAt: Instant }> implements AsyncIterator<Batch<E>, undefined> {
  readonly #log: Readable<E>;
  readonly #span: Promise<Span>;
  readonly #follow: boolean;
  readonly #ending = new AbortController();
  readonly #unhook: () => void;
  #interrupt: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #begun = false;
  #at: Position = 0;
  #until: Position = 0;
  #arrived: Instant | undefined;
  /** What was fetched, how much of it was given, and the offset behind it. */
  #records: readonly KafkaRecord[] = [];
  #taken = 0;
  #behind = 0;
  #reader: PartitionReader | undefined;
  #ahead: Promise<Fetched> | undefined;
  #fetching = false;
  #movedAt = performance.now();

  constructor(log: Readable<E>, span: Promise<Span>, { follow = false, signal }: How) {
    this.#log = log;
    this.#span = span;
    this.#follow = follow;
    const end = (): void => {
      this.#ending.abort();
      this.#interrupt?.();
    };
    const hooks = [log.closing, ...(signal === undefined ? [] : [signal])].map((stop) => whenStopped(stop, end));
    this.#unhook = () => {
      for (const unhook of hooks) unhook();
    };
  }

  /** Pulls made without waiting for the one before are answered in order. */
  next(): Promise<IteratorResult<Batch<E>, undefined>> {
    const pulled = this.#last.then(() => this.#pull());
    this.#last = pulled.catch(() => undefined);
    return pulled;
  }

  async return(): Promise<IteratorResult<Batch<E>, undefined>> {
    this.#ending.abort();
    this.#interrupt?.();
    await this.#leave();
    return { done: true, value: undefined };
  }

  async #pull(): Promise<IteratorResult<Batch<E>, undefined>> {
    // A reader that never waits for anything else must not keep the sockets waiting.
    await turn();
    try {
      await this.#begin();
      while (!this.#ending.signal.aborted && (this.#at < this.#until || this.#taken < this.#records.length)) {
        const batch = this.#take();
        if (batch !== undefined) return { done: false, value: batch };
        if (this.#at < this.#until) await this.#fill();
      }
    } catch (error) {
      await this.#drop();
      throw error;
    }
    await this.#leave();
    return { done: true, value: undefined };
  }

  async #begin(): Promise<void> {
    if (this.#begun) return;
    const span = await this.#orEnd(this.#span);
    if (span === undefined) return;
    this.#begun = true;
    this.#at = span.at;
    this.#until = span.until;
    this.#arrived = span.arrived;
    this.#movedAt = performance.now();
  }

  /** Events out of what was fetched. Undefined where more must be fetched first. */
  #take(): Batch<E> | undefined {
    const before = this.#at;
    const events: E[] = [];
    const positions: Position[] = [];
    let bytes = 0;
    for (; this.#taken < this.#records.length; this.#taken++) {
      const record = this.#records[this.#taken] as KafkaRecord;
      const base = record.offset * EVENTS_PER_RECORD;
      if (base + EVENTS_PER_RECORD <= this.#at || base >= this.#until) continue;
      const found = this.#open(record, events.length, bytes);
      if (found === undefined) return { partition: this.#log.partition, events, positions, next: this.#at };
      bytes += record.value?.length ?? 0;
      const end = Math.min(found.length, this.#until - base);
      for (let i = Math.max(0, this.#at - base); i < end; i++) {
        const event = found[i] as E;
        if (this.#arrived !== undefined && event.receivedAt < this.#arrived) continue;
        this.#arrived = undefined;
        events.push(event);
        positions.push(base + i);
      }
      this.#at = Math.min(base + EVENTS_PER_RECORD, this.#until);
    }
    this.#records = [];
    this.#taken = 0;
    this.#at = Math.max(this.#at, Math.min(this.#behind * EVENTS_PER_RECORD, this.#until));
    if (events.length === 0 && !(this.#follow && this.#at > before)) return undefined;
    return { partition: this.#log.partition, events, positions, next: this.#at };
  }

  /** Undefined when a batch that has so much already is to end before it: it would be too great, or it is damaged and comes next. */
  #open(record: KafkaRecord, events: number, bytes: number): readonly E[] | undefined {
    const { limits, count, decode } = this.#log;
    try {
      if (events > 0 && (events + count(record) > limits.events || bytes + (record.value?.length ?? 0) > limits.bytes)) return undefined;
      return decode(record);
    } catch (error) {
      // What stands before the damage is given first; the next pull meets it again, with nothing before it.
      if (events > 0 && error instanceof AdapterError) return undefined;
      throw error;
    }
  }

  async #fill(): Promise<void> {
    const { topic, partition } = this.#log;
    const patience = patienceOf(this.#log, this.#ending.signal);
    const reading = () => this.#fetched();
    const fetched = await this.#orEnd(this.#follow ? patiently(patience, { doing: "read", topic, partition }, reading) : reading());
    if (fetched === undefined) return;
    const now = performance.now();
    if (fetched.records.length > 0 || fetched.next > this.#offset()) this.#movedAt = now;
    else if (!this.#follow && now - this.#movedAt > UNDECIDED_MS) throw undecided();
    this.#records = fetched.records;
    this.#taken = 0;
    this.#behind = fetched.next;
    if (fetched.records.length > 0 && fetched.next * EVENTS_PER_RECORD < this.#until) this.#ahead = this.#fetch(fetched.next);
  }

  async #fetched(): Promise<Fetched> {
    const ahead = this.#ahead ?? this.#fetch(this.#offset());
    this.#ahead = undefined;
    try {
      return await ahead;
    } catch (error) {
      await this.#drop();
      throw error;
    }
  }

  #fetch(offset: number): Promise<Fetched> {
    const { readers, topic, partition } = this.#log;
    this.#reader ??= readers.take(topic, partition);
    this.#fetching = true;
    const fetching = this.#reader.fetch(offset, { waitMs: FOLLOW_WAIT_MS, maxBytes: FETCH_BYTES, signal: this.#ending.signal });
    const done = (): void => {
      this.#fetching = false;
    };
    // Whoever comes for it hears of an error then.
    fetching.then(done, done);
    return fetching;
  }

  #offset(): number {
    return Math.max(this.#behind, Math.floor(this.#at / EVENTS_PER_RECORD));
  }

  /** What comes first; undefined at the end. One reaction a promise: racing against one that lives as long as the feed would keep them all. */
  #orEnd<T>(promise: Promise<T>): Promise<T | undefined> {
    if (this.#ending.signal.aborted) {
      promise.catch(() => undefined);
      return Promise.resolve(undefined);
    }
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  async #leave(): Promise<void> {
    this.#ending.abort();
    this.#unhook();
    const { readers, topic, partition } = this.#log;
    if (this.#fetching || this.#follow || this.#reader === undefined) return this.#drop();
    const reader = this.#reader;
    this.#reader = undefined;
    await readers.giveBack(topic, partition, reader);
  }

  /** What is left of the fetched is met again by the next pull. */
  async #drop(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#ahead = undefined;
    await reader?.close();
  }
}
