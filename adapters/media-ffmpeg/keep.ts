/** A film that is made anew whenever it ends, until nobody wants it. */
import { limits } from "../../domain/limits.ts";
import type { MediaFailure, StreamState } from "../../domain/media.ts";
import type { Clock } from "../../domain/ports.ts";
import { failureOf, type Run } from "./run.ts";

export type Kept = {
  state(): StreamState;
  /** Resolves when it first runs, or has failed. */
  readonly ready: Promise<StreamState>;
  /** Told by whoever is told of pieces: it runs. */
  runs(): void;
  /** Ends it; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
  /** Rejects with a defect only. */
  readonly done: Promise<void>;
};

export type KeepHow = {
  /** Begins it; `again`: the last time nothing came of it. */
  readonly begin: (again: boolean, signal: AbortSignal) => Promise<Run | { readonly failed: MediaFailure }>;
  readonly clock: Clock;
  /** Times in a row nothing may come of it. A film that is kept for its own sake is tried without end. */
  readonly tries: number;
  readonly failed?: (failure: MediaFailure) => void;
};

/** Trying again the same way changes nothing. */
const FINAL: ReadonlySet<MediaFailure["reason"]> = new Set([
  "unauthorized",
  "not-allowed",
  "certificate",
  "not-found",
  "redirected",
  "no-video",
  "codec",
  "missing",
]);

export const keep = ({ begin, clock, tries, failed }: KeepHow): Kept => {
  let state: StreamState = { state: "starting" };
  let failures = 0;
  let running: Run | undefined;
  const stop = new AbortController();
  let tell: (state: StreamState) => void = () => undefined;
  const ready = new Promise<StreamState>((resolve) => {
    tell = resolve;
  });

  const once = async (): Promise<MediaFailure | undefined> => {
    // A disk that fails is a film that fails, and nothing more.
    const begun = await begin(failures > 0, stop.signal).catch((error: unknown) => ({ failed: failureOf(error) }));
    if ("failed" in begun) return begun.failed;
    running = begun;
    if (stop.signal.aborted) running.stop();
    try {
      return await running.done;
    } finally {
      running = undefined;
    }
  };

  const work = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const failure = await once();
      if (failure === undefined || stop.signal.aborted) return;
      failures += 1;
      failed?.(failure);
      const isFinal = FINAL.has(failure.reason);
      if (isFinal || failures >= tries) {
        state = { state: "failed", failure };
        tell(state);
        if (Number.isFinite(tries)) return;
      } else state = { state: "stalled", failure };
      await clock.sleep(isFinal ? limits.liveBackoffMs : Math.min(limits.liveBackoffMs, 500 * 2 ** Math.min(failures, 10)), stop.signal);
    }
  };
  // Not before whoever keeps it has what is given back.
  const done = Promise.resolve().then(work);
  return {
    state: () => state,
    ready,
    runs() {
      failures = 0;
      state = { state: "running" };
      tell(state);
    },
    async stop() {
      stop.abort();
      running?.stop();
      await done;
      tell(state);
    },
    done,
  };
};
