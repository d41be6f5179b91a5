/** Reads a request's body with a cap, from Node's own request where there is one: no stream is wrapped twice on the way. */
import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import { Problem } from "./problem.ts";
import type { Env } from "./surface.ts";

const tooLarge = (most: number) => new Problem(413, `The body is larger than ${most} bytes.`, { headers: { connection: "close" } });

/** Throws Problem 413 beyond `most` bytes as they come over the wire, 400 when the sender broke off. */
export const readBody = async (c: Context<Env>, most: number): Promise<Uint8Array> => {
  if (Number(c.req.header("content-length") ?? 0) > most) throw tooLarge(most);
  const { incoming } = c.env ?? {};
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
        incoming.pause();
        incoming.removeAllListeners("data");
        reject(tooLarge(most));
      } else chunks.push(chunk);
    });
    let whole = false;
    incoming.once("end", () => {
      whole = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    });
    // A request is closed after every answer too, and an error costs its stack.
    const brokenOff = () => {
      if (!whole) reject(new Problem(400, "The body broke off."));
    };
    incoming.once("error", brokenOff);
    incoming.once("close", brokenOff);
  });
