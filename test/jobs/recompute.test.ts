import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import type { Json } from "../../domain/envelope.ts";
import { JobFailure, type RecomputeWish, type Run } from "../../domain/job.ts";
import { limits } from "../../domain/limits.ts";
import type { Logs } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { recomputeWork } from "../../roles/jobs/recompute.ts";
import { allOf, type Driving, driving, watched } from "../support/driven.ts";
import { type FakeClock, fakeClock } from "../support/fake-clock.ts";
import { BEGIN, briefs, decisions, define, framesOf, KEY, lately, outcomesOf } from "../support/passers-by.ts";

const { door, pairs, singles } = decisions;
const facts = [
  ...define(1, door, pairs),
  ...lately(
    framesOf(
      [
        ["p1", 1000],
        ["p2", 3000],
        ["p3", 5000],
      ],
      0,
      8000,
    ),
    [2000, 4000],
  ),
];
const wish: RecomputeWish = { kind: "recompute", camera: KEY.camera, from: BEGIN, to: BEGIN + 60_000, definitions: "then" };
const DAY_MS = 86_400_000;
/** More turns than any work of these tests takes. */
const MOST_TURNS = 2000;

describe("the job of a recomputation", () => {
  let dir: string;
  let logs: Logs;
  let clock: FakeClock;
  const running: Driving[] = [];
  beforeEach(async () => {
    isProjected = false;
    dir = mkdtempSync(join(tmpdir(), "tallywire-recompute-"));
    logs = await openLmdbLogs({ dir, partitions: 1, factsPerBatch: 10 });
    clock = fakeClock(BEGIN + DAY_MS);
    await logs.facts.append(facts);
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.release();
    await logs.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What the projector has not come to is not known of. */
  let isProjected: boolean;
  const work = (known = true) =>
    recomputeWork({
      ...{ logs, clock, limits },
      isDecided: async () => known,
      span: async (_, { from }) => (known && isProjected && from > 0 ? { first: 3, last: 40 * 65_536 } : undefined),
      settled: async () => {
        isProjected = true;
        return true;
      },
    });
  const own = async (): Promise<void> => {
    running.push(await driving(watched(logs, clock), clock));
  };
  /** A run, and what it kept. `dies`: the process ends when that was to be kept. */
  const runOf = (wished: Partial<RecomputeWish> = {}, kept?: Json, dies?: (where: Json) => boolean) => {
    const stop = createStop();
    const at: { kept: Json | undefined; told: (readonly [number, number])[] } = { kept, told: [] };
    const run: Run<RecomputeWish> = {
      ...{ tenant: KEY.tenant, id: "job-1", wish: { ...wish, ...wished }, stop: stop.signal, kept },
      progress: (done, of) => void at.told.push([done, of]),
      keep: async (where) => {
        if (dies?.(where) === true) throw new Error("killed");
        at.kept = where;
      },
      pause: async () => {},
      rows: async () => {},
    };
    return { run, stop, at };
  };
  const settled = async <T>(ran: Promise<T>): Promise<T> => {
    let isSettled = false;
    const end = (): void => {
      isSettled = true;
    };
    ran.then(end, end);
    for (let turn = 0; turn < MOST_TURNS && !isSettled; turn++) await clock.pass(50, 50);
    expect(isSettled).toBe(true);
    return ran;
  };

  it("tells how many were raised, revised and retracted once the owner has committed it", async () => {
    await own();
    const { run, at } = runOf();
    expect(await settled(work()(run))).toEqual({
      ...{ from: wish.from, to: wish.to },
      alerts: { raised: 0, revised: 1, retracted: 0 },
      crossings: { raised: 1, revised: 0, retracted: 0 },
      stays: { raised: 1, revised: 0, retracted: 0 },
    });
    expect(at.told.at(-1)).toEqual([1, 1]);
    expect(briefs(await allOf(logs.derived), "alert").at(-1)).toBe("alert pairs v2 p1,p2 r1");
    const [fact] = (await allOf(logs.facts)).filter(({ kind }) => kind === "recompute");
    expect(fact).toMatchObject({ ...KEY, id: "job-1", since: 3, definitions: "then" });
  });

  it("asks once, whichever process ran it before, and hears of what was told while nobody waited", async () => {
    const { run, at, stop } = runOf();
    const first = work()(run);
    const cut = expect(first).rejects.toMatchObject({ code: "closed" });
    for (let turn = 0; turn < MOST_TURNS && (at.kept as { asked?: boolean } | undefined)?.asked !== true; turn++) await clock.pass(50, 50);
    stop.stop();
    await cut;
    await own();
    for (let turn = 0; turn < MOST_TURNS && outcomesOf(await allOf(logs.derived)).length === 0; turn++) await clock.pass(50, 50);
    const again = runOf({}, at.kept);
    expect(await settled(work()(again.run))).toMatchObject({ alerts: { raised: 0, revised: 1, retracted: 0 } });
    expect((await allOf(logs.facts)).filter(({ kind }) => kind === "recompute")).toHaveLength(1);
  });

  it("cut off before it kept that it had asked, it asks again, and tells what the first came to", async () => {
    await own();
    const { run, at } = runOf({}, undefined, (where) => (where as { asked: boolean }).asked);
    await expect(settled(work()(run))).rejects.toThrow("killed");
    expect(await settled(work()(runOf({}, at.kept).run))).toMatchObject({ alerts: { raised: 0, revised: 1, retracted: 0 } });
    for (let turn = 0; turn < MOST_TURNS && outcomesOf(await allOf(logs.derived)).length < 2; turn++) await clock.pass(50, 50);
    expect(outcomesOf(await allOf(logs.derived)).map(({ events }) => events > 0)).toEqual([true, false]);
  });

  it("keeps something new each time it is taken up while the owner is at it, so that lost processes do not fail it", async () => {
    const { run, at } = runOf({}, undefined);
    let kept: Json | undefined;
    let ran = run;
    let last = at;
    for (let times = 0; times < limits.jobStarts + 2; times++) {
      const stop = createStop();
      const waiting = work()({ ...ran, stop: stop.signal });
      const cut = expect(waiting).rejects.toMatchObject({ code: "closed" });
      const before = JSON.stringify(kept ?? null);
      const isAsked = () => (last.kept as { asked?: boolean } | undefined)?.asked === true && JSON.stringify(last.kept) !== before;
      for (let turn = 0; turn < MOST_TURNS && !isAsked(); turn++) await clock.pass(50, 50);
      expect(isAsked()).toBe(true);
      stop.stop();
      await cut;
      kept = last.kept;
      const next = runOf({}, kept);
      ran = next.run;
      last = next.at;
    }
    await own();
    expect(await settled(work()(ran))).toMatchObject({ alerts: { raised: 0, revised: 1, retracted: 0 } });
    expect((await allOf(logs.facts)).filter(({ kind }) => kind === "recompute")).toHaveLength(1);
  });

  it("fails, and does not hang, where a defect has stopped the camera", async () => {
    await logs.facts.append(define(7, singles));
    await own();
    await expect(settled(work()(runOf({ definitions: "now", to: BEGIN + DAY_MS }).run))).rejects.toThrow(
      /^A defect stopped the camera's rules in that time: .*one is missing$/,
    );
  });

  it.each([
    ["a time that ends before it begins", { to: BEGIN - 1 }, true, "The time ends before it begins."],
    ["no time at all", { to: BEGIN }, true, "The time ends before it begins."],
    ["a time that is too long", { to: BEGIN + limits.jobRangeMs + 1 }, true, "longer than the 366 days"],
    ["a camera nobody ever heard of", {}, false, "Nothing was ever heard of this camera."],
  ] as const)("refuses %s, and nothing of it is in the log", async (_, wished, known, reason) => {
    const ran = work(known)(runOf(wished).run);
    await expect(ran).rejects.toBeInstanceOf(JobFailure);
    await expect(ran).rejects.toThrow(reason);
    expect(await allOf(logs.facts)).toHaveLength(facts.length);
  });
});
