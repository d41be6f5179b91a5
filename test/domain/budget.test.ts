import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createBudget, type Loop } from "../../domain/budget.ts";

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
      await turn();
      const busy = Math.min(ms, others);
      now += ms;
      idle += ms - busy;
    },
    turn: async () => {
      given.push(["turn", others]);
      await turn();
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
    const pause = createBudget(loop, 0.5).createPause();
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
    const pause = createBudget(loop, share).createPause();
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
    const pause = createBudget(loop, 0.5).createPause();
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
    const pause = createBudget(loop, 0.25).createPause();
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
    const pause = createBudget(loop, 0.5).createPause();
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

describe("the pauses of all who work beside what is live", () => {
  it.each([1, 2, 8, 32])("leave %d of them one share together, and each its part of it", async (users) => {
    const { loop, work, busy, now } = fakeLoop();
    const { createPause } = createBudget(loop, 0.2);
    busy(20);
    const worked: number[] = Array(users).fill(0);
    const use = async (user: number): Promise<void> => {
      const pause = createPause();
      while (now() < 60_000) {
        work(3);
        worked[user] = (worked[user] as number) + 3;
        await pause();
      }
    };
    await Promise.all(worked.map((_, user) => use(user)));
    const all = worked.reduce((sum, ms) => sum + ms, 0);
    expect(all / now()).toBeGreaterThan(0.17);
    expect(all / now()).toBeLessThan(0.23);
    expect(Math.max(...worked)).toBeLessThan(2 * Math.min(...worked));
  });

  it("leave no more to many who come one after the other and work for less than a slice", async () => {
    const { loop, work, busy, now } = fakeLoop();
    const { createPause } = createBudget(loop, 0.2);
    busy(20);
    let worked = 0;
    while (now() < 60_000) {
      const pause = createPause();
      work(1);
      worked += 1;
      await pause();
    }
    expect(worked / now()).toBeLessThan(0.23);
  });

  it("let all of them work on, one each turn of the loop, where nobody else has anything to do", async () => {
    const { loop, given, work, now } = fakeLoop();
    const { createPause } = createBudget(loop, 0.2);
    let worked = 0;
    const use = async (): Promise<void> => {
      const pause = createPause();
      while (now() < 20_000) {
        work(5);
        worked += 5;
        await pause();
      }
    };
    await Promise.all(Array.from({ length: 8 }, use));
    expect(given.slice(-50).every(([how]) => how === "turn")).toBe(true);
    expect(worked / now()).toBeGreaterThan(0.9);
    // A slice each: nobody comes before whoever is live with two of them.
    expect(given.length).toBeGreaterThanOrEqual(worked / 5 - 8);
  });

  it("charge one who waits for an answer with nothing that another worked meanwhile, and with all that it worked itself", async () => {
    const { loop, given, work } = fakeLoop();
    const { createPause } = createBudget(loop, 0.5);
    const one = createPause();
    work(3);
    const other = createPause();
    work(5);
    await other();
    expect(given).toEqual([["sleep", 5]]);
    await one();
    expect(given).toHaveLength(1);
    work(1);
    await one();
    // It began when what the other had worked was not paid for yet: at 14, with 13 for that and 8 for the 4 of its own.
    expect(given).toEqual([
      ["sleep", 5],
      ["sleep", 7],
    ]);
  });
});
