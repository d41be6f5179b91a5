/**
 * The warehouse on a server: the real engine behind our HTTP front, as a server alone and as a cluster of one shard; and a real server or
 * cluster where CLICKHOUSE_URL says one: http://user:password@host:8123/tallywire_test[?cluster=name]. There its tables are dropped.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openClickhouse } from "../../adapters/warehouse-clickhouse.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { projections } from "../../projections/index.ts";
import { type RunningDialect, startClickhouseDialect } from "../servers/clickhouse-dialect.ts";
import { clickhouseForTests } from "../servers/for-tests.ts";
import type { Stored } from "../support/visits.ts";
import { noted } from "../support/warehouse.ts";
import { projectorSuite } from "./projector.suite.ts";
import { questionsSuite } from "./questions.suite.ts";
import { warehouseSuite } from "./warehouse.suite.ts";

const opened = (url: string, note = noted()): Promise<Warehouse> => openClickhouse({ url, journal: note.journal });

const emptied = async (url: string): Promise<void> => {
  const warehouse = await opened(url);
  const tables = await warehouse.select<{ name: string }>("SELECT name FROM system.tables WHERE database = currentDatabase()", {});
  const names = new Set(tables.map(({ name }) => name.replace(/_local$/, "")));
  await warehouse.define([...names].map((name) => `DROP TABLE IF EXISTS ${name} SYNC`));
  await warehouse.close();
};

const stored = async (url: string): Promise<Stored> => {
  await emptied(url);
  return { open: (note) => opened(url, note), remove: () => emptied(url) };
};

const real = await clickhouseForTests("the warehouse on a ClickHouse server");
/** Suites run side by side in one file's turn only, but what one leaves must not be another's. */
const inDatabase = (suffix: string): string => {
  const url = new URL(real ?? "http://nowhere");
  url.pathname = `${url.pathname.replace(/^\/$/, "/tallywire_test")}_${suffix}`;
  return url.href;
};

const SLOW = { timeout: 300_000 };

describe.each(["", "?cluster=alone"])("the real engine behind an HTTP front of ours%s", (query) => {
  let server: RunningDialect;
  beforeAll(async () => {
    server = await startClickhouseDialect({ users: { "tal@ly": "p:w/" } });
  });
  afterAll(() => server.stop());

  describe("as any warehouse", () => {
    let warehouse: Warehouse;
    beforeAll(async () => {
      warehouse = await opened(server.url + query);
    });
    afterAll(async () => {
      await warehouse.close();
      await emptied(server.url + query);
    });
    warehouseSuite(() => warehouse);
  });

  // A cluster's way is a server's, and then some: once is enough.
  if (query !== "") describe("for the projector", SLOW, () => projectorSuite(() => stored(server.url + query)));
});

describe(
  "a cluster of two shards that have the same rows, so that every row is there twice, answers what folding the events answers",
  SLOW,
  () => {
    questionsSuite(async () => {
      const server = await startClickhouseDialect();
      const warehouse = await opened(`${server.url}?cluster=alone`);
      const filled = async (): Promise<void> => {
        for (const { name } of projections) {
          const body = `CREATE OR REPLACE TABLE ${name} AS ${name}_local ENGINE = Distributed('twice', 'tallywire', '${name}_local', rand())`;
          const response = await fetch(`http://127.0.0.1:${server.port}/?database=tallywire`, {
            method: "POST",
            body,
            headers: { authorization: `Basic ${btoa("default:")}` },
          });
          expect(response.status, await response.text()).toBe(200);
        }
        const once = "SELECT (SELECT count() FROM frames) AS n, (SELECT count() FROM frames_local) AS here";
        const [row] = await warehouse.select<{ n: number; here: number }>(once, {});
        expect(row?.n).toBe(2 * (row?.here ?? 0));
        expect(row?.here).toBeGreaterThan(100);
      };
      return { warehouse, filled, remove: () => server.stop() };
    }, 20);
  },
);

describe.skipIf(real === undefined)("a ClickHouse server", () => {
  describe("as any warehouse", () => {
    let warehouse: Warehouse;
    beforeAll(async () => {
      warehouse = await opened(inDatabase("suite"));
    });
    afterAll(async () => {
      await warehouse.close();
      await emptied(inDatabase("suite"));
    });
    warehouseSuite(() => warehouse);
  });

  describe("for the projector", SLOW, () => projectorSuite(() => stored(inDatabase("projector"))));

  describe("for questions", SLOW, () => {
    questionsSuite(async () => {
      const { open, remove } = await stored(inDatabase("questions"));
      return { warehouse: await open(), remove };
    });
  });
});

it("a server that is not there is unavailable, and may be there later", async () => {
  await expect(opened("http://127.0.0.1:9")).rejects.toMatchObject({ code: "unavailable", retryable: true });
});
