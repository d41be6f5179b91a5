/** Who is told of a tenant's jobs as they change, and how far those are that run here. */
import { keyText } from "../domain/envelope.ts";
import type { Job } from "../domain/job.ts";

type Listener = (job: Job) => void;

export type Watchers = {
  watch(tenant: string, listener: Listener): { stop(): void };
  has(tenant: string): boolean;
  /** The job as decided; told with how far it is. */
  tell(tenant: string, job: Job): void;
  /** Undefined when it runs here no more. */
  setProgress(tenant: string, id: string, progress: Job["progress"]): void;
  /** The job with how far it is, where it runs here. */
  live(tenant: string, job: Job): Job;
};

export const createWatchers = (): Watchers => {
  const listeners = new Map<string, Set<{ readonly listener: Listener }>>();
  const progress = new Map<string, Job["progress"]>();
  const live = (tenant: string, job: Job): Job => {
    const found = progress.get(keyText(tenant, job.id));
    return found === undefined || job.state !== "running" ? job : { ...job, progress: found };
  };
  return {
    watch(tenant, listener) {
      const one = { listener };
      const all = listeners.get(tenant) ?? new Set();
      listeners.set(tenant, all.add(one));
      return {
        stop: () => {
          all.delete(one);
          if (all.size === 0 && listeners.get(tenant) === all) listeners.delete(tenant);
        },
      };
    },
    has: (tenant) => listeners.has(tenant),
    tell(tenant, job) {
      for (const { listener } of [...(listeners.get(tenant) ?? [])]) listener(live(tenant, job));
    },
    setProgress(tenant, id, at) {
      const key = keyText(tenant, id);
      if (at === undefined) progress.delete(key);
      else progress.set(key, at);
    },
    live,
  };
};
