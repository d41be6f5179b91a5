/** What the network is like at the moment; who waits for it to change is told. */
import type { Dice } from "../history.ts";
import type { Fault } from "../tcp-proxy.ts";

export type Way = "to-server" | "to-client";

export class Weather {
  #fault: Fault | undefined;
  #changed: Promise<void> = Promise.resolve();
  #change: () => void = () => undefined;
  readonly #dice: Dice;

  constructor(chance: Dice) {
    this.#dice = chance;
    this.become(undefined);
  }

  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#changed;
  }

  become(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#change();
    this.#changed = new Promise((resolve) => {
      this.#change = resolve;
    });
  }

  isSilent(way: Way): boolean {
    const fault = this.#fault;
    return fault?.kind === "black-hole" || (fault?.kind === "half-open" && fault.dead === way);
  }

  /** Milliseconds that data is late now. */
  delay(): number {
    const fault = this.#fault;
    return fault?.kind === "latency" ? fault.ms + this.#dice.upTo(fault.jitterMs + 1) : 0;
  }

  /** Milliseconds that a close is late now. */
  closeDelay(): number {
    const fault = this.#fault;
    return fault?.kind === "slow-close" ? fault.ms : this.delay();
  }

  /** Milliseconds that so many bytes take. */
  timeOf(bytes: number): number {
    const fault = this.#fault;
    return fault?.kind === "bandwidth" ? (bytes / fault.bytesPerSecond) * 1000 : 0;
  }
}
