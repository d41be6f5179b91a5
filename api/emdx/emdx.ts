/** What the parts of the emdx surface share. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "../env.ts";
import { Problem } from "../problem.ts";
import type { Desk } from "../route.ts";
import type { House } from "../surface.ts";

export type Emdx = Desk & {
  /** Nothing found is 422, as in the original. */
  readonly strict: boolean;
};

const notAdmin = "Authorization error. User-Type header missing. Must be present with Admin as value";

export const createEmdx = (
  house: House,
  routes: OpenAPIHono<Env>,
  options: { readonly tenant: string; readonly strict: boolean },
): Emdx => ({
  house,
  routes,
  ...options,
  also: (c, scope) => {
    if (scope === "cameras:write" && house.access.tokens === undefined && c.req.header("user-type") !== "Admin")
      throw new Problem(403, notAdmin);
  },
});
