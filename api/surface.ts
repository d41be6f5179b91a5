/** A surface is a dialect: a presentation of one Core. No surface imports another or touches a port. */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { WebSocket } from "ws";
import type { Instant } from "../domain/envelope.ts";
import type { Core } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import type { Live } from "./live.ts";

export type Scope = "cameras:read" | "cameras:write" | "events:read" | "frames:write" | "playback:read" | "ops";

/** Who calls, and until when the token says so. */
export type Caller = { readonly tenant: string; readonly scopes: ReadonlySet<string>; readonly expiresAt: Instant | undefined };
export type NotKnown = { readonly unauthenticated: string };

/** Reads `Authorization` or `?token=`. Given only where tokens are on. */
export type Authenticate = (asked: {
  readonly authorization: string | undefined;
  readonly token: string | undefined;
}) => Promise<Caller | NotKnown>;

export type Env = { Bindings: Partial<HttpBindings>; Variables: { tenant: string } };

/** What every surface gets. */
export type House = {
  readonly core: Core;
  readonly cursors: Cursors;
  readonly live: Live;
  readonly authenticate: Authenticate | undefined;
};

/** A socket that was taken in at a path. `caller` is undefined where tokens are off. */
export type Arrived = {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly caller: Caller | undefined;
};

export type SocketRoute = {
  readonly paths: readonly string[];
  /** Subprotocols that are understood, the preferred first. */
  readonly protocols: readonly string[];
  readonly scope: Scope;
  readonly take: (arrived: Arrived) => void;
};

export type Surface = {
  readonly name: string;
  readonly bases: readonly string[];
  readonly routes: OpenAPIHono<Env>;
  readonly sockets: readonly SocketRoute[];
  /** Its OpenAPI 3.1 document, generated from the routes. */
  readonly document: () => object;
};
