/** The jobs of all tenants: asked for, looked at and cancelled in any process; run where a runner is. */
import { isRefusal, refuse } from "../domain/decider.ts";
import { type Job, JobFailure, type JobKind, type Jobs } from "../domain/job.ts";
import { type HeldJob, isOver, type TenantJobs } from "../domain/job-decider.ts";
import { patiently } from "../domain/patience.ts";
import { AdapterError, type Clock, type Journal, type Meter, type Stop } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";
import { jobStream } from "../domain/streams.ts";
import { createBell } from "./bell.ts";
import type { Results } from "./results.ts";
import type { Runner } from "./runner.ts";
import { createStanding, decideJob, type Folding, type Heard, type JobStreams } from "./standing.ts";
import type { Watchers } from "./watchers.ts";

export type JobsWorld = {
  readonly streams: JobStreams;
  readonly results: Results;
  readonly watchers: Watchers;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Meter;
  /** Kinds that this version can run. */
  readonly kinds: ReadonlySet<JobKind>;
  /** A new UUID. */
  readonly ids: () => string;
  /** Where this process has one. */
  readonly runner: Pick<Runner, "look"> | undefined;
};

export type OpenJobs = {
  /** Every one throws AdapterError; `rows` throws JobFailure where rows of a result are gone. */
  readonly jobs: Jobs;
  /** Of each decision of the store, or of the newest of each stream. */
  note(heard: Heard): void;
  /** Tells watchers and the runner what changed. Ends when stopped; rejects with a defect. */
  run(stop: Stop): Promise<void>;
};

/** Milliseconds before the store is asked again for what it told of and did not give yet. */
const AGAIN_MS = 250;

export const createJobs = (world: JobsWorld): OpenJobs => {
  const { streams, results, watchers, clock, journal, meter, kinds, ids, runner } = world;
  const standing = createStanding(streams);
  const bell = createBell();

  /** The store is asked, since another process may have decided a moment ago. */
  const all = async (tenant: string): Promise<TenantJobs["jobs"]> => (await streams.refresh(jobStream(tenant))).state.jobs;
  const find = async (tenant: string, kind: JobKind, id: string): Promise<HeldJob | undefined> => {
    const held = (await all(tenant)).get(id);
    return held?.job.wish.kind === kind ? held : undefined;
  };
  const shown = (tenant: string, { job }: HeldJob): Job => watchers.live(tenant, job);
  /** The runner need not wait until the store tells of it. */
  const decided = (tenant: string, folded: Folding, id: string): Job | undefined => {
    runner?.look(tenant, folded);
    const held = folded.state.jobs.get(id);
    return held && shown(tenant, held);
  };

  const jobs: Jobs = {
    async start(tenant, wish, by) {
      if (!kinds.has(wish.kind)) return refuse("invalid", "kind", `there is no ${wish.kind} in this version`);
      const id = ids();
      const folded = await streams.decide(jobStream(tenant), { type: "ask", id, wish, by, at: clock.now() }, by);
      return isRefusal(folded) ? folded : (decided(tenant, folded, id) as Job);
    },
    async get(tenant, kind, id) {
      const held = await find(tenant, kind, id);
      return held && shown(tenant, held);
    },
    async list(tenant, kind) {
      const found = [...(await all(tenant)).values()].filter(({ job }) => job.wish.kind === kind);
      return found.reverse().map((held) => shown(tenant, held));
    },
    async cancel(tenant, kind, id, by) {
      const held = await find(tenant, kind, id);
      if (held === undefined || isOver(held.job)) return held?.job;
      const job = decided(tenant, await decideJob(streams, tenant, { type: "cancel", id, at: clock.now() }, by), id);
      if (job?.state === "cancelled") meter.count("tallywire_jobs_total", 1, { tenant, kind, state: job.state });
      return job;
    },
    async rows(tenant, id, { from, limit }) {
      const end = (await all(tenant)).get(id)?.rows ?? 0;
      const next = Math.min(from + limit, end);
      if (from >= next) return { rows: [], next: undefined };
      const rows = await results.read({ tenant, job: id }, from, next);
      if (rows.length < next - from) throw new JobFailure("rows of this result are gone; ask for the job anew");
      return { rows, next: next < end ? next : undefined };
    },
    watch: watchers.watch,
  };

  const settle = async (tenant: string, stop: Stop): Promise<void> => {
    if (runner === undefined && !watchers.has(tenant)) return standing.drop(tenant);
    const { folded, changed } = await patiently({ clock, journal, stop }, { doing: "read jobs" }, () => standing.settle(tenant));
    runner?.look(tenant, folded);
    for (const id of changed) {
      const held = folded.state.jobs.get(id);
      if (held !== undefined) watchers.tell(tenant, held.job);
    }
  };

  return {
    jobs,
    note: (heard) => {
      if (standing.note(heard)) bell.ring();
    },
    async run(stop) {
      const takeBack = whenStopped(stop, bell.ring);
      try {
        while (!stop.aborted) {
          await bell.rung();
          for (const tenant of standing.unsettled()) if (!stop.aborted) await settle(tenant, stop);
          if (standing.unsettled().length > 0) void clock.sleep(AGAIN_MS, stop).then(bell.ring);
        }
      } catch (error) {
        if (!(error instanceof AdapterError && stop.aborted)) throw error;
      } finally {
        takeBack();
      }
    },
  };
};
