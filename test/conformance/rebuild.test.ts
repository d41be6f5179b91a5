/** A table built anew beside the one that is used: while its projectors go on, cut off anywhere and taken up again, with a log that forgets. */
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { AdapterError, type Warehouse } from "../../domain/ports.ts";
import { crossings } from "../../projections/crossings.ts";
import { projections as all } from "../../projections/index.ts";
import { positions } from "../../projections/positions.ts";
import type { Projection } from "../../projections/projection.ts";
import { readBuilding } from "../../projections/rebuild-books.ts";
import { createModels } from "../../roles/warehouse.ts";
import { buildingBeside, shortened } from "../support/building-beside.ts";
import { refusal } from "../support/refusal.ts";
import { clock } from "../support/warehouse.ts";

/**
 * Where a builder is cut off: at every third of its statements, each day at others; `REBUILD_CUTS=all` is at every one. Every other time what
 * was sent is done, and only the answer is lost; with all of them it is both ways. `REBUILD_TURN` (0 to 5) repeats a day's.
 */
const isThorough = process.env.REBUILD_CUTS === "all";
const TURN = Number(process.env.REBUILD_TURN ?? Math.floor(Date.now() / 86_400_000) % 6);
const MOST_STATEMENTS = 200;
const CUTS = Array.from({ length: MOST_STATEMENTS }, (_, i) => i + 1).flatMap((cutAt) => {
  if (isThorough) return [false, true].map((isLost) => ({ cutAt, isLost }));
  return cutAt % 3 === TURN % 3 ? [{ cutAt, isLost: cutAt % 2 === (TURN < 3 ? 0 : 1) }] : [];
});
const ROOMY = { events: 200, weight: 100_000 };

describe("a table that is built beside the one in use", { timeout: 300_000 }, () => {
  const { the, derived, append, live, rowsOf, spansOf, isThere, rowsAddUp } = buildingBeside();

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
    const ends = await Promise.all([0, 1].map(async (p) => Math.floor((await the.logs.facts.bounds(p)).end / 3 / 65_536) * 65_536));
    const second = await live(all, shortened(the.logs, { facts: ends, derived: [0, 0] }));
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
    const ends = await Promise.all([0, 1].map(async (p) => Math.floor((await the.logs.derived.bounds(p)).end / 65_536)));
    const starts = ends.map((end) => Math.floor(end / 4) * 65_536);
    const forgetting = shortened(the.logs, { facts: [0, 0], derived: starts });
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
    const starts = await Promise.all([0, 1].map(async (p) => Math.floor((await the.logs.derived.bounds(p)).end / 3 / 65_536) * 65_536));
    const first = await live(list);
    await first.caughtUp();
    await first.stop();
    const log = shortened(the.logs, { facts: [0, 0], derived: starts });
    let one = await live(list, log);
    let goneOn = 0;
    let sent = 0.5;
    let isCut = true;
    let last = 0;
    for (const { cutAt, isLost } of CUTS) {
      if (!isCut) break;
      last = cutAt;
      let left = cutAt;
      const cut = async <T>(work: () => Promise<T>): Promise<T> => {
        left -= 1;
        if (left === 0 && isLost) await work();
        if (left <= 0) throw new AdapterError("closed", "cut off", { retryable: false });
        return work();
      };
      const cutting: Warehouse = {
        ...the.warehouse,
        // Each statement of a definition is one.
        define: async (ddl) => {
          for (const statement of ddl) await cut(() => the.warehouse.define([statement]));
        },
        insert: (table, rows, token) => cut(() => the.warehouse.insert(table, rows, token)),
        select: (sql, params) => the.warehouse.select(sql, params),
      };
      const by = `job ${cutAt} ${isLost}`;
      isCut = await one.rebuild(crossings, { warehouse: cutting, by, slice: ROOMY }).then(
        () => false,
        () => true,
      );
      await one.stop();
      const two = await live(list, log);
      expect([cutAt, two.outdated]).toEqual([cutAt, []]);
      const found = await readBuilding(the.warehouse, "crossings");
      if (found?.by !== by || found.stage !== "done") await two.rebuild(crossings, { by, slice: ROOMY });
      if (two.lines.some((line) => line.includes('"goesOn":true'))) goneOn += 1;
      await append(sent, Math.min(1, sent + 0.02));
      sent = Math.min(1, sent + 0.02);
      await two.caughtUp();
      one = two;
      expect([cutAt, (await rowsOf("crossings__old")).length > 0, await isThere("crossings__next")]).toEqual([cutAt, true, false]);
      await rowsAddUp(list);
    }
    await one.stop();
    expect(isCut).toBe(false);
    expect(last).toBeGreaterThan(15);
    expect(goneOn).toBeGreaterThan(0);
    const keys = "at, objectId, placeId, direction, confirmedAt, placeEpoch, camera, position, partition";
    const rows = await rowsOf("crossings", keys);
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(rows.length);
    await the.warehouse.define(["DROP TABLE crossings SYNC", "TRUNCATE TABLE marks SYNC", "TRUNCATE TABLE versions SYNC"]);
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
    const left = await readBuilding(the.warehouse, "crossings");
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
    const marked = await the.warehouse.select<{ right: number; n: number; marked: number }>(
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

  it("keeps those who ask of it waiting, for as long as they would wait for what was just written; others are answered", async () => {
    await append(0, 0.1);
    const one = await live();
    await one.caughtUp();
    const asking = (afterMs: number) => {
      const models = createModels({ clock, ...one, limits: { ...limits, afterMs }, stop: one.end.signal });
      models.state.warehouse = the.warehouse;
      models.open();
      models.borders.takeOut("crossings");
      return models;
    };
    const scope = { tenant: "t", camera: "c", epochs: new Map() };
    const all = { from: undefined, to: undefined, limit: 1000, after: undefined };
    const soon = asking(1);
    expect(await refusal(soon.ask.crossings(scope, { ...all, tripwireId: undefined }))).toMatchObject({
      code: "unavailable",
      retryable: true,
      message: "The table crossings is being built anew.",
    });
    expect((await soon.ask.frames(scope, all)).rows.length).toBeGreaterThan(0);
    const late = asking(100_000);
    const answer = late.ask.crossings(scope, { ...all, tripwireId: undefined });
    await late.ask.frames(scope, all);
    late.borders.putIn("crossings");
    expect((await answer).rows.length).toBeGreaterThan(0);
  });
});
