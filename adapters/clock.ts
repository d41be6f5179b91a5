import { setTimeout as wait } from "node:timers/promises";
import type { Clock, Stop } from "../domain/ports.ts";

const slept = async (ms: number, signal: Stop): Promise<void> => {
  if (signal.aborted) return;
  const cut = new AbortController();
  const stop = (): void => cut.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await wait(ms, undefined, { signal: cut.signal });
  } catch (error) {
    // The only way out of this wait besides time is our own abort, and that is an answer, not an error.
    if (!cut.signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
};

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => (signal === undefined ? wait(ms) : slept(ms, signal)),
};
