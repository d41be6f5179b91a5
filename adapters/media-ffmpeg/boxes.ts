/** The boxes of MP4 (ISO 14496-12), as far as they are read here. */
import type { PictureSize } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";

export type Box = { readonly type: string /** Of what is in it. */; readonly from: number; readonly to: number };

export const corrupt = (what: string): AdapterError =>
  new AdapterError("corrupt", `A piece of a film is no MP4: ${what}`, { retryable: true });

export const HEAD = 16;

/** The head of a box of which at least `HEAD` bytes are there, or all that is left. */
export const boxAt = (head: Buffer, at: number, end: number): Box => {
  if (head.length < 8) throw corrupt("a box is cut off");
  const size = head.readUInt32BE(0);
  const isLong = size === 1;
  if (isLong && head.length < HEAD) throw corrupt("a box is cut off");
  const length = isLong ? Number(head.readBigUInt64BE(8)) : size === 0 ? end - at : size;
  const from = at + (isLong ? HEAD : 8);
  if (at + length < from || at + length > end) throw corrupt("a box is longer than what it stands in");
  return { type: head.toString("latin1", 4, 8), from, to: at + length };
};

export const boxesIn = (bytes: Buffer, { from, to }: Pick<Box, "from" | "to">): readonly Box[] => {
  const found: Box[] = [];
  for (let at = from; at < to; at = (found.at(-1) as Box).to) found.push(boxAt(bytes.subarray(at, Math.min(at + HEAD, to)), at, to));
  return found;
};

export const inside = (bytes: Buffer, box: Box, type: string): Box => {
  const found = boxesIn(bytes, box).find((one) => one.type === type);
  if (found === undefined) throw corrupt(`${box.type} has no ${type}`);
  return found;
};

export type Track = {
  /** Units of a second. */
  readonly scale: number;
  readonly kind: "picture" | "sound" | "other";
  /** Of a picture. */
  readonly size?: PictureSize;
};

/** Where the first field behind two instants stands, which are as long as the version says. */
const behindInstants = (bytes: Buffer, { from }: Box): number => from + (bytes[from] === 1 ? 20 : 12);

/** As its pictures are coded, which is not always as they are to be shown. */
const codedSize = (init: Buffer, mdia: Box): PictureSize => {
  const stsd = inside(init, inside(init, inside(init, mdia, "minf"), "stbl"), "stsd");
  const [entry] = boxesIn(init, { from: stsd.from + 8, to: stsd.to });
  if (entry === undefined || entry.to - entry.from < 28) throw corrupt("it does not say how large its pictures are");
  return { width: init.readUInt16BE(entry.from + 24), height: init.readUInt16BE(entry.from + 26) };
};

/** What `moov` says of its tracks, by their numbers. */
export const tracksIn = (init: Buffer): ReadonlyMap<number, Track> => {
  const moov = inside(init, { type: "the film", from: 0, to: init.length }, "moov");
  const traks = boxesIn(init, moov).filter(({ type }) => type === "trak");
  return new Map(
    traks.map((trak): readonly [number, Track] => {
      const mdia = inside(init, trak, "mdia");
      const id = init.readUInt32BE(behindInstants(init, inside(init, trak, "tkhd")));
      const scale = init.readUInt32BE(behindInstants(init, inside(init, mdia, "mdhd")));
      const { from } = inside(init, mdia, "hdlr");
      const kind = init.toString("latin1", from + 8, from + 12);
      if (kind === "vide") return [id, { scale, kind: "picture", size: codedSize(init, mdia) }];
      return [id, { scale, kind: kind === "soun" ? "sound" : "other" }];
    }),
  );
};

/** Units of its track that the samples in a `traf` take. */
export const lengthOf = (bytes: Buffer, traf: Box): number => {
  const head = inside(bytes, traf, "tfhd");
  const said = bytes.readUInt32BE(head.from);
  // Behind the number of its track: a place of 8 bytes, a number of 4, then how long a sample is that does not say so itself.
  const usual = said & 8 ? bytes.readUInt32BE(head.from + 8 + (said & 1 ? 8 : 0) + (said & 2 ? 4 : 0)) : undefined;
  let length = 0;
  for (const { from, to } of boxesIn(bytes, traf).filter(({ type }) => type === "trun")) {
    const [has, count] = [bytes.readUInt32BE(from), bytes.readUInt32BE(from + 4)];
    const begin = from + 8 + (has & 1 ? 4 : 0) + (has & 4 ? 4 : 0);
    const step = 4 * [0x100, 0x200, 0x400, 0x800].filter((field) => has & field).length;
    if (begin + count * step > to) throw corrupt("a box is cut off");
    if ((has & 0x100) === 0 && usual === undefined) throw corrupt("it does not say how long its samples are");
    for (let at = 0; at < count; at += 1) length += has & 0x100 ? bytes.readUInt32BE(begin + at * step) : (usual as number);
  }
  return length;
};

/** What tells how to read the film, and the film: `bytes` holds both, one behind the other. */
export const halves = (bytes: Buffer): { readonly init: Buffer; readonly film: Buffer } => {
  const boxes = boxesIn(bytes, { from: 0, to: bytes.length });
  const at = boxes.findIndex(({ type }) => type === "moof");
  const cut = boxes[at - 1]?.to;
  if (cut === undefined) throw corrupt("there is no film in it");
  return { init: bytes.subarray(0, cut), film: bytes.subarray(cut) };
};
