/** Tokens verified, and kept while they hold: a signature costs as much as a light request. */
import { hash } from "node:crypto";
import { errors, jwtVerify } from "jose";
import type { Instant } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import { AdapterError, type TokenKeys } from "../domain/ports.ts";
import type { TokenKey } from "../domain/token-keys.ts";
import type { Caller, NotKnown, Tokens } from "./caller.ts";
import { callerOf } from "./claims.ts";
import { claimsOf, type Header, headerOf } from "./token-parts.ts";

export type TokenOptions = {
  readonly keys: TokenKeys;
  /** What `iss` must be, and what `aud` must be or hold. */
  readonly issuer: string;
  readonly audience: string;
  readonly limits: Pick<Limits, "tokenBytes" | "tokenToleranceSeconds" | "tokensKept">;
  now(): Instant;
};

const refused = (unauthenticated: string): NotKnown => ({ unauthenticated });
/** Whichever of it was wrong: who tries keys and algorithms learns nothing. */
const unsigned = refused("The token is not signed by a key known here.");
const unreadable = refused("This is no token that is understood here.");

/** The keys whose kind the header names. A `kid` chooses among those that have one; it is compared and used for nothing else. */
const candidates = (keys: readonly TokenKey[], { alg, kid }: Header): readonly TokenKey[] =>
  keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === undefined || key.kid === kid));

/** Throws AdapterError `unavailable` from `verify` where there are no keys to verify with. */
export const createTokens = ({ keys: source, issuer, audience, limits, now }: TokenOptions): Tokens => {
  /** By the token's hash, the oldest first. */
  const kept = new Map<string, Caller & { readonly expiresAt: Instant }>();
  const listeners = new Set<() => void>();
  source.onChanged(() => {
    kept.clear();
    for (const listener of listeners) listener();
  });
  const nameOf = (token: string): string => hash("sha256", token, "base64");

  const keep = (token: string, caller: Caller): void => {
    const { expiresAt } = caller;
    if (expiresAt === undefined) return;
    const name = nameOf(token);
    kept.delete(name);
    const [oldest] = kept.keys();
    if (oldest !== undefined && kept.size >= limits.tokensKept) kept.delete(oldest);
    kept.set(name, { ...caller, expiresAt });
  };

  const verifyWith = async (token: string, { alg, jwk }: TokenKey): Promise<Caller | NotKnown> => {
    const at = now();
    try {
      await jwtVerify(token, jwk, {
        algorithms: [alg],
        issuer,
        audience,
        requiredClaims: ["exp", "tenant_id"],
        clockTolerance: limits.tokenToleranceSeconds,
        currentDate: new Date(at),
      });
    } catch (error) {
      return reasonOf(error);
    }
    const claims = claimsOf(token);
    return claims === undefined ? unreadable : callerOf(claims, { now: at, toleranceSeconds: limits.tokenToleranceSeconds });
  };
  /** `unsigned` where none of these signed it. */
  const verifyAmong = async (token: string, keys: readonly TokenKey[]): Promise<Caller | NotKnown> => {
    for (const key of keys) {
      const told = await verifyWith(token, key);
      if (told !== unsigned) return told;
    }
    return unsigned;
  };

  const verify = async (token: string): Promise<Caller | NotKnown> => {
    if (token.length > limits.tokenBytes) return refused(`A token is no longer than ${limits.tokenBytes} bytes.`);
    const header = headerOf(token);
    if (header === undefined) return unreadable;
    if (source.current() === undefined) await source.look();
    for (let looked = false; ; ) {
      const keys = source.current();
      if (keys === undefined)
        throw new AdapterError("unavailable", "The keys that tokens are verified with cannot be had.", { retryable: true });
      const told = await verifyAmong(token, candidates(keys, header));
      // Whoever signed it may be new.
      if (told === unsigned && !looked) {
        looked = true;
        await source.look();
      }
      if (source.current() !== keys) continue;
      if (!("unauthenticated" in told)) keep(token, told);
      return told;
    }
  };

  return {
    known: (token) => {
      if (token.length > limits.tokenBytes) return undefined;
      const name = nameOf(token);
      const caller = kept.get(name);
      if (caller === undefined || now() < caller.expiresAt) return caller;
      kept.delete(name);
      return undefined;
    },
    verify,
    onKeysChanged: (listener) => void listeners.add(listener),
  };
};

/** Why, quoting nothing of the token: names of claims are those we asked for. Throws what is no verdict on the token. */
const reasonOf = (error: unknown): NotKnown => {
  if (error instanceof errors.JWTExpired) return refused("The token has expired.");
  if (error instanceof errors.JWSSignatureVerificationFailed) return unsigned;
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === "missing") return refused(`The token lacks ${claim}.`);
    if (reason === "invalid") return refused(`The token's ${claim} cannot be used.`);
    if (claim === "nbf") return refused("The token is not valid yet.");
    return refused(claim === "aud" ? "The token is not for this audience." : "The token is not of the issuer trusted here.");
  }
  if (error instanceof errors.JOSEError) return unreadable;
  throw error;
};
