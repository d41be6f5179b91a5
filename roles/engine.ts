/** Role engine: owns partitions of the facts, derives, commits. */
import { type Driven, type DriveParts, drive } from "../analytics/drive.ts";
import type { Watch } from "../analytics/engine.ts";
import type { Config } from "../config.ts";
import { AdapterError, type Owned, type Release, type Stop } from "../domain/ports.ts";
import { createSeldom } from "../domain/seldom.ts";
import { createStop } from "../domain/stop.ts";
import type { World } from "./world.ts";

/** Milliseconds before an owner whose log failed for a while tries again. */
const RETRY_MS = 1000;
/** Milliseconds between two lines about the same trouble: a full disk must not fill the journal too. */
const SAY_MS = 60_000;
/** Milliseconds an owner is waited for once the partition is lost: it may be asking a log that does not answer. */
const LAST_MS = 7_000;

/** An owner whose log fails for a while (a full disk) starts over from the last commit; one that is fenced or has lost the partition lets go. */
export const owner =
  (parts: DriveParts, config: Config) =>
  async (owned: Owned, driven: Driven): Promise<void> => {
    const lost = createStop();
    const returned = createStop();
    /** What is left behind can do no harm: the log takes nothing more from it. */
    const late = owned.lost.then(async () => {
      lost.stop();
      await parts.clock.sleep(LAST_MS, returned.signal);
      if (!returned.signal.aborted) parts.journal.warn({ partition: owned.partition }, "partition let go while the log did not answer");
    });
    try {
      await Promise.race([driving(parts, config, owned, driven, lost.signal), late]);
    } finally {
      returned.stop();
    }
  };

const driving = async (parts: DriveParts, config: Config, owned: Owned, driven: Driven, lost: Stop): Promise<void> => {
  const options = { checkpointMs: config.CHECKPOINT_SECONDS * 1000, checkpointFrames: config.CHECKPOINT_FRAMES };
  const seldom = createSeldom(parts.clock, 1, SAY_MS);
  for (;;) {
    try {
      return await drive(parts, options, owned, driven);
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      const { partition } = owned;
      if (error.code === "fenced") return parts.journal.warn({ partition }, "partition taken by another owner");
      if (!error.retryable) throw error;
      if (lost.aborted) return parts.journal.warn({ err: error, partition }, "partition let go while the log did not answer");
      seldom(() => parts.journal.error({ err: error, partition }, "the log cannot take what was derived; it is tried until it does"));
      await parts.clock.sleep(RETRY_MS, lost);
      if (lost.aborted) return;
    }
  }
};

export type Engine = {
  /** The partitions this process owns now. */
  readonly driven: ReadonlyMap<number, Driven>;
  /** Lets the partitions go: what was stepped is committed, the memory is checkpointed. */
  readonly release: Release;
};

export const startEngine = async ({ config, logs, fail, ...ports }: World): Promise<Engine> => {
  const { meter, journal } = ports;
  const watch: Watch = {
    late: ({ tenant }) => meter.count("tallywire_late_frames_total", 1, { tenant }),
    clockReset: ({ tenant }) => meter.count("tallywire_clock_resets_total", 1, { tenant }),
  };
  const driven = new Map<number, Driven>();
  const own = owner({ logs, ...ports, watch }, config);
  const release = await logs.claim(async (owned) => {
    const { partition } = owned;
    const mine: Driven = { position: 0, caughtUp: false, stopped: [] };
    driven.set(partition, mine);
    journal.debug({ partition }, "a partition is owned");
    try {
      await own(owned, mine);
    } catch (error) {
      fail(error);
    } finally {
      // The next owner of the same partition may be this process again.
      if (driven.get(partition) === mine) driven.delete(partition);
    }
  });
  return { driven, release };
};
