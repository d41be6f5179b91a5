/**
 * Recordings in playlists. No program runs for them as they are; at another size, or without their sound, their pieces are made one by one
 * (resized.ts).
 *
 * A gap is no entry. After it stands EXT-X-DISCONTINUITY, and the instant of the next piece says how much is missing: players go on
 * there, and seek by instants. EXT-X-GAP would need pieces that are not there to have names and lengths; a parser that does not know it
 * asks for them.
 */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import type { ArchiveStream, MediaFile, NotRecorded } from "../../domain/media.ts";
import { SEAM_MS } from "../../domain/recorded.ts";
import type { Place } from "../../domain/video.ts";
import { type Entry, type PlaylistHead, playlistText, targetOf } from "./playlist.ts";
import { initName, readIfThere, readName, segmentName } from "./read.ts";
import type { Resized, Wish } from "./resized.ts";
import { HOUR_MS, hourStart, LONGEST_MS, type Shelf, type Shelved } from "./shelf.ts";
import { evenSize } from "./size.ts";

const AS_RECORDED: Wish = { width: 0, height: 0, audio: true };

const goesOn = (piece: Shelved, before: Shelved | undefined): boolean =>
  before !== undefined && before.run === piece.run && Math.abs(piece.start - before.end) <= SEAM_MS;

const entriesOf = (
  pieces: readonly Shelved[],
  uri: (piece: Shelved, at: number) => string,
  init: (piece: Shelved) => string,
): readonly Entry[] =>
  pieces.map((piece, at) => ({
    uri: uri(piece, at),
    start: piece.start,
    durationMs: Math.max(1, piece.end - piece.start),
    init: init(piece),
    isNew: !goesOn(piece, pieces[at - 1]),
  }));

/**
 * Seconds. What a playlist that grows says of its longest piece must not change (RFC 8216, 6.2.1), and pieces are of 2 s, or as long as the
 * camera's keyframes are apart, which is known when they come. Only one that is longer still changes it.
 */
const HOUR_TARGET = 4;

type HeadOfText = Pick<PlaylistHead, "beginMs"> & { readonly kind: "event" | "vod"; readonly target?: number };

const fileOfText = (entries: readonly Entry[], { kind, target: least = 1, beginMs }: HeadOfText): MediaFile => {
  const target = Math.max(least, targetOf(entries.map(({ durationMs }) => durationMs)));
  const text = playlistText(entries, { target, sequence: 0, discontinuities: 0, kind, ...(beginMs === undefined ? {} : { beginMs }) });
  return { type: "application/vnd.apple.mpegurl", content: new TextEncoder().encode(text) };
};

/** Stretches without a gap. */
export const stretches = (pieces: readonly Shelved[]): readonly (readonly [Shelved, ...Shelved[]])[] => {
  const found: [Shelved, ...Shelved[]][] = [];
  for (const piece of pieces) {
    const last = found.at(-1);
    if (last !== undefined && goesOn(piece, last.at(-1))) last.push(piece);
    else found.push([piece]);
  }
  return found;
};

export const notRecorded = async (shelf: Shelf, camera: CameraKey, from: Instant, to: Instant): Promise<NotRecorded> => {
  const around = await shelf.range(camera, from - HOUR_MS, to + HOUR_MS, 1);
  return { notRecorded: around.length === 0 ? "nothing" : "gap" };
};

const at = (shelf: Shelf, camera: CameraKey, piece: Shelved, name: string, type: MediaFile["type"]): Promise<MediaFile | undefined> => {
  const path = shelf.path(camera, piece.date, piece.hour, name);
  return path === undefined ? Promise.resolve(undefined) : readIfThere(path.path, type);
};

export type ArchiveHow = {
  readonly shelf: Shelf;
  readonly resized: Resized;
  readonly isRecorded: (camera: CameraKey) => boolean;
  readonly now: () => Instant;
  /** In place of the limit archiveSegments. */
  readonly most?: number;
};

export const openArchive = ({ shelf, resized, isRecorded, now, most = limits.archiveSegments }: ArchiveHow) => ({
  /**
   * Undefined where nothing was recorded in [from, to). Ends earlier where more pieces were recorded than a playlist may have. Throws
   * AdapterError `bad-query` for a size that is none.
   */
  async stream(camera: CameraKey, from: Instant, to: Instant, how: Wish = AS_RECORDED): Promise<ArchiveStream | undefined> {
    const wish = { ...evenSize(how), audio: how.audio };
    const pieces = await shelf.range(camera, from, to, most);
    if (pieces.length === 0) return undefined;
    const runs = [...new Set(pieces.map(({ run }) => run))];
    const numberOf = new Map(runs.map((run, index) => [run, index + 1]));
    const entries = entriesOf(
      pieces,
      (_, index) => segmentName(index),
      ({ run }) => initName(numberOf.get(run) as number),
    );
    // A piece is there whole: what of the first one was not asked for is gone over.
    const before = from - (pieces[0] as Shelved).start;
    const playlist = fileOfText(entries, before > 0 ? { kind: "vod", beginMs: before } : { kind: "vod" });
    return {
      pieces: stretches(pieces).map((stretch) => ({ start: stretch[0].start, end: (stretch.at(-1) as Shelved).end })),
      async file(name) {
        const wanted = readName(name);
        if (wanted === undefined) return undefined;
        if ("playlist" in wanted) return playlist;
        if ("segment" in wanted) {
          const piece = pieces[wanted.segment];
          const made = piece === undefined ? undefined : await resized(camera, piece, wish);
          if (piece === undefined || made === undefined) return undefined;
          return made === "recorded" ? at(shelf, camera, piece, piece.name, "video/iso.segment") : made.film;
        }
        const run = runs[wanted.init - 1];
        // An hour may have gone meanwhile, and what tells how to read the run with it; the next hour has it as well.
        for (const piece of pieces.filter((one) => one.run === run)) {
          const made = await resized(camera, piece, wish);
          const found = made === "recorded" ? await at(shelf, camera, piece, `${run}.mp4`, "video/mp4") : made?.init;
          if (found !== undefined) return found;
        }
        return undefined;
      },
    };
  },

  /** Of a playlist without gaps: what is missing takes no time in it. */
  async place(camera: CameraKey, at: Instant): Promise<Place | NotRecorded> {
    const [piece] = await shelf.range(camera, at, at + 1, 1);
    if (piece === undefined) return notRecorded(shelf, camera, at, at + 1);
    const { date, hour } = piece;
    const before = (await shelf.hour(camera, date, hour)).filter(({ start }) => start < piece.start);
    const playedMs = before.reduce((sum, { start, end }) => sum + Math.max(1, end - start), 0) + at - piece.start;
    return { date, hour, offset: playedMs / 1000 };
  },

  async hour(camera: CameraKey, date: string, hour: number, uriOf: (name: string) => string): Promise<MediaFile | undefined> {
    const begin = hourStart(date, hour);
    if (begin === undefined) return undefined;
    const pieces = await shelf.hour(camera, date, hour);
    if (pieces.length === 0) return undefined;
    const isGrowing = isRecorded(camera) && now() < begin + HOUR_MS + LONGEST_MS;
    const entries = entriesOf(
      pieces,
      ({ name }) => uriOf(name),
      ({ run }) => uriOf(`${run}.mp4`),
    );
    return fileOfText(entries, { kind: isGrowing ? "event" : "vod", target: HOUR_TARGET });
  },

  async hourFile(camera: CameraKey, date: string, hour: number, name: string): Promise<MediaFile | undefined> {
    const found = shelf.path(camera, date, hour, name);
    // Where the folder is a link, nothing is in it.
    if (found === undefined || !(await shelf.hour(camera, date, hour)).some((piece) => piece.name === name || `${piece.run}.mp4` === name))
      return undefined;
    return readIfThere(found.path, name.endsWith(".mp4") ? "video/mp4" : "video/iso.segment");
  },
});
