/** Role ingest: the doors through which facts come in. */
import { readFile } from "node:fs/promises";
import { ConfigError } from "../config.ts";
import type { Source } from "../domain/ports.ts";
import { within } from "../domain/within.ts";
import { createReceiver, type Receiver } from "../ingest/receive.ts";
import { readSources, type SourceSettings, SourcesError } from "../ingest/source-settings.ts";
import { runSources, type Topic } from "../ingest/sources.ts";
import type { World } from "./world.ts";

export type Ingest = {
  readonly receiver: Receiver;
  /** Ends when closed; rejects with a defect. */
  readonly done: Promise<unknown>;
  /**
   * Takes nothing in from now on. Resolves when what was taken in is durable, and the topics know how far they were read; or after
   * `drainMs`, while the log is away: what is given up so was not acknowledged.
   */
  close(): Promise<void>;
};

/** The topics of others that a file names; none without a file. Throws ConfigError, and what `open` throws: before anything else is opened. */
export const topicsIn = async (file: string, open: (settings: SourceSettings) => Source): Promise<readonly Topic[]> => {
  if (file === "") return [];
  try {
    return readSources(await readFile(file, "utf8")).map((settings) => ({ source: open(settings), reading: settings }));
  } catch (error) {
    const isUnread = error instanceof Error && "code" in error && "syscall" in error;
    if (!isUnread && !(error instanceof SourcesError)) throw error;
    throw new ConfigError(error.message.split("\n").map((line) => `TALLYWIRE_SOURCES: ${file}: ${line}`));
  }
};

export const startIngest = (world: World, topics: readonly Topic[]): Ingest => {
  const { logs, limits, clock, journal, meter, sensors } = world;
  const ports = { limits, clock, journal, meter };
  const receiver = createReceiver({ facts: logs.facts, sensors, ...ports });
  const closing = new AbortController();
  const done = runSources(topics, { receiver, ...ports }, closing.signal);
  const close = async (): Promise<void> => {
    closing.abort();
    const drained = Promise.allSettled([done, receiver.drain()]);
    await within<unknown>({ clock }, limits.drainMs, drained, () =>
      journal.warn({}, "the log does not take what is under way: it is given up, and was not acknowledged"),
    );
  };
  return { receiver, done, close };
};
