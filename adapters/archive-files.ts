/** An archive as compressed files of lines (adapters/archive/names.ts says which): any program that knows gzip and JSON can read them. */
import { readFile } from "node:fs/promises";
import type { Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import { AdapterError, type Archive, type Log, type Position } from "../domain/ports.ts";
import { createTurns } from "../domain/turns.ts";
import { appendPart, logFolder, place, progressFile, refused } from "./archive/names.ts";
import { readBase, readFacts } from "./archive/read.ts";
import { dayOf, takeDay } from "./archive/take.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Where the day ends on which the first fact at or after `from` arrived, at most `to`. Undefined where that day goes on, or there is no fact. */
const endOfDay = async (
  facts: Pick<Log<Fact>, "read">,
  partition: number,
  from: Position,
  { to, arrivedBefore }: { readonly to: Position; readonly arrivedBefore: Instant },
): Promise<Position | undefined> => {
  for await (const { events } of facts.read(partition, from, { to })) {
    const [first] = events;
    if (first === undefined) continue;
    const midnight = Date.parse(`${dayOf(first.receivedAt)}T00:00:00.000Z`) + DAY_MS;
    if (midnight > arrivedBefore) return undefined;
    for await (const { positions } of facts.read(partition, { arrivedAt: midnight }, { to })) {
      const next = positions.find((position) => position > from);
      // Arrivals are as good as in order, no better: a day is never empty.
      if (next !== undefined) return next;
    }
    return to;
  }
  return undefined;
};

/** `root`: the folder of the archive. `epoch`: that of the facts, for positions of another mean nothing here. */
export const openArchive = (root: string, epoch: string): Archive => {
  const folder = logFolder(root, epoch);
  const turn = createTurns();

  const upTo = async (partition: number): Promise<Position | undefined> => {
    try {
      return (JSON.parse(await readFile(progressFile(folder, partition), "utf8")) as { readonly upTo: Position }).upTo;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      if (error instanceof SyntaxError)
        throw new AdapterError("corrupt", `${progressFile(folder, partition)} is damaged: ${error.message}`, {
          retryable: false,
          cause: error,
        });
      return refused("The archive cannot be read")(error);
    }
  };

  const setUpTo = async (partition: number, position: Position): Promise<void> => {
    const path = progressFile(folder, partition);
    await appendPart(path, Buffer.from(`${JSON.stringify({ upTo: position })}\n`), true);
    await place(path);
  };

  const take: Archive["take"] = async (logs, partition, how) => {
    const { pause, stop } = how;
    let taken = 0;
    const { start } = await logs.facts.bounds(partition);
    for (let from = Math.max((await upTo(partition)) ?? 0, start); from < how.to && !stop.aborted; ) {
      const end = await endOfDay(logs.facts, partition, from, how);
      if (end === undefined) break;
      const facts = await takeDay({ folder, logs, partition, from, to: end, pause, stop });
      if (facts === undefined) break;
      await setUpTo(partition, end);
      taken += facts;
      from = end;
    }
    return taken;
  };

  return {
    upTo,
    take: (logs, partition, how) =>
      turn(String(partition), () => take(logs, partition, how).catch(refused("The archive cannot be written"))),
    read: (camera, from, to) => readFacts(folder, camera, from, to),
    baseBefore: (camera, position) => readBase(folder, camera, position),
  };
};
