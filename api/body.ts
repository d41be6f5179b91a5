/** Reads a request's body with a cap, from Node's own request where there is one: no stream is wrapped twice on the way. */
import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { Env } from "./env.ts";
import { Problem } from "./problem.ts";

const tooLarge = (most: number) => new Problem(413, `The body is larger than ${most} bytes.`, { headers: { connection: "close" } });

/**
 * What is read and thrown away of a body that is too large, at most, before it is refused: a sender that is still writing when its
 * connection is closed hears of a broken pipe and not of the 413.
 */
const WASTE = { bytes: 128 * 1024 * 1024, ms: 2000 };

const waste = (incoming: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    let bytes = 0;
    const done = (): void => {
      clearTimeout(late);
      incoming.off("data", more);
      incoming.pause();
      resolve();
    };
    const more = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > WASTE.bytes) done();
    };
    const late = setTimeout(done, WASTE.ms);
    for (const end of ["end", "error", "close"]) incoming.once(end, done);
    incoming.on("data", more).resume();
  });

/** Throws Problem 413 beyond `most` bytes as they come over the wire, 400 when the sender broke off. */
export const readBody = async (c: Context<Env>, most: number): Promise<Uint8Array> => {
  const { incoming } = c.env ?? {};
  if (Number(c.req.header("content-length") ?? 0) > most) {
    if (incoming !== undefined) await waste(incoming);
    throw tooLarge(most);
  }
  if (incoming !== undefined) return readIncoming(incoming, most);
  const body = new Uint8Array(await c.req.arrayBuffer());
  if (body.length > most) throw tooLarge(most);
  return body;
};

const readIncoming = (incoming: IncomingMessage, most: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > most) {
        incoming.removeAllListeners("data");
        chunks.length = 0;
        void waste(incoming).then(() => reject(tooLarge(most)));
      } else chunks.push(chunk);
    });
    let whole = false;
    incoming.once("end", () => {
      whole = true;
      if (bytes > most) return;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    });
    // A request is closed after every answer too, and an error costs its stack.
    const brokenOff = () => {
      if (!whole) reject(new Problem(400, "The body broke off."));
    };
    incoming.once("error", brokenOff);
    incoming.once("close", brokenOff);
  });
