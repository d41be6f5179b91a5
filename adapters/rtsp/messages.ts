/** RTSP as it comes over one connection (RFC 2326): texts, and between them packets of media that are handed on unread. */
import { limits } from "../../domain/limits.ts";

export type Message = {
  /** `DESCRIBE rtsp://host/path RTSP/1.0`, or `RTSP/1.0 200 OK`. */
  readonly start: string;
  /** Names as written; the same name may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
};

/** What the other side sent is no RTSP, or more than RTSP needs. */
export class NoRtsp extends Error {}

export const headerOf = ({ headers }: Message, name: string): string | undefined =>
  headers.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];

export const headersOf = ({ headers }: Message, name: string): readonly string[] =>
  headers.filter(([one]) => one.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

export const written = ({ start, headers, body }: Message): Buffer =>
  Buffer.concat([Buffer.from(`${[start, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\r\n")}\r\n\r\n`, "latin1"), body]);

/** The number of an answer; undefined for a request. */
export const statusOf = ({ start }: Message): number | undefined => {
  const [, status] = /^RTSP\/\d\.\d (\d{3})(?: |$)/.exec(start) ?? [];
  return status === undefined ? undefined : Number(status);
};

export type Request = { readonly method: string; readonly uri: string };

export const requestOf = ({ start }: Message): Request | undefined => {
  const [, method, uri] = /^([A-Z_]{3,20}) (\S+) RTSP\/1\.\d$/.exec(start) ?? [];
  return method === undefined || uri === undefined ? undefined : { method, uri };
};

const DOLLAR = 0x24;
const PACKET_HEAD = 4;
const TOKEN = /^[A-Z_]{1,20}(?:[ /]|$)/;

const readHead = (head: Buffer): Omit<Message, "body"> => {
  const [start = "", ...lines] = head.toString("latin1").split(/\r?\n/);
  const headers: (readonly [string, string])[] = [];
  for (const line of lines) {
    const [, name, value] = /^([!-9;-~]+)[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new NoRtsp("a line of a head is no header");
    headers.push([name, value]);
  }
  return { start, headers };
};

/** Where the head of a text ends and its body begins. Some cameras end lines with a bare \n. */
const endOfHead = (bytes: Buffer): readonly [end: number, next: number] | undefined => {
  const strict = bytes.indexOf("\r\n\r\n");
  const loose = bytes.indexOf("\n\n");
  if (strict < 0 && loose < 0) return undefined;
  return loose < 0 || (strict >= 0 && strict < loose) ? [strict, strict + 4] : [loose, loose + 2];
};

/**
 * Cuts what comes into texts and packets. `packets` gets bytes as they are: whole packets and parts of one, in order, without copying.
 * Throws NoRtsp, and is of no use after that.
 */
export const rtspReader = (told: { readonly message: (message: Message) => void; readonly packets: (bytes: Buffer) => void }) => {
  /** The beginning of something that is not whole yet: a text, or the head of a packet. */
  let held: Buffer = Buffer.alloc(0);
  /** Bytes of the packet under way that are still to come. */
  let missing = 0;

  const text = (bytes: Buffer): Buffer | undefined => {
    if (!TOKEN.test(bytes.subarray(0, 24).toString("latin1"))) throw new NoRtsp("this is no RTSP");
    const found = endOfHead(bytes);
    if ((found?.[0] ?? bytes.length) > limits.rtspHeadBytes) throw new NoRtsp("a head is too long");
    if (found === undefined) return undefined;
    const head = readHead(bytes.subarray(0, found[0]));
    const length = headerOf({ ...head, body: held }, "content-length") ?? "0";
    if (!/^\d{1,9}$/.test(length) || Number(length) > limits.rtspBodyBytes) throw new NoRtsp("a body is too long, or of no length");
    const end = found[1] + Number(length);
    if (bytes.length < end) return undefined;
    told.message({ ...head, body: bytes.subarray(found[1], end) });
    return bytes.subarray(end);
  };

  /** How far whole packets, and the beginning of one whose head is there, reach. */
  const packetsIn = (bytes: Buffer): number => {
    let at = missing;
    while (at + PACKET_HEAD <= bytes.length && bytes[at] === DOLLAR) at += PACKET_HEAD + bytes.readUInt16BE(at + 2);
    return at;
  };

  return (chunk: Buffer): void => {
    let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = Buffer.alloc(0);
    while (bytes.length > 0) {
      const reach = packetsIn(bytes);
      if (reach > 0) {
        const here = Math.min(reach, bytes.length);
        told.packets(bytes.subarray(0, here));
        missing = reach - here;
        bytes = bytes.subarray(here);
        continue;
      }
      // Empty lines between texts are allowed.
      if (bytes[0] === 0x0d || bytes[0] === 0x0a) {
        bytes = bytes.subarray(1);
        continue;
      }
      const rest = bytes[0] === DOLLAR ? undefined : text(bytes);
      if (rest === undefined) {
        held = bytes;
        return;
      }
      bytes = rest;
    }
  };
};
