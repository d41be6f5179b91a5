/** What a job does that rebuilds a table, and what it refuses. */
import { describe, expect, it } from "vitest";
import { JobFailure, type RebuildWish, type Run } from "../../domain/job.ts";
import { AdapterError, type Warehouse } from "../../domain/ports.ts";
import { projections as all } from "../../projections/index.ts";
import { readBuilding } from "../../projections/rebuild-books.ts";
import { rebuildWork } from "../../roles/jobs/rebuild.ts";
import { atOnce, buildingBeside } from "../support/building-beside.ts";
import { refusal } from "../support/refusal.ts";
import { clock } from "../support/warehouse.ts";

describe("a rebuild as a job", { timeout: 120_000 }, () => {
  const { the, append, live, rowsOf, isThere } = buildingBeside();
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
      logs: the.logs,
      warehouse: () => the.warehouse,
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
    expect(await work(asked("crossings", "drop-old", "3"))).toEqual({ projection: "crossings", dropped: ["crossings__old"] });
    expect(await isThere("crossings__old")).toBe(false);
    expect(await failure(asked("crossings", "drop-old", "4"))).toBe("There is no old table of crossings.");
    expect(await work(asked("crossings", "rebuild", "5"))).toMatchObject({ rows: before.length });
  });

  it("is refused where the disk has no room for a second table", async () => {
    const { one } = await working();
    // A fake only in what the engine says of its disk.
    const select: Warehouse["select"] = async (sql, params) =>
      the.warehouse.select(sql.replace("(SELECT min(free_space) FROM system.disks)", "toUInt64(100)"), params);
    const work = rebuildWork({
      logs: the.logs,
      warehouse: () => ({ ...the.warehouse, select }),
      projections: all,
      borders: one.borders,
      isAlone: true,
      clock,
      journal: one.journal,
      meter: one.meter,
      stop: one.end.signal,
    });
    await expect(work(asked("frames", "rebuild", "1"))).rejects.toThrow(/frames has \d+ bytes, and \d+ must be free .* there are 100\./);
    expect(await isThere("frames__next")).toBe(false);
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

  it("drops with the old table what was left half built, where nobody goes on with it", async () => {
    const { one, work } = await working();
    let rests = 0;
    const pause = async (): Promise<void> => {
      rests += 1;
      if (rests > 1) throw new AdapterError("unavailable", "away", { retryable: true });
    };
    expect((await refusal(work(asked("frames", "rebuild", "1", { pause })))).code).toBe("unavailable");
    expect(await isThere("frames__next")).toBe(true);
    expect(await work(asked("frames", "drop-old", "2"))).toEqual({ projection: "frames", dropped: ["frames__next"] });
    expect(await isThere("frames__next")).toBe(false);
    expect((await readBuilding(the.warehouse, "frames"))?.stage).toBe("none");
    expect(one.borders.out()).toEqual([]);
  });
});
