/** Which job is next: turns go round between tenants, of one tenant the one that was asked for first. */
import type { HeldJob, TenantJobs } from "../domain/job-decider.ts";

export type Chosen = { readonly tenant: string; readonly held: HeldJob };

export type Line = {
  next(standing: ReadonlyMap<string, TenantJobs>, may: (tenant: string, held: HeldJob) => boolean): Chosen | undefined;
};

export const createLine = (): Line => {
  /** When each had its last turn. */
  const served = new Map<string, number>();
  let turns = 0;
  return {
    next(standing, may) {
      let best: (Chosen & { readonly turn: number }) | undefined;
      for (const [tenant, { jobs }] of standing) {
        const turn = served.get(tenant) ?? 0;
        if (best !== undefined && best.turn < turn) continue;
        for (const held of jobs.values()) {
          if (held.job.state !== "queued" || !may(tenant, held)) continue;
          if (best === undefined || turn < best.turn || held.job.at < best.held.job.at) best = { tenant, held, turn };
          break;
        }
      }
      if (best !== undefined) served.set(best.tenant, ++turns);
      return best;
    },
  };
};
