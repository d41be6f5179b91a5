/** What the claims of a verified token say of who calls. */
import { z } from "zod";
import { type Caller, type NotKnown, type Scope, scopes } from "./caller.ts";
import { id } from "./text.ts";

const CONTROL = /\p{Cc}/u;
/** A text that may stand in keys and rows, and in lines too. */
const name = id.refine((text) => !CONTROL.test(text));
/** Beyond, an instant is none (ECMAScript's own bound). */
const LAST_SECOND = 8_640_000_000_000;
const second = z.number().min(0).max(LAST_SECOND);

const claims = z.object({
  tenant_id: name,
  sub: name.optional(),
  exp: second,
  nbf: second.optional(),
  iat: second.optional(),
  scope: z.string().optional(),
  scopes: z.array(z.string()).optional(),
  camera_limit: z.number().int().min(0).optional(),
  features: z.array(name).optional(),
});

const isScope = (text: string): text is Scope => (scopes as readonly string[]).includes(text);

type Time = { readonly now: number; readonly toleranceSeconds: number };

/** `expiresAt` has the tolerance in it: from that instant on the token is refused, for requests and sockets alike. */
export const callerOf = (given: object, { now, toleranceSeconds }: Time): Caller | NotKnown => {
  const read = claims.safeParse(given);
  // The name is one of ours; what it was given is not repeated.
  if (!read.success) return { unauthenticated: `The token's ${String(read.error.issues[0]?.path[0])} cannot be used.` };
  const { tenant_id, sub, exp, iat, scope = "", scopes: listed = [], camera_limit, features } = read.data;
  const toleranceMs = toleranceSeconds * 1000;
  if (iat !== undefined && iat * 1000 > now + toleranceMs) return { unauthenticated: "The token is not valid yet." };
  const expiresAt = exp * 1000 + toleranceMs;
  if (now >= expiresAt) return { unauthenticated: "The token has expired." };
  return {
    tenant: tenant_id,
    subject: sub,
    scopes: new Set([...scope.split(" "), ...listed].filter(isScope)),
    expiresAt,
    cameraLimit: camera_limit,
    features,
  };
};
