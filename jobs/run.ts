/** One run of a job: what its work is given, and what is decided and told of it meanwhile. */
import type { Json } from "../domain/envelope.ts";
import { type Job, JobFailure, type Run } from "../domain/job.ts";
import { bytesOf, type HeldJob, isRunning, type JobCommand } from "../domain/job-decider.ts";
import type { Limits } from "../domain/limits.ts";
import { patiently } from "../domain/patience.ts";
import { AdapterError, type Clock, type Journal } from "../domain/ports.ts";
import { createStop } from "../domain/stop.ts";
import type { Results } from "./results.ts";
import { decideJob, type JobStreams } from "./standing.ts";
import type { Watchers } from "./watchers.ts";

/** Milliseconds between two times watchers are told how far a job is, and between two times it is decided. */
const TOLD_MS = 250;
const DECIDED_MS = 2000;
/** How much further it has to be, of the whole: the store keeps every decision. */
const DECIDED_STEP = 0.01;
/** Of writes, a run has fewer. */
const TURNS_A_RUN = 2 ** 28;

export type RunWorld = {
  readonly streams: JobStreams;
  readonly results: Results;
  readonly watchers: Watchers;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly limits: Limits;
  /** The pause of one run. */
  readonly createPause: () => () => Promise<void>;
  /** Told of a defect in what goes on beside the work. */
  readonly fail: (error: unknown) => void;
};

export type OpenRun = {
  readonly run: Run;
  readonly number: number;
  readonly rows: () => number;
  /** Ends it: cancelled, replaced, or to be let go. */
  stop(): void;
  /** How far it came, decided; nothing is told any more. */
  close(): Promise<void>;
};

type Progress = NonNullable<Job["progress"]>;

const shareOf = ({ done, of }: Progress): number => (of > 0 ? done / of : 0);

export const openRun = (world: RunWorld, tenant: string, held: HeldJob): OpenRun => {
  const { streams, results, watchers, clock, journal, limits } = world;
  const { job, run: number } = held;
  const { id, wish } = job;
  const ending = createStop();
  const { signal } = ending;
  const patience = { clock, journal, stop: signal };
  const decide = (command: JobCommand) => decideJob(streams, tenant, command);
  let rows = held.rows;
  let writes = 0;

  let live = job.progress;
  let toldAt = Number.NEGATIVE_INFINITY;
  let isToldSoon = false;
  const tell = (): void => {
    toldAt = clock.now();
    watchers.tell(tenant, job);
  };
  const tellSoon = async (): Promise<void> => {
    if (isToldSoon) return;
    const passed = clock.now() - toldAt;
    // A clock that was set back is no reason to wait longer.
    if (passed >= 0 && passed < TOLD_MS) {
      isToldSoon = true;
      await clock.sleep(TOLD_MS - passed, signal);
      isToldSoon = false;
    }
    if (!signal.aborted) tell();
  };

  let decided: Progress | undefined = job.progress;
  let decidedAt = clock.now();
  let deciding: Promise<void> | undefined;
  const decideProgress = async (at: Progress): Promise<void> => {
    decided = at;
    decidedAt = clock.now();
    try {
      await decide({ type: "progress", id, run: number, ...at });
    } catch (error) {
      // How far it is is told again soon.
      if (!(error instanceof AdapterError)) throw error;
      journal.debug({ err: error, job: id }, "how far a job is could not be decided");
    } finally {
      deciding = undefined;
    }
  };
  const decideSoon = (at: Progress): void => {
    const passed = clock.now() - decidedAt;
    if (deciding !== undefined || (passed >= 0 && passed < DECIDED_MS)) return;
    if (decided !== undefined && decided.of === at.of && Math.abs(shareOf(at) - shareOf(decided)) < DECIDED_STEP) return;
    deciding = decideProgress(at);
    deciding.catch(world.fail);
  };

  const run: Run = {
    tenant,
    id,
    wish,
    stop: signal,
    kept: held.kept,
    progress(done, of) {
      if (signal.aborted || (live?.done === done && live.of === of)) return;
      live = { done, of };
      watchers.setProgress(tenant, id, live);
      tellSoon().catch(world.fail);
      decideSoon(live);
    },
    async keep(where: Json) {
      const bytes = bytesOf(where);
      if (bytes > limits.jobKeptBytes)
        throw new AdapterError("too-large", `A job keeps ${bytes} bytes, ${limits.jobKeptBytes} at most.`, { retryable: false });
      const { state } = await patiently(patience, { job: id }, () => decide({ type: "keep", id, run: number, where, rows }));
      if (isRunning(state.jobs.get(id), number)) return;
      ending.stop();
      throw new AdapterError("closed", "The job is not this run's any more.", { retryable: false });
    },
    pause: world.createPause(),
    async rows(first, added) {
      const next = first + added.length;
      if (!Number.isSafeInteger(first) || first < 0 || first > rows) throw new RangeError(`Rows from ${first} on do not follow ${rows}.`);
      if (next > limits.jobRows) throw new JobFailure(`its result has more than ${limits.jobRows} rows`);
      const turn = number * TURNS_A_RUN + writes++;
      await patiently(patience, { job: id }, () => results.write({ tenant, job: id, turn }, first, added));
      rows = next;
    },
  };
  return {
    run,
    number,
    rows: () => rows,
    stop: ending.stop,
    async close() {
      const isCut = signal.aborted;
      ending.stop();
      await deciding;
      if (live !== undefined && !isCut) await decideProgress(live);
      watchers.setProgress(tenant, id, undefined);
    },
  };
};
