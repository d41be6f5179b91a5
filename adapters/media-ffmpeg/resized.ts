/**
 * Pieces of a recording at another size, or without its sound: each made when it is asked for, by itself, and kept with what else is cut.
 *
 * All pieces of a run are read by what one of them says at its head. So nothing that stands there may come from the pictures: the encoder
 * is told so (`stitchable`), its clock and its level are fixed, and no picture waits for a later one.
 */
import type { CameraKey } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import type { MediaFile, PictureSize } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Options } from "../ffmpeg/arguments.ts";
import type { Ffmpeg } from "../ffmpeg.ts";
import { halves, type Track, tracksIn } from "./boxes.ts";
import { type Cuts, joined, wholeOf } from "./cuts.ts";
import { readIfThere } from "./read.ts";
import type { Shelf, Shelved } from "./shelf.ts";
import { isOwnSize, scaleFilter } from "./size.ts";
import { stamper } from "./stamp.ts";

export type Wish = PictureSize & { readonly audio: boolean };

const CLOCK = 90_000;
const FLAGS = "+empty_moov+default_base_moof+skip_trailer";
/** Sound and picture stay as far apart as they were recorded: else the first of what begins later would be longer, in every piece. */
const SOUND: Options = { map: ["0:v:0", "0:a:0"], "c:a": "copy", movflags: `${FLAGS}+frag_discont`, use_editlist: 1 };
/** Levels of H.264, and how many squares of 16 x 16 pixels a picture may have in them. */
const LEVELS = [
  [8704, "4.2"],
  [36_864, "5.2"],
  [Number.POSITIVE_INFINITY, "6.2"],
] as const;

/** Where only one is said the other follows from it, as ffmpeg will have it, or a pixel more or less. */
const madeSize = ({ width, height }: PictureSize, own: PictureSize): PictureSize => ({
  width: width || Math.round((height * own.width) / own.height),
  height: height || Math.round((width * own.height) / own.width),
});

const picture = (wish: PictureSize, own: PictureSize): Options => {
  if (isOwnSize(wish, own)) return { "c:v": "copy" };
  const { width, height } = madeSize(wish, own);
  if (Math.max(width, height) > limits.livePicturePx)
    throw new AdapterError("bad-query", `A picture would be ${width} x ${height}, and ${limits.livePicturePx} is the most`, {
      retryable: false,
    });
  const squares = Math.ceil(width / 16) * Math.ceil(height / 16);
  const [, level] = LEVELS.find(([most]) => squares <= most) as (typeof LEVELS)[number];
  return {
    vf: scaleFilter(wish),
    ...{ "c:v": "libx264", preset: "veryfast", bf: 0, pix_fmt: "yuv420p", threads: 1, level, "x264-params": "stitchable=1" },
    ...{ fps_mode: "passthrough", enc_time_base: `1:${CLOCK}` },
  };
};

type Source = { readonly size: PictureSize; readonly isHeard: boolean };

const sourceOf = (init: Uint8Array): Source => {
  const tracks: readonly Track[] = [...tracksIn(Buffer.from(init)).values()];
  const size = tracks.find(({ kind }) => kind === "picture")?.size;
  if (size === undefined) throw new AdapterError("corrupt", "There is no picture in what was recorded then", { retryable: false });
  return { size, isHeard: tracks.some(({ kind }) => kind === "sound") };
};

/** Says how a piece is read, and the piece: `recorded` as it is, undefined where it is not there any more. */
export type Resized = (
  camera: CameraKey,
  piece: Shelved,
  wish: Wish,
) => Promise<"recorded" | { init: MediaFile; film: MediaFile } | undefined>;

/** Throws AdapterError `unavailable`, `full` or `corrupt`, and `bad-query` where what follows from a size is too large. */
export const openResized =
  (ffmpeg: Ffmpeg, shelf: Shelf, cuts: Cuts): Resized =>
  async (camera, piece, wish) => {
    if (wish.width === 0 && wish.height === 0 && wish.audio) return "recorded";
    const path = shelf.path(camera, piece.date, piece.hour, `${piece.run}.mp4`)?.path;
    const init = path === undefined ? undefined : await readIfThere(path, "video/mp4");
    if (init === undefined) return undefined;
    const { size, isHeard } = sourceOf(init.content);
    if (isOwnSize(wish, size) && (wish.audio || !isHeard)) return "recorded";
    const options = {
      ...picture(wish, size),
      ...(wish.audio && isHeard ? SOUND : { map: "0:v:0", movflags: FLAGS }),
      ...{ map_metadata: -1, video_track_timescale: CLOCK },
    };
    const words = ["resized", piece.name, wish.width, wish.height, wish.audio ? "heard" : "silent"];
    const made = await cuts(camera, words, async (to, aside) => {
      await joined(shelf, camera, [piece], aside(1));
      const { state, failure } = await ffmpeg.execute(
        { inputs: [{ from: { file: aside(1) } }], outputs: [{ to: { file: to }, format: "mp4", options }] },
        { mostMs: limits.cutMs, givesWay: true },
      ).done;
      if (state !== "completed")
        throw new AdapterError("unavailable", failure?.message ?? "ffmpeg was ended before it was done", { retryable: true });
      await stamper(to)(to, piece.start);
    });
    const { content } = await wholeOf(made, "video/mp4");
    const parts = halves(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
    return { init: { type: "video/mp4", content: parts.init }, film: { type: "video/iso.segment", content: parts.film } };
  };
