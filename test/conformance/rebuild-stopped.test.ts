/** A rebuild whose projectors end at any moment, as they do when the process is told to stop: nothing half built takes a table's place. */
import { describe, expect, it } from "vitest";
import type { RebuildWish, Run } from "../../domain/job.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { crossings } from "../../projections/crossings.ts";
import { projections as all } from "../../projections/index.ts";
import { positions } from "../../projections/positions.ts";
import type { Projection } from "../../projections/projection.ts";
import { rebuildWork } from "../../roles/jobs/rebuild.ts";
import { verifyWork } from "../../roles/jobs/verify.ts";
import { atOnce, buildingBeside } from "../support/building-beside.ts";
import { refusal } from "../support/refusal.ts";
import { clock } from "../support/warehouse.ts";

const SLICE = { events: 2000, weight: 100_000 };

describe("a rebuild whose projectors end", { timeout: 120_000 }, () => {
  const { the, append, live, rowsOf, spansOf, rowsAddUp } = buildingBeside();

  const whereverTheyEnd = async (projection: Projection, read: () => Promise<readonly unknown[]>): Promise<void> => {
    const list = [projection];
    await append(0, 1);
    const first = await live(list);
    await first.caughtUp();
    await first.stop();
    const before = await read();
    expect(before.length).toBeGreaterThan(2);
    let cuts = 0;
    // Every other one: all of them take a minute.
    for (let cutAt = 1, isCut = true; isCut; cutAt += 2) {
      isCut = false;
      const one = await live(list);
      await one.caughtUp();
      const by = `job ${cutAt}`;
      let calls = 0;
      let isExchanged = false;
      let wasExchanged = false;
      // Every await of it on the warehouse is one moment. The rebuild itself is told nothing.
      const moment = async (): Promise<void> => {
        calls += 1;
        if (calls !== cutAt) return;
        isCut = true;
        wasExchanged = isExchanged;
        await one.stop();
      };
      const ending: Warehouse = {
        ...the.warehouse,
        define: async (ddl) => {
          for (const statement of ddl) {
            await moment();
            if (statement.startsWith(`EXCHANGE TABLES ${projection.name} AND`) && !isCut) isExchanged = true;
            await the.warehouse.define([statement]);
          }
        },
        insert: async (table, rows, token) => {
          await moment();
          await the.warehouse.insert(table, rows, token);
        },
        select: async (sql, params) => {
          await moment();
          return the.warehouse.select(sql, params);
        },
      };
      const stop = new AbortController().signal;
      const rebuilt = one.rebuild(projection, { warehouse: ending, by, keeps: false, slice: SLICE, stop });
      const error = await rebuilt.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await one.stop();
      expect([cutAt, await read()]).toEqual([cutAt, before]);
      if (!isCut) break;
      if (error === undefined) continue;
      cuts += 1;
      expect([cutAt, wasExchanged, isExchanged]).toEqual([cutAt, false, false]);
      expect(error).toMatchObject({ code: "closed", retryable: true });
      const two = await live(list);
      expect([cutAt, two.outdated]).toEqual([cutAt, []]);
      await two.rebuild(projection, { by, keeps: false, slice: SLICE });
      await two.stop();
      expect([cutAt, await read()]).toEqual([cutAt, before]);
      await rowsAddUp(list);
    }
    expect(cuts).toBeGreaterThan(3);
  };

  it("exchanges nothing of a summary, and goes on with it afterwards", () => whereverTheyEnd(positions, () => spansOf("positions")));
  it("exchanges nothing of a table of rows, and goes on with it afterwards", () => whereverTheyEnd(crossings, () => rowsOf("crossings")));

  const asked = (more: Partial<Run<RebuildWish>>): Run<RebuildWish> => ({
    tenant: "t",
    id: "1",
    wish: { kind: "rebuild", projection: "crossings", step: "rebuild" },
    stop: new AbortController().signal,
    kept: undefined,
    progress: () => undefined,
    keep: atOnce,
    pause: atOnce,
    rows: atOnce,
    ...more,
  });

  it("waits, as a job that had begun, until the start has made the table whole; another is refused, and a verification waits too", async () => {
    await append(0, 0.3);
    const one = await live();
    await one.caughtUp();
    const parts = { logs: the.logs, borders: one.borders, clock, journal: one.journal };
    const work = rebuildWork({
      ...parts,
      warehouse: () => the.warehouse,
      projections: all,
      isAlone: true,
      meter: one.meter,
      stop: one.end.signal,
    });
    const before = await rowsOf("crossings");
    one.borders.takeOut("crossings");
    await expect(work(asked({ id: "2" }))).rejects.toThrow("crossings is being built anew already.");
    const cancelled = new AbortController();
    const waiting = work(asked({ kept: 0, stop: cancelled.signal }));
    cancelled.abort();
    expect((await refusal(waiting)).code).toBe("closed");
    const goesOn = work(asked({ kept: 0 }));
    const verify = verifyWork({ ...parts, warehouse: () => the.warehouse, reached: (_log, _partition, { end }) => end });
    const looked: string[] = [];
    const verified = verify({
      ...asked({}),
      wish: { kind: "verify", from: undefined, to: undefined, derive: false },
      pause: async () => void looked.push(one.borders.out().join()),
    });
    await one.borders.still("derived", 2, async () => one.borders.putIn("crossings"));
    expect(await goesOn).toEqual({ projection: "crossings", old: "crossings__old", rows: before.length });
    await verified;
    expect(new Set(looked)).toEqual(new Set([""]));
    // Had the start built it once more, the old table would be this job's own.
    expect(await work(asked({ id: "3", kept: 0 }))).toEqual({ projection: "crossings", old: "crossings__old" });
  });
});
