/** What keeps a browser from being turned against us: headers of every answer, the name we are called by, other origins. */
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { isLoopbackHost } from "../domain/address.ts";
import type { Env } from "./env.ts";
import { Problem } from "./problem.ts";

/**
 * Of every answer, unless it says otherwise: nothing here is to be run, framed, guessed at or kept.
 * No Strict-Transport-Security: we speak plain HTTP, whoever speaks TLS in front of us sets it.
 */
export const answerHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** As a Host header has it: an IPv6 address in brackets, a port that may be left out. */
const HOST = /^(?:\[([^\]]*:[^\]]*)\]|([^:]+))(?::\d+)?$/;
/** Whether a Host header has a name of loopback. */
export const isOwnName = (host: string): boolean => {
  const [, address, name] = HOST.exec(host) ?? [];
  return isLoopbackHost(address ?? name ?? "");
};

/** Throws Problem 421 for another name than loopback's: a page elsewhere had its name point here, to be let in as this machine's own. */
export const calledByLoopback = (host: string | undefined): void => {
  if (host === undefined || isOwnName(host)) return;
  throw new Problem(421, "While tokens are off this is reached as localhost only. TALLYWIRE_INSECURE_BIND=true allows other names.");
};

/** A page of ours, or of an origin that is allowed; or a program, which names no origin. */
export const isWelcome = (origin: string | undefined, host: string | undefined, allowed: readonly string[]): boolean => {
  if (origin === undefined || allowed.includes(origin) || allowed.includes("*")) return true;
  const from = URL.parse(origin);
  return from !== null && host !== undefined && from.host !== "" && from.host === URL.parse(`${from.protocol}//${host}`)?.host;
};

/** Throws Problem 403 for a page of an origin that may not: browsers ask nobody before they open a socket. */
export const mayOpenSocket = (origin: string | undefined, host: string | undefined, allowed: readonly string[]): void => {
  if (!isWelcome(origin, host, allowed)) throw new Problem(403, "Pages of this origin may not open sockets here.");
};

const READING = new Set(["GET", "HEAD", "OPTIONS"]);
/** Throws Problem 403 likewise: browsers send a text, or nothing, anywhere without asking, and while tokens are off that is all a write needs. */
export const mayWrite = (method: string, origin: string | undefined, host: string | undefined, allowed: readonly string[]): void => {
  if (!READING.has(method) && !isWelcome(origin, host, allowed)) throw new Problem(403, "Pages of this origin may change nothing here.");
};

/** What a browser says of the page that asks: of another site, or of another server of this one. */
const ELSEWHERE = new Set(["cross-site", "same-site"]);
/**
 * Throws Problem 403 for a page that may not, where a GET changes something: a picture, a link or a frame of any page sends one, and names
 * no origin. `site`: Sec-Fetch-Site, which no page can set.
 */
export const mayChangeByGet = (
  { site, origin, host }: { readonly site: string | undefined; readonly origin: string | undefined; readonly host: string | undefined },
  allowed: readonly string[],
): void => {
  if (site === undefined || !ELSEWHERE.has(site)) return;
  if (origin === undefined || !isWelcome(origin, host, allowed)) throw new Problem(403, "Pages of this origin may change nothing here.");
};

/** `allowed`: exact origins, or `*` for all. */
export const crossOrigin = (allowed: readonly string[]): MiddlewareHandler<Env> =>
  cors({
    origin: allowed.includes("*") ? "*" : [...allowed],
    allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: ["Authorization", "Content-Type", "User-Type"],
    exposeHeaders: ["Link", "Tallywire-Position", "Tallywire-Uptime", "Retry-After"],
  });
