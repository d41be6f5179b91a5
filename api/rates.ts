/** How often one may ask in a minute: a subject of a tenant with a good token, a remote address with bad ones. */
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { cut, readAddress, spell, unmapped } from "../domain/address.ts";
import { keyText } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import type { Labels } from "../domain/metrics.ts";
import type { Meter } from "../domain/ports.ts";
import type { Caller, Scope } from "./caller.ts";
import { tooMany } from "./problem.ts";

/** Requests of one subject in a minute; 0: as many as it likes. Frames are apart: they have back-pressure of their own. */
export type RatesAllowed = { readonly requests: number; readonly frames: number };

/** Counted in memory, for this process alone. */
export interface Rates {
  /** Of an admitted caller. Rejects with Problem 429. */
  ask(caller: Caller, scope: Scope): Promise<void>;
  /** Before a token that is not known is looked at. Rejects with Problem 429. */
  knock(address: string | undefined): Promise<void>;
  /** The token was none, or no good. Counted afterwards: callers whose first requests come together are not in each other's way. */
  fail(address: string | undefined): Promise<void>;
}

const MINUTE = 60;
/** The address of all that are too many to be told apart. */
const OTHERS = "others";

export const createRates = (allowed: RatesAllowed, limits: Pick<Limits, "failedLogins" | "failingAddresses">, meter: Meter): Rates => {
  const inMinute = (points: number) => (points === 0 ? undefined : new RateLimiterMemory({ points, duration: MINUTE }));
  const requests = inMinute(allowed.requests);
  const frames = inMinute(allowed.frames);
  const failures = new RateLimiterMemory({ points: limits.failedLogins, duration: MINUTE });
  /** How many addresses have failed: each takes memory for a minute. */
  const failing = new RateLimiterMemory({ points: limits.failingAddresses, duration: MINUTE });

  const nameOf = async (address: string | undefined): Promise<string> => {
    const network = networkOf(address);
    if ((await failures.get(network)) !== null) return network;
    const told = await failing.get(OTHERS);
    return told !== null && told.consumedPoints >= limits.failingAddresses ? OTHERS : network;
  };

  const refusal = (detail: string, { msBeforeNext }: RateLimiterRes, whose: Labels = {}) => {
    meter.count("tallywire_throttled_total", 1, whose);
    return tooMany(detail, Math.max(1, Math.ceil(msBeforeNext / 1000)));
  };

  return {
    ask: async ({ tenant, subject }, scope) => {
      const [limiter, most, what] =
        scope === "frames:write"
          ? ([frames, allowed.frames, "requests with frames"] as const)
          : ([requests, allowed.requests, "requests"] as const);
      await limiter?.consume(keyText(tenant, subject ?? "")).catch((told: RateLimiterRes) => {
        throw refusal(`No more than ${most} ${what} a minute.`, told, { tenant });
      });
    },
    knock: async (address) => {
      const told = await failures.get(await nameOf(address));
      if (told !== null && told.consumedPoints >= limits.failedLogins)
        throw refusal("Too many tokens that are no good came from there.", told);
    },
    fail: async (address) => {
      const { isFirstInDuration } = await failures.penalty(await nameOf(address));
      if (isFirstInDuration) await failing.penalty(OTHERS);
    },
  };
};

const ALL_OF_IPV4 = 32;
const HALF_OF_IPV6 = 64;
/** Of IPv6 the first half: whoever has one address has the other 2^64 as well. */
const networkOf = (text = ""): string => {
  // The zone says by which way it came to this machine.
  const address = readAddress(text.replace(/%.*/, ""));
  if (address === undefined) return text;
  const meant = unmapped(address);
  return spell(cut(meant, meant.family === 4 ? ALL_OF_IPV4 : HALF_OF_IPV6));
};
