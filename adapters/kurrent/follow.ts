/** Following all decision streams in `$all`: a catch-up subscription of the server's, resumed from what was given to the reader. */
import { AdapterError, type Decided, type Journal, type Position, type Stop, type StoreBatch } from "../../domain/ports.ts";
import { whenStopped } from "../../domain/stop.ts";
import { Growth, pulling } from "../feed.ts";
import type { KurrentAddress } from "./address.ts";
import type { Calls, Subscription } from "./calls.ts";
import { decidedOf } from "./decided.ts";
import type { Heard } from "./messages.ts";
import { followedPrefix, placeBefore, positionAfter, streamOf } from "./names.ts";
import { Patience } from "./patience.ts";

const PER_BATCH = 1000;
/** The longest time, while catching up, for a batch to become one: a reader has a price to pay for each. */
const GATHERING_MS = 250;

export class Following {
  readonly #address: KurrentAddress;
  readonly #calls: Calls;
  readonly #journal: Journal;
  readonly #growth = new Growth();
  readonly #patience: Patience;
  /** After what was given to the reader. A new subscription begins there: what was read ahead is neither lost nor given twice. */
  #at: Position;
  /** After what was gathered for the next batch. */
  #next: Position = 0;
  /** Up to where the server has looked. May be behind the newest event. */
  #reached: Position = 0;
  #gathered: Decided[] = [];
  #ripe = false;
  #ripening: NodeJS.Timeout | undefined;
  /** At the end of the log: what comes is given at once. */
  #live = false;
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fault: unknown;
  readonly #stopped: () => void;
  #unhook = (): void => {};

  /** `stopped` is called once it has ended. */
  constructor(calls: Calls, address: KurrentAddress, journal: Journal, from: Position, stopped: () => void) {
    this.#journal = journal;
    this.#calls = calls;
    this.#address = address;
    this.#patience = new Patience(address.deadlineMs);
    this.#at = from;
    this.#stopped = stopped;
  }

  /**
   * Subscribes with the first pull. A lost subscription is taken up again in silence; after as long as a call may take without an
   * answer, throws AdapterError `unavailable` or `timeout`. Throws `corrupt` for an event of ours that is no decision.
   */
  batches(signal: Stop | undefined): AsyncIterator<StoreBatch, undefined> {
    const inner = pulling(this.#growth, signal, () => this.#take());
    if (signal !== undefined) this.#unhook = whenStopped(signal, () => this.stop());
    let begun = false;
    return {
      next: () => {
        if (!begun && signal?.aborted !== true && !this.#growth.ended) this.#subscribe();
        begun = true;
        return inner.next();
      },
      return: async () => {
        this.stop();
        return { done: true, value: undefined };
      },
    };
  }

  stop(): void {
    this.#growth.end();
    clearTimeout(this.#timer);
    this.#forget();
    this.#subscription?.leave();
    this.#subscription = undefined;
    this.#unhook();
    this.#stopped();
  }

  #take(): StoreBatch | "wait" {
    this.#gather();
    if (this.#fault !== undefined) {
      // Nobody returns what has thrown.
      this.stop();
      throw this.#fault;
    }
    if (this.#gathered.length === 0 && this.#reached <= this.#at) return "wait";
    if (!this.#live && this.#gathered.length < PER_BATCH && !this.#ripe) {
      this.#ripening ??= setTimeout(() => {
        this.#ripe = true;
        this.#growth.grown();
      }, GATHERING_MS);
      return "wait";
    }
    // A batch ends after its last event, so that who kept its position knows it again when it is cut alike. How far the server has
    // looked beyond is a batch of its own.
    const events = this.#gathered;
    this.#at = events.length === 0 ? this.#reached : this.#next;
    this.#forget();
    return { events, next: this.#at };
  }

  #gather(): void {
    try {
      while (this.#gathered.length < PER_BATCH) {
        const heard = this.#subscription?.read();
        if (heard === undefined) return;
        this.#patience.renew();
        this.#hear(heard);
      }
    } catch (error) {
      this.#fault = error;
    }
  }

  #hear(heard: NonNullable<Heard>): void {
    if (heard === "caught up") this.#live = true;
    if (typeof heard === "string") return;
    if ("reached" in heard) {
      this.#reached = positionAfter(heard.reached);
      this.#ripe = this.#gathered.length > 0;
      return;
    }
    const position = positionAfter(heard.record.place);
    const stream = streamOf(this.#address.prefix, heard.record.stream);
    if (stream === undefined) {
      this.#reached = position;
      return;
    }
    this.#gathered.push(decidedOf(stream, heard.record));
    this.#next = position;
  }

  #forget(): void {
    clearTimeout(this.#ripening);
    this.#ripening = undefined;
    this.#ripe = false;
    this.#gathered = [];
  }

  #subscribe(): void {
    this.#forget();
    this.#reached = 0;
    this.#live = false;
    const subscription = this.#calls.subscribe(followedPrefix(this.#address.prefix), placeBefore(this.#at), () => {
      if (this.#subscription === subscription) clearTimeout(this.#timer);
      this.#growth.grown();
    });
    this.#subscription = subscription;
    const { hosts, deadlineMs } = this.#address;
    this.#timer = setTimeout(() => {
      const message = `KurrentDB at ${hosts} did not answer a subscription within ${deadlineMs} ms.`;
      this.#lost(subscription, new AdapterError("timeout", message, { retryable: true }));
    }, deadlineMs);
    subscription.ended.then(
      () => this.#lost(subscription, new AdapterError("unavailable", `KurrentDB at ${hosts} ended a subscription.`, { retryable: true })),
      (error: unknown) => this.#lost(subscription, error),
    );
  }

  #lost(subscription: Subscription, error: unknown): void {
    if (this.#subscription !== subscription) return;
    subscription.leave();
    this.#subscription = undefined;
    clearTimeout(this.#timer);
    const pauseMs = this.#patience.pauseMs(error);
    if (pauseMs !== undefined) {
      this.#journal.warn({ err: error, pause: pauseMs }, "decisions are not being followed: the subscription is taken up again");
      this.#timer = setTimeout(() => this.#subscribe(), pauseMs);
      return;
    }
    this.#fault = error;
    this.#growth.grown();
  }
}
