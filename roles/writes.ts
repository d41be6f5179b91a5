/** Whether the log takes what is written: only who writes to it sees a full disk. */
import { betweenLog, betweenLogs } from "../domain/between.ts";
import { AdapterError, type Clock, type Logs } from "../domain/ports.ts";

/** Milliseconds a refused write speaks for the log. Longer, and one that nobody sends to any more would never be ready again. */
const REFUSED_MS = 10_000;

export type Taking = {
  /** What the last write was refused with, for a while after. */
  readonly refused: () => string | undefined;
};

/** The same logs; every write tells how it went. */
export const watchWrites = (logs: Logs, clock: Clock): { readonly logs: Logs; readonly taking: Taking } => {
  let last: { readonly code: string; readonly at: number } | undefined;
  const watched = async <T>(write: Promise<T>): Promise<T> => {
    try {
      const done = await write;
      last = undefined;
      return done;
    } catch (error) {
      if (error instanceof AdapterError && error.retryable) last = { code: error.code, at: clock.now() };
      throw error;
    }
  };
  const { facts } = logs;
  return {
    logs: betweenLogs(logs, {
      facts: betweenLog(facts, { append: (events) => watched(facts.append(events)) }),
      claim: (own) =>
        logs.claim((owned) =>
          own({
            partition: owned.partition,
            lost: owned.lost,
            restore: () => owned.restore(),
            commit: (work) => watched(owned.commit(work)),
          }),
        ),
    }),
    taking: { refused: () => (last !== undefined && Math.abs(clock.now() - last.at) < REFUSED_MS ? last.code : undefined) },
  };
};
