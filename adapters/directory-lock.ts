/**
 * One process owns a data directory. LMDB would let several open it, and each would believe it knew the log's end.
 * The lock is SQLite's exclusive lock on a small file: the kernel holds it, so kill -9 frees it at once and nothing stale can
 * block a start; it works alike on Linux, macOS and Windows and between containers on one machine. Node itself has no flock.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AdapterError } from "../domain/ports.ts";

const BUSY = 5;
const errcodeOf = (error: unknown): unknown => (error instanceof Error && "errcode" in error ? error.errcode : undefined);

/** Who holds it, for the message only: never a reason to break a lock. */
const holderOf = (dir: string): string => {
  try {
    return `process ${readFileSync(join(dir, "owner"), "utf8").trim()}`;
  } catch {
    return "another process";
  }
};

/** Returns what frees it. Throws AdapterError `in-use`. */
export const lockDirectory = (dir: string): (() => void) => {
  mkdirSync(dir, { recursive: true });
  const lock = new DatabaseSync(join(dir, "lock"), { timeout: 0 });
  try {
    // Nothing is ever written to it: an open exclusive transaction is the lock.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    if (errcodeOf(cause) !== BUSY) throw cause;
    const message = `${dir} is in use by ${holderOf(dir)}. Only one process may open it: stop that one, or give this one another directory.`;
    throw new AdapterError("in-use", message, { retryable: true, cause });
  }
  writeFileSync(join(dir, "owner"), `${process.pid}\n`);
  return () => lock.close();
};
