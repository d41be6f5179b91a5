/** Processes that run jobs, as far as jobs go: a store, shares of partitions, and works that do as they are told. */
import { randomUUID } from "node:crypto";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Json } from "../../domain/envelope.ts";
import { createStreams } from "../../domain/fold.ts";
import type { ArchiveWish, Job, JobKind, Run, Work } from "../../domain/job.ts";
import { jobDecider } from "../../domain/job-decider.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import { AdapterError, type Clock, type EventStore, type Logs, type Share } from "../../domain/ports.ts";
import { whenStopped } from "../../domain/stop.ts";
import { createRelay } from "../../ingest/relay.ts";
import { createJobs } from "../../jobs/jobs.ts";
import type { Results } from "../../jobs/results.ts";
import { startRunner, type Works } from "../../jobs/runner.ts";
import { createWatchers } from "../../jobs/watchers.ts";

export const aWish = (before = 1): ArchiveWish => ({ kind: "archive", before });

type Held = { readonly run: Run<ArchiveWish>; done(result: Json): void; fail(error: unknown): void };

/** A work that goes on until the test ends it. Stopped, it ends as works do, unless `heeds` says no. */
export const heldWork = ({ heeds = true } = {}) => {
  const runs: Held[] = [];
  const work: Work<ArchiveWish> = (run) =>
    new Promise((resolve, reject) => {
      runs.push({ run, done: resolve, fail: reject });
      if (heeds) whenStopped(run.stop, () => reject(new AdapterError("closed", "It was to end.", { retryable: false })));
    });
  return { runs, work };
};

/** A fake of the shares of partitions, which the test gives out and takes back. */
export const handShares = (partitions: number) => {
  type Member = { readonly work: (share: Share) => Promise<void>; readonly held: Map<number, () => Promise<void>> };
  const members: Member[] = [];
  const give = (member: Member, partition: number): void => {
    const { promise: lost, resolve } = Promise.withResolvers<void>();
    const returned = member.work({ partition, lost });
    member.held.set(partition, () => {
      resolve();
      member.held.delete(partition);
      return returned;
    });
  };
  const share: Logs["share"] = async (_, work) => {
    const member: Member = { work, held: new Map() };
    members.push(member);
    return async () => void (await Promise.all([...member.held.values()].map((take) => take())));
  };
  const all = Array.from({ length: partitions }, (_, p) => p);
  return {
    share,
    /** Gives partitions to the member that joined at this place, when it has. */
    give: async (member: number, some: readonly number[] = all) => {
      while (members[member] === undefined) await new Promise((resolve) => setImmediate(resolve));
      for (const partition of some) give(members[member] as Member, partition);
    },
    take: (member: number, some: readonly number[] = all) =>
      Promise.all(some.map((partition) => (members[member] as Member).held.get(partition)?.())),
  };
};

/** A fake of the table of rows. */
const heldResults = () => {
  const rows = new Map<string, Map<number, Json>>();
  const results: Results = {
    write: async ({ tenant, job }, number, added) => {
      const of = rows.get(`${tenant}/${job}`) ?? new Map<number, Json>();
      rows.set(`${tenant}/${job}`, of);
      for (const [i, row] of added.entries()) of.set(number + i, row);
    },
    read: async ({ tenant, job }, from, to) =>
      [...(rows.get(`${tenant}/${job}`) ?? new Map<number, Json>())]
        .filter(([number]) => number >= from && number < to)
        .sort(([a], [b]) => a - b)
        .map(([, row]) => row),
  };
  return { rows, results };
};

type Given = {
  readonly store: EventStore;
  readonly share: Logs["share"];
  readonly clock: Clock;
  readonly works?: Works | undefined;
  readonly kinds?: readonly JobKind[];
  readonly atOnce?: number;
  readonly results?: Results;
  readonly ready?: Promise<void>;
  readonly limits?: Partial<Limits>;
  readonly partitions?: number;
};

/** One process; without works it runs none, and asks. */
export const openProcess = ({
  store,
  share,
  clock,
  works,
  kinds = ["archive"],
  atOnce = 1,
  results,
  ready = Promise.resolve(),
  partitions = 4,
  ...own
}: Given) => {
  const stopping = new AbortController();
  const stop = stopping.signal;
  const lines: string[] = [];
  const say =
    (level: string) =>
    (_: object, message: string): void =>
      void lines.push(`${level}: ${message}`);
  const journal = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), fatal: say("fatal") };
  const counted: string[] = [];
  const meter = {
    count: (name: string, _?: number, labels: object = {}) => void counted.push([name, ...Object.values(labels)].join(" ")),
    set: () => {},
    observe: () => {},
  };
  const owner = randomUUID();
  const { promise: defect, reject: fail } = Promise.withResolvers<never>();
  defect.catch(() => undefined);
  const { facts } = openMemoryLogs({ partitions });
  const relay = createRelay({ store, facts, clock, journal, tell: (event) => jobs.note(event) });
  const streams = createStreams({ store, revision: relay.revision, clock, ids: randomUUID }, jobDecider);
  const watchers = createWatchers();
  const parts = {
    ...{ streams, watchers, clock, journal, meter, stop, fail },
    limits: { ...limits, ...own.limits },
    results: results ?? heldResults().results,
  };
  const pauses = { now: 0 };
  const createPause = () => async () => {
    pauses.now += 1;
    await new Promise((resolve) => setImmediate(resolve));
  };
  const runner = works && startRunner({ ...parts, ready, works, createPause, logs: { share }, partitions, owner, atOnce });
  const jobs = createJobs({ ...parts, kinds: new Set(kinds), ids: randomUUID, runner });
  const done = Promise.all([relay.run(stop), jobs.run(stop), runner?.done]);
  done.catch(fail);
  return {
    ...{ jobs: jobs.jobs, lines, counted, owner, defect, runner },
    /** Ends in order. */
    close: async (): Promise<void> => {
      stopping.abort();
      await done;
    },
  };
};

export type Process = ReturnType<typeof openProcess>;

export const asked = async ({ jobs }: Pick<Process, "jobs">, tenant = "t1", wish = aWish()): Promise<Job> => {
  const job = await jobs.start(tenant, wish, "ann");
  if ("refused" in job) throw new Error(job.detail);
  return job;
};
