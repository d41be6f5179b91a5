import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clusterAsking, clusterDamaged, clusterDdl, clusterDefining, clusterInserting } from "../../adapters/clickhouse/cluster.ts";
import { AdapterError, type Warehouse } from "../../domain/ports.ts";
import { projections } from "../../projections/index.ts";
import { BOOKS } from "../../projections/marks.ts";
import { makeBookkeeping } from "../../projections/open.ts";
import { KEPT } from "../../projections/projection.ts";
import { renew } from "../../projections/rebuild.ts";
import { embedded, tempDir } from "../support/warehouse.ts";

const place = { cluster: "main", database: "w" };
const made = (ddl: string): readonly string[] => clusterDdl(ddl, place);

/** What this work tells a warehouse: a fake one, which only listens. */
const told = async (work: (warehouse: Warehouse) => Promise<unknown>): Promise<readonly string[]> => {
  const all: string[] = [];
  await work({ define: async (ddl: readonly string[]) => void all.push(...ddl) } as unknown as Warehouse);
  return all;
};

/** Every definition the house makes, as it makes it. */
const OURS = [
  "CREATE DATABASE IF NOT EXISTS w",
  ...(await told(makeBookkeeping)),
  ...(await Promise.all(Object.entries(BOOKS).map(([name, ddl]) => told((warehouse) => renew(warehouse, name, ddl))))).flat(),
  ...(await Promise.all(projections.map(({ name, ddl }) => told((warehouse) => renew(warehouse, name, ddl))))).flat(),
  "ALTER TABLE frames DELETE WHERE partition = 3 AND epoch = 'e' AND position >= 7 SETTINGS mutations_sync = 2",
];

describe("our definitions in a cluster's words", () => {
  it("make a replicated table on each server and a Distributed one in front, by camera", () => {
    expect(
      made(
        "CREATE TABLE IF NOT EXISTS stays (\n  tenant String, camera String, at Int64\n) ENGINE = MergeTree PARTITION BY at ORDER BY (tenant, camera, at)",
      ),
    ).toEqual([
      "CREATE TABLE IF NOT EXISTS w.stays_local ON CLUSTER 'main' (\n  tenant String, camera String, at Int64\n) ENGINE = ReplicatedMergeTree PARTITION BY at ORDER BY (tenant, camera, at)",
      "CREATE OR REPLACE TABLE w.stays ON CLUSTER 'main' AS w.stays_local ENGINE = Distributed('main', 'w', 'stays_local', sipHash64(tenant, camera))",
    ]);
  });

  it("keep what an engine of its own folds, and shard a table without cameras by its own key", () => {
    expect(made("CREATE TABLE IF NOT EXISTS a (name String, turn Int64) ENGINE = ReplacingMergeTree(turn) ORDER BY name")).toEqual([
      "CREATE TABLE IF NOT EXISTS w.a_local ON CLUSTER 'main' (name String, turn Int64) ENGINE = ReplicatedReplacingMergeTree(turn) ORDER BY name",
      "CREATE OR REPLACE TABLE w.a ON CLUSTER 'main' AS w.a_local ENGINE = Distributed('main', 'w', 'a_local', sipHash64(name))",
    ]);
    expect(made("CREATE TABLE b (log String, partition UInt32) ENGINE = AggregatingMergeTree ORDER BY (log, partition)")[1]).toContain(
      "sipHash64(log, partition)",
    );
  });

  it("remember the tokens of inserts where a replicated engine looks for them", () => {
    const [local] = made(`CREATE TABLE t (n Int64) ENGINE = MergeTree ORDER BY n ${KEPT}`);
    expect(local).toMatch(
      /SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1/,
    );
    expect(local).not.toContain("non_replicated");
  });

  it("exchange, alter, empty and drop what stands on each server", () => {
    expect(made("EXCHANGE TABLES a AND a__next")).toEqual(["EXCHANGE TABLES w.a_local AND w.a__next_local ON CLUSTER 'main'"]);
    expect(made("ALTER TABLE a DELETE WHERE n = 3 SETTINGS mutations_sync = 2")).toEqual([
      "ALTER TABLE w.a_local ON CLUSTER 'main' DELETE WHERE n = 3 SETTINGS mutations_sync = 2",
    ]);
    expect(made("TRUNCATE TABLE a SYNC")).toEqual(["TRUNCATE TABLE w.a_local ON CLUSTER 'main' SYNC"]);
    expect(made("DROP TABLE IF EXISTS a__next SYNC")).toEqual([
      "DROP TABLE IF EXISTS w.a__next ON CLUSTER 'main' SYNC",
      "DROP TABLE IF EXISTS w.a__next_local ON CLUSTER 'main' SYNC",
    ]);
    expect(made("CREATE DATABASE IF NOT EXISTS w")).toEqual(["CREATE DATABASE IF NOT EXISTS w ON CLUSTER 'main'"]);
  });

  it("copy rows through the tables in front", () => {
    const copy = "INSERT INTO a__next (n, m)\nSELECT n, m FROM a WHERE n < 7";
    expect(made(copy)).toEqual([copy]);
  });

  it("refuse what nobody has said the meaning of, rather than do it on one server", () => {
    for (const ddl of [
      "RENAME TABLE a TO b",
      "OPTIMIZE TABLE a FINAL",
      "CREATE NOTHING",
      "SYSTEM STOP MERGES",
      "CREATE TABLE m (n Int64) ENGINE = Memory",
    ])
      expect(() => made(ddl), ddl).toThrow(AdapterError);
  });
});

describe("the real engine", () => {
  const { dir, remove } = tempDir();
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = (await embedded(dir)).warehouse;
  });
  afterAll(async () => {
    await warehouse.close();
    remove();
  });
  const refusal = async (ddl: string): Promise<string> =>
    warehouse.define([ddl]).then(
      () => "taken",
      (error: Error) => error.message,
    );

  it("parses every statement that is made of ours", async () => {
    for (const ddl of OURS.flatMap(made)) {
      const tree = await warehouse.select<{ explain: string }>(`EXPLAIN AST ${ddl}`, {});
      expect(tree.length, ddl).toBeGreaterThan(1);
    }
    await expect(warehouse.select("EXPLAIN AST DROP TABLE a OFF CLUSTER 'main'", {})).rejects.toMatchObject({
      code: "bad-query",
    });
  });

  it("finds no fault in the replicated tables but that it has no Keeper", async () => {
    const alone = (ddl: string, n: number): string =>
      ddl
        .replace(" ON CLUSTER 'main'", ` UUID '00000000-0000-4000-8000-${String(n).padStart(12, "0")}'`)
        .replace("w.", "")
        .replace(/ENGINE = (Replicated\w+)\((\w+)\)/, "ENGINE = $1('/t/{uuid}', 'r', $2)")
        .replace(/ENGINE = (Replicated\w+)(?!\w*\()/, "ENGINE = $1('/t/{uuid}', 'r')");
    const locals = OURS.flatMap(made).filter((ddl) => ddl.includes("ENGINE = Replicated"));
    expect(locals.length).toBeGreaterThan(projections.length);
    for (const [n, ddl] of locals.entries()) expect(await refusal(alone(ddl, n)), ddl).toMatch(/ZooKeeper/);
    const wrong = made("CREATE TABLE t (n Int64) ENGINE = ReplacingMergeTree(m) ORDER BY n SETTINGS nonsense = 1")[0] as string;
    expect(await refusal(alone(wrong, locals.length))).not.toMatch(/ZooKeeper/);
  });

  it("knows every setting that a cluster's statements bear", async () => {
    for (const settings of [clusterInserting("auto"), clusterAsking("auto"), clusterDefining("2")]) {
      const list = Object.entries(settings).map(([name, value]) => `${name} = ${typeof value === "number" ? value : `'${value}'`}`);
      expect(await warehouse.select(`SELECT 1 AS one SETTINGS ${list.join(", ")}`, {}), list.join()).toEqual([{ one: 1 }]);
    }
  });

  it("parses the look for lost parts", async () => {
    const tree = await warehouse.select(`EXPLAIN AST ${clusterDamaged(place)}`, {});
    expect(tree.length).toBeGreaterThan(10);
  });
});
