/** Sizes of pictures that may be asked for. */
import { limits } from "../../domain/limits.ts";
import type { PictureSize } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";

/** The size in even numbers: colours stand for two pixels each way. Throws AdapterError `bad-query`. */
export const evenSize = ({ width, height }: PictureSize): PictureSize => {
  const [least, most] = [limits.livePictureLeastPx, limits.livePicturePx];
  for (const px of [width, height])
    if (!Number.isInteger(px) || px < 0 || px > most || (px > 0 && px < least))
      throw new AdapterError("bad-query", `A picture is ${least} to ${most} pixels wide and high, or 0 for its own size`, {
        retryable: false,
      });
  return { width: width & ~1, height: height & ~1 };
};

/** Whether that is what a source of this size has anyway. */
export const isOwnSize = ({ width, height }: PictureSize, own: PictureSize | undefined): boolean =>
  (width === 0 || width === own?.width) && (height === 0 || height === own?.height);

/** For ffmpeg. Where one is not said it is an even number that keeps the shape. */
export const scaleFilter = ({ width, height }: PictureSize): string => `scale=${width || -2}:${height || -2}`;
