/** The warehouse through ClickHouse's own client: the embedded engine and a server take the same path. */
import { randomUUID } from "node:crypto";
import { Agent } from "node:http";
import { ClickHouseError, createClient } from "@clickhouse/client";
import { limits } from "../domain/limits.ts";
import type { Journal, Warehouse } from "../domain/ports.ts";
import { type ChdbOptions, ChdbProcess } from "./chdb/process.ts";
import { clusterAsking, clusterDamaged, clusterDdl, clusterDefining, clusterInserting } from "./clickhouse/cluster.ts";
import { connect, DEFINE_MS, GRACE_MS, log, prepare, SPEAKING } from "./clickhouse/connections.ts";
import { adapterErrorOf } from "./clickhouse/errors.ts";
import { type Place, placeOf } from "./clickhouse/place.ts";
import { json } from "./clickhouse/rows.ts";
import { type Dialect, type Door, PLAIN, type Statement, type Through, warehouseOver } from "./clickhouse/statements.ts";
import { tried } from "./clickhouse/tries.ts";
import { watched } from "./clickhouse/watch.ts";
import { turns } from "./turns.ts";

/** How long a statement waits for the embedded engine to come back before it is refused as `unavailable`. */
const RESTART_WAIT_MS = 3_000;
/** How long an insert is waited for before it is sent once more; then twice as long each time. */
const INSERT_MS = 8_000;
const WAREHOUSE = "The warehouse";

/** The engine in a process of its own, its data in `dir`. Throws AdapterError `in-use`, `unavailable`. */
export const openChdb = async (options: ChdbOptions): Promise<Warehouse & { readonly pid: () => number | undefined }> => {
  const engine = await ChdbProcess.start(options);
  // Keeping connections open spares nothing on a Unix socket, and one of a process that died would fail the next statement.
  const agent = new Agent({ keepAlive: false, ...({ socketPath: engine.socketPath } as object) });
  const client = (request_timeout: number) =>
    createClient({
      url: "http://localhost",
      http_agent: agent,
      request_timeout,
      json,
      log,
      compression: { request: false, response: false },
    });
  const { querySeconds = limits.querySeconds } = options;
  const asking = client(querySeconds * 1000 + GRACE_MS);
  const door: Door = { asking, inserting: asking, defining: client(DEFINE_MS) };
  const again = async <T>({ doing }: Statement, work: () => Promise<T>): Promise<T> => {
    // From the first refusal on: a statement may have run for long before its process died.
    let until: number | undefined;
    for (;;) {
      await engine.available(until === undefined ? RESTART_WAIT_MS : Math.max(0, until - performance.now()));
      try {
        return await work();
      } catch (cause) {
        const error = adapterErrorOf(cause, doing);
        if (error.code === "timeout" && doing === "ask" && !(cause instanceof ClickHouseError)) engine.kill("did not end a question");
        if (error.code === "unavailable") engine.killIfUnreachable();
        until ??= performance.now() + RESTART_WAIT_MS;
        // A question may be asked again, an insert bears its token; a definition may have happened: its caller decides.
        if (error.code !== "unavailable" || doing === "define" || performance.now() > until) throw error;
        // The refusal of a dead process comes before the news of its death.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  // The library answers bound questions one after another: so they stand in a line here, where it can be bounded and is fair to tenants.
  // Inserts and definitions have sessions of their own and pass it by.
  const inTurn = turns({ of: WAREHOUSE, atOnce: 1, line: { most: limits.waitingQuestions, waitMs: querySeconds * 1000 } });
  const through: Through = (statement, work) => {
    const sent = () => engine.watched(() => again(statement, () => work(door, {})));
    return statement.doing === "ask" ? inTurn(statement.tenant, sent) : sent();
  };
  const close = async (): Promise<void> => {
    await Promise.all([door.asking.close(), door.defining.close()]);
    await engine.close();
  };
  return { ...warehouseOver(through, close, querySeconds), pid: () => engine.pid };
};

const ddlOf = ({ cluster, database }: Place): Dialect["ddl"] =>
  cluster === undefined ? PLAIN.ddl : (statement) => clusterDdl(statement, { cluster: cluster.name, database });

const dialectOf = (place: Place, quorum: string): Dialect => {
  const { cluster, database } = place;
  /** A question nobody waits for any more ends. */
  const asking = { cancel_http_readonly_queries_on_client_close: 1 } as const;
  if (cluster === undefined) return { ...PLAIN, asking, defining: SPEAKING };
  return {
    inserting: clusterInserting(quorum),
    asking: { ...asking, ...clusterAsking(quorum) },
    defining: { ...SPEAKING, ...clusterDefining(quorum) },
    ddl: ddlOf(place),
    damaged: clusterDamaged({ cluster: cluster.name, database }),
  };
};

/** Statements take turns at the connections, so that none waits for one unseen; questions by tenant. One table of a cluster takes one insert at a time. */
const lines = (querySeconds: number, { cluster }: Place) => {
  const atOnce = limits.warehouseConnections;
  const asking = turns({ of: WAREHOUSE, atOnce, line: { most: limits.waitingQuestions, waitMs: querySeconds * 1000 } });
  const inserting = turns({ of: WAREHOUSE, atOnce });
  const tables = new Map<string, ReturnType<typeof turns>>();
  const ofTable = (table: string): ReturnType<typeof turns> => {
    const line = tables.get(table) ?? turns({ of: WAREHOUSE, atOnce: 1 });
    tables.set(table, line);
    return line;
  };
  return <T>(statement: Statement, work: () => Promise<T>): Promise<T> => {
    if (statement.doing === "ask") return asking(statement.tenant, work);
    if (statement.doing === "define") return work();
    return cluster === undefined ? inserting(undefined, work) : ofTable(statement.table)(undefined, () => inserting(undefined, work));
  };
};

export type ClickhouseOptions = {
  readonly url: string;
  readonly journal: Journal;
  /** Seconds a question may compute. */
  readonly querySeconds?: number;
};

/**
 * A server or a cluster: `http(s)://user:password@host:8123/database?cluster=name` (`tallywire` where no database is named; it is created).
 * Throws AdapterError `unavailable`, retryable where it is only not there yet, and `bad-query` for a URL or a server that cannot do.
 */
export const openClickhouse = async ({ url, journal, querySeconds = limits.querySeconds }: ClickhouseOptions): Promise<Warehouse> => {
  const place = placeOf(url);
  const database = ddlOf(place)(`CREATE DATABASE IF NOT EXISTS ${place.database}`);
  const { version, idleMs, quorum } = await tried({ doing: "define", repeatable: true }, () => prepare(place, database));
  const { host } = place.url;
  const cluster = place.cluster && { name: place.cluster.name, quorum };
  journal.info({ host, version, database: place.database, cluster, idleMs }, "the warehouse is a ClickHouse server");
  const door = connect(place, { idleMs, querySeconds });
  const inLine = lines(querySeconds, place);
  const lost = (doing: string) => () => journal.warn({ host, doing }, "a connection to the warehouse has gone silent: it is given up");
  const through: Through = (statement, work) =>
    inLine(statement, () =>
      tried(statement, (tries) => {
        const query_id = randomUUID();
        const limit = statement.doing === "insert" ? { mostMs: INSERT_MS * 2 ** (tries - 1) } : {};
        const watch = { isRunning: door.isRunning, lost: lost(statement.doing), ...limit };
        return watched(query_id, watch, (abort_signal) => work(door, { query_id, abort_signal }));
      }),
    );
  return warehouseOver(through, () => door.close(), querySeconds, dialectOf(place, quorum));
};
