/** Keys as files and servers write them: PEM, a JWK, a JWK Set. */
import type { TokenKey } from "../../domain/token-keys.ts";
import { type Jwk, privateFromJwk, privateFromPem, publicFromJwk, publicFromPem, publishedFromJwk, type Unusable } from "./one-key.ts";

const isObject = (value: unknown): value is Jwk => typeof value === "object" && value !== null && !Array.isArray(value);

/** The JWKs of a set, or the one there is. */
const jwksIn = (text: string, most: number): readonly Jwk[] | Unusable => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { unusable: "it is no JSON" };
  }
  if (!isObject(value)) return { unusable: "it is no JSON object" };
  if (!Object.hasOwn(value, "keys")) return [value];
  const { keys } = value;
  if (!Array.isArray(keys) || !keys.every(isObject)) return { unusable: "its keys are no list of objects" };
  if (keys.length > most) return { unusable: `it has ${keys.length} keys, more than ${most}` };
  return keys;
};

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----/g;
/** What a PEM file has in it; a chain of certificates is that of the first. */
const pemFault = (text: string): string | undefined => {
  const labels = [...text.matchAll(PEM)].map(([, label]) => label as string);
  if (labels.some((label) => label.startsWith("ENCRYPTED"))) return "its private key is encrypted";
  // What OpenSSL writes before an EC key.
  const keys = labels.filter((label) => label !== "EC PARAMETERS");
  if (keys.length > 1 && !keys.every((label) => label === "CERTIFICATE")) return "it has more than one key: write them as a JWK Set";
  return undefined;
};

const isPem = (text: string): boolean => !text.trimStart().startsWith("{");

/** The public halves of all keys in a file of ours; one that cannot be used spoils the file. */
export const keysInFile = (text: string, most: number): readonly TokenKey[] | Unusable => {
  if (isPem(text)) {
    const fault = pemFault(text);
    if (fault !== undefined) return { unusable: fault };
    const key = publicFromPem(text);
    return "unusable" in key ? key : [key];
  }
  const jwks = jwksIn(text, most);
  if ("unusable" in jwks) return jwks;
  const keys: TokenKey[] = [];
  for (const jwk of jwks) {
    const key = publicFromJwk(jwk);
    if ("unusable" in key) return key;
    keys.push(key);
  }
  return keys.length === 0 ? { unusable: "it has no key" } : keys;
};

/** The first private key in a file. Undefined: none of its keys has a private half. */
export const signingKeyIn = (text: string, most: number): TokenKey | Unusable | undefined => {
  if (isPem(text)) {
    const fault = pemFault(text);
    return fault === undefined ? privateFromPem(text) : { unusable: fault };
  }
  const jwks = jwksIn(text, most);
  if ("unusable" in jwks) return jwks;
  for (const jwk of jwks) {
    const key = privateFromJwk(jwk);
    if (key !== undefined) return key;
  }
  return undefined;
};

/** Those of a published set that can be used: others are there for others, and no fault. `left` says why, each. */
export const keysPublished = (
  text: string,
  most: number,
): { readonly keys: readonly TokenKey[]; readonly left: readonly string[] } | Unusable => {
  const jwks = jwksIn(text, most);
  if ("unusable" in jwks) return jwks;
  const told = jwks.map(publishedFromJwk);
  return {
    keys: told.filter((key): key is TokenKey => !("unusable" in key)),
    left: told.flatMap((key) => ("unusable" in key ? [key.unusable] : [])),
  };
};
