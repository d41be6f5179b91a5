/** Processes of an earlier life of this server: known by a mark in their environment, which names who started them. Linux only. */
import { createHash } from "node:crypto";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import type { Journal } from "../../domain/ports.ts";

const MARK = "CHILD_OF_TALLYWIRE";

/** When a process began, in ticks since the machine did; undefined for none. With it a number that is used again is told apart. */
const begunAt = async (pid: number): Promise<string | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Its name stands in brackets and may hold some, and spaces.
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return state === undefined || state === "" || state === "Z" || state === "X" ? undefined : rest[18];
};

/**
 * Whose children they are: those of whoever works in this folder, in this numbering of processes. Of a container beside us we may see the
 * processes, but under other numbers than those they name.
 */
const homeOf = async (folder: string): Promise<string> => {
  const [{ dev, ino }, numbering] = [await stat(folder), await readlink("/proc/self/ns/pid").catch(() => "")];
  return createHash("sha256").update(`${dev}:${ino}:${numbering}`).digest("hex").slice(0, 16);
};

/** Name and value of the mark the children of this process get. */
export const markFor = async (folder: string): Promise<readonly [name: string, value: string]> => [
  MARK,
  `${await homeOf(folder)}:${process.pid}:${(await begunAt(process.pid)) ?? ""}`,
];

const markOf = async (pid: number): Promise<string | undefined> => {
  // Of processes of others, and of those that have just ended, nothing can be read.
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return environment
    .split("\0")
    .find((one) => one.startsWith(`${MARK}=`))
    ?.slice(MARK.length + 1);
};

/** Kills what processes that worked in this folder, and are gone, have left running. Says how many those were. */
export const endLeftovers = async (folder: string, journal: Pick<Journal, "warn">): Promise<number> => {
  const home = await homeOf(folder);
  const pids = (await readdir("/proc").catch((): string[] => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  let ended = 0;
  for (const pid of pids) {
    const [its, parent = "", begun] = (await markOf(pid))?.split(":") ?? [];
    if (its !== home || (await begunAt(Number(parent))) === begun) continue;
    try {
      process.kill(pid, "SIGKILL");
      ended += 1;
      journal.warn({ pid, parent: Number(parent) }, "A process that an earlier server had left running was ended");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH")
        journal.warn({ pid, error: String(error) }, "A process that an earlier server had left running cannot be ended");
    }
  }
  return ended;
};
