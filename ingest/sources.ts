/** All topics of others at once. */
import type { Source, Stop } from "../domain/ports.ts";
import { createTake, type SourceWorld } from "./source.ts";
import type { SourceSettings } from "./source-settings.ts";

/** Until the signal; rejects with the first defect. `open` makes the connection a source is read through. */
export const runSources = async (
  sources: readonly SourceSettings[],
  { open, ...world }: SourceWorld & { readonly open: (settings: SourceSettings) => Source },
  stop: Stop,
): Promise<void> => {
  await Promise.all(sources.map((settings) => open(settings).run(createTake(settings, world), stop)));
};
