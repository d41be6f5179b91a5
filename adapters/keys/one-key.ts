/** One key as a TokenKey, or why it cannot be one. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { TokenAlgorithm, TokenKey } from "../../domain/token-keys.ts";

/** A sentence that names no part of the key. */
export type Unusable = { readonly unusable: string };
export type Jwk = { readonly [member: string]: unknown };

/** As RFC 7518, section 3.3, asks; below, a key can be broken. */
const RSA_BITS = 2048;
const LEAST_EXPONENT = 3n;

const algorithmOf = ({ asymmetricKeyType: kind, asymmetricKeyDetails: details = {} }: KeyObject): TokenAlgorithm | Unusable => {
  switch (kind) {
    case "rsa": {
      const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details;
      if (bits < RSA_BITS) return { unusable: `an RSA key has ${RSA_BITS} bits or more, this one has ${bits}` };
      if (exponent < LEAST_EXPONENT || exponent % 2n === 0n) return { unusable: "the public exponent of the RSA key signs nothing" };
      return "RS256";
    }
    case "ec":
      return details.namedCurve === "prime256v1"
        ? "ES256"
        : { unusable: `an EC key is on the curve P-256, this one on ${details.namedCurve}` };
    case "ed25519":
      return "EdDSA";
    default:
      return { unusable: `a key is RSA, EC (P-256) or Ed25519, this one is ${kind ?? "none of these"}` };
  }
};

/** The members that make the key, as Node writes them: two spellings of one key are one. */
const keyOf = (key: KeyObject, kid: string | undefined): TokenKey | Unusable => {
  const alg = algorithmOf(key);
  return typeof alg === "object" ? alg : { alg, kid, jwk: key.export({ format: "jwk" }) as TokenKey["jwk"] };
};

/** How a JWK may name what it is for: RFC 9864 calls EdDSA over this curve by the curve's name. */
const namesOf = (alg: TokenAlgorithm): readonly unknown[] => [undefined, alg, ...(alg === "EdDSA" ? ["Ed25519"] : [])];

const parsed = (read: () => KeyObject): KeyObject | Unusable => {
  try {
    return read();
  } catch (error) {
    return { unusable: `it cannot be read as a key (${(error as NodeJS.ErrnoException).code ?? "no code"})` };
  }
};

const isPrivate = (jwk: Jwk): boolean => jwk.d !== undefined;

const fromJwk = (jwk: Jwk, part: "public" | "private"): TokenKey | Unusable => {
  const { kid, use, alg, key_ops: operations } = jwk;
  if (jwk.kty === "oct") return { unusable: "a secret stands in TALLYWIRE_JWT_SECRET, not among keys" };
  if (kid !== undefined && typeof kid !== "string") return { unusable: "its kid is no text" };
  if (use !== undefined && use !== "sig") return { unusable: "its use is not sig" };
  if (operations !== undefined) {
    const meant = isPrivate(jwk) ? "sign" : "verify";
    if (!Array.isArray(operations) || !operations.includes(meant)) return { unusable: `its key_ops lack ${meant}` };
  }
  const input = { key: jwk, format: "jwk" } as const;
  const key = parsed(() => (part === "public" ? createPublicKey(input) : createPrivateKey(input)));
  const told = "unusable" in key ? key : keyOf(key, kid);
  if ("unusable" in told || namesOf(told.alg).includes(alg)) return told;
  return { unusable: `its alg is not ${told.alg}` };
};

/** Of a private one the public half. */
export const publicFromJwk = (jwk: Jwk): TokenKey | Unusable => fromJwk(jwk, "public");
/** As keys that anyone can fetch must be: who published the private half lets everyone sign. */
export const publishedFromJwk = (jwk: Jwk): TokenKey | Unusable =>
  isPrivate(jwk) ? { unusable: "its private half is published" } : publicFromJwk(jwk);
/** Undefined: it has no private half. */
export const privateFromJwk = (jwk: Jwk): TokenKey | Unusable | undefined => (isPrivate(jwk) ? fromJwk(jwk, "private") : undefined);

/** A public key, a certificate, or a private key, of which the public half is taken. */
export const publicFromPem = (pem: string): TokenKey | Unusable => {
  const key = parsed(() => createPublicKey(pem));
  return "unusable" in key ? key : keyOf(key, undefined);
};
/** Undefined: it has no private half. */
export const privateFromPem = (pem: string): TokenKey | Unusable | undefined => {
  if (!pem.includes("PRIVATE KEY-----")) return undefined;
  const key = parsed(() => createPrivateKey(pem));
  return "unusable" in key ? key : keyOf(key, undefined);
};
