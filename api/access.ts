/** Who calls. With tokens on the token says so; with them off everyone is the tenant of the surface's setting, and may do all. */
import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { Role } from "../domain/roles.ts";
import { type Caller, type Scope, scopes, type Tokens } from "./caller.ts";
import type { Env } from "./env.ts";
import { Problem } from "./problem.ts";
import type { Rates } from "./rates.ts";

type Asked = {
  readonly authorization: string | undefined;
  /** Of the address; only where a client cannot send a header. */
  readonly token: string | undefined;
  /** Of the other end of the connection. Not what a header says of it: whoever sends it says what he likes. */
  readonly remote: string | undefined;
};

/** Decides who may pass. One for HTTP and sockets. */
export type Access = {
  readonly tokens: Tokens | undefined;
  /** Heeded while tokens are on. */
  readonly rates: Rates;
  readonly roles: readonly Role[];
};

/** Who calls where tokens are off. */
const every: ReadonlySet<string> = new Set(scopes);
const anyone = (tenant: string, may = every): Caller => ({
  tenant,
  subject: undefined,
  scopes: may,
  expiresAt: undefined,
  cameraLimit: undefined,
  features: undefined,
});

const REALM = 'Bearer realm="tallywire"';
const unauthenticated = (detail: string, error?: string): Problem =>
  new Problem(401, detail, { headers: { "www-authenticate": error === undefined ? REALM : `${REALM}, error="${error}"` } });

const BEARER = /^Bearer +([^ ]+) *$/i;
/** A header goes before the address. A Problem 401 where there is neither. */
const tokenOf = ({ authorization, token }: Asked): string | Problem => {
  if (authorization === undefined) return token || unauthenticated("A token is needed: Authorization: Bearer …");
  const [, given] = BEARER.exec(authorization) ?? [];
  return given ?? unauthenticated("Authorization is to be: Bearer and a token.", "invalid_request");
};
/** The token by which one came in, to be looked at again later. */
export const tokenShown = (asked: Asked): string | undefined => {
  const token = tokenOf(asked);
  return token instanceof Problem ? undefined : token;
};

/** Rejects with Problem 401; with 429 where too many tokens from there were no good. Where there is no token nothing is guessed. */
const callerBy = async (tokens: Tokens, rates: Rates, asked: Asked): Promise<Caller> => {
  const token = tokenOf(asked);
  if (token instanceof Problem) throw token;
  const known = tokens.known(token);
  if (known !== undefined) return known;
  const told = await rates.look(asked.remote, () => tokens.verify(token));
  if ("unauthenticated" in told) throw unauthenticated(told.unauthenticated, "invalid_token");
  return told;
};

/** `tenant`: whose everything is while tokens are off. Throws Problem 401, 403, 429, 421 where another role serves it. */
export const admit = async ({ tokens, rates, roles }: Access, asked: Asked, scope: Scope, tenant: string): Promise<Caller> => {
  servedHere(roles, scope);
  if (tokens === undefined) return anyone(tenant);
  const caller = await callerBy(tokens, rates, asked);
  await rates.ask(caller, scope);
  if (!caller.scopes.has(scope)) {
    throw new Problem(403, `The token lacks the scope ${scope}.`, {
      headers: { "www-authenticate": `${REALM}, error="insufficient_scope", scope="${scope}"` },
    });
  }
  return caller;
};

/**
 * Likewise, of what a grant in the address opens (grants.ts). `owner`: whose it is; undefined where the grant does not open it. Then a token
 * may; Problem 401 where there is none.
 */
export const admitGranted = async (
  access: Access,
  asked: Asked,
  scope: Scope,
  { tenant, owner }: { readonly tenant: string; readonly owner: string | undefined },
): Promise<Caller> => {
  servedHere(access.roles, scope);
  if (owner !== undefined) return anyone(owner, new Set([scope]));
  if (access.tokens !== undefined && tokenShown(asked) === undefined)
    throw unauthenticated("The grant in this address was not given out here, is for something else, or holds no longer.");
  return admit(access, asked, scope, tenant);
};

/** `byQuery`: whether `?token=` is heeded, too. */
export const askedBy = (c: Context<Env>, byQuery = false): Asked => ({
  authorization: c.req.header("authorization"),
  token: byQuery ? c.req.query("token") : undefined,
  remote: c.env?.incoming?.socket.remoteAddress,
});
/** Of several Authorization headers Node would keep the first: together they are no header that is understood, as over HTTP. */
export const askedByUpgrade = ({ headersDistinct, socket }: IncomingMessage, query: URLSearchParams): Asked => ({
  authorization: headersDistinct.authorization?.join(", "),
  token: query.get("token") ?? undefined,
  remote: socket.remoteAddress,
});

/** Throws Problem 421 where what needs this scope is another role's, and this process does not have it: another process does. */
export const servedHere = (roles: readonly Role[], scope: Scope): void => {
  const role = scope === "frames:write" ? "ingest" : scope === "playback:read" ? "video" : "api";
  if (roles.includes(role)) return;
  throw new Problem(421, `This is served by a process with the role ${role}; this one has ${roles.join(", ")}.`);
};
