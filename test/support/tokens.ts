/** Tokens made by hand, so that what a library would refuse to make is there too; and a fake of where their keys come from. */
import { createHmac, generateKeyPairSync, type KeyObject, sign as signWith } from "node:crypto";
import { createTokens, type TokenOptions } from "../../api/tokens.ts";
import { limits } from "../../domain/limits.ts";
import type { TokenKeys } from "../../domain/ports.ts";
import type { TokenAlgorithm, TokenKey } from "../../domain/token-keys.ts";

export const ISSUER = "https://issuer.example/";
export const AUDIENCE = "tallywire";
export const SECRET = "a secret that is long enough: 32+";
/** As FakeCore begins, in seconds. */
export const NOW = Date.parse("2021-09-16T07:00:00.000Z") / 1000;

export const pairs = {
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519"),
} as const;
export type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

export const tokenKey = (alg: Exclude<TokenAlgorithm, "HS256">, { publicKey }: Pair, kid?: string): TokenKey => ({
  alg,
  kid,
  jwk: publicKey.export({ format: "jwk" }) as TokenKey["jwk"],
});
export const secretKey = (secret = SECRET): TokenKey => ({
  alg: "HS256",
  kid: undefined,
  jwk: { kty: "oct", k: Buffer.from(secret).toString("base64url") },
});

/** A fake: the keys a test puts in. */
export class FakeKeys implements TokenKeys {
  keys: readonly TokenKey[] | undefined;
  looks = 0;
  /** What a look finds, where something else than is there. */
  next: readonly TokenKey[] | undefined;
  readonly #listeners: (() => void)[] = [];
  constructor(...keys: readonly TokenKey[]) {
    this.keys = keys;
  }
  current = () => this.keys;
  look = async () => {
    this.looks++;
    if (this.next !== undefined) this.change(this.next);
    this.next = undefined;
  };
  change(keys: readonly TokenKey[] | undefined): void {
    this.keys = keys;
    for (const listener of this.#listeners) listener();
  }
  onChanged = (listener: () => void) => void this.#listeners.push(listener);
  readonly done = Promise.resolve();
  close = () => undefined;
}

export const tokensWith = (keys: TokenKeys, own: Partial<TokenOptions> = {}) =>
  createTokens({ keys, issuer: ISSUER, audience: AUDIENCE, limits, now: () => NOW * 1000, ...own });

export const part = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A header and claims as text or as what becomes JSON; the signature is that of the algorithm in `by`. */
export type Signer = (input: string) => Buffer;
export const hmac =
  (secret: string | Buffer = SECRET, bits = 256): Signer =>
  (input) =>
    createHmac(`sha${bits}`, secret).update(input).digest();
export const signer =
  (alg: Exclude<TokenAlgorithm, "HS256">, { privateKey }: Pair = pairs[alg]): Signer =>
  (input) =>
    signWith(alg === "EdDSA" ? null : "sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });

export const jws = (header: unknown, claims: unknown, by: Signer): string => {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${by(input).toString("base64url")}`;
};

export const claims = (own: object = {}) => ({
  iss: ISSUER,
  aud: AUDIENCE,
  exp: NOW + 3600,
  tenant_id: "default",
  scope: "events:read frames:write",
  ...own,
});
/** A good token with the secret, but for what is given. */
export const token = (own: object = {}, header: object = {}, by: Signer = hmac()): string =>
  jws({ alg: "HS256", typ: "JWT", ...header }, claims(own), by);
/** The same, its claims as JSON text: for names that stand twice, and numbers that JSON.stringify does not write. */
export const tokenOfText = (json: string, by: Signer = hmac()): string => jws({ alg: "HS256" }, json, by);
