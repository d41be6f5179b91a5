/** Files of ours by names of ours. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { MediaFile } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";

/** What is at the path, where that is a file; undefined where nothing is. A link is not followed. */
export const readIfThere = async (path: string, type: MediaFile["type"]): Promise<MediaFile | undefined> => {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return undefined;
    return { type, content: await file.readFile() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    if (code === undefined) throw error;
    throw new AdapterError("unavailable", `A film cannot be read: ${code}`, { retryable: true, cause: error });
  }
};

/** What a name of a stream's stands for. Nothing else is a name. */
export type FileName = { readonly playlist: true } | { readonly init: number } | { readonly segment: number };

/** `index.m3u8`; `init.mp4`, and `init-2.mp4` after it; `s00001.m4s`. One way to write each. */
export const readName = (name: string): FileName | undefined => {
  if (name === "index.m3u8") return { playlist: true };
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
