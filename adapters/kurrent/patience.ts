/** How long what may pass is tried again, and with what pauses. */
import { AdapterError } from "../../domain/ports.ts";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

export class Patience {
  readonly #mostMs: number;
  /** Undefined: nothing has failed since it last worked. */
  #since: number | undefined = performance.now();
  #pauseMs = FIRST_PAUSE_MS;

  constructor(mostMs: number) {
    this.#mostMs = mostMs;
  }

  /** What is left of it; at least a millisecond, so that a call can be made with it. */
  get leftMs(): number {
    return Math.max(1, Math.ceil(this.#mostMs - (performance.now() - (this.#since ?? performance.now()))));
  }

  /** It worked: begins anew with the next failure, however long from now. */
  renew(): void {
    this.#since = undefined;
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** How long to wait before the next attempt; undefined where there is to be none. */
  pauseMs(error: unknown): number | undefined {
    if (!(error instanceof AdapterError) || !error.retryable) return undefined;
    this.#since ??= performance.now();
    const pauseMs = this.#pauseMs;
    if (pauseMs >= this.leftMs) return undefined;
    this.#pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    return pauseMs;
  }
}
