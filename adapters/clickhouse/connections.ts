/** The connections to a ClickHouse server: found out about at the first one, then opened for each kind of statement. */
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { limits } from "../../domain/limits.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Place } from "./place.ts";
import { json } from "./rows.ts";
import type { Door } from "./statements.ts";

/** The oldest release whose SQL and settings ours are. */
const LEAST_VERSION: readonly [number, number] = [25, 8];
/** Definitions may copy a whole table. */
export const DEFINE_MS = 6 * 3_600_000;
/** Beyond its time to compute; an engine that has not stopped by then does not heed its limit. */
export const GRACE_MS = 30_000;
const LOOK_MS = 2_000;
/** An idle connection is let go so long before the server would: who writes to one that is just being closed is reset. */
const BEFORE_SERVER_MS = 1_000;
/** No quorum: an insert is answered by the one replica that took it. */
const ALONE = "1";
const FIRST_IDLE_MS = 1_000;
/** What a server that does not say keeps one for. */
const SILENT_SERVER_MS = 3_000;
/**
 * A definition that runs for hours says in the head of its answer that it still does, once a minute: what stands between forgets
 * connections on which nothing is said. The head grows by a line each time, so more of it is taken than Node would.
 */
export const SPEAKING = { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: "60000" } as const;
const HEAD_BYTES = 1024 * 1024;

/** The client would print every failure, with its parameters; ours come out as AdapterErrors. */
export const log = { level: ClickHouseLogLevel.OFF };

type Options = { readonly database: string; readonly idleMs: number; readonly request_timeout: number };

const client = ({ url, username, password }: Place, { database, idleMs, request_timeout }: Options): ClickHouseClient =>
  createClient({
    url,
    username,
    password,
    database,
    request_timeout,
    max_open_connections: limits.warehouseConnections,
    max_response_headers_size: HEAD_BYTES,
    keep_alive: { enabled: idleMs > 0, idle_socket_ttl: idleMs, eagerly_destroy_stale_sockets: true },
    json,
    log,
  });

const isRecent = (version: string): boolean => {
  const [year = 0, month = 0] = version.split(".").map(Number);
  return year > LEAST_VERSION[0] || (year === LEAST_VERSION[0] && month >= LEAST_VERSION[1]);
};

const first = async <R>(asked: ClickHouseClient, query: string, query_params: Readonly<Record<string, string>> = {}) => {
  const answer = await asked.query({ query, query_params, format: "JSONEachRow" });
  const rows = await answer.json<R>();
  return { rows, row: rows[0], headers: answer.response_headers };
};

const ACCESS_DENIED = 497;
/** Who may not make databases is content with one that is there. */
const ensureDatabase = async (asked: ClickHouseClient, { database }: Place, ddl: readonly string[]): Promise<void> => {
  try {
    for (const query of ddl) await asked.command({ query });
  } catch (cause) {
    if (!(cause instanceof ClickHouseError) || Number(cause.code) !== ACCESS_DENIED) throw cause;
    const { row } = await first(asked, "SELECT 1 FROM system.databases WHERE name = {database:String}", { database });
    if (row === undefined) throw cause;
  }
};

const refusal = (message: string): AdapterError => new AdapterError("bad-query", message, { retryable: false });

type Replica = { readonly shard_num: number; readonly replica_num: number; readonly internal_replication?: number };

/**
 * The quorum that inserts wait for. A majority of one would be waited for in vain: nobody else is there to say that it is reached.
 * Without internal replication each insert would be sent to every replica one by one, and one that was away would lack it.
 */
const quorumOf = async (asked: ClickHouseClient, { cluster }: Place): Promise<string> => {
  if (cluster === undefined) return ALONE;
  const { name, quorum } = cluster;
  const whose = name.startsWith("{") ? `getMacro('${name.slice(1, -1)}')` : "{name:String}";
  const query = `SELECT shard_num, replica_num, COLUMNS('^internal_replication$') FROM system.clusters WHERE cluster = ${whose}`;
  const { rows } = await first<Replica>(asked, query, { name });
  if (rows.length === 0) throw refusal(`The warehouse's server knows no cluster "${name}".`);
  if (rows.some(({ replica_num, internal_replication }) => replica_num > 1 && internal_replication === 0))
    throw refusal(`The cluster "${name}" has replicas without internal_replication in the servers' configuration; it must be true.`);
  const replicas = [...Map.groupBy(rows, ({ shard_num }) => shard_num).values()].map(({ length }) => length);
  if (Math.max(...replicas) === 1) return ALONE;
  if (quorum !== ALONE && Math.min(...replicas) === 1)
    throw refusal(`Some shards of the cluster "${name}" have one replica and others several: no quorum fits both. Ask for quorum=1.`);
  return quorum;
};

/** Tables of the one kind under names of the other: a Distributed table would take the place of the rows, or be taken for them. */
const ensureKind = async (asked: ClickHouseClient, { database, cluster }: Place): Promise<void> => {
  const isForeign = cluster === undefined ? "engine = 'Distributed'" : "engine LIKE '%MergeTree' AND NOT endsWith(name, '_local')";
  const query = `SELECT name FROM system.tables WHERE database = {database:String} AND ${isForeign} LIMIT 1`;
  const { row } = await first<{ name: string }>(asked, query, { database });
  if (row === undefined) return;
  const [has, asks] = cluster === undefined ? ["a cluster", "a server alone"] : ["a server alone", "a cluster"];
  throw refusal(
    `The database "${database}" holds tables of ${has} (${row.name}), and the warehouse's URL asks for ${asks}. Name another database.`,
  );
};

export type Found = {
  readonly version: string;
  /** 0: connections are not kept. */
  readonly idleMs: number;
  /** Of a cluster's inserts. */
  readonly quorum: string;
};

/** Looks who answers there, and makes the database by `ddl`. Throws what the client throws, and AdapterError `bad-query` for what cannot do. */
export const prepare = async (place: Place, ddl: readonly string[]): Promise<Found> => {
  // Told to close after the answer, a server would not say for how long it keeps a connection.
  const asked = client(place, { database: "default", idleMs: FIRST_IDLE_MS, request_timeout: limits.querySeconds * 1000 });
  try {
    const { row, headers } = await first<{ version: string }>(asked, "SELECT version() AS version");
    const version = row?.version ?? "";
    if (!isRecent(version)) {
      const named = version || "of no known version";
      throw refusal(`The warehouse is ClickHouse ${named}; it must be ${LEAST_VERSION.join(".")} or later.`);
    }
    const quorum = await quorumOf(asked, place);
    await ensureDatabase(asked, place, ddl);
    await ensureKind(asked, place);
    const said = /timeout=(\d+)/i.exec(String(headers["keep-alive"] ?? ""))?.[1];
    const keptMs = said === undefined ? SILENT_SERVER_MS : Number(said) * 1000;
    return { version, quorum, idleMs: Math.max(0, keptMs - BEFORE_SERVER_MS) };
  } finally {
    await asked.close();
  }
};

export type Connections = Door & {
  /** Whether the server, or a server of the cluster, is at this statement; undefined where it cannot be asked. */
  isRunning(id: string): Promise<boolean | undefined>;
  close(): Promise<void>;
};

export const connect = (
  place: Place,
  { idleMs, querySeconds }: { readonly idleMs: number; readonly querySeconds: number },
): Connections => {
  const { database, cluster } = place;
  const answerMs = querySeconds * 1000 + GRACE_MS;
  const asking = client(place, { database, idleMs, request_timeout: answerMs });
  const inserting = client(place, { database, idleMs, request_timeout: answerMs });
  const defining = client(place, { database, idleMs, request_timeout: DEFINE_MS });
  /** Its connections are never kept: one that is new cannot be dead. */
  const looking = client(place, { database: "default", idleMs: 0, request_timeout: LOOK_MS });
  const processes = cluster === undefined ? "system.processes" : `clusterAllReplicas('${cluster.name}', system, processes)`;
  return {
    asking,
    inserting,
    defining,
    async isRunning(id) {
      try {
        const answer = await looking.query({
          query: `SELECT count() AS n FROM ${processes} WHERE query_id = {id:String}`,
          query_params: { id },
          format: "JSONEachRow",
          clickhouse_settings: { output_format_json_quote_64bit_integers: 0, skip_unavailable_shards: 1 },
        });
        const [row] = await answer.json<{ n: number }>();
        return (row?.n ?? 0) > 0;
      } catch {
        return undefined; // It cannot be asked just now; whoever waits goes on waiting, and asks again.
      }
    },
    async close() {
      await Promise.all([asking.close(), inserting.close(), defining.close(), looking.close()]);
    },
  };
};
