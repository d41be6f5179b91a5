/** Bytes to JSON values: UTF-8 only, bounded in depth, ids beyond 2^53 with all their digits. */

/** Deeper than any frame. Parsing millions of open brackets takes seconds, finding them does not. */
const MAX_DEPTH = 64;
const SHORT = 256 * 1024;
const LONGEST_SAFE = 15;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;

/**
 * Whether an integer of 16 digits or more stands where a value may stand. A run that long covers a multiple of 16, so only
 * those bytes are looked at: next to nothing beside parsing. A long fraction or a text of digits is not meant.
 */
export const hasLongInteger = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let probe = from + LONGEST_SAFE; probe < to; probe += LONGEST_SAFE + 1) {
    // A run of 16 through here also reaches 8 bytes to one side.
    if (!isDigit(bytes[probe]) || !(isDigit(bytes[probe - 8]) || isDigit(bytes[probe + 8]))) continue;
    let first = probe;
    while (first > from && isDigit(bytes[first - 1])) first--;
    let end = probe + 1;
    while (end < to && isDigit(bytes[end])) end++;
    const before = bytes[first - 1] === 45 ? first - 2 : first - 1;
    const opener = before < from ? 0x20 : bytes[before];
    // : , [ and white space
    if (end - first > LONGEST_SAFE && (opener === 58 || opener === 44 || opener === 91 || (opener !== undefined && opener <= 32)))
      return true;
  }
  return false;
};

const depthOf = (bytes: Uint8Array, from: number, to: number): number => {
  let depth = 0;
  let deepest = 0;
  for (let i = from; i < to; ) {
    const byte = bytes[i++] as number;
    // { and [ are 0x7b and 0x5b, } and ] are 0x7d and 0x5d: they differ in one bit.
    if ((byte | 32) === 0x7b) {
      if (++depth > deepest) deepest = depth;
    } else if ((byte | 32) === 0x7d) depth--;
    else if (byte === 0x22) {
      for (; i < to && bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++;
      i++;
    }
  }
  return deepest;
};

/** JSON.parse gives the id as a rounded number; its digits are still in the text. */
const keepDigits = (key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  key === "id" && typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    ? context?.source
    : value;

export type Parsed = { readonly value: unknown } | { readonly syntax: string };

/** `bytes` must be UTF-8 in [from, to). */
export const parseJson = (bytes: Buffer, from: number, to: number, ascii: boolean): Parsed => {
  if (to - from > SHORT && depthOf(bytes, from, to) > MAX_DEPTH) return { syntax: `is nested deeper than ${MAX_DEPTH} levels` };
  const text = bytes.toString(ascii ? "latin1" : "utf8", from, to);
  try {
    if (!hasLongInteger(bytes, from, to)) return { value: JSON.parse(text) };
    return { value: JSON.parse(text, keepDigits as Parameters<typeof JSON.parse>[1]) };
  } catch (error) {
    if (error instanceof SyntaxError) return { syntax: `is no JSON (${error.message})` };
    if (error instanceof RangeError) return { syntax: "is nested too deeply" };
    throw error;
  }
};
