/** Who calls. With tokens on the token says so; with them off everyone is the tenant of the surface's setting. */
import type { Role } from "../domain/roles.ts";
import { Problem } from "./problem.ts";
import type { Authenticate, Caller, Scope } from "./surface.ts";

type Asked = { readonly authorization: string | undefined; readonly token: string | undefined };

/** Undefined where tokens are off. Throws Problem 401 and 403. */
export const admit = async (authenticate: Authenticate | undefined, asked: Asked, scope: Scope): Promise<Caller | undefined> => {
  if (authenticate === undefined) return undefined;
  const caller = await authenticate(asked);
  if ("unauthenticated" in caller) {
    throw new Problem(401, caller.unauthenticated, { headers: { "www-authenticate": 'Bearer realm="tallywire"' } });
  }
  if (!caller.scopes.has(scope)) {
    throw new Problem(403, `The token lacks the scope ${scope}.`, {
      headers: { "www-authenticate": `Bearer realm="tallywire", error="insufficient_scope", scope="${scope}"` },
    });
  }
  return caller;
};

/** Throws Problem 421 where what needs this scope is another role's, and this process does not have it: another process does. */
export const servedHere = (roles: readonly Role[], scope: Scope): void => {
  const role = scope === "frames:write" ? "ingest" : "api";
  if (roles.includes(role)) return;
  throw new Problem(421, `This is served by a process with the role ${role}; this one has ${roles.join(", ")}.`);
};
