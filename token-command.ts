/** `tallywire token`: mints a token for development, with the very secret or key the server verifies with. */
import { SignJWT } from "jose";
import { scopes } from "./api/caller.ts";
import { createTokens } from "./api/tokens.ts";
import { type Config, ConfigError } from "./config.ts";
import { limits } from "./domain/limits.ts";
import type { Clock, TokenKeys } from "./domain/ports.ts";
import type { TokenKey } from "./domain/token-keys.ts";

/** What may be said of a token on the command line. `expires`: `90s`, `30m`, `1h`, `7d`. */
export type Wanted = {
  readonly tenant: string;
  readonly scope: string;
  readonly subject?: string;
  readonly expires: string;
  readonly cameraLimit?: string;
  readonly features?: string;
};

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const secondsOf = (text: string): number => {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw new ConfigError([`--expires: ${text} is not written like 90s, 30m, 1h or 7d`]);
  const seconds = Number(count) * UNITS[unit as keyof typeof UNITS];
  if (seconds < 1 || seconds > limits.mintedTokenSeconds)
    throw new ConfigError([`--expires: a token lasts 1 to ${limits.mintedTokenSeconds} seconds (limit mintedTokenSeconds)`]);
  return seconds;
};

const scopeOf = (text: string): string => {
  const named = text.split(/[ ,]+/).filter((name) => name !== "");
  const unknown = named.filter((name) => !(scopes as readonly string[]).includes(name));
  if (unknown.length > 0) throw new ConfigError([`--scope: there is no scope ${unknown.join(", ")}. There are ${scopes.join(", ")}`]);
  return named.join(" ");
};

const countOf = (text: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new ConfigError(["--camera-limit: must be a whole number"]);
  return Number(text);
};

/** `key` is to sign with, undefined where there is none; `keys` are those the server verifies with. */
export type Minting = {
  readonly config: Config;
  readonly key: TokenKey | undefined;
  readonly keys: TokenKeys;
  readonly clock: Clock;
};

/** Throws ConfigError for what cannot be minted. */
export const mintToken = async ({ config, key, keys, clock }: Minting, wanted: Wanted): Promise<string> => {
  if (key === undefined)
    throw new ConfigError([
      config.JWKS_URL === ""
        ? "TALLYWIRE_JWT_KEY: has no private key, so that nothing can be signed with it"
        : "TALLYWIRE_JWKS_URL: tokens come from whoever publishes these keys; none can be minted here",
    ]);
  const issuedAt = Math.floor(clock.now() / 1000);
  const { tenant, subject, cameraLimit, features } = wanted;
  const claims = {
    tenant_id: tenant,
    scope: scopeOf(wanted.scope),
    ...(subject !== undefined && { sub: subject }),
    ...(cameraLimit !== undefined && { camera_limit: countOf(cameraLimit) }),
    ...(features !== undefined && { features: features.split(",").map((name) => name.trim()) }),
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, typ: "JWT", ...(key.kid !== undefined && { kid: key.kid }) })
    .setIssuer(config.JWT_ISSUER)
    .setAudience(config.JWT_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + secondsOf(wanted.expires))
    .sign(key.jwk);
  const fault = await faultOf(config, keys, token, clock);
  if (fault !== undefined) throw new ConfigError([`The server would refuse this token: ${fault}`]);
  return token;
};

/** What the server's own check says against it. */
const faultOf = async (config: Config, keys: TokenKeys, token: string, clock: Clock): Promise<string | undefined> => {
  const tokens = createTokens({ keys, issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE, limits, now: clock.now });
  const told = await tokens.verify(token);
  return "unauthenticated" in told ? told.unauthenticated : undefined;
};
