/** What a token's text says before anything of it is believed. */
import { memberNames } from "./member-names.ts";

export type Header = { readonly alg: string; readonly kid: string | undefined };

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Two spellings of the same bytes would be two tokens: one of them could be changed without breaking the signature. */
const isCanonical = (part: string): boolean => Buffer.from(part, "base64url").toString("base64url") === part;

// A byte order mark is no part of JSON: it is kept, so that parsing refuses it.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The object in a part of a token. Undefined: no UTF-8, no JSON, no object, or a name that stands in it twice. */
const objectIn = (part: string): object | undefined => {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(Buffer.from(part, "base64url"));
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const names = memberNames(text);
  return new Set(names).size === names.length ? value : undefined;
};

/** The header of a JWS in compact form. Undefined for everything else: other forms, another spelling, an encrypted token. */
export const headerOf = (token: string): Header | undefined => {
  if (!COMPACT.test(token)) return undefined;
  const parts = token.split(".");
  if (!parts.every(isCanonical)) return undefined;
  const header = objectIn(parts[0] as string);
  if (header === undefined) return undefined;
  const alg = own(header, "alg");
  const kid = own(header, "kid");
  if (typeof alg !== "string" || (kid !== undefined && typeof kid !== "string")) return undefined;
  return { alg, kid };
};

/** The claims of a token whose signature holds. What jose hands over has lost a name that stood twice: two readers could take two claims from it. */
export const claimsOf = (token: string): object | undefined => objectIn(token.split(".")[1] as string);

const own = (object: object, name: string): unknown => (Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined);
