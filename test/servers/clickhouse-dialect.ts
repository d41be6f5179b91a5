/**
 * No ClickHouse server can be had here without Docker. This is the real engine (chDB) behind an HTTP front of our own on the loopback
 * interface, which does what a server does and the embedded engine does not: users, databases, kept connections, a version, a list of
 * what runs. It is no server: nothing it shows about replicas, Keeper or the native protocol is shown.
 *
 *   const server = await startClickhouseDialect({ users: { tally: "secret" } });
 *   server.url                                   // "http://tally:secret@127.0.0.1:PORT/tallywire"
 *   await server.away(); await server.back();    // refuses connections; again on the same port, with the same data
 *   await server.stop();
 */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChdbProcess } from "../../adapters/chdb/process.ts";
import {
  aloneInCluster,
  bodyOfRefusal,
  CLUSTERS,
  type Refusal,
  refusedUser,
  withoutReplicas,
  withProcesses,
} from "./clickhouse/dialect.ts";

const HOST = "127.0.0.1";
const DATABASE = "tallywire";

export type DialectOptions = {
  /** Name to password; `{ default: "" }` where nothing is said. */
  readonly users?: Readonly<Record<string, string>>;
  /** Seconds a connection is kept, as its answers say. */
  readonly keepAliveSeconds?: number;
  /** Instead of the engine's own. */
  readonly version?: string;
  /** Where users may not make databases. */
  readonly mayCreateDatabases?: boolean;
};

export type RunningDialect = {
  readonly url: string;
  readonly port: number;
  /** Statements that reached the engine, oldest first: the texts of questions and definitions, `INSERT <table> <token>` of inserts. */
  readonly heard: readonly string[];
  /** Connections that came since the start. */
  connections(): number;
  /** The next statement that begins like this is answered so, instead of being carried out. */
  refuseNext(begins: string, refusal: Refusal): void;
  away(): Promise<void>;
  back(): Promise<void>;
  /** Ends it for good and removes its data. */
  stop(): Promise<void>;
};

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, fatal: () => undefined };
const unmeasured = { count: () => undefined, set: () => undefined, observe: () => undefined };

export const startClickhouseDialect = async (options: DialectOptions = {}): Promise<RunningDialect> => {
  const { users = { default: "" }, keepAliveSeconds = 10, mayCreateDatabases = true } = options;
  const dir = mkdtempSync(join(tmpdir(), "tallywire-clickhouse-"));
  mkdirSync(join(dir, "engine.d"));
  writeFileSync(join(dir, "engine.d", "clusters.xml"), CLUSTERS);
  const engine = await ChdbProcess.start({ dir, journal: silent, meter: unmeasured });
  const running = new Set<string>();
  const heard: string[] = [];
  const refusals: { readonly begins: string; readonly refusal: Refusal }[] = [];
  let connections = 0;

  const refused = (text: string, url: URL, header: string | undefined): Refusal | undefined => {
    const stranger = refusedUser(header, users);
    if (stranger !== undefined) return stranger;
    const next = refusals.findIndex(({ begins }) => text.startsWith(begins));
    if (next >= 0) return refusals.splice(next, 1)[0]?.refusal;
    const database = url.searchParams.get("database") ?? "default";
    const unknown = { status: 404, code: 81, name: "UNKNOWN_DATABASE", text: `Database ${database} does not exist.` };
    if (database !== "default" && database !== DATABASE) return unknown;
    if (text.startsWith("CREATE DATABASE") && !mayCreateDatabases) {
      return {
        status: 403,
        code: 497,
        name: "ACCESS_DENIED",
        text: "Not enough privileges. To execute this query, it's necessary to have the grant CREATE DATABASE.",
      };
    }
    return undefined;
  };

  const answer = async (asked: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(asked.url ?? "/", "http://front");
    const id = url.searchParams.get("query_id") ?? "";
    running.add(id);
    try {
      const parts: Buffer[] = [];
      for await (const part of asked) parts.push(part as Buffer);
      const body = Buffer.concat(parts);
      const inAddress = url.searchParams.get("query");
      const text = inAddress ?? body.toString("utf8");
      const refusal = refused(text, url, asked.headers.authorization);
      if (refusal !== undefined) {
        response.writeHead(refusal.status, { "x-clickhouse-exception-code": String(refusal.code) }).end(bodyOfRefusal(refusal));
        return;
      }
      withoutReplicas(url.searchParams);
      const known =
        text.startsWith("SELECT version() AS version") && options.version !== undefined
          ? `SELECT '${options.version}' AS version FORMAT JSONEachRow`
          : text;
      const others = new Set([...running].filter((other) => other !== id));
      const forEngine = inAddress === null ? Buffer.from(aloneInCluster(withProcesses(known, others))) : body;
      const [, table] = /^INSERT INTO (\w+)/.exec(inAddress ?? "") ?? [];
      heard.push(table === undefined ? text : `INSERT ${table} ${url.searchParams.get("insert_deduplication_token")}`);
      const forwarded = request({ socketPath: engine.socketPath, path: `${url.pathname}${url.search}`, method: "POST", agent: false });
      forwarded.end(forEngine);
      const [given] = (await once(forwarded, "response")) as [IncomingMessage];
      const { "content-type": type = "text/plain", "x-clickhouse-exception-code": code } = given.headers;
      response.writeHead(given.statusCode ?? 500, {
        "content-type": type,
        "x-clickhouse-summary": "{}",
        ...(code === undefined ? {} : { "x-clickhouse-exception-code": code }),
      });
      for await (const part of given) response.write(part);
      response.end();
    } catch (error) {
      // Who asked has gone in the middle, or the engine has.
      response.destroy(error as Error);
    } finally {
      running.delete(id);
    }
  };

  const open = (): Server => {
    const server = createServer(
      { keepAliveTimeout: keepAliveSeconds * 1000, requestTimeout: 0, maxHeaderSize: 8 * 1024 * 1024 },
      (asked, response) => {
        void answer(asked, response);
      },
    );
    // Node keeps connections a second longer than it says; a ClickHouse server does not.
    server.keepAliveTimeoutBuffer = 0;
    server.on("connection", () => {
      connections += 1;
    });
    return server;
  };
  let server = open();
  const listen = async (port: number): Promise<number> => {
    server.listen(port, HOST);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const away = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  const [[user = "default", password = ""] = []] = Object.entries(users);
  const credentials = user === "default" && password === "" ? "" : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return {
    url: `http://${credentials}${HOST}:${port}/${DATABASE}`,
    port,
    heard,
    connections: () => connections,
    refuseNext: (begins, refusal) => void refusals.push({ begins, refusal }),
    away,
    back: async () => {
      server = open();
      await listen(port);
    },
    stop: async () => {
      await away();
      await engine.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
