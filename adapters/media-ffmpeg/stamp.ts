/**
 * Gives a piece of MP4 (ISO 14496-12) the instant at which it was made for its time: milliseconds since 1970, in its tracks' own units.
 *
 * Each ffmpeg counts from nought. Where pieces of two follow each other in a playlist time would go back; players that do not look at
 * EXT-X-DISCONTINUITY drop pictures then (ffmpeg does), and those that do have one more thing to be wrong about.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Instant } from "../../domain/envelope.ts";
import { type Box, boxAt, boxesIn, corrupt, HEAD, inside, lengthOf, type Track, tracksIn } from "./boxes.ts";

/** What tells of media is small; nothing of this size is. */
const LARGEST = 16 * 1024 * 1024;

/** A time of 64 bits in the file, and how many of its units a second has. */
type Time = {
  readonly at: number;
  readonly value: bigint;
  readonly scale: number;
  /** Units that pictures take from then on; undefined where it is of something else. */
  readonly pictures?: number;
};

const timesOf = (bytes: Buffer, box: Box, tracks: ReadonlyMap<number, Track>): readonly Time[] => {
  const whole = { ...box, from: 0, to: bytes.length };
  const long = (at: number, version: number | undefined): bigint => {
    if (version !== 1) throw corrupt("a time is too short for an instant");
    return bytes.readBigUInt64BE(at);
  };
  if (box.type === "sidx") return [{ at: box.from + 12, value: long(12, bytes[0]), scale: bytes.readUInt32BE(8) }];
  return boxesIn(bytes, whole)
    .filter(({ type }) => type === "traf")
    .map((traf) => {
      const track = tracks.get(bytes.readUInt32BE(inside(bytes, traf, "tfhd").from + 4));
      if (track === undefined) throw corrupt("it has a track of which nothing is known");
      const { from } = inside(bytes, traf, "tfdt");
      const time = { at: box.from + from + 4, value: long(from + 4, bytes[from]), scale: track.scale };
      return track.kind === "picture" ? { ...time, pictures: lengthOf(bytes, traf) } : time;
    });
};

const read = async (file: FileHandle, from: number, length: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
};

const timesIn = async (file: FileHandle, tracks: ReadonlyMap<number, Track>): Promise<readonly Time[]> => {
  const { size } = await file.stat();
  const times: Time[] = [];
  for (let at = 0; at < size; ) {
    const box = boxAt(await read(file, at, Math.min(HEAD, size - at)), at, size);
    at = box.to;
    if (box.type !== "moof" && box.type !== "sidx") continue;
    if (box.to - box.from > LARGEST) throw corrupt("it tells too much of itself");
    times.push(...timesOf(await read(file, box.from, box.to - box.from), box, tracks));
  }
  return times;
};

const reading = (init: string) => {
  let tracks: ReadonlyMap<number, Track> | undefined;
  return async (file: FileHandle): Promise<readonly Time[]> => {
    tracks ??= tracksIn(await readFile(init));
    return timesIn(file, tracks);
  };
};

/**
 * For the pieces of one run, which are read by what stands at `init`: how long the pictures of one take, in milliseconds, at least 1. What
 * ffmpeg's list says is not that: it is off by as much as pictures come unevenly. Where the next piece was to begin there, its sound would
 * begin before the end of what was heard, or a hole behind it. Throws AdapterError `corrupt`, and what the file system says.
 */
export const measurer = (init: string) => {
  const times = reading(init);
  return async (path: string): Promise<number> => {
    await using file = await open(path, "r");
    const seconds = (await times(file)).reduce((sum, { pictures = 0, scale }) => sum + pictures / scale, 0);
    return Math.max(1, Math.round(seconds * 1000));
  };
};

/** For the pieces of one run, which are read by what stands at `init`. Throws AdapterError `corrupt`, and what the file system says. */
export const stamper = (init: string) => {
  const times = reading(init);
  return async (path: string, start: Instant): Promise<void> => {
    await using file = await open(path, "r+");
    const all = await times(file);
    const first = all.find(({ pictures }) => pictures !== undefined);
    if (first === undefined) throw corrupt("there is no picture in it");
    const seconds = start / 1000 - Number(first.value) / first.scale;
    for (const { at, value, scale } of all) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(value + BigInt(Math.round(seconds * scale)));
      await file.write(bytes, 0, 8, at);
    }
  };
};
