/** The port's statements as the client's: the same text and the same settings for the embedded engine, a server and a cluster. */
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { limits } from "../../domain/limits.ts";
import type { Param, Row, Warehouse } from "../../domain/ports.ts";
import { linesOf } from "./rows.ts";

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

/** One client for each kind, so that none waits for another's connections. */
export type Door = { readonly asking: ClickHouseClient; readonly inserting: ClickHouseClient; readonly defining: ClickHouseClient };
export type Statement =
  /** `tenant`: whose question it is; undefined for the keeping of books. */
  | { readonly doing: "ask"; readonly tenant: string | undefined }
  | { readonly doing: "insert"; readonly table: string }
  /** `repeatable`: twice is as good as once. */
  | { readonly doing: "define"; readonly repeatable: boolean };
/** How a statement can be recognised at the server, and given up here. */
export type Sent = { readonly query_id?: string; readonly abort_signal?: AbortSignal };
/** Brings a statement through: tries again where it may, gives errors their names. */
export type Through = <T>(statement: Statement, work: (door: Door, sent: Sent) => Promise<T>) => Promise<T>;

export type Dialect = {
  readonly inserting: ClickHouseSettings;
  readonly asking: ClickHouseSettings;
  readonly defining: ClickHouseSettings;
  /** One of our definitions in the words it is sent in. */
  readonly ddl: (statement: string) => readonly string[];
  readonly damaged: string;
};

export const PLAIN: Dialect = {
  inserting: {},
  asking: {},
  defining: {},
  ddl: (statement) => [statement],
  damaged: "SELECT DISTINCT table FROM system.detached_parts WHERE database = currentDatabase() ORDER BY table",
};

const REPEATABLE = /^(CREATE (TABLE|DATABASE) IF NOT EXISTS|CREATE OR REPLACE|DROP (TABLE|DATABASE) IF EXISTS|TRUNCATE)\b/;

/** A question of a tenant bears it, always under this name. */
const tenantOf = ({ tenant }: Readonly<Record<string, Param>>): string | undefined => (typeof tenant === "string" ? tenant : undefined);

export const warehouseOver = (
  through: Through,
  close: () => Promise<void>,
  querySeconds: number = limits.querySeconds,
  dialect: Dialect = PLAIN,
): Warehouse => {
  const settings = { ...ASKING, max_execution_time: querySeconds, ...dialect.asking };
  const select = <R>(query: string, query_params: Readonly<Record<string, Param>>): Promise<readonly R[]> =>
    through({ doing: "ask", tenant: tenantOf(query_params) }, async ({ asking }, sent) => {
      const answer = await asking.query({ query, query_params, format: "JSONEachRow", clickhouse_settings: settings, ...sent });
      const giveUp = (): void => answer.close();
      sent.abort_signal?.addEventListener("abort", giveUp, { once: true });
      try {
        return await answer.json<R>();
      } finally {
        sent.abort_signal?.removeEventListener("abort", giveUp);
      }
    });
  return {
    select,
    async define(ddl) {
      for (const query of ddl.flatMap(dialect.ddl)) {
        const repeatable = REPEATABLE.test(query);
        await through({ doing: "define", repeatable }, ({ defining }, sent) =>
          defining.command({ query, clickhouse_settings: dialect.defining, ...sent }),
        );
      }
    },
    async insert(table: string, rows: readonly Row[], token: string) {
      if (rows.length === 0) return;
      const clickhouse_settings = { ...INSERTING, ...dialect.inserting, insert_deduplication_token: token };
      const values = await linesOf(rows);
      await through({ doing: "insert", table }, ({ inserting }, sent) =>
        inserting.insert({ table, values, format: "JSONEachRow", clickhouse_settings, ...sent }),
      );
    },
    async damaged() {
      const rows = await select<{ table: string }>(dialect.damaged, {});
      return rows.map(({ table }) => table);
    },
    close,
  };
};
