/** Upgrades: path, token, limits; pings. One `ws` server for all surfaces, which gets a socket once it is admitted. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Access, admit, askedByUpgrade, tokenShown } from "./access.ts";
import { answerHeaders, calledByLoopback, mayOpenSocket } from "./browsers.ts";
import { endSocket } from "./connection.ts";
import type { Core } from "./core.ts";
import { OpenSockets } from "./open-sockets.ts";
import { nothingAt, Problem, problemBody, problemOf, unavailable } from "./problem.ts";
import type { SocketRoute } from "./surface.ts";

/** Pings are spread over so many turns, lest ten thousand go out at once. */
const TURNS = 25;

export type Sockets = { attach(server: Server): void; close(waitMs: number): Promise<void> };

/** `origins`: whose pages may open sockets, beside our own. `loopbackOnly`: we are called by loopback's names only. */
export type SocketOptions = { readonly origins: readonly string[]; readonly loopbackOnly: boolean };

export const createSockets = (core: Core, routes: readonly SocketRoute[], access: Access, options: SocketOptions): Sockets => {
  const byPath = new Map(routes.flatMap((route) => route.paths.map((path) => [path, route] as const)));
  const protocols = new Set(routes.flatMap((route) => route.protocols));
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: core.limits.socketMessageBytes,
    handleProtocols: (offered) => [...offered].find((protocol) => protocols.has(protocol)) ?? false,
  });
  const open = new OpenSockets(core, access.tokens);
  const answered = new WeakSet<WebSocket>();
  const turns = Array.from({ length: TURNS }, () => new Set<WebSocket>());
  let turn = 0;
  let closing = false;
  const pinging = setInterval(() => {
    turn = (turn + 1) % TURNS;
    for (const socket of turns[turn] ?? []) {
      if (!answered.delete(socket)) socket.terminate();
      else {
        socket.ping();
        socket.emit("heartbeat");
      }
    }
  }, core.limits.pingMs / TURNS);
  pinging.unref();

  const keep = (socket: WebSocket): void => {
    const mine = turns[(turn + TURNS - 1) % TURNS];
    mine?.add(socket);
    answered.add(socket);
    socket.on("pong", () => answered.add(socket));
    socket.on("message", () => answered.add(socket));
    // A broken connection or a message that is too large: `ws` closes it by itself; there is nobody to tell.
    socket.on("error", (error) => core.journal.debug({ err: error }, "a socket failed"));
    socket.on("close", () => mine?.delete(socket));
  };

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const url = URL.parse(request.url ?? "/", "http://socket");
    if (url === null) throw new Problem(400, "This is no address.");
    const route = byPath.get(url.pathname);
    if (route === undefined) throw nothingAt(url.pathname);
    const { host, origin } = request.headers;
    if (options.loopbackOnly) calledByLoopback(host);
    mayOpenSocket(origin, host, options.origins);
    const asked = askedByUpgrade(request, url.searchParams);
    const caller = await admit(access, asked, route.scope, route.tenant);
    // From here to the socket nothing is waited for, so that none slips in between.
    if (server.clients.size >= core.limits.sockets) throw unavailable(`No more than ${core.limits.sockets} sockets.`);
    if (closing) throw unavailable("The server is stopping.");
    open.roomFor(caller);
    server.handleUpgrade(request, socket, head, (accepted) => {
      keep(accepted);
      open.add(accepted, caller, tokenShown(asked));
      route.take({ socket: accepted, request, query: url.searchParams, caller });
    });
  };

  return {
    attach: (http) => {
      http.on("clientError", (error: NodeJS.ErrnoException, socket) => {
        if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
        else refuse(socket, unreadable(error.code));
      });
      http.on("upgrade", (request, socket, head) => {
        const broken = () => socket.destroy();
        socket.on("error", broken);
        upgrade(request, socket, head).then(
          () => socket.off("error", broken),
          (error: unknown) => refuse(socket, problemOf({ core }, error, "an upgrade")),
        );
      });
    },
    close: async (waitMs) => {
      closing = true;
      clearInterval(pinging);
      open.close();
      for (const socket of server.clients) endSocket(socket, 1001, "The server is stopping.");
      const until = Date.now() + waitMs;
      while (server.clients.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
};

/** What Node could not read as a request, by its code. */
const unreadable = (code: string | undefined): Problem => {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new Problem(408, "The request did not come in time.");
  if (code === "HPE_HEADER_OVERFLOW") return new Problem(431, "The head of the request is too large.");
  return new Problem(400, "This is no HTTP request.");
};

const refuse = (socket: Duplex, problem: Problem): void => {
  const body = JSON.stringify(problemBody(problem));
  const headers = {
    ...answerHeaders,
    ...problem.headers,
    connection: "close",
    "content-type": "application/problem+json",
    "content-length": String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${problem.status} ${problemBody(problem).title}\r\n${lines.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
};
