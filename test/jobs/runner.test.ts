import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { partitionOf } from "../../domain/ids.ts";
import { type Job, JobFailure } from "../../domain/job.ts";
import { AdapterError, type EventStore } from "../../domain/ports.ts";
import { asked, aWish, handShares, heldWork, openProcess, type Process } from "../support/jobs.ts";

const clock = systemClock;
const PATIENT = { timeout: 20_000 };
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
const closing = <P extends { close(): Promise<unknown> }>(part: P): P => {
  open.push(() => part.close());
  return part;
};
/** One process that has all partitions. */
const alone = (more: Partial<Parameters<typeof openProcess>[0]> = {}) => {
  const held = heldWork();
  const logs = openMemoryLogs({ partitions: 4 });
  const store = more.store ?? openMemoryStore();
  const process = closing(
    openProcess({ store, share: (name, work) => logs.share(name, work), clock, works: { archive: held.work }, ...more }),
  );
  return { ...held, ...process, process, store };
};
const find = async ({ jobs }: Pick<Process, "jobs">, { id }: Job, tenant = "t1"): Promise<Job | undefined> =>
  jobs.get(tenant, "archive", id);
const until = (process: Pick<Process, "jobs">, job: Job, state: Job["state"], tenant = "t1") =>
  expect.poll(async () => (await find(process, job, tenant))?.state, PATIENT).toBe(state);
const begun = (runs: readonly unknown[], n: number) => expect.poll(() => runs.length, PATIENT).toBe(n);

describe("a job that was asked for", () => {
  it("is run by the process that has its partition, and done", async () => {
    const one = alone();
    const job = await asked(one);
    expect(job).toMatchObject({ state: "queued", by: "ann", wish: aWish(), owner: undefined });
    await begun(one.runs, 1);
    expect(await find(one, job)).toMatchObject({ state: "running", owner: one.owner });
    expect(one.runs[0]?.run).toMatchObject({ tenant: "t1", id: job.id, wish: aWish(), kept: undefined });
    one.runs[0]?.done({ facts: 7 });
    await until(one, job, "done");
    expect(await find(one, job)).toMatchObject({ result: { facts: 7 }, reason: undefined, endedAt: expect.any(Number) });
    expect(one.counted).toEqual(["tallywire_jobs_total t1 archive done"]);
  });

  it("is its tenant's: others see nothing of it, and of another kind there is none of that name", async () => {
    const one = alone();
    const job = await asked(one);
    expect([await one.jobs.get("t2", "archive", job.id), await one.jobs.get("t1", "rebuild", job.id)]).toEqual([undefined, undefined]);
    expect([await one.jobs.list("t2", "archive"), await one.jobs.list("t1", "rebuild")]).toEqual([[], []]);
    expect(await one.jobs.cancel("t2", "archive", job.id)).toBeUndefined();
    expect((await find(one, job))?.state).not.toBe("cancelled");
  });

  it("waits until what works need is there", async () => {
    const ready = Promise.withResolvers<void>();
    const one = alone({ ready: ready.promise });
    const job = await asked(one);
    // By the time a second one is told of, the first would have been begun.
    await expect.poll(async () => (await one.jobs.list("t1", "archive")).length, PATIENT).toBe(1);
    expect([one.runs.length, (await find(one, job))?.state, one.runner?.said()]).toEqual([
      ...[0, "queued"],
      "runs none; 0 queued; has 0 of 4 partitions",
    ]);
    ready.resolve();
    await begun(one.runs, 1);
  });

  it("is refused where this version has no such work", async () => {
    expect(await alone().jobs.start("t1", { kind: "rebuild", projection: "alerts", step: "rebuild" })).toMatchObject({
      refused: "invalid",
    });
  });

  it("is listed, the newest first", async () => {
    const one = alone();
    const jobs = [await asked(one), await asked(one), await asked(one)];
    expect((await one.jobs.list("t1", "archive")).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id).reverse());
  });
});

describe("jobs that wait", () => {
  it("are run one at a time in the order of asking, and turns go round between tenants", async () => {
    const one = alone();
    const ids = new Map<string, string>();
    for (const [tenant, name] of ["a 1", "a 2", "a 3", "b 1", "c 1", "b 2"].map((text) => text.split(" ") as [string, string]))
      ids.set((await asked(one, tenant)).id, `${tenant} ${name}`);
    for (let n = 1; n <= 6; n++) {
      await begun(one.runs, n);
      one.runs[n - 1]?.done(null);
    }
    expect(one.runs.map(({ run }) => ids.get(run.id))).toEqual(["a 1", "b 1", "c 1", "a 2", "b 2", "a 3"]);
  });

  it("are run so many at a time as the settings say", async () => {
    const one = alone({ atOnce: 2 });
    const jobs = [await asked(one), await asked(one), await asked(one)];
    await begun(one.runs, 2);
    expect(one.runner?.said()).toBe("runs archive, archive; 1 queued; has 4 of 4 partitions");
    one.runs[1]?.done(null);
    await begun(one.runs, 3);
    expect((await find(one, jobs[0] as Job))?.state).toBe("running");
  });

  it("are cancelled without ever being run", async () => {
    const one = alone();
    await asked(one);
    const job = await asked(one);
    const last = await asked(one);
    expect(await one.jobs.cancel("t1", "archive", job.id, "bob")).toMatchObject({ state: "cancelled" });
    await begun(one.runs, 1);
    one.runs[0]?.done(null);
    await begun(one.runs, 2);
    expect(one.runs[1]?.run.id).toBe(last.id);
    expect(one.counted).toContain("tallywire_jobs_total t1 archive cancelled");
  });
});

describe("a job that runs", () => {
  it("is cancelled at once, its work is told to stop, and the next one is run when it has", async () => {
    const held = heldWork({ heeds: false });
    const one = alone({ works: { archive: held.work } });
    const job = await asked(one);
    const next = await asked(one);
    await begun(held.runs, 1);
    expect(await one.jobs.cancel("t1", "archive", job.id)).toMatchObject({ state: "cancelled" });
    expect(held.runs[0]?.run.stop.aborted).toBe(true);
    expect(await one.jobs.cancel("t1", "archive", job.id)).toMatchObject({ state: "cancelled" });
    // What it says now is of no matter.
    await expect(held.runs[0]?.run.keep(1)).rejects.toMatchObject({ code: "closed" });
    held.runs[0]?.done({ facts: 1 });
    await begun(held.runs, 2);
    expect(held.runs[1]?.run.id).toBe(next.id);
    expect(await find(one, job)).toMatchObject({ state: "cancelled", result: undefined });
    held.runs[1]?.done(null);
    await until(one, next, "done");
  });

  it("fails with the reason its work gives, and with words of ours where something it needs is beyond repair", async () => {
    const one = alone();
    const first = await asked(one);
    const second = await asked(one);
    await begun(one.runs, 1);
    one.runs[0]?.fail(new JobFailure("there is no archive"));
    await begun(one.runs, 2);
    one.runs[1]?.fail(new AdapterError("corrupt", "Record 7 of /data/log is corrupt.", { retryable: false }));
    await until(one, second, "failed");
    expect([(await find(one, first))?.reason, (await find(one, second))?.reason]).toEqual([
      "there is no archive",
      "something that it needs is damaged",
    ]);
  });

  it("fails by a defect of its own, which is told to the journal and to nobody else, and the next one is run", async () => {
    const one = alone();
    const job = await asked(one);
    await asked(one);
    await begun(one.runs, 1);
    one.runs[0]?.fail(new TypeError("cannot read properties of undefined (reading 'secret')"));
    await begun(one.runs, 2);
    expect(await find(one, job)).toMatchObject({ state: "failed", reason: "it met a defect of this program" });
    expect(one.lines).toContain("error: a job met a defect");
  });

  it("fails where its result or what it keeps is larger than it may be", async () => {
    const one = alone({ limits: { jobResultBytes: 100, jobKeptBytes: 100 } });
    const jobs = [await asked(one), await asked(one)] as const;
    await begun(one.runs, 1);
    one.runs[0]?.done("x".repeat(200));
    await begun(one.runs, 2);
    await one.runs[1]?.run.keep("x".repeat(200)).catch(one.runs[1]?.fail);
    await until(one, jobs[1], "failed");
    const reasons = await Promise.all(jobs.map(async (job) => (await find(one, job))?.reason));
    expect(reasons).toEqual(["its result takes 202 bytes, and may take 100", "it has become too large"]);
  });
});

describe("the rows of a result", () => {
  it("are read page by page, as far as they are kept", async () => {
    const one = alone();
    const job = await asked(one);
    await begun(one.runs, 1);
    const { run, done } = one.runs[0] as (typeof one.runs)[number];
    await run.rows(0, [{ n: 0 }, { n: 1 }]);
    expect(await one.jobs.rows("t1", job.id, { from: 0, limit: 10 })).toEqual({ rows: [], next: undefined });
    await run.keep("there");
    await run.rows(2, [{ n: 2 }]);
    expect(await one.jobs.rows("t1", job.id, { from: 0, limit: 10 })).toEqual({ rows: [{ n: 0 }, { n: 1 }], next: undefined });
    done(null);
    await until(one, job, "done");
    expect(await one.jobs.rows("t1", job.id, { from: 0, limit: 2 })).toEqual({ rows: [{ n: 0 }, { n: 1 }], next: 2 });
    expect(await one.jobs.rows("t1", job.id, { from: 2, limit: 2 })).toEqual({ rows: [{ n: 2 }], next: undefined });
    expect(await one.jobs.rows("t1", job.id, { from: 3, limit: 2 })).toEqual({ rows: [], next: undefined });
    expect(await one.jobs.rows("t2", job.id, { from: 0, limit: 2 })).toEqual({ rows: [], next: undefined });
  });

  it("replace those of the same number, also where fewer come than came before", async () => {
    const one = alone();
    const job = await asked(one);
    await begun(one.runs, 1);
    const { run, done } = one.runs[0] as (typeof one.runs)[number];
    await run.rows(0, ["a", "b", "c"]);
    await run.rows(0, ["A"]);
    await run.rows(1, ["B"]);
    done(null);
    await until(one, job, "done");
    expect(await one.jobs.rows("t1", job.id, { from: 0, limit: 10 })).toEqual({ rows: ["A", "B"], next: undefined });
  });

  it("are refused beyond as many as there may be, and where some before them are missing", async () => {
    const one = alone({ limits: { jobRows: 3 } });
    await asked(one);
    await begun(one.runs, 1);
    const { run } = one.runs[0] as (typeof one.runs)[number];
    await run.rows(0, [1, 2]);
    await expect(run.rows(3, [4])).rejects.toThrow("do not follow");
    await expect(run.rows(2, [3, 4])).rejects.toThrow(JobFailure);
  });

  it("that are gone are told so, and are no empty page", async () => {
    const none = { write: async () => {}, read: async () => [] };
    const one = alone({ results: none });
    const job = await asked(one);
    await begun(one.runs, 1);
    await one.runs[0]?.run.rows(0, [1]);
    one.runs[0]?.done(null);
    await until(one, job, "done");
    await expect(one.jobs.rows("t1", job.id, { from: 0, limit: 1 })).rejects.toThrow("rows of this result are gone");
  });
});

describe("a job whose process ends", () => {
  const stores: readonly (readonly [
    string,
    () => Promise<{ readonly reopen: () => Promise<EventStore>; readonly done: () => Promise<void> }>,
  ])[] = [
    [
      "a store in memory",
      async () => {
        const store = openMemoryStore();
        return { reopen: async () => store, done: () => store.close() };
      },
    ],
    [
      "a store on disk",
      async () => {
        const dir = await mkdtemp(join(tmpdir(), "tallywire-jobs-"));
        let store: EventStore | undefined;
        const reopen = async () => {
          await store?.close();
          store = await openLmdbStore({ dir });
          return store;
        };
        const done = async () => {
          await store?.close();
          await rm(dir, { recursive: true, force: true });
        };
        return { reopen, done };
      },
    ],
  ];

  it.each(stores)("in order is let go, and the next process goes on from what was kept: %s", async (_, openStore) => {
    const { reopen, done } = await openStore();
    open.push(done);
    const first = alone({ store: await reopen() });
    const job = await asked(first);
    await begun(first.runs, 1);
    await first.runs[0]?.run.rows(0, ["a", "b"]);
    await first.runs[0]?.run.keep({ partition: 2 });
    open.pop();
    await first.close();
    const second = alone({ store: await reopen() });
    await begun(second.runs, 1);
    expect(second.runs[0]?.run).toMatchObject({ id: job.id, kept: { partition: 2 } });
    expect(await find(second, job)).toMatchObject({ state: "running", owner: second.owner });
    await second.runs[0]?.run.rows(2, ["c"]);
    second.runs[0]?.done({ facts: 3 });
    await until(second, job, "done");
  });

  it.each(stores)("without a word is queued again by who has its partition next: %s", async (_, openStore) => {
    const { reopen, done } = await openStore();
    open.push(done);
    const crashed = await reopen();
    const shares = handShares(4);
    // A process that dies says nothing: this one can decide nothing more from a moment on.
    let isDead = false;
    const dying: EventStore = {
      ...bound(crashed),
      append: (...given) => (isDead ? new Promise(() => {}) : crashed.append(...given)),
    };
    const held = heldWork({ heeds: false });
    const first = openProcess({ store: dying, share: shares.share, clock, works: { archive: held.work } });
    await shares.give(0);
    const job = await asked(first);
    await begun(held.runs, 1);
    await held.runs[0]?.run.keep("there");
    isDead = true;
    const second = alone({ store: crashed });
    await begun(second.runs, 1);
    expect(second.runs[0]?.run).toMatchObject({ id: job.id, kept: "there" });
    expect(second.lines).toContain("warn: a job has lost its process");
    second.runs[0]?.done(null);
    await until(second, job, "done");
  });

  it("again and again fails when it came no further, and the next one is run", async () => {
    const store = openMemoryStore();
    let job: Job | undefined;
    let next: Job | undefined;
    for (let life = 1; life <= 3; life++) {
      let isDead = false;
      const dying: EventStore = { ...bound(store), append: (...given) => (isDead ? new Promise(() => {}) : store.append(...given)) };
      const logs = openMemoryLogs({ partitions: 4 });
      const held = heldWork({ heeds: false });
      const process = openProcess({ store: dying, share: (n, w) => logs.share(n, w), clock, works: { archive: held.work } });
      job ??= await asked(process);
      next ??= await asked(process);
      await begun(held.runs, 1);
      expect(held.runs[0]?.run.id).toBe(job.id);
      isDead = true;
    }
    const last = alone({ store });
    await begun(last.runs, 1);
    expect(last.runs[0]?.run.id).toBe((next as Job).id);
    expect(await find(last, job as Job)).toMatchObject({ state: "failed", reason: expect.stringContaining("started 3 times") });
    expect(last.counted).toContain("tallywire_jobs_total t1 archive failed");
  });
});

/** A class's methods are not its object's own. */
const bound = (store: EventStore): EventStore => ({
  append: (...given) => store.append(...given),
  read: (...given) => store.read(...given),
  head: (stream) => store.head(stream),
  follow: (...given) => store.follow(...given),
  bookmark: (name) => store.bookmark(name),
  setBookmark: (...given) => store.setBookmark(...given),
  close: () => store.close(),
});

describe("two processes", () => {
  const two = () => {
    const store = openMemoryStore();
    const shares = handShares(4);
    const works = [heldWork(), heldWork()] as const;
    const processes = works.map(({ work }) => closing(openProcess({ store, share: shares.share, clock, works: { archive: work } })));
    return { store, shares, works, processes: processes as [Process, Process] };
  };
  /** Jobs of the tenant until each half of the partitions has one. */
  const oneOfEach = async (process: Process): Promise<readonly [Job, Job]> => {
    const found: Job[] = [];
    while (found[0] === undefined || found[1] === undefined) {
      const job = await asked(process);
      const half = partitionOf("t1", job.id, 4) < 2 ? 0 : 1;
      if (found[half] === undefined) found[half] = job;
      else await process.jobs.cancel("t1", "archive", job.id);
    }
    return [found[0], found[1]];
  };

  it("run the jobs of their own partitions, and each sees and cancels those of the other", async () => {
    const { shares, works, processes } = two();
    const jobs = await oneOfEach(processes[0]);
    await shares.give(0, [0, 1]);
    await shares.give(1, [2, 3]);
    for (const i of [0, 1] as const) {
      await begun(works[i].runs, 1);
      expect(works[i].runs[0]?.run.id).toBe(jobs[i].id);
      expect(await find(processes[1 - i] as Process, jobs[i])).toMatchObject({ state: "running", owner: processes[i].owner });
    }
    expect(await processes[1].jobs.cancel("t1", "archive", jobs[0].id)).toMatchObject({ state: "cancelled" });
    await expect.poll(() => works[0].runs[0]?.run.stop.aborted, PATIENT).toBe(true);
    expect(works[1].runs[0]?.run.stop.aborted).toBe(false);
  });

  it("hand a job over with its partition, and what was kept with it", async () => {
    const { shares, works, processes } = two();
    await shares.give(0);
    const job = await asked(processes[0]);
    await begun(works[0].runs, 1);
    await works[0].runs[0]?.run.keep(41);
    await shares.take(0);
    expect(works[0].runs[0]?.run.stop.aborted).toBe(true);
    await until(processes[0], job, "queued");
    await shares.give(1);
    await begun(works[1].runs, 1);
    expect(works[1].runs[0]?.run.kept).toBe(41);
    works[1].runs[0]?.done(null);
    await until(processes[0], job, "done");
  });

  it("do no harm where one was replaced and does not know: what it says then is not heard", async () => {
    const { shares, works, processes } = two();
    await shares.give(0);
    const job = await asked(processes[0]);
    await begun(works[0].runs, 1);
    await shares.give(1);
    await begun(works[1].runs, 1);
    await expect.poll(() => works[0].runs[0]?.run.stop.aborted, PATIENT).toBe(true);
    await expect(works[0].runs[0]?.run.keep("from the one before")).rejects.toMatchObject({ code: "closed" });
    await works[1].runs[0]?.run.keep("from this one");
    works[1].runs[0]?.done("right");
    await until(processes[0], job, "done");
    expect((await find(processes[0], job))?.result).toBe("right");
  });

  it("take up what was begun last, also where the news of it is late", async () => {
    const store = openMemoryStore();
    const shares = handShares(4);
    let isDead = false;
    const dying: EventStore = { ...bound(store), append: (...given) => (isDead ? new Promise(() => {}) : store.append(...given)) };
    const held = heldWork({ heeds: false });
    const first = openProcess({ store: dying, share: shares.share, clock, works: { archive: held.work } });
    const job = await asked(first);
    /** Tells of the first decision, and then of nothing. */
    const late: EventStore = {
      ...bound(store),
      follow: async function* (from, signal) {
        for await (const { events } of store.follow(from, signal)) {
          yield { events: events.slice(0, 1), next: 1 };
          break;
        }
        await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      },
    };
    const works = heldWork();
    const second = closing(openProcess({ store: late, share: shares.share, clock, works: { archive: works.work } }));
    const told: Job["state"][] = [];
    second.jobs.watch("t1", ({ state }) => told.push(state));
    await expect.poll(() => told, PATIENT).toEqual(["queued"]);
    await shares.give(0);
    await begun(held.runs, 1);
    isDead = true;
    await shares.give(1);
    await begun(works.runs, 1);
    expect(works.runs[0]?.run.id).toBe(job.id);
    works.runs[0]?.done(null);
    await until(second, job, "done");
  });

  it("and one that only asks: a job waits until somebody comes who runs it, and its watchers are told", async () => {
    const store = openMemoryStore();
    const asking = closing(openProcess({ store, share: handShares(4).share, clock }));
    const told: Job["state"][] = [];
    asking.jobs.watch("t1", ({ state }) => told.push(state));
    const job = await asked(asking);
    expect((await find(asking, job))?.state).toBe("queued");
    const one = alone({ store });
    await begun(one.runs, 1);
    one.runs[0]?.done(null);
    await expect.poll(() => told.at(-1), PATIENT).toBe("done");
    expect(told[0]).toBe("queued");
  });
});
