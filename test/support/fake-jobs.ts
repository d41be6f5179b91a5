/** A fake of the jobs, for tests of surfaces only: what they say, not what is true. A job stays queued until the test changes it; rows are what the test lays down. */
import type { Refusal } from "../../domain/decider.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Job, JobKind, JobRows, Jobs, JobWish } from "../../domain/job.ts";

export class FakeJobs implements Jobs {
  /** By tenant, the oldest first. */
  readonly known = new Map<string, Job[]>();
  readonly called: { readonly name: string; readonly given: readonly unknown[] }[] = [];
  readonly #listeners = new Map<string, Set<{ readonly listener: (job: Job) => void }>>();
  refusal: Refusal | undefined;
  defect: Error | undefined;
  /** Of every job. */
  laidRows: readonly Json[] = [];
  now = Date.parse("2026-11-21T12:00:00.000Z");
  #next = 1;

  #note(name: string, given: readonly unknown[]): void {
    this.called.push({ name, given });
    if (this.defect !== undefined) throw this.defect;
  }

  start = async (tenant: string, wish: JobWish, by?: string): Promise<Job | Refusal> => {
    this.#note("start", [tenant, wish, by]);
    if (this.refusal !== undefined) return this.refusal;
    const id = `00000000-0000-4000-8000-${String(this.#next++).padStart(12, "0")}`;
    const nothing = {
      startedAt: undefined,
      endedAt: undefined,
      owner: undefined,
      progress: undefined,
      result: undefined,
      reason: undefined,
    };
    const job: Job = { id, wish, state: "queued", by, at: this.now, ...nothing };
    this.known.set(tenant, [...(this.known.get(tenant) ?? []), job]);
    this.#tell(tenant, job);
    return job;
  };

  get = async (tenant: string, kind: JobKind, id: string): Promise<Job | undefined> => {
    this.#note("get", [tenant, kind, id]);
    return this.#find(tenant, kind, id);
  };

  list = async (tenant: string, kind: JobKind): Promise<readonly Job[]> => {
    this.#note("list", [tenant, kind]);
    return (this.known.get(tenant) ?? []).filter(({ wish }) => wish.kind === kind).reverse();
  };

  cancel = async (tenant: string, kind: JobKind, id: string, by?: string): Promise<Job | undefined> => {
    this.#note("cancel", [tenant, kind, id, by]);
    const job = this.#find(tenant, kind, id);
    if (job === undefined || job.endedAt !== undefined) return job;
    return this.change(tenant, id, { state: "cancelled", endedAt: this.now });
  };

  rows = async (tenant: string, id: string, page: { readonly from: number; readonly limit: number }): Promise<JobRows> => {
    this.#note("rows", [tenant, id, page]);
    const to = page.from + page.limit;
    return { rows: this.laidRows.slice(page.from, to), next: to < this.laidRows.length ? to : undefined };
  };

  watch = (tenant: string, listener: (job: Job) => void) => {
    const one = { listener };
    const all = this.#listeners.get(tenant) ?? new Set();
    this.#listeners.set(tenant, all.add(one));
    return { stop: () => void all.delete(one) };
  };

  /** Listeners of all tenants. */
  get watched(): number {
    return [...this.#listeners.values()].reduce((sum, all) => sum + all.size, 0);
  }

  /** What a runner would do to a job; whoever watches is told. */
  change(tenant: string, id: string, change: Partial<Job>): Job {
    const jobs = this.known.get(tenant) ?? [];
    const at = jobs.findIndex((job) => job.id === id);
    if (at < 0) throw new Error(`the tenant has no job ${id}`);
    const job = { ...(jobs[at] as Job), ...change };
    this.known.set(tenant, jobs.with(at, job));
    this.#tell(tenant, job);
    return job;
  }

  #find = (tenant: string, kind: JobKind, id: string): Job | undefined =>
    this.known.get(tenant)?.find((job) => job.id === id && job.wish.kind === kind);

  #tell(tenant: string, job: Job): void {
    for (const { listener } of [...(this.#listeners.get(tenant) ?? [])]) listener(job);
  }
}
