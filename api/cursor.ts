/**
 * Positions, cursors and page marks as text. Opaque to clients: base64url of
 * kind (1 byte) · name of the log's epoch (8) · contents · check (12).
 * The check is a hash over all of it, the tenant and the question: what was cut short, mistyped, or given to another tenant or for
 * another question is refused. It keeps no secret and needs no key: whoever makes one up is shown nothing more, since every read
 * asks for the caller's tenant by itself. So contents are believed only as far as they have a shape.
 * Short on purpose: a cursor must fit into the reason of a close (123 bytes).
 */
import { createHash } from "node:crypto";
import type { PageKey } from "../projections/questions.ts";
import type { Reached, Tail } from "./core.ts";

const EPOCH_BYTES = 8;
const CHECK_BYTES = 12;
const HEAD_BYTES = 1 + EPOCH_BYTES;
const kinds = { position: 1, tail: 2, page: 3 } as const;
type Kind = keyof typeof kinds;

/** `foreign`: another epoch's. `forged`: no such text was ever given to this tenant. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: "forged" | "foreign" };

export interface Cursors {
  position(tenant: string, reached: Reached): string;
  readPosition(tenant: string, text: string): Read<Reached>;
  tail(tenant: string, tail: Tail): string;
  readTail(tenant: string, text: string): Read<Tail>;
  /** `question` binds the mark to the route and the sensor it was given for. */
  page(tenant: string, question: string, key: PageKey): string;
  readPage(tenant: string, question: string, text: string): Read<PageKey>;
}

/** `partitions` of the log: a position names no other. */
export const cursors = (epoch: string, partitions: number): Cursors => {
  const epochName = createHash("sha256").update(epoch).digest().subarray(0, EPOCH_BYTES);

  const checkOf = (tenant: string, question: string, payload: Uint8Array): Buffer =>
    createHash("sha256").update(`${tenant}\0${question}\0`).update(payload).digest().subarray(0, CHECK_BYTES);

  const write = (kind: Kind, tenant: string, question: string, contents: Uint8Array): string => {
    const payload = Buffer.concat([Buffer.of(kinds[kind]), epochName, contents]);
    return Buffer.concat([payload, checkOf(tenant, question, payload)]).toString("base64url");
  };

  const open = (kind: Kind, tenant: string, question: string, text: string): Read<Buffer> => {
    const bytes = Buffer.from(text, "base64url");
    const forged = { ok: false, why: "forged" } as const;
    // Other spellings of the same bytes (padding, stray characters) are refused too: a cursor has one text.
    if (bytes.length < HEAD_BYTES + CHECK_BYTES || bytes.toString("base64url") !== text) return forged;
    const payload = bytes.subarray(0, -CHECK_BYTES);
    if (payload[0] !== kinds[kind] || !checkOf(tenant, question, payload).equals(bytes.subarray(-CHECK_BYTES))) return forged;
    if (!epochName.equals(payload.subarray(1, HEAD_BYTES))) return { ok: false, why: "foreign" };
    return { ok: true, value: payload.subarray(HEAD_BYTES) };
  };

  return {
    position: (tenant, reached) => write("position", tenant, "", packNumbers([...reached].sort(([a], [b]) => a - b).flat())),
    readPosition: (tenant, text) =>
      then(open("position", tenant, "", text), (bytes) => {
        const numbers = unpackNumbers(bytes);
        if (numbers === undefined || numbers.length % 2 !== 0) return undefined;
        const reached = new Map<number, number>();
        for (let i = 0; i + 1 < numbers.length; i += 2) reached.set(numbers[i] as number, numbers[i + 1] as number);
        return [...reached.keys()].every((partition) => partition < partitions) ? reached : undefined;
      }),
    tail: (tenant, tail) => write("tail", tenant, "", packNumbers(tail)),
    readTail: (tenant, text) =>
      then(open("tail", tenant, "", text), (bytes) => {
        const tail = unpackNumbers(bytes);
        return tail?.length === partitions ? tail : undefined;
      }),
    page: (tenant, question, key) => write("page", tenant, question, Buffer.from(JSON.stringify([key.at, key.id]))),
    readPage: (tenant, question, text) => then(open("page", tenant, question, text), pageKey),
  };
};

/** Contents without a shape were never given out either. */
const then = <A, B>(read: Read<A>, use: (value: A) => B | undefined): Read<B> => {
  if (!read.ok) return read;
  const value = use(read.value);
  return value === undefined ? { ok: false, why: "forged" } : { ok: true, value };
};

const pageKey = (bytes: Buffer): PageKey | undefined => {
  try {
    const key: unknown = JSON.parse(bytes.toString());
    if (!Array.isArray(key) || key.length !== 2) return undefined;
    const [at, id] = key as unknown[];
    return Number.isSafeInteger(at) && typeof id === "string" ? { at: at as number, id } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** Non-negative integers up to 2^53 in base 128, least first; the high bit says that more follows. */
const packNumbers = (numbers: readonly number[]): Buffer => {
  const bytes: number[] = [];
  for (const number of numbers) {
    let rest = number;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
  }
  return Buffer.from(bytes);
};

/** Undefined: the last number is cut short, or one is beyond 2^53. */
const unpackNumbers = (bytes: Uint8Array): number[] | undefined => {
  const numbers: number[] = [];
  let number = 0;
  let scale = 1;
  for (const byte of bytes) {
    number += (byte % 128) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    if (!Number.isSafeInteger(number)) return undefined;
    numbers.push(number);
    number = 0;
    scale = 1;
  }
  return scale === 1 ? numbers : undefined;
};
