/** The frames of a file, whatever its format. */
import { isUtf8 } from "node:buffer";
import type { Instant } from "../domain/envelope.ts";
import { type Line, parseFrame } from "./body.ts";
import { type FileFormat, fileFormats } from "./file-formats.ts";
import { chunksOf, elementsOfChunks, ImportError, linesOfChunks } from "./file-text.ts";
import { isDeepstream } from "./formats/deepstream.ts";
import { isLoose } from "./formats/frame.ts";
import { looksLikeMeva, parseMeva } from "./formats/meva.ts";
import { frameOfMot, looksLikeMot, parseMot } from "./formats/mot.ts";
import { looksLikeOpendatacam, parseOpendatacam } from "./formats/opendatacam.ts";
import { framesOfRows, type RowLine } from "./formats/rows.ts";
import { parseJson } from "./json-text.ts";
import { type Context, illFormed, isRejection, type Rejection, reject } from "./normalise.ts";

/** What files do not say themselves. `start` is the first frame's instant (OpenDataCam: that of frame 0). */
export type FileOptions = {
  readonly format?: FileFormat | undefined;
  readonly sensor?: string | undefined;
  readonly fps?: number | undefined;
  readonly start?: Instant | undefined;
  /** The type of objects in MOT files without classes. */
  readonly type?: string | undefined;
  readonly size?: { readonly width: number; readonly height: number } | undefined;
};

/** Rows of a MOT file sorted by track are sorted by frame in memory: so many and no more. */
const SORTED_ROWS = 2_000_000;

type Piece = { readonly line: number; readonly bytes: Buffer };

/** Lines, or the elements where the file is one JSON array. */
async function* piecesOf(file: string, read: (bytes: number) => void): AsyncGenerator<Piece> {
  const chunks = chunksOf(file, read);
  const first = await chunks.next();
  if (first.done === true) throw new ImportError(`${file} is empty`);
  const all = (async function* () {
    yield first.value;
    yield* chunks;
  })();
  const opener = first.value.find((byte) => byte !== 0xef && byte !== 0xbb && byte !== 0xbf && byte > 32);
  yield* opener === 0x5b ? elementsOfChunks(all) : linesOfChunks(all);
}

const jsonOf = ({ bytes }: Piece): { readonly value: unknown } | Rejection => {
  if (!isUtf8(bytes)) return reject("syntax", "", "is not UTF-8");
  const parsed = parseJson(bytes, 0, bytes.length, false);
  return "syntax" in parsed ? reject("syntax", "", parsed.syntax) : parsed;
};

/** By the first line. Asked only where no format was given. */
export const detectFormat = async (file: string): Promise<FileFormat> => {
  for await (const piece of piecesOf(file, () => undefined)) {
    if (looksLikeMot(piece.bytes.toString("latin1"))) return "mot";
    const json = jsonOf(piece);
    if ("value" in json && isLoose(json.value)) {
      if (looksLikeMeva(json.value)) return "meva";
      if (looksLikeOpendatacam(json.value)) return "opendatacam";
      if (isDeepstream(json.value)) return "deepstream";
      if (json.value.sensorId !== undefined && json.value.timestamp !== undefined) return "ndjson";
    }
    break;
  }
  throw new ImportError(`the format of ${file} is not recognised; name it with --format ${fileFormats.join("|")}`);
};

const needed = <T>(value: T | undefined, flag: string, format: FileFormat): T => {
  if (value === undefined) throw new ImportError(`a ${format} file needs ${flag}`);
  return value;
};

const clockOf = (options: FileOptions, format: FileFormat) => {
  const fps = needed(options.fps, "--fps", format);
  if (!(Number.isFinite(fps) && fps > 0)) throw new ImportError(`--fps must be above 0, but is ${fps}`);
  return { sensorId: needed(options.sensor, "--sensor", format), fps, start: needed(options.start, "--start", format) };
};

/** In the order of the file. `read` is told how many bytes of it have been read. */
export async function* framesOfFile(
  file: string,
  options: FileOptions,
  context: Context,
  read: (bytes: number) => void = () => undefined,
): AsyncGenerator<Line> {
  const format = options.format ?? (await detectFormat(file));
  for await (const line of framesOfFormat(file, format, options, context, read)) {
    if (isRejection(line.frame)) yield line;
    else {
      const field = illFormed(line.frame);
      if (field !== undefined) yield { line: line.line, frame: reject("syntax", field, "holds half a surrogate pair") };
      else if (options.sensor !== undefined) yield { line: line.line, frame: { ...line.frame, sensorId: options.sensor } };
      else yield line;
    }
  }
}

async function* framesOfFormat(
  file: string,
  format: FileFormat,
  options: FileOptions,
  context: Context,
  read: (bytes: number) => void,
): AsyncGenerator<Line> {
  if (format === "mot") return yield* framesOfRows(motRows(file, options, context, read));
  if (format === "meva") return yield* framesOfRows(mevaRows(file, context, read));
  const ours = format === "opendatacam" ? { ...clockOf(options, format), size: options.size } : undefined;
  for await (const piece of piecesOf(file, read)) {
    const json = jsonOf(piece);
    const frame = isRejection(json)
      ? json
      : ours === undefined
        ? parseFrame(json.value, context)
        : parseOpendatacam(json.value, ours, context);
    yield { line: piece.line, frame };
  }
}

async function* mevaRows(file: string, context: Context, read: (bytes: number) => void): AsyncGenerator<RowLine> {
  for await (const piece of piecesOf(file, read)) {
    const json = jsonOf(piece);
    yield { line: piece.line, row: isRejection(json) ? json : parseMeva(json.value, context) };
  }
}

async function* motRows(file: string, options: FileOptions, context: Context, read: (bytes: number) => void): AsyncGenerator<RowLine> {
  const mot = { ...clockOf(options, "mot"), type: options.type ?? "Person" };
  const rowOf = ({ line, text }: { line: number; text: string }): RowLine => ({ line, row: parseMot(text, mot, context) });
  if (await isSortedByFrame(file)) {
    for await (const { line, bytes } of piecesOf(file, read)) yield rowOf({ line, text: bytes.toString("utf8") });
    return;
  }
  const rows: { line: number; text: string; frame: number }[] = [];
  for await (const { line, bytes } of piecesOf(file, read)) {
    const text = bytes.toString("utf8");
    const frame = frameOfMot(text);
    if (Number.isNaN(frame)) yield rowOf({ line, text });
    else rows.push({ line, text, frame });
    if (rows.length > SORTED_ROWS)
      throw new ImportError(`${file} is not sorted by frame, and too long to be sorted here: sort -t, -n -k1,1`);
  }
  rows.sort((a, b) => a.frame - b.frame);
  for (const row of rows) yield rowOf(row);
}

/** Ground truth comes sorted by track: its frames begin again and again. */
const isSortedByFrame = async (file: string): Promise<boolean> => {
  let last = Number.NEGATIVE_INFINITY;
  for await (const { bytes } of piecesOf(file, () => undefined)) {
    const frame = frameOfMot(bytes.toString("latin1"));
    if (frame < last) return false;
    if (!Number.isNaN(frame)) last = frame;
  }
  return true;
};
