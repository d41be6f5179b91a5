/** How far the projectors of this process have come, and waiting for it. */
import type { Meter, Position, Stop } from "../domain/ports.ts";
import type { LogKind } from "./projection.ts";

type Waiting = { readonly position: Position; readonly reached: () => void };

export class Progress {
  readonly #meter: Meter;
  readonly #passed = new Map<string, Position>();
  readonly #waiting = new Map<string, Set<Waiting>>();
  readonly #behind = new Map<string, number>();
  /** One a projector. */
  readonly #hurry = new Map<string, () => void>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Everything before this position can be read. 0 where no projector has begun. */
  passed(log: LogKind, partition: number): Position {
    return this.#passed.get(`${log}/${partition}`) ?? 0;
  }

  /** Resolves true when the projector has passed the position, false when `stop` says so first. */
  until(log: LogKind, partition: number, position: Position, stop: Stop): Promise<boolean> {
    if (this.passed(log, partition) >= position) return Promise.resolve(true);
    if (stop.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const all = this.#waiting.get(`${log}/${partition}`) ?? new Set();
      this.#waiting.set(`${log}/${partition}`, all);
      const stopped = (): void => {
        all.delete(one);
        resolve(false);
      };
      const one: Waiting = {
        position,
        reached: () => {
          all.delete(one);
          stop.removeEventListener("abort", stopped);
          resolve(true);
        },
      };
      all.add(one);
      stop.addEventListener("abort", stopped, { once: true });
      this.#hurry.get(`${log}/${partition}`)?.();
    });
  }

  /** Whether somebody waits for this projector: it is not to dawdle then. */
  wanted(log: LogKind, partition: number): boolean {
    return (this.#waiting.get(`${log}/${partition}`)?.size ?? 0) > 0;
  }

  /** Called whenever somebody begins to wait for this projector. */
  onWanted(log: LogKind, partition: number, hurry: () => void): void {
    this.#hurry.set(`${log}/${partition}`, hurry);
  }

  advance(log: LogKind, partition: number, to: Position): void {
    this.#passed.set(`${log}/${partition}`, to);
    for (const one of [...(this.#waiting.get(`${log}/${partition}`) ?? [])]) if (one.position <= to) one.reached();
  }

  /** Events read from the log and not yet in the warehouse. */
  behind(log: LogKind, partition: number, events: number): void {
    this.#behind.set(`${log}/${partition}`, events);
    let all = 0;
    for (const n of this.#behind.values()) all += n;
    this.#meter.set("tallywire_lag_frames", all, { stage: "projector" });
  }
}
