/**
 * A connection can die without a word: a half-open one is silent for ever. So whoever has waited for a while asks the server, over a
 * connection of its own, whether it is at the statement at all. Where it is not, neither the request nor its answer will come. Of an
 * insert it may have half, and wait for the rest: so one that can be repeated is not waited for without end.
 */
import { AdapterError } from "../../domain/ports.ts";

const FIRST_LOOK_MS = 3_000;
const LOOK_MS = 1_000;
/** Once could be the moment between the statement's end and the arrival of its answer. */
const MISSES = 2;

type Watch = {
  /** Whether the server is at it; undefined where it cannot be asked. */
  readonly isRunning: (id: string) => Promise<boolean | undefined>;
  readonly lost: () => void;
  /** Milliseconds after which it is given up though the server is at it. */
  readonly mostMs?: number;
};

/** Throws AdapterError `unavailable`, retryable, when the connection is lost; the work is aborted then. */
export const watched = async <T>(
  id: string,
  { isRunning, lost, mostMs = Number.POSITIVE_INFINITY }: Watch,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const ending = new AbortController();
  const since = performance.now();
  let settled = false;
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<never>((_, reject) => {
    const look = async (misses: number): Promise<void> => {
      const running = await isRunning(id);
      if (settled) return;
      const missed = running === false ? misses + 1 : 0;
      if (missed < MISSES && performance.now() - since < mostMs) {
        timer = setTimeout(() => void look(missed), LOOK_MS).unref();
        return;
      }
      lost();
      reject(new AdapterError("unavailable", "The connection to the warehouse was lost.", { retryable: true }));
      ending.abort();
    };
    timer = setTimeout(() => void look(0), FIRST_LOOK_MS).unref();
  });
  try {
    return await Promise.race([work(ending.signal), gone]);
  } finally {
    settled = true;
    clearTimeout(timer);
  }
};
