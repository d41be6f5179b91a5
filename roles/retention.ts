/** Old facts are dropped, and before that archived where there is an archive. */
import type { Config } from "../config.ts";
import { AdapterError, type Position } from "../domain/ports.ts";
import { DAY_MS } from "../settings.ts";
import type { World } from "./world.ts";

const RETAIN_EVERY_MS = 60 * 60 * 1000;
/** Soon after a start too: a server that is started again every half hour must drop old facts all the same. */
const FIRST_RETAIN_MS = 60 * 1000;

type Parts = Pick<World, "clock" | "journal" | "logs" | "archive" | "createPause" | "stop"> & {
  readonly config: Pick<Config, "FACTS_DAYS" | "FACTS_BYTES">;
};

/**
 * Up to where the partition's facts are needed by nobody else: the projector has `passed` them, and they are archived. The day under way is
 * archived when it is over, so its facts stay, whatever their size.
 */
const keepFrom = async (
  { logs, archive, clock, journal, createPause, stop }: Parts,
  partition: number,
  passed: Position,
): Promise<Position> => {
  if (archive === undefined) return passed;
  try {
    const facts = await archive.take(logs, partition, { to: passed, arrivedBefore: clock.now(), pause: createPause(), stop });
    if (facts > 0) journal.info({ facts, partition }, "facts archived");
    return Math.min(passed, (await archive.upTo(partition)) ?? 0);
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    // A disk that is full, or a file that is damaged, is a matter of the archive: nothing is dropped meanwhile.
    journal.error({ err: error, partition }, "facts could not be archived, and none is dropped; it is tried again");
    return 0;
  }
};

/** A full disk is when it is needed most, and may be why a drop fails: then it is tried again at the next look. `passed`: 0 for a partition of others. */
export const retention = async (world: Parts, passed: (partition: number) => Position): Promise<void> => {
  const { logs, config, clock, journal, stop } = world;
  for (let waitMs = FIRST_RETAIN_MS; ; waitMs = RETAIN_EVERY_MS) {
    await clock.sleep(waitMs, stop);
    if (stop.aborted) return;
    const kept: Position[] = [];
    for (let partition = 0; partition < logs.facts.partitions; partition++) {
      kept.push(await keepFrom(world, partition, passed(partition)));
      if (stop.aborted) return;
    }
    const policy = { arrivedBefore: clock.now() - config.FACTS_DAYS * DAY_MS, maxBytes: config.FACTS_BYTES, keepFrom: kept };
    try {
      const dropped = await logs.retain(policy);
      if (dropped > 0) journal.info({ records: dropped }, "old facts dropped");
    } catch (error) {
      if (!(error instanceof AdapterError && error.retryable)) throw error;
      journal.error({ err: error }, "old facts could not be dropped; it is tried again");
    }
  }
};
