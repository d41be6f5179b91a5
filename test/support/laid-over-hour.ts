/** Recordings that were really made just now, laid where a server that is yet to start finds them, as if made some time ago. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { folderName } from "../../adapters/folder-name.ts";
import { HOUR_MS, openShelf } from "../../adapters/media-ffmpeg/shelf.ts";
import { stamper } from "../../adapters/media-ffmpeg/stamp.ts";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { RecordedSegment } from "../../domain/media.ts";
import { picturesIn, timesIn } from "./films.ts";
import { openedMedia } from "./opened-media.ts";

export type Laid = {
  /** Where an hour ends and the next begins, in the middle of a piece. */
  readonly border: Instant;
  /** Of the first piece that begins in the next. */
  readonly next: Instant;
  /** Of all that was laid there. */
  readonly start: Instant;
  readonly end: Instant;
  readonly gap: { readonly start: Instant; readonly end: Instant };
  /** By when they were made: of which instant each picture is now. */
  readonly pictures: ReadonlyMap<Instant, Instant>;
};

/** Pieces of about 2 s, before the gap and after it. */
const [BEFORE, AFTER] = [5, 2];
const GAP_MS = 60_000;

/** `folder`: of films, of the server. `url`: of the camera. */
export const layOverHour = async (folder: string, key: CameraKey, url: string): Promise<Laid> => {
  const made = await mkdtemp(join(tmpdir(), "tallywire-laid-"));
  const { media, ffmpeg, events } = await openedMedia(made, {});
  try {
    const recorded = () => events.filter((event) => event.kind === "segment-recorded");
    const record = async (count: number): Promise<readonly RecordedSegment[]> => {
      const before = recorded().length;
      await media.record(key, url);
      while (recorded().length < before + count) await sleep(100);
      await media.record(key, undefined);
      return recorded().slice(before, before + count);
    };
    const [first, second] = [await record(BEFORE), await record(AFTER)];
    const middle = first[BEFORE >> 1] as RecordedSegment;
    const border = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - HOUR_MS;
    const moved = border - Math.round((middle.start + middle.end) / 2);

    const shelf = await openShelf(join(folder, "recordings"));
    const pictures = new Map<Instant, Instant>();
    const lay = async ({ file, start: was, end, bytes }: RecordedSegment, by: number): Promise<RecordedSegment> => {
      const path = join(made, "recordings", folderName(key.tenant), folderName(key.camera), file);
      const run = file.split("-").at(-2) as string;
      const init = join(dirname(path), `${run}.mp4`);
      const start = was + by;
      const film = join(made, "film.mp4");
      await writeFile(film, Buffer.concat([await readFile(init), await readFile(path)]));
      const shown = await picturesIn(ffmpeg, film);
      const times = await timesIn(film, "pictures");
      for (const [at, { madeAt }] of shown.entries()) pictures.set(madeAt, start + (times[at] ?? Number.NaN) - (times[0] as number));
      await stamper(init)(path, start);
      return shelf.put(key, { path, init, run, bytes, start, end: end + by });
    };
    const laid: RecordedSegment[] = [];
    for (const piece of first) laid.push(await lay(piece, moved));
    for (const piece of second) laid.push(await lay(piece, moved + GAP_MS));
    const at = (index: number): RecordedSegment => laid.at(index) as RecordedSegment;
    return {
      border,
      next: at((BEFORE >> 1) + 1).start,
      start: at(0).start,
      end: at(-1).end,
      gap: { start: at(BEFORE - 1).end, end: at(BEFORE).start },
      pictures,
    };
  } finally {
    await media.close();
    await ffmpeg.close();
    await rm(made, { recursive: true, force: true });
  }
};
