import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type NotReceived, notReceived } from "./received.ts";

const unzip = promisify(gunzip);

export const tooLarge = (maxBytes: number): NotReceived => notReceived("too-large", `the body has more than ${maxBytes} bytes`);

/** The body without its Content-Encoding. Unpacking stops at the limit: a bomb costs no more than an honest body. */
export const unpack = async (body: Uint8Array, encoding: string | undefined, maxBytes: number): Promise<Uint8Array | NotReceived> => {
  const coding = (encoding ?? "identity").trim().toLowerCase();
  if (coding === "identity" || coding === "") return body;
  if (coding !== "gzip" && coding !== "x-gzip") return notReceived("unsupported", `Content-Encoding ${coding}: gzip or none is understood`);
  try {
    return await unzip(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ERR_BUFFER_TOO_LARGE") return tooLarge(maxBytes);
    return notReceived("unreadable", `the body is not whole gzip (${error.message})`);
  }
};
