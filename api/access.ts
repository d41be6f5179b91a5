/** Who calls. With tokens on the token says so; with them off everyone is the tenant of the surface's setting. */
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
