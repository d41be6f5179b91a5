/** Work that takes its time: asked for, run by one process, and to be looked at. */
import type { Direction } from "./camera.ts";
import type { Candidate } from "./candidate.ts";
import type { Refusal } from "./decider.ts";
import type { Instant, Json } from "./envelope.ts";
import type { Stop } from "./ports.ts";

/** What somebody saw and wrote down: to be found again by a candidate's crossings. */
export type Label = { readonly camera: string; readonly tripwireId: string; readonly at: Instant; readonly direction: Direction };

/** `candidate`: undefined for the definitions that were in force. `like`: a camera before it whose candidate it has, too, so that what hundreds share is said once. */
export type BacktestCameraWish = { readonly camera: string; readonly candidate: Candidate | undefined; readonly like?: string };
/** `cameras`: by name. [from, to) in event time. */
export type BacktestWish = {
  readonly kind: "backtest";
  readonly cameras: readonly BacktestCameraWish[];
  readonly from: Instant;
  readonly to: Instant;
  /** Whether late frames are taken in at their place. */
  readonly late: boolean;
  readonly labels: readonly Label[];
  /** Milliseconds by which a label and a crossing may be apart. */
  readonly tolerance: number;
};
export type RecomputeWish = {
  readonly kind: "recompute";
  readonly camera: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly definitions: "then" | "now";
};
/** `keepOld`: the old table stays beside the new one until a wish to drop it. */
export type RebuildWish = { readonly kind: "rebuild"; readonly projection: string; readonly step: "rebuild" | "drop-old" };
export type ArchiveWish = { readonly kind: "archive"; readonly before: Instant };
/** [from, to) in days of event time; undefined: all there is. `derive`: facts are stepped again and compared with what was derived. */
export type VerifyWish = {
  readonly kind: "verify";
  readonly from: Instant | undefined;
  readonly to: Instant | undefined;
  readonly derive: boolean;
};
export type JobWish = BacktestWish | RecomputeWish | RebuildWish | ArchiveWish | VerifyWish;
export type JobKind = JobWish["kind"];
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

/** `owner`: the process that runs it. `progress`: of its own measure, 0 to `of`; undefined before it is known. */
export type Job = {
  readonly id: string;
  readonly wish: JobWish;
  readonly state: JobState;
  readonly by: string | undefined;
  readonly at: Instant;
  readonly startedAt: Instant | undefined;
  readonly endedAt: Instant | undefined;
  readonly owner: string | undefined;
  readonly progress: { readonly done: number; readonly of: number } | undefined;
  /** What came of it, in short: of its kind. */
  readonly result: Json | undefined;
  /** Why it failed. */
  readonly reason: string | undefined;
};

/** A run of a job, for what does its work. The same job may be run again from its beginning, or from what it kept, after a restart. */
export type Run<W extends JobWish = JobWish> = {
  readonly tenant: string;
  readonly id: string;
  readonly wish: W;
  /** Cancelled, or the process ends: to be looked at after each `pause`. */
  readonly stop: Stop;
  /** What `keep` was given last, by whichever process. */
  readonly kept: Json | undefined;
  /** Cheap: may be told of every batch. */
  progress(done: number, of: number): void;
  /** Durable when it resolves. */
  keep(where: Json): Promise<void>;
  /** To be awaited after each slice of work, of a few milliseconds: leaves the live path its part. */
  pause(): Promise<void>;
  /** Rows of the result, in their order; `number` is the first one's, from 0. The same number again replaces it. */
  rows(number: number, rows: readonly Json[]): Promise<void>;
};
/** Resolves with what came of it; throws AdapterError, or JobFailure for what is no defect. */
export type Work<W extends JobWish = JobWish> = (run: Run<W>) => Promise<Json>;

export type JobRows = { readonly rows: readonly Json[] /** Where the next page begins. */; readonly next: number | undefined };

/** Of one tenant each. */
export type Jobs = {
  start(tenant: string, wish: JobWish, by?: string): Promise<Job | Refusal>;
  /** Undefined for one that there is not. */
  get(tenant: string, kind: JobKind, id: string): Promise<Job | undefined>;
  /** The newest first. */
  list(tenant: string, kind: JobKind): Promise<readonly Job[]>;
  /** The job as it is then; of one that has ended nothing changes. */
  cancel(tenant: string, kind: JobKind, id: string, by?: string): Promise<Job | undefined>;
  rows(tenant: string, id: string, page: { readonly from: number; readonly limit: number }): Promise<JobRows>;
  /** Told of every change, progress among it. */
  watch(tenant: string, listener: (job: Job) => void): { stop(): void };
};

/** What ends a job as failed, told to whoever wanted it: what they asked for cannot be done. No defect. */
export class JobFailure extends Error {
  override readonly name = "JobFailure";
}
