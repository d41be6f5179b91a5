/** A surface is a dialect: a presentation of one Core. No surface imports another or touches a port. */
import type { IncomingMessage } from "node:http";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { WebSocket } from "ws";
import type { Access } from "./access.ts";
import type { Caller, Scope } from "./caller.ts";
import type { Core } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import type { Env } from "./env.ts";
import type { Grants } from "./grants.ts";
import type { Live } from "./live.ts";
import type { Replays } from "./replays.ts";

/** What every surface gets. */
export type House = {
  readonly core: Core;
  readonly cursors: Cursors;
  readonly grants: Grants;
  readonly live: Live;
  readonly replays: Replays;
  readonly access: Access;
};

/** A socket that was taken in at a path. */
export type Arrived = {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly caller: Caller;
};

export type SocketRoute = {
  readonly paths: readonly string[];
  /** Subprotocols that are understood, the preferred first. */
  readonly protocols: readonly string[];
  readonly scope: Scope;
  /** Whose everything is while tokens are off. */
  readonly tenant: string;
  readonly take: (arrived: Arrived) => void;
};

export type Surface = {
  readonly name: string;
  readonly bases: readonly string[];
  readonly routes: OpenAPIHono<Env>;
  readonly sockets: readonly SocketRoute[];
  /** Where it refuses otherwise than by problem details: at these paths, those that lead nowhere included. */
  readonly refusing?: { readonly isAt: (path: string) => boolean; readonly answer: (error: unknown, c: Context<Env>) => Response };
  /** Its OpenAPI 3.1 document, generated from the routes. */
  readonly document: () => object;
};
