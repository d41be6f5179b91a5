/** What an operator of a server relies on, against the real engine behind our HTTP front, with a bad network between. */
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openClickhouse } from "../../adapters/warehouse-clickhouse.ts";
import { limits } from "../../domain/limits.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { KEPT } from "../../projections/projection.ts";
import { type DialectOptions, type RunningDialect, startClickhouseDialect } from "../servers/clickhouse-dialect.ts";
import { historyOf } from "../support/history.ts";
import { refusal } from "../support/refusal.ts";
import { startResettingProxy } from "../support/resetting-proxy.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { clock, noted, projected } from "../support/warehouse.ts";

const SECRET = "correct horse";
const through = (url: string, proxy: { readonly port: number }): string => {
  const other = new URL(url);
  other.port = String(proxy.port);
  return other.href;
};

describe("a ClickHouse server", () => {
  const ends: (() => Promise<unknown>)[] = [];
  let server: RunningDialect;
  beforeAll(async () => {
    server = await startClickhouseDialect({ users: { tally: SECRET }, keepAliveSeconds: 2 });
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
    await server.stop();
  });
  const open = async (url: string, note = noted()): Promise<Warehouse> => {
    const warehouse = await openClickhouse({ url, journal: note.journal });
    ends.push(() => warehouse.close());
    return warehouse;
  };
  const table = async (warehouse: Warehouse, name: string): Promise<void> =>
    warehouse.define([
      `DROP TABLE IF EXISTS ${name} SYNC`,
      `CREATE TABLE IF NOT EXISTS ${name} (n Int64) ENGINE = MergeTree ORDER BY n ${KEPT}`,
    ]);
  const numbers = async (warehouse: Warehouse, name: string): Promise<readonly number[]> =>
    (await warehouse.select<{ n: number }>(`SELECT n FROM ${name} ORDER BY n`, {})).map(({ n }) => n);

  const behindResets = async () => {
    const proxy = await startResettingProxy(server.port);
    ends.push(proxy.close);
    return { proxy, warehouse: await open(through(server.url, proxy)) };
  };

  it("keeps its connections, lets them go before the server does, and no statement hears of it", async () => {
    const warehouse = await open(server.url);
    await table(warehouse, "kept");
    const before = server.connections();
    for (let n = 0; n < 5; n++) await warehouse.insert("kept", [{ n }], `kept ${n}`);
    expect(server.connections() - before).toBe(1);
    for (const pause of [900, 1_100, 1_900, 2_100]) {
      await clock.sleep(pause);
      await warehouse.insert("kept", [{ n: pause }], `after ${pause}`);
    }
    expect(await numbers(warehouse, "kept")).toEqual([0, 1, 2, 3, 4, 900, 1_100, 1_900, 2_100]);
    // Each pause beyond a second, which is a second less than what the server says, took a new one.
    expect(server.connections() - before).toBeLessThanOrEqual(1 + 4 + 1);
  });

  it("sends an insert again under the same token when the connection is reset before or after the server has it", async () => {
    const { proxy, warehouse } = await behindResets();
    await table(warehouse, "resets");
    for (const [n, when] of (["before", "after", "before", "after"] as const).entries()) {
      const heard = server.heard.length;
      const resets = proxy.resets();
      proxy.resetNext(when);
      await warehouse.insert("resets", [{ n }], `reset ${n}`);
      expect(proxy.resets() - resets).toBe(1);
      const arrived = server.heard.slice(heard).filter((text) => text === `INSERT resets reset ${n}`);
      expect(arrived).toHaveLength(when === "before" ? 1 : 2);
    }
    expect(await numbers(warehouse, "resets")).toEqual([0, 1, 2, 3]);
  });

  it("asks a question once more after a reset, and not for ever", async () => {
    const { proxy, warehouse } = await behindResets();
    // "before" is what a kept connection does that was closed while the question was on its way.
    for (const when of ["before", "after"] as const) {
      proxy.resetNext(when);
      expect(await warehouse.select("SELECT 1 AS one", {})).toEqual([{ one: 1 }]);
    }
    expect(proxy.resets()).toBe(2);
    proxy.resetNext("after", 2);
    expect(await refusal(warehouse.select("SELECT 1 AS one", {}))).toMatchObject({ code: "unavailable", retryable: true });
  });

  it("repeats a definition after a reset only where twice is as good as once", async () => {
    const { proxy, warehouse } = await behindResets();
    await table(warehouse, "defined");
    await table(warehouse, "defined__next");
    proxy.resetNext("after");
    await warehouse.define(["CREATE TABLE IF NOT EXISTS defined (n Int64) ENGINE = MergeTree ORDER BY n"]);
    proxy.resetNext("after");
    const heard = server.heard.length;
    expect(await refusal(warehouse.define(["EXCHANGE TABLES defined AND defined__next"]))).toMatchObject({
      code: "unavailable",
      retryable: true,
    });
    expect(server.heard.slice(heard)).toEqual(["EXCHANGE TABLES defined AND defined__next"]);
  });

  it("tries again what the server says to try again, so many times and no more", async () => {
    const warehouse = await open(server.url);
    await table(warehouse, "busy");
    const busy = {
      status: 500,
      code: 286,
      name: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
      text: "Quorum for previous write has not been satisfied yet.",
    };
    const refuse = (times: number, begins: string): void => {
      for (let i = 0; i < times; i++) server.refuseNext(begins, busy);
    };
    refuse(limits.warehouseTries - 1, "INSERT INTO busy");
    await warehouse.insert("busy", [{ n: 1 }], "busy 1");
    refuse(limits.warehouseTries, "INSERT INTO busy");
    expect(await refusal(warehouse.insert("busy", [{ n: 2 }], "busy 2"))).toMatchObject({ code: "unavailable", retryable: true });
    expect(await numbers(warehouse, "busy")).toEqual([1]);
  });

  it("asks one tenant's question while another has more than may wait, before the rest of these", async () => {
    const warehouse = await open(server.url);
    const heard = server.heard.length;
    const ask = (tenant: string, n: number) =>
      warehouse.select(`SELECT '${tenant}' AS who, {n:Int64} AS n, {tenant:String} AS tenant`, { n, tenant });
    const { warehouseConnections, waitingQuestions } = limits;
    const heavy = Array.from({ length: warehouseConnections + waitingQuestions }, (_, n) => ask("heavy", n));
    const settled = Promise.allSettled(heavy);
    const light = await Promise.all([0, 1].map((n) => ask("light", n)));
    expect(light.flat()).toMatchObject([{ who: "light" }, { who: "light" }]);
    const refused = (await settled).filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject(light.map(() => ({ reason: { code: "unavailable", retryable: true } })));
    const order = server.heard.slice(heard).flatMap((text) => /^SELECT '(\w+)'/.exec(text)?.[1] ?? []);
    expect(order).toHaveLength(warehouseConnections + waitingQuestions);
    // What is sent at one instant may arrive in another order.
    expect(order.lastIndexOf("light")).toBeLessThan(2 * warehouseConnections + 4);
  });

  it("gives up a connection that went silent, and sends the insert over another", { timeout: 60_000 }, async () => {
    const note = noted();
    const proxy = await startTcpProxy({ seed: 1, to: server.port });
    ends.push(() => proxy.close());
    const warehouse = await open(through(server.url, proxy), note);
    await table(warehouse, "silent");
    for (const [n, dead] of (["to-server", "to-client"] as const).entries()) {
      await warehouse.insert("silent", [{ n }], `warm ${n}`);
      await proxy.begin({ kind: "half-open", dead, afterwards: "forgotten" });
      const inserted = warehouse.insert("silent", [{ n: n + 10 }], `silent ${n}`);
      await clock.sleep(1_500);
      await proxy.end();
      const since = performance.now();
      await inserted;
      expect(performance.now() - since).toBeLessThan(10_000);
    }
    expect(await numbers(warehouse, "silent")).toEqual([0, 1, 10, 11]);
    expect(note.lines.filter((line) => line.includes("has gone silent"))).toHaveLength(2);
  });

  it("may be away for three seconds: the projector goes on and loses nothing", { timeout: 60_000 }, async () => {
    const logs = openMemoryLogs({ partitions: 2 });
    const { facts, derived } = historyOf(7, "t", "c", 120);
    const note = noted();
    const warehouse = await open(server.url, note);
    const running = await projected(logs, warehouse, note);
    const half = Math.floor(facts.length / 2);
    const append = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i += 10) {
        await logs.facts.append(facts.slice(i, Math.min(i + 10, to)));
        await clock.sleep(20);
      }
    };
    await append(0, half);
    await server.away();
    const appended = append(half, facts.length).then(() => logs.derived.append(derived));
    await clock.sleep(3_000);
    expect((await refusal(warehouse.select("SELECT 1", {}))).retryable).toBe(true);
    await server.back();
    await appended;
    await running.caughtUp();
    await running.stop();
    const [row] = await warehouse.select<{ frames: number; alerts: number }>(
      "SELECT (SELECT count() FROM frames) AS frames, (SELECT count() FROM alerts) AS alerts",
      {},
    );
    expect(row).toEqual({
      frames: facts.filter(({ kind }) => kind === "frame").length,
      alerts: derived.filter(({ kind }) => kind === "alert").length,
    });
    expect(note.lines.some((line) => line.includes("it is tried until it can"))).toBe(true);
    expect(note.lines.some((line) => line.includes("answers again"))).toBe(true);
    expect(note.counted.get("tallywire_warehouse_rebuilds_total")).toBeUndefined();
  });

  it("refuses a wrong password at once, and says it nowhere", async () => {
    const note = noted();
    for (const password of ["wrong horse", "", "%"]) {
      const url = new URL(server.url);
      url.password = encodeURIComponent(password);
      const since = performance.now();
      const error = await refusal(openClickhouse({ url: url.href, journal: note.journal }));
      expect(error).toMatchObject({ code: "unavailable", retryable: false, message: expect.stringContaining("Authentication failed") });
      expect(performance.now() - since).toBeLessThan(2_000);
      const told = inspect(error, { depth: 20, showHidden: true }) + note.lines.join();
      expect(told).not.toContain("wrong horse");
      expect(told).not.toContain(btoa(`tally:${password}`));
    }
  });

  it("says its own password nowhere either, whatever fails", async () => {
    const note = noted();
    const warehouse = await open(server.url, note);
    const failures = [
      openClickhouse({ url: `http://tally:${encodeURIComponent(SECRET)}@127.0.0.1:9/a`, journal: note.journal }),
      openClickhouse({ url: `http://tally:${encodeURIComponent(SECRET)}@no.such.host.invalid:9/a`, journal: note.journal }),
      openClickhouse({ url: `${server.url}?cluster=nowhere`, journal: note.journal }),
      warehouse.select("SELECT * FROM nowhere", {}),
      warehouse.insert("nowhere", [{ n: 1 }], "x"),
    ];
    const errors = await Promise.all(failures.map(refusal));
    expect(errors.map(({ code }) => code)).toEqual(["unavailable", "unavailable", "bad-query", "bad-query", "bad-query"]);
    const told = errors.map((error) => inspect(error, { depth: 20, showHidden: true })).join() + note.lines.join();
    for (const form of [SECRET, encodeURIComponent(SECRET), btoa(`tally:${SECRET}`)]) expect(told).not.toContain(form);
  });

  it("finds the cluster by its name or by a macro, and refuses one it does not know or that does not replicate", async () => {
    const opened = (cluster: string, note = noted()) =>
      openClickhouse({ url: `${server.url}_2?cluster=${cluster}`, journal: note.journal });
    const quorums = [];
    for (const name of ["alone", "{house}", "pair", "pair&quorum=2", "pair&quorum=1", "uneven&quorum=1"]) {
      const note = noted();
      await (await opened(name, note)).close();
      quorums.push(/"quorum":"(\w+)"/.exec(note.lines.join())?.[1]);
    }
    // A majority of one is waited for in vain.
    expect(quorums).toEqual(["1", "1", "auto", "2", "1", "1"]);
    const messages = await Promise.all(
      ["nowhere", "{nothing}", "careless", "uneven"].map(async (name) => (await refusal(opened(name))).message),
    );
    expect(messages).toEqual([
      'The warehouse\'s server knows no cluster "nowhere".',
      expect.stringContaining("No macro nothing"),
      expect.stringContaining("internal_replication"),
      expect.stringContaining("no quorum fits both"),
    ]);
  });

  it("takes no tables of a server for a cluster's, nor the other way round", async () => {
    const warehouse = await open(server.url);
    await table(warehouse, "plain");
    const asCluster = await refusal(openClickhouse({ url: `${server.url}?cluster=alone`, journal: noted().journal }));
    expect(asCluster).toMatchObject({
      code: "bad-query",
      retryable: false,
      message: expect.stringContaining("holds tables of a server alone"),
    });
    expect(await numbers(warehouse, "plain")).toEqual([]);
  });
});

describe("a ClickHouse server that will not do", () => {
  const withServer = async (options: DialectOptions, work: (server: RunningDialect) => Promise<void>): Promise<void> => {
    const server = await startClickhouseDialect(options);
    try {
      await work(server);
    } finally {
      await server.stop();
    }
  };

  it("is refused when it is too old, with both versions", async () => {
    await withServer({ version: "24.8.14.39" }, async ({ url }) => {
      expect(await refusal(openClickhouse({ url, journal: noted().journal }))).toMatchObject({
        code: "bad-query",
        retryable: false,
        message: "The warehouse is ClickHouse 24.8.14.39; it must be 25.8 or later.",
      });
    });
  });

  it("need not let its users make databases, where one is there", async () => {
    await withServer({ mayCreateDatabases: false }, async ({ url }) => {
      const warehouse = await openClickhouse({ url, journal: noted().journal });
      expect(await warehouse.select("SELECT 1 AS one", {})).toEqual([{ one: 1 }]);
      await warehouse.close();
      const other = url.replace("/tallywire", "/elsewhere");
      expect(await refusal(openClickhouse({ url: other, journal: noted().journal }))).toMatchObject({
        code: "bad-query",
        retryable: false,
      });
    });
  });
});
