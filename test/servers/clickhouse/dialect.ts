/** What the front does to a request before the engine gets it: what a server of its own would know and the embedded engine does not. */

export type Refusal = { readonly status: number; readonly code: number; readonly name: string; readonly text: string };

/** As a server says it, with the number in the head of the answer. */
export const bodyOfRefusal = ({ code, name, text }: Refusal): string =>
  `Code: ${code}. DB::Exception: ${text} (${name}) (version 26.7.2.1)`;

type Users = Readonly<Record<string, string>>;

/** Undefined for who may come in. */
export const refusedUser = (header: string | undefined, users: Users): Refusal | undefined => {
  const [, encoded = ""] = /^Basic (\S+)$/.exec(header ?? "") ?? [];
  const [user = "", ...rest] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  if (Object.hasOwn(users, user) && users[user] === rest.join(":")) return undefined;
  const text = `${user}: Authentication failed: password is incorrect, or there is no user with such name.`;
  return { status: 403, code: 516, name: "AUTHENTICATION_FAILED", text };
};

const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;

/** The statements under way are known to the front alone. */
export const withProcesses = (text: string, running: ReadonlySet<string>): string =>
  text.replace(
    /clusterAllReplicas\('\w+', system, processes\)|system\.processes/,
    `(SELECT arrayJoin(CAST([${[...running].map(quoted).join(", ")}], 'Array(String)')) AS query_id)`,
  );

/**
 * A cluster's definitions for one engine: nobody else is to be told, and nothing is replicated, since there is no Keeper. What stays is
 * the Distributed table in front, which the engine asks and fills as it would on any server.
 */
export const aloneInCluster = (text: string): string =>
  text
    .replace(/ ON CLUSTER '[^']+'/g, "")
    .replace(/\bENGINE = Replicated(\w*MergeTree)/g, "ENGINE = $1")
    .replace(
      /\breplicated_deduplication_window = (\d+), replicated_deduplication_window_seconds = \d+/g,
      "non_replicated_deduplication_window = $1",
    );

/** Settings that speak of replicas, or would have the engine call itself over a port it does not have. */
const NOT_HERE = ["prefer_localhost_replica", "insert_quorum", "insert_quorum_parallel", "insert_quorum_timeout"];
export const withoutReplicas = (params: URLSearchParams): void => {
  for (const name of NOT_HERE) params.delete(name);
};

/**
 * One server that is a cluster of one shard (`alone`), and one that is two shards with the same rows (`twice`); `careless` has replicas
 * nobody told of each other, `pair` has, and `uneven` has a shard with one and a shard with two.
 */
export const CLUSTERS = (() => {
  const replica = "<replica><host>127.0.0.1</host><port>9000</port></replica>";
  const shard = `<shard><internal_replication>true</internal_replication>${replica}</shard>`;
  const clusters = `<alone>${shard}</alone><twice>${shard}${shard}</twice><careless><shard>${replica}${replica}</shard></careless>`;
  const two = `<shard><internal_replication>true</internal_replication>${replica}${replica}</shard>`;
  const others = `<pair>${two}</pair><uneven>${shard}${two}</uneven>`;
  const macros = "<macros><house>alone</house></macros>";
  return `<clickhouse><tcp_port>9000</tcp_port>${macros}<remote_servers>${clusters}${others}</remote_servers></clickhouse>`;
})();
