/** Files of ours by names of ours. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { type MediaFile, PLAYLIST } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";

const opened = (path: string) => open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
const failed = (error: unknown): AdapterError => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return new AdapterError("unavailable", `A film cannot be read: ${code}`, { retryable: true, cause: error });
};

/** What is at the path, where that is a file; undefined where nothing is. A link is not followed. */
export const readIfThere = async (path: string, type: MediaFile["type"]): Promise<MediaFile | undefined> => {
  try {
    await using file = await opened(path);
    if (!(await file.stat()).isFile()) return undefined;
    return { type, content: await file.readFile() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw failed(error);
  }
};

/** Bytes of a film that are read at once. */
const BIT_BYTES = 256 * 1024;

/** A file from its beginning to its end. It is open from the first bit that is asked for until the last, or until nobody reads on. */
export async function* bitsOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    await using file = await opened(path);
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BIT_BYTES), 0, BIT_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw failed(error);
  }
}

/** What a name of a stream's stands for. Nothing else is a name. */
export type FileName = { readonly playlist: true } | { readonly init: number } | { readonly segment: number };

/** `index.m3u8`; `init.mp4`, and `init-2.mp4` after it; `s00001.m4s`. One way to write each. */
export const readName = (name: string): FileName | undefined => {
  if (name === PLAYLIST) return { playlist: true };
  const init = /^init(?:-([1-9]\d{0,8}))?\.mp4$/.exec(name);
  if (init !== null) {
    const number = Number(init[1] ?? 1);
    return initName(number) === name ? { init: number } : undefined;
  }
  const [, segment = ""] = /^s(\d{5,9})\.m4s$/.exec(name) ?? [];
  return segment !== "" && segmentName(Number(segment)) === name ? { segment: Number(segment) } : undefined;
};

export const segmentName = (number: number): string => `s${String(number).padStart(5, "0")}.m4s`;
/** Counts from 1. */
export const initName = (number: number): string => (number === 1 ? "init.mp4" : `init-${number}.mp4`);
