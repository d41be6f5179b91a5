import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { ask } from "../../projections/ask.ts";
import { crossings } from "../../projections/crossings.ts";
import { projections } from "../../projections/index.ts";
import { positionsOf } from "../../projections/positions.ts";
import type { Projection } from "../../projections/projection.ts";
import type { Scope } from "../../projections/questions.ts";
import { fold } from "../support/fold.ts";
import { BEGIN, historyOf, SPAN } from "../support/history.ts";
import { clock, embedded, noted, projected, tempDir } from "../support/warehouse.ts";

const scope: Scope = { tenant: "t", camera: "c", epochs: new Map() };
const open = { from: undefined, to: undefined, limit: 1000, after: undefined };
const REBUILDS = "tallywire_warehouse_rebuilds_total";

describe("the projector", () => {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const begin = async (size: number, logs = openMemoryLogs({ partitions: 2 })) => {
    const { dir, remove } = tempDir();
    ends.push(remove);
    const { facts, derived } = historyOf(7, "t", "c", size);
    const append = async (
      some: { readonly facts: readonly Fact[]; readonly derived: readonly Derived[] } = { facts, derived },
    ): Promise<void> => {
      for (let i = 0; i < some.facts.length; i += 20) await logs.facts.append(some.facts.slice(i, i + 20));
      for (let i = 0; i < some.derived.length; i += 20) await logs.derived.append(some.derived.slice(i, i + 20));
    };
    return { dir, logs, facts, derived, append };
  };
  /** Opens, projects all there is, asks, closes. */
  const visit = async (dir: string, logs: ReturnType<typeof openMemoryLogs>, list: readonly Projection[] = projections) => {
    const note = noted();
    const { warehouse } = await embedded(dir, note);
    try {
      const running = await projected(logs, warehouse, note, list);
      const questions = ask(warehouse, { clock, meter: note.meter });
      const answers = {
        alerts: (await questions.alerts(scope, { ...open, analytic: undefined })).rows,
        crossings: (await questions.crossings(scope, { ...open, tripwireId: undefined })).rows,
        stays: (await questions.stays(scope, { ...open, analytic: undefined, placeId: undefined })).rows,
        frames: (await questions.frames(scope, open)).rows,
        uptime: await questions.uptime(scope, open),
      };
      const rows: Record<string, number> = {};
      for (const { name, kind } of list) {
        if (kind === "rows") rows[name] = (await warehouse.select<{ n: number }>(`SELECT count() AS n FROM ${name}`, {}))[0]?.n ?? -1;
      }
      const span = await positionsOf(warehouse, scope, { from: BEGIN, to: BEGIN + SPAN });
      await running.stop();
      return { answers, rows, span, rebuilds: note.counted.get(REBUILDS) ?? 0, lines: note.lines };
    } finally {
      await warehouse.close();
    }
  };
  const expected = (facts: readonly Fact[], derived: readonly Derived[]) => {
    const told = fold(facts, derived);
    const all = { from: undefined, to: undefined };
    return {
      alerts: told.alerts(scope, { ...all, analytic: undefined }),
      crossings: told.crossings(scope, { ...all, tripwireId: undefined }),
      stays: told.stays(scope, { ...all, analytic: undefined, placeId: undefined }),
      frames: told.frames(scope, all),
      uptime: told.uptime(scope, all),
    };
  };
  const rowsOf = (facts: readonly Fact[], derived: readonly Derived[]) => ({
    alerts: derived.filter((e) => e.kind === "alert").length,
    crossings: derived.filter((e) => e.kind === "crossing").length,
    presence: derived.filter((e) => e.kind === "presence").length,
    coverage: derived.filter((e) => e.kind === "coverage").length,
    frames: facts.filter((e) => e.kind === "frame").length,
  });

  it("goes on where it was, inserts nothing twice and rebuilds nothing", async () => {
    const { dir, logs, facts, derived, append } = await begin(120);
    const half = { facts: facts.slice(0, 60), derived: derived.slice(0, 200) };
    await append(half);
    expect((await visit(dir, logs)).rows).toEqual(rowsOf(half.facts, half.derived));
    await append({ facts: facts.slice(60), derived: derived.slice(200) });
    const { rows, answers, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(0);
  });

  it("reckons what waits in the logs from the records there and the mean of those read", async () => {
    const { dir, logs, facts, derived, append } = await begin(120);
    await append();
    const { warehouse } = await embedded(dir);
    const { progress, stop } = await projected(logs, warehouse);
    const waiting = async (log: "facts" | "derived", from: (partition: number) => number): Promise<number> => {
      const ends = await Promise.all([0, 1].map(async (partition) => (await logs[log].bounds(partition)).end));
      return ends.reduce((sum, end, partition) => sum + progress.eventsBetween(log, from(partition), end), 0);
    };
    for (const [log, events] of [["facts", facts.length] as const, ["derived", derived.length] as const]) {
      expect(await waiting(log, (partition) => progress.passed(log, partition))).toBe(0);
      expect(Math.abs((await waiting(log, () => 0)) - events)).toBeLessThanOrEqual(2);
    }
    await stop();
    // More than was read, seen by nobody yet.
    await logs.facts.append(facts.slice(0, 20));
    expect(await waiting("facts", (partition) => progress.passed("facts", partition))).toBe(20);
    await warehouse.close();
  });

  it("loses nothing and repeats nothing while the engine is killed again and again", async () => {
    const { dir, logs, facts, derived, append } = await begin(400);
    const note = noted();
    const { warehouse } = await embedded(dir, note);
    const running = await projected(logs, warehouse, note);
    let kills = 0;
    const killing = setInterval(() => {
      const pid = warehouse.pid();
      if (pid !== undefined && kills < 6) {
        kills += 1;
        process.kill(pid, "SIGKILL");
      }
    }, 333);
    for (let i = 0; i < facts.length; i += 10) {
      const j = Math.floor((i / facts.length) * derived.length);
      await append({ facts: facts.slice(i, i + 10), derived: derived.slice(j, Math.floor(((i + 10) / facts.length) * derived.length)) });
      await clock.sleep(50);
    }
    clearInterval(killing);
    await running.caughtUp();
    await running.stop();
    await warehouse.close();
    expect(kills).toBeGreaterThan(2);
    expect(note.counted.get("tallywire_warehouse_restarts_total") ?? 0).toBeGreaterThan(2);
    const { rows, answers, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(0);
  });

  it("finishes a batch that was cut off between its mark and its rows, also when its tokens are forgotten", async () => {
    const { dir, logs, facts, derived, append } = await begin(30);
    await append();
    await visit(dir, logs);
    const { warehouse } = await embedded(dir);
    // What a crash leaves: the mark of a batch whose rows came into some tables only.
    await warehouse.define(["TRUNCATE TABLE crossings SYNC", "TRUNCATE TABLE positions SYNC"]);
    const marks = await warehouse.select<{ log: string; partition: number; turn: number }>(
      "SELECT log, partition, max(turn) AS turn FROM marks GROUP BY log, partition",
      {},
    );
    for (const { log, partition, turn } of marks) {
      await warehouse.insert(
        "marks",
        await warehouse.select(
          `SELECT log, partition, epoch, toInt64(0) AS begin, end, turn + 1 AS turn, tables, counts
        FROM marks WHERE log = {log:String} AND partition = {partition:UInt32} AND turn = {turn:Int64}`,
          { log, partition, turn },
        ),
        `cut ${log}`,
      );
    }
    await warehouse.close();
    const { rows, answers, span, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(span).toBeDefined();
    expect(rebuilds).toBe(0);
  });

  it("rebuilds a table that lost rows", async () => {
    const { dir, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(dir, logs);
    const { warehouse } = await embedded(dir);
    await warehouse.define(["ALTER TABLE alerts DELETE WHERE count = 3 SETTINGS mutations_sync = 2"]);
    await warehouse.close();
    const { rows, answers, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    expect((await visit(dir, logs)).rebuilds).toBe(0);
  });

  it("rebuilds a table with a torn part, and has peace afterwards", async () => {
    const { dir, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(dir, logs);
    const { warehouse } = await embedded(dir);
    const parts = await warehouse.select<{ path: string }>(
      "SELECT path FROM system.parts WHERE database = currentDatabase() AND table = 'presence' AND active",
      {},
    );
    await warehouse.close();
    const path = (parts[0] as { path: string }).path;
    const part = path.startsWith("/") ? path : join(dir, "data", path);
    for (const file of readdirSync(part))
      if (/^data\.bin$|^at\.bin$/.test(file)) truncateSync(join(part, file), Math.floor(statSync(join(part, file)).size / 2));
    const { rows, answers, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    expect((await visit(dir, logs)).rebuilds).toBe(0);
  });

  it("builds a table of another version anew, and carries over what the log no longer holds", async () => {
    const { dir, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(dir, logs);
    const grown: Projection<"derived"> = {
      ...crossings,
      version: crossings.version + 1,
      ddl: (table) => crossings.ddl(table).replace("late Bool,", "late Bool, isLate UInt8,"),
      rows: (event, position, partition) =>
        crossings.rows(event, position, partition).map((row) => ({ ...row, isLate: event.kind === "crossing" && event.late ? 1 : 0 })),
    };
    const list = projections.map((p) => (p.name === "crossings" ? grown : p));
    // A log whose oldest third is gone: what retention leaves.
    const starts = await Promise.all([0, 1].map((p) => logs.derived.bounds(p)));
    const shortened = {
      facts: logs.facts,
      derived: new Proxy(logs.derived, {
        get: (log, name) => {
          if (name === "bounds") return async (p: number) => ({ ...(await log.bounds(p)), start: startOf(p) });
          if (name === "read") {
            return (p: number, from: unknown, how: object) =>
              log.read(p, from === "start" ? startOf(p) : Math.max(from as number, startOf(p)), how);
          }
          const value: unknown = Reflect.get(log, name, log);
          return typeof value === "function" ? value.bind(log) : value;
        },
      }),
    } as unknown as typeof logs;
    const startOf = (p: number): number => Math.floor((starts[p]?.end ?? 0) / 3 / 65_536) * 65_536;
    const { rows, answers, rebuilds } = await visit(dir, shortened, list);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    const { warehouse } = await embedded(dir);
    const [marked] = await warehouse.select<{ n: number; all: number }>(
      "SELECT countIf(late = (isLate = 1)) AS n, countIf(late) AS all FROM crossings",
      {},
    );
    expect(marked?.n).toBeGreaterThan((rows.crossings as number) / 2);
    await warehouse.close();
    expect((await visit(dir, shortened, list)).rebuilds).toBe(0);
  });

  it("fills a new table from the log's start and leaves the others alone", async () => {
    const { dir, logs, facts, derived, append } = await begin(40);
    await append();
    await visit(dir, logs);
    const { warehouse } = await embedded(dir);
    await warehouse.define(["DROP TABLE presence SYNC", "ALTER TABLE versions DELETE WHERE name = 'presence' SETTINGS mutations_sync = 2"]);
    await warehouse.close();
    const { rows, answers, rebuilds } = await visit(dir, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
  });

  it("follows a log made anew: the old one's later events go, its earlier history stays", async () => {
    const { dir, logs, append } = await begin(40);
    await append();
    await visit(dir, logs);
    const later = historyOf(8, "t", "c", 30);
    const shift = <E extends Fact | Derived>(e: E): E => ({ ...e, receivedAt: e.receivedAt + SPAN * 5 });
    const fresh = openMemoryLogs({ partitions: 2 });
    const [facts, derived] = [later.facts.map(shift), later.derived.map(shift)];
    await fresh.facts.append(facts);
    await fresh.derived.append(derived);
    const oldest = (all: readonly (Fact | Derived)[]): number =>
      all.reduce((least, e) => Math.min(least, e.receivedAt), Number.MAX_SAFE_INTEGER);
    const old = historyOf(7, "t", "c", 40);
    const keptFacts = old.facts.filter((e) => e.receivedAt < oldest(facts));
    const keptDerived = old.derived.filter((e) => e.receivedAt < oldest(derived));
    expect(keptFacts.length).toBeGreaterThan(5);
    const { rows, rebuilds } = await visit(dir, fresh);
    expect(rows).toEqual(rowsOf([...keptFacts, ...facts], [...keptDerived, ...derived]));
    expect(rebuilds).toBe(projections.length);
    expect((await visit(dir, fresh)).rebuilds).toBe(0);
  });
});
