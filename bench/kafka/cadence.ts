/** What a commit of how many frames does to throughput and to the wait: one engine process, small blocks, the log told how much to give at once. */
import { engineRow, filled } from "./engines.ts";
import type { Given, Row, Told } from "./part.ts";
import { inTurns, type Passes, startJob } from "./processes.ts";

/** One append after the other, so that its frames are a block in each partition. */
const PER_APPEND = 300;
const PER_BATCH = [50, 200, 500, 2000, 8000] as const;
const CHECKPOINT_FRAMES = 10_000;
const PASSES = 2;

export const cadence = async (given: Given): Promise<Told> => {
  const { partitions, quick } = given.size;
  const passes = Math.min(PASSES, given.size.passes);
  const rows: Row[] = [];
  for (const factsPerBatch of quick ? [50, 2000] : PER_BATCH) {
    const logs = await filled(given, { perAppend: PER_APPEND, atOnce: 1, count: passes + 1 });
    const driving = { urls: logs.urls, partitions, share: partitions, checkpointFrames: CHECKPOINT_FRAMES, factsPerBatch };
    const [measured] = (await inTurns([await startJob("engine", driving)], passes)) as [Passes];
    rows.push({ "frames a batch, at most": factsPerBatch, ...engineRow(measured, logs.objects) });
    await logs.drop();
  }
  return {
    title: `How much goes into one commit: one engine process, blocks of about ${Math.round(PER_APPEND / partitions)} frames`,
    rows,
    ratios: [],
  };
};
