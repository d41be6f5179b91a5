/** What the parts of the emdx surface share. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { admit, askedBy } from "../access.ts";
import { Problem } from "../problem.ts";
import type { Caller, Env, House, Scope } from "../surface.ts";

export type Emdx = {
  readonly house: House;
  readonly routes: OpenAPIHono<Env>;
  /** Nothing found is 422, as in the original. */
  readonly strict: boolean;
  /** Throws Problem 401 and 403, and 421 where another role serves it. */
  readonly callerOf: (c: Context<Env>, scope: Scope) => Promise<Caller>;
  /** The same for a write: without tokens it needs the header `User-Type: Admin`. */
  readonly writerOf: (c: Context<Env>, scope: Scope) => Promise<Caller>;
};

const notAdmin = "Authorization error. User-Type header missing. Must be present with Admin as value";

export const createEmdx = (
  house: House,
  routes: OpenAPIHono<Env>,
  options: { readonly tenant: string; readonly strict: boolean },
): Emdx => {
  const callerOf = (c: Context<Env>, scope: Scope): Promise<Caller> => admit(house.access, askedBy(c), scope, options.tenant);
  return {
    house,
    routes,
    strict: options.strict,
    callerOf,
    writerOf: async (c, scope) => {
      const caller = await callerOf(c, scope);
      if (house.access.tokens === undefined && c.req.header("user-type") !== "Admin") throw new Problem(403, notAdmin);
      return caller;
    },
  };
};
