/**
 * Gives a piece of MP4 (ISO 14496-12) the instant at which it was made for its time: milliseconds since 1970, in its tracks' own units.
 *
 * Each ffmpeg counts from nought. Where pieces of two follow each other in a playlist time would go back; players that do not look at
 * EXT-X-DISCONTINUITY drop pictures then (ffmpeg does), and those that do have one more thing to be wrong about.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Instant } from "../../domain/envelope.ts";
import { type Box, boxAt, boxesIn, corrupt, HEAD, inside, type Track, tracksIn } from "./boxes.ts";

/** What tells of media is small; nothing of this size is. */
const LARGEST = 16 * 1024 * 1024;

/** A time of 64 bits in the file, and how many of its units a second has. */
type Time = { readonly at: number; readonly value: bigint; readonly scale: number; readonly isVideo: boolean };

const timesOf = (bytes: Buffer, box: Box, tracks: ReadonlyMap<number, Track>): readonly Time[] => {
  const whole = { ...box, from: 0, to: bytes.length };
  const long = (at: number, version: number | undefined): bigint => {
    if (version !== 1) throw corrupt("a time is too short for an instant");
    return bytes.readBigUInt64BE(at);
  };
  if (box.type === "sidx") return [{ at: box.from + 12, value: long(12, bytes[0]), scale: bytes.readUInt32BE(8), isVideo: false }];
  return boxesIn(bytes, whole)
    .filter(({ type }) => type === "traf")
    .map((traf) => {
      const track = tracks.get(bytes.readUInt32BE(inside(bytes, traf, "tfhd").from + 4));
      if (track === undefined) throw corrupt("it has a track of which nothing is known");
      const { from } = inside(bytes, traf, "tfdt");
      return { at: box.from + from + 4, value: long(from + 4, bytes[from]), scale: track.scale, isVideo: track.kind === "picture" };
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

/** For the pieces of one run, which are read by what stands at `init`. Throws AdapterError `corrupt`, and what the file system says. */
export const stamper = (init: string) => {
  let tracks: ReadonlyMap<number, Track> | undefined;
  return async (path: string, start: Instant): Promise<void> => {
    tracks ??= tracksIn(await readFile(init));
    await using file = await open(path, "r+");
    const times = await timesIn(file, tracks);
    const first = times.find(({ isVideo }) => isVideo);
    if (first === undefined) throw corrupt("there is no picture in it");
    const seconds = start / 1000 - Number(first.value) / first.scale;
    for (const { at, value, scale } of times) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(value + BigInt(Math.round(seconds * scale)));
      await file.write(bytes, 0, 8, at);
    }
  };
};
