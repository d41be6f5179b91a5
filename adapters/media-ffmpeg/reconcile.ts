/** What is on the shelf against what is known of it, and what of it has to go. */
import { lstat, rm, rmdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { MediaEvent, RecordedSegment } from "../../domain/media.ts";
import type { Stop } from "../../domain/ports.ts";
import { fileOf, HOUR_MS, hourStart, LONGEST_MS, type Shelf } from "./shelf.ts";

type Known = Pick<RecordedSegment, "file" | "start" | "end">;
type Tell = (event: MediaEvent) => void;

/** Both in the order of their start, then of their name. Stopped, it tells no more. */
export const reconcile = async (shelf: Shelf, camera: CameraKey, known: AsyncIterable<Known>, tell: Tell, stop?: Stop): Promise<void> => {
  const gone = ({ file, start, end }: Known): void => tell({ ...camera, kind: "segment-removed", start, end, file });
  const order = (a: Known, b: Known): number => a.start - b.start || (a.file === b.file ? 0 : a.file < b.file ? -1 : 1);
  const theirs = known[Symbol.asyncIterator]();
  let next = await theirs.next();
  for await (const piece of shelf.all(camera)) {
    if (stop?.aborted === true) return;
    const file = fileOf(piece);
    const ours: Known = { file, start: piece.start, end: piece.end };
    while (!next.done && order(next.value, ours) < 0) {
      gone(next.value);
      next = await theirs.next();
    }
    const isKnown = !next.done && order(next.value, ours) === 0;
    if (isKnown) next = await theirs.next();
    const path = join(shelf.hourFolder(camera, piece.date, piece.hour), piece.name);
    const { size } = await lstat(path).catch(() => ({ size: -1 }));
    if (size !== piece.bytes) {
      // Cut off as the machine went down: no film.
      await rm(path, { force: true });
      if (isKnown) gone(ours);
    } else if (!isKnown) {
      const { start, end, bytes } = piece;
      tell({ ...camera, kind: "segment-recorded", start, end, file, bytes });
    }
  }
  for (; !next.done; next = await theirs.next()) gone(next.value);
};

export type Policy = {
  /** Milliseconds a piece is kept. */
  readonly keptMs: number;
  readonly bytesPerTenant: number;
  /** Bytes that stay free on the disk. */
  readonly floorBytes: number;
};

/** Of a folder that has vanished as many as there may be: who writes to it makes it anew, and is told then. */
export const freeBytes = async (folder: string): Promise<number> => {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Number.POSITIVE_INFINITY;
    throw error;
  }
};

const isPast = ({ begin }: { readonly begin: Instant }, now: Instant): boolean => begin + HOUR_MS + LONGEST_MS <= now;

/** Removes whole hours, the oldest first and never one that is still recorded. Says how many bytes went. */
export const retain = async (shelf: Shelf, root: string, policy: Policy, now: Instant, tell: Tell): Promise<number> => {
  const hours: { tenant: string; camera: string; folder: string; date: string; hour: number; begin: Instant; bytes: number }[] = [];
  for await (const { tenant, camera, folder, date, hour } of shelf.everyHour()) {
    const begin = hourStart(date, hour);
    if (begin === undefined) continue;
    const pieces = await shelf.inFolder(folder, date, hour);
    hours.push({ tenant, camera, folder, date, hour, begin, bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0) });
  }
  hours.sort((a, b) => a.begin - b.begin);
  const held = new Map<string, number>();
  for (const { tenant, bytes } of hours) held.set(tenant, (held.get(tenant) ?? 0) + bytes);

  let removed = 0;
  const remove = async ({ tenant, camera, folder, date, hour, bytes }: (typeof hours)[number]): Promise<void> => {
    const pieces = await shelf.inFolder(folder, date, hour);
    await rm(folder, { recursive: true, force: true });
    await rmdir(dirname(folder)).catch(() => undefined); // A day of which an hour is left stays.
    held.set(tenant, (held.get(tenant) ?? 0) - bytes);
    removed += bytes;
    const owner = shelf.owner(camera);
    if (owner !== undefined)
      for (const piece of pieces) tell({ ...owner, kind: "segment-removed", start: piece.start, end: piece.end, file: fileOf(piece) });
  };
  for (const hour of hours.filter((one) => isPast(one, now))) {
    const isOld = hour.begin + HOUR_MS <= now - policy.keptMs;
    const isTooMuch = (held.get(hour.tenant) ?? 0) > policy.bytesPerTenant;
    if (isOld || isTooMuch || (await freeBytes(root)) < policy.floorBytes) await remove(hour);
  }
  return removed;
};
