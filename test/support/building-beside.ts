/** Processes that open, project and rebuild, one after another, over one warehouse and one log; and a log that forgets. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Log, Position, Warehouse } from "../../domain/ports.ts";
import { Borders } from "../../projections/borders.ts";
import { projections as all } from "../../projections/index.ts";
import { readVersions, VERSIONS } from "../../projections/marks.ts";
import { openProjections } from "../../projections/open.ts";
import { Progress } from "../../projections/progress.ts";
import type { Projection } from "../../projections/projection.ts";
import { project } from "../../projections/projector.ts";
import { rebuildBeside } from "../../projections/rebuild-beside.ts";
import { resume } from "../../projections/resume.ts";
import { historyOf } from "./history.ts";
import { clock, embedded, noted, tempDir } from "./warehouse.ts";

const PARTITIONS = 2;
const kinds = ["facts", "derived"] as const;
const SLICE = { events: 40, weight: 100_000 };
export const atOnce = (): Promise<void> => Promise.resolve();

type Logs = ReturnType<typeof openMemoryLogs>;

/** A log that has forgotten what lies before these positions. */
export const shortened = (logs: Logs, starts: Record<(typeof kinds)[number], readonly Position[]>): Logs => {
  const of = <L extends Log<never>>(log: L, from: readonly Position[]): L =>
    new Proxy(log, {
      get: (target, name) => {
        if (name === "bounds") return async (p: number) => ({ ...(await target.bounds(p)), start: from[p] ?? 0 });
        if (name === "read")
          return (p: number, at: unknown, how: object) =>
            target.read(p, at === "start" ? (from[p] ?? 0) : Math.max(at as number, from[p] ?? 0), how);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return { ...logs, facts: of(logs.facts as never, starts.facts), derived: of(logs.derived as never, starts.derived) } as unknown as Logs;
};

/** As it was made: tables that stand as they should are emptied, which is much quicker than to make them; any other is dropped. */
const emptied = async (warehouse: Warehouse): Promise<void> => {
  const tables = await warehouse.select<{ name: string; rows: number }>(
    "SELECT name, toUInt32(ifNull(total_rows, 1)) AS rows FROM system.tables WHERE database = currentDatabase()",
    {},
  );
  const names = new Set(tables.map(({ name }) => name));
  const versions = names.has(VERSIONS) ? await readVersions(warehouse) : new Map<string, { readonly version: number }>();
  const versionOf = new Map(all.map(({ name, version }) => [name, version]));
  const stands = (name: string): boolean => !name.includes("__") && versions.get(name)?.version === versionOf.get(name);
  const ddl = tables.flatMap(({ name, rows }) =>
    stands(name) ? (rows === 0 ? [] : [`TRUNCATE TABLE ${name} SYNC`]) : [`DROP TABLE ${name} SYNC`],
  );
  await Promise.all(ddl.map((statement) => warehouse.define([statement])));
};

/** Registers its own beginning and end of all tests and of each: one warehouse, empty at first, and a log of its own. */
export const buildingBeside = () => {
  let warehouse: Warehouse;
  let logs: Logs;
  let close: () => Promise<void>;
  const ends: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    const temp = tempDir();
    const opened = (await embedded(temp.dir)).warehouse;
    warehouse = opened;
    close = async () => {
      await opened.close();
      temp.remove();
    };
  });
  afterAll(() => close());
  beforeEach(() => {
    logs = openMemoryLogs({ partitions: PARTITIONS });
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await logs.close();
    await emptied(warehouse);
  });

  const { facts, derived } = (() => {
    const cameras = ["c", "d", "e"].map((camera, i) => historyOf(7 + i, "t", camera, 60));
    return { facts: cameras.flatMap((one) => one.facts), derived: cameras.flatMap((one) => one.derived) };
  })();
  const append = async (from: number, to: number): Promise<void> => {
    const cut = <E>(list: readonly E[]): readonly E[] => list.slice(Math.floor(list.length * from), Math.floor(list.length * to));
    const [f, d] = [cut(facts), cut(derived)];
    for (let i = 0; i < f.length; i += 20) await logs.facts.append(f.slice(i, i + 20));
    for (let i = 0; i < d.length; i += 20) await logs.derived.append(d.slice(i, i + 20));
  };

  /** A process: opens, projects, and stops without a word. */
  const live = async (list: readonly Projection[] = all, log: Logs = logs) => {
    const note = noted();
    const end = new AbortController();
    const borders = new Borders();
    const progress = new Progress();
    const parts = { clock, ...note, stop: end.signal };
    const outdated = await openProjections({ ...log, warehouse, projections: list, borders, ...parts });
    const running = Promise.all(
      kinds.flatMap((kind) =>
        Array.from({ length: PARTITIONS }, (_, partition) =>
          project({ kind, log: log[kind], partition, projections: list, warehouse, progress, borders, ...parts }),
        ),
      ),
    );
    const caughtUp = async (): Promise<void> => {
      for (const kind of kinds)
        for (let p = 0; p < PARTITIONS; p++)
          await Promise.race([progress.until(kind, p, (await log[kind].bounds(p)).end, end.signal), running]);
    };
    const rebuild = (projection: Projection, more: Partial<Parameters<typeof rebuildBeside>[0]> = {}) => {
      const of = { projection, log: log[projection.log], warehouse, borders, by: "me", keeps: true, pause: atOnce, slice: SLICE };
      return rebuildBeside({ ...of, ...parts, ...more } as Parameters<typeof rebuildBeside>[0]);
    };
    const stop = async (): Promise<void> => {
      end.abort();
      await running;
    };
    ends.push(stop);
    return { outdated, caughtUp, rebuild, stop, borders, progress, end, ...note };
  };

  const rowsOf = async (table: string, columns = "* EXCEPT (epoch)"): Promise<readonly unknown[]> =>
    warehouse.select(`SELECT ${columns} FROM ${table} ORDER BY ALL`, {});
  /** Hours of frames, folded. */
  const SPANS = "tenant, camera, hour, partition, min(least) AS l, max(greatest) AS g";
  const spansOf = async (table: string): Promise<readonly unknown[]> =>
    warehouse.select(`SELECT ${SPANS} FROM ${table} GROUP BY tenant, camera, hour, partition ORDER BY ALL`, {});
  const isThere = async (table: string): Promise<boolean> =>
    (await warehouse.select("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {table:String}", { table })).length >
    0;
  /** The marks count what is there. */
  const rowsAddUp = async (list: readonly Projection[] = all): Promise<void> => {
    for (const kind of kinds)
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { off } = await resume({ kind, log: logs[kind], partition, projections: list, warehouse });
        expect([kind, partition, [...off]]).toEqual([kind, partition, []]);
      }
  };

  const the = {
    get warehouse() {
      return warehouse;
    },
    get logs() {
      return logs;
    },
  };
  return { the, facts, derived, append, live, rowsOf, spansOf, isThere, rowsAddUp };
};
