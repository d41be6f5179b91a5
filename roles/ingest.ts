/** Role ingest: the doors through which facts come in. */
import { readFile } from "node:fs/promises";
import type { Source } from "../domain/ports.ts";
import { createReceiver, type Receiver } from "../ingest/receive.ts";
import { readSources, type SourceSettings } from "../ingest/source-settings.ts";
import { runSources } from "../ingest/sources.ts";
import type { World } from "./world.ts";

export type Ingest = {
  readonly receiver: Receiver;
  /** Ends when stopped. */
  readonly done: Promise<void>;
};

/** `openSource` connects to a topic of others. Throws SourcesError for a file of sources that cannot be. */
export const startIngest = async (world: World, openSource: (settings: SourceSettings) => Source): Promise<Ingest> => {
  const { config, logs, limits, clock, journal, meter, stop } = world;
  const ports = { limits, clock, journal, meter };
  const settings = config.SOURCES === "" ? [] : readSources(await readFile(config.SOURCES, "utf8"));
  const receiver = createReceiver({ facts: logs.facts, ...ports });
  return { receiver, done: runSources(settings, { receiver, open: openSource, ...ports }, stop) };
};
