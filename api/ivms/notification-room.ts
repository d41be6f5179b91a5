/** All who are told on /notification: their tail, their dialects, and the newest alerts they are told first. */
import type { Alert } from "../../domain/event.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Dialects } from "../connection.ts";
import { type Live, startLive } from "../live.ts";
import type { Arrived, House } from "../surface.ts";
import { knowing, Names } from "./notification-names.ts";
import { clockIn, dialectsOf } from "./notification-present.ts";

/** What one who is told needs. `newest`: alerts, the oldest first. */
export type Entered = { readonly house: House; readonly dialects: Dialects; readonly newest: () => Promise<readonly Alert[]> };

/** By those equal in what they are told each alert is serialised once. */
export class Room {
  readonly #house: House;
  readonly #clock: ReturnType<typeof clockIn>;
  readonly #names: Names;
  /** The house with a tail of its own, which is a little later; there while somebody is told. */
  #late: House | undefined;
  #sockets = 0;
  /** By what addresses begin with. A client may call us anything: one goes with the last who called us so. */
  readonly #dialects = new Map<string | undefined, { readonly dialects: Dialects; sockets: number }>();
  /** By tenant, the question under way and the one after it, which all share who came meanwhile. */
  readonly #asking = new Map<string, { next: Promise<readonly Alert[]> | undefined; readonly now: Promise<readonly Alert[]> }>();

  constructor(house: House, zone: string) {
    this.#house = house;
    this.#clock = clockIn(zone);
    this.#names = new Names(house.core);
  }

  enter({ socket, caller }: Arrived, origin: string | undefined): Entered {
    const { tenant } = caller;
    const house = this.#late ?? this.#open();
    const leaveNames = this.#names.enter(tenant);
    const dialects = this.#dialects.get(origin) ?? {
      dialects: dialectsOf({ house, names: this.#names, clock: this.#clock, origin }),
      sockets: 0,
    };
    this.#dialects.set(origin, dialects);
    dialects.sockets++;
    this.#sockets++;
    socket.once("close", () => {
      leaveNames();
      if (--dialects.sockets === 0) this.#dialects.delete(origin);
      if (--this.#sockets === 0) this.#close();
    });
    return { house, dialects: dialects.dialects, newest: () => this.#newest(tenant, house.live) };
  }

  #open(): House {
    const core = knowing(this.#house.core, this.#names);
    this.#late = { ...this.#house, core, live: startLive(core) };
    return this.#late;
  }

  #close(): void {
    this.#late?.live.close();
    this.#late = undefined;
  }

  /** After a restart all come back together: a tenant has one question under way. It was begun after whoever shares it came. */
  #newest(tenant: string, live: Live): Promise<readonly Alert[]> {
    const ask = (): Promise<readonly Alert[]> => {
      const now = this.#ask(tenant, live);
      const asking = { now, next: undefined };
      this.#asking.set(tenant, asking);
      const done = (): void => {
        if (this.#asking.get(tenant) === asking && asking.next === undefined) this.#asking.delete(tenant);
      };
      now.then(done, done);
      return now;
    };
    const asking = this.#asking.get(tenant);
    if (asking === undefined) return ask();
    asking.next ??= asking.now.then(ask, ask);
    return asking.next;
  }

  /** The oldest first. None where the warehouse cannot be asked: what is live is told all the same. */
  async #ask(tenant: string, live: Live): Promise<readonly Alert[]> {
    const { core } = this.#house;
    try {
      if (!(await core.told(live.at())))
        core.journal.warn({ tenant }, "the newest alerts are told before all that were raised can be asked for");
      const { rows } = await core.ask.events(tenant, {
        since: undefined,
        camera: undefined,
        type: undefined,
        after: undefined,
        limit: core.limits.notificationAlerts,
        epochsOf: async (camera) => (await core.camera({ tenant, camera })).epochs,
      });
      await this.#names.learn(rows);
      return rows.toReversed();
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      core.journal.error({ err: error, tenant }, "the newest alerts cannot be asked for: only those that are raised from now on are told");
      return [];
    }
  }
}
