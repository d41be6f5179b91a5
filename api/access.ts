/** Who calls. With tokens on the token says so; with them off everyone is the tenant of the surface's setting, and may do all. */
import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { Role } from "../domain/roles.ts";
import { Problem } from "./problem.ts";
import { type Caller, type Env, type Scope, scopes, type Tokens } from "./surface.ts";

type Asked = {
  readonly authorization: string | undefined;
  /** Of the address; only where a client cannot send a header. */
  readonly token: string | undefined;
};

/** Decides who may pass. One for HTTP, sockets and playlists. */
export type Access = {
  readonly tokens: Tokens | undefined;
  readonly roles: readonly Role[];
};

/** Who calls where tokens are off. */
const every: ReadonlySet<string> = new Set(scopes);
const anyone = (tenant: string): Caller => ({
  tenant,
  subject: undefined,
  scopes: every,
  expiresAt: undefined,
  cameraLimit: undefined,
  features: undefined,
});

const REALM = 'Bearer realm="tallywire"';
const unauthenticated = (detail: string, error?: string): Problem =>
  new Problem(401, detail, { headers: { "www-authenticate": error === undefined ? REALM : `${REALM}, error="${error}"` } });

const BEARER = /^Bearer +([^ ]+) *$/i;
/** A header goes before the address. Throws Problem 401 where there is neither. */
const tokenOf = ({ authorization, token }: Asked): string => {
  if (authorization === undefined) {
    if (token === undefined || token === "") throw unauthenticated("A token is needed: Authorization: Bearer …");
    return token;
  }
  const [, given] = BEARER.exec(authorization) ?? [];
  if (given === undefined) throw unauthenticated("Authorization is to be: Bearer and a token.", "invalid_request");
  return given;
};

/** `tenant`: whose everything is while tokens are off. Throws Problem 401, 403, 421 where another role serves it. */
export const admit = async ({ tokens, roles }: Access, asked: Asked, scope: Scope, tenant: string): Promise<Caller> => {
  servedHere(roles, scope);
  if (tokens === undefined) return anyone(tenant);
  const token = tokenOf(asked);
  const caller = tokens.known(token) ?? (await tokens.verify(token));
  if ("unauthenticated" in caller) throw unauthenticated(caller.unauthenticated, "invalid_token");
  if (!caller.scopes.has(scope)) {
    throw new Problem(403, `The token lacks the scope ${scope}.`, {
      headers: { "www-authenticate": `${REALM}, error="insufficient_scope", scope="${scope}"` },
    });
  }
  return caller;
};

export const askedBy = (c: Context<Env>): Asked => ({ authorization: c.req.header("authorization"), token: undefined });
export const askedByUpgrade = ({ headers }: IncomingMessage, query: URLSearchParams): Asked => ({
  authorization: headers.authorization,
  token: query.get("token") ?? undefined,
});

/** Throws Problem 421 where what needs this scope is another role's, and this process does not have it: another process does. */
const servedHere = (roles: readonly Role[], scope: Scope): void => {
  const role = scope === "frames:write" ? "ingest" : "api";
  if (roles.includes(role)) return;
  throw new Problem(421, `This is served by a process with the role ${role}; this one has ${roles.join(", ")}.`);
};
