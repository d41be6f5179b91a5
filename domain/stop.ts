import { AdapterError, type Stop } from "./ports.ts";

/** A Stop of our own: the pure core has no AbortController. */
export const createStop = (): { readonly signal: Stop; stop(): void } => {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    signal: {
      get aborted() {
        return aborted;
      },
      addEventListener: (_type, listener) => {
        listeners.add(listener);
      },
      removeEventListener: (_type, listener) => {
        listeners.delete(listener);
      },
    },
    stop: () => {
      if (aborted) return;
      aborted = true;
      for (const listener of [...listeners]) listener();
    },
  };
};

/** Calls `end` when stopped, at once where that has happened already. What it gives back takes the wish back. */
export const whenStopped = (stop: Stop, end: () => void): (() => void) => {
  if (stop.aborted) {
    end();
    return () => undefined;
  }
  stop.addEventListener("abort", end, { once: true });
  return () => stop.removeEventListener("abort", end);
};

/**
 * A pause in work that may be stopped. Throws AdapterError `closed` where it was: nothing is wrong with the work, it may be done again, here
 * after a restart or in another process.
 */
export const rested = async (pause: () => Promise<void>, stop: Stop): Promise<void> => {
  if (!stop.aborted) await pause();
  if (stop.aborted) throw new AdapterError("closed", "It was told to stop.", { retryable: true });
};
