/** The metrics, wherever they are asked for: guarded by a user and a password, or answered to this machine only. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context } from "hono";
import { isLoopbackHost } from "../domain/address.ts";
import { isOwnName, isWelcome } from "./browsers.ts";
import type { Core } from "./core.ts";
import type { Env } from "./env.ts";
import { Problem } from "./problem.ts";
import type { Rates } from "./rates.ts";

/** What proxies say of whom they speak for. */
const FORWARDED = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "cf-connecting-ip",
  "true-client-ip",
];

/**
 * Through a proxy on this machine everybody comes from here, and a page elsewhere may have had its name point here: who was forwarded, calls us
 * by another name than loopback's, or is a page of another origin, is not taken for this machine.
 */
const isLocal = (c: Context<Env>): boolean => {
  const address = c.env?.incoming?.socket.remoteAddress;
  const host = c.req.header("host");
  return (
    address !== undefined &&
    isLoopbackHost(address) &&
    (host === undefined || isOwnName(host)) &&
    isWelcome(c.req.header("origin"), host, []) &&
    FORWARDED.every((name) => c.req.header(name) === undefined)
  );
};

const hash = (text: string) => createHash("sha256").update(text).digest();

/** Who runs the server: with user and password set, who shows them; without, this machine. */
export const isOperator = (c: Context<Env>, expected: string | undefined): boolean => {
  if (expected === undefined) return isLocal(c);
  const given = `Basic ${Buffer.from(expected).toString("base64")}`;
  return timingSafeEqual(hash(given), hash(c.req.header("authorization") ?? ""));
};

const BASIC_REALM = 'Basic realm="tallywire metrics"';
const NEEDED = "Metrics need a user and a password.";

/** Throws Problem 401, 403, and 429 where too much that was no good came from there. */
export const answerMetrics = async (c: Context<Env>, core: Core, rates: Rates, expected: string | undefined): Promise<Response> => {
  if (expected === undefined) {
    if (!isOperator(c, expected)) throw new Problem(403, "Metrics are answered on loopback only.");
  } else {
    const guess = async () => (isOperator(c, expected) ? { isOperator: true } : { unauthenticated: NEEDED });
    const nothing = { unauthenticated: NEEDED };
    // Where nothing is shown nothing is guessed.
    const isShown = c.req.header("authorization") !== undefined;
    const told = isShown ? await rates.look(c.env?.incoming?.socket.remoteAddress, guess) : nothing;
    if ("unauthenticated" in told) throw new Problem(401, NEEDED, { headers: { "www-authenticate": BASIC_REALM } });
  }
  return c.body(await core.metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
};
