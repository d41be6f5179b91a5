import { type ArchiveWish, JobFailure, type Work } from "../../domain/job.ts";
import type { Archive, Clock, Logs } from "../../domain/ports.ts";

type Parts = {
  readonly archive: Archive | undefined;
  readonly logs: Pick<Logs, "facts" | "baseBefore">;
  readonly clock: Pick<Clock, "now">;
};

/** Takes into the archive what arrived on days that ended before an instant: what it has already is passed over, so a run begun again goes on. */
export const archiveWork =
  ({ archive, logs, clock }: Parts): Work<ArchiveWish> =>
  async ({ wish, stop, progress, pause }) => {
    if (archive === undefined) throw new JobFailure("There is no archive: TALLYWIRE_ARCHIVE names its folder.");
    const { partitions } = logs.facts;
    const arrivedBefore = Math.min(wish.before, clock.now());
    let facts = 0;
    for (let partition = 0; partition < partitions && !stop.aborted; partition++) {
      progress(partition, partitions);
      const { end: to } = await logs.facts.bounds(partition);
      facts += await archive.take(logs, partition, { to, arrivedBefore, pause, stop });
    }
    progress(partitions, partitions);
    return { facts };
  };
