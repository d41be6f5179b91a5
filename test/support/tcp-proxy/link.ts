/** One connection through the proxy: two sockets, and a flow each way. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Way, Weather } from "./weather.ts";

/** Bytes under way in one direction before the sender is held up, as a router's queue. */
const MOST_UNDER_WAY = 4 * 1024 * 1024;
/** A piece that goes at once under a bandwidth cap. */
const PIECE = 8 * 1024;

type Parcel = { readonly bytes: Buffer | "end"; readonly due: number };

export class Link {
  readonly done: Promise<void>;
  readonly #client: Socket;
  readonly #server: Socket;
  #forgotten = false;

  constructor(client: Socket, server: Socket, weather: Weather, passed: (bytes: number) => void) {
    this.#client = client;
    this.#server = server;
    // Who sent it may be gone: what was sent before is still delivered.
    flow(client, server, "to-server", weather, () => this.#forgotten || server.destroyed, passed);
    flow(server, client, "to-client", weather, () => this.#forgotten || client.destroyed, passed);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => undefined);
      // A reset, or both ways ended: what is silent does not tell of it.
      one.once("close", (hadError) => {
        if (this.#forgotten) return;
        void whenHeard(weather).then(() => {
          if (this.#forgotten || other.destroyed) return;
          if (hadError) other.resetAndDestroy();
        });
      });
    }
    const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once("close", () => resolve()));
    this.done = Promise.all([closed(client), closed(server)]).then(() => undefined);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  /** Nothing passes any more, and neither side is told. */
  forget(): void {
    this.#forgotten = true;
    this.#client.pause();
    this.#server.pause();
  }

  closeSlowly(ms: number): void {
    this.forget();
    this.#server.end();
    this.#server.resume();
    void sleep(ms).then(() => {
      this.#client.end();
      this.#client.resume();
    });
  }
}

/** A close is news as well: it does not come through where nothing does. */
const whenHeard = async (weather: Weather): Promise<void> => {
  while (weather.isSilent("to-client") || weather.isSilent("to-server")) await weather.changed;
};

const flow = (from: Socket, to: Socket, way: Way, weather: Weather, isGone: () => boolean, passed: (bytes: number) => void): void => {
  const queue: Parcel[] = [];
  let underWay = 0;
  let lastDue = 0;
  let going = false;
  const put = (bytes: Buffer | "end", delay: number): void => {
    lastDue = Math.max(lastDue, performance.now() + delay);
    queue.push({ bytes, due: lastDue });
    if (!going) void go();
  };
  const go = async (): Promise<void> => {
    going = true;
    for (let parcel = queue.shift(); parcel !== undefined; parcel = queue.shift()) {
      for (let early = parcel.due - performance.now(); early > 0; early = parcel.due - performance.now()) await sleep(early);
      await hear();
      if (isGone()) break;
      if (parcel.bytes === "end") to.end();
      else await deliver(parcel.bytes);
      if (underWay < MOST_UNDER_WAY && from.isPaused() && !isGone()) from.resume();
    }
    going = false;
  };
  const hear = async (): Promise<void> => {
    while (weather.isSilent(way) && !isGone()) await weather.changed;
  };
  const deliver = async (bytes: Buffer): Promise<void> => {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, weather.timeOf(1) > 0 ? at + PIECE : undefined);
      const ms = weather.timeOf(piece.length);
      if (ms > 0) await sleep(ms);
      await hear();
      if (isGone()) return;
      const isTaken = to.write(piece);
      at += piece.length;
      passed(piece.length);
      if (!isTaken) await drained(to);
    }
    underWay -= bytes.length;
  };
  from.on("data", (bytes: Buffer) => {
    underWay += bytes.length;
    if (underWay >= MOST_UNDER_WAY) from.pause();
    put(bytes, weather.delay());
  });
  from.on("end", () => put("end", weather.closeDelay()));
};

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
