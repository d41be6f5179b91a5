/** How far ffmpeg is, as `-progress` tells it: lines of `key=value`, a block of them every half second, and one at the end. */

export type Statistics = {
  /** Pictures written so far. */
  readonly frame: number;
  /** Pictures a second. */
  readonly fps: number;
  /** Milliseconds of the film written so far. */
  readonly timeMs: number;
  /** Thousands of bits a second; undefined where ffmpeg does not know. */
  readonly bitrate: number | undefined;
  /** Bytes written; undefined where ffmpeg does not know, as for playlists. */
  readonly bytes: number | undefined;
  /** 1 is as fast as the film; undefined before there is any. */
  readonly speed: number | undefined;
};

const numberIn = (text: string | undefined): number | undefined => {
  const [, number] = /^\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/.exec(text ?? "") ?? [];
  return number === undefined ? undefined : Number(number);
};

/** Calls `told` for each whole block. Takes text as it comes. */
export const progressReader = (told: (statistics: Statistics) => void) => {
  let block = new Map<string, string>();
  let rest = "";
  return (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() as string).slice(0, 256);
    for (const line of lines) {
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (key === undefined || value === undefined) continue;
      if (key !== "progress") {
        block.set(key, value);
        continue;
      }
      const read = (name: string): number | undefined => numberIn(block.get(name));
      told({
        frame: read("frame") ?? 0,
        fps: read("fps") ?? 0,
        timeMs: Math.max(0, (read("out_time_us") ?? 0) / 1000),
        bitrate: read("bitrate"),
        bytes: read("total_size"),
        speed: read("speed"),
      });
      block = new Map();
    }
  };
};
