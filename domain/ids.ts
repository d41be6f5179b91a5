/** The deterministic ids, and the partition of a camera. The same input gives the same id on every machine. */
import type { Analytic } from "./camera.ts";
import { type Instant, keyText } from "./envelope.ts";

/**
 * UTF-8 of a text, written out: the core has no TextEncoder. Half of a surrogate pair becomes U+FFFD, as everywhere else,
 * so that a broken text has one encoding and not an error.
 */
export const utf8 = (text: string): readonly number[] => {
  const bytes: number[] = [];
  for (const character of text) {
    const read = character.codePointAt(0) as number;
    const code = read >= 0xd800 && read <= 0xdfff ? 0xfffd : read;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
};

const turn = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** SHA-1 (RFC 3174), 20 bytes. A name for things, no protection of anything. */
export const sha1 = (message: readonly number[]): readonly number[] => {
  const blocks = Math.ceil((message.length + 9) / 64);
  const words = new Int32Array(16 * blocks);
  const add = (byte: number, at: number): void => {
    words[at >> 2] = (words[at >> 2] as number) | (byte << (24 - 8 * (at & 3)));
  };
  for (let i = 0; i < message.length; i++) add(message[i] as number, i);
  add(0x80, message.length);
  words[words.length - 2] = Math.floor(message.length / 0x20000000);
  words[words.length - 1] = message.length << 3;

  const sum = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as [number, number, number, number, number];
  const w = new Int32Array(80);
  for (let block = 0; block < blocks; block++) {
    w.set(words.subarray(16 * block, 16 * block + 16));
    addBlock(sum, w);
  }
  const digest: number[] = [];
  for (const part of sum) digest.push(part >>> 24, (part >>> 16) & 255, (part >>> 8) & 255, part & 255);
  return digest;
};

/** One block of 16 words. Plain variables: an alert's id is made for every alert, and tuples here made it cost ten times as much. */
const addBlock = (sum: [number, number, number, number, number], w: Int32Array): void => {
  for (let i = 16; i < 80; i++) {
    w[i] = turn((w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number), 1);
  }
  let [a, b, c, d, e] = sum;
  for (let i = 0; i < 80; i++) {
    const mix = i < 20 ? ((b & c) | (~b & d)) + 0x5a827999 : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1 : 0;
    const later = i < 40 ? 0 : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6;
    const next = (turn(a, 5) + mix + later + e + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = turn(b, 30);
    b = a;
    a = next;
  }
  sum[0] = (sum[0] + a) | 0;
  sum[1] = (sum[1] + b) | 0;
  sum[2] = (sum[2] + c) | 0;
  sum[3] = (sum[3] + d) | 0;
  sum[4] = (sum[4] + e) | 0;
};

const bytesOfUuid = (uuid: string): readonly number[] =>
  (uuid.replaceAll("-", "").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));

const hexOf: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A UUID made from a name inside a namespace (RFC 9562, version 5). `namespace` is itself a UUID as text. */
export const uuidV5 = (namespace: string, name: string): string => {
  const space = namespace === alertNamespace ? alertSpace : bytesOfUuid(namespace);
  const bytes = sha1(space.concat(utf8(name)));
  let hex = "";
  for (let i = 0; i < 16; i++) {
    const byte = bytes[i] as number;
    hex += hexOf[i === 6 ? (byte & 0x0f) | 0x50 : i === 8 ? (byte & 0x3f) | 0x80 : byte];
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** The namespace of alert ids. Changing it renames every alert ever raised. */
const alertNamespace = "7c0b1f4e-95a3-5d7e-8a52-61f0d3c4e2b9";
const alertSpace = bytesOfUuid(alertNamespace);

export type AlertName = {
  readonly tenant: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
  readonly camera: string;
  readonly analytic: Analytic;
  readonly placeId: string;
  readonly direction: string | undefined;
  readonly start: Instant;
  /** How many earlier alerts are equal in all the other fields. */
  readonly ordinal: number;
};

/** Each part is preceded by its length, so that no two names give one text, whatever stands in the ids. No direction has no length. */
export const alertId = (name: AlertName): string => {
  const { tenant, ruleId, ruleVersion, camera, analytic, placeId, direction, start, ordinal } = name;
  const parts = [tenant, ruleId, String(ruleVersion), camera, analytic, placeId, direction, String(start), String(ordinal)];
  return uuidV5(alertNamespace, parts.map((part) => (part === undefined ? "-;" : `${part.length}:${part};`)).join(""));
};

/** The namespace of trace ids. */
const traceNamespace = "3f9d2c61-0b7e-5a48-9c15-d28e6f4a70b3";

/** The name under which what follows from an alert can be traced: another id, and always the same one. */
export const traceId = (alert: string): string => uuidV5(traceNamespace, alert);

/** Murmur2 as Kafka's default partitioner computes it: a signed 32-bit number. */
export const murmur2 = (data: readonly number[]): number => {
  const factor = 0x5bd1e995;
  const at = (i: number): number => data[i] as number;
  const whole = data.length - (data.length % 4);
  let hash = 0x9747b28c ^ data.length;
  for (let i = 0; i < whole; i += 4) {
    let word = Math.imul(at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24), factor);
    word = Math.imul(word ^ (word >>> 24), factor);
    hash = Math.imul(hash, factor) ^ word;
  }
  const rest = data.length - whole;
  if (rest > 2) hash ^= at(whole + 2) << 16;
  if (rest > 1) hash ^= at(whole + 1) << 8;
  if (rest > 0) hash = Math.imul(hash ^ at(whole), factor);
  hash = Math.imul(hash ^ (hash >>> 13), factor);
  return hash ^ (hash >>> 15);
};

/** Where a camera's events are, in either log: what a Kafka producer would choose for the key `tenant\0camera`. */
export const partitionOf = (tenant: string, camera: string, partitions: number): number =>
  (murmur2(utf8(keyText(tenant, camera))) & 0x7fffffff) % partitions;
