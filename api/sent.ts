import type { Context } from "hono";
import type { Clip, MediaFile } from "../domain/media.ts";
import type { Env } from "./env.ts";

type Sent = {
  /** How it may be kept on the way: the header's value. Without it never, since films show people. */
  readonly cached?: string;
  /** It is to be stored under it. */
  readonly name?: string;
};

/** A picture or a film as an answer. What is sent is in no memory that threads share: it is not copied for that. */
export const sent = (c: Context<Env>, file: MediaFile | Clip, { cached = "no-store", name }: Sent = {}): Response => {
  const headers = {
    "content-type": file.type,
    "cache-control": cached,
    ...(name === undefined ? {} : { "content-disposition": `attachment; filename="${name}"` }),
  };
  if (!("bytes" in file)) return c.body(file.content as Uint8Array<ArrayBuffer>, 200, headers);
  // Read as fast as it is taken; whoever goes away ends the reading.
  return c.body(ReadableStream.from(file.content), 200, { ...headers, "content-length": String(file.bytes) });
};
