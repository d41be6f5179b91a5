/** What the projector does, whatever warehouse it brings its rows into. */
import { expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { crossings } from "../../projections/crossings.ts";
import { projections } from "../../projections/index.ts";
import type { Projection } from "../../projections/projection.ts";
import { historyOf, SPAN } from "../support/history.ts";
import { type Stored, visits } from "../support/visits.ts";
import { projected } from "../support/warehouse.ts";

export const projectorSuite = (opens: () => Promise<Stored>): void => {
  const { begin, visit, expected, rowsOf } = visits(opens);

  it("goes on where it was, inserts nothing twice and rebuilds nothing", async () => {
    const { stored, logs, facts, derived, append } = await begin(120);
    const half = { facts: facts.slice(0, 60), derived: derived.slice(0, 200) };
    await append(half);
    expect((await visit(stored, logs)).rows).toEqual(rowsOf(half.facts, half.derived));
    await append({ facts: facts.slice(60), derived: derived.slice(200) });
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(0);
  });

  it("reckons what waits in the logs from the records there and the mean of those read", async () => {
    const { stored, logs, facts: all, derived, append } = await begin(120);
    // Records of 20 facts each: so the next of them is as the mean.
    const facts = all.slice(0, all.length - (all.length % 20));
    await append({ facts, derived });
    const warehouse = await stored.open();
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

  it("finishes a batch that was cut off between its mark and its rows, also when its tokens are forgotten", async () => {
    const { stored, logs, facts, derived, append } = await begin(30);
    await append();
    await visit(stored, logs);
    const warehouse = await stored.open();
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
    const { rows, answers, span, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(span).toBeDefined();
    expect(rebuilds).toBe(0);
  });

  it("rebuilds a table that lost rows", async () => {
    const { stored, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(stored, logs);
    const warehouse = await stored.open();
    await warehouse.define(["ALTER TABLE alerts DELETE WHERE count = 3 SETTINGS mutations_sync = 2"]);
    await warehouse.close();
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    expect((await visit(stored, logs)).rebuilds).toBe(0);
  });

  it("builds a table of another version anew, and carries over what the log no longer holds", async () => {
    const { stored, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(stored, logs);
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
    const { rows, answers, rebuilds } = await visit(stored, shortened, list);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    const warehouse = await stored.open();
    const [marked] = await warehouse.select<{ n: number; all: number }>(
      "SELECT countIf(late = (isLate = 1)) AS n, countIf(late) AS all FROM crossings",
      {},
    );
    expect(marked?.n).toBeGreaterThan((rows.crossings as number) / 2);
    await warehouse.close();
    expect((await visit(stored, shortened, list)).rebuilds).toBe(0);
  });

  it("rebuilds everything when its books are torn, and has peace afterwards", async () => {
    const { stored, logs, facts, derived, append } = await begin(20);
    await append();
    await visit(stored, logs);
    const warehouse = await stored.open();
    await warehouse.define(["ALTER TABLE marks DETACH PARTITION tuple()"]);
    expect(await warehouse.damaged()).toEqual(["marks"]);
    await warehouse.close();
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(projections.length);
    expect((await visit(stored, logs)).rebuilds).toBe(0);
  });

  it("fills a new table from the log's start and leaves the others alone", async () => {
    const { stored, logs, facts, derived, append } = await begin(40);
    await append();
    await visit(stored, logs);
    const warehouse = await stored.open();
    await warehouse.define(["DROP TABLE presence SYNC", "ALTER TABLE versions DELETE WHERE name = 'presence' SETTINGS mutations_sync = 2"]);
    await warehouse.close();
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
  });

  it("follows a log made anew: the old one's later events go, its earlier history stays", async () => {
    const { stored, logs, append } = await begin(40);
    await append();
    await visit(stored, logs);
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
    const { rows, rebuilds } = await visit(stored, fresh);
    expect(rows).toEqual(rowsOf([...keptFacts, ...facts], [...keptDerived, ...derived]));
    expect(rebuilds).toBe(projections.length);
    expect((await visit(stored, fresh)).rebuilds).toBe(0);
  });
};
