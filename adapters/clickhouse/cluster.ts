/**
 * Our definitions as a cluster's. The rest of the house knows one table `frames`. In a cluster that name is a Distributed table, and the
 * rows stand in `frames_local` on each server: replicated within a shard, divided among shards. Pure: text in, texts out.
 *
 *   CREATE TABLE IF NOT EXISTS frames (…) ENGINE = MergeTree …   the local table on every server, then the Distributed one in front
 *   DROP TABLE IF EXISTS frames__next SYNC                        both
 *   EXCHANGE TABLES frames AND frames__next                       the local ones; the next CREATE of `frames` puts the front in step
 *   ALTER, TRUNCATE TABLE frames …                                the local one
 *   INSERT INTO a SELECT … FROM b                                 as it is: both names are fronts
 *
 * - The front is made anew at every CREATE, in one step: its columns are those of the local table, also after an exchange.
 * - A camera's rows are on one shard; a table without cameras goes by its own key, so that rows that replace each other are together.
 *   No answer rests on either (questions look at all shards), only deduplication does: a batch sent again is divided as before.
 * - The replicated engines get no path and no name of the replica: these are the servers' own defaults (`default_replica_path`).
 */
import type { ClickHouseSettings } from "@clickhouse/client";
import { AdapterError } from "../../domain/ports.ts";

export type ClusterPlace = { readonly cluster: string; readonly database: string };

const LOCAL = "_local";

const CREATE_DATABASE = /^CREATE DATABASE IF NOT EXISTS (\w+)$/;
const CREATE = /^CREATE TABLE (IF NOT EXISTS )?(\w+) (\([\s\S]*\))\s+ENGINE = (\w*MergeTree)\b([\s\S]*)$/;
const DROP = /^DROP TABLE (IF EXISTS )?(\w+)( SYNC)?$/;
const EXCHANGE = /^EXCHANGE TABLES (\w+) AND (\w+)$/;
const ALTER = /^ALTER TABLE (\w+) ([\s\S]+)$/;
const TRUNCATE = /^TRUNCATE TABLE (\w+)( SYNC)?$/;
const INSERT = /^INSERT INTO \w+ [\s\S]*\bSELECT\b/;
const ORDER_BY = /\bORDER BY (?:\(([^()]+)\)|(\w+))/;
/** Only the engine that does not replicate keeps this window; the others' is bounded by time too, an hour where nothing is said. */
const WINDOW = /\bnon_replicated_deduplication_window = (\d+)/;
const WEEK_SECONDS = 604_800;

const shardingKey = (tail: string): string => {
  const found = ORDER_BY.exec(tail);
  const key = found?.[1] ?? found?.[2];
  if (key === undefined) throw new AdapterError("bad-query", "A table of a cluster needs ORDER BY columns.", { retryable: false });
  return `sipHash64(${/^tenant, camera\b/.test(key) ? "tenant, camera" : key})`;
};

/** Throws AdapterError `bad-query` for a statement whose meaning in a cluster nobody has said. */
export const clusterDdl = (statement: string, { cluster, database }: ClusterPlace): readonly string[] => {
  const ddl = statement.trim();
  const on = `ON CLUSTER '${cluster}'`;
  const front = (name: string): string => `${database}.${name}`;
  const local = (name: string): string => `${database}.${name}${LOCAL}`;
  const found = (pattern: RegExp): readonly (string | undefined)[] | undefined => pattern.exec(ddl)?.slice(1);

  const base = found(CREATE_DATABASE);
  if (base !== undefined) return [`CREATE DATABASE IF NOT EXISTS ${base[0]} ${on}`];

  const create = found(CREATE);
  if (create !== undefined) {
    const [unless = "", name = "", columns, engine, tail = ""] = create;
    const window = (_: string, blocks: string): string =>
      `replicated_deduplication_window = ${blocks}, replicated_deduplication_window_seconds = ${WEEK_SECONDS}`;
    return [
      `CREATE TABLE ${unless}${local(name)} ${on} ${columns} ENGINE = Replicated${engine}${tail.replace(WINDOW, window)}`,
      `CREATE OR REPLACE TABLE ${front(name)} ${on} AS ${local(name)} ENGINE = Distributed('${cluster}', '${database}', '${name}${LOCAL}', ${shardingKey(tail)})`,
    ];
  }
  const drop = found(DROP);
  if (drop !== undefined) {
    const [unless = "", name = "", sync = ""] = drop;
    return [front(name), local(name)].map((table) => `DROP TABLE ${unless}${table} ${on}${sync}`);
  }
  const exchange = found(EXCHANGE);
  if (exchange !== undefined) return [`EXCHANGE TABLES ${local(exchange[0] ?? "")} AND ${local(exchange[1] ?? "")} ${on}`];
  const alter = found(ALTER);
  if (alter !== undefined) return [`ALTER TABLE ${local(alter[0] ?? "")} ${on} ${alter[1]}`];
  const truncate = found(TRUNCATE);
  if (truncate !== undefined) return [`TRUNCATE TABLE ${local(truncate[0] ?? "")} ${on}${truncate[1] ?? ""}`];
  if (INSERT.test(ddl)) return [ddl];
  throw new AdapterError("bad-query", `What this statement means in a cluster was never said: ${ddl.slice(0, 100)}`, { retryable: false });
};

/**
 * Tables that lost a part on some server (torn, or taken out by hand) and did not get it back: a replica fetches a torn part from
 * another by itself, and then an active part covers its blocks. What else lies there was never part of the table, or is in it under
 * another name. Names are those of the fronts.
 */
export const clusterDamaged = ({ cluster, database }: ClusterPlace): string => `
SELECT DISTINCT replaceRegexpOne(table, '${LOCAL}$', '') AS table
FROM (
  SELECT hostName() AS host, table, partition_id, min_block_number AS least, max_block_number AS greatest
  FROM clusterAllReplicas('${cluster}', system, detached_parts)
  WHERE database = '${database}' AND (ifNull(reason, '') = '' OR startsWith(ifNull(reason, ''), 'broken'))
) AS torn
LEFT JOIN (
  SELECT hostName() AS host, table, partition_id, groupArray((min_block_number, max_block_number)) AS blocks
  FROM clusterAllReplicas('${cluster}', system, parts) WHERE database = '${database}' AND active
  GROUP BY host, table, partition_id
) AS whole ON torn.host = whole.host AND torn.table = whole.table AND torn.partition_id = whole.partition_id
WHERE NOT arrayExists(block -> tupleElement(block, 1) <= ifNull(torn.least, -1) AND tupleElement(block, 2) >= ifNull(torn.greatest, -1), whole.blocks)
  OR torn.least IS NULL
ORDER BY table`;

/**
 * What makes inserts and questions of one cluster agree. An insert is answered when every shard concerned has it, on a quorum of its
 * replicas and after the inserts before it; a question is answered by replicas that have all of these, or refused and asked again. One
 * table takes one insert at a time that way. All of us use the first replica that lives, so that a question seldom meets one that lags.
 * With a quorum of 1 it rests on that alone: right until a first replica dies, and again when it has caught up after its return.
 */
const isSequential = (quorum: string): boolean => quorum !== "1";
/** The client's types know fewer settings and values than the servers do. */
const settings = (named: Readonly<Record<string, string | number>>): ClickHouseSettings => named as ClickHouseSettings;
const FIRST_REPLICA = { load_balancing: "in_order", prefer_localhost_replica: 0 } as const;

const inserting = (quorum: string) => ({
  ...FIRST_REPLICA,
  distributed_foreground_insert: 1,
  ...(isSequential(quorum) ? { insert_quorum: quorum, insert_quorum_parallel: 0, insert_quorum_timeout: "30000" } : {}),
});
/**
 * Where a question looks at a second table for the rows of a first one it says GLOBAL, or a shard would see its own rows only; one that
 * does not say so is refused. A shard that cannot be asked is an error, never an empty answer.
 */
const asking = (quorum: string) => ({
  ...FIRST_REPLICA,
  distributed_product_mode: "deny",
  skip_unavailable_shards: 0,
  select_sequential_consistency: isSequential(quorum) ? 1 : 0,
});

export const clusterInserting = (quorum: string): ClickHouseSettings => settings(inserting(quorum));
export const clusterAsking = (quorum: string): ClickHouseSettings => settings(asking(quorum));
/** A server that is away does what it missed when it is back. */
export const clusterDefining = (quorum: string): ClickHouseSettings =>
  settings({ ...inserting(quorum), ...asking(quorum), distributed_ddl_output_mode: "throw_only_active" });
