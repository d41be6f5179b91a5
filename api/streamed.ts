/**
 * An answer as long as it takes: made as fast as the client takes it, and broken off where it cannot be told to its end, so that nobody takes
 * a part for the whole.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Context } from "hono";
import type { Core } from "./core.ts";
import type { Env } from "./env.ts";

type Streaming = {
  readonly core: Pick<Core, "journal" | "limits">;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text by text, none of them empty. Ends early where the signal is aborted. */
  readonly parts: AsyncGenerator<string, void>;
  /** Sent in a silence, so that who is between keeps the connection, and who has gone is noticed. */
  readonly filler: string | undefined;
  readonly signal: AbortSignal;
  /** Told once, whatever the end: nothing is read for it any more. */
  readonly gone: () => void;
};

type Next = IteratorResult<string, void>;
const SILENT = Symbol("silent");

class Streamed {
  readonly #c: Context<Env>;
  readonly #how: Streaming;
  #next: Promise<Next> | undefined;
  #stalled: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(c: Context<Env>, how: Streaming) {
    this.#c = c;
    this.#how = how;
  }

  /** Whoever takes nothing for too long is taken for gone. */
  watch(controller: ReadableStreamDefaultController<Uint8Array>): void {
    clearTimeout(this.#stalled);
    this.#stalled = setTimeout(() => this.#breakOff(controller), this.#how.core.limits.replayStallMs);
    this.#stalled.unref();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(this.#stalled);
    const { signal, filler, core } = this.#how;
    try {
      const next = await this.#more();
      if (this.#isOver) return;
      if (signal.aborted) this.#breakOff(controller);
      else if (next === SILENT) this.#give(controller, filler as string);
      else if (next.done === true) {
        this.end();
        controller.close();
      } else this.#give(controller, next.value);
    } catch (error) {
      core.journal.error({ err: error }, "a stream was broken off");
      this.#breakOff(controller);
    }
  }

  end(): void {
    clearTimeout(this.#stalled);
    if (this.#isOver) return;
    this.#isOver = true;
    const { gone, parts, core } = this.#how;
    gone();
    // Whatever it still waits for ends with the signal.
    void parts.return().catch((error: unknown) => core.journal.error({ err: error }, "what a stream was made of could not be ended"));
  }

  #give(controller: ReadableStreamDefaultController<Uint8Array>, text: string): void {
    this.watch(controller);
    controller.enqueue(Buffer.from(text));
  }

  async #more(): Promise<Next | typeof SILENT> {
    const { parts, filler, core } = this.#how;
    this.#next ??= parts.next();
    const reading = this.#next;
    // Should it fail while the client takes nothing: the next pull tells.
    reading.catch(() => undefined);
    const over = new AbortController();
    const silence = filler === undefined ? [] : [wait(core.limits.pingMs, SILENT, { signal: over.signal }).catch(() => SILENT)];
    try {
      const first = await Promise.race([reading, ...silence]);
      if (typeof first === "symbol") return SILENT;
      this.#next = undefined;
      return first;
    } finally {
      over.abort();
    }
  }

  #breakOff(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#isOver) return;
    this.end();
    // Without a server of Node's, as in a test, there is no connection to break.
    if (this.#c.env?.outgoing === undefined) controller.error(new Error("broken off"));
    else this.#c.env.outgoing.destroy();
  }
}

export const streamed = (c: Context<Env>, how: Streaming): Response => {
  const stream = new Streamed(c, how);
  const headers = { "content-type": how.type, "cache-control": "no-store", ...how.headers };
  // Nobody reads what is not sent.
  if (c.req.method === "HEAD") {
    stream.end();
    return c.body(null, 200, headers);
  }
  const body = new ReadableStream<Uint8Array>(
    { start: (controller) => stream.watch(controller), pull: (controller) => stream.pull(controller), cancel: () => stream.end() },
    { highWaterMark: 0 },
  );
  return c.body(body, 200, headers);
};
