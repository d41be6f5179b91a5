import { setTimeout as wait } from "node:timers/promises";
import type { Clock, Stop } from "../domain/ports.ts";
import { whenStopped } from "../domain/stop.ts";

const slept = async (ms: number, signal: Stop, ref = true): Promise<void> => {
  const cut = new AbortController();
  const takeBack = whenStopped(signal, () => cut.abort());
  try {
    await wait(ms, undefined, { signal: cut.signal, ref });
  } catch (error) {
    // The only way out of this wait besides time is our own abort, and that is an answer, not an error.
    if (!cut.signal.aborted) throw error;
  } finally {
    takeBack();
  }
};

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => (signal === undefined ? wait(ms) : slept(ms, signal)),
};

/** The same; who only waits by it keeps no process alive. */
export const quietClock: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) => (signal === undefined ? wait(ms, undefined, { ref: false }) : slept(ms, signal, false)),
};
