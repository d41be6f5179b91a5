/** All topics of others at once. */
import type { Source, Stop } from "../domain/ports.ts";
import { createTake, type SourceWorld } from "./source.ts";
import type { Reading } from "./source-settings.ts";

/** A connection, and how what comes through it is to be read. */
export type Topic = { readonly source: Source; readonly reading: Reading };

/** Until the signal; rejects with the first defect. */
export const runSources = (topics: readonly Topic[], world: SourceWorld, stop: Stop): Promise<unknown> =>
  Promise.all(topics.map(({ source, reading }) => source.run(createTake(reading, world), stop)));
