/** What a camera is answered that asks who we are: RFC 2617 and 7616 as RTSP uses them. */
import { createHash, randomBytes } from "node:crypto";
import type { Request } from "./messages.ts";

export type Credentials = { readonly user: string; readonly password: string };
export type Challenge =
  | { readonly scheme: "basic" }
  | {
      readonly scheme: "digest";
      readonly realm: string;
      readonly nonce: string;
      readonly opaque: string | undefined;
      readonly hash: "md5" | "sha256";
      /** As the camera wrote it; undefined where it wrote none. */
      readonly algorithm: string | undefined;
      readonly isSession: boolean;
      readonly hasQop: boolean;
    };

/** What is no UTF-8 is taken a byte a character. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
};

/** A user's part of a URL, percent-decoded. */
export const credentialsOf = (userinfo: string): Credentials => {
  const [user = "", password = ""] = userinfo.split(":");
  return { user: decoded(user), password: decoded(password) };
};

const HASHES: Readonly<Record<string, "md5" | "sha256">> = { MD5: "md5", "SHA-256": "sha256" };

const readChallenge = (text: string): Challenge | undefined => {
  const [, scheme = "", rest = ""] = /^(\w+)\s*(.*)$/.exec(text) ?? [];
  if (scheme.toLowerCase() === "basic") return { scheme: "basic" };
  if (scheme.toLowerCase() !== "digest") return undefined;
  const said = new Map(
    [...rest.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)].map(([, name = "", quoted, bare]) => [
      name.toLowerCase(),
      quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "",
    ]),
  );
  const algorithm = said.get("algorithm");
  const hash = HASHES[(algorithm ?? "MD5").toUpperCase().replace(/-SESS$/, "")];
  const [realm, nonce, qop] = [said.get("realm"), said.get("nonce"), said.get("qop")];
  if (hash === undefined || realm === undefined || nonce === undefined) return undefined;
  const hasQop = qop !== undefined;
  if (hasQop && !qop.split(",").some((one) => one.trim().toLowerCase() === "auth")) return undefined;
  return {
    scheme: "digest",
    realm,
    nonce,
    opaque: said.get("opaque"),
    hash,
    algorithm,
    isSession: /-sess$/i.test(algorithm ?? ""),
    hasQop,
  };
};

/** The strongest of the ways a camera offers that we know; undefined where we know none. */
export const strongest = (offered: readonly string[]): Challenge | undefined => {
  const known = offered.map(readChallenge).filter((one) => one !== undefined);
  const worth = (one: Challenge): number => (one.scheme === "basic" ? 0 : one.hash === "md5" ? 1 : 2);
  return known.sort((a, b) => worth(b) - worth(a))[0];
};

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

/** The header `Authorization` of a request. `count`: how many requests this challenge has answered, this one included. */
export const authorization = (challenge: Challenge, { user, password }: Credentials, { method, uri }: Request, count: number): string => {
  if (challenge.scheme === "basic") return `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`;
  const { realm, nonce, opaque, hash, algorithm, isSession, hasQop } = challenge;
  const hashed = (...parts: readonly string[]): string => createHash(hash).update(parts.join(":"), "utf8").digest("hex");
  const ours = randomBytes(8).toString("hex");
  const nc = count.toString(16).padStart(8, "0");
  const who = isSession ? hashed(hashed(user, realm, password), nonce, ours) : hashed(user, realm, password);
  const what = hashed(method, uri);
  const response = hasQop ? hashed(who, nonce, nc, ours, "auth", what) : hashed(who, nonce, what);
  return `Digest ${[
    `username=${quoted(user)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    `response="${response}"`,
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(hasQop ? ["qop=auth", `nc=${nc}`, `cnonce="${ours}"`] : isSession ? [`cnonce="${ours}"`] : []),
  ].join(", ")}`;
};
