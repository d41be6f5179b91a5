/** A route, declared once: what the document says of it is what is asked for and done. */
import { type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { admit, admitGranted, askedBy } from "./access.ts";
import type { Caller, Scope } from "./caller.ts";
import { V1 } from "./connection.ts";
import type { Env } from "./env.ts";
import * as parameter from "./parameters.ts";
import { type Documented, documentParameters, type Parameters, readParameters } from "./parameters.ts";
import { noUpgrade } from "./problem.ts";
import type { House, SocketRoute } from "./surface.ts";

/** Where the routes of a surface are declared. */
export type Desk = {
  readonly house: House;
  readonly routes: OpenAPIHono<Env>;
  /** Whose everything is while tokens are off. */
  readonly tenant: string;
  /** What the surface asks of a call beside its scope. Throws Problem. */
  readonly also?: (c: Context<Env>, scope: Scope) => void;
  /** In what shape it refuses; problem details where nothing is said. */
  readonly refusal?: RefusalShape;
};

type RefusalShape = { readonly type: string; readonly schema: z.ZodType };

export type Declared = {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As OpenAPI writes it: `/cameras/{id}`. */
  readonly path: string;
  readonly scope: Scope;
  readonly summary: string;
  readonly parameters?: Parameters;
  /** `query`: `?token=` is heeded, too: of what players ask for, which cannot send a header. */
  readonly token?: "query";
  /** It is opened by `?grant=`, too, without a token: says whose it is, undefined where the grant does not open it. */
  readonly grant?: (c: Context<Env>, grant: string) => string | undefined;
  /** Of the path and of the head. */
  readonly more?: readonly Documented[];
  readonly request?: RouteConfig["request"];
  readonly responses: RouteConfig["responses"];
  /** Statuses it refuses with, beside those that every route may. */
  readonly refusals: readonly number[];
};

export const problem = z
  .strictObject({
    detail: z.string(),
    status: z.int(),
    title: z.string(),
    type: z.literal("about:blank"),
    rejected: z
      .array(z.strictObject({ line: z.int(), detail: z.string() }))
      .optional()
      .openapi({ description: "Lines of an ingest body." }),
  })
  .openapi("Problem");

/** What a route may refuse that asks nobody who he is: it may be called by a name that is not ours, or fail. */
const ANYWHERE_OPEN = [421, 500];
const ANYWHERE = [...ANYWHERE_OPEN, 401, 403, 429, 503];

const PROBLEM: RefusalShape = { type: "application/problem+json", schema: problem };

export const refusing = (statuses: readonly number[], ...shapes: readonly RefusalShape[]): RouteConfig["responses"] =>
  Object.fromEntries(
    [...new Set(statuses)].map((status) => [
      String(status),
      {
        description: "Refused.",
        content: Object.fromEntries((shapes.length === 0 ? [PROBLEM] : shapes).map(({ type, schema }) => [type, { schema }])),
      },
    ]),
  );

/** The name under which documents speak of the token. */
const SECURITY = "bearer";
export const BASIC = "basic";
/** Likewise of what opens one thing to whoever has its address. */
const GRANT = "grant";

/** To be called once for a document, before its routes. */
export const declareSecurity = ({ routes }: Desk): void => {
  routes.openAPIRegistry.registerComponent("securitySchemes", SECURITY, {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "While tokens are on. Each route names the scope that the token must carry.",
  });
  routes.openAPIRegistry.registerComponent("securitySchemes", BASIC, {
    type: "http",
    scheme: "basic",
    description: "Where a user is set.",
  });
  routes.openAPIRegistry.registerComponent("securitySchemes", GRANT, {
    type: "apiKey",
    in: "query",
    name: GRANT,
    description: "Part of addresses that are given out here: it opens what stands at its address, without a token, and nothing else.",
  });
};

/** What is sent or answered as JSON. */
export const json = <S extends z.ZodType>(schema: S) => ({ "application/json": { schema } });

/** As hono writes it. */
const pattern = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");

export const route = (
  desk: Desk,
  { method, path, scope, summary, parameters = {}, token, grant, more = [], request, responses, refusals }: Declared,
  answer: (c: Context<Env>, caller: Caller) => Promise<Response>,
): void => {
  const { house, routes, tenant, refusal = PROBLEM } = desk;
  const granting = { grant: parameter.grant };
  const admitted = (c: Context<Env>): Promise<Caller> => {
    const asked = askedBy(c, token !== undefined);
    const given = grant && readParameters(granting, new URL(c.req.url).searchParams, house.core.limits).grant;
    if (given === undefined) return admit(house.access, asked, scope, tenant);
    return admitGranted(house.access, asked, scope, { tenant, owner: grant?.(c, given) });
  };
  routes.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    security: [{ [SECURITY]: [scope] }, ...(grant === undefined ? [] : [{ [GRANT]: [] }])],
    parameters: documentParameters({ ...parameters, ...(token && { token: parameter.token }), ...(grant && granting) }, ...more),
    ...(request && { request }),
    responses: { ...responses, ...refusing([...refusals, ...ANYWHERE], refusal) },
  });
  routes.on(method.toUpperCase(), pattern(path), async (c) => {
    const caller = await admitted(c);
    desk.also?.(c, scope);
    return answer(c, caller);
  });
};

/** A route that asks for no scope. `guard`: what it asks for instead. */
export const openRoute = (
  { routes, refusal = PROBLEM }: Desk,
  {
    path,
    summary,
    more = [],
    responses,
    refusals,
    guard,
  }: Pick<Declared, "path" | "summary" | "more" | "responses" | "refusals"> & { readonly guard?: typeof BASIC },
  answer: (c: Context<Env>) => Promise<Response>,
): void => {
  routes.openAPIRegistry.registerPath({
    method: "get",
    path,
    summary,
    security: guard === undefined ? [] : [{ [guard]: [] }],
    ...(more.length > 0 && { parameters: documentParameters({}, ...more) }),
    responses: { ...responses, ...refusing([...refusals, ...ANYWHERE_OPEN], refusal) },
  });
  routes.get(pattern(path), answer);
};

/** A kind of message, under its name in the document. */
type Message = { readonly name: string; readonly schema: z.ZodType };

export type DeclaredSocket = Pick<Declared, "path" | "scope" | "summary" | "parameters"> & {
  /** Under which the path stands. */
  readonly bases: readonly string[];
  /** What it says: to a plain client, and with the subprotocol. */
  readonly says: { readonly plain: Message; readonly v1: Message };
  /** What it is told in text, where it listens. */
  readonly hears?: Message;
  readonly take: SocketRoute["take"];
};

/** A socket, as a document can say it: a GET that is answered 101, or 426 where no upgrade is asked for. An upgrade is refused by problem details. */
export const declareSocket = ({ house, routes, tenant, refusal }: Desk, declared: DeclaredSocket): SocketRoute => {
  const { path, scope, summary, parameters = {}, bases, says, hears, take } = declared;
  const named = ({ name, schema }: Message) => {
    routes.openAPIRegistry.register(name, schema);
    return { $ref: `#/components/schemas/${name}` };
  };
  const protocols = [V1];
  routes.openAPIRegistry.registerPath({
    method: "get",
    path,
    summary,
    security: [{ [SECURITY]: [scope] }],
    parameters: documentParameters(parameters),
    "x-websocket": {
      protocols,
      says: { plain: named(says.plain), [V1]: named(says.v1) },
      ...(hears && { hears: named(hears) }),
    },
    responses: {
      101: { description: "The socket is open." },
      ...refusing([400, 426, ...ANYWHERE], ...(refusal ? [PROBLEM, refusal] : [])),
    },
  } as RouteConfig);
  routes.get(path, async (c) => {
    await admit(house.access, askedBy(c), scope, tenant);
    throw noUpgrade();
  });
  return { paths: bases.map((base) => `${base}${path}`), protocols, scope, tenant, take };
};

/** The document of a surface, made of its routes when it is first asked for. */
export const documentOf = (
  { routes }: Desk,
  { name, description, bases }: { readonly name: string; readonly description: string; readonly bases: readonly string[] },
): (() => object) => {
  let document: object | undefined;
  return () => {
    document ??= routes.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: `Tallywire: ${name}`, version: "2", description },
      servers: bases.map((url) => ({ url })),
    });
    return document;
  };
};
