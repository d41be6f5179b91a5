import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../../domain/envelope.ts";
import type { Finding } from "../../domain/finding.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import type { Logs, Warehouse } from "../../domain/ports.ts";
import { projections } from "../../projections/index.ts";
import { reachedAlone, verifyWork } from "../../roles/jobs/verify.ts";
import { furnished, verified } from "../support/proven.ts";
import { clock, embedded, noted, tempDir } from "../support/warehouse.ts";

const ROWS = projections.filter(({ kind }) => kind === "rows").map(({ name }) => name);
const TABLES = [...projections.map(({ name }) => name), "marks", "versions"];
const FEBRUARY = Date.UTC(2026, 1);
const MUTATED = "SETTINGS mutations_sync = 2";

let warehouse: Warehouse;
let logs: Logs;
let log: Awaited<ReturnType<typeof furnished>>;
const home = tempDir();

beforeAll(async () => {
  warehouse = (await embedded(home.dir)).warehouse;
  log = await furnished(warehouse);
  ({ logs } = log);
  await warehouse.define(
    TABLES.flatMap((name) => [`CREATE TABLE ${name}__kept AS ${name}`, `INSERT INTO ${name}__kept SELECT * FROM ${name}`]),
  );
});
afterAll(async () => {
  await logs.close();
  await warehouse.close();
  log.remove();
  home.remove();
});

/** Tables as they were: after each damage. */
let damaged: string[] = [];
const damage = async (tables: readonly string[], ...statements: readonly string[]): Promise<void> => {
  damaged = [...tables];
  await warehouse.define(statements);
};
afterEach(async () => {
  const back = damaged.flatMap((name) => [
    `TRUNCATE TABLE ${name} SYNC`,
    `INSERT INTO ${name} SELECT * FROM ${name}__kept SETTINGS insert_deduplicate = 0`,
  ]);
  damaged = [];
  await warehouse.define(back);
});

const one = async <R>(sql: string): Promise<R> => (await warehouse.select<R>(sql, {}))[0] as R;
type Row = { readonly tenant: string; readonly camera: string; readonly position: number; readonly partition: number; readonly at: number };
/** A row of January, of which every table has several. */
const someRow = (table: string): Promise<Row> =>
  one<Row>(
    `SELECT tenant, camera, position, partition, ${INSTANTS[table]} AS at FROM ${table}__kept WHERE ${INSTANTS[table]} < ${FEBRUARY} ORDER BY cityHash64(tenant, camera, position) LIMIT 1`,
  );
const INSTANTS: Readonly<Record<string, string>> = {
  alerts: "start",
  crossings: "at",
  presence: "start",
  coverage: "start",
  frames: "timestamp",
  states: "at",
};
const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10);
const of = ({ position, partition }: Row): string => `partition = ${partition} AND position = ${position}`;
/** Only these: that a damage to one table is found in no other is shown where all are damaged at once, and where a partition is gone. */
const tables = (...names: readonly string[]) => ({ projections: projections.filter(({ name }) => names.includes(name)) });
const sorts = (findings: readonly Finding[]): readonly string[] => findings.map(({ what }) => what);

describe("a log and a warehouse that agree", () => {
  it("have no finding, and every event of the logs was compared", async () => {
    const { findings, days, proof } = await verified(logs, warehouse);
    expect(findings).toEqual([]);
    expect(new Set(days.map(({ tenant }) => tenant))).toEqual(new Set(["north", "south"]));
    expect(new Set(days.map(({ day }) => day.slice(0, 7)))).toEqual(new Set(["2026-01", "2026-02"]));
    expect(days.every(({ agrees, log: ours, rows }) => agrees && ours.hash === rows.hash && ours.count === rows.count)).toBe(true);
    expect(new Set(days.map(({ table }) => table))).toEqual(new Set(ROWS));
    const frames = log.facts.filter(({ kind }) => kind === "frame").length;
    expect(proof.tables.find(({ table }) => table === "frames")).toMatchObject({ events: frames, rows: frames, before: 0 });
    expect(proof.waiting).toEqual({ facts: 0, derived: 0 });
  });

  it("agree also where a day at a time is remembered, and the counts and hashes are the same", async () => {
    const all = await verified(logs, warehouse);
    const few = await verified(logs, warehouse, { limits: { ...limits, verifyDays: 9 } });
    expect(few.findings).toEqual([]);
    const sorted = ({ days }: typeof all) => days.map((day) => JSON.stringify(day)).sort();
    expect(sorted(few)).toEqual(sorted(all));
  });

  it("are compared for one tenant alone, and for some days alone", async () => {
    const south = await verified(logs, warehouse, { only: { tenant: "south", from: undefined, to: undefined } });
    expect(south.findings).toEqual([]);
    expect(new Set(south.days.map(({ tenant }) => tenant))).toEqual(new Set(["south"]));
    const from = Date.UTC(2026, 0, 12);
    const some = await verified(logs, warehouse, { only: { tenant: undefined, from, to: from + 86_400_000 } });
    expect(some.findings).toEqual([]);
    expect(new Set(some.days.map(({ day }) => day))).toEqual(new Set(["2026-01-12"]));
  });

  it("are told how far the work is, up to its end", async () => {
    const told: [number, number][] = [];
    await verified(logs, warehouse, { progress: (done, all) => told.push([done, all]) });
    const [done, all] = told.at(-1) as [number, number];
    expect(all).toBeGreaterThan(0);
    expect(done).toBe(all);
    expect(told.every(([some], i) => some >= (told[i - 1]?.[0] ?? 0))).toBe(true);
  });

  it("are not compared any further once it is told to stop", async () => {
    const stopping = new AbortController();
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
      if (pauses === 3) stopping.abort();
    };
    await expect(verified(logs, warehouse, { pause, stop: stopping.signal })).rejects.toMatchObject({ code: "closed" });
    expect(pauses).toBe(3);
  });
});

describe("a warehouse that was damaged", () => {
  it("lacks a deleted row of each table, and each is named with its camera and day, and nothing else", async () => {
    const rows = await Promise.all(ROWS.map(someRow));
    await damage(ROWS, ...ROWS.map((table, i) => `ALTER TABLE ${table} DELETE WHERE ${of(rows[i] as Row)} ${MUTATED}`));
    const { findings } = await verified(logs, warehouse);
    expect(findings).toHaveLength(ROWS.length);
    for (const [i, table] of ROWS.entries()) {
      const { tenant, camera, partition, at, position } = rows[i] as Row;
      const where = { table, tenant, camera, partition, day: dayText(at) };
      expect(findings).toContainEqual(
        expect.objectContaining({ what: "rows-missing", ...where, n: 1, first: expect.objectContaining({ position }) }),
      );
    }
  });

  it("has an altered count, which is named with what it should be", async () => {
    const { id } = await one<{ id: string }>("SELECT id FROM alerts__kept WHERE revision = 0 ORDER BY id LIMIT 1");
    await damage(["alerts"], `ALTER TABLE alerts UPDATE count = count + 1 WHERE id = '${id}' AND revision = 0 ${MUTATED}`);
    const { count } = await one<{ count: number }>(`SELECT count FROM alerts__kept WHERE id = '${id}' AND revision = 0`);
    const { findings, days } = await verified(logs, warehouse, tables("alerts"));
    expect(findings).toMatchObject([
      {
        what: "rows-altered",
        table: "alerts",
        n: 1,
        first: { id, revision: 0 },
        columns: [{ column: "count", expected: count, found: count + 1 }],
      },
    ]);
    expect(days.filter(({ agrees }) => !agrees)).toHaveLength(1);
  });

  it("has a row altered in every column that can be altered, and each of these is named", async () => {
    const other = ({ name, type }: { name: string; type: string }): string => {
      if (type.startsWith("Array")) return `arrayConcat(${name}, ${/String/.test(type) ? "['x']" : "[1]"})`;
      if (type === "Bool") return `NOT ${name}`;
      return /String/.test(type) ? `concat(ifNull(${name}, ''), 'x')` : `ifNull(${name}, 0) + 1`;
    };
    const altered = await Promise.all(
      ROWS.map(async (table) => {
        const columns = await warehouse.select<{ name: string; type: string; key: boolean }>(
          `SELECT name, type, is_in_partition_key OR is_in_sorting_key AS key FROM system.columns
          WHERE database = currentDatabase() AND table = '${table}' ORDER BY position`,
          {},
        );
        const free = columns.filter(({ name, key }) => !key && name !== "epoch" && name !== "partition");
        const all = free.map((column) => `${column.name} = ${other(column)}`).join(", ");
        return {
          columns: free.map(({ name }) => name),
          sql: `ALTER TABLE ${table} UPDATE ${all} WHERE ${of(await someRow(table))} ${MUTATED}`,
        };
      }),
    );
    await damage(ROWS, ...altered.map(({ sql }) => sql));
    const { findings } = await verified(logs, warehouse);
    expect(findings).toHaveLength(ROWS.length);
    for (const [i, table] of ROWS.entries()) {
      const found = findings.find((finding) => finding.what === "rows-altered" && finding.table === table);
      expect(found?.what === "rows-altered" && found.columns.map(({ column }) => column)).toEqual(altered[i]?.columns);
    }
    expect(altered.every(({ columns }) => columns.length > 0)).toBe(true);
  });

  it("has an alert on another day than the log: missing on the one, too much on the other", async () => {
    const row = await someRow("alerts");
    const moved = row.at + 86_400_000;
    await damage(
      ["alerts"],
      `ALTER TABLE alerts DELETE WHERE ${of(row)} ${MUTATED}`,
      `INSERT INTO alerts SELECT * REPLACE (start + 86400000 AS start) FROM alerts__kept WHERE ${of(row)} SETTINGS insert_deduplicate = 0`,
    );
    const { findings } = await verified(logs, warehouse, tables("alerts"));
    expect(findings.map((f) => [f.what, "day" in f && f.day]).sort()).toEqual(
      [
        ["rows-missing", dayText(row.at)],
        ["rows-extra", dayText(moved)],
      ].sort(),
    );
  });

  it("lacks a partition: the month is named, with what the log has of it, and nothing else", async () => {
    await damage(["frames"], "ALTER TABLE frames DROP PARTITION 202602");
    const { n, cameras } = await one<{ n: number; cameras: number }>(
      `SELECT count() AS n, uniqExact(tenant, camera) AS cameras FROM frames__kept WHERE timestamp >= ${Date.UTC(2026, 1)}`,
    );
    const { findings } = await verified(logs, warehouse);
    expect(findings).toEqual([{ what: "partition-missing", table: "frames", month: "2026-02", expected: n, cameras }]);
  });

  it("has a partition detached: the table is named as well", async () => {
    const [partition] = await warehouse.select<{ partition: string }>(
      "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = 'alerts' AND active ORDER BY partition",
      {},
    );
    await damage(["alerts"], `ALTER TABLE alerts DETACH PARTITION ${partition?.partition}`);
    const { findings } = await verified(logs, warehouse, tables("alerts"));
    await warehouse.define([`ALTER TABLE alerts ATTACH PARTITION ${partition?.partition}`]);
    expect(findings).toEqual([
      { what: "parts-detached", table: "alerts" },
      expect.objectContaining({ what: "partition-missing", table: "alerts", month: "2026-01" }),
    ]);
  });

  it("has an alert's row twice: it is named, with the row it is the same as", async () => {
    const row = await someRow("alerts");
    await damage(["alerts"], `INSERT INTO alerts SELECT * FROM alerts__kept WHERE ${of(row)} SETTINGS insert_deduplicate = 0`);
    const { findings } = await verified(logs, warehouse, tables("alerts"));
    const { tenant, camera, position } = row;
    expect(findings).toMatchObject([
      { what: "rows-doubled", table: "alerts", tenant, camera, day: dayText(row.at), n: 1, first: { position } },
    ]);
  });

  it("has an alert's row a second time under another position: the log has nothing there", async () => {
    const row = await someRow("alerts");
    await damage(
      ["alerts"],
      `INSERT INTO alerts SELECT * REPLACE (position + 1 AS position) FROM (SELECT * FROM alerts__kept WHERE ${of(row)}) SETTINGS insert_deduplicate = 0`,
    );
    const { findings } = await verified(logs, warehouse, tables("alerts"));
    expect(findings).toMatchObject([{ what: "rows-extra", table: "alerts", n: 1, first: { position: row.position + 1 } }]);
  });

  it("has repeats its projector knows of, which reads drop: no finding; one more is one", async () => {
    const row = await someRow("crossings");
    await damage(
      ["crossings", "marks"],
      `INSERT INTO crossings SELECT * FROM crossings__kept WHERE ${of(row)} SETTINGS insert_deduplicate = 0`,
      `INSERT INTO marks SELECT * REPLACE (turn + 1 AS turn, arrayPushBack(tables, 'crossings+') AS tables, arrayPushBack(counts, 1) AS counts)
      FROM marks__kept WHERE log = 'derived' AND partition = ${row.partition} ORDER BY turn DESC LIMIT 1 SETTINGS insert_deduplicate = 0`,
    );
    expect((await verified(logs, warehouse, tables("crossings"))).findings).toEqual([]);
    await warehouse.define([`INSERT INTO crossings SELECT * FROM crossings__kept WHERE ${of(row)} SETTINGS insert_deduplicate = 0`]);
    expect((await verified(logs, warehouse, tables("crossings"))).findings).toMatchObject([
      { what: "rows-doubled", table: "crossings", n: 2 },
    ]);
  });

  it("has a summary of positions that is not what the frames say", async () => {
    const { tenant, camera, hour } = await one<{ tenant: string; camera: string; hour: number }>(
      "SELECT tenant, camera, hour FROM positions__kept ORDER BY tenant, camera, hour LIMIT 1",
    );
    const where = `tenant = '${tenant}' AND camera = '${camera}' AND hour = ${hour}`;
    await damage(["positions"], `ALTER TABLE positions UPDATE greatest = greatest + 1 WHERE ${where} ${MUTATED}`);
    expect((await verified(logs, warehouse, tables("frames", "positions"))).findings).toMatchObject([
      { what: "positions-differ", tenant, camera, day: dayText(hour), hour: new Date(hour).getUTCHours() },
    ]);
    await warehouse.define([`ALTER TABLE positions DELETE WHERE ${where} ${MUTATED}`]);
    expect((await verified(logs, warehouse, tables("frames", "positions"))).findings).toMatchObject([
      { what: "positions-differ", tenant, camera, found: null },
    ]);
  });

  it("has lost a table, or has one of another version: the others are compared", async () => {
    const row = await someRow("alerts");
    await damage(["alerts", "versions"], `ALTER TABLE alerts DELETE WHERE ${of(row)} ${MUTATED}`, "RENAME TABLE states TO states__away");
    const lost = await verified(logs, warehouse);
    await warehouse.define(["RENAME TABLE states__away TO states"]);
    expect(sorts(lost.findings)).toEqual(["table-missing", "rows-missing"]);
    await warehouse.define(["INSERT INTO versions SELECT name, version + 1, turn + 1 FROM versions__kept WHERE name = 'coverage'"]);
    const { findings, days } = await verified(logs, warehouse, tables("alerts", "coverage"));
    expect(findings[0]).toMatchObject({ what: "table-other-version", table: "coverage" });
    expect(sorts(findings)).toEqual(["table-other-version", "rows-missing"]);
    expect(days.filter(({ table }) => table === "coverage")).toEqual([]);
  });

  it("has rows of another log: those older than this one are counted, those that came since are told", async () => {
    const { oldest } = await one<{ oldest: number }>("SELECT min(receivedAt) AS oldest FROM frames__kept");
    const other = (at: string): string =>
      `INSERT INTO frames SELECT * REPLACE ('another' AS epoch, ${at} AS receivedAt) FROM frames__kept LIMIT 3 SETTINGS insert_deduplicate = 0`;
    await damage(["frames"], other(`toInt64(${oldest - 1_000_000})`));
    const older = await verified(logs, warehouse, tables("frames"));
    expect(older.findings).toEqual([]);
    expect(older.proof.tables.find(({ table }) => table === "frames")?.before).toBe(3);
    await warehouse.define([other("receivedAt")]);
    expect((await verified(logs, warehouse, tables("frames"))).findings).toEqual([{ what: "rows-other-epoch", table: "frames", n: 3 }]);
  });

  it("was made from another log: nothing is compared, and that is said of every partition", async () => {
    await damage(["marks"], "INSERT INTO marks SELECT * REPLACE (turn + 1 AS turn, 'another' AS epoch) FROM marks__kept");
    const { findings, days } = await verified(logs, warehouse);
    expect(findings.filter(({ what }) => what === "other-epoch")).toHaveLength(4);
    expect(days).toEqual([]);
  });

  it("differs in more days than are looked at row by row: the others are told by their counts and hashes", async () => {
    await damage(["presence"], `ALTER TABLE presence DELETE WHERE change = 'left' ${MUTATED}`);
    const all = await verified(logs, warehouse, tables("presence"));
    const days = all.findings.length;
    expect(days).toBeGreaterThan(3);
    expect(new Set(sorts(all.findings))).toEqual(new Set(["rows-missing"]));
    const few = await verified(logs, warehouse, { ...tables("presence"), limits: { ...limits, verifyNarrowed: 2 } });
    expect(sorts(few.findings).filter((what) => what === "rows-missing")).toHaveLength(2);
    expect(sorts(few.findings).filter((what) => what === "day-differs")).toHaveLength(days - 2);
  });
});

describe("a verification as a job", () => {
  const running = async (tenant: string, some: Partial<Limits> = {}) => {
    const rows = new Map<number, Json>();
    const work = verifyWork({ logs, warehouse: () => warehouse, reached: reachedAlone, ...noted(), clock, limits: { ...limits, ...some } });
    const result = await work({
      tenant,
      id: "1",
      wish: { kind: "verify", from: undefined, to: undefined, derive: false },
      stop: new AbortController().signal,
      kept: undefined,
      progress: () => undefined,
      keep: async () => undefined,
      pause: async () => undefined,
      rows: async (number, more) => {
        for (const [i, row] of more.entries()) rows.set(number + i, row);
      },
    });
    return { result, rows: [...rows].sort(([a], [b]) => a - b) };
  };

  it("looks at its own tenant, tells findings in its result and among its rows, with every camera's days", async () => {
    await damage(["alerts"], `ALTER TABLE alerts UPDATE count = count + 1 WHERE tenant = 'north' AND revision = 0 ${MUTATED}`);
    const south = await running("south");
    expect(south.result).toMatchObject({ verdict: "agree", findings: 0, told: [] });
    expect(south.rows.every(([, row]) => (row as { tenant: string }).tenant === "south")).toBe(true);
    const north = await running("north");
    const { findings, told } = north.result as { findings: number; told: readonly Json[] };
    expect(findings).toBeGreaterThan(1);
    expect(told).toHaveLength(findings);
    const isFinding = (row: Json): boolean => typeof row === "object" && row !== null && "what" in row;
    expect(north.rows.map(([number]) => number)).toEqual(north.rows.map((_, i) => i));
    expect(north.rows.map(([, row]) => row).filter(isFinding)).toEqual(told);
    expect(north.rows.filter(([, row]) => !isFinding(row)).length).toBe(south.rows.length);
  });

  it("tells no more than it may: the rest is counted", async () => {
    await damage(["alerts"], `ALTER TABLE alerts UPDATE count = count + 1 WHERE revision = 0 ${MUTATED}`);
    const { result, rows } = await running("north", { verifyFindings: 1, jobRows: 5 });
    const { findings, told } = result as { findings: number; told: readonly Json[] };
    expect(told).toHaveLength(1);
    expect(findings).toBeGreaterThan(1);
    expect(rows).toHaveLength(5);
  });
});
