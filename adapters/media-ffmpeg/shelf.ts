/**
 * Where recordings stand: `<tenant>/<camera>/<date>/<hour>/<start>-<length>-<run>-<bytes>.m4s`, UTC, and beside them `<run>.mp4`, which tells
 * how to read those of one run of ffmpeg. All that is to be known of a piece stands in its name, so that a folder can be read for an index.
 * A piece comes here by being renamed: it is there whole, or not at all.
 */
import { link, mkdir, readdir, realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import { type CameraKey, type Instant, keyText } from "../../domain/envelope.ts";
import type { RecordedSegment } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import { folderName } from "../folder-name.ts";

export type Shelved = {
  readonly date: string;
  readonly hour: number;
  readonly name: string;
  readonly start: Instant;
  readonly end: Instant;
  readonly run: string;
  readonly bytes: number;
};

const PIECE = /^(\d{13})-(\d{1,7})-([0-9a-f]{8})-(\d{1,12})\.m4s$/;
const INIT = /^([0-9a-f]{8})\.mp4$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const HOUR = /^(?:[01]\d|2[0-3])$/;

export const HOUR_MS = 3_600_000;
/** The longest piece: what began so long before an instant may still hold it. */
export const LONGEST_MS = 60_000;

const pad = (hour: number): string => String(hour).padStart(2, "0");
const placeOf = (at: Instant): { readonly date: string; readonly hour: number } => {
  const text = new Date(at).toISOString();
  return { date: text.slice(0, 10), hour: Number(text.slice(11, 13)) };
};
/** The instant at which an hour begins; undefined for a date that is none, or an hour that is none. */
export const hourStart = (date: string, hour: number): Instant | undefined => {
  if (!DATE.test(date) || !Number.isInteger(hour) || hour < 0 || hour > 23) return undefined;
  const at = Date.parse(`${date}T${pad(hour)}:00:00.000Z`);
  return Number.isNaN(at) || placeOf(at).date !== date ? undefined : at;
};

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    // What is reached over a link is not ours.
    return (await realpath(folder)) === folder ? (await readdir(folder)).sort() : [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return [];
    if (code === undefined) throw error;
    throw new AdapterError("unavailable", `Recordings cannot be read: ${code}`, { retryable: true, cause: error });
  }
};

const byStart = (a: Shelved, b: Shelved): number => a.start - b.start || (a.name < b.name ? -1 : 1);

/** `root` is made where it is not there, private. */
export const openShelf = async (root: string) => {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const top = await realpath(root);
  /** Whose folder it is, of those we have met. */
  const owners = new Map<string, CameraKey>();
  const folderOf = ({ tenant, camera }: CameraKey): string => {
    const folder = join(top, folderName(tenant), folderName(camera));
    if (!owners.has(folder)) owners.set(folder, { tenant, camera });
    return folder;
  };
  const hourFolder = (camera: CameraKey, date: string, hour: number): string => join(folderOf(camera), date, pad(hour));

  const inFolder = async (folder: string, date: string, hour: number): Promise<readonly Shelved[]> =>
    (await namesIn(folder))
      .flatMap((name): readonly Shelved[] => {
        const [, start, length, run = "", bytes] = PIECE.exec(name) ?? [];
        const at = Number(start);
        return start === undefined ? [] : [{ date, hour, name, start: at, end: at + Number(length), run, bytes: Number(bytes) }];
      })
      .sort(byStart);

  const hoursIn = async (folder: string, date: string): Promise<readonly number[]> =>
    DATE.test(date) ? (await namesIn(join(folder, date))).filter((name) => HOUR.test(name)).map(Number) : [];
  const datesIn = async (folder: string): Promise<readonly string[]> => (await namesIn(folder)).filter((name) => DATE.test(name));

  const hour = (camera: CameraKey, date: string, at: number): Promise<readonly Shelved[]> =>
    hourStart(date, at) === undefined ? Promise.resolve([]) : inFolder(hourFolder(camera, date, at), date, at);

  return {
    hour,
    hourFolder,
    inFolder,
    owner: (folder: string): CameraKey | undefined => owners.get(folder),
    /** Of which there is a piece: a folder may be left of which all have gone. */
    async hours(camera: CameraKey, date: string): Promise<readonly number[]> {
      const found: number[] = [];
      for (const at of await hoursIn(folderOf(camera), date))
        if ((await namesIn(hourFolder(camera, date, at))).some((name) => PIECE.test(name))) found.push(at);
      return found;
    },

    /** Pieces that lie in [from, to), at least in part, ascending: the first `most` of them. */
    async range(camera: CameraKey, from: Instant, to: Instant, most: number): Promise<readonly Shelved[]> {
      const found: Shelved[] = [];
      const folder = folderOf(camera);
      for (const date of await datesIn(folder))
        for (const at of await hoursIn(folder, date)) {
          const begin = hourStart(date, at);
          if (begin === undefined || begin >= to || begin + HOUR_MS + LONGEST_MS <= from) continue;
          const pieces = await hour(camera, date, at);
          found.push(...pieces.filter(({ start, end }) => start < to && end > from));
          if (found.length >= most) return found.slice(0, most);
        }
      return found;
    },

    /** All of a camera, ascending, an hour at a time. */
    async *all(camera: CameraKey): AsyncGenerator<Shelved> {
      const folder = folderOf(camera);
      for (const date of await datesIn(folder)) for (const at of await hoursIn(folder, date)) yield* await hour(camera, date, at);
    },

    /** Every hour of every camera, also of those nobody names any more: tenant's folder, camera's folder, the hour's own. */
    async *everyHour(): AsyncGenerator<{ tenant: string; camera: string; folder: string; date: string; hour: number }> {
      for (const tenant of await namesIn(top))
        for (const name of await namesIn(join(top, tenant))) {
          const camera = join(top, tenant, name);
          for (const date of await datesIn(camera))
            for (const at of await hoursIn(camera, date)) yield { tenant, camera, folder: join(camera, date, pad(at)), date, hour: at };
        }
    },

    /** The path a name stands for: of a piece or of what tells how to read it. */
    path(camera: CameraKey, date: string, at: number, name: string): { readonly folder: string; readonly path: string } | undefined {
      if (hourStart(date, at) === undefined || !(PIECE.test(name) || INIT.test(name))) return undefined;
      const folder = hourFolder(camera, date, at);
      return { folder, path: join(folder, name) };
    },

    /** Takes a piece, and how to read it, from where ffmpeg left them. Rejects with what the file system says. */
    async put(
      camera: CameraKey,
      piece: {
        readonly path: string;
        readonly init: string;
        readonly run: string;
        readonly bytes: number;
        readonly start: Instant;
        readonly end: Instant;
      },
    ): Promise<RecordedSegment> {
      const { path, init, run, bytes, start, end } = piece;
      const { date, hour: at } = placeOf(start);
      const folder = hourFolder(camera, date, at);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await realpath(folder)) !== folder)
        throw new AdapterError("corrupt", "A folder of recordings is a link to elsewhere", { retryable: false });
      await link(init, join(folder, `${run}.mp4`)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      const name = `${start}-${end - start}-${run}-${bytes}.m4s`;
      await rename(path, join(folder, name));
      return { tenant: camera.tenant, camera: camera.camera, start, end, file: fileOf({ date, hour: at, name }), bytes };
    },
  };
};

/** How a piece is called outside. */
export const fileOf = ({ date, hour, name }: Pick<Shelved, "date" | "hour" | "name">): string => `${date}/${pad(hour)}/${name}`;

export type Shelf = Awaited<ReturnType<typeof openShelf>>;
/** One text for a camera, for Maps. */
export const cameraText = ({ tenant, camera }: CameraKey): string => keyText(tenant, camera);
