import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clusterDdl } from "../../adapters/clickhouse/cluster.ts";
import { limits } from "../../domain/limits.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { makeBookkeeping } from "../../projections/open.ts";
import { RESULTING, readResults, writeResults } from "../../projections/results.ts";
import { embedded, tempDir } from "../support/warehouse.ts";

const NOW = Date.now();

describe("rows of a job's result", () => {
  const { dir, remove } = tempDir();
  let warehouse: Warehouse;
  beforeAll(async () => {
    ({ warehouse } = await embedded(dir));
    // As at every start.
    for (let start = 0; start < 2; start++) await makeBookkeeping(warehouse);
  });
  afterAll(async () => {
    await warehouse.close();
    remove();
  });
  const write = (
    of: { readonly tenant: string; readonly job: string },
    turn: number,
    number: number,
    rows: Parameters<typeof writeResults>[3],
    at = NOW,
  ) => writeResults(warehouse, { ...of, turn, at }, number, rows);
  const read = (of: { readonly tenant: string; readonly job: string }, from = 0, to = 1000) => readResults(warehouse, of, from, to);
  const aJob = (tenant = "t1") => ({ tenant, job: randomUUID() });

  it("are read in their order, whatever they hold, and page by page", async () => {
    const of = aJob();
    const rows = [{ text: "ü 'quoted' \\ \n", n: 0.1 }, [1, [2]], "text", null, true, 9_007_199_254_740_991];
    await write(of, 1, 0, rows.slice(0, 2));
    await write(of, 2, 2, rows.slice(2));
    expect(await read(of)).toEqual(rows);
    expect(await read(of, 1, 3)).toEqual(rows.slice(1, 3));
    expect(await read(of, 6, 9)).toEqual([]);
  });

  it("are written once, however often they are sent", async () => {
    const of = aJob();
    for (let sent = 0; sent < 3; sent++) await write(of, 1, 0, [1, 2]);
    expect(await read(of)).toEqual([1, 2]);
    const [row] = await warehouse.select<{ n: number }>("SELECT count() AS n FROM job_rows WHERE job = {job:String}", { job: of.job });
    expect(row?.n).toBe(2);
  });

  it("replace those of the same number: what a later run writes is what counts", async () => {
    const of = aJob();
    await write(of, 2 ** 28, 0, ["a", "b", "c"]);
    await write(of, 2 * 2 ** 28, 1, ["B"]);
    // A run that was replaced and does not know.
    await write(of, 2 ** 28 + 1, 0, ["late a", "late b"]);
    expect(await read(of)).toEqual(["late a", "B", "c"]);
  });

  it("are of one tenant and one job", async () => {
    const of = aJob();
    const other = { ...of, tenant: "t2" };
    await write(of, 1, 0, ["mine"]);
    await write(other, 1, 0, ["theirs"]);
    expect([await read(of), await read(other), await read(aJob())]).toEqual([["mine"], ["theirs"], []]);
  });

  it("go when their time is over", async () => {
    const of = aJob();
    await write(of, 1, 0, ["old"], NOW - limits.jobRowsKeptMs - 60_000);
    await write(of, 2, 1, ["new"]);
    await warehouse.define(["OPTIMIZE TABLE job_rows FINAL"]);
    expect(await read(of)).toEqual(["new"]);
  });

  it("have a table that a cluster understands, too", () => {
    const [local, front] = RESULTING.flatMap((ddl) => clusterDdl(ddl, { cluster: "c", database: "d" }));
    expect(local).toMatch(
      /^CREATE TABLE IF NOT EXISTS d\.job_rows_local ON CLUSTER 'c' .*ENGINE = ReplicatedReplacingMergeTree\(turn\) ORDER BY .* TTL /s,
    );
    expect(front).toContain("sipHash64(tenant, job, number)");
  });
});
