import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import { notifyDefaults } from "../../domain/defaults.ts";
import type { Definition, Derived, Fact, Frame } from "../../domain/event.ts";
import { AdapterError, type Logs } from "../../domain/ports.ts";
import { allOf, driving, kinds, watched } from "../support/driven.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { frame, seen } from "../support/given.ts";

const key = { tenant: "acme", camera: "shop" };
const BEGIN = Date.UTC(2026, 0, 5, 9);
const anybody: Definition = {
  kind: "definition",
  ...key,
  receivedAt: BEGIN,
  revision: 1,
  decision: {
    type: "rule-defined",
    rule: { ...notifyDefaults, ruleId: "any", name: "Any", ruleType: "notify", analytic: "fov", placeId: key.camera, cooldown: 0 },
  },
};
/** Somebody else at every other frame: each pair of frames raises an alert, and timers are always pending. */
const framesFrom = (first: number, count: number): readonly Frame[] =>
  Array.from({ length: count }, (_, i) => frame(key, BEGIN + (first + i) * 200, [seen(`p${Math.floor((first + i) / 2)}`, 50, 50)]));
const following = (facts: readonly Fact[]): readonly Derived[] => {
  const memory = createMemory();
  return facts.flatMap((fact) => derive(memory, fact));
};

describe.each(kinds)("a partition driven over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  it("commits what follows with the position, and the memory only when that is due", async () => {
    const clock = fakeClock(BEGIN);
    const eyed = watched(logs, clock);
    const { release, driven } = await driving(eyed, clock, { checkpointMs: 5000, checkpointFrames: 15 });
    await logs.facts.append([anybody, ...framesFrom(0, 4)]);
    await clock.pass(1000);
    expect(eyed.commits.map(({ checkpoint }) => checkpoint !== undefined)).toEqual([false]);
    await clock.pass(4000);
    // Five seconds after the start, though nothing came any more.
    expect(eyed.commits.filter(({ checkpoint }) => checkpoint !== undefined)).toHaveLength(1);
    await clock.pass(20_000);
    const idle = eyed.commits.length;
    await clock.pass(20_000);
    expect(eyed.commits).toHaveLength(idle);
    const before = eyed.commits.filter(({ checkpoint }) => checkpoint !== undefined).length;
    await logs.facts.append(framesFrom(200, 15));
    await clock.pass(0);
    expect(eyed.commits.filter(({ checkpoint }) => checkpoint !== undefined).length).toBe(before + 1);
    await logs.facts.append(framesFrom(220, 1));
    await clock.pass(0);
    await release();
    expect(eyed.commits.at(-1)?.checkpoint?.map(({ camera }) => camera)).toEqual(["shop"]);
    expect(driven.position).toBe((await logs.progress(0)).facts);
    expect(await allOf(logs.derived)).toEqual(following(await allOf(logs.facts)));
  });

  it("goes on, after an owner that vanished, from the checkpoint with what was committed since discarded", async () => {
    const clock = fakeClock(BEGIN);
    const first = watched(logs, clock);
    await driving(first, clock, { checkpointMs: 3_600_000, checkpointFrames: 7 });
    for (let n = 0; n < 20; n += 4) {
      await logs.facts.append([...(n === 0 ? [anybody] : []), ...framesFrom(n, 4)]);
      await clock.pass(0);
    }
    const last = first.commits.findLastIndex(({ checkpoint }) => checkpoint !== undefined);
    expect(last).toBeGreaterThan(0);
    expect(last).toBeLessThan(first.commits.length - 1);
    // Another claims: the first is fenced and leaves no last checkpoint.
    const second = watched(logs, clock);
    const { release, driven } = await driving(second, clock, { checkpointMs: 3_600_000, checkpointFrames: 7 });
    expect(driven.position).toBe(first.commits.at(-1)?.next);
    expect(second.commits).toEqual([]);
    await logs.facts.append(framesFrom(20, 6));
    await clock.pass(0);
    await release();
    const facts = await allOf(logs.facts);
    expect(facts.filter(({ kind }) => kind === "frame")).toHaveLength(26);
    const told = await allOf(logs.derived);
    expect(told).toEqual(following(facts));
    expect(told.filter(({ kind }) => kind === "alert").length).toBeGreaterThan(10);
  });

  it("is released without a last checkpoint where the log refuses it, but not where a defect prevents it", async () => {
    const full = new AdapterError("full", "no room", { retryable: true });
    const defect = new TypeError("not a form");
    for (const [thrown, failure] of [[full, undefined] as const, [defect, defect] as const]) {
      const clock = fakeClock(BEGIN);
      const eyed = watched(logs, clock, ({ checkpoint }) => {
        if (checkpoint !== undefined) throw thrown;
      });
      const { release, failed } = await driving(eyed, clock);
      await logs.facts.append(framesFrom(0, 3));
      await clock.pass(0);
      expect(eyed.commits.length).toBeGreaterThan(0);
      await release();
      expect(failed()).toBe(failure);
    }
  });

  it("says when what stood in the log at the start is done", async () => {
    const clock = fakeClock(BEGIN);
    await logs.facts.append([anybody, ...framesFrom(0, 25)]);
    const { driven, release } = await driving(watched(logs, clock), clock);
    expect(driven.caughtUp).toBe(true);
    expect(driven.position).toBeGreaterThanOrEqual((await logs.facts.bounds(0)).end);
    await release();
  });

  it("writes a heartbeat when a live sensor's timer is due, once, and none while nothing is pending", async () => {
    const clock = fakeClock(BEGIN);
    const { release } = await driving(watched(logs, clock), clock);
    await logs.facts.append(framesFrom(0, 3));
    const beats = async () => (await allOf(logs.facts)).filter((fact) => fact.kind === "heartbeat");
    // Seen last at 200 ms, so due to leave at 1200; the newest frame was 50 ms under way, and time passes 2 s late.
    await clock.pass(3000);
    expect(await beats()).toEqual([]);
    await clock.pass(250);
    expect((await beats()).map(({ at, frame: { timestamp } }) => [at, timestamp])).toEqual([[BEGIN + 1200, BEGIN + 400]]);
    expect((await allOf(logs.derived)).map((event) => (event.kind === "presence" ? event.reason : event.kind))).toContain("timeout");
    // One more for the end of coverage, five seconds after the last frame; then there is nothing to wait for.
    await clock.pass(60_000);
    const all = await beats();
    expect(all).toHaveLength(2);
    expect(new Set(all.map(({ at }) => at)).size).toBe(2);
    await release();
  });

  it("writes none for a sensor being imported", async () => {
    const clock = fakeClock(BEGIN + 365 * 86_400_000);
    const { release } = await driving(watched(logs, clock), clock);
    await logs.facts.append(framesFrom(0, 3).map((one) => ({ ...one, receivedAt: clock.now() })));
    await clock.pass(60_000);
    expect((await allOf(logs.facts)).filter(({ kind }) => kind === "heartbeat")).toEqual([]);
    await release();
  });

  it("puts a base a day for each camera, at a committed position, and starts no new day when it starts again", async () => {
    const clock = fakeClock(BEGIN);
    const first = watched(logs, clock);
    const { release } = await driving(first, clock);
    await logs.facts.append([...framesFrom(0, 3), ...framesFrom(0, 3).map((one) => ({ ...one, camera: "yard" }))]);
    await clock.pass(61_000);
    expect(first.bases.map(({ camera }) => camera).sort()).toEqual(["shop", "yard"]);
    expect(first.commits.map(({ next }) => next)).toContain(first.bases[0]?.position);
    await clock.pass(3_600_000, 60_000);
    expect(first.bases).toHaveLength(2);
    await release();
    const second = watched(logs, clock);
    const again = await driving(second, clock);
    await clock.pass(120_000, 60_000);
    expect(second.bases).toEqual([]);
    await clock.pass(23 * 3_600_000, 600_000);
    expect(second.bases.map(({ camera }) => camera).sort()).toEqual(["shop", "yard"]);
    await again.release();
  });

  it("throws what a port throws, and leaves nobody waiting behind", async () => {
    const clock = fakeClock(BEGIN);
    const full = new AdapterError("full", "no room", { retryable: true });
    const eyed = watched(logs, clock, () => {
      throw full;
    });
    const { failed } = await driving(eyed, clock);
    await logs.facts.append([anybody]);
    await clock.pass(0);
    expect(failed()).toBe(full);
    expect(clock.sleepers).toBe(0);
  });
});
