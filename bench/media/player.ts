/** A player: reads the playlist every second, and each piece that is new in it once. It looks at no picture. */
import { setTimeout as sleep } from "node:timers/promises";

export type Played = {
  /** Seconds of film it was given. */
  readonly seconds: number;
  readonly bytes: number;
  /** Pieces that had gone from the playlist before they were read, and files that were not there. */
  readonly missed: number;
};

const EVERY_MS = 1000;

/** `file`: what stands at an address in the playlist, or at that of the playlist itself (""). Undefined where there is nothing. */
export const play = async (file: (uri: string) => Promise<Uint8Array | undefined>, forMs: number): Promise<Played> => {
  const end = performance.now() + forMs;
  let [seconds, bytes, missed] = [0, 0, 0];
  let next: number | undefined;
  for (let due = performance.now(); due < end; due += EVERY_MS) {
    await sleep(Math.max(0, due - performance.now()));
    const playlist = await file("");
    if (playlist === undefined) {
      missed += 1;
      continue;
    }
    const text = new TextDecoder().decode(playlist);
    const first = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)$/m.exec(text)?.[1]);
    const pieces = [...text.matchAll(/^#EXTINF:([\d.]+),.*\n(?:#.*\n)*(?!#)(.+)$/gm)];
    if (Number.isNaN(first) || pieces.length === 0) throw new Error(`a playlist without pieces:\n${text}`);
    // Whoever comes to a film begins with its newest piece.
    next ??= first + pieces.length - 1;
    missed += Math.max(0, first - next);
    for (const [, length, uri = ""] of pieces.slice(Math.max(0, next - first))) {
      const content = await file(uri);
      if (content === undefined) missed += 1;
      else {
        seconds += Number(length);
        bytes += content.length;
      }
    }
    next = first + pieces.length;
  }
  return { seconds, bytes, missed };
};

export const inAll = (played: readonly Played[]): Played => ({
  seconds: played.reduce((sum, one) => sum + one.seconds, 0),
  bytes: played.reduce((sum, one) => sum + one.bytes, 0),
  missed: played.reduce((sum, one) => sum + one.missed, 0),
});
