/** In which forms a text may stand in bytes, and finding them. */
import { zstdDecompressSync } from "node:zlib";

export type Form = { readonly name: string; readonly bytes: Buffer };
export type Sight = { readonly form: string; readonly at: number };

const everyByte = (text: string, spell: (hex: string) => string): string =>
  [...Buffer.from(text)].map((byte) => spell(byte.toString(16).padStart(2, "0"))).join("");

/** The characters of base64 that depend on the text alone, where it stands `before` bytes from a group's beginning. */
const inBase64 = (text: string, before: number, encoding: "base64" | "base64url"): string => {
  const bytes = Buffer.byteLength(text);
  const encoded = Buffer.from("\0".repeat(before) + text).toString(encoding);
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes) * 8) / 6));
};

export const formsOf = (text: string): readonly Form[] => {
  const forms: readonly (readonly [string, string])[] = [
    ["clear", text],
    ["hex", everyByte(text, (hex) => hex)],
    ["HEX", everyByte(text, (hex) => hex.toUpperCase())],
    ["percent-encoded", everyByte(text, (hex) => `%${hex}`)],
    ["PERCENT-ENCODED", everyByte(text, (hex) => `%${hex.toUpperCase()}`)],
    ...[0, 1, 2].flatMap((before) =>
      (["base64", "base64url"] as const).map((encoding) => [`${encoding}+${before}`, inBase64(text, before, encoding)] as const),
    ),
  ];
  const all = [
    ...forms.map(([name, spelt]) => ({ name, bytes: Buffer.from(spelt) })),
    { name: "utf-16le", bytes: Buffer.from(text, "utf16le") },
  ];
  return all.filter((form, at) => all.findIndex((other) => other.bytes.equals(form.bytes)) === at);
};

const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** Blocks of the log are no longer unpacked. */
const MOST_UNPACKED = 64 * 1024 * 1024;

const inPlain = (bytes: Buffer, forms: readonly Form[]): readonly Sight[] =>
  forms.flatMap((form) => {
    const at = bytes.indexOf(form.bytes);
    return at < 0 ? [] : [{ form: form.name, at }];
  });

/** The log squeezes large records with zstd, which leaves no text as it was. What follows a frame is none of it. */
const unpacked = (bytes: Buffer): Buffer | undefined => {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch {
    // Four bytes that only look like the beginning of one, or one that is cut off here.
    return undefined;
  }
};

export type Looked = { readonly sights: readonly Sight[]; readonly unpackedBytes: number };

/** The first sight of each form. */
export const lookIn = (bytes: Buffer, forms: readonly Form[]): Looked => {
  const sights = [...inPlain(bytes, forms)];
  let unpackedBytes = 0;
  for (let at = bytes.indexOf(ZSTD); at >= 0; at = bytes.indexOf(ZSTD, at + 4)) {
    const frame = unpacked(bytes.subarray(at));
    unpackedBytes += frame?.length ?? 0;
    if (frame) sights.push(...inPlain(frame, forms).map(({ form }) => ({ form: `${form}, in a compressed record`, at })));
  }
  return { sights, unpackedBytes };
};
