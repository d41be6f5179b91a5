/**
 * The head of a copy: its first pictures, shown as soon as they are there. ffmpeg makes them twice, once as a piece of their own and once
 * at the beginning of its first piece, which is whole a group of pictures later: of that only the rest is shown then.
 */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AdapterError } from "../../domain/ports.ts";
import { corrupt, type Track, tracksIn } from "./boxes.ts";
import { HEAD_INIT, HEAD_LIST } from "./film.ts";
import { readList } from "./playlist.ts";
import type { Made } from "./run.ts";
import { type Part, partsIn, pieceOf } from "./samples.ts";

type Tracks = ReadonlyMap<number, Track>;

const sizes = ({ samples }: Part): readonly number[] => samples.map(({ from, to }) => to - from);
const long = ({ samples }: Part, count = samples.length): number =>
  samples.slice(0, count).reduce((sum, { duration }) => sum + duration, 0);

const pictures = (parts: readonly Part[], tracks: Tracks): { readonly part: Part; readonly scale: number } | undefined => {
  const part = parts.find(({ track, samples }) => tracks.get(track)?.kind === "picture" && samples.length > 0);
  const scale = tracks.get(part?.track ?? 0)?.scale;
  return part === undefined || scale === undefined ? undefined : { part, scale };
};

/** Milliseconds of its pictures; 0 where there are none. */
export const lengthOf = (head: Buffer, tracks: Tracks): number => {
  const shown = pictures(partsIn(head), tracks);
  return shown === undefined ? 0 : (long(shown.part) / shown.scale) * 1000;
};

/**
 * What of the piece is not in its head: undefined where there are no pictures in that. `lateMs`: how much later it begins than the head
 * says, whose last picture is as long as the next one takes to come, which it did not know. Throws AdapterError `corrupt`, also where the
 * piece does not begin with that head.
 */
export const restOf = (piece: Buffer, head: Buffer, tracks: Tracks): { readonly film: Buffer; readonly lateMs: number } | undefined => {
  const [whole, begun] = [partsIn(piece), partsIn(head)];
  const parts = whole.map((part): Part => {
    const shown = begun.find(({ track }) => track === part.track);
    const count = shown?.samples.length ?? 0;
    if (shown !== undefined && sizes(shown).some((size, at) => size !== sizes(part)[at])) throw corrupt("it does not begin with its head");
    return { ...part, time: part.time + BigInt(long(part, count)), samples: part.samples.slice(count) };
  });
  if (pictures(parts, tracks) === undefined) return undefined;
  const shown = pictures(begun, tracks);
  const before = whole.find(({ track }) => track === shown?.part.track);
  if (shown === undefined || before === undefined) throw corrupt("there is no picture in it");
  const late = long(before, shown.part.samples.length) - long(shown.part);
  const filled = parts.filter(({ samples }) => samples.length > 0);
  return { film: pieceOf(piece, filled), lateMs: (late / shown.scale) * 1000 };
};

const unlessThere = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "ENOENT") throw error;
  return undefined;
};

export const openHead = (folder: string) => {
  const init = join(folder, HEAD_INIT);
  let shown: { readonly path: string; readonly durationMs: number } | undefined;
  let isOver = false;
  return {
    /** Once, when it is whole. */
    async look(): Promise<Made | undefined> {
      if (isOver) return undefined;
      const [first] = readList((await readFile(join(folder, HEAD_LIST), "utf8").catch(unlessThere)) ?? "");
      if (first === undefined) return undefined;
      isOver = true;
      const path = join(folder, first.name);
      const durationMs = Math.round(lengthOf(await readFile(path), tracksIn(await readFile(init))));
      if (durationMs <= 0) return undefined;
      shown = { path, durationMs };
      return { path, durationMs, completedAt: Math.round((await stat(path)).mtimeMs), init, lateMs: 0, isNew: false };
    },

    /** What is to be shown of the first piece; undefined where the head was all of it. */
    async rest(first: Made): Promise<Made | undefined> {
      isOver = true;
      if (shown === undefined) return first;
      const [piece, head, own, heads] = await Promise.all([first.path, shown.path, first.init, init].map((path) => readFile(path)));
      try {
        if (!(own as Buffer).equals(heads as Buffer)) throw corrupt("it is read otherwise than its head");
        const rest = restOf(piece as Buffer, head as Buffer, tracksIn(heads as Buffer));
        if (rest === undefined) return undefined;
        const path = join(folder, "rest.m4s");
        await writeFile(path, rest.film, { mode: 0o600 });
        await rm(first.path);
        return { ...first, path, durationMs: Math.max(1, first.durationMs - shown.durationMs), init, lateMs: rest.lateMs };
      } catch (error) {
        // Some of it is seen twice then.
        if (error instanceof AdapterError) return { ...first, isNew: true };
        throw error;
      }
    },
  };
};
