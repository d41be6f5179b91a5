/**
 * Positions, cursors and page marks as text, opaque to clients and sealed (sealing.ts).
 * Contents are offsets of the whole log: in clear, two of them would tell a tenant how much all the others write. Each is bound to its
 * tenant and its question: what was given to another tenant or for another question is refused.
 * Two things are still told: by the length, how many digits the offsets have in base 128; and by two cursors that are the same, that
 * nothing at all was derived in between. How much was is not.
 * Whoever knows the epoch (it lies in the log and in the warehouse) can make cursors up and is shown nothing more: every read asks for the
 * caller's tenant by itself, and contents are believed only as far as they have a shape.
 * Short on purpose: a cursor must fit into the reason of a close (123 bytes).
 */
import type { PageKey } from "../projections/questions.ts";
import type { Reached, Tail } from "./core.ts";
import { sealingBy } from "./sealing.ts";

const kinds = { position: 4, tail: 5, page: 6 } as const;
/** As they were until 0.1.0, in clear. Their contents are not looked at: who made one up could feel for the log's end with it. */
const inClear = { position: 1, tail: 2, page: 3 } as const;
type Kind = keyof typeof kinds;

/** `foreign`: another epoch's. `outdated`: of an earlier version. `forged`: no such text was ever given to this tenant. */
export type Unreadable = "forged" | "foreign" | "outdated";
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: Unreadable };

export interface Cursors {
  position(tenant: string, reached: Reached): string;
  readPosition(tenant: string, text: string): Read<Reached>;
  tail(tenant: string, tail: Tail): string;
  readTail(tenant: string, text: string): Read<Tail>;
  /** `question` binds the mark to the route and the sensor it was given for. */
  page(tenant: string, question: string, key: PageKey): string;
  readPage(tenant: string, question: string, text: string): Read<PageKey>;
}

/** `epoch` is a secret. `partitions` of the log: a position names no other. */
export const cursors = (epoch: string, partitions: number): Cursors => {
  const sealing = sealingBy(epoch, "cursor");
  const boundOf = (tenant: string, question: string): string => JSON.stringify([tenant, question]);
  const write = (kind: Kind, tenant: string, question: string, contents: Uint8Array): string =>
    sealing.seal(kinds[kind], boundOf(tenant, question), contents);
  const open = (kind: Kind, tenant: string, question: string, text: string): Read<Buffer> => {
    const opened = sealing.open(kinds[kind], boundOf(tenant, question), text);
    if (opened.ok) return opened;
    return { ok: false, why: opened.kind === inClear[kind] ? "outdated" : opened.why };
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
