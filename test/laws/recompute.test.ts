/** What recomputations make of the past, whatever happened there. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import type { Derived, Fact, Frame, Recompute } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { allOf, driving, watched } from "../support/driven.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { bare, outcomesOf, standing } from "../support/passers-by.ts";
import { BEGIN, factsOf, type World, worlds } from "../support/world.ts";
import { patience, stepped, thorough } from "./laws.ts";

const KEY = { tenant: "default", camera: "door" };
const HOUR_MS = 3_600_000;
const ALL = { from: 0, to: BEGIN + 1000 * HOUR_MS };

const asked = (id: string, range: { readonly from: number; readonly to: number }): Recompute => ({
  ...{ kind: "recompute", ...KEY, receivedAt: BEGIN + 2000 * HOUR_MS, id, definitions: "then", since: 0 },
  ...range,
});
const lateIn = (facts: readonly Fact[]): number => {
  let late = 0;
  const memory = createMemory();
  const watch = { late: () => void late++, clockReset: () => {} };
  for (const fact of facts) derive(memory, fact, watch);
  return late;
};

type Shape = { readonly partitions: number; readonly factsPerBatch: number; readonly append: number };

/** What the log has when these were driven: the facts, then what is asked for, one after the other. */
const driven = async (facts: readonly Fact[], wishes: readonly Recompute[], { append, ...shape }: Shape): Promise<readonly Derived[]> => {
  const logs = openMemoryLogs(shape);
  const clock = fakeClock(BEGIN + 3000 * HOUR_MS);
  const partition = partitionOf(KEY.tenant, KEY.camera, shape.partitions);
  for (let i = 0; i < facts.length; i += append) await logs.facts.append(facts.slice(i, i + append));
  await logs.facts.append(wishes);
  const { release, failed } = await driving(watched(logs, clock), clock, undefined, () => new Promise((go) => setImmediate(go)));
  const told = () => allOf(logs.derived, partition);
  for (let turn = 0; turn < 2000 && outcomesOf(await told()).length < wishes.length; turn++) await clock.pass(50, 50);
  await release();
  expect(failed()).toBeUndefined();
  const derived = await told();
  await logs.close();
  return derived;
};
const USUAL: Shape = { partitions: 1, factsPerBatch: 10, append: 50 };

const check = (share: number, law: (world: World, facts: readonly Fact[]) => Promise<void>) =>
  fc.assert(
    fc.asyncProperty(worlds, async (world) => law(world, factsOf(world, KEY.camera, KEY.tenant))),
    thorough(share),
  );

describe("recomputing any past", () => {
  it("tells nothing where nothing came late, and nothing when it is asked for again", { timeout: patience }, async () => {
    const heard = { silent: 0, corrected: 0 };
    await check(0.5, async (_, facts) => {
      const derived = await driven(facts, [asked("a", ALL), asked("b", ALL)], USUAL);
      const [first, second] = outcomesOf(derived);
      if (lateIn(facts) === 0) expect(first?.events).toBe(0);
      expect(second?.events).toBe(0);
      if (first?.fault !== undefined) throw new Error(first.fault);
      heard[first?.events === 0 ? "silent" : "corrected"]++;
    });
    expect(heard.silent).toBeGreaterThan(0);
    expect(heard.corrected).toBeGreaterThan(0);
  });

  it("gives what would have been told had every frame come in time", { timeout: patience }, async () => {
    let late = 0;
    let changed = 0;
    await check(0.3, async (world) => {
      const facts = factsOf(
        { ...world, mishaps: world.mishaps.filter(({ what }) => what === "late" || what === "swapped") },
        KEY.camera,
        KEY.tenant,
      );
      const frames = facts.filter((fact): fact is Frame => fact.kind === "frame");
      const others = facts.filter(({ kind }) => kind === "definition");
      const [first] = frames;
      if (first === undefined) return;
      // Nobody is there any more: all has ended.
      const newest = frames.reduce((most, { timestamp }) => Math.max(most, timestamp), 0);
      const end = [60_000, 61_000].map(
        (ms): Frame => ({ ...first, timestamp: newest + ms, receivedAt: newest + ms, id: `${ms}`, objects: [] }),
      );
      const inTime = [...frames].sort((a, b) => a.timestamp - b.timestamp);
      late += lateIn([...others, ...frames]);
      const derived = await driven([...others, ...frames, ...end], [asked("a", ALL)], USUAL);
      changed += outcomesOf(derived)[0]?.events ?? 0;
      expect(bare(standing(derived))).toEqual(bare(standing(stepped([...others, ...inTime, ...end]))));
    });
    expect(late).toBeGreaterThan(10);
    expect(changed).toBeGreaterThan(10);
  });

  it("is the same over any number of partitions, in blocks and appends of any length", { timeout: patience }, async () => {
    let corrected = 0;
    await check(0.25, async (_, facts) => {
      const wishes = [asked("a", { from: BEGIN + 2000, to: BEGIN + 9000 }), asked("b", ALL)];
      const one = await driven(facts, wishes, USUAL);
      corrected += outcomesOf(one).filter(({ events }) => events > 0).length;
      for (const shape of [
        { partitions: 3, factsPerBatch: 1000, append: 7 },
        { partitions: 2, factsPerBatch: 1, append: 1000 },
      ]) {
        const other = await driven(facts, wishes, shape);
        expect(outcomesOf(other)).toEqual(outcomesOf(one));
        expect(bare(standing(other))).toEqual(bare(standing(one)));
      }
    });
    expect(corrected).toBeGreaterThan(0);
  });
});
