/** The warehouse through ClickHouse's own client: the embedded engine and a server take the same path. */
import { Agent } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { limits } from "../domain/limits.ts";
import { AdapterError, type Journal, type Param, type Row, type Warehouse } from "../domain/ports.ts";
import { type ChdbOptions, ChdbProcess } from "./chdb-process.ts";
import { adapterErrorOf } from "./clickhouse-errors.ts";
import { turns } from "./turns.ts";

const DATABASE = "tallywire";
/** How long a statement waits for the embedded engine to come back before it is refused as `unavailable`. */
const RESTART_WAIT_MS = 3_000;
/** Definitions may copy a whole table. */
const DEFINE_MS = 6 * 3_600_000;
/** Beyond its time to compute; an engine that has not stopped by then does not heed its limit. */
const GRACE_MS = 30_000;
const ANSWER_MS = limits.querySeconds * 1000 + GRACE_MS;

/** `async_insert` would gather inserts by the clock and lose the token's meaning; floats must come back with the same bits. */
const INSERTING = {
  async_insert: 0,
  precise_float_parsing: 1,
  input_format_null_as_default: 1,
  throw_on_max_partitions_per_insert_block: 0,
} as const;
const ASKING = {
  wait_end_of_query: 1,
  output_format_json_quote_64bit_integers: 0,
} as const;

/** A row that is text already. */
class Line {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A lone surrogate is no text to ClickHouse, which would refuse the whole batch: it becomes U+FFFD. */
const stringify = (value: unknown): string => {
  if (value instanceof Line) return value.text;
  const text = JSON.stringify(value);
  if (!text.includes("\\ud")) return text;
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "string" ? part.toWellFormed() : part));
};

/** Rows turned to text between two turns of the loop: a millisecond or two. */
const ROWS_A_TURN = 64;

/** A batch of frames is megabytes of text: made in one go it would keep senders and sockets waiting meanwhile. */
const linesOf = async (rows: readonly Row[]): Promise<readonly Line[]> => {
  const lines: Line[] = [];
  for (const row of rows) {
    lines.push(new Line(stringify(row)));
    if (lines.length % ROWS_A_TURN === 0) await turn();
  }
  return lines;
};

/** The client would print every failure, with its parameters; ours come out as AdapterErrors. */
const log = { level: ClickHouseLogLevel.OFF };
const json = { stringify, parse: <T>(text: string): T => JSON.parse(text) as T };

type Door = { readonly asking: ClickHouseClient; readonly defining: ClickHouseClient };
type Doing = Parameters<typeof adapterErrorOf>[1];
/** Brings a statement through: waits for the engine where it can be away, gives errors their names. */
type Through = <T>(doing: Doing, work: (door: Door) => Promise<T>) => Promise<T>;

const warehouseOver = (through: Through, close: () => Promise<void>, querySeconds: number = limits.querySeconds): Warehouse => {
  const settings = { ...ASKING, max_execution_time: querySeconds };
  const select = <R>(query: string, query_params: Readonly<Record<string, Param>>): Promise<readonly R[]> =>
    through("ask", async ({ asking }) => {
      const answer = await asking.query({ query, query_params, format: "JSONEachRow", clickhouse_settings: settings });
      return answer.json<R>();
    });
  return {
    select,
    async define(ddl) {
      for (const query of ddl) await through("define", ({ defining }) => defining.command({ query }));
    },
    async insert(table: string, rows: readonly Row[], token: string) {
      if (rows.length === 0) return;
      const clickhouse_settings = { ...INSERTING, insert_deduplication_token: token };
      const values = await linesOf(rows);
      await through("insert", ({ asking }) => asking.insert({ table, values, format: "JSONEachRow", clickhouse_settings }));
    },
    async damaged() {
      const rows = await select<{ table: string }>(
        "SELECT DISTINCT table FROM system.detached_parts WHERE database = currentDatabase() ORDER BY table",
        {},
      );
      return rows.map(({ table }) => table);
    },
    close,
  };
};

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
  const door: Door = { asking: client(querySeconds * 1000 + GRACE_MS), defining: client(DEFINE_MS) };
  const tried = async <T>(doing: Doing, work: (door: Door) => Promise<T>): Promise<T> => {
    // From the first refusal on: a statement may have run for long before its process died.
    let until: number | undefined;
    for (;;) {
      await engine.available(until === undefined ? RESTART_WAIT_MS : Math.max(0, until - performance.now()));
      try {
        return await work(door);
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
  // The library answers bound questions one after another: so they stand in a line here, where it can be bounded.
  // Inserts and definitions have sessions of their own and pass it by.
  const inTurn = turns({ most: limits.waitingQuestions, waitMs: querySeconds * 1000 });
  const through: Through = (doing, work) => {
    const statement = () => engine.watched(() => tried(doing, work));
    return doing === "ask" ? inTurn(statement) : statement();
  };
  const close = async (): Promise<void> => {
    await Promise.all([door.asking.close(), door.defining.close()]);
    await engine.close();
  };
  return { ...warehouseOver(through, close, querySeconds), pid: () => engine.pid };
};

export type ClickhouseOptions = { readonly url: string; readonly journal: Journal };

/** A server: `http://user:password@host:8123/database` (`tallywire` where none is named; it is created). */
export const openClickhouse = async ({ url, journal }: ClickhouseOptions): Promise<Warehouse> => {
  const place = new URL(url);
  const database = decodeURIComponent(place.pathname.slice(1)) || DATABASE;
  if (!/^\w+$/.test(database)) throw new AdapterError("bad-query", `"${database}" is no name of a database.`, { retryable: false });
  place.pathname = "";
  const client = (name: string, request_timeout: number) => createClient({ url: place, database: name, request_timeout, json, log });
  const first = client("default", ANSWER_MS);
  try {
    await first.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
  } catch (cause) {
    throw adapterErrorOf(cause, "define");
  } finally {
    await first.close();
  }
  journal.info({ host: place.host, database }, "the warehouse is a ClickHouse server");
  const door: Door = { asking: client(database, ANSWER_MS), defining: client(database, DEFINE_MS) };
  const through: Through = async (doing, work) => {
    try {
      return await work(door);
    } catch (cause) {
      throw adapterErrorOf(cause, doing);
    }
  };
  return warehouseOver(through, async () => {
    await Promise.all([door.asking.close(), door.defining.close()]);
  });
};
