/** What is remembered of recomputations, and what becomes of one whose facts are gone. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { cameraMemory, createMemory, restoreMemory, saveCameraMemory, saveTouched } from "../../analytics/memory.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { allOf, driving, kinds, watched } from "../support/driven.ts";
import { type FakeClock, fakeClock } from "../support/fake-clock.ts";
import { BEGIN, briefs, decisions, define, framesOf, KEY, lately, outcomesOf, recompute, until, type Walk } from "../support/passers-by.ts";

const { door, pairs, singles } = decisions;
const walks: readonly Walk[] = [
  ["p1", 1000],
  ["p2", 3000],
  ["p3", 5000],
  ["p4", 7000],
];
const DAY_MS = 86_400_000;

describe("the memory of a camera", () => {
  const stepped = (facts: readonly Fact[]) => {
    const memory = createMemory();
    for (const fact of facts) derive(memory, fact);
    return memory;
  };
  const facts = [...define(1, door, pairs), ...framesOf(walks, 0, 4000)];
  const textOf = (memory: ReturnType<typeof stepped>): string => JSON.stringify(saveTouched(memory)[0]?.memory);

  it("with a recomputation to be done is the same again when loaded, and without one as if there never had been any", () => {
    const plain = textOf(stepped(facts));
    expect(plain).not.toContain("recomputes");
    const memory = stepped(facts);
    const one = cameraMemory(memory, KEY.tenant, KEY.camera);
    one.recomputes = [
      { fact: recompute("a"), position: 77, decided: one.decided, told: undefined },
      { fact: recompute("b", { definitions: "now" }), position: 99, decided: one.decided, told: 12 },
    ];
    const saved = textOf(memory);
    const again = createMemory();
    expect(restoreMemory(again, [{ ...KEY, memory: JSON.parse(saved) as Json }])).toEqual([]);
    expect(cameraMemory(again, KEY.tenant, KEY.camera).recomputes).toEqual(one.recomputes);
    // A base has none of them.
    expect(JSON.stringify(saveCameraMemory(again, KEY.tenant, KEY.camera))).toBe(plain);
    cameraMemory(again, KEY.tenant, KEY.camera).recomputes = [];
    expect(JSON.stringify(saveCameraMemory(again, KEY.tenant, KEY.camera))).toBe(plain);
  });

  it.each([
    ["a definition of another form", [[recompute("a"), 77, { revision: "x" }, null]]],
    ["a list of something else", [7]],
    ["no list", { a: 1 }],
  ])("with %s where a recomputation should stand is derived again", (_, recomputes) => {
    const form = JSON.parse(textOf(stepped(facts))) as { [part: string]: Json };
    const memory = { ...form, recomputes: recomputes as unknown as Json };
    expect(restoreMemory(createMemory(), [{ ...KEY, memory }])).toEqual([KEY]);
  });
});

describe.each(kinds)("a recomputation over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  let clock: FakeClock;
  beforeEach(async () => {
    ({ logs, remove } = await open());
    clock = fakeClock(BEGIN + DAY_MS);
  });
  afterEach(() => remove());

  const drivenWhile = async <T>(work: () => Promise<T>): Promise<T> => {
    const { release, failed } = await driving(watched(logs, clock), clock);
    const done = await work();
    await release();
    expect(failed()).toBeUndefined();
    return done;
  };
  const passed = async (facts: readonly Fact[]): Promise<void> => {
    for (const fact of facts) await logs.facts.append([fact]);
    await drivenWhile(() => clock.pass(1000));
  };
  /** All that arrived by now, but what is needed. */
  const forget = (arrivedBefore: number): Promise<number> =>
    logs.retain({ arrivedBefore, maxBytes: Number.MAX_SAFE_INTEGER, keepFrom: [Number.MAX_SAFE_INTEGER] });
  const recomputed = async (...wishes: readonly Fact[]): Promise<readonly Derived[]> => {
    await logs.facts.append(wishes);
    return drivenWhile(() => until(logs, clock, wishes.length));
  };

  it("begins at the base before its range where all before that is gone", async () => {
    const inOrder = framesOf(walks, 0, 12_000);
    const late = lately(inOrder, [6000, 8000]);
    await passed([...define(1, door, pairs), ...late.slice(0, 10)]);
    await passed(late.slice(10));
    const since = (await logs.baseBefore(KEY, Number.MAX_SAFE_INTEGER))?.position as Position;
    expect(since).toBeGreaterThan(0);
    expect(await forget(Number.MAX_SAFE_INTEGER)).toBeGreaterThan(0);
    expect((await logs.facts.bounds(0)).start).toBeGreaterThan(0);
    const derived = await recomputed(recompute("a", { from: BEGIN + 6000, to: BEGIN + 9000, since }));
    expect(outcomesOf(derived)[0]).toMatchObject({ from: BEGIN + 6000 });
    expect(outcomesOf(derived)[0]?.fault).toBeUndefined();
    expect(briefs(derived, "crossing").at(-1)).toBe("crossing p4 entry late");
    expect(briefs(derived, "alert")).toEqual(["alert pairs v2 p1,p2 r0", "alert pairs v2 p3,p4 r0"]);
  });

  it("of a time of which only the end is kept leaves what lies before alone: nothing is retracted for want of facts", async () => {
    const inOrder = framesOf(walks, 0, 12_000);
    await passed([...define(1, door, pairs), ...inOrder.slice(0, 20), ...define(3, singles)]);
    await passed(inOrder.slice(20));
    expect(await forget(Number.MAX_SAFE_INTEGER)).toBeGreaterThan(0);
    const before = await allOf(logs.derived);
    const derived = await recomputed(recompute("a", { definitions: "now" }));
    const [outcome] = outcomesOf(derived);
    // The base was written when the frame at 3,800 ms had been the last.
    expect(outcome).toMatchObject({ from: BEGIN + 3801, events: 0 });
    expect(outcome?.fault).toBeUndefined();
    expect(derived.slice(0, before.length)).toEqual(before);
    expect(briefs(derived, "alert")).toEqual(["alert pairs v2 p1,p2 r0", "alert pairs v3 p3 r0", "alert pairs v3 p4 r0"]);
  });

  it("of a time of which nothing is kept says so and changes nothing", async () => {
    const inOrder = framesOf(walks, 0, 12_000);
    await passed([...define(1, door, pairs), ...inOrder.slice(0, 20), ...define(3, singles)]);
    await passed(inOrder.slice(20));
    await forget(Number.MAX_SAFE_INTEGER);
    const derived = await recomputed(recompute("a", { definitions: "now", to: BEGIN + 3000 }));
    expect(outcomesOf(derived)[0]).toMatchObject({ events: 0, fault: expect.stringContaining("no longer kept") as string });
    expect(derived.at(-1)?.kind).toBe("recomputed");
  });

  it("that was asked for before a program that saves memories in another form is done by it", async () => {
    await logs.facts.append([...define(1, door, pairs), ...lately(framesOf(walks, 0, 12_000), [2000, 4000]), recompute("a")]);
    // The owner dies before the recomputation is done, and what it saved is of a form nobody knows.
    const held = new Promise<void>(() => undefined);
    const first = await driving(watched(logs, clock), clock, undefined, () => held);
    for (let turn = 0; turn < 100; turn++) await clock.pass(10, 10);
    const strange = async (): Promise<void> => {
      const release = await logs.claim(async (owned) => {
        const { memory, next } = await owned.restore();
        const checkpoint = memory.map((one) => ({ ...one, memory: { ...(one.memory as object), version: 99 } }));
        expect(JSON.stringify(checkpoint)).toContain('"recomputes":[');
        await owned.commit({ out: [], next, checkpoint });
        await owned.lost;
      });
      await release();
    };
    await strange();
    expect(first.failed()).toBeUndefined();
    const derived = await drivenWhile(() => until(logs, clock, 1));
    expect(briefs(derived, "crossing").at(-1)).toBe("crossing p2 entry late");
  });
});
