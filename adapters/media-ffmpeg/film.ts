/** What ffmpeg is asked for to cut a camera's film into pieces of MP4 as it comes. */
import { join } from "node:path";
import type { PictureSize } from "../../domain/media.ts";
import type { Arguments, Options, Output } from "../ffmpeg/arguments.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import { isOwnSize, scaleFilter } from "./size.ts";

export const LIST = "list.m3u8";
export const INIT = "init.mp4";
/** Of the head, see `hasHead`. */
export const HEAD_LIST = "head.m3u8";
export const HEAD_INIT = "head.mp4";

/** ffmpeg's list is looked at often, and only its newest piece is new: with so many none is missed when we are slow. */
const LISTED = 30;

/** Seconds of the first piece of a film that is encoded here, and of the head of one that is copied. */
const FIRST_SECONDS = 0.4;
/** Pictures until the head is made no more: more than there are in its time. */
const HEAD_PICTURES = 100;
/** Pictures after which the encoder sets a keyframe of its own: later than any of ours. */
const KEYFRAMES_FORCED = 10_000;

export type FilmWish = PictureSize & {
  readonly tenant: string;
  readonly url: string;
  /** Undefined: not known yet. Then every size but 0 x 0 is made anew, also the source's own. */
  readonly probed: Probed | undefined;
  readonly audio: boolean;
  /** Seconds a piece is to have: it ends before a keyframe, and is longer where those are rare. */
  readonly seconds: number;
  /**
   * Where pictures are copied: the first of them also come as a short piece of their own, the head, long before the first piece is whole.
   * ffmpeg cuts a copy at keyframes only, or else all of it by time; so it makes the film twice until the head is there (head.ts).
   */
  readonly hasHead?: boolean;
  /** Empty, of this film alone. */
  readonly folder: string;
};

/** Made smaller or larger in time: keyframes where pieces begin, no picture later than it must be. */
const picture = (wish: FilmWish): Options =>
  isOwnSize(wish, wish.probed?.video)
    ? { "c:v": "copy" }
    : {
        vf: scaleFilter(wish),
        "c:v": "libx264",
        preset: "veryfast",
        tune: "zerolatency",
        pix_fmt: "yuv420p",
        threads: 1,
        // There where pieces begin, and nowhere else: the first piece is short, so that there is something to play.
        force_key_frames: `expr:gte(t,if(n_forced,${FIRST_SECONDS}+(n_forced-1)*${wish.seconds},0))`,
        ...{ g: KEYFRAMES_FORCED, sc_threshold: 0 },
      };

const isHeard = ({ audio, probed }: FilmWish): boolean => audio && (probed === undefined || probed.audio !== undefined);

/** Cameras' sound mostly is G.711, which no player takes; and with our own clock it comes in uneven steps, which are evened out. */
const sound = (wish: FilmWish): Options => (isHeard(wish) ? { "c:a": "aac", "b:a": "64k", af: "aresample=async=1000" } : { an: true });

export const isHeaded = (wish: FilmWish): boolean => wish.hasHead === true && isOwnSize(wish, wish.probed?.video);

const pieces = (wish: FilmWish, letter: string): Options => ({
  // Its sound where it has any.
  map: isHeard(wish) ? ["0:v:0", "0:a:0?"] : ["0:v:0"],
  ...picture(wish),
  ...sound(wish),
  hls_list_size: LISTED,
  hls_segment_type: "fmp4",
  // How far apart sound and picture begin would stand in a list of edits, of which players read this and that. Without one the track that
  // begins later has a first sample that is as much longer.
  hls_segment_options: "use_editlist=0",
  // A % stands for itself when doubled.
  hls_segment_filename: join(wish.folder, letter).replaceAll("%", "%%").concat("%05d.m4s"),
});

const head = (wish: FilmWish): Output => ({
  to: { file: join(wish.folder, HEAD_LIST) },
  format: "hls",
  options: {
    ...pieces(wish, "h"),
    "frames:v": HEAD_PICTURES,
    hls_time: FIRST_SECONDS,
    hls_fmp4_init_filename: HEAD_INIT,
    hls_flags: "split_by_time+temp_file+omit_endlist",
  },
});

export const filmArguments = (wish: FilmWish): Arguments => ({
  inputs: [
    {
      from: { camera: wish.url, whose: wish.tenant },
      options: {
        fflags: "+genpts+discardcorrupt",
        // Pictures are of when they came, wherever the camera's clock jumps to; and their rate, which takes as long as they do, is not
        // looked for. Where they come in another order than they are shown in, both are needed.
        ...(wish.probed?.video.isReordered ? {} : { fpsprobesize: 0, use_wallclock_as_timestamps: 1 }),
      },
    },
  ],
  outputs: [
    {
      to: { file: join(wish.folder, LIST) },
      format: "hls",
      options: {
        ...pieces(wish, "s"),
        // Keyframes do not come to the millisecond: one that is a little early ends its piece, too. All of ours do.
        hls_time: isOwnSize(wish, wish.probed?.video) ? wish.seconds * 0.8 : FIRST_SECONDS / 2,
        hls_fmp4_init_filename: INIT,
        hls_flags: "independent_segments+temp_file+omit_endlist",
      },
    },
    ...(isHeaded(wish) ? [head(wish)] : []),
  ],
});
