/** Role jobs: runs what takes its time. Processes that answer (role api) take wishes in and tell of them; wherever they stand, one stream a tenant has them all. */
import { randomUUID } from "node:crypto";
import { createStreams } from "../domain/fold.ts";
import type { JobKind, Jobs } from "../domain/job.ts";
import { jobDecider } from "../domain/job-decider.ts";
import { AdapterError, type Position, type Stop, type Warehouse } from "../domain/ports.ts";
import { within } from "../domain/within.ts";
import { createJobs } from "../jobs/jobs.ts";
import type { Results } from "../jobs/results.ts";
import { startRunner, type Works } from "../jobs/runner.ts";
import type { Heard } from "../jobs/standing.ts";
import { createWatchers } from "../jobs/watchers.ts";
import { projections } from "../projections/index.ts";
import { readResults, writeResults } from "../projections/results.ts";
import type { Decisions } from "./decisions.ts";
import { archiveWork } from "./jobs/archive.ts";
import { backtestWork } from "./jobs/backtest.ts";
import { rebuildWork } from "./jobs/rebuild.ts";
import { recomputeWork } from "./jobs/recompute.ts";
import { reachedBy, verifyWork } from "./jobs/verify.ts";
import type { Models } from "./warehouse.ts";
import type { World } from "./world.ts";

export type JobsSide = {
  readonly jobs: Jobs;
  /** Of each decision of the store, or of the newest of each stream. */
  readonly note: (heard: Heard) => void;
  /** Ends when stopped; rejects with a defect. */
  readonly done: Promise<unknown>;
  /** What is run here, in words that name nobody; undefined without the role. */
  readonly said: (() => string) | undefined;
};

type Having = { readonly decisions: Decisions; readonly models: Models };

const worksOf = (world: World, { models, decisions: { cameras } }: Having): Works => {
  const { logs, archive, clock, journal, limits, isShared, meter, stop, config } = world;
  const warehouse = () => writable(models);
  const ports = { logs, clock, journal };
  // An embedded log has one process, and with it all its projectors.
  const isAlone = !isShared && config.ROLES.includes("projector");
  return {
    archive: archiveWork({ archive, logs, clock }),
    backtest: backtestWork({ logs, archive, spans: models.spans, settled: projected(world, models), limits }),
    recompute: recomputeWork({
      logs,
      clock,
      limits,
      isDecided: async (key) => (await cameras.camera(key)).revision > 0,
      span: models.span,
      settled: projected(world, models),
    }),
    rebuild: rebuildWork({ ...ports, warehouse, projections, borders: models.borders, isAlone, meter, stop }),
    verify: verifyWork({
      ...ports,
      warehouse,
      borders: models.borders,
      reached: reachedBy({ isShared, progress: models.progress }),
      limits,
    }),
  };
};

/** Waits until the frames of a partition are projected up to a position, for as long as a question would. */
const projected =
  ({ clock, limits }: World, { progress }: Models) =>
  (partition: number, end: Position, stop: Stop): Promise<boolean> =>
    within({ clock, stop }, limits.afterMs, progress.until("facts", partition, end, stop), () => false);

/** While its tables are not there, it cannot be written to. */
const writable = ({ state }: Models): Warehouse => {
  if (state.warehouse === undefined || !state.opened)
    throw new AdapterError("unavailable", "The warehouse is starting.", { retryable: true });
  return state.warehouse;
};

export const startJobs = (world: World, { decisions, models }: Having): JobsSide => {
  const { config, clock, stop, logs } = world;
  const results: Results = {
    write: async (of, number, rows) => writeResults(writable(models), { ...of, at: clock.now() }, number, rows),
    read: (of, from, to) => readResults(models.asking, of, from, to),
  };
  const streams = createStreams(decisions.folding, jobDecider);
  const watchers = createWatchers();
  const works = worksOf(world, { models, decisions });
  const parts = { ...world, streams, results, watchers };
  const runner = config.ROLES.includes("jobs")
    ? startRunner({
        ...parts,
        works,
        ready: models.opening,
        partitions: logs.facts.partitions,
        owner: randomUUID(),
        atOnce: config.JOBS_AT_ONCE,
      })
    : undefined;
  const open = createJobs({ ...parts, kinds: new Set(Object.keys(works) as JobKind[]), ids: randomUUID, runner });
  return { jobs: open.jobs, note: open.note, said: runner?.said, done: Promise.all([open.run(stop), runner?.done]) };
};
