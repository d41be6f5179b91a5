/** Samples of a piece of MP4 (ISO 14496-12), and a piece without its first ones. */
import { type Box, boxesIn, corrupt, inside } from "./boxes.ts";

type Sample = {
  /** Where it stands in the piece. */
  readonly from: number;
  readonly to: number;
  /** In units of its track. */
  readonly duration: number;
  readonly flags: number;
  /** From when it is decoded to when it is shown; as it stands there, with a sign or not. */
  readonly shift: number;
};

/** The samples of one track. */
export type Part = {
  readonly track: number;
  /** When the first of them is decoded. */
  readonly time: bigint;
  readonly samples: readonly Sample[];
};

const BASE_IS_MOOF = 0x02_00_00;

/** Fields of 32 bits one after the other, of which some are there. */
const reader = (bytes: Buffer, { from, to }: Box) => {
  let at = from;
  const next = (): number => {
    if (at + 4 > to) throw corrupt("a box is cut off");
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  return { next, where: (isThere: number): number | undefined => (isThere === 0 ? undefined : next()) };
};

const need = (value: number | undefined): number => {
  if (value === undefined) throw corrupt("it does not say all of its samples");
  return value;
};

const partOf = (bytes: Buffer, moofAt: number, traf: Box): Part => {
  const head = reader(bytes, inside(bytes, traf, "tfhd"));
  const kind = head.next();
  const track = head.next();
  // Places and descriptions other than the usual ones.
  if ((kind & BASE_IS_MOOF) === 0 || (kind & 0x3) !== 0) throw corrupt("its samples stand elsewhere");
  const usual = { duration: head.where(kind & 0x8), size: head.where(kind & 0x10), flags: head.where(kind & 0x20) };
  const time = inside(bytes, traf, "tfdt");
  if (bytes[time.from] !== 1) throw corrupt("a time is too short for an instant");
  const samples: Sample[] = [];
  for (const trun of boxesIn(bytes, traf).filter(({ type }) => type === "trun")) {
    const run = reader(bytes, trun);
    const has = run.next();
    const count = run.next();
    let from = moofAt + need(run.where(has & 0x1));
    const firstFlags = run.where(has & 0x4);
    for (let index = 0; index < count; index += 1) {
      const duration = need(run.where(has & 0x1_00) ?? usual.duration);
      const to = from + need(run.where(has & 0x2_00) ?? usual.size);
      const flags = need(run.where(has & 0x4_00) ?? (index === 0 ? firstFlags : undefined) ?? usual.flags);
      if (to > bytes.length) throw corrupt("a sample is cut off");
      samples.push({ from, to, duration, flags, shift: run.where(has & 0x8_00) ?? 0 });
      from = to;
    }
  }
  return { track, time: bytes.readBigUInt64BE(time.from + 4), samples };
};

/** Of a piece in one fragment, as ffmpeg's HLS output makes them. Throws AdapterError `corrupt`, also for what is done in another way. */
export const partsIn = (piece: Buffer): readonly Part[] => {
  const boxes = boxesIn(piece, { from: 0, to: piece.length });
  const [moof, ...more] = boxes.filter(({ type }) => type === "moof");
  if (moof === undefined || more.length > 0) throw corrupt("it is not one fragment");
  return boxesIn(piece, moof)
    .filter(({ type }) => type === "traf")
    .map((traf) => partOf(piece, moof.from - 8, traf));
};

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
};
const box = (type: string, ...content: readonly Buffer[]): Buffer => {
  const all = Buffer.concat(content);
  return Buffer.concat([words(all.length + 8), Buffer.from(type, "latin1"), all]);
};

/** A time from where it is shown may be earlier: with a sign (1). */
const SIGNED = 0x1_00_00_00;

const trafOf = ({ track, time, samples }: Part, dataAt: number): Buffer => {
  const decoded = Buffer.alloc(8);
  decoded.writeBigUInt64BE(time);
  return box(
    "traf",
    box("tfhd", words(BASE_IS_MOOF, track)),
    box("tfdt", words(SIGNED), decoded),
    box(
      "trun",
      words(SIGNED | 0xf_01, samples.length, dataAt),
      ...samples.map(({ from, to, duration, flags, shift }) => words(duration, to - from, flags, shift)),
    ),
  );
};

/** A piece of these samples of another. */
export const pieceOf = (piece: Buffer, parts: readonly Part[]): Buffer => {
  const data = parts.map(({ samples }) => Buffer.concat(samples.map(({ from, to }) => piece.subarray(from, to))));
  const moofOf = (length: number): Buffer => {
    let at = length + 8;
    const trafs = parts.map((part, index) => {
      const traf = trafOf(part, at);
      at += (data[index] as Buffer).length;
      return traf;
    });
    return box("moof", box("mfhd", words(0, 1)), ...trafs);
  };
  return Buffer.concat([moofOf(moofOf(0).length), box("mdat", ...data)]);
};
