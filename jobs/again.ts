/** Jobs that are tried again: what they met may pass. Each waits longer than the time before, until it has come further. */
import type { Instant, Json } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import { same } from "../domain/same.ts";

const FIRST_MS = 1000;

type Waiting = { readonly since: Instant; readonly kept: Json | undefined; readonly pauseMs: number; readonly until: Instant };

export type Again = {
  /** Milliseconds until it is tried again; undefined where it was tried for long enough. */
  put(key: string, kept: Json | undefined, now: Instant): number | undefined;
  isDue(key: string, now: Instant): boolean;
  drop(key: string): void;
};

export const createAgain = (limits: Limits): Again => {
  const waiting = new Map<string, Waiting>();
  return {
    put(key, kept, now) {
      const before = waiting.get(key);
      const goesOn = before !== undefined && same(before.kept, kept);
      const since = goesOn ? before.since : now;
      if (now - since >= limits.jobPatienceMs) return undefined;
      const pauseMs = goesOn ? Math.min(before.pauseMs * 2, limits.jobBackoffMs) : FIRST_MS;
      waiting.set(key, { since, kept, pauseMs, until: now + pauseMs });
      return pauseMs;
    },
    isDue(key, now) {
      const one = waiting.get(key);
      // A clock that was set back is no reason to wait longer.
      return one === undefined || now >= one.until || one.until - now > one.pauseMs;
    },
    drop: (key) => void waiting.delete(key),
  };
};
