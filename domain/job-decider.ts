/**
 * What is decided of a tenant's jobs. Each run of a job has a number; what one says that was replaced, or whose job has ended, decides nothing:
 * whoever runs looks into the state whether the job is still his.
 *
 *   requested ─► started ─► progressed, kept … ─► done | failed
 *       │           │  └──► queued again, and started from what was kept: it was let go, or its process was lost
 *       └───────────┴─────► cancelled
 *
 * A job whose process was lost jobStarts times without keeping anything new fails: it may be what ends the process.
 */
import { type Decider, type Refusal, refuse } from "./decider.ts";
import type { Instant, Json } from "./envelope.ts";
import type { Job, JobWish } from "./job.ts";
import { limits } from "./limits.ts";
import { same } from "./same.ts";

/** One run of a job, by its number. */
type OfRun = { readonly id: string; readonly run: number };

export type JobCommand =
  | {
      readonly type: "ask";
      readonly id: string;
      readonly wish: JobWish;
      readonly by: string | undefined;
      readonly at: Instant;
    }
  | { readonly type: "start"; readonly id: string; readonly owner: string; readonly at: Instant }
  | (OfRun & { readonly type: "progress"; readonly done: number; readonly of: number })
  /** `rows`: how many there are of the result. */
  | (OfRun & { readonly type: "keep"; readonly where: Json; readonly rows: number })
  | (OfRun & { readonly type: "finish"; readonly result: Json; readonly rows: number; readonly at: Instant })
  | (OfRun & { readonly type: "fail"; readonly reason: string; readonly at: Instant })
  /** By who runs it: another is to go on. */
  | (OfRun & { readonly type: "let-go" })
  /** By who comes after a process that is gone. */
  | (OfRun & { readonly type: "lose"; readonly at: Instant })
  | { readonly type: "cancel"; readonly id: string; readonly at: Instant };

export type JobEvent =
  | { readonly type: "job-requested"; readonly id: string; readonly wish: JobWish; readonly by?: string; readonly at: Instant }
  | { readonly type: "job-started"; readonly id: string; readonly owner: string; readonly at: Instant }
  | { readonly type: "job-progressed"; readonly id: string; readonly done: number; readonly of: number }
  | { readonly type: "job-kept"; readonly id: string; readonly where: Json; readonly rows: number }
  | { readonly type: "job-queued-again"; readonly id: string; readonly how: "let-go" | "lost" }
  | { readonly type: "job-done"; readonly id: string; readonly result: Json; readonly rows: number; readonly at: Instant }
  | { readonly type: "job-failed"; readonly id: string; readonly reason: string; readonly at: Instant }
  | { readonly type: "job-cancelled"; readonly id: string; readonly at: Instant }
  /** What all before it come to: they need not be read. */
  | { readonly type: "jobs-summed"; readonly jobs: readonly Unweighed[] };

export type HeldJob = {
  readonly job: Job;
  /** What its run kept last; nothing is kept of one that has ended. */
  readonly kept: Json | undefined;
  /** Rows of its result. */
  readonly rows: number;
  /** The number of its newest run; 0 before the first. */
  readonly run: number;
  /** Times it was started since it last kept something new, but for those that let it go. */
  readonly starts: number;
  /** Of its wish, and of its result and what was kept with it, as JSON. */
  readonly wishBytes: number;
  readonly bytes: number;
};
type Unweighed = Omit<HeldJob, "wishBytes" | "bytes">;

/** In the order of asking. */
export type TenantJobs = { readonly jobs: ReadonlyMap<string, HeldJob> };

type Decision = readonly JobEvent[] | Refusal;

export const isOver = ({ state }: Pick<Job, "state">): boolean => state === "done" || state === "failed" || state === "cancelled";

/** Bytes as JSON. */
export const bytesOf = (value: Json | JobWish | undefined): number => (value === undefined ? 0 : utf8Length(JSON.stringify(value)));

/** Halves of a pair are two bytes each; a lone one, which JSON writes as six letters, does not occur. */
const utf8Length = (text: string): number => {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
  }
  return bytes;
};

/** Whether the job is that run's. */
export const isRunning = (held: HeldJob | undefined, run: number): held is HeldJob => held?.job.state === "running" && held.run === run;

export const jobDecider: Decider<JobCommand, TenantJobs, JobEvent> = {
  initial: () => ({ jobs: new Map() }),
  own: ({ jobs }) => ({ jobs: new Map(jobs) }),
  decide: (command, { jobs }): Decision => {
    const { id } = command;
    if (command.type === "ask") return ask(command, jobs);
    const held = jobs.get(id);
    if (held === undefined || isOver(held.job)) return [];
    if (command.type === "cancel") return [{ type: "job-cancelled", id, at: command.at }];
    if (command.type === "start") {
      const { owner, at } = command;
      return held.job.state === "queued" ? [{ type: "job-started", id, owner, at }] : [];
    }
    return isRunning(held, command.run) ? ofRun(command, held) : [];
  },
  sum: {
    type: "jobs-summed",
    every: 1000,
    of: ({ jobs }) => ({ type: "jobs-summed", jobs: [...jobs.values()].map(({ wishBytes: _, bytes: __, ...held }) => held) }),
  },
  evolve: (state, event) => {
    if (event.type === "jobs-summed") return { jobs: new Map(event.jobs.map((held) => [held.job.id, weighed(held)])) };
    const jobs = state.jobs as Map<string, HeldJob>;
    const { id } = event;
    if (event.type === "job-requested") {
      const { wish, by, at } = event;
      const nothing = {
        startedAt: undefined,
        endedAt: undefined,
        owner: undefined,
        progress: undefined,
        result: undefined,
        reason: undefined,
      };
      const job: Job = { id, wish, state: "queued", by, at, ...nothing };
      jobs.set(id, weighed({ job, kept: undefined, rows: 0, run: 0, starts: 0 }));
      return state;
    }
    const held = jobs.get(id);
    // One that was forgotten has ended: nothing more was decided of it.
    if (held === undefined) return state;
    const next = evolved(held, event);
    jobs.set(id, next);
    if (isOver(next.job)) forget(jobs, id);
    return state;
  },
};

const ask = ({ id, wish, by, at }: Extract<JobCommand, { type: "ask" }>, jobs: TenantJobs["jobs"]): Decision => {
  const open = [...jobs.values()].filter(({ job }) => !isOver(job));
  if (open.length >= limits.jobsPerTenant) return refuse("too-many", "", `${limits.jobsPerTenant} jobs wait or run, and no more may`);
  const bytes = bytesOf(wish);
  if (bytes > limits.jobWishBytes)
    return refuse("invalid", "", `it takes ${bytes} bytes to say, and a job may take ${limits.jobWishBytes}: ask for less at once`);
  // The other half is for what they keep.
  if (open.reduce((sum, { wishBytes }) => sum + wishBytes, bytes) > limits.jobsBytes / 2)
    return refuse("too-many", "", "the jobs that wait or run are too large for one more of this size");
  return [{ type: "job-requested", id, wish, at, ...(by === undefined ? {} : { by }) }];
};

type RunCommand = Extract<JobCommand, OfRun>;

const ofRun = (command: RunCommand, { starts, job, kept, rows }: HeldJob): Decision => {
  const { id } = command;
  switch (command.type) {
    case "progress": {
      const { done, of } = command;
      return job.progress?.done === done && job.progress.of === of ? [] : [{ type: "job-progressed", id, done, of }];
    }
    case "keep":
      return command.rows === rows && same(command.where, kept) ? [] : [{ type: "job-kept", id, where: command.where, rows: command.rows }];
    case "finish":
      return [{ type: "job-done", id, result: command.result, rows: command.rows, at: command.at }];
    case "fail":
      return [{ type: "job-failed", id, reason: command.reason, at: command.at }];
    case "let-go":
      return [{ type: "job-queued-again", id, how: "let-go" }];
    case "lose":
      if (starts < limits.jobStarts) return [{ type: "job-queued-again", id, how: "lost" }];
      return [{ type: "job-failed", id, reason: POISON, at: command.at }];
  }
};

const POISON = `it was started ${limits.jobStarts} times, and each time its process ended before it had come any further`;

const evolved = (held: HeldJob, event: Exclude<JobEvent, { type: "jobs-summed" | "job-requested" }>): HeldJob => {
  const { job, run, starts, kept } = held;
  switch (event.type) {
    case "job-started":
      return {
        ...held,
        run: run + 1,
        starts: starts + 1,
        job: { ...job, state: "running", owner: event.owner, startedAt: job.startedAt ?? event.at },
      };
    case "job-progressed":
      return { ...held, job: { ...job, progress: { done: event.done, of: event.of } } };
    case "job-kept":
      return weighed({ ...held, kept: event.where, rows: event.rows, starts: same(event.where, kept) ? starts : 0 });
    case "job-queued-again":
      return {
        ...held,
        starts: event.how === "let-go" ? Math.max(0, starts - 1) : starts,
        job: { ...job, state: "queued", owner: undefined },
      };
    case "job-done":
      return weighed({
        ...held,
        kept: undefined,
        rows: event.rows,
        job: { ...job, state: "done", result: event.result, endedAt: event.at },
      });
    case "job-failed":
      return weighed({ ...held, kept: undefined, job: { ...job, state: "failed", reason: event.reason, endedAt: event.at } });
    case "job-cancelled":
      return weighed({ ...held, kept: undefined, job: { ...job, state: "cancelled", endedAt: event.at } });
  }
};

const weighed = (held: Unweighed & { readonly wishBytes?: number }): HeldJob => {
  const wishBytes = held.wishBytes ?? bytesOf(held.job.wish);
  return { ...held, wishBytes, bytes: wishBytes + bytesOf(held.job.result) + bytesOf(held.kept) };
};

/** Of those that have ended the oldest go, where they are too many or too large together; never the one that has just ended. */
const forget = (jobs: Map<string, HeldJob>, ended: string): void => {
  let over = 0;
  let bytes = 0;
  for (const held of jobs.values()) {
    if (isOver(held.job)) over += 1;
    bytes += held.bytes;
  }
  for (const [id, held] of jobs) {
    if (over <= limits.jobsRemembered && bytes <= limits.jobsBytes) return;
    if (id === ended || !isOver(held.job)) continue;
    jobs.delete(id);
    over -= 1;
    bytes -= held.bytes;
  }
};
