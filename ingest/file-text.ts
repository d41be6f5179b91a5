/** A file as lines or JSON values, gzip or not, never more than one of them in memory. */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";

/** What an import cannot go on from, in words for whoever started it. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** Bytes of a line or a value: no frame within the limits is longer. */
const LONGEST = 64 * 1024 * 1024;
const GZIP = [0x1f, 0x8b];

/** `read` is told how many bytes of the file, packed as it may be, have been read. */
export async function* chunksOf(file: string, read: (bytes: number) => void): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  const tell = async function* (): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const chunk of source) {
      bytes += (chunk as Buffer).length;
      read(bytes);
      yield chunk as Buffer;
    }
  };
  const raw = tell();
  const first = await raw.next();
  if (first.done === true) return;
  const all = async function* (): AsyncGenerator<Buffer> {
    yield first.value;
    yield* raw;
  };
  if (first.value[0] !== GZIP[0] || first.value[1] !== GZIP[1]) return yield* all();
  const unpacked = createGunzip();
  // Errors of either side reach the reader below through the stream that pipeline destroys.
  pipeline(all, unpacked, () => undefined);
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (error) {
    throw new ImportError(`${file} is not whole gzip`, { cause: error });
  }
}

/** Lines with their bytes, counted from 1. Blank ones are left out. */
export async function* linesOfChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ line: number; bytes: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let newline = bytes.indexOf(10); newline !== -1; newline = bytes.indexOf(10, from)) {
      line++;
      const text = trimmed(bytes.subarray(from, newline), line);
      if (text.length > 0) yield { line, bytes: text };
      from = newline + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > LONGEST) throw new ImportError(`line ${line + 1} is longer than ${LONGEST} bytes`);
  }
  const last = trimmed(rest, line + 1);
  if (last.length > 0) yield { line: line + 1, bytes: last };
}

const isSpace = (byte: number | undefined): boolean => byte === 32 || byte === 9 || byte === 13;

const trimmed = (bytes: Buffer, line: number): Buffer => {
  let from = line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  let to = bytes.length;
  while (from < to && isSpace(bytes[from])) from++;
  while (to > from && isSpace(bytes[to - 1])) to--;
  return bytes.subarray(from, to);
};

/** The elements of one JSON array, told apart by their brackets alone; `line` counts elements. What they hold is parsed by others. */
export async function* elementsOfChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ line: number; bytes: Buffer }> {
  let parts: Buffer[] = [];
  let size = 0;
  let depth = 0;
  let line = 0;
  let inText = false;
  let escaped = false;
  for await (const chunk of chunks) {
    let from = depth >= 2 ? 0 : -1;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === 0x5c) escaped = true;
        else if (byte === 0x22) inText = false;
      } else if (byte === 0x22) inText = true;
      else if ((byte | 32) === 0x7b) {
        if (++depth === 2) from = i;
      } else if ((byte | 32) === 0x7d && depth-- === 2) {
        parts.push(chunk.subarray(from, i + 1));
        yield { line: ++line, bytes: Buffer.concat(parts) };
        parts = [];
        size = 0;
        from = -1;
      }
    }
    if (from !== -1 && depth >= 2) {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
      if (size > LONGEST) throw new ImportError(`element ${line + 1} is longer than ${LONGEST} bytes`);
    }
  }
  if (depth !== 0) throw new ImportError(`the file ends within element ${line + 1}`);
}
