/** What a film is made of, as ffprobe tells it. */
import { limits } from "../../domain/limits.ts";
import type { MediaFailure as Failure } from "../../domain/media.ts";
import { type Input, inputWords, type Source } from "./arguments.ts";
import type { Finished } from "./session.ts";

export type Probed = {
  readonly video: {
    readonly codec: "h264";
    readonly width: number;
    readonly height: number /** Undefined where the film does not tell. */;
    readonly fps: number | undefined;
    /** Whether its pictures come in another order than they are shown in (B-frames). */
    readonly isReordered: boolean;
  };
  readonly audio: { readonly codec: string } | undefined;
};
export type ProbeSource = Extract<Source, { readonly camera: string } | { readonly file: string }>;

/**
 * How much of the film is looked at, at most, in microseconds, and how many pictures for their rate: with ffprobe's own 20 pictures a
 * camera of 15 a second takes two seconds, with these a second less.
 */
const LOOK = { analyzeduration: 3_000_000, fpsprobesize: 4 };

export const probeInput = (from: ProbeSource): Input => ({ from, options: LOOK });

export const probeWords = (input: Input, list: string | undefined): readonly string[] => [
  "-hide_banner",
  ...["-loglevel", "level+warning"],
  ...["-show_entries", "stream=codec_type,codec_name,width,height,avg_frame_rate,r_frame_rate,has_b_frames", "-of", "json"],
  ...inputWords(input, list),
];

const NO_VIDEO = "There is no picture in it.";
const NO_PICTURE = "What comes makes no picture.";

type Stream = {
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly width?: number;
  readonly height?: number;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly has_b_frames?: number;
};

const rateIn = (text: string | undefined): number | undefined => {
  const [, up, down] = /^(\d+)\/(\d+)$/.exec(text ?? "") ?? [];
  const rate = Number(up) / Number(down);
  return rate > 0 && rate <= limits.framesPerSecond ? Math.round(rate * 1000) / 1000 : undefined;
};

const streamsIn = (output: Buffer): readonly Stream[] => {
  try {
    return (JSON.parse(output.toString("utf8")) as { streams?: readonly Stream[] }).streams ?? [];
  } catch {
    return [];
  }
};

export const readProbe = ({ state, output, failure, mediaBytes }: Finished): Probed | { readonly failed: Failure } => {
  const streams = streamsIn(output);
  const video = streams.find(({ codec_type }) => codec_type === "video");
  const codec = video?.codec_name;
  // Known from the camera's description, also where no picture came.
  if (codec !== undefined && codec !== "unknown" && codec !== "h264")
    return { failed: { reason: "codec", codec, message: `The film is ${codec}, and only h264 is served.` } };
  if (codec === "h264" && video?.width && video.height) {
    const audio = streams.find(({ codec_type }) => codec_type === "audio")?.codec_name;
    return {
      video: {
        codec,
        width: video.width,
        height: video.height,
        fps: rateIn(video.avg_frame_rate) ?? rateIn(video.r_frame_rate),
        isReordered: (video.has_b_frames ?? 0) > 0,
      },
      audio: audio === undefined ? undefined : { codec: audio },
    };
  }
  if (streams.length > 0 && video === undefined) return { failed: { reason: "no-video", message: NO_VIDEO } };
  // It waits for a picture as long as anything comes.
  if (failure?.reason === "too-long" && mediaBytes > 0) return { failed: { reason: "garbage", message: NO_PICTURE } };
  if (failure !== undefined) return { failed: failure };
  if (state === "cancelled") return { failed: { reason: "unknown", message: "It was cancelled." } };
  return { failed: video === undefined ? { reason: "no-video", message: NO_VIDEO } : { reason: "garbage", message: NO_PICTURE } };
};
