/** What the jobs of all tenants have come to, as far as this process was told: it is told how far a stream has come, and of which jobs. */

import { isRefusal } from "../domain/decider.ts";
import type { Folded, Streams } from "../domain/fold.ts";
import type { JobCommand, TenantJobs } from "../domain/job-decider.ts";
import { AdapterError, type Decided, type Revision } from "../domain/ports.ts";
import { jobStream, tenantOfJobStream } from "../domain/streams.ts";

export type JobStreams = Streams<JobCommand, TenantJobs>;
export type Folding = Folded<TenantJobs>;
/** Of a decision, or of the newest of a stream alone. */
export type Heard = Pick<Decided, "stream" | "revision"> & Partial<Pick<Decided, "data">>;

type Told = { revision: Revision; readonly ids: Set<string> };

export type Standing = {
  /** False for a stream that holds no jobs, and for what was told before. */
  note(heard: Heard): boolean;
  /** Tenants of which more was told than was looked at. */
  unsettled(): readonly string[];
  /** The tenant's jobs with all that was told of them, and which of them changed. Where that cannot be had, the tenant stays unsettled. */
  settle(tenant: string): Promise<{ readonly folded: Folding; readonly changed: readonly string[] }>;
  /** Nobody here wants to know. */
  drop(tenant: string): void;
};

export const createStanding = (streams: Pick<JobStreams, "load" | "refresh">): Standing => {
  const told = new Map<string, Told>();
  const heard = new Map<string, Revision>();
  return {
    note({ stream, revision, data }) {
      const tenant = tenantOfJobStream(stream);
      if (tenant === undefined || revision <= (heard.get(tenant) ?? 0)) return false;
      heard.set(tenant, revision);
      const one = told.get(tenant) ?? { revision, ids: new Set() };
      one.revision = revision;
      // What the store holds are the decider's own events, as JSON: it wrote them.
      const { id } = (data ?? {}) as { readonly id?: string };
      if (id !== undefined) one.ids.add(id);
      told.set(tenant, one);
      return true;
    },
    unsettled: () => [...told.keys()],
    async settle(tenant) {
      const stream = jobStream(tenant);
      const known = await streams.load(stream);
      const folded = known.revision < (told.get(tenant)?.revision ?? 0) ? await streams.refresh(stream) : known;
      const one = told.get(tenant);
      // Told of once more meanwhile: these ids may have changed again, and are looked at again.
      if (one !== undefined && one.revision <= folded.revision) told.delete(tenant);
      return { folded, changed: [...(one?.ids ?? [])] };
    },
    drop: (tenant) => void told.delete(tenant),
  };
};

/** `by`: who wants it, for the audit. Throws AdapterError, also where others keep changing the stream. */
export const decideJob = async (
  streams: Pick<JobStreams, "decide">,
  tenant: string,
  command: JobCommand,
  by?: string,
): Promise<Folding> => {
  const decided = await streams.decide(jobStream(tenant), command, by);
  if (isRefusal(decided)) throw new AdapterError("wrong-revision", `A job's stream: ${decided.detail}`, { retryable: true });
  return decided;
};
