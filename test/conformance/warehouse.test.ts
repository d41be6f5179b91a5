import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openClickhouse } from "../../adapters/warehouse-clickhouse.ts";
import { AdapterError, type Warehouse } from "../../domain/ports.ts";
import { embedded, noted, tempDir } from "../support/warehouse.ts";
import { warehouseSuite } from "./warehouse.suite.ts";

type Engine = Awaited<ReturnType<typeof embedded>>["warehouse"];
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(what()).toBe(true);
};

describe("the embedded warehouse", () => {
  const { dir, remove } = tempDir();
  const note = noted();
  let warehouse: Engine;
  beforeAll(async () => {
    warehouse = (await embedded(dir, note)).warehouse;
  });
  afterAll(async () => {
    await warehouse.close();
    remove();
  });
  warehouseSuite(() => warehouse);

  it("is started again when its process is killed; questions and inserts wait for it, and nothing is lost", async () => {
    await warehouse.define([
      "CREATE TABLE survivors (n Int64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100",
    ]);
    const before = note.counted.get("tallywire_warehouse_restarts_total") ?? 0;
    for (let n = 0; n < 5; n++) {
      const inserted = warehouse.insert("survivors", [{ n }], `n ${n}`);
      if (n % 2 === 1) process.kill(warehouse.pid() as number, "SIGKILL");
      await inserted;
    }
    expect(await warehouse.select("SELECT n FROM survivors ORDER BY n", {})).toEqual([0, 1, 2, 3, 4].map((n) => ({ n })));
    expect((note.counted.get("tallywire_warehouse_restarts_total") ?? 0) - before).toBe(2);
    expect(note.lines.filter((line) => line.includes("SIGKILL"))).toHaveLength(2);
  });

  it("lets nobody else open its folder", async () => {
    const error = await embedded(dir).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(AdapterError);
    expect((error as AdapterError).code).toBe("in-use");
  });

  it("stops a question that takes more memory than it has, and goes on", async () => {
    const greedy = warehouse.select("SELECT length(groupArray(number)) FROM numbers({n:UInt64})", { n: 2_000_000_000 });
    await expect(greedy).rejects.toMatchObject({ code: "too-large", retryable: false });
    expect(await warehouse.select("SELECT 1 AS one", {})).toEqual([{ one: 1 }]);
  });
});

describe("the embedded warehouse's process", () => {
  it("ends with its owner, however that ends, and leaves what was answered", async () => {
    const { dir, remove } = tempDir();
    const owner = spawn(process.execPath, [fileURLToPath(new URL("../support/warehouse-owner.ts", import.meta.url)), dir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(owner.stdout, "data")) as [Buffer];
    const engine = Number(said.toString());
    expect(isAlive(engine)).toBe(true);
    owner.kill("SIGKILL");
    await until(() => !isAlive(engine));
    const { warehouse } = await embedded(dir);
    expect(await warehouse.select("SELECT n FROM kept", {})).toEqual([{ n: 1 }]);
    await warehouse.close();
    remove();
  });

  it("is closed for good: a question afterwards is refused and starts nothing", async () => {
    const { dir, remove } = tempDir();
    const { warehouse } = await embedded(dir);
    const pid = warehouse.pid() as number;
    await warehouse.close();
    await warehouse.close();
    expect(isAlive(pid)).toBe(false);
    await expect(warehouse.select("SELECT 1", {})).rejects.toMatchObject({ code: "closed" });
    remove();
  });
});

// The same code path against a server, where one is at hand: CLICKHOUSE_URL=http://user:password@host:8123/tallywire_test
const server = process.env.CLICKHOUSE_URL;
describe.skipIf(server === undefined)("a ClickHouse server", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openClickhouse({ url: server as string, ...noted() });
  });
  afterAll(() => warehouse.close());
  warehouseSuite(() => warehouse);
});

it("a server that is not there is unavailable, and may be there later", async () => {
  const opening = openClickhouse({ url: "http://127.0.0.1:9", ...noted() });
  await expect(opening).rejects.toMatchObject({ code: "unavailable", retryable: true });
});
