/** The picture at an instant, and the film from one to another: cut from what was recorded. */
import { writeFile } from "node:fs/promises";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import { limits } from "../../domain/limits.ts";
import type { Clip, MediaFile, NotRecorded } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Finished } from "../ffmpeg/session.ts";
import type { Ffmpeg } from "../ffmpeg.ts";
import { notRecorded, stretches } from "./archive.ts";
import { asClip, type Cuts, joined, wholeOf } from "./cuts.ts";
import type { Shelf } from "./shelf.ts";

const failed = ({ failure }: Finished): AdapterError =>
  new AdapterError("unavailable", failure?.message ?? "ffmpeg was ended before it was done", { retryable: true });

/** Milliseconds before the end of a piece at which it is looked at in place of an instant at which it holds no picture. */
const NEAR_END = 500;

export const openCutting = (ffmpeg: Ffmpeg, shelf: Shelf, cuts: Cuts) => {
  return {
    async snap(camera: CameraKey, at: Instant): Promise<MediaFile | NotRecorded> {
      const [piece] = await shelf.range(camera, at, at + 1, 1);
      if (piece === undefined) return notRecorded(shelf, camera, at, at + 1);
      const made = await cuts(camera, ["snap", piece.name, at], async (to, aside) => {
        await joined(shelf, camera, [piece], aside(1));
        const within = at - piece.start;
        // Behind its last picture there is none: then an earlier one, and at last the first.
        for (const ms of new Set([within, Math.max(0, Math.min(within, piece.end - piece.start - NEAR_END)), 0])) {
          const picture = await ffmpeg.execute(
            {
              inputs: [{ from: { file: aside(1) }, options: { ss: ms / 1000 } }],
              outputs: [{ to: "memory", format: "mjpeg", options: { map: "0:v:0", "frames:v": 1, "q:v": 3 } }],
            },
            { mostMs: limits.cutMs, givesWay: true },
          ).done;
          if (picture.output.length === 0 && picture.state === "completed") continue;
          if (picture.state !== "completed") throw failed(picture);
          return writeFile(to, picture.output, { mode: 0o600 });
        }
        throw new AdapterError("corrupt", "There is no picture in what was recorded then", { retryable: false });
      });
      return wholeOf(made, "image/jpeg");
    },

    async clip(camera: CameraKey, from: Instant, to: Instant): Promise<Clip | NotRecorded> {
      if (!(to > from) || to - from > limits.clipMs)
        throw new AdapterError("bad-query", `A clip is at most ${limits.clipMs} ms long, and ends after it begins`, { retryable: false });
      const pieces = await shelf.range(camera, from, to, limits.archiveSegments);
      if (pieces.length === 0) return notRecorded(shelf, camera, from, to);
      if (pieces.reduce((sum, { bytes }) => sum + bytes, 0) > limits.clipBytes)
        throw new AdapterError("too-large", `A clip has at most ${limits.clipBytes} bytes`, { retryable: false });
      const parts = stretches(pieces);
      const [begin, end] = [Math.max(from, pieces[0]?.start ?? from), Math.min(to, pieces.at(-1)?.end ?? to)];
      const words = ["clip", begin, end, ...pieces.map(({ name }) => name)];
      const made = await cuts(camera, words, async (target, aside) => {
        for (const [at, part] of parts.entries()) await joined(shelf, camera, part, aside(at + 1));
        // The times in a piece are its instants. Up to the keyframe before it all is copied; the end is one to the picture.
        const cut = parts.map((part, at) => ({
          file: aside(at + 1),
          ...(at === 0 && begin > part[0].start ? { from: begin / 1000 } : {}),
          ...(at === parts.length - 1 && end < (part.at(-1)?.end ?? end) ? { to: end / 1000 } : {}),
        }));
        const film = await ffmpeg.execute(
          {
            inputs: [{ from: { pieces: cut } }],
            outputs: [
              {
                to: { file: target },
                format: "mp4",
                // From nought on: what stands before it would be hidden by some players, and not by others.
                options: { map: ["0:v:0", "0:a:0?"], c: "copy", avoid_negative_ts: "make_zero", movflags: "+faststart" },
              },
            ],
          },
          { mostMs: limits.cutMs, givesWay: true },
        ).done;
        if (film.state !== "completed") throw failed(film);
      });
      return asClip(made);
    },
  };
};
