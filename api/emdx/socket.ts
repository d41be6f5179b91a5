/**
 * The socket /alerts/ws.
 *
 *   connected -> (?filter= or first text message, within filterWaitMs) -> told -> (further messages replace the filter)
 *
 * Plain: frames `{"alerts":[…]}` and nothing else; an error is the reason of the close.
 * `tallywire.v1`: acknowledgements, errors, heartbeats, and a cursor on every frame; `?since=` resumes.
 */
import type { RawData, WebSocket } from "ws";
import type { Alert } from "../../domain/event.ts";
import type { Core, Tail } from "../core.ts";
import type { Cursors } from "../cursor.ts";
import { formatInstant } from "../instant.ts";
import type { Dialect, Live, Subscription } from "../live.ts";
import type { Arrived, House, SocketRoute } from "../surface.ts";
import { compileWants, type Wanted } from "../wants.ts";
import { readFilter } from "./filter.ts";
import { alertBody } from "./present.ts";
import { CatchUp } from "./resume.ts";

const V1 = "tallywire.v1";
const CLOSE = { badFilter: 4400, token: 4401, noFilter: 4408, tooSlow: 4008 } as const;
/** What a close frame has room for. */
const REASON_BYTES = 123;
/** Milliseconds of reading filters after which a socket rests, and for how many times what it took: it has a fifth of the loop at most. */
const FILTER_MS = 5;
const REST = 4;

const textFrame = { binary: false } as const;
const present = (alert: Alert): string => JSON.stringify(alertBody(alert));

export type Dialects = { readonly plain: Dialect; readonly v1: Dialect };

const dialectsOf = (core: Core, cursors: Cursors): Dialects => ({
  plain: { present, frame: (alerts) => `{"alerts":[${alerts.join(",")}]}`, revisions: false, most: core.limits.pageRows },
  v1: {
    present,
    frame: (alerts, tenant, at) => `{"alerts":[${alerts.join(",")}],"cursor":${JSON.stringify(cursors.tail(tenant, at))}}`,
    revisions: true,
    most: core.limits.pageRows,
  },
});

export const alertSocket = (house: House, paths: readonly string[], options: { readonly tenant: string }): SocketRoute => {
  const dialects = dialectsOf(house.core, house.cursors);
  return {
    paths,
    protocols: [V1],
    scope: "events:read",
    tenant: options.tenant,
    take: (arrived) => new Connection(house, dialects, arrived).start(),
  };
};

class Connection {
  readonly #core: Core;
  readonly #cursors: Cursors;
  readonly #live: Live;
  readonly #socket: WebSocket;
  readonly #tenant: string;
  readonly #dialect: Dialect;
  readonly #v1: boolean;
  readonly #query: URLSearchParams;
  readonly #expiresAt: number | undefined;
  #wanted: Wanted = { keys: new Set() };
  #subscription: Subscription | undefined;
  #catchUp: CatchUp | undefined;
  /** Everything up to here has been handed to the socket. */
  #cursor: Tail;
  readonly #timers: NodeJS.Timeout[] = [];
  /** What reading its filters has taken since it last rested. */
  #tookMs = 0;
  #isResting = false;

  constructor({ core, cursors, live }: House, dialects: Dialects, { socket, query, caller }: Arrived) {
    this.#core = core;
    this.#cursors = cursors;
    this.#live = live;
    this.#socket = socket;
    this.#tenant = caller.tenant;
    this.#v1 = socket.protocol === V1;
    this.#dialect = this.#v1 ? dialects.v1 : dialects.plain;
    this.#query = query;
    this.#expiresAt = caller.expiresAt;
    this.#cursor = live.at();
  }

  start(): void {
    this.#socket.on("message", (data, isBinary) => this.#message(data, isBinary));
    this.#socket.on("close", () => this.#stop());
    this.#socket.on("heartbeat", () => this.#heartbeat());
    if (this.#expiresAt !== undefined) this.#endAt(this.#expiresAt);
    const filter = this.#query.get("filter");
    if (filter !== null) this.#filter(filter);
    else this.#timers.push(setTimeout(() => this.#noFilter(), this.#core.limits.filterWaitMs));
  }

  #message(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.#fail(CLOSE.badFilter, "", "A filter is text, not binary.");
      return;
    }
    const start = performance.now();
    this.#filter(data.toString());
    this.#rest(performance.now() - start);
  }

  /** A large filter takes longer to read than to send: who sends them without end would keep everybody else waiting, and fill the memory. */
  #rest(tookMs: number): void {
    this.#tookMs += tookMs;
    if (this.#tookMs < FILTER_MS || this.#isResting) return;
    this.#isResting = true;
    this.#socket.pause();
    setTimeout(() => {
      this.#isResting = false;
      this.#socket.resume();
    }, this.#tookMs * REST);
    this.#tookMs = 0;
  }

  #noFilter(): void {
    if (this.#subscription === undefined) this.#fail(CLOSE.noFilter, "", "No filter came.");
  }

  #filter(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const read = readFilter(text, this.#core.limits);
    if ("detail" in read) {
      this.#fail(CLOSE.badFilter, read.path, read.detail);
      return;
    }
    this.#wanted = compileWants(this.#tenant, read.wants);
    if (this.#subscription === undefined) this.#subscribe();
    else {
      const at = this.#subscription.replace(this.#wanted);
      if (this.#catchUp === undefined) this.#cursor = at;
    }
    if (this.#subscription !== undefined) this.#say({ ack: { filters: read.entries } });
    void this.#catchUp?.start();
  }

  /** First subscribed, then replayed: nothing can fall between. */
  #subscribe(): void {
    const since = this.#query.get("since");
    const from = since === null ? undefined : this.#cursors.readTail(this.#tenant, since);
    if (from !== undefined && !this.#v1) {
      this.#fail(CLOSE.badFilter, "since", `needs the subprotocol ${V1}`);
      return;
    }
    if (from?.ok === false && from.why === "forged") {
      this.#fail(CLOSE.badFilter, "since", "was never given out here");
      return;
    }
    const subscription = this.#live.subscribe(
      {
        tenant: this.#tenant,
        dialect: this.#dialect,
        send: (frame, _, at) => this.#catchUp === undefined && this.#send(frame, at),
      },
      this.#wanted,
    );
    this.#subscription = subscription;
    this.#cursor = subscription.at;
    if (since === null || from === undefined) return;
    if (!from.ok) {
      this.#foreign = since;
      return;
    }
    this.#cursor = from.value;
    this.#catchUp = new CatchUp({
      core: this.#core,
      live: this.#live,
      from: from.value,
      tenant: this.#tenant,
      dialect: this.#dialect,
      wanted: () => this.#wanted,
      send: (frame, alerts, at) => {
        if (this.#send(frame, at)) this.#core.meter.count("tallywire_deliveries_total", alerts);
      },
      gap: (gapFrom, to) => this.#gap(this.#text(gapFrom), to),
      drained: () => this.#drained(),
      done: (at) => {
        this.#catchUp = undefined;
        this.#cursor = at;
        subscription.goOnFrom(at);
      },
      failed: (error) => {
        this.#core.journal.error({ err: error }, "a socket could not be caught up");
        this.#socket.close(1011, "internal error");
      },
    });
  }

  /** A cursor of another log: announced after the acknowledgement. */
  #foreign: string | undefined;

  #text(at: Tail): string {
    return this.#cursors.tail(this.#tenant, at);
  }

  #gap(from: string, to: Tail): void {
    this.#cursor = to;
    this.#say({ gap: { from, to: this.#text(to) } });
  }

  /** A frame without alerts; only for who asked for the subprotocol. */
  #say(body: object): void {
    if (!this.#v1) return;
    if (this.#guard()) this.#socket.send(JSON.stringify({ ...body, cursor: this.#text(this.#cursor) }));
    if (this.#foreign === undefined || !("ack" in body)) return;
    const from = this.#foreign;
    this.#foreign = undefined;
    this.#gap(from, this.#cursor);
  }

  #send(frame: Buffer, at: Tail): boolean {
    if (!this.#guard()) return false;
    this.#cursor = at;
    this.#socket.send(frame, textFrame);
    return true;
  }

  /** False: the socket is closing, or was too slow and is closed with the cursor of the last frame it was given. */
  #guard(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#socket.bufferedAmount <= this.#core.limits.socketBufferBytes) return true;
    this.#core.meter.count("tallywire_slow_sockets_total");
    this.#close(CLOSE.tooSlow, this.#text(this.#cursor));
    return false;
  }

  /** A replay waits until the socket has taken what it was given. */
  async #drained(): Promise<boolean> {
    while (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount > this.#core.limits.socketBufferBytes / 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #fail(code: number, path: string, detail: string): void {
    if (this.#v1 && this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify({ error: { path, detail } }));
    this.#close(code, path === "" ? detail : `${path}: ${detail}`);
  }

  #close(code: number, reason: string): void {
    this.#stop();
    this.#socket.close(code, clipped(reason));
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#subscription?.stop();
    this.#catchUp?.stop();
  }

  #endAt(at: number): void {
    // setTimeout holds 24.8 days at most; a token that lives longer is looked at again.
    const wait = Math.min(at - this.#core.now(), 2 ** 31 - 1);
    if (wait <= 0) this.#close(CLOSE.token, "The token has expired.");
    else this.#timers[1] = setTimeout(() => this.#endAt(at), wait);
  }

  #heartbeat(): void {
    if (this.#subscription !== undefined && this.#catchUp === undefined) {
      this.#cursor = this.#live.at();
      this.#say({ heartbeat: formatInstant(this.#core.now()) });
    }
  }
}

const clipped = (reason: string): string => {
  let text = reason;
  while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
  return text.toWellFormed();
};
