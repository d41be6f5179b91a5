import { describe, expect, it } from "vitest";
import { isRefusal } from "../../domain/decider.ts";
import type { JobWish } from "../../domain/job.ts";
import { type JobCommand, type JobEvent, jobDecider, type TenantJobs } from "../../domain/job-decider.ts";
import { limits } from "../../domain/limits.ts";
import { cameraOfStream, jobStream, tenantOfJobStream, tenantOfPlaybackStream, tenantOfStream } from "../../domain/streams.ts";

const NOW = 1_497_350_824_291;
const wish: JobWish = { kind: "archive", before: NOW };
const requested = (id: string, of: JobWish = wish): JobEvent => ({ type: "job-requested", id, wish: of, by: "ann", at: NOW });
const started = (id: string, owner = "p1"): JobEvent => ({ type: "job-started", id, owner, at: NOW + 1 });
const kept = (id: string, where: number, rows = 0): JobEvent => ({ type: "job-kept", id, where, rows });
const queuedAgain = (id: string, how: "let-go" | "lost"): JobEvent => ({ type: "job-queued-again", id, how });
const done = (id: string, rows = 0): JobEvent => ({ type: "job-done", id, result: { n: 1 }, rows, at: NOW + 9 });
const cancelled = (id: string): JobEvent => ({ type: "job-cancelled", id, at: NOW + 9 });

/** What was decided before, a command, and what is decided then. */
const given = (...events: readonly JobEvent[]) => {
  const state = events.reduce(jobDecider.evolve, jobDecider.initial());
  return {
    state,
    when: (command: JobCommand) => {
      const decided = jobDecider.decide(command, state);
      // biome-ignore lint/suspicious/noThenProperty: given, when, then; nobody awaits it
      return { then: (expected: unknown) => expect(isRefusal(decided) ? decided.refused : decided).toEqual(expected) };
    },
  };
};
const jobOf = (state: TenantJobs, id = "a") => state.jobs.get(id)?.job;
const ask = (id: string, of: JobWish = wish): JobCommand => ({ type: "ask", id, wish: of, by: "ann", at: NOW });

describe("a job", () => {
  it("is asked for, started, told of, and done, and says so", () => {
    given()
      .when(ask("a"))
      .then([requested("a")]);
    given(requested("a"))
      .when({ type: "start", id: "a", owner: "p1", at: NOW + 1 })
      .then([started("a")]);
    const run = { id: "a", run: 1 };
    const going = given(requested("a"), started("a"));
    going.when({ type: "progress", ...run, done: 3, of: 8 }).then([{ type: "job-progressed", id: "a", done: 3, of: 8 }]);
    going.when({ type: "keep", ...run, where: 5, rows: 2 }).then([kept("a", 5, 2)]);
    going.when({ type: "finish", ...run, result: { n: 1 }, rows: 7, at: NOW + 9 }).then([done("a", 7)]);
    const { state } = given(requested("a"), started("a"), { type: "job-progressed", id: "a", done: 8, of: 8 }, done("a", 7));
    expect(jobOf(state)).toEqual({
      ...{ id: "a", wish, by: "ann", at: NOW, state: "done", owner: "p1", startedAt: NOW + 1, endedAt: NOW + 9 },
      ...{ progress: { done: 8, of: 8 }, result: { n: 1 }, reason: undefined },
    });
    expect(state.jobs.get("a")?.rows).toBe(7);
  });

  it("fails with its reason", () => {
    const failed: JobEvent = { type: "job-failed", id: "a", reason: "there is no archive", at: NOW + 9 };
    given(requested("a"), started("a"))
      .when({ type: "fail", id: "a", run: 1, reason: "there is no archive", at: NOW + 9 })
      .then([failed]);
    expect(jobOf(given(requested("a"), started("a"), failed).state)).toMatchObject({ state: "failed", reason: "there is no archive" });
  });

  it("is cancelled while it waits and while it runs, and nothing changes one that has ended", () => {
    const cancel: JobCommand = { type: "cancel", id: "a", at: NOW + 9 };
    given(requested("a"))
      .when(cancel)
      .then([cancelled("a")]);
    given(requested("a"), started("a"))
      .when(cancel)
      .then([cancelled("a")]);
    for (const ended of [done("a"), cancelled("a")]) {
      const over = given(requested("a"), started("a"), ended);
      over.when(cancel).then([]);
      over.when({ type: "start", id: "a", owner: "p1", at: NOW }).then([]);
      over.when({ type: "finish", id: "a", run: 1, result: null, rows: 0, at: NOW }).then([]);
      over.when({ type: "lose", id: "a", run: 1, at: NOW }).then([]);
    }
  });

  it("is run by one: who would start it a second time, and a run that was replaced, decide nothing", () => {
    given(requested("a"), started("a")).when({ type: "start", id: "a", owner: "p2", at: NOW }).then([]);
    const replaced = given(requested("a"), started("a"), queuedAgain("a", "lost"), started("a", "p2"));
    const run = { id: "a", run: 1 };
    replaced.when({ type: "progress", ...run, done: 1, of: 2 }).then([]);
    replaced.when({ type: "keep", ...run, where: 1, rows: 0 }).then([]);
    replaced.when({ type: "finish", ...run, result: null, rows: 0, at: NOW }).then([]);
    replaced.when({ type: "fail", ...run, reason: "", at: NOW }).then([]);
    replaced.when({ type: "let-go", ...run }).then([]);
    replaced.when({ type: "lose", ...run, at: NOW }).then([]);
    replaced.when({ type: "keep", id: "a", run: 2, where: 1, rows: 0 }).then([kept("a", 1)]);
  });

  it("waits again when it is let go, with what it kept and how many rows it had", () => {
    given(requested("a"), started("a"))
      .when({ type: "let-go", id: "a", run: 1 })
      .then([queuedAgain("a", "let-go")]);
    const { state } = given(requested("a"), started("a"), kept("a", 5, 20), queuedAgain("a", "let-go"));
    expect(jobOf(state)).toMatchObject({ state: "queued", owner: undefined, startedAt: NOW + 1 });
    expect(state.jobs.get("a")).toMatchObject({ kept: 5, rows: 20, run: 1, starts: 0 });
  });

  it("that lost its process is queued again, but not for ever where it came no further", () => {
    const lose = (run: number): JobCommand => ({ type: "lose", id: "a", run, at: NOW + 5 });
    const once = [started("a"), queuedAgain("a", "lost")];
    const often = Array.from({ length: limits.jobStarts - 1 }, () => once).flat();
    given(requested("a"), started("a"))
      .when(lose(1))
      .then([queuedAgain("a", "lost")]);
    given(requested("a"), ...often, started("a"))
      .when(lose(limits.jobStarts))
      .then([{ type: "job-failed", id: "a", reason: expect.stringContaining("its process ended"), at: NOW + 5 }]);
    // What it kept anew counts, the same again does not.
    const further = given(requested("a"), ...often, started("a"), kept("a", 1));
    further.when(lose(limits.jobStarts)).then([queuedAgain("a", "lost")]);
    const nowhere = given(requested("a"), started("a"), kept("a", 1), ...often, queuedAgain("a", "lost"), started("a"), kept("a", 1));
    expect(nowhere.state.jobs.get("a")?.starts).toBe(limits.jobStarts);
    // Neither does a process that ended in order.
    const orderly = Array.from({ length: 9 }, () => [started("a"), queuedAgain("a", "let-go")]).flat();
    given(requested("a"), ...orderly, started("a"))
      .when(lose(10))
      .then([queuedAgain("a", "lost")]);
  });

  it("that keeps what it kept, or is as far as it was, decides nothing", () => {
    const state = given(requested("a"), started("a"), kept("a", 5, 2), { type: "job-progressed", id: "a", done: 1, of: 2 });
    state.when({ type: "keep", id: "a", run: 1, where: 5, rows: 2 }).then([]);
    state.when({ type: "keep", id: "a", run: 1, where: 5, rows: 3 }).then([kept("a", 5, 3)]);
    state.when({ type: "progress", id: "a", run: 1, done: 1, of: 2 }).then([]);
  });
});

describe("a tenant's jobs", () => {
  it("are refused beyond as many as may wait or run, until one has ended", () => {
    const full = Array.from({ length: limits.jobsPerTenant }, (_, i) => requested(`j${i}`));
    given(...full)
      .when(ask("a"))
      .then("too-many");
    given(...full, cancelled("j7"))
      .when(ask("a"))
      .then([requested("a")]);
  });

  it("are refused where they are too large to be remembered, one by one and together", () => {
    const large = (bytes: number): JobWish => ({ kind: "rebuild", step: "rebuild", projection: "x".repeat(bytes) });
    given()
      .when(ask("a", large(limits.jobWishBytes)))
      .then("invalid");
    const one = large(limits.jobWishBytes - 100);
    const fitting = Math.floor(limits.jobsBytes / 2 / limits.jobWishBytes);
    const most = Array.from({ length: fitting }, (_, i) => requested(`j${i}`, one));
    given(...most)
      .when(ask("a", one))
      .then("too-many");
    given(...most, cancelled("j0"))
      .when(ask("a", one))
      .then([requested("a", one)]);
  });

  it("are forgotten some time after they have ended: the oldest first, never one that waits or has just ended", () => {
    const many = Array.from({ length: limits.jobsRemembered + 2 }, (_, i) => [requested(`j${i}`), cancelled(`j${i}`)]).flat();
    const { state } = given(requested("waits"), ...many);
    expect([state.jobs.size, state.jobs.has("j1"), state.jobs.has("j2"), state.jobs.has("waits")]).toEqual([
      ...[limits.jobsRemembered + 1, false],
      ...[true, true],
    ]);
    const large: JobWish = { kind: "rebuild", step: "rebuild", projection: "x".repeat(limits.jobsBytes / 4) };
    const some = Array.from({ length: 6 }, (_, i) => [requested(`l${i}`, large), cancelled(`l${i}`)]).flat();
    expect([...given(...some).state.jobs.keys()]).toEqual(["l3", "l4", "l5"]);
    const huge: JobWish = { ...large, projection: "x".repeat(limits.jobsBytes) };
    expect([...given(requested("a"), done("a"), requested("b", huge), done("b")).state.jobs.keys()]).toEqual(["b"]);
  });

  it("come to one sum, which makes them of any state", () => {
    const { state } = given(requested("a"), started("a"), kept("a", 5, 2), requested("b"), cancelled("b"), queuedAgain("a", "lost"));
    const sum = jobDecider.sum?.of(state) as JobEvent;
    expect(sum.type).toBe(jobDecider.sum?.type);
    const stored = JSON.parse(JSON.stringify(sum)) as JobEvent;
    for (const before of [jobDecider.initial(), given(requested("z")).state]) expect(jobDecider.evolve(before, stored)).toEqual(state);
    expect([...state.jobs.keys()]).toEqual(["a", "b"]);
  });

  it("take no more than a store takes at once, all of them together, however many were asked for", () => {
    const wide = (n: number): JobWish => ({ kind: "rebuild", step: "rebuild", projection: "ü".repeat(n) });
    let state = jobDecider.initial();
    let asked = 0;
    const follow = (command: JobCommand): void => {
      const decided = jobDecider.decide(command, state);
      if (!isRefusal(decided)) state = decided.reduce(jobDecider.evolve, state);
    };
    for (; asked < 200; asked++) {
      const id = `j${asked}`;
      follow(ask(id, wide(30_000)));
      follow({ type: "start", id, owner: "p1", at: NOW });
      follow({ type: "keep", id, run: 1, where: "x".repeat(limits.jobKeptBytes - 2), rows: 0 });
      if (asked % 2 === 0) follow({ type: "finish", id, run: 1, result: "x".repeat(limits.jobResultBytes - 2), rows: 0, at: NOW });
    }
    const open = [...state.jobs.values()].filter(({ job }) => job.state === "running").length;
    expect([open > 2, Buffer.byteLength(JSON.stringify(jobDecider.sum?.of(state))) < 1024 * 1024]).toEqual([true, true]);
  });

  it("leave a state that was handed out as it was", () => {
    const { own } = jobDecider as { own(state: TenantJobs): TenantJobs };
    const { state } = given(requested("a"));
    jobDecider.evolve(own(state), cancelled("a"));
    jobDecider.evolve(own(state), requested("b"));
    expect([jobOf(state)?.state, state.jobs.size]).toEqual(["queued", 1]);
  });
});

describe("the stream of a tenant's jobs", () => {
  it("names the tenant, whatever it is called, and is taken for no other stream", () => {
    for (const tenant of ["t1", "a/b", "", "ü-%", "camera-x"]) {
      const stream = jobStream(tenant);
      const others = [tenantOfStream(stream), tenantOfPlaybackStream(stream), cameraOfStream(stream)];
      expect([tenantOfJobStream(stream), ...others]).toEqual([tenant, undefined, undefined, undefined]);
    }
    expect(tenantOfJobStream("tenant-t1")).toBeUndefined();
  });
});
