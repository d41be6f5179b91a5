/**
 * Texts that only we can make, and only we can read: base64url of
 * kind (1 byte) · name of the log's epoch (8) · contents, encrypted · check (12).
 * Sealed with keys made of the log's epoch, which is random, known to each process of the log and shown nowhere. The check is an HMAC over
 * all of it and over what the text is bound to, and from it contents are encrypted anew each time (as in SIV: the same text for the same
 * contents, and no nonce to carry or to repeat). What was cut short, mistyped or made up is refused, and so is what is bound to something
 * else.
 * The name is in clear, so that a text of another log is told from a forged one; what says that it is of another log is believed.
 */
import { createCipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";

const NAME_BYTES = 8;
const CHECK_BYTES = 12;
const HEAD_BYTES = 1 + NAME_BYTES;
const KEY_BYTES = 32;
const BLOCK_BYTES = 16;

/** `foreign`: another epoch's. `forged`: no such text was ever made here. */
export type Unsealed =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly why: "forged" | "foreign"; readonly kind: number | undefined };

export type Sealing = {
  /** `kind`: one byte, in clear. `bound`: what the text is good for; it is not in it. */
  seal(kind: number, bound: string, contents: Uint8Array): string;
  open(kind: number, bound: string, text: string): Unsealed;
};

const derive = (epoch: string, label: string, what: string, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", epoch, "", `tallywire ${label} ${what}`, length));

/** The check is where the counter begins. Encrypting twice gives back what there was. */
const encrypted = (key: KeyObject, check: Uint8Array, contents: Uint8Array): Buffer => {
  const begin = Buffer.alloc(BLOCK_BYTES);
  begin.set(check);
  return createCipheriv("aes-256-ctr", key, begin).update(contents);
};

/** `epoch` is a secret. Under each label the keys are others. */
export const sealingBy = (epoch: string, label: string): Sealing => {
  const name = derive(epoch, label, "name", NAME_BYTES);
  const checking = createSecretKey(derive(epoch, label, "check", KEY_BYTES));
  const sealing = createSecretKey(derive(epoch, label, "contents", KEY_BYTES));
  const checkOf = (head: Uint8Array, bound: string, contents: Uint8Array): Buffer =>
    createHmac("sha256", checking).update(`${bound}\0`).update(head).update(contents).digest().subarray(0, CHECK_BYTES);
  return {
    seal(kind, bound, contents) {
      const head = Buffer.concat([Buffer.of(kind), name]);
      const check = checkOf(head, bound, contents);
      return Buffer.concat([head, encrypted(sealing, check, contents), check]).toString("base64url");
    },
    open(kind, bound, text) {
      const bytes = Buffer.from(text, "base64url");
      // Other spellings of the same bytes (padding, stray characters) are refused too: there is one text.
      if (bytes.length < HEAD_BYTES + CHECK_BYTES || bytes.toString("base64url") !== text)
        return { ok: false, why: "forged", kind: undefined };
      const head = bytes.subarray(0, HEAD_BYTES);
      if (head[0] !== kind) return { ok: false, why: "forged", kind: head[0] };
      if (!name.equals(head.subarray(1))) return { ok: false, why: "foreign", kind };
      const check = bytes.subarray(-CHECK_BYTES);
      const contents = encrypted(sealing, check, bytes.subarray(HEAD_BYTES, -CHECK_BYTES));
      return timingSafeEqual(check, checkOf(head, bound, contents)) ? { ok: true, value: contents } : { ok: false, why: "forged", kind };
    },
  };
};
