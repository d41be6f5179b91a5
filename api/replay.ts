/**
 * A socket is told again what the log holds, at a pace of its own, and then what is live.
 *
 *   since ── at its pace ──► until ── as fast as it is taken ──► live        (without `until` at its pace all the way)
 *                              └──► ended, without `follow`
 *
 * It may be as much as it is: nothing is read before the socket has taken what it was given.
 */
import type { Core, Tail } from "./core.ts";
import type { Dialect, Live } from "./live.ts";
import { Pace } from "./pace.ts";
import { after, furthest, nearest, reached, replayed } from "./replayed.ts";
import type { Place } from "./replays.ts";
import { type Wanted, wanted } from "./wants.ts";

type Replaying = {
  readonly core: Core;
  readonly live: Live;
  readonly tenant: string;
  readonly dialect: Dialect;
  readonly place: Place;
  readonly from: Tail;
  readonly until: Tail | undefined;
  readonly pace: number | undefined;
  readonly follow: boolean;
  /** The filter in force now; it may be replaced meanwhile. */
  readonly wanted: () => Wanted;
  readonly send: (frame: Buffer, alerts: number, at: Tail) => void;
  readonly gap: (from: Tail, to: Tail) => void;
  /** Resolves when more may be sent; false when the socket has gone. */
  readonly drained: () => Promise<boolean>;
  readonly done: (at: Tail) => void;
  readonly ended: (told: number, at: Tail) => Promise<void>;
  readonly failed: (error: unknown) => void;
};

/** Alerts in one frame at most: so much may wait for the socket beyond what it has room for. */
const MOST = 100;
/** Milliseconds between looks at a tail that is behind a cursor. */
const CATCH_UP_MS = 5;

export class Replay {
  readonly #how: Replaying;
  readonly #stopping = new AbortController();
  readonly #stop: AbortSignal;
  #at: Tail;
  #told = 0;
  #frame: string[] = [];
  #started = false;

  constructor(how: Replaying) {
    this.#how = how;
    this.#at = how.from;
    this.#stop = AbortSignal.any([this.#stopping.signal, how.place.signal]);
  }

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    try {
      await this.#run();
    } catch (error) {
      this.#how.failed(error);
    } finally {
      this.#how.place.leave();
    }
  }

  stop(): void {
    this.#stopping.abort();
    if (!this.#started) this.#how.place.leave();
  }

  async #run(): Promise<void> {
    const { core, until, pace, follow, ended } = this.#how;
    const [start, end] = await Promise.all([core.tailStart(), core.tailEnd()]);
    if (this.#stop.aborted) return;
    // What is not kept any more cannot be told; and where an older copy of the log was put back, what stood there never will be.
    this.#goTo(furthest(nearest(this.#at, end), start));
    const paced = pace === undefined ? undefined : new Pace(core, pace);
    if (until !== undefined || !follow) await this.#tell(nearest(until ?? end, end), paced);
    if (this.#stop.aborted) return;
    if (follow) await this.#meet(until === undefined ? paced : undefined);
    else await ended(this.#told, this.#at);
  }

  #goTo(at: Tail): void {
    const from = this.#at;
    this.#at = at;
    if (!reached(from, at) || !reached(at, from)) this.#how.gap(from, at);
  }

  /** Goes after the live tail until it has met it; what comes while it reads is read in the next round. */
  async #meet(paced: Pace | undefined): Promise<void> {
    const { core, live, done } = this.#how;
    for (let to = live.at(); ; to = live.at()) {
      if (!reached(this.#at, to)) await this.#tell(to, paced);
      else if (reached(to, this.#at)) break;
      // It is another process's place, whose tail was ahead of ours. From here on ours would tell the same again.
      else await core.sleep(CATCH_UP_MS, this.#stop);
      if (this.#stop.aborted) return;
    }
    // Nothing may be awaited between having met the live tail and this: a batch heard meanwhile would be dropped.
    done(this.#at);
  }

  async #tell(to: Tail, paced: Pace | undefined): Promise<void> {
    const { core, tenant, dialect, wanted: wants } = this.#how;
    const isWanted = ({ tenant: whose, revision }: { readonly tenant: string; readonly revision: number }): boolean =>
      whose === tenant && (dialect.revisions || revision === 0);
    const end = furthest(this.#at, to);
    for await (const delivered of replayed(core, { from: this.#at, to: end, isWanted, signal: this.#stop })) {
      const { alert } = delivered;
      if (wanted(wants(), alert)) {
        await this.#until(alert.raisedAt, paced);
        // The filter may be another by now.
        if (!this.#stop.aborted && wanted(wants(), alert)) this.#frame.push(dialect.present(alert));
      }
      if (this.#stop.aborted) return;
      this.#at = after(this.#at, delivered);
      if (this.#frame.length >= Math.min(dialect.most, MOST)) await this.#flush();
    }
    if (this.#stop.aborted) return;
    this.#at = end;
    await this.#flush();
  }

  /** Sends what is due and waits for what is not. */
  async #until(raisedAt: number, paced: Pace | undefined): Promise<void> {
    const early = paced?.until(raisedAt) ?? 0;
    if (early <= 0) return;
    await this.#flush();
    await this.#how.core.sleep(early, this.#stop);
  }

  async #flush(): Promise<void> {
    const { dialect, tenant, send, drained } = this.#how;
    const frame = this.#frame;
    this.#frame = [];
    if (this.#stop.aborted) return;
    if (frame.length > 0) {
      this.#told += frame.length;
      send(Buffer.from(dialect.frame(frame, tenant, this.#at)), frame.length, this.#at);
    }
    if (!(await drained())) this.#stopping.abort();
  }
}
