/** Replays under way: so many of a tenant and so many of all, each until it ends, or the server stops. */
import type { Core } from "./core.ts";
import { Tally } from "./tally.ts";

export type Place = {
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  leave(): void;
};

export class Replays {
  readonly #core: Pick<Core, "limits" | "meter">;
  readonly #stop = new AbortController();
  readonly #tenants = new Tally();
  #all = 0;

  constructor(core: Pick<Core, "limits" | "meter">) {
    this.#core = core;
  }

  /** Why there is no room for one more, in words. */
  enter(tenant: string): Place | string {
    const { replays, replaysPerTenant } = this.#core.limits;
    if (this.#tenants.of(tenant) >= replaysPerTenant)
      return this.#full(tenant, `No more than ${replaysPerTenant} replays of a tenant at once.`);
    if (this.#all >= replays) return this.#full(tenant, `No more than ${replays} replays at once.`);
    this.#count(tenant, 1);
    let isIn = true;
    const leave = (): void => {
      if (isIn) this.#count(tenant, -1);
      isIn = false;
    };
    return { signal: this.#stop.signal, leave };
  }

  close(): void {
    this.#stop.abort();
  }

  #full(tenant: string, detail: string): string {
    this.#core.meter.count("tallywire_throttled_total", 1, { tenant });
    return detail;
  }

  #count(tenant: string, more: 1 | -1): void {
    this.#all += more;
    this.#core.meter.set("tallywire_replays", this.#tenants.add(tenant, more), { tenant });
  }
}
