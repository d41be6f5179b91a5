/**
 * An LMDB environment that one process owns, with group commit.
 *
 * **Acknowledged is on disk.** The environment is opened without `overlappingSync`, lmdb-js's default: a commit then writes its
 * pages, calls fdatasync, and writes the meta page through a descriptor opened with O_DSYNC, in this order (mdb_txn_commit:
 * mdb_page_flush, mdb_env_sync0, mdb_env_write_meta), and only after that are readers shown the transaction and is the promise
 * resolved. With overlapping sync the promise resolves and readers see the data before it is on disk.
 *
 * **One commit at a time; what arrives meanwhile shares the next.** fsync is the cost, so the load sets the size of the group.
 */
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type Database, open, type RootDatabase } from "lmdb";
import { AdapterError } from "../../domain/ports.ts";
import { lockDirectory } from "../directory-lock.ts";

export type Key = string | number;
export type Table = Database<Buffer, Key>;

/** Writes of one group, read back by later writes of the same group. */
export type Group = {
  get(table: Table, key: Key): Buffer | undefined;
  put(table: Table, key: Key, value: Buffer): void;
  remove(table: Table, key: Key): void;
};

/** Runs when its group is made; returns what to do and answer once the group is durable. Throwing refuses this write alone, and must come before its first put. */
export type Write<T> = (group: Group) => () => T;

type Waiting = {
  readonly write: Write<unknown>;
  readonly prepare: (() => Promise<void>) | undefined;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
};

/** No space, quota, file too large, and LMDB's own limit. */
const FULL = new Set<unknown>([28, 122, 27, -30_792, "ENOSPC", "EDQUOT", "EFBIG"]);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

/** LMDB reports a short write as an I/O error: it is a full disk when what was to be written does not fit what is free. */
const EIO = 5;
const isFull = (dir: string, cause: unknown, bytes: number): boolean => {
  const code = codeOf(cause);
  if (code !== EIO) return FULL.has(code);
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize < bytes + 64 * 1024;
};

const failed = (dir: string, cause: unknown, bytes: number): AdapterError => {
  if (cause instanceof AdapterError) return cause;
  if (isFull(dir, cause, bytes)) {
    const message = `The disk under ${dir} is full. Nothing of this write was kept. Make room and try again.`;
    return new AdapterError("full", message, { retryable: true, cause });
  }
  return new AdapterError("unavailable", `Writing to ${dir} failed: ${String(cause)}`, { retryable: true, cause });
};

type Puts = ReadonlyMap<Table, ReadonlyMap<Key, Buffer | undefined>>;

const sizeOf = (puts: Puts): number => {
  let bytes = 0;
  for (const entries of puts.values()) for (const value of entries.values()) bytes += value?.length ?? 0;
  return bytes;
};

/** Those that are ready, in order. */
const prepared = async (group: readonly Waiting[]): Promise<readonly Waiting[]> => {
  const outcomes = await Promise.allSettled(group.map(({ prepare }) => prepare?.()));
  return group.filter(({ reject }, i) => {
    const outcome = outcomes[i];
    if (outcome?.status === "rejected") reject(outcome.reason);
    return outcome?.status === "fulfilled";
  });
};

/** What answers may throw too (a restore that meets damage): that is this writer's news and must not stop the others. */
const answer = ({ resolve, reject }: Waiting, after: () => unknown): void => {
  try {
    resolve(after() as never);
  } catch (error) {
    reject(error);
  }
};

export class Environment {
  readonly dir: string;
  readonly file: string;
  readonly #root: RootDatabase<Buffer, Key>;
  readonly #unlock: () => void;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Throws AdapterError `in-use`. */
  constructor(dir: string, tables: number) {
    this.dir = dir;
    this.file = join(dir, "data.mdb");
    this.#unlock = lockDirectory(dir);
    try {
      this.#root = open<Buffer, Key>({ path: dir, maxDbs: tables, encoding: "binary", overlappingSync: false, eventTurnBatching: false });
    } catch (cause) {
      this.#unlock();
      throw failed(dir, cause, 0);
    }
  }

  table(name: string): Table {
    return this.#root.openDB<Buffer, Key>({ name, encoding: "binary" });
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** `prepare` runs first, when its group's turn has come. Resolves when durable. Throws AdapterError `full`, `unavailable`, `closed`, and what the write itself throws. */
  write<T>(write: Write<T>, prepare?: () => Promise<void>): Promise<T> {
    if (this.closed) return Promise.reject(new AdapterError("closed", `${this.dir} is closed.`, { retryable: false }));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ write, prepare, resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Waits for pending writes; later ones are refused. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#committing;
    try {
      await this.#root.close();
    } finally {
      this.#unlock();
    }
  }

  async #commitAll(): Promise<void> {
    // One turn of the microtasks, so that appends made together go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(await prepared(group));
      // Who was answered has more to write, and so has the engine, which reads what was written: two turns of the loop and they
      // share the next commit instead of taking one each.
      await turn();
      await turn();
    }
    this.#committing = undefined;
  }

  async #commit(waiting: readonly Waiting[]): Promise<void> {
    const puts = new Map<Table, Map<Key, Buffer | undefined>>();
    const of = (table: Table): Map<Key, Buffer | undefined> => {
      let entries = puts.get(table);
      if (entries === undefined) {
        entries = new Map();
        puts.set(table, entries);
      }
      return entries;
    };
    const group: Group = {
      get: (table, key) => {
        const entries = puts.get(table);
        return entries?.has(key) === true ? entries.get(key) : table.getBinary(key);
      },
      put: (table, key, value) => of(table).set(key, value),
      remove: (table, key) => of(table).set(key, undefined),
    };
    const done: (() => void)[] = [];
    const accepted: Waiting[] = [];
    for (const each of waiting) {
      try {
        const after = each.write(group);
        accepted.push(each);
        done.push(() => answer(each, after));
      } catch (error) {
        each.reject(error);
      }
    }
    try {
      if (puts.size > 0) await this.#put(puts);
    } catch (error) {
      const why = failed(this.dir, error, sizeOf(puts));
      for (const each of accepted) each.reject(why);
      return;
    }
    for (const tell of done) tell();
  }

  async #put(puts: Puts): Promise<void> {
    const batch = this.#root.batch(() => {
      for (const [table, entries] of puts) {
        for (const [key, value] of entries) void (value === undefined ? table.remove(key) : table.put(key, value));
      }
    });
    try {
      await batch;
    } catch (error) {
      // lmdb-js rejects with a message only; the reason comes on a promise of its own, which must be awaited or it goes unhandled.
      if (error instanceof Error && error.message.includes("Commit failed") && "commitError" in error) await error.commitError;
      throw error;
    }
  }
}
