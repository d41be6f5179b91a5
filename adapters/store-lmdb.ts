/** Streams of decisions in an LMDB environment of their own. Few and precious: one record an event, each with a checksum. */
import { createHash } from "node:crypto";
import {
  AdapterError,
  type Decided,
  type Decision,
  type EventStore,
  type Expected,
  type Position,
  type Revision,
} from "../domain/ports.ts";
import { packJson, unpackJson } from "./codec.ts";
import { Growth } from "./feed.ts";
import { Environment, type Group, type Table } from "./lmdb/environment.ts";
import { Damaged } from "./seal.ts";
import { followStore, revisionOfRepeat } from "./streams.ts";

const PER_BATCH = 1000;

/** Any text as a key of one length. */
const digest = (text: string): string => createHash("sha256").update(JSON.stringify(text)).digest("base64url");
const revisionKey = (stream: string, revision: Revision): string => `${stream}/${String(revision).padStart(16, "0")}`;

class LmdbStore implements EventStore {
  readonly #environment: Environment;
  readonly #growth = new Growth();
  /** All events by their place in the order of commitment, from 0. */
  readonly #events: Table;
  /** Stream and revision -> place. */
  readonly #streams: Table;
  /** Stream and event id -> revision. */
  readonly #ids: Table;
  /** Stream -> its revision; "" -> how many events there are. */
  readonly #heads: Table;
  readonly #bookmarks: Table;
  /** What is durable: the only thing readers are told. */
  #end: Position;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#events = environment.table("events");
    this.#streams = environment.table("streams");
    this.#ids = environment.table("ids");
    this.#heads = environment.table("heads");
    this.#bookmarks = environment.table("bookmarks");
    this.#end = this.#number(this.#heads.getBinary("end"), "heads/end");
  }

  append(stream: string, expected: Expected, events: readonly Decision[]): Promise<Revision> {
    const name = digest(stream);
    return this.#environment.write((group) => {
      const current = this.#number(group.get(this.#heads, `stream/${name}`), `heads/stream/${name}`);
      const repeat = revisionOfRepeat(stream, expected, events, current, (id) => {
        const known = group.get(this.#ids, `${name}/${digest(id)}`);
        return known === undefined ? undefined : this.#number(known, `ids/${name}`);
      });
      if (repeat !== undefined) return () => repeat;
      const end = this.#put(group, stream, name, current, events);
      return () => {
        this.#end = end;
        this.#growth.grown();
        return current + events.length;
      };
    });
  }

  async head(stream: string): Promise<Revision> {
    return this.#head(digest(stream));
  }

  async read(stream: string, after: Revision = 0, most = Number.POSITIVE_INFINITY): Promise<readonly Decided[]> {
    const name = digest(stream);
    const last = Math.min(this.#head(name), after + most);
    const all: Decided[] = [];
    for (let revision = after + 1; revision <= last; revision++) {
      const key = revisionKey(name, revision);
      all.push(this.#event(this.#number(this.#streams.getBinary(key), `streams/${key}`)));
    }
    return all;
  }

  follow(from: Position, signal?: Parameters<EventStore["follow"]>[1]): ReturnType<EventStore["follow"]> {
    return followStore(
      {
        growth: this.#growth,
        end: () => this.#end,
        batch: (at, to) => Array.from({ length: Math.min(to - at, PER_BATCH) }, (_, i) => this.#event(at + i)),
      },
      from,
      signal,
    );
  }

  async bookmark(name: string): Promise<Position> {
    return this.#number(this.#bookmarks.getBinary(digest(name)), `bookmarks/${name}`);
  }

  setBookmark(name: string, at: Position): Promise<void> {
    return this.#environment.write((group) => {
      group.put(this.#bookmarks, digest(name), packJson("state", at));
      return () => undefined;
    });
  }

  close(): Promise<void> {
    this.#growth.end();
    return this.#environment.close();
  }

  /** Gives the place after the last one. */
  #put(group: Group, stream: string, name: string, current: Revision, events: readonly Decision[]): Position {
    let place = this.#number(group.get(this.#heads, "end"), "heads/end");
    let revision = current;
    for (const { id, type, data, at, by } of events) {
      revision++;
      const decided: Decided = { id, type, data, at, stream, revision, ...(by === undefined ? {} : { by }) };
      group.put(this.#events, place, packJson("decision", decided));
      group.put(this.#streams, revisionKey(name, revision), packJson("state", place));
      group.put(this.#ids, `${name}/${digest(id)}`, packJson("state", revision));
      place++;
    }
    group.put(this.#heads, `stream/${name}`, packJson("state", revision));
    group.put(this.#heads, "end", packJson("state", place));
    return place;
  }

  #event(place: Position): Decided {
    return this.#checked(`events/${place}`, this.#events.getBinary(place), (stored) => unpackJson<Decided>("decision", stored));
  }

  #head(name: string): Revision {
    return this.#number(this.#heads.getBinary(`stream/${name}`), `heads/stream/${name}`);
  }

  /** 0 where there is none. */
  #number(stored: Buffer | undefined, name: string): number {
    return stored === undefined ? 0 : this.#checked(name, stored, (bytes) => unpackJson<number>("state", bytes));
  }

  #checked<T>(name: string, stored: Buffer | undefined, read: (stored: Buffer) => T): T {
    try {
      if (stored === undefined) throw new Damaged("it is missing");
      return read(stored);
    } catch (cause) {
      if (!(cause instanceof Damaged)) throw cause;
      // A decision cannot be left out: every later one was made with it in view. So there is no setting aside here.
      const message =
        `Record ${name} in ${this.#environment.file} is corrupt: ${cause.message}. ` +
        "Stop the program, copy the directory, and restore it from a copy made before: decisions cannot be skipped.";
      throw new AdapterError("corrupt", message, { retryable: false, cause });
    }
  }
}

/** Throws AdapterError `in-use`, `corrupt`, `full`. */
export const openLmdbStore = async (options: { readonly dir: string }): Promise<EventStore> => {
  const environment = new Environment(options.dir, 8);
  try {
    return new LmdbStore(environment);
  } catch (error) {
    await environment.close();
    throw error;
  }
};
