/** A surface is a dialect: a presentation of one Core. No surface imports another or touches a port. */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { WebSocket } from "ws";
import type { Instant } from "../domain/envelope.ts";
import type { Access } from "./access.ts";
import type { Core } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import type { Live } from "./live.ts";

export const scopes = ["cameras:read", "cameras:write", "events:read", "frames:write", "playback:read", "ops"] as const;
export type Scope = (typeof scopes)[number];

/**
 * Who calls, and until when the token says so. `subject` is the token's, undefined where tokens are off or it names none.
 * `cameraLimit` and `features`: what the token lowers of what its tenant has.
 */
export type Caller = {
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly expiresAt: Instant | undefined;
  readonly cameraLimit: number | undefined;
  readonly features: readonly string[] | undefined;
};
export type NotKnown = { readonly unauthenticated: string };

/** Who a token says is calling. Given only where tokens are on. */
export interface Tokens {
  /** Of a token verified before, while it holds: costs a hash. */
  known(token: string): Caller | undefined;
  /** Throws AdapterError `unavailable` where the keys cannot be had. */
  verify(token: string): Promise<Caller | NotKnown>;
  /** Tells when a key is gone or new: what was verified before is to be verified again. */
  onKeysChanged(listener: () => void): void;
}

export type Env = { Bindings: Partial<HttpBindings>; Variables: { tenant: string } };

/** What every surface gets. */
export type House = {
  readonly core: Core;
  readonly cursors: Cursors;
  readonly live: Live;
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
  /** Its OpenAPI 3.1 document, generated from the routes. */
  readonly document: () => object;
};
