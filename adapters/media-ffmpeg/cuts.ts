/** Pictures and films cut from recordings: made once, kept as long as there is room for them, few at a time, tenants by turns. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CameraKey } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import type { Clip, MediaFile } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import { turns } from "../turns.ts";
import { bitsOf, readIfThere } from "./read.ts";
import type { Shelf, Shelved } from "./shelf.ts";

/** Writes the result to `to`; may use `aside(n)` for files that go afterwards. */
export type Cut = (to: string, aside: (number: number) => string) => Promise<void>;

/** Where it stands. It was just made or just asked for, so it is the last that goes. */
type Made = { readonly path: string; readonly bytes: number };

const failed = (error: unknown): AdapterError => {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AdapterError || code === undefined) throw error;
  return new AdapterError("unavailable", `Nothing can be cut: ${code}`, { retryable: true, cause: error });
};

const isThere = async ({ path }: Made): Promise<boolean> => {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw failed(error);
  }
};

/** In place of the limits cuts, cutsWaiting, cutWaitMs and cutBytes. */
type CutsHow = { readonly atOnce?: number; readonly waiting?: number; readonly waitMs?: number; readonly bytes?: number };

export const openCuts = async (folder: string, how: CutsHow = {}) => {
  const { atOnce = limits.cuts, waiting: most = limits.cutsWaiting, waitMs = limits.cutWaitMs, bytes: room = limits.cutBytes } = how;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const inTurn = turns({ of: "Cutting pictures and films", atOnce, line: { most, waitMs }, refusedAs: "full" });
  /** The oldest used first. */
  const kept = new Map<string, Made>();
  const underWay = new Map<string, Promise<Made>>();
  let bytes = 0;

  const forget = (name: string): void => {
    bytes -= kept.get(name)?.bytes ?? 0;
    kept.delete(name);
  };
  const keep = (name: string, made: Made): void => {
    forget(name);
    kept.set(name, made);
    bytes += made.bytes;
  };

  const make = async (name: string, cut: Cut): Promise<Made> => {
    const own = join(folder, randomBytes(12).toString("hex"));
    try {
      await mkdir(own, { recursive: true, mode: 0o700 });
      const to = join(own, "cut");
      await cut(to, (number) => join(own, `part-${number}.mp4`));
      const made = { path: join(folder, name), bytes: (await stat(to)).size };
      await rename(to, made.path);
      keep(name, made);
      for (const [oldest, { path }] of kept) {
        if (bytes <= room || oldest === name) break;
        forget(oldest);
        await rm(path, { force: true });
      }
      return made;
    } catch (error) {
      throw failed(error);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  };

  /** What `cut` makes for these words, made once. Throws AdapterError `full` where too many wait, or one has waited too long. */
  return async ({ tenant, camera }: CameraKey, words: readonly (string | number)[], cut: Cut): Promise<Made> => {
    const name = createHash("sha256")
      .update(JSON.stringify([tenant, camera, ...words]))
      .digest("hex");
    const made = kept.get(name);
    if (made !== undefined) {
      keep(name, made);
      if (await isThere(made)) return made;
      // Another who looked for it may have made it anew by now.
      if (kept.get(name) === made) forget(name);
    }
    const again = kept.get(name);
    if (again !== undefined) return again;
    const begun = underWay.get(name) ?? inTurn(tenant, () => make(name, cut)).finally(() => underWay.delete(name));
    underWay.set(name, begun);
    return begun;
  };
};

export type Cuts = Awaited<ReturnType<typeof openCuts>>;

const GONE = "What was cut has just been removed";

/** All of it: for what is small. */
export const wholeOf = async ({ path }: Made, type: MediaFile["type"]): Promise<MediaFile> => {
  const found = await readIfThere(path, type);
  if (found === undefined) throw new AdapterError("unavailable", GONE, { retryable: true });
  return found;
};

/** However many are sent at once, each is a bit of it at a time. */
export const asClip = ({ path, bytes }: Made): Clip => ({
  type: "video/mp4",
  bytes,
  content: { [Symbol.asyncIterator]: () => bitsOf(path) },
});

/** How to read a run, and its pieces behind it, are one film. Throws AdapterError `unavailable` where one has just gone. */
export const joined = async (shelf: Shelf, camera: CameraKey, pieces: readonly [Shelved, ...Shelved[]], to: string): Promise<void> => {
  await using file = await open(to, "wx", 0o600);
  const add = async (piece: Shelved, name: string): Promise<void> => {
    const found = shelf.path(camera, piece.date, piece.hour, name);
    const part = found === undefined ? undefined : await readIfThere(found.path, "video/mp4");
    if (part === undefined) throw new AdapterError("unavailable", "What was recorded then has just been removed", { retryable: true });
    await file.writeFile(part.content);
  };
  await add(pieces[0], `${pieces[0].run}.mp4`);
  for (const piece of pieces) await add(piece, piece.name);
};
