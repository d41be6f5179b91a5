import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import { type BacktestWish, JobFailure, type Run } from "../../domain/job.ts";
import { limits } from "../../domain/limits.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { backtestWork } from "../../roles/jobs/backtest.ts";
import { alertsIn, live } from "../support/backtested.ts";
import { BEGIN, definitions, key, walks } from "../support/door.ts";
import { kinds } from "../support/driven.ts";
import { unhurried } from "../support/past.ts";

const [, openLmdb] = kinds[1] as (typeof kinds)[number];
const facts: readonly Fact[] = [...definitions(), ...walks(45)];

describe("a backtest as a job", () => {
  let logs: Logs;
  let remove: () => Promise<void>;
  let positions: readonly Position[];
  let told: Awaited<ReturnType<typeof live>>["told"];
  beforeEach(async () => {
    ({ logs, remove } = await openLmdb());
    ({ positions, told } = await live(logs, facts));
  });
  afterEach(() => remove());

  /** A fake of what is projected: all frames there are. */
  const spans = async (_tenant: string, cameras: readonly string[], { from, to }: { readonly from: number; readonly to: number }) => {
    const within = facts.flatMap((fact, i) =>
      fact.kind === "frame" && fact.timestamp >= from && fact.timestamp < to ? [positions[i] as Position] : [],
    );
    const found = { first: within[0] as Position, last: within.at(-1) as Position };
    return new Map(within.length === 0 ? [] : cameras.filter((camera) => camera === key.camera).map((camera) => [camera, found]));
  };
  const parts = (isSettled = true) => ({ logs, archive: undefined, spans, settled: async () => isSettled, limits });
  const wish = (over: Partial<BacktestWish> = {}): BacktestWish => ({
    kind: "backtest",
    cameras: [{ camera: key.camera, candidate: undefined }],
    from: BEGIN,
    to: BEGIN + 60_000,
    late: false,
    labels: [],
    tolerance: 0,
    ...over,
  });
  const ran = async (work: ReturnType<typeof backtestWork>, wanted: BacktestWish) => {
    const rows: BacktestRow[] = [];
    const progress: number[] = [];
    const run: Run<BacktestWish> = {
      ...unhurried,
      tenant: key.tenant,
      id: "1",
      wish: wanted,
      kept: undefined,
      progress: (done, of) => progress.push(done / of),
      keep: async () => undefined,
      rows: async (number, more) => {
        expect(number).toBe(rows.length);
        rows.push(...(JSON.parse(JSON.stringify(more)) as BacktestRow[]));
      },
    };
    return { result: (await work(run)) as { [name: string]: Json }, rows, progress };
  };

  it("writes its rows in order, counts last, and says in short what came of it", async () => {
    const { result, rows, progress } = await ran(backtestWork(parts()), wish());
    expect(result).toMatchObject({ frames: 45, both: 4, onlyThen: 0, onlyNow: 0, changed: 0, crossings: 44, countsFrom: 48 });
    expect(rows.filter(({ row }) => row === "alert")).toHaveLength(alertsIn(told).length);
    const counts = new Set(rows.slice(48).map(({ row }) => row));
    expect(counts).toEqual(new Set(["rule", "tripwire", "crossings", "stays"]));
    expect(rows.slice(0, 48).every(({ row }) => row === "alert" || row === "crossing")).toBe(true);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
    expect(progress.at(-1)).toBe(1);
  });

  it("gives the same where not all frames are projected yet", async () => {
    const range = { from: BEGIN + 2000, to: BEGIN + 6000 };
    const known = await ran(backtestWork(parts()), wish(range));
    const unknown = await ran(backtestWork(parts(false)), wish(range));
    expect(unknown.rows).toEqual(known.rows);
    expect(known.rows.length).toBeGreaterThan(20);
  });

  it("tells of a camera without a frame in that time that there was nothing", async () => {
    const { result } = await ran(backtestWork(parts()), wish({ from: BEGIN + 60_000, to: BEGIN + 70_000 }));
    expect(result).toMatchObject({ both: 0, onlyThen: 0, onlyNow: 0, crossings: 0 });
  });

  it("fails, naming the sensor, where facts of that time are gone and nothing keeps them", async () => {
    const { end } = await logs.facts.bounds(0);
    const release = await logs.claim((owned) => owned.commit({ out: [], next: end, checkpoint: [] }));
    await release();
    await logs.retain({ arrivedBefore: BEGIN + 4000, maxBytes: Number.MAX_SAFE_INTEGER, keepFrom: [] });
    await expect(ran(backtestWork(parts()), wish())).rejects.toThrow(JobFailure);
    await expect(ran(backtestWork(parts()), wish())).rejects.toThrow(/sensor shop/);
  });
});
