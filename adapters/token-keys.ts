/** Where the keys of tokens come from: a secret, a file, or a server that publishes them. */
import { AdapterError, type Clock, type Journal, type TokenKeys } from "../domain/ports.ts";
import type { KeySource, TokenKey } from "../domain/token-keys.ts";
import { fetchBounded, readBounded } from "./keys/bounded.ts";
import { keysInFile, keysPublished, signingKeyIn } from "./keys/key-text.ts";
import type { Unusable } from "./keys/one-key.ts";
import { type Found, type KeyLimits, watchKeys } from "./keys/watch.ts";

/** The secret is taken as it is written, its UTF-8 bytes. */
const secretKey = (secret: string): TokenKey => ({
  alg: "HS256",
  kid: undefined,
  jwk: { kty: "oct", k: Buffer.from(secret, "utf8").toString("base64url") },
});

const readFrom = async (file: string, limits: KeyLimits): Promise<Found | Unusable> => {
  const text = await readBounded(file, limits.keysBytes);
  if (typeof text !== "string") return text;
  const keys = keysInFile(text, limits.tokenKeys);
  return "unusable" in keys ? keys : { keys, left: [] };
};
const fetchFrom = async (url: string, limits: KeyLimits, stop: AbortSignal): Promise<Found | Unusable> => {
  const text = await fetchBounded(url, { ms: limits.keysMs, most: limits.keysBytes, stop });
  return typeof text === "string" ? keysPublished(text, limits.tokenKeys) : text;
};
const unusable = (file: string, why: string): AdapterError => new AdapterError("corrupt", `${file}: ${why}`, { retryable: false });

type Ports = { readonly limits: KeyLimits; readonly clock: Clock; readonly journal: Journal };

/**
 * A server that is away is waited for, and looked at in the background from then on. Throws AdapterError `corrupt` for a file that
 * gives no keys now.
 */
export const openTokenKeys = async (source: KeySource, ports: Ports): Promise<TokenKeys> => {
  const { limits } = ports;
  if ("secret" in source) {
    const keys = [secretKey(source.secret)];
    const nothing = Promise.resolve();
    return { current: () => keys, look: () => nothing, onChanged: () => undefined, done: nothing, close: () => undefined };
  }
  if ("url" in source) {
    const { url } = source;
    return watchKeys({ ...ports, place: placeOf(url), read: (stop) => fetchFrom(url, limits, stop), first: undefined });
  }
  const { file } = source;
  const read = (): Promise<Found | Unusable> => readFrom(file, limits);
  const first = await read();
  if ("unusable" in first) throw unusable(file, first.unusable);
  return watchKeys({ ...ports, place: file, read, first });
};

/** The key to sign with. Undefined: there is none, the keys are public. Throws AdapterError `corrupt` for a file of which nothing can be made. */
export const openSigningKey = async (source: KeySource, limits: KeyLimits): Promise<TokenKey | undefined> => {
  if ("secret" in source) return secretKey(source.secret);
  if ("url" in source) return undefined;
  const text = await readBounded(source.file, limits.keysBytes);
  if (typeof text !== "string") throw unusable(source.file, text.unusable);
  const key = signingKeyIn(text, limits.tokenKeys);
  if (key !== undefined && "unusable" in key) throw unusable(source.file, key.unusable);
  return key;
};

/** For lines: a query may hold a key. */
const placeOf = (url: string): string => {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
};
