/**
 * Gives a piece of MP4 (ISO 14496-12) the instant at which it was made for its time: milliseconds since 1970, in its tracks' own units.
 *
 * Each ffmpeg counts from nought. Where pieces of two follow each other in a playlist time would go back; players that do not look at
 * EXT-X-DISCONTINUITY drop pictures then (ffmpeg does), and those that do have one more thing to be wrong about.
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { Instant } from "../../domain/envelope.ts";
import { AdapterError } from "../../domain/ports.ts";

type Box = { readonly type: string /** Of what is in it. */; readonly from: number; readonly to: number };
type Track = { readonly scale: number; readonly isVideo: boolean };

const corrupt = (what: string): AdapterError => new AdapterError("corrupt", `A piece of a film is no MP4: ${what}`, { retryable: true });

/** What tells of media is small; nothing of this size is. */
const LARGEST = 16 * 1024 * 1024;
const HEAD = 16;

/** The head of a box of which at least `HEAD` bytes are there, or all that is left. */
const boxAt = (head: Buffer, at: number, end: number): Box => {
  if (head.length < 8) throw corrupt("a box is cut off");
  const size = head.readUInt32BE(0);
  const isLong = size === 1;
  if (isLong && head.length < HEAD) throw corrupt("a box is cut off");
  const length = isLong ? Number(head.readBigUInt64BE(8)) : size === 0 ? end - at : size;
  const from = at + (isLong ? HEAD : 8);
  if (at + length < from || at + length > end) throw corrupt("a box is longer than what it stands in");
  return { type: head.toString("latin1", 4, 8), from, to: at + length };
};

const boxesIn = (bytes: Buffer, { from, to }: Pick<Box, "from" | "to">): readonly Box[] => {
  const found: Box[] = [];
  for (let at = from; at < to; at = (found.at(-1) as Box).to) found.push(boxAt(bytes.subarray(at, Math.min(at + HEAD, to)), at, to));
  return found;
};

const inside = (bytes: Buffer, box: Box, type: string): Box => {
  const found = boxesIn(bytes, box).find((one) => one.type === type);
  if (found === undefined) throw corrupt(`${box.type} has no ${type}`);
  return found;
};

/** Where the first field behind two instants stands, which are as long as the version says. */
const behindInstants = (bytes: Buffer, { from }: Box): number => from + (bytes[from] === 1 ? 20 : 12);

const tracksIn = (init: Buffer): ReadonlyMap<number, Track> => {
  const moov = inside(init, { type: "the film", from: 0, to: init.length }, "moov");
  const traks = boxesIn(init, moov).filter(({ type }) => type === "trak");
  return new Map(
    traks.map((trak) => {
      const mdia = inside(init, trak, "mdia");
      const id = init.readUInt32BE(behindInstants(init, inside(init, trak, "tkhd")));
      const scale = init.readUInt32BE(behindInstants(init, inside(init, mdia, "mdhd")));
      const { from } = inside(init, mdia, "hdlr");
      return [id, { scale, isVideo: init.toString("latin1", from + 8, from + 12) === "vide" }];
    }),
  );
};

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
      return { at: box.from + from + 4, value: long(from + 4, bytes[from]), ...track };
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
