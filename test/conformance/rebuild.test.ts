/** A table built anew beside the one that is used: while its projectors go on, cut off anywhere and taken up again, with a log that forgets. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { JobFailure, type RebuildWish, type Run } from "../../domain/job.ts";
import { AdapterError, type Log, type Position, type Warehouse } from "../../domain/ports.ts";
import { Borders } from "../../projections/borders.ts";
import { crossings } from "../../projections/crossings.ts";
import { projections as all } from "../../projections/index.ts";
import { openProjections } from "../../projections/open.ts";
import { positions } from "../../projections/positions.ts";
import { Progress } from "../../projections/progress.ts";
import type { Projection } from "../../projections/projection.ts";
import { project } from "../../projections/projector.ts";
import { rebuildBeside } from "../../projections/rebuild-beside.ts";
import { readBuilding } from "../../projections/rebuild-books.ts";
import { resume } from "../../projections/resume.ts";
import { rebuildWork } from "../../roles/jobs/rebuild.ts";
import { historyOf } from "../support/history.ts";
import { refusal } from "../support/refusal.ts";
import { clock, embedded, noted, tempDir } from "../support/warehouse.ts";

const PARTITIONS = 2;
const kinds = ["facts", "derived"] as const;
const SLICE = { events: 40, weight: 100_000 };
const ROOMY = { events: 200, weight: 100_000 };
const atOnce = (): Promise<void> => Promise.resolve();

type Logs = ReturnType<typeof openMemoryLogs>;

/** A log that has forgotten what lies before these positions. */
const shortened = (logs: Logs, starts: Record<(typeof kinds)[number], readonly Position[]>): Logs => {
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

describe("a table that is built beside the one in use", { timeout: 120_000 }, () => {
  let warehouse: Awaited<ReturnType<typeof embedded>>["warehouse"];
  let logs: Logs;
  let remove: () => void;
  const ends: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    const temp = tempDir();
    remove = temp.remove;
    warehouse = (await embedded(temp.dir)).warehouse;
    logs = openMemoryLogs({ partitions: PARTITIONS });
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await warehouse.close();
    await logs.close();
    remove();
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

  it("has every row when it takes the old one's place, though rows came in all the while, and the old one stays", async () => {
    const one = await live();
    await append(0, 0.6);
    await one.caughtUp();
    const counts: number[] = [];
    let sent = 0.6;
    const pause = async (): Promise<void> => {
      if (sent < 0.9) {
        await append(sent, sent + 0.02);
        sent += 0.02;
      }
      await one.caughtUp();
      counts.push((await rowsOf("crossings", "camera")).length);
    };
    const told: (readonly [number, number])[] = [];
    const { rows } = await one.rebuild(crossings, { pause, progress: (done, of) => told.push([done, of]) });
    expect(counts.length).toBeGreaterThan(3);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(told.every(([done, of]) => done <= of)).toBe(true);
    expect(told.at(-1)?.[0]).toBe(told.at(-1)?.[1]);
    expect(await rowsOf("crossings__old")).toEqual(await rowsOf("crossings"));
    expect((await rowsOf("crossings")).length).toBe(rows);
    await append(sent, 1);
    await one.caughtUp();
    const whole = await rowsOf("crossings");
    expect(whole.length).toBe(derived.filter(({ kind }) => kind === "crossing").length);
    expect((await rowsOf("crossings__old")).length).toBeLessThan(whole.length);
    expect(await isThere("crossings__next")).toBe(false);
    await one.stop();
    await rowsAddUp();
    const next = await live();
    expect([next.outdated, next.counted.get("tallywire_warehouse_rebuilds_total")]).toEqual([[], undefined]);
  });

  it("of a summary says what the old one said, also of what the log no longer holds", async () => {
    await append(0, 1);
    const first = await live();
    await first.caughtUp();
    await first.stop();
    const before = await spansOf("positions");
    const ends = await Promise.all([0, 1].map(async (p) => Math.floor((await logs.facts.bounds(p)).end / 3 / 65_536) * 65_536));
    const second = await live(all, shortened(logs, { facts: ends, derived: [0, 0] }));
    await second.rebuild(positions);
    expect(await spansOf("positions")).toEqual(before);
    expect(before.length).toBeGreaterThan(2);
  });

  it("has what the log no longer holds, also what is dropped from it while it is being filled", async () => {
    await append(0, 1);
    const first = await live();
    await first.caughtUp();
    await first.stop();
    const before = await rowsOf("crossings");
    const ends = await Promise.all([0, 1].map(async (p) => Math.floor((await logs.derived.bounds(p)).end / 65_536)));
    const starts = ends.map((end) => Math.floor(end / 4) * 65_536);
    const forgetting = shortened(logs, { facts: [0, 0], derived: starts });
    const second = await live(all, forgetting);
    // Records that were not read yet, once; and once more.
    let dropped = 0;
    const pause = async (): Promise<void> => {
      if (dropped === 2 || !second.lines.some((line) => line.startsWith("a table is built"))) return;
      dropped += 1;
      for (const p of [0, 1]) starts[p] = Math.floor(((ends[p] ?? 0) * (1 + dropped)) / 4) * 65_536;
    };
    await second.rebuild(crossings, { pause });
    expect(dropped).toBe(2);
    expect(await rowsOf("crossings")).toEqual(before);
    await second.stop();
    await rowsAddUp();
  });

  it("is finished, whole and counted right, wherever its builder was cut off", async () => {
    await append(0, 0.5);
    const list = [crossings];
    // The oldest third is gone: so something is carried over too.
    const starts = await Promise.all([0, 1].map(async (p) => Math.floor((await logs.derived.bounds(p)).end / 3 / 65_536) * 65_536));
    const first = await live(list);
    await first.caughtUp();
    await first.stop();
    const log = shortened(logs, { facts: [0, 0], derived: starts });
    let goneOn = 0;
    let cutAt = 1;
    // Every other statement: all of them take a minute.
    for (let isCut = true; isCut; cutAt += 2) {
      let left = cutAt;
      const cut = async <T>(work: () => Promise<T>): Promise<T> => {
        // Half of the time what was sent is done, and only the answer is lost.
        left -= 1;
        if (left === 0 && cutAt % 4 === 1) await work();
        if (left <= 0) throw new AdapterError("closed", "cut off", { retryable: false });
        return work();
      };
      const cutting: Warehouse = {
        ...warehouse,
        // Each statement of a definition is one.
        define: async (ddl) => {
          for (const statement of ddl) await cut(() => warehouse.define([statement]));
        },
        insert: (table, rows, token) => cut(() => warehouse.insert(table, rows, token)),
        select: (sql, params) => warehouse.select(sql, params),
      };
      const by = `job ${cutAt}`;
      const one = await live(list, log);
      isCut = await one.rebuild(crossings, { warehouse: cutting, by, slice: ROOMY }).then(
        () => false,
        () => true,
      );
      await one.stop();
      const two = await live(list, log);
      expect([cutAt, two.outdated]).toEqual([cutAt, []]);
      const found = await readBuilding(warehouse, "crossings");
      if (found?.by !== by || found.stage !== "done") await two.rebuild(crossings, { by, slice: ROOMY });
      if (two.lines.some((line) => line.includes('"goesOn":true'))) goneOn += 1;
      await append(0.5 + cutAt * 0.005, 0.5 + (cutAt + 2) * 0.005);
      await two.caughtUp();
      await two.stop();
      expect([cutAt, (await rowsOf("crossings__old")).length > 0, await isThere("crossings__next")]).toEqual([cutAt, true, false]);
      await rowsAddUp(list);
    }
    expect(cutAt).toBeGreaterThan(15);
    expect(goneOn).toBeGreaterThan(3);
    const keys = "at, objectId, placeId, direction, confirmedAt, placeEpoch, camera, position, partition";
    const rows = await rowsOf("crossings", keys);
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(rows.length);
    await warehouse.define(["DROP TABLE crossings SYNC", "TRUNCATE TABLE marks SYNC", "TRUNCATE TABLE versions SYNC"]);
    const fresh = await live(list);
    await fresh.caughtUp();
    expect(await rowsOf("crossings", keys)).toEqual(rows);
  });

  const grown: Projection<"derived"> = {
    ...crossings,
    version: crossings.version + 1,
    ddl: (table) => crossings.ddl(table).replace("late Bool,", "late Bool, isLate UInt8,"),
    rows: (event, position, partition) =>
      crossings.rows(event, position, partition).map((row) => ({ ...row, isLate: event.kind === "crossing" && event.late ? 1 : 0 })),
  };
  const newer = all.map((p) => (p.name === "crossings" ? grown : p));

  it("is of a new version by itself: all else goes on at once, nobody is answered from it, and a restart goes on with it", async () => {
    const first = await live();
    await append(0, 0.7);
    await first.caughtUp();
    await first.stop();
    const second = await live(newer);
    expect(second.outdated.map(({ projection, keeps }) => [projection.name, keeps])).toEqual([["crossings", true]]);
    expect(second.borders.out()).toEqual(["crossings"]);
    expect(second.borders.needed("derived", 0)).toBe(0);
    await append(0.7, 0.8);
    await second.caughtUp();
    expect((await rowsOf("alerts")).length).toBe(
      derived.slice(0, Math.floor(derived.length * 0.8)).filter(({ kind }) => kind === "alert").length,
    );
    // Stopped in the middle.
    let rests = 0;
    const pause = async (): Promise<void> => {
      rests += 1;
      if (rests === 4) second.end.abort();
    };
    expect((await refusal(second.rebuild(grown, { by: "start", pause }))).code).toBe("closed");
    await second.stop();
    const left = await readBuilding(warehouse, "crossings");
    expect(left?.stage).toBe("fill");
    expect(left?.rows).toBeGreaterThan(0);
    const third = await live(newer);
    expect(third.outdated.map(({ projection }) => projection.name)).toEqual(["crossings"]);
    await third.rebuild(grown, { by: "start" });
    expect(third.borders.out()).toEqual([]);
    expect(third.lines.filter((line) => line.includes('"goesOn":true'))).toHaveLength(1);
    await append(0.8, 1);
    await third.caughtUp();
    await third.stop();
    const marked = await warehouse.select<{ right: number; n: number; marked: number }>(
      "SELECT countIf(late = (isLate = 1)) AS right, count() AS n, sum(isLate) AS marked FROM crossings",
      {},
    );
    const crossed = derived.filter(({ kind }) => kind === "crossing");
    expect(marked).toEqual([
      { right: crossed.length, n: crossed.length, marked: crossed.filter((e) => e.kind === "crossing" && e.late).length },
    ]);
    await rowsAddUp(newer);
    expect((await live(newer)).outdated).toEqual([]);
  });

  it("is no longer than the pace allows: it rests between slices, and takes its place though more comes in than it lets through", async () => {
    await append(0, 0.3);
    const one = await live();
    await one.caughtUp();
    let sent = 0.3;
    let rests = 0;
    const pause = async (): Promise<void> => {
      rests += 1;
      if (sent < 1) {
        const to = Math.min(1, sent + 0.2);
        await append(sent, to);
        sent = to;
      }
      await one.caughtUp();
    };
    await one.rebuild(crossings, { pause, slice: { events: 60, weight: 100_000 } });
    expect(rests).toBeGreaterThan(3);
    await one.caughtUp();
    expect((await rowsOf("crossings__old", "camera")).length).toBeLessThanOrEqual((await rowsOf("crossings", "camera")).length);
    await one.stop();
    await rowsAddUp();
  });

  describe("as a job", () => {
    const asked = (projection: string, step: RebuildWish["step"], id: string, more: Partial<Run<RebuildWish>> = {}): Run<RebuildWish> => ({
      tenant: "t",
      id,
      wish: { kind: "rebuild", projection, step },
      stop: new AbortController().signal,
      kept: undefined,
      progress: () => undefined,
      keep: atOnce,
      pause: atOnce,
      rows: atOnce,
      ...more,
    });
    const working = async (isAlone = true) => {
      await append(0, 1);
      const one = await live();
      await one.caughtUp();
      const work = rebuildWork({
        logs,
        warehouse: () => warehouse,
        projections: all,
        borders: one.borders,
        isAlone,
        clock,
        journal: one.journal,
        meter: one.meter,
        stop: one.end.signal,
      });
      const failure = async (run: Run<RebuildWish>): Promise<string> => {
        const error: unknown = await work(run).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(JobFailure);
        return (error as JobFailure).message;
      };
      return { one, work, failure };
    };

    it("is refused for a projection that there is not, and where others bring in too", async () => {
      const { failure } = await working();
      expect(await failure(asked("nonsense", "rebuild", "1"))).toMatch(/no projection nonsense: there are alerts,/);
      const shared = await working(false);
      expect(await shared.failure(asked("crossings", "rebuild", "1"))).toMatch(/one process has all of the log/);
    });

    it("keeps the old table until it is told otherwise, and is refused once more before that", async () => {
      const { work, failure } = await working();
      const told: number[] = [];
      const before = await rowsOf("crossings");
      const answer = await work(asked("crossings", "rebuild", "1", { progress: (done, of) => told.push(done / of) }));
      expect(answer).toEqual({ projection: "crossings", old: "crossings__old", rows: before.length });
      expect(told.at(-1)).toBe(1);
      expect(await rowsOf("crossings")).toEqual(before);
      // The same run again: nobody was told of its end.
      expect(await work(asked("crossings", "rebuild", "1"))).toEqual({ projection: "crossings", old: "crossings__old" });
      expect(await failure(asked("crossings", "rebuild", "2"))).toMatch(/drop it first, with the step drop-old/);
      expect(await work(asked("crossings", "drop-old", "3"))).toEqual({ projection: "crossings", dropped: "crossings__old" });
      expect(await isThere("crossings__old")).toBe(false);
      expect(await failure(asked("crossings", "drop-old", "4"))).toBe("There is no old table of crossings.");
      expect(await work(asked("crossings", "rebuild", "5"))).toMatchObject({ rows: before.length });
    });

    it("refuses another of the same table meanwhile, and drops the half-built table when it is cancelled", async () => {
      const { work, failure } = await working();
      const before = await rowsOf("frames");
      const cancelled = new AbortController();
      const refused: string[] = [];
      const pause = async (): Promise<void> => {
        if (!(await isThere("frames__next"))) return;
        if (refused.length === 0) refused.push(await failure(asked("frames", "rebuild", "2")));
        cancelled.abort();
      };
      const error = await refusal(work(asked("frames", "rebuild", "1", { pause, stop: cancelled.signal })));
      expect(error.code).toBe("closed");
      expect(refused).toEqual(["frames is being built anew already."]);
      expect(await isThere("frames__next")).toBe(false);
      expect(await rowsOf("frames")).toEqual(before);
    });
  });
});
