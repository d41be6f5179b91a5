/** What the parts of the emdx surface share. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { admit, servedHere } from "../access.ts";
import { Problem } from "../problem.ts";
import type { Env, House, Scope } from "../surface.ts";

export type Emdx = {
  readonly house: House;
  readonly routes: OpenAPIHono<Env>;
  /** Nothing found is 422, as in the original. */
  readonly strict: boolean;
  /** Throws Problem 401 and 403, and 421 where another role serves it. */
  readonly tenantOf: (c: Context<Env>, scope: Scope) => Promise<string>;
  /** The same for a write: without tokens it needs the header `User-Type: Admin`. */
  readonly writerOf: (c: Context<Env>, scope: Scope) => Promise<string>;
};

const notAdmin = "Authorization error. User-Type header missing. Must be present with Admin as value";

export const createEmdx = (
  house: House,
  routes: OpenAPIHono<Env>,
  options: { readonly tenant: string; readonly strict: boolean },
): Emdx => {
  const tenantOf = async (c: Context<Env>, scope: Scope): Promise<string> => {
    servedHere(house.core.roles, scope);
    const caller = await admit(house.authenticate, { authorization: c.req.header("authorization"), token: c.req.query("token") }, scope);
    return caller?.tenant ?? options.tenant;
  };
  return {
    house,
    routes,
    strict: options.strict,
    tenantOf,
    writerOf: (c, scope) => {
      servedHere(house.core.roles, scope);
      if (house.authenticate === undefined && c.req.header("user-type") !== "Admin") throw new Problem(403, notAdmin);
      return tenantOf(c, scope);
    },
  };
};
