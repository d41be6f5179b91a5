/** Streams of decisions in KurrentDB. Its server sees to expected revisions; ours is that the same ids again are the same events, whatever is expected. */
import { setTimeout as pause } from "node:timers/promises";
import {
  AdapterError,
  type Decided,
  type Decision,
  type EventStore,
  type Expected,
  type Journal,
  type Position,
  type Revision,
} from "../domain/ports.ts";
import { type KurrentAddress, readConnectionString } from "./kurrent/address.ts";
import { type Calls, openCalls } from "./kurrent/calls.ts";
import { idOf, notOurs, parsed, proposedOf, wholeFrom } from "./kurrent/decided.ts";
import { Following } from "./kurrent/follow.ts";
import { bookmarkName, streamName } from "./kurrent/names.ts";
import { Patience } from "./kurrent/patience.ts";
import { revisionOfRepeat } from "./streams.ts";

/** A stream as far as it was read: which id stands where. */
type Known = { revision: Revision; readonly ids: Map<string, Revision> };
const STREAMS_KNOWN = 1000;

const overtaken = (stream: string): AdapterError =>
  new AdapterError("unavailable", `${stream} is being changed by others at the same time.`, { retryable: true });

/** Of the last attempt it tells only how little time was left: what was wrong before is the reason. */
const isTimeout = (error: unknown): boolean => error instanceof AdapterError && error.code === "timeout";

class KurrentStore implements EventStore {
  readonly #address: KurrentAddress;
  readonly #calls: Calls;
  readonly #journal: Journal;
  readonly #known = new Map<string, Known>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #writing = new Set<Promise<unknown>>();
  readonly #following = new Set<Following>();
  readonly #bookmarks = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(address: KurrentAddress, journal: Journal) {
    this.#journal = journal;
    this.#address = address;
    this.#calls = openCalls(address);
  }

  async append(stream: string, expected: Expected, events: readonly Decision[]): Promise<Revision> {
    const decisions = events.map((event) => ({ ...event, id: idOf(event.id) }));
    return this.#write(stream, () =>
      // The first attempt believes what is known: where that is behind, the server refuses, and nothing has happened.
      this.#steadily((leftMs, attempt) => this.#appended(stream, expected, decisions, attempt === 1, leftMs)),
    );
  }

  async read(stream: string, after: Revision = 0, most?: number): Promise<readonly Decided[]> {
    this.#open();
    return this.#steadily(async (leftMs) => {
      const decided = await this.#from(stream, after, leftMs, most);
      if (after === 0 && most === undefined)
        this.#know(stream, { revision: decided.length, ids: new Map(decided.map(({ id, revision }) => [id, revision])) });
      return decided;
    });
  }

  async head(stream: string): Promise<Revision> {
    this.#open();
    return this.#steadily(async (leftMs) => {
      const newest = await this.#calls.read(streamName(this.#address.prefix, stream), "newest", leftMs);
      return newest?.[0]?.revision ?? 0;
    });
  }

  follow(from: Position, signal?: Parameters<EventStore["follow"]>[1]): ReturnType<EventStore["follow"]> {
    return {
      [Symbol.asyncIterator]: () => {
        const following = new Following(this.#calls, this.#address, this.#journal, from, () => this.#following.delete(following));
        if (this.#closing !== undefined) following.stop();
        else this.#following.add(following);
        return following.batches(signal);
      },
    };
  }

  async bookmark(name: string): Promise<Position> {
    this.#open();
    return this.#steadily((leftMs) => this.#bookmark(name, leftMs));
  }

  async setBookmark(name: string, at: Position): Promise<void> {
    const stream = bookmarkName(this.#address.prefix, name);
    const record = { id: crypto.randomUUID(), type: "bookmark", data: JSON.stringify({ position: at }), metadata: "{}" };
    await this.#write(stream, () =>
      this.#steadily(async (leftMs) => {
        if (!this.#bookmarks.has(name)) await this.#keepNewest(name, stream, leftMs);
        // Twice the same position would do no harm.
        await this.#calls.append(stream, "any", [record], leftMs);
      }),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const following of [...this.#following]) following.stop();
    await Promise.allSettled(this.#writing);
    await this.#calls.close();
  }

  #open(): void {
    if (this.#closing !== undefined) throw new AdapterError("closed", "The store is closed.", { retryable: false });
  }

  /** One after the other for each stream, so that only other processes can be in the way; what was begun is done before the store closes. */
  #write<T>(stream: string, work: () => Promise<T>): Promise<T> {
    this.#open();
    const before = this.#turns.get(stream) ?? Promise.resolve();
    const mine = before.then(work, work);
    const done = (): void => {
      this.#writing.delete(mine);
      if (this.#turns.get(stream) === mine) this.#turns.delete(stream);
    };
    this.#turns.set(stream, mine);
    this.#writing.add(mine);
    mine.then(done, done);
    return mine;
  }

  /** What may pass is tried again, with the same ids, as long as a call may take; not once the store is being closed. */
  async #steadily<T>(work: (leftMs: number, attempt: number) => Promise<T>): Promise<T> {
    const patience = new Patience(this.#address.deadlineMs);
    let before: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(patience.leftMs, attempt);
      } catch (error) {
        const pauseMs = patience.pauseMs(error);
        if (pauseMs === undefined || this.#closing !== undefined) throw before !== undefined && isTimeout(error) ? before : error;
        before = error;
        await pause(pauseMs);
      }
    }
  }

  async #appended(stream: string, expected: Expected, events: readonly Decision[], first: boolean, leftMs: number): Promise<Revision> {
    const remembered = first && events.length > 0 ? this.#known.get(stream) : undefined;
    const fits = remembered !== undefined && (expected === "any" || expected === remembered.revision);
    const known = fits ? remembered : await this.#learn(stream, leftMs);
    const repeat = revisionOfRepeat(stream, expected, events, known.revision, (id) => known.ids.get(id));
    if (repeat !== undefined) return repeat;
    const done = await this.#calls.append(streamName(this.#address.prefix, stream), known.revision, events.map(proposedOf), leftMs);
    if (!done) {
      this.#known.delete(stream);
      throw overtaken(stream);
    }
    for (const { id } of events) known.ids.set(id, ++known.revision);
    return known.revision;
  }

  async #learn(stream: string, leftMs: number): Promise<Known> {
    const known = this.#known.get(stream) ?? { revision: 0, ids: new Map() };
    for (const { id } of await this.#from(stream, known.revision, leftMs)) known.ids.set(id, ++known.revision);
    this.#know(stream, known);
    return known;
  }

  #know(stream: string, known: Known): void {
    this.#known.delete(stream);
    this.#known.set(stream, known);
    if (this.#known.size > STREAMS_KNOWN) for (const oldest of this.#known.keys()) if (this.#known.delete(oldest)) break;
  }

  async #from(stream: string, after: Revision, leftMs: number, most?: number): Promise<readonly Decided[]> {
    const records = await this.#calls.read(streamName(this.#address.prefix, stream), { after, most }, leftMs);
    return wholeFrom(stream, after, records);
  }

  async #bookmark(name: string, leftMs: number): Promise<Position> {
    const stream = bookmarkName(this.#address.prefix, name);
    const newest = (await this.#calls.read(stream, "newest", leftMs))?.[0];
    if (newest === undefined) return 0;
    const { position } = (parsed(stream, newest.revision, newest.data) ?? {}) as { readonly position?: unknown };
    if (!Number.isSafeInteger(position)) throw notOurs(stream, newest.revision, "it has no position");
    return position as Position;
  }

  /** A bookmark's stream keeps its newest event only. */
  async #keepNewest(name: string, stream: string, leftMs: number): Promise<void> {
    if ((await this.#calls.read(`$$${stream}`, "newest", leftMs)) === undefined) {
      const metadata = { id: crypto.randomUUID(), type: "$metadata", data: JSON.stringify({ $maxCount: 1 }), metadata: "{}" };
      await this.#calls.append(`$$${stream}`, "any", [metadata], leftMs);
    }
    this.#bookmarks.add(name);
  }
}

/**
 * Connects with the first call: a server that is away makes calls fail, not this. Every call throws AdapterError: `unavailable` and
 * `timeout` (retryable) when it was tried for as long as `defaultDeadline` says (10 s), `bad-query` for what the server refuses,
 * `too-large`, and `corrupt` for a stream others have truncated or written to. Throws `bad-query` for a connection string it cannot use.
 */
export const openKurrentStore = async ({ url, journal }: { readonly url: string; readonly journal: Journal }): Promise<EventStore> =>
  new KurrentStore(readConnectionString(url), journal);
