import { afterEach, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import type { Job } from "../../domain/job.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError } from "../../domain/ports.ts";
import { jobStream } from "../../domain/streams.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { asked, handShares, heldWork, openProcess } from "../support/jobs.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const given = () => {
  const clock = fakeClock(NOW);
  const store = openMemoryStore();
  const logs = openMemoryLogs({ partitions: 4 });
  const held = heldWork();
  const process = openProcess({ store, share: (name, work) => logs.share(name, work), clock, works: { archive: held.work } });
  const asking = openProcess({ store, share: handShares(4).share, clock });
  open.push(asking.close, process.close);
  const told: Job[] = [];
  process.jobs.watch("t1", (job) => told.push(job));
  const decided = async () => (await store.read(jobStream("t1"))).map(({ type }) => type);
  return { clock, store, process, asking, told, decided, ...held };
};
const running = async () => {
  const one = given();
  const job = await asked(one.process);
  await one.clock.pass(1000);
  const [first] = one.runs;
  if (first === undefined) throw new Error("the job does not run");
  one.told.splice(0);
  return { ...one, job, run: first.run, end: first };
};

describe("how far a job is", () => {
  it("is told to watchers here at most four times a second, the newest at last, and to nobody when it has not changed", async () => {
    const { clock, run, told } = await running();
    for (let n = 1; n <= 100; n++) {
      run.progress(n, 1000);
      await clock.pass(10, 10);
    }
    await clock.pass(1000);
    expect(told.length).toBeGreaterThanOrEqual(4);
    expect(told.length).toBeLessThanOrEqual(6);
    expect(told.at(-1)).toMatchObject({ state: "running", progress: { done: 100, of: 1000 } });
    const before = told.length;
    run.progress(100, 1000);
    await clock.pass(5000);
    expect(told.length).toBe(before);
  });

  it("can be asked for here at any moment", async () => {
    const { run, process, job } = await running();
    run.progress(7, 9);
    expect((await process.jobs.get("t1", "archive", job.id))?.progress).toEqual({ done: 7, of: 9 });
    expect((await process.jobs.list("t1", "archive"))[0]?.progress).toEqual({ done: 7, of: 9 });
  });

  it("is decided every other second at most, so that other processes know", async () => {
    const { clock, run, decided, asking, job } = await running();
    await clock.pass(2000);
    for (let n = 1; n <= 100; n++) {
      run.progress(n, 100);
      await clock.pass(100, 100);
    }
    expect((await decided()).filter((type) => type === "job-progressed")).toHaveLength(5);
    const elsewhere = (await asking.jobs.get("t1", "archive", job.id))?.progress;
    expect(elsewhere?.of).toBe(100);
    expect(elsewhere?.done).toBeGreaterThan(70);
  });

  it("is decided a hundred times at most, however long it takes, and once more at its end", async () => {
    const { clock, run, end, decided, asking, job } = await running();
    for (let n = 1; n <= 1000; n++) {
      run.progress(n, 1000);
      await clock.pass(2100, 2100);
    }
    run.progress(1001, 1001);
    const all = (await decided()).filter((type) => type === "job-progressed").length;
    expect([all > 50, all <= 102]).toEqual([true, true]);
    end.done(null);
    await clock.pass(1000);
    expect(await asking.jobs.get("t1", "archive", job.id)).toMatchObject({ state: "done", progress: { done: 1001, of: 1001 } });
  });

  it("is told no more when the watcher has stopped", async () => {
    const { clock, process, run, told } = await running();
    const more: Job[] = [];
    process.jobs.watch("t1", (job) => more.push(job)).stop();
    run.progress(1, 2);
    await clock.pass(1000);
    expect([told.length, more.length]).toEqual([1, 0]);
  });

  it("is told to watchers elsewhere as it is decided", async () => {
    const { clock, asking, run, end } = await running();
    const told: Job[] = [];
    asking.jobs.watch("t1", (job) => told.push(job));
    await clock.pass(2000);
    run.progress(1, 2);
    await clock.pass(1000);
    end.done(null);
    await clock.pass(1000);
    expect(told.map(({ state, progress }) => [state, progress?.done])).toEqual([
      ["running", 1],
      ["done", 1],
    ]);
  });
});

describe("a job that meets what may pass", () => {
  const away = () => new AdapterError("unavailable", "The server at 10.0.0.7 is away.", { retryable: true });

  it("waits, longer each time, and goes on from what it kept", async () => {
    const { clock, run, runs, end, process, job } = await running();
    await run.keep("there");
    end.fail(away());
    await clock.pass(500);
    expect([runs.length, (await process.jobs.get("t1", "archive", job.id))?.state]).toEqual([1, "queued"]);
    await clock.pass(1000);
    expect([runs.length, runs[1]?.run.kept]).toEqual([2, "there"]);
    runs[1]?.fail(away());
    await clock.pass(1500);
    expect(runs).toHaveLength(2);
    await clock.pass(1000);
    expect(runs).toHaveLength(3);
    runs[2]?.done("at last");
    await clock.pass(1000);
    expect(await process.jobs.get("t1", "archive", job.id)).toMatchObject({ state: "done", result: "at last" });
  });

  it("keeps no other from being run meanwhile", async () => {
    const { clock, end, runs, process } = await running();
    const next = await asked(process);
    end.fail(away());
    await clock.pass(250);
    expect(runs[1]?.run.id).toBe(next.id);
  });

  it("fails when it has come no further for long enough, and says why without naming the inside", async () => {
    const { clock, runs, process, job } = await running();
    const state = async () => (await process.jobs.get("t1", "archive", job.id))?.state;
    for (let tried = 0; (await state()) !== "failed" && tried < 200; tried++) {
      runs.at(-1)?.fail(away());
      await clock.pass(limits.jobBackoffMs + 1000, 10_000);
    }
    expect(await process.jobs.get("t1", "archive", job.id)).toMatchObject({
      state: "failed",
      reason: "something that it needs cannot be reached",
    });
    const passed = clock.now() - NOW;
    expect([passed > limits.jobPatienceMs, passed < limits.jobPatienceMs * 1.2]).toEqual([true, true]);
  });

  it("is tried for longer where it comes further each time", async () => {
    const { clock, runs, process, job } = await running();
    for (let tried = 1; clock.now() < NOW + 2 * limits.jobPatienceMs; tried++) {
      await runs.at(-1)?.run.keep(tried);
      runs.at(-1)?.fail(away());
      await clock.pass(limits.jobBackoffMs, 10_000);
    }
    runs.at(-1)?.done("done");
    await clock.pass(1000);
    expect((await process.jobs.get("t1", "archive", job.id))?.state).toBe("done");
  });
});
