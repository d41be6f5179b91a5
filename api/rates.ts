/** How often one may ask in a minute: a subject of a tenant with a good token, a remote address with bad ones. */
import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { cut, readAddress, spell, unmapped } from "../domain/address.ts";
import { keyText } from "../domain/envelope.ts";
import type { Limits } from "../domain/limits.ts";
import type { Labels } from "../domain/metrics.ts";
import type { Meter } from "../domain/ports.ts";
import type { Caller, NotKnown, Scope } from "./caller.ts";
import { createOneByOne } from "./one-by-one.ts";
import { type Problem, tooMany } from "./problem.ts";

/** Requests of one subject in a minute; 0: as many as it likes. Frames are apart: they have back-pressure of their own. */
export type RatesAllowed = { readonly requests: number; readonly frames: number };

/** Counted in memory, for this process alone. */
export interface Rates {
  /** Of an admitted caller. Rejects with Problem 429. */
  ask(caller: Caller, scope: Scope): Promise<void>;
  /**
   * Looks at a token that is not known, or a password. Where too many from there were no good, one after another in a line for all such addresses: guessing
   * costs no more than that, and a good token passes. Rejects with Problem 429 what is no good then, and what the line has no room for.
   * Counted afterwards: callers whose first requests come together are not in each other's way.
   */
  look<A extends object>(address: string | undefined, verify: () => Promise<A | NotKnown>): Promise<A | NotKnown>;
}

const MINUTE = 60;
/** The address of all that are too many to be told apart. */
const OTHERS = "others";

export const createRates = (
  allowed: RatesAllowed,
  limits: Pick<Limits, "failedLogins" | "failingAddresses" | "slowLogins">,
  meter: Meter,
): Rates => {
  const inMinute = (points: number) => (points === 0 ? undefined : new RateLimiterMemory({ points, duration: MINUTE }));
  const requests = inMinute(allowed.requests);
  const frames = inMinute(allowed.frames);
  const failures = new RateLimiterMemory({ points: limits.failedLogins, duration: MINUTE });
  /** How many addresses have failed: each takes memory for a minute. */
  const failing = new RateLimiterMemory({ points: limits.failingAddresses, duration: MINUTE });
  const slowly = createOneByOne(limits.slowLogins);

  const nameOf = async (address: string | undefined): Promise<string> => {
    const network = networkOf(address);
    if ((await failures.get(network)) !== null) return network;
    const told = await failing.get(OTHERS);
    return told !== null && told.consumedPoints >= limits.failingAddresses ? OTHERS : network;
  };

  const refusal = (detail: string, { msBeforeNext }: RateLimiterRes, whose: Labels = {}): Problem => {
    meter.count("tallywire_throttled_total", 1, whose);
    return tooMany(detail, Math.max(1, Math.ceil(msBeforeNext / 1000)));
  };

  const tooManyFailed = (told: RateLimiterRes): Problem => refusal("Too many tokens or passwords that are no good came from there.", told);

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
    look: async (address, verify) => {
      const told = await failures.get(await nameOf(address));
      const over = told !== null && told.consumedPoints >= limits.failedLogins ? told : undefined;
      const found = await (over === undefined ? verify() : slowly(networkOf(address), verify, () => tooManyFailed(over)));
      if (!("unauthenticated" in found)) return found;
      const { isFirstInDuration } = await failures.penalty(await nameOf(address));
      if (isFirstInDuration) await failing.penalty(OTHERS);
      if (over !== undefined) throw tooManyFailed(over);
      return found;
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
