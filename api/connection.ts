/**
 * One live socket of any surface: told what is wanted from the log, at the pace it takes it, and from where it left off.
 *
 *   new -> tell(wanted) -> told -> (tell again replaces what is wanted) -> closed
 *
 * Plain: the surface's frames of alerts and nothing else; an error is the reason of the close.
 * `tallywire.v1`: acknowledgements, errors, heartbeats, and a cursor on every frame; `?since=` resumes.
 * What is said is the surface's dialects, what is wanted its filter.
 */
import type { WebSocket } from "ws";
import type { Alert } from "../domain/event.ts";
import type { Core, Tail } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import { formatInstant } from "./instant.ts";
import type { Dialect, Live, Subscription } from "./live.ts";
import { CatchUp } from "./resume.ts";
import type { Arrived, House } from "./surface.ts";
import type { Wanted } from "./wants.ts";

export const V1 = "tallywire.v1";
/** Codes of a close. `refused`: what was sent, or asked for, cannot be. `token`: it holds no longer. `failed`: a defect of ours. */
export const CLOSE = { refused: 4400, token: 4401, noFilter: 4408, tooSlow: 4008, failed: 1011 } as const;
/** All that is told of a defect. */
export const FAILED = "internal error";
/** Ends it. Whoever has a last word is told that it ends (`parting`) while there is still room for one. */
export const endSocket = (socket: WebSocket, code: number, reason: string): void => {
  if (socket.readyState === socket.OPEN) socket.emit("parting");
  socket.close(code, reason);
};
/** What a close frame has room for. */
const REASON_BYTES = 123;
/** Milliseconds of reading messages after which a socket rests, and for how many times what it took: it has a fifth of the loop at most. */
const READING_MS = 5;
const REST = 4;

const textFrame = { binary: false } as const;

/** What is told first to who does not resume: alerts, the oldest first. `wanted` leaves them out from then on. */
type History = () => Promise<readonly Alert[]>;

/** `envelope`: fields before those of every frame without alerts. */
export type Dialects = { readonly plain: Dialect; readonly v1: Dialect; readonly envelope: object };

export class Connection {
  readonly #core: Core;
  readonly #cursors: Cursors;
  readonly #live: Live;
  readonly #socket: WebSocket;
  readonly #tenant: string;
  readonly #dialect: Dialect;
  readonly #envelope: object;
  readonly #v1: boolean;
  readonly #since: string | null;
  readonly #history: History | undefined;
  #wanted: Wanted = { keys: new Set() };
  #subscription: Subscription | undefined;
  #catchUp: CatchUp | undefined;
  /** A cursor of another log or an earlier version: announced after the acknowledgement. */
  #foreign: string | undefined;
  /** Everything up to here has been handed to the socket. */
  #cursor: Tail;
  /** What reading its messages has taken since it last rested. */
  #tookMs = 0;
  #isResting = false;

  constructor({ core, cursors, live }: House, dialects: Dialects, { socket, query, caller }: Arrived, history?: History) {
    this.#core = core;
    this.#cursors = cursors;
    this.#live = live;
    this.#socket = socket;
    this.#tenant = caller.tenant;
    this.#v1 = socket.protocol === V1;
    this.#dialect = this.#v1 ? dialects.v1 : dialects.plain;
    this.#envelope = dialects.envelope;
    this.#since = query.get("since");
    this.#history = history;
    this.#cursor = live.at();
    socket.on("close", () => this.#stop());
    socket.on("heartbeat", () => this.#heartbeat());
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get isTold(): boolean {
    return this.#subscription !== undefined;
  }

  /** From now on it is told what is wanted; what was wanted before is replaced. `acknowledged` goes before it. */
  tell(wanted: Wanted, acknowledged: object): void {
    this.#wanted = wanted;
    if (this.#subscription === undefined) this.#subscribe();
    else {
      const at = this.#subscription.replace(wanted);
      if (this.#catchUp === undefined) this.#cursor = at;
    }
    if (this.#subscription === undefined) return;
    this.#say(acknowledged);
    if (this.#foreign !== undefined) this.#gap(this.#foreign, this.#cursor);
    this.#foreign = undefined;
    void this.#catchUp?.start();
  }

  /** A large message takes longer to read than to send: who sends them without end would keep everybody else waiting, and fill the memory. */
  rest(tookMs: number): void {
    this.#tookMs += tookMs;
    if (this.#tookMs < READING_MS || this.#isResting) return;
    this.#isResting = true;
    this.#socket.pause();
    setTimeout(() => {
      this.#isResting = false;
      this.#socket.resume();
    }, this.#tookMs * REST);
    this.#tookMs = 0;
  }

  /** Ends it, saying what was wrong with what it sent. `path`: where in it. */
  fail(code: number, path: string, detail: string): void {
    if (this.#v1 && this.isOpen) this.#socket.send(JSON.stringify({ ...this.#envelope, error: { path, detail } }));
    this.#close(code, path === "" ? detail : `${path}: ${detail}`);
  }

  /** What a heartbeat says; to begin with one tells who resumes later from where. */
  heartbeat(): object {
    return { heartbeat: formatInstant(this.#core.now()) };
  }

  /** First subscribed, then replayed: nothing can fall between. */
  #subscribe(): void {
    const since = this.#since;
    const from = since === null ? undefined : this.#cursors.readTail(this.#tenant, since);
    if (from !== undefined && !this.#v1) {
      this.fail(CLOSE.refused, "since", `needs the subprotocol ${V1}`);
      return;
    }
    if (from?.ok === false && from.why === "forged") {
      this.fail(CLOSE.refused, "since", "was never given out here");
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
    if (since === null || from === undefined) {
      if (this.#history !== undefined) this.#catchUp = this.#catchingUp(subscription, subscription.at, this.#history);
      return;
    }
    if (!from.ok) {
      this.#foreign = since;
      return;
    }
    this.#cursor = from.value;
    this.#catchUp = this.#catchingUp(subscription, from.value);
  }

  #catchingUp(subscription: Subscription, from: Tail, history?: History): CatchUp {
    return new CatchUp({
      core: this.#core,
      live: this.#live,
      from,
      ...(history && { history }),
      tenant: this.#tenant,
      dialect: this.#dialect,
      wanted: () => this.#wanted,
      send: (frame, alerts, at) => {
        if (this.#send(frame, at)) this.#core.meter.count("tallywire_deliveries_total", alerts, { tenant: this.#tenant });
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
        this.#close(CLOSE.failed, FAILED);
      },
    });
  }

  #text(at: Tail): string {
    return this.#cursors.tail(this.#tenant, at);
  }

  #gap(from: string, to: Tail): void {
    this.#cursor = to;
    this.#say({ gap: { from, to: this.#text(to) } });
  }

  /** A frame without alerts; only for who asked for the subprotocol. */
  #say(body: object): void {
    if (!this.#v1 || !this.#guard()) return;
    this.#socket.send(JSON.stringify({ ...this.#envelope, ...body, cursor: this.#text(this.#cursor) }));
  }

  #send(frame: Buffer, at: Tail): boolean {
    if (!this.#guard()) return false;
    this.#cursor = at;
    this.#socket.send(frame, textFrame);
    return true;
  }

  /** False: the socket is closing, or was too slow and is closed with the cursor of the last frame it was given. */
  #guard(): boolean {
    if (!this.isOpen) return false;
    if (this.#socket.bufferedAmount <= this.#core.limits.socketBufferBytes) return true;
    this.#core.meter.count("tallywire_slow_sockets_total", 1, { tenant: this.#tenant });
    this.#close(CLOSE.tooSlow, this.#text(this.#cursor));
    return false;
  }

  /** A replay waits until the socket has taken what it was given. */
  async #drained(): Promise<boolean> {
    while (this.isOpen && this.#socket.bufferedAmount > this.#core.limits.socketBufferBytes / 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.isOpen;
  }

  #close(code: number, reason: string): void {
    this.#stop();
    endSocket(this.#socket, code, clipped(reason));
  }

  #stop(): void {
    this.#subscription?.stop();
    this.#catchUp?.stop();
  }

  #heartbeat(): void {
    if (this.#subscription !== undefined && this.#catchUp === undefined) {
      this.#cursor = this.#live.at();
      this.#say(this.heartbeat());
    }
  }
}

const clipped = (reason: string): string => {
  let text = reason;
  while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
  return text.toWellFormed();
};
