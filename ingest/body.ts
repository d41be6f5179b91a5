/** A body to frames: what its type says it is, one frame or many, each with its line. */
import { isAscii, isUtf8 } from "node:buffer";
import { isDeepstream, parseDeepstream } from "./formats/deepstream.ts";
import { isLoose } from "./formats/frame.ts";
import { parseNative } from "./formats/native.ts";
import { messagesOf, parseNvMessage } from "./formats/nv-protobuf.ts";
import { parseJson } from "./json-text.ts";
import { type Context, illFormed, isRejection, named, type Observed, type Rejection, reject } from "./normalise.ts";
import { type NotReceived, notReceived } from "./received.ts";

export type BodyKind = "json" | "ndjson" | "protobuf";

/** One frame of a body, or why it is none. */
export type Line = { readonly line: number; readonly frame: Observed | Rejection };

const KINDS: ReadonlyMap<string, BodyKind> = new Map([
  ["", "json"],
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["application/x-protobuf", "protobuf"],
  ["application/protobuf", "protobuf"],
]);

/** `text/plain` and forms are refused: a sender that does not say what it sends is told, not guessed at. No type at all is JSON. */
export const kindOf = (contentType: string): BodyKind | NotReceived => {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const kind = KINDS.get(type);
  if (kind === undefined) {
    return notReceived(
      "unsupported",
      `Content-Type ${type}: application/json, application/x-ndjson or application/x-protobuf is understood`,
    );
  }
  const charset = parameters
    .find((part) => part.startsWith("charset="))
    ?.slice("charset=".length)
    .replaceAll('"', "");
  return charset === undefined || charset === "utf-8" || charset === "utf8"
    ? kind
    : notReceived("unsupported", `charset ${charset}: only UTF-8 is understood`);
};

/** Any JSON form of one frame. */
export const parseFrame = (value: unknown, context: Context): Observed | Rejection => {
  if (!isLoose(value)) return reject("shape", "", `a frame must be an object, but is ${named(value)}`);
  return isDeepstream(value) ? parseDeepstream(value, context) : parseNative(value, context);
};

/** The frames of a whole body. What concerns all of it is a `NotReceived`; a line that is bad is only that line's rejection. */
export const linesOf = (body: Uint8Array, kind: BodyKind, context: Context): Line[] | NotReceived => {
  if (kind === "protobuf") return counted(protobufLines(body, context), context);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return kind === "json" ? jsonLines(bytes, start, context) : counted(ndjsonLines(bytes, start, context), context);
};

const tooMany = (context: Context): NotReceived =>
  notReceived("too-large", `the body has more than ${context.limits.framesPerBody} frames`);

const counted = (lines: Iterable<Line>, context: Context): Line[] | NotReceived => {
  const all: Line[] = [];
  for (const line of lines) {
    if (all.length === context.limits.framesPerBody) return tooMany(context);
    all.push(line);
  }
  return all.length === 0 ? notReceived("unreadable", "the body is empty") : all;
};

function* protobufLines(body: Uint8Array, context: Context): Generator<Line> {
  let line = 0;
  for (const message of messagesOf(body)) {
    line++;
    yield { line, frame: message instanceof Uint8Array ? parseNvMessage(message, context) : message };
  }
}

/** An array, one frame, or what GET /frames answers: `{"frames":[…]}`. */
const jsonLines = (bytes: Buffer, start: number, context: Context): Line[] | NotReceived => {
  if (start === bytes.length) return notReceived("unreadable", "the body is empty");
  if (!isUtf8(bytes)) return notReceived("unreadable", "the body is not UTF-8");
  const parsed = parseJson(bytes, start, bytes.length, isAscii(bytes));
  if ("syntax" in parsed) return notReceived("unreadable", `the body ${parsed.syntax}`);
  const { value } = parsed;
  const list = Array.isArray(value)
    ? value
    : isLoose(value) && Array.isArray(value.frames) && value.sensorId === undefined
      ? value.frames
      : [value];
  if (list.length > context.limits.framesPerBody) return tooMany(context);
  const escaped = bytes.includes(0x5c);
  return list.map((element, index) => ({ line: index + 1, frame: wellFormed(parseFrame(element, context), escaped) }));
};

function* ndjsonLines(bytes: Buffer, start: number, context: Context): Generator<Line> {
  const whole = isUtf8(bytes);
  const ascii = whole && isAscii(bytes);
  const escapes = bytes.includes(0x5c);
  const { length } = bytes;
  for (let line = 1, from = start; from < length; line++) {
    const newline = bytes.indexOf(10, from);
    const to = newline === -1 ? length : newline;
    if (!isBlank(bytes, from, to)) yield { line, frame: ndjsonFrame(bytes, from, to, whole, ascii, escapes, context) };
    from = to + 1;
  }
}

const ndjsonFrame = (
  bytes: Buffer,
  from: number,
  to: number,
  utf8: boolean,
  ascii: boolean,
  escapes: boolean,
  context: Context,
): Observed | Rejection => {
  if (!utf8 && !isUtf8(bytes.subarray(from, to))) return reject("syntax", "", "is not UTF-8");
  const parsed = parseJson(bytes, from, to, ascii);
  if ("syntax" in parsed) return reject("syntax", "", parsed.syntax);
  return wellFormed(parseFrame(parsed.value, context), escapes && bytes.subarray(from, to).includes(0x5c));
};

const isBlank = (bytes: Buffer, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte !== 32 && byte !== 9 && byte !== 13) return false;
  }
  return true;
};

const wellFormed = (frame: Observed | Rejection, escaped: boolean): Observed | Rejection => {
  if (!escaped || isRejection(frame)) return frame;
  const field = illFormed(frame);
  return field === undefined ? frame : reject("syntax", field, "holds half a surrogate pair");
};
