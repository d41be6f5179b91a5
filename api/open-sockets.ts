/** The sockets that are open: how many each tenant and subject has, and for how long their tokens let them be. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WebSocket } from "ws";
import { keyText } from "../domain/envelope.ts";
import { AdapterError } from "../domain/ports.ts";
import type { Caller, Tokens } from "./caller.ts";
import { CLOSE, endSocket, FAILED } from "./connection.ts";
import type { Core } from "./core.ts";
import { tooMany } from "./problem.ts";
import { Tally } from "./tally.ts";

/** Sockets ended, or tokens verified anew, in one turn: twenty thousand at once would keep everybody else waiting. */
const A_TURN = 64;
/** setTimeout holds 24.8 days at most; a token that lives longer is looked at again. */
const LONGEST_MS = 2 ** 31 - 1;

type End = { readonly code: number; readonly reason: string };
const tokenOver = (reason: string): End => ({ code: CLOSE.token, reason });
const failed: End = { code: CLOSE.failed, reason: FAILED };

type Open = { readonly socket: WebSocket; readonly token: string; expiry: NodeJS.Timeout | undefined };

/** As many as one turn has room for. */
const firstOf = <T>(all: Iterable<T>): readonly T[] => {
  const some: T[] = [];
  for (const one of all) {
    if (some.length === A_TURN) break;
    some.push(one);
  }
  return some;
};

const subjectOf = ({ tenant, subject }: Caller): string => keyText(tenant, subject ?? "");

/** With tokens off everybody is one caller, whose sockets have no bound of their own and do not end. */
export class OpenSockets {
  readonly #core: Core;
  readonly #tokens: Tokens | undefined;
  readonly #open = new Set<Open>();
  readonly #tenants = new Tally();
  readonly #subjects = new Tally();
  /** Those whose tokens are to be verified anew. */
  readonly #doubted = new Set<Open>();
  readonly #ending = new Map<Open, End>();
  #isVerifying = false;
  #isEnding = false;
  #again: NodeJS.Timeout | undefined;

  constructor(core: Core, tokens: Tokens | undefined) {
    this.#core = core;
    this.#tokens = tokens;
    tokens?.onKeysChanged(() => this.#doubt());
  }

  /** Throws Problem 429 where the caller's tenant or subject has as many as it may. */
  roomFor(caller: Caller): void {
    if (this.#tokens === undefined) return;
    const { socketsPerTenant, socketsPerSubject } = this.#core.limits;
    if (this.#subjects.of(subjectOf(caller)) >= socketsPerSubject)
      this.#refuse(caller, `No more than ${socketsPerSubject} sockets for a subject.`);
    if (this.#tenants.of(caller.tenant) >= socketsPerTenant) this.#refuse(caller, `No more than ${socketsPerTenant} sockets for a tenant.`);
  }

  #refuse({ tenant }: Caller, detail: string): never {
    this.#core.meter.count("tallywire_throttled_total", 1, { tenant });
    throw tooMany(detail);
  }

  /** The token's text is kept as long as the socket is open, to be verified anew when keys change. */
  add(socket: WebSocket, caller: Caller, token: string | undefined): void {
    this.#count(caller, 1);
    socket.once("close", () => this.#count(caller, -1));
    if (this.#tokens === undefined || token === undefined) return;
    const open: Open = { socket, token, expiry: undefined };
    this.#open.add(open);
    socket.once("close", () => {
      clearTimeout(open.expiry);
      this.#open.delete(open);
      this.#doubted.delete(open);
      this.#ending.delete(open);
    });
    if (caller.expiresAt !== undefined) this.#endAt(open, caller.expiresAt);
  }

  close(): void {
    clearTimeout(this.#again);
    this.#doubted.clear();
    this.#ending.clear();
  }

  #count(caller: Caller, more: 1 | -1): void {
    const { tenant } = caller;
    this.#core.meter.set("tallywire_sockets", this.#tenants.add(tenant, more), { tenant });
    this.#subjects.add(subjectOf(caller), more);
  }

  #endAt(open: Open, at: number): void {
    const wait = at - this.#core.now();
    if (wait <= 0) this.#end(open, tokenOver("The token has expired."));
    else open.expiry = setTimeout(() => this.#endAt(open, at), Math.min(wait, LONGEST_MS));
  }

  #end(open: Open, end: End): void {
    this.#ending.set(open, end);
    if (!this.#isEnding) void this.#endAll();
  }

  async #endAll(): Promise<void> {
    this.#isEnding = true;
    while (this.#ending.size > 0) {
      for (const [open, { code, reason }] of firstOf(this.#ending)) {
        this.#ending.delete(open);
        endSocket(open.socket, code, reason);
      }
      await nextTurn();
    }
    this.#isEnding = false;
  }

  #doubt(): void {
    for (const open of this.#open) this.#doubted.add(open);
    if (!this.#isVerifying) void this.#verifyAll();
  }

  async #verifyAll(): Promise<void> {
    this.#isVerifying = true;
    const unsure: Open[] = [];
    while (this.#doubted.size > 0) {
      const some = firstOf(this.#doubted);
      for (const open of some) this.#doubted.delete(open);
      const failed = await Promise.all(some.map((open) => this.#verify(open)));
      unsure.push(...some.filter((_, i) => failed[i]));
      await nextTurn();
    }
    this.#isVerifying = false;
    if (unsure.length > 0) this.#askAgain(unsure);
  }

  /** True: nobody can say at the moment. Such a socket stays; one of which a defect keeps us from saying does not. */
  async #verify(open: Open): Promise<boolean> {
    const tokens = this.#tokens as Tokens;
    try {
      const caller = tokens.known(open.token) ?? (await tokens.verify(open.token));
      // It may have gone meanwhile.
      if ("unauthenticated" in caller && this.#open.has(open)) this.#end(open, tokenOver("The token is not valid any more."));
      return false;
    } catch (error) {
      if (!(error instanceof AdapterError)) {
        this.#core.journal.error({ err: error }, "the token of an open socket could not be looked at: the socket is closed");
        if (this.#open.has(open)) this.#end(open, failed);
        return false;
      }
      this.#core.journal.debug({ err: error }, "the token of an open socket could not be verified anew");
      return true;
    }
  }

  #askAgain(unsure: readonly Open[]): void {
    this.#core.journal.warn({ sockets: unsure.length }, "the keys cannot be had: open sockets stay, and are asked for again");
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      for (const open of unsure) if (this.#open.has(open)) this.#doubted.add(open);
      if (!this.#isVerifying) void this.#verifyAll();
    }, this.#core.limits.keysPauseMs);
    this.#again.unref();
  }
}
