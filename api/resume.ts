/** Catching up: what the log holds since a cursor, until it meets what is live. Nothing is lost or repeated, or a gap is told. */
import type { Alert } from "../domain/event.ts";
import type { Core, Delivered, Tail } from "./core.ts";
import type { Dialect, Live } from "./live.ts";
import { furthest, reached } from "./replayed.ts";
import { type Wanted, wanted } from "./wants.ts";

type CatchingUp = {
  readonly core: Core;
  readonly live: Live;
  readonly from: Tail;
  readonly tenant: string;
  readonly dialect: Dialect;
  /** Told before what the log holds since then. */
  readonly history?: () => Promise<readonly Alert[]>;
  /** The filter in force now; it may be replaced meanwhile. */
  readonly wanted: () => Wanted;
  readonly send: (frame: Buffer, alerts: number, at: Tail) => void;
  readonly gap: (from: Tail, to: Tail) => void;
  /** Resolves when more may be sent; false when the socket has gone. */
  readonly drained: () => Promise<boolean>;
  readonly done: (at: Tail) => void;
  readonly failed: (error: unknown) => void;
};

/** Replays under way at once: after a restart all sockets come back together. */
const AT_ONCE = 8;
let running = 0;
const waiting: (() => void)[] = [];
/** Milliseconds between looks at a tail that is behind a cursor. */
const CATCH_UP_MS = 5;

export class CatchUp {
  readonly #how: CatchingUp;
  #at: Tail;
  #replayed = 0;
  #started = false;
  #stopped = false;

  constructor(how: CatchingUp) {
    this.#how = how;
    this.#at = how.from;
  }

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    let history: readonly Alert[];
    try {
      // Before its turn: a warehouse that does not answer holds up nobody who asks the log alone.
      history = (await this.#how.history?.()) ?? [];
    } catch (error) {
      this.#how.failed(error);
      return;
    }
    if (this.#stopped) return;
    if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      await this.#tell(history);
      await this.#run();
    } catch (error) {
      this.#how.failed(error);
    } finally {
      running--;
      waiting.shift()?.();
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #tell(history: readonly Alert[]): Promise<void> {
    const { dialect } = this.#how;
    for (let told = 0; told < history.length && !this.#stopped; told += dialect.most)
      await this.#flush(history.slice(told, told + dialect.most).map(dialect.present));
  }

  async #run(): Promise<void> {
    const { core, live, done, gap } = this.#how;
    if (this.#stopped) return;
    const [start, end] = await Promise.all([core.tailStart(), core.tailEnd()]);
    const outOfReach = !reached(this.#at, start);
    // Ahead of the log: an older copy of it was put back. Waiting until it has grown so far would lose what comes meanwhile.
    const ahead = !reached(end, this.#at);
    if (!outOfReach && !ahead && (await this.#replay())) return;
    if (this.#stopped) return;
    const from = this.#at;
    const to = ahead ? live.at() : furthest(from, live.at());
    done(to);
    gap(from, to);
  }

  /** Goes after the live tail until it has met it; what comes while it reads is read in the next round, so nothing need be kept. False: too much. */
  async #replay(): Promise<boolean> {
    const { core, live, dialect } = this.#how;
    for (let to = live.at(); ; to = live.at()) {
      if (reached(this.#at, to)) {
        if (reached(to, this.#at)) break;
        // The cursor is another process's, whose tail was ahead of ours. From here on ours would tell the same again.
        await new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS));
        if (this.#stopped) return true;
        continue;
      }
      const end = furthest(this.#at, to);
      let frame: string[] = [];
      for await (const batch of core.between(this.#at, end)) {
        for (const delivered of batch) {
          this.#at = this.#at.with(delivered.partition, delivered.position + 1);
          if (!this.#concerns(delivered)) continue;
          if (++this.#replayed > core.limits.resumeAlerts) {
            this.#at = this.#at.with(delivered.partition, delivered.position);
            await this.#flush(frame);
            return false;
          }
          frame.push(dialect.present(delivered.alert));
          if (frame.length >= dialect.most) {
            await this.#flush(frame);
            frame = [];
          }
        }
        if (this.#stopped) return true;
      }
      this.#at = end;
      await this.#flush(frame);
      if (this.#stopped) return true;
    }
    // Nothing may be awaited between having met the live tail and this: a batch heard meanwhile would be dropped.
    this.#how.done(this.#at);
    return true;
  }

  #concerns({ alert }: Delivered): boolean {
    const { tenant, dialect, wanted: wants } = this.#how;
    return alert.tenant === tenant && (dialect.revisions || alert.revision === 0) && wanted(wants(), alert);
  }

  async #flush(frame: readonly string[]): Promise<void> {
    const { dialect, tenant, send, drained } = this.#how;
    if (frame.length > 0) send(Buffer.from(dialect.frame(frame, tenant, this.#at)), frame.length, this.#at);
    if (!(await drained())) this.#stopped = true;
  }
}
