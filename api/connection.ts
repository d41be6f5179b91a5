/**
 * One live socket of any surface: told what is wanted from the log, at the pace it takes it, and from where it left off.
 *
 *   new -> tell(wanted) -> told -> (tell again replaces what is wanted) -> closed
 *
 * Plain: the surface's frames of alerts and nothing else; an error is the reason of the close.
 * `tallywire.v1`: acknowledgements, errors, heartbeats, and a cursor on every frame; `?since=` resumes.
 * What is said is the surface's dialects, what is wanted its filter. With an instant, a pace or an end it is told again first (replay.ts).
 */
import type { WebSocket } from "ws";
import type { Alert } from "../domain/event.ts";
import { cursorFault } from "./after.ts";
import type { Core, Tail } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import { formatInstant } from "./instant.ts";
import type { Dialect, Live, Subscription } from "./live.ts";
import { Replay } from "./replay.ts";
import type { Place, Replays } from "./replays.ts";
import { CatchUp } from "./resume.ts";
import type { Arrived, House } from "./surface.ts";
import type { Wanted } from "./wants.ts";
import { readWish, tailOf, type Wish } from "./wish.ts";

export const V1 = "tallywire.v1";
/**
 * Codes of a close. `over`: all that was wished for was told. `refused`: what was sent, or asked for, cannot be. `token`: it holds no longer.
 * `busy`: too much is told again already. `failed`: a defect of ours.
 */
export const CLOSE = { over: 1000, refused: 4400, token: 4401, noFilter: 4408, busy: 4429, tooSlow: 4008, failed: 1011 } as const;
const NEEDS_V1 = `needs the subprotocol ${V1}`;
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

/** Milliseconds between looks at what waits for a socket. */
const DRAIN_MS = 10;

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
  readonly #query: URLSearchParams;
  readonly #replays: Replays;
  readonly #history: History | undefined;
  #wanted: Wanted = { keys: new Set() };
  #subscription: Subscription | undefined;
  #catchUp: CatchUp | Replay | undefined;
  /** What is to be acknowledged once it is known where a replay begins. */
  #unsaid: object[] | undefined;
  /** A cursor of another log or an earlier version: announced after the acknowledgement. */
  #foreign: string | undefined;
  /** Everything up to here has been handed to the socket. */
  #cursor: Tail;
  /** What reading its messages has taken since it last rested. */
  #tookMs = 0;
  #isResting = false;

  constructor({ core, cursors, live, replays }: House, dialects: Dialects, { socket, query, caller }: Arrived, history?: History) {
    this.#core = core;
    this.#cursors = cursors;
    this.#live = live;
    this.#socket = socket;
    this.#tenant = caller.tenant;
    this.#v1 = socket.protocol === V1;
    this.#dialect = this.#v1 ? dialects.v1 : dialects.plain;
    this.#envelope = dialects.envelope;
    this.#query = query;
    this.#replays = replays;
    this.#history = history;
    this.#cursor = live.at();
    socket.on("close", () => this.#stop());
    socket.on("heartbeat", () => this.#heartbeat());
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get isTold(): boolean {
    return this.#subscription !== undefined || this.#unsaid !== undefined;
  }

  /** From now on it is told what is wanted; what was wanted before is replaced. `acknowledged` goes before it. */
  tell(wanted: Wanted, acknowledged: object): void {
    this.#wanted = wanted;
    if (this.#unsaid !== undefined) {
      this.#unsaid.push(acknowledged);
      return;
    }
    if (this.#subscription === undefined) {
      const wish = readWish(this.#query, this.#tenant, this.#v1 ? this.#cursors : undefined, NEEDS_V1);
      if (wish !== undefined) {
        if ("detail" in wish) this.fail(CLOSE.refused, wish.path, wish.detail);
        else this.#replay(wish, acknowledged);
        return;
      }
      this.#subscribe();
    } else {
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

  #subscribed(): Subscription {
    const subscription = this.#live.subscribe(
      {
        tenant: this.#tenant,
        dialect: this.#dialect,
        send: (frame, _, at) => this.#catchUp === undefined && this.#send(frame, at),
      },
      this.#wanted,
    );
    this.#subscription = subscription;
    return subscription;
  }

  /** First subscribed, then replayed: nothing can fall between. */
  #subscribe(): void {
    const since = this.#query.get("since");
    const from = since === null ? undefined : this.#cursors.readTail(this.#tenant, since);
    if (from !== undefined && !this.#v1) {
      this.fail(CLOSE.refused, "since", NEEDS_V1);
      return;
    }
    if (from?.ok === false && from.why === "forged") {
      this.fail(CLOSE.refused, "since", cursorFault(from.why));
      return;
    }
    const subscription = this.#subscribed();
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

  #replay(wish: Wish, acknowledged: object): void {
    const place = this.#replays.enter(this.#tenant);
    if (typeof place === "string") {
      this.fail(CLOSE.busy, "", place);
      return;
    }
    this.#unsaid = [acknowledged];
    this.#socket.once("close", place.leave);
    this.#beginReplay(wish, place).catch((error: unknown) => {
      place.leave();
      this.#broke(error);
    });
  }

  async #beginReplay(wish: Wish, place: Place): Promise<void> {
    const [from, until] = await Promise.all([tailOf(this.#core, wish.since), wish.until && tailOf(this.#core, wish.until)]);
    const unsaid = this.#unsaid ?? [];
    this.#unsaid = undefined;
    if (!this.isOpen) return;
    const subscription = this.#subscribed();
    this.#cursor = from;
    const replay = new Replay({
      ...this.#telling(subscription),
      ...wish,
      place,
      from,
      until,
      ended: async (told) => {
        this.#say({ ended: { told } });
        // What waits for the socket would be lost with it.
        while (this.isOpen && this.#socket.bufferedAmount > 0) await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
        this.#close(CLOSE.over, "The replay has ended.");
      },
    });
    this.#catchUp = replay;
    for (const said of unsaid) this.#say(said);
    await replay.start();
  }

  #catchingUp(subscription: Subscription, from: Tail, history?: History): CatchUp {
    return new CatchUp({ ...this.#telling(subscription), from, ...(history && { history }) });
  }

  /** What is told before it is told what is live. */
  #telling(subscription: Subscription) {
    return {
      core: this.#core,
      live: this.#live,
      tenant: this.#tenant,
      dialect: this.#dialect,
      wanted: () => this.#wanted,
      send: (frame: Buffer, alerts: number, at: Tail): void => {
        if (this.#send(frame, at)) this.#core.meter.count("tallywire_deliveries_total", alerts, { tenant: this.#tenant });
      },
      gap: (gapFrom: Tail, to: Tail): void => this.#gap(this.#text(gapFrom), to),
      drained: () => this.#drained(),
      done: (at: Tail): void => {
        this.#catchUp = undefined;
        this.#cursor = at;
        subscription.goOnFrom(at);
      },
      failed: (error: unknown): void => this.#broke(error),
    };
  }

  #broke(error: unknown): void {
    this.#core.journal.error({ err: error }, "a socket could not be caught up");
    this.#close(CLOSE.failed, FAILED);
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
      await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
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
    if (this.#subscription === undefined) return;
    if (this.#catchUp === undefined) this.#cursor = this.#live.at();
    // At a pace there may be long silences; but what is behind with taking is told nothing more.
    else if (!(this.#catchUp instanceof Replay) || this.#socket.bufferedAmount > 0) return;
    this.#say(this.heartbeat());
  }
}

const clipped = (reason: string): string => {
  let text = reason;
  while (Buffer.byteLength(text) > REASON_BYTES) text = text.slice(0, -1);
  return text.toWellFormed();
};
