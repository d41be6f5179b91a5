/** Pictures and films cut from recordings: made once, kept as long as there is room for them, few at a time. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CameraKey } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import type { MediaFile } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import { readIfThere } from "./read.ts";
import type { Shelf, Shelved } from "./shelf.ts";

/** Writes the result to `to`; may use `aside(n)` for files that go afterwards. */
export type Cut = (to: string, aside: (number: number) => string) => Promise<void>;

export const openCuts = async (folder: string) => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  /** The oldest used first. */
  const kept = new Map<string, number>();
  const underWay = new Map<string, Promise<MediaFile>>();
  const waiting: (() => void)[] = [];
  let working = 0;
  let bytes = 0;

  const turn = async (): Promise<void> => {
    if (working < limits.cuts) {
      working += 1;
      return;
    }
    if (waiting.length >= limits.cutsWaiting)
      throw new AdapterError("full", `${limits.cutsWaiting} pictures and films wait to be cut, and no more may`, { retryable: true });
    // Whoever ends hands on their turn.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const done = (): void => {
    const next = waiting.shift();
    if (next === undefined) working -= 1;
    else next();
  };

  const make = async (name: string, type: MediaFile["type"], cut: Cut): Promise<MediaFile> => {
    await turn();
    const own = join(folder, randomBytes(12).toString("hex"));
    try {
      await mkdir(own, { mode: 0o700 });
      const to = join(own, "cut");
      await cut(to, (number) => join(own, `part-${number}.mp4`));
      const { size } = await stat(to);
      const content = await readFile(to);
      await rename(to, join(folder, name));
      kept.set(name, size);
      bytes += size;
      for (const [oldest, its] of kept) {
        if (bytes <= limits.cutBytes || oldest === name) break;
        kept.delete(oldest);
        bytes -= its;
        await rm(join(folder, oldest), { force: true });
      }
      return { type, content };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof AdapterError || code === undefined) throw error;
      throw new AdapterError("unavailable", `Nothing can be cut: ${code}`, { retryable: true, cause: error });
    } finally {
      done();
      await rm(own, { recursive: true, force: true });
    }
  };

  /** What `cut` makes for these words, made once. */
  return async (words: readonly (string | number)[], type: MediaFile["type"], cut: Cut): Promise<MediaFile> => {
    const name = createHash("sha256").update(JSON.stringify(words)).digest("hex");
    const size = kept.get(name);
    if (size !== undefined) {
      kept.delete(name);
      kept.set(name, size);
      const found = await readIfThere(join(folder, name), type);
      if (found !== undefined) return found;
      kept.delete(name);
      bytes -= size;
    }
    const begun = underWay.get(name) ?? make(name, type, cut).finally(() => underWay.delete(name));
    underWay.set(name, begun);
    return begun;
  };
};

export type Cuts = Awaited<ReturnType<typeof openCuts>>;

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
