/** Role ingest: the doors through which facts come in. */
import { readFile } from "node:fs/promises";
import { ConfigError } from "../config.ts";
import type { Source } from "../domain/ports.ts";
import { createReceiver, type Receiver } from "../ingest/receive.ts";
import { readSources, type SourceSettings, SourcesError } from "../ingest/source-settings.ts";
import { runSources, type Topic } from "../ingest/sources.ts";
import type { World } from "./world.ts";

export type Ingest = {
  readonly receiver: Receiver;
  /** Ends when closed; rejects with a defect. */
  readonly done: Promise<unknown>;
  /** Takes nothing in from now on. Resolves when what was taken in is durable, and the topics know how far they were read. */
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
  const { logs, limits, clock, journal, meter } = world;
  const ports = { limits, clock, journal, meter };
  const receiver = createReceiver({ facts: logs.facts, ...ports });
  const closing = new AbortController();
  const done = runSources(topics, { receiver, ...ports }, closing.signal);
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.allSettled([done]);
    await receiver.drain();
  };
  return { receiver, done, close };
};
