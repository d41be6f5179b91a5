import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import type { Derived, Fact, Frame } from "../../domain/event.ts";
import { AdapterError, type Logs } from "../../domain/ports.ts";
import { allOf, driving, kinds, watched } from "../support/driven.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { seen } from "../support/given.ts";
import {
  BEGIN,
  bare,
  briefs,
  decisions,
  define,
  framesOf,
  lately,
  outcomesOf,
  recompute,
  standing,
  until,
  type Walk,
} from "../support/passers-by.ts";

const walks: readonly Walk[] = [
  ["p1", 1000],
  ["p2", 3000],
  ["p3", 5000],
  ["p4", 7000],
];
const END = 12_000;
const { door, away, further, pairs, singles, busy } = decisions;
const inOrder = framesOf(walks, 0, END);
const NOTHING = { raised: 0, revised: 0, retracted: 0 };

const following = (facts: readonly Fact[]): readonly Derived[] => {
  const memory = createMemory();
  return facts.flatMap((fact) => derive(memory, fact));
};

describe.each(kinds)("a recomputation over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());
  const clock = fakeClock(BEGIN + 86_400_000);

  /** Drives these facts, then what is asked for. */
  const told = async (facts: readonly Fact[], ...asked: readonly Fact[]): Promise<readonly Derived[]> => {
    await logs.facts.append([...facts, ...asked]);
    const { release, failed } = await driving(watched(logs, clock), clock);
    const derived = await until(logs, clock, asked.filter(({ kind }) => kind === "recompute").length);
    await release();
    expect(failed()).toBeUndefined();
    return derived;
  };

  /** Whatever the log holds by now. */
  const drivenOn = async (): Promise<void> => {
    const { release } = await driving(watched(logs, clock), clock);
    await clock.pass(1000);
    await release();
  };

  it("takes late frames in: the same alert is revised, what nobody knew of is raised, a crossing among it late", async () => {
    const definitions = define(1, door, pairs);
    const derived = await told([...definitions, ...lately(inOrder, [2000, 4000])], recompute("a"));
    expect(briefs(derived, "crossing")).toEqual(["crossing p1 entry", "crossing p3 entry", "crossing p4 entry", "crossing p2 entry late"]);
    expect(briefs(derived, "alert")).toEqual(["alert pairs v2 p1,p3 r0", "alert pairs v2 p1,p2 r1", "alert pairs v2 p3,p4 r0"]);
    const [outcome] = outcomesOf(derived);
    expect(outcome).toMatchObject({
      ...{ id: "a", from: BEGIN, to: BEGIN + 3_600_000 },
      ...{ alerts: { raised: 1, revised: 1, retracted: 0 }, crossings: { raised: 1, revised: 0, retracted: 0 } },
      stays: { raised: 1, revised: 0, retracted: 0 },
      events: 5,
    });
    expect(outcome?.fault).toBeUndefined();
    expect(new Set(derived.slice(derived.indexOf(outcome as Derived)).map(({ receivedAt }) => receivedAt)).size).toBe(1);
    // What stands is what would have been told had they come in time.
    expect(bare(standing(derived))).toEqual(bare(standing(following([...definitions, ...inOrder]))));
  });

  it("retracts what would not have been raised had the late frames come in time", async () => {
    const all = framesOf([["p0", -800], ...walks], -2000, END);
    const derived = await told([...define(1, door, pairs), ...lately(all, [-1400, 0])], recompute("a", { from: BEGIN - 2000 }));
    expect(briefs(derived, "alert")).toEqual([
      "alert pairs v2 p1,p2 r0",
      "alert pairs v2 p3,p4 r0",
      "alert pairs v2 p0,p1 r0",
      "alert pairs v2 p1,p2 r1 retracted",
      "alert pairs v2 p2,p3 r0",
      "alert pairs v2 p3,p4 r1 retracted",
    ]);
  });

  it("puts what is in force now in the place of what was: the old version's alerts go, the new one's come", async () => {
    const facts = [...define(1, door, pairs), ...inOrder, ...define(3, singles)];
    const derived = await told(facts, recompute("a", { definitions: "now" }));
    expect(briefs(derived, "alert")).toEqual([
      ...["alert pairs v2 p1,p2 r0", "alert pairs v2 p3,p4 r0"],
      ...["alert pairs v3 p1 r0", "alert pairs v2 p1,p2 r1 retracted", "alert pairs v3 p2 r0"],
      ...["alert pairs v3 p3 r0", "alert pairs v2 p3,p4 r1 retracted", "alert pairs v3 p4 r0"],
    ]);
    expect(briefs(derived, "crossing")).toHaveLength(4);
    expect(outcomesOf(derived)[0]).toMatchObject({ alerts: { raised: 4, revised: 0, retracted: 2 }, crossings: NOTHING, stays: NOTHING });
  });

  it("takes back the crossings of a wire that is elsewhere now, and finds those it would have seen", async () => {
    const gone = await told([...define(1, door), ...inOrder, ...define(2, away)], recompute("a", { definitions: "now" }));
    expect(briefs(gone, "crossing").slice(4)).toEqual(["p1", "p2", "p3", "p4"].map((id) => `crossing ${id} entry r1 retracted`));
    expect(standing(gone).filter(({ kind }) => kind === "crossing")).toEqual([]);
    await logs.facts.append([...define(3, further), recompute("b", { definitions: "now" }), ...define(4, door)]);
    await logs.facts.append([recompute("c", { definitions: "now" })]);
    const { release } = await driving(watched(logs, clock), clock);
    const back = await until(logs, clock, 3);
    await release();
    expect(briefs(back, "crossing").slice(8)).toEqual([
      ...["p1", "p2", "p3", "p4"].map((id) => `crossing ${id} entry late`),
      ...["p1", "p2", "p3", "p4"].flatMap((id) => [`crossing ${id} entry r2`, `crossing ${id} entry late r1 retracted`]),
    ]);
    expect(outcomesOf(back).map(({ id, crossings }) => [id, crossings])).toEqual([
      ["a", { raised: 0, revised: 0, retracted: 4 }],
      ["b", { raised: 4, revised: 0, retracted: 0 }],
      ["c", { raised: 4, revised: 0, retracted: 4 }],
    ]);
  });

  it("tells nothing where nothing differs, be it asked twice or not at all needed", async () => {
    const late = [...define(1, door, pairs, busy), ...lately(inOrder, [2000, 4000])];
    const derived = await told(late, recompute("a"), recompute("b"), recompute("c", { definitions: "now" }));
    expect(outcomesOf(derived).map(({ id, events }) => [id, events > 0])).toEqual([
      ["a", true],
      ["b", false],
      ["c", false],
    ]);
    expect(derived.at(-1)).toMatchObject({ kind: "recomputed", id: "c", alerts: NOTHING, crossings: NOTHING, stays: NOTHING });
  });

  it("changes only what lies in its range", async () => {
    const facts = [...define(1, door, pairs), ...inOrder, ...define(3, singles)];
    const derived = await told(facts, recompute("a", { definitions: "now", from: BEGIN + 2500, to: BEGIN + 6000 }));
    expect(briefs(derived, "alert").slice(2)).toEqual([
      "alert pairs v2 p1,p2 r1 retracted",
      "alert pairs v3 p2 r0",
      "alert pairs v3 p3 r0",
    ]);
  });

  it("leaves to live what has not ended, and takes it in hand when it has", async () => {
    // Somebody stands there; the first second of it came late.
    const standing = Array.from({ length: 20 }, (_, i): Frame => {
      const [one] = framesOf([], i * 200, i * 200 + 1) as [Frame];
      return i < 5 ? one : { ...one, objects: [seen("w", 20, 50)] };
    });
    const facts = [...define(1, door, busy), ...lately(standing, [1000, 2000])];
    const then = await told(facts, recompute("a"), ...framesOf([], 4000, 8000));
    expect(outcomesOf(then)[0]).toMatchObject({ events: 0, alerts: NOTHING, stays: NOTHING });
    await drivenOn();
    const ended = await allOf(logs.derived);
    expect(briefs(ended, "alert")).toEqual(["alert busy v2 w r0", "alert busy v2 w r1"]);
    expect(briefs(ended, "presence")).toEqual(["entered w 2200", "left w 4800"]);
    await logs.facts.append([recompute("b")]);
    const { release } = await driving(watched(logs, clock), clock);
    const after = await until(logs, clock, 2);
    await release();
    expect(briefs(after, "presence").slice(2)).toEqual([
      "entered w 1200",
      "entered w 2200 r1 retracted",
      "left w 4800 r1 retracted",
      "left w 4800",
    ]);
    expect(briefs(after, "alert").slice(2)).toEqual(["alert busy v2 w r0", "alert busy v2 w r2 retracted", "alert busy v2 w r1"]);
  });

  it("says of one that a defect stops what it was, and changes nothing", async () => {
    const facts = [...define(1, door, pairs), ...inOrder.slice(0, 30), ...define(4, away), ...inOrder.slice(30)];
    const derived = await told(facts, recompute("a", { definitions: "now" }));
    expect(outcomesOf(derived)[0]).toMatchObject({ id: "a", events: 0, alerts: NOTHING });
    expect(outcomesOf(derived)[0]?.fault).toContain("definition 4 follows revision 2: one is missing");
    expect(derived.at(-1)?.kind).toBe("recomputed");
  });

  it("does not hold live up: what comes meanwhile is told before it", async () => {
    await logs.facts.append([...define(1, door, pairs), ...lately(inOrder, [2000, 4000]), recompute("a")]);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { release } = await driving(watched(logs, clock), clock, undefined, () => held);
    await logs.facts.append(framesOf([["p5", END + 1000]], END, END + 2000));
    for (let turn = 0; turn < 1000 && briefs(await allOf(logs.derived), "crossing").length < 4; turn++) await clock.pass(50, 50);
    expect(briefs(await allOf(logs.derived), "crossing").at(-1)).toBe("crossing p5 entry");
    expect(outcomesOf(await allOf(logs.derived))).toEqual([]);
    goOn();
    const derived = await until(logs, clock, 1);
    await release();
    expect(briefs(derived, "crossing").at(-1)).toBe("crossing p2 entry late");
    // What follows from later facts is none of its business.
    expect(briefs(derived, "crossing").filter((told) => told.includes("retracted"))).toEqual([]);
  });

  describe("an alert that it told and live comes to afterwards", () => {
    // p2 is late: without p2, live counts p1 and p3.
    const late = framesOf([walks[0] as Walk, walks[1] as Walk, ["p3", 7000]], 0, END);
    const before = [...define(1, door, pairs), ...lately(late.slice(0, 25), [2000, 4000])];
    const after = late.slice(25);
    const alertsOf = (events: readonly Derived[]): readonly string[] => briefs(events, "alert");
    /** Told what is asked for, then what comes after it, over as many owners as there are stretches. */
    const goneOn = async (...stretches: readonly (readonly Fact[])[]): Promise<readonly Derived[]> => {
      for (const stretch of stretches) {
        await logs.facts.append(stretch);
        await drivenOn();
      }
      return allOf(logs.derived);
    };

    const recomputed = async (id: string, outcomes: number): Promise<readonly Derived[]> => {
      await logs.facts.append([recompute(id)]);
      const { release } = await driving(watched(logs, clock), clock);
      const derived = await until(logs, clock, outcomes);
      await release();
      return derived;
    };

    it("bears the next revision where its content is another, also after restarts: no revision is told twice", async () => {
      await told(before, recompute("a"));
      expect(alertsOf(await allOf(logs.derived))).toEqual(["alert pairs v2 p1,p2 r0"]);
      const derived = await goneOn(after.slice(0, 5), after.slice(5));
      expect(alertsOf(derived)).toEqual(["alert pairs v2 p1,p2 r0", "alert pairs v2 p1,p3 r1"]);
      const ids = derived.flatMap((event) => (event.kind === "alert" ? [event.id] : []));
      expect(new Set(ids).size).toBe(1);
      const again = await recomputed("b", 2);
      expect(alertsOf(again)).toEqual([...alertsOf(derived), "alert pairs v2 p1,p2 r2"]);
      expect(alertsOf(await recomputed("c", 3))).toEqual(alertsOf(again));
    });

    it("is numbered the same when the owner dies after the recomputation and its facts are stepped again", async () => {
      await told(before, recompute("a"));
      await logs.facts.append(after);
      let hasTold = false;
      const dying = watched(logs, clock, ({ out }) => {
        if (hasTold) throw new AdapterError("fenced", "died", { retryable: false });
        hasTold = out.some(({ kind }) => kind === "alert");
      });
      const first = await driving(dying, clock, { checkpointMs: 5_000_000, checkpointFrames: 50_000 });
      for (let turn = 0; turn < 400 && !hasTold; turn++) await clock.pass(50, 50);
      expect(hasTold).toBe(true);
      await first.release();
      await drivenOn();
      expect(alertsOf(await allOf(logs.derived))).toEqual(["alert pairs v2 p1,p2 r0", "alert pairs v2 p1,p3 r1"]);
    });

    it("that live told while it was at work stays live's", async () => {
      await logs.facts.append([...before, recompute("a")]);
      let goOn = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const { release } = await driving(watched(logs, clock), clock, undefined, () => held);
      await logs.facts.append(after);
      for (let turn = 0; turn < 1000 && alertsOf(await allOf(logs.derived)).length === 0; turn++) await clock.pass(50, 50);
      expect(alertsOf(await allOf(logs.derived))).toEqual(["alert pairs v2 p1,p3 r0"]);
      goOn();
      const derived = await until(logs, clock, 1);
      await release();
      expect(alertsOf(derived)).toEqual(["alert pairs v2 p1,p3 r0"]);
      expect(outcomesOf(derived)[0]).toMatchObject({ alerts: NOTHING, crossings: { raised: 1, revised: 0, retracted: 0 } });
    });
  });

  it("is the same wherever an owner dies: before a commit, or after one that nobody was told of", async () => {
    const facts = [...define(1, door, pairs, busy), ...lately(inOrder, [2000, 4000])];
    const later = framesOf([["p5", END + 1000]], END, END + 4000);
    const asked = [recompute("a"), ...define(4, singles), recompute("b", { definitions: "now" })];
    const run = async (over: Logs, dies: (commit: number) => "before" | "after" | undefined) => {
      await over.facts.append([...facts, ...asked, ...later]);
      let commits = 0;
      let isDead = false;
      const dying = watched(
        over,
        clock,
        () => {
          if (isDead || dies(commits) === "before") {
            isDead = true;
            throw new AdapterError("fenced", "died", { retryable: false });
          }
        },
        () => {
          isDead = dies(commits++) === "after";
          if (isDead) throw new AdapterError("fenced", "died", { retryable: false });
        },
      );
      const first = await driving(dying, clock);
      for (let turn = 0; turn < 400 && !isDead && outcomesOf(await allOf(over.derived)).length < 2; turn++) await clock.pass(50, 50);
      if (isDead) await first.release();
      const second = isDead ? await driving(watched(over, clock), clock) : first;
      const derived = await until(over, clock, 2);
      await clock.pass(1000);
      await second.release();
      expect(await allOf(over.derived)).toEqual(derived);
      const { memory } = await saved(over);
      return { derived, commits, memory };
    };
    const whole = await run(logs, () => undefined);
    expect(outcomesOf(whole.derived).map(({ id, events }) => [id, events > 0])).toEqual([
      ["a", true],
      ["b", true],
    ]);
    expect(whole.memory).not.toContain("recomputes");
    expect(whole.commits).toBeGreaterThan(6);
    for (let commit = 0; commit < whole.commits; commit++)
      for (const when of ["before", "after"] as const) {
        const { logs: other, remove: away } = await open();
        const again = await run(other, (n) => (n === commit ? when : undefined));
        expect(sorted(again.derived), `died ${when} commit ${commit}`).toEqual(sorted(whole.derived));
        expect(again.memory).not.toContain("recomputes");
        await away();
      }
  });
});

/** Live may have told more or less before what was recomputed. */
const sorted = (events: readonly Derived[]): readonly string[] => events.map((event) => JSON.stringify(event)).sort();

/** The memory as the next owner finds it. */
const saved = async (logs: Logs): Promise<{ readonly memory: string }> => {
  let memory = "";
  const release = await logs.claim(async (owned) => {
    memory = JSON.stringify((await owned.restore()).memory);
    await owned.lost;
  });
  await release();
  return { memory };
};
