import type { HttpBindings } from "@hono/node-server";

/** What hono knows of a request beside itself: Node's own, where there is a server. */
export type Env = { Bindings: Partial<HttpBindings> };
