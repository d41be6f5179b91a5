/**
 * The pace of a replay: when what happened at an instant is due.
 *
 *   event time:  10:00:00 ── 4 s ── 10:00:04 ──────── 3 h ──────── 13:00:04
 *   at pace 2:   now ─────── 2 s ── told ── replayGapMs, no more ── told
 *
 * What is older than what was told last is due at once; where it is older by more than such a gap (another camera's recording begins), time
 * begins again there.
 */
import type { Instant } from "../domain/envelope.ts";
import type { Core } from "./core.ts";

export class Pace {
  readonly #core: Pick<Core, "now" | "limits">;
  readonly #pace: number;
  /** What happened then is due then. */
  #clock: { readonly event: Instant; readonly due: Instant } | undefined;

  /** `pace`: 1 as it was, 2 twice as fast. */
  constructor(core: Pick<Core, "now" | "limits">, pace: number) {
    this.#core = core;
    this.#pace = pace;
  }

  /** Milliseconds until it is due; 0 or less: it is. To be asked once of each, in the order of telling. */
  until(event: Instant): number {
    const now = this.#core.now();
    const gapMs = this.#core.limits.replayGapMs;
    const last = this.#clock;
    if (last === undefined || event < last.event - gapMs) this.#clock = { event, due: now };
    else if (event > last.event) this.#clock = { event, due: last.due + Math.min((event - last.event) / this.#pace, gapMs) };
    return (this.#clock as { readonly due: Instant }).due - now;
  }
}
