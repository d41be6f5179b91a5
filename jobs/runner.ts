/**
 * Runs the jobs that are this process's to run: those of the partitions it has a share of, by tenant and id. So many at a time, in turn.
 *
 *   a partition is given   what runs there by whoever had it is queued again, once for each tenant
 *   a partition is lost    its runs are stopped and let go: who has it now goes on from what they kept
 *
 * Nothing is fenced by the share. A run that was replaced without knowing decides nothing (domain/job-decider.ts), and ends when it asks.
 */
import { keyText } from "../domain/envelope.ts";
import { partitionOf } from "../domain/ids.ts";
import type { JobKind, JobWish, Run, Work } from "../domain/job.ts";
import { type HeldJob, isOver, isRunning, type JobCommand, type TenantJobs } from "../domain/job-decider.ts";
import { patiently } from "../domain/patience.ts";
import { AdapterError, type Logs, type Meter, type Revision, type Share, type Stop } from "../domain/ports.ts";
import { createStop, whenStopped } from "../domain/stop.ts";
import { jobStream } from "../domain/streams.ts";
import { within } from "../domain/within.ts";
import { createAgain } from "./again.ts";
import { createBell } from "./bell.ts";
import { createLine } from "./choose.ts";
import { type Ending, endOf } from "./ending.ts";
import { type OpenRun, openRun, type RunWorld } from "./run.ts";
import { decideJob, type Folding } from "./standing.ts";

/** Each kind with its work. A kind without is run by processes that know it. */
export type Works = { readonly [K in JobKind]?: Work<Extract<JobWish, { readonly kind: K }>> };

export type RunnerWorld = RunWorld & {
  readonly logs: Pick<Logs, "share">;
  readonly partitions: number;
  readonly works: Works;
  /** Names this process. */
  readonly owner: string;
  /** How many jobs run at once. */
  readonly atOnce: number;
  readonly meter: Meter;
  /** What works need is there: before, no job is begun. */
  readonly ready: Promise<void>;
  readonly stop: Stop;
};

export type Runner = {
  /** A tenant's jobs, whenever they changed. */
  look(tenant: string, folded: Folding): void;
  /** What runs and waits here, in words that name nobody. */
  said(): string;
  /** Ends when stopped, its runs let go; rejects with a defect. */
  readonly done: Promise<void>;
};

type Grant = { readonly partition: number; readonly adopted: Set<string> };
type Running = OpenRun & { readonly tenant: string; readonly kind: JobKind; readonly partition: number; readonly done: Promise<void> };

/** Milliseconds a run that is to end is waited for: what it does may not look whether it is to. */
const LAST_MS = 2000;

export const startRunner = (world: RunnerWorld): Runner => {
  const { streams, clock, journal, limits, meter, works, owner, atOnce, stop } = world;
  const standing = new Map<string, TenantJobs>();
  const seen = new Map<string, Revision>();
  const grants = new Map<number, Grant>();
  const running = new Map<string, Running>();
  const again = createAgain(limits);
  const line = createLine();
  const bell = createBell();
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);

  const partition = (tenant: string, id: string): number => partitionOf(tenant, id, world.partitions);
  const decide = async (tenant: string, command: JobCommand): Promise<TenantJobs> => {
    const doing = { doing: "decide", job: command.id };
    const folded = await patiently({ clock, journal, stop }, doing, () => decideJob(streams, tenant, command));
    look(tenant, folded);
    return folded.state;
  };

  const look = (tenant: string, { revision, state }: Folding): void => {
    if (revision < (seen.get(tenant) ?? 0)) return;
    seen.set(tenant, revision);
    standing.set(tenant, state);
    for (const one of running.values()) if (one.tenant === tenant && !isRunning(state.jobs.get(one.run.id), one.number)) one.stop();
    bell.ring();
  };

  const counted = (tenant: string, { job }: HeldJob): void =>
    meter.count("tallywire_jobs_total", 1, { tenant, kind: job.wish.kind, state: job.state });

  /** What runs in the partition by whoever had it before. The store is asked: what that one decided last need not have been told here yet. */
  const adopt = async ({ partition: mine, adopted }: Grant): Promise<void> => {
    for (const tenant of [...standing.keys()]) {
      if (adopted.has(tenant)) continue;
      const folded = await patiently({ clock, journal, stop }, { doing: "read jobs" }, () => streams.refresh(jobStream(tenant)));
      look(tenant, folded);
      adopted.add(tenant);
      const { jobs } = folded.state;
      for (const { job, run } of jobs.values()) {
        if (job.state !== "running" || partition(tenant, job.id) !== mine || running.has(keyText(tenant, job.id))) continue;
        journal.warn({ job: job.id, kind: job.wish.kind, owner: job.owner }, "a job has lost its process");
        const after = (await decide(tenant, { type: "lose", id: job.id, run, at: clock.now() })).jobs.get(job.id);
        if (after?.job.state === "failed" && after.run === run) counted(tenant, after);
      }
    }
  };

  const end = async (one: Omit<Running, "done">, ending: Ending): Promise<void> => {
    const { tenant, run, number } = one;
    const { id } = run;
    const of = { id, run: number };
    const key = keyText(tenant, id);
    if (ending.how !== "again") again.drop(key);
    if (ending.how === "done" || ending.how === "failed") {
      const at = clock.now();
      const command: JobCommand =
        ending.how === "done"
          ? { type: "finish", ...of, result: ending.result, rows: one.rows(), at }
          : { type: "fail", ...of, reason: ending.reason, at };
      const after = (await decide(tenant, command)).jobs.get(id);
      if (after !== undefined && isOver(after.job) && after.run === number && after.job.state !== "cancelled") counted(tenant, after);
      return;
    }
    if (ending.how === "again") {
      const kept = standing.get(tenant)?.jobs.get(id)?.kept;
      const pauseMs = again.put(key, kept, clock.now());
      if (pauseMs === undefined) return end(one, { how: "failed", reason: ending.reason });
      journal.warn({ job: id, kind: one.kind, err: ending.error, pauseMs }, "a job waits: what it met may pass");
      void clock.sleep(pauseMs, stop).then(bell.ring);
    }
    await decide(tenant, { type: "let-go", ...of });
  };

  const conduct = async (one: Omit<Running, "done">): Promise<void> => {
    const { tenant, kind, run } = one;
    const key = keyText(tenant, run.id);
    const since = clock.now();
    journal.info({ job: run.id, kind }, "a job runs");
    try {
      // The wish is of the kind that the work is for.
      const work = works[kind] as unknown as (run: Run) => ReturnType<Work>;
      const ending = await endOf(() => work(run), { run, limits, journal });
      await one.close();
      await end(one, ending);
      journal.info({ job: run.id, kind, how: ending.how }, "a job's run has ended");
    } catch (error) {
      // Whoever comes next finds it running, and queues it again.
      if (!(error instanceof AdapterError) || !stop.aborted) throw error;
      journal.warn({ err: error, job: run.id }, "how a job ended could not be decided");
    } finally {
      meter.observe("tallywire_job_seconds", Math.max(0, clock.now() - since) / 1000, { kind });
      running.delete(key);
      bell.ring();
    }
  };

  const begin = async (tenant: string, { job: { id } }: HeldJob): Promise<void> => {
    const mine = partition(tenant, id);
    const grant = grants.get(mine);
    const held = (await decide(tenant, { type: "start", id, owner, at: clock.now() })).jobs.get(id);
    if (held?.job.state !== "running" || held.job.owner !== owner) return;
    const open = openRun(world, tenant, held);
    const one = { ...open, tenant, kind: held.job.wish.kind, partition: mine };
    // The share was lost while it was decided.
    if (grants.get(mine) !== grant || stop.aborted) open.stop();
    const started = Promise.withResolvers<void>();
    running.set(keyText(tenant, id), { ...one, done: started.promise });
    conduct(one).then(started.resolve, (error: unknown) => {
      started.resolve();
      broken.reject(error);
    });
  };

  const may = (tenant: string, { job }: HeldJob): boolean => {
    const key = keyText(tenant, job.id);
    const grant = grants.get(partition(tenant, job.id));
    return grant !== undefined && works[job.wish.kind] !== undefined && !running.has(key) && again.isDue(key, clock.now());
  };

  const waiting = (): number => {
    let n = 0;
    for (const [tenant, { jobs }] of standing)
      for (const { job } of jobs.values()) if (job.state === "queued" && grants.has(partition(tenant, job.id))) n += 1;
    return n;
  };

  const fill = async (): Promise<void> => {
    for (const grant of [...grants.values()]) await adopt(grant);
    while (!stop.aborted && running.size < atOnce) {
      const next = line.next(standing, may);
      if (next === undefined) break;
      await begin(next.tenant, next.held);
    }
    meter.set("tallywire_jobs", waiting(), { state: "queued" });
    meter.set("tallywire_jobs", running.size, { state: "running" });
  };

  const share = async ({ partition: given, lost }: Share): Promise<void> => {
    const over = createStop();
    void lost.then(over.stop);
    const takeBack = whenStopped(stop, over.stop);
    const here = (): readonly Running[] => [...running.values()].filter((one) => one.partition === given);
    const grant: Grant = { partition: given, adopted: new Set() };
    // Lost and given back at once: what runs for it ends first.
    await Promise.all(here().map(({ done }) => done));
    if (!over.signal.aborted) {
      grants.set(given, grant);
      bell.ring();
    }
    await new Promise<void>((resolve) => {
      whenStopped(over.signal, resolve);
    });
    takeBack();
    if (grants.get(given) === grant) grants.delete(given);
    const ending = here();
    for (const one of ending) one.stop();
    const ended = Promise.all(ending.map(({ done }) => done));
    await within<unknown>({ clock }, LAST_MS, ended, () => journal.warn({ partition: given }, "a job did not end when it was to"));
  };

  const stopped = new Promise<void>((resolve) => {
    whenStopped(stop, resolve);
  });
  const run = async (): Promise<void> => {
    await Promise.race([world.ready, stopped]);
    if (stop.aborted) return;
    const patience = { clock, journal, stop };
    const release = await patiently(patience, { doing: "share the jobs" }, () => world.logs.share("jobs", share));
    const takeBack = whenStopped(stop, bell.ring);
    const filling = async (): Promise<void> => {
      while (!stop.aborted) {
        await fill();
        await bell.rung();
      }
    };
    try {
      await Promise.race([filling(), broken.promise]);
    } finally {
      takeBack();
      await release();
    }
  };

  const said = (): string => {
    const kinds = [...running.values()].map(({ kind }) => kind);
    return [
      kinds.length === 0 ? "runs none" : `runs ${kinds.join(", ")}`,
      `${waiting()} queued`,
      `has ${grants.size} of ${world.partitions} partitions`,
    ].join("; ");
  };

  return {
    look,
    said,
    done: run().catch((error: unknown) => {
      if (!stop.aborted || !(error instanceof AdapterError)) throw error;
    }),
  };
};
