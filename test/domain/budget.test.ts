import { describe, expect, it } from "vitest";
import { createPause, type Loop } from "../../domain/budget.ts";

/** A fake of an event loop: time passes as the test says; others take what they want of each sleep and turn. */
const fakeLoop = () => {
  let now = 0;
  let idle = 0;
  let others = 0;
  const given: (readonly [how: "sleep" | "turn", ms: number])[] = [];
  const loop: Loop = {
    now: () => now,
    idle: () => idle,
    sleep: async (ms) => {
      given.push(["sleep", ms]);
      const busy = Math.min(ms, others);
      now += ms;
      idle += ms - busy;
    },
    turn: async () => {
      given.push(["turn", others]);
      now += others;
    },
  };
  return {
    loop,
    given,
    work: (ms: number) => {
      now += ms;
    },
    wait: (ms: number) => {
      now += ms;
      idle += ms;
    },
    /** Others take so many milliseconds of each rest. */
    busy: (ms: number) => {
      others = ms;
    },
    now: () => now,
  };
};

describe("a job's pause", () => {
  it("lets the job work on for a slice, then lets all others have their turn", async () => {
    const { loop, given, work } = fakeLoop();
    const pause = createPause(loop, 0.5);
    for (let i = 0; i < 7; i++) {
      work(1);
      await pause();
    }
    expect(given).toHaveLength(1);
    work(1);
    await pause();
    expect(given).toHaveLength(2);
  });

  it.each([
    [0.5, 0.45, 0.55],
    [0.25, 0.2, 0.3],
    [0.1, 0.05, 0.15],
  ])("gives a job its share of %d while others are at work", async (share, least, most) => {
    const { loop, work, busy, now } = fakeLoop();
    const pause = createPause(loop, share);
    busy(1000);
    let worked = 0;
    while (now() < 60_000) {
      work(2);
      worked += 2;
      await pause();
    }
    expect(worked / now()).toBeGreaterThan(least);
    expect(worked / now()).toBeLessThan(most);
  });

  it("keeps no other waiting for longer than a slice and one piece of work", async () => {
    const { loop, given, work, busy, now } = fakeLoop();
    const pause = createPause(loop, 0.5);
    let longest = 0;
    let since = 0;
    let turns = 0;
    for (let i = 0; i < 10_000; i++) {
      if (i === 5000) busy(3);
      work(1 + (i % 3));
      longest = Math.max(longest, now() - since);
      await pause();
      if (given.length === turns) continue;
      turns = given.length;
      since = now();
    }
    expect(longest).toBeLessThanOrEqual(4 + 3);
    expect(turns).toBeGreaterThan(1000);
  });

  it("is no more than a turn of the loop where nobody else has anything to do, and becomes a rest when somebody has", async () => {
    const { loop, given, work, busy } = fakeLoop();
    const pause = createPause(loop, 0.25);
    const slices = async (n: number) => {
      for (let i = 0; i < n; i++) {
        work(5);
        await pause();
      }
    };
    await slices(100);
    expect(given.slice(-50).every(([how]) => how === "turn")).toBe(true);
    busy(20);
    await slices(100);
    expect(given.slice(-50)).toEqual(Array(50).fill(["sleep", 15]));
    busy(0);
    await slices(100);
    expect(given.at(-1)?.[0]).toBe("turn");
  });

  it("charges a job for what it worked, not for what it waited", async () => {
    const { loop, given, work, wait, busy } = fakeLoop();
    const pause = createPause(loop, 0.5);
    busy(1000);
    wait(90);
    work(1);
    await pause();
    expect(given).toEqual([]);
    work(5);
    await pause();
    expect(given).toEqual([["sleep", 6]]);
  });
});
