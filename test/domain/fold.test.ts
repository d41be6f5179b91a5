/** How far a fold reads back: with a decider that adds up numbers, over streams in memory. */
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import type { Decider } from "../../domain/decider.ts";
import { createStreams, type Folded } from "../../domain/fold.ts";
import type { EventStore } from "../../domain/ports.ts";

const EVERY = 5;
const NOW = 1_763_730_000_000;
type Event = { readonly type: "added"; readonly n: number } | { readonly type: "total"; readonly n: number };

const adding: Decider<readonly number[], number, Event> = {
  initial: () => 0,
  decide: (numbers) => numbers.map((n) => ({ type: "added", n })),
  evolve: (total, { type, n }) => (type === "total" ? n : total + n),
};
const summing: typeof adding = { ...adding, sum: { type: "total", every: EVERY, of: (n) => ({ type: "total", n }) } };

const stage = () => {
  const store = openMemoryStore();
  /** How many events each read gave. */
  const reads: number[] = [];
  const read: EventStore["read"] = async (...given) => {
    const events = await store.read(...given);
    reads.push(events.length);
    return events;
  };
  const clock = { now: () => NOW, sleep: async () => undefined };
  /** As a server that has just begun has it, which was told of nothing yet. */
  const begin = (decider = summing) => createStreams({ store: { ...store, read }, revision: () => 0, clock, ids: randomUUID }, decider);
  const stored = async (): Promise<readonly string[]> =>
    (await store.read("s")).map(({ type, data }) => `${type} ${(data as { readonly n: number }).n}`);
  return { store, reads, begin, stored };
};
const ones = (n: number): readonly number[] => Array.from({ length: n }, () => 1);

describe("a stream with sums", () => {
  it("has one at each place that their distance divides, also where one command decides much", async () => {
    const { begin, stored } = stage();
    const streams = begin();
    for (let i = 0; i < 4; i++) await streams.decide("s", ones(1));
    expect(await streams.decide("s", ones(6))).toEqual({ revision: 12, state: 10 } satisfies Folded<number>);
    const one = "added 1";
    expect(await stored()).toEqual([...Array(4).fill(one), "total 4", ...Array(4).fill(one), "total 8", one, one]);
  });

  it("is read from its last sum on, and comes to the same", async () => {
    const { begin, reads } = stage();
    const streams = begin();
    for (let i = 0; i < 103; i++) await streams.decide("s", ones(1));
    reads.length = 0;
    expect(await begin().load("s")).toEqual(await streams.load("s"));
    expect(reads).toEqual([103 + 25 - 125 + 1]);
    expect(await begin().decide("s", ones(1))).toMatchObject({ state: 104 });
    expect(reads.every((read) => read <= EVERY)).toBe(true);
  });

  it("that was begun before there were sums is read whole until it has one", async () => {
    const { begin, reads } = stage();
    await begin(adding).decide("s", ones(12));
    reads.length = 0;
    expect(await begin().load("s")).toEqual({ revision: 12, state: 12 });
    expect(reads.at(-1)).toBe(12);
    await begin().decide("s", ones(4));
    reads.length = 0;
    expect(await begin().load("s")).toEqual({ revision: 17, state: 16 });
    expect(reads).toEqual([3]);
  });

  it("keeps them in their places where several decide at once, and nobody is said to have wanted them", async () => {
    const { begin, store } = stage();
    const [here, there] = [begin(), begin()];
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? here : there).decide("s", ones(1), "me")));
    const events = await store.read("s");
    expect(events.every(({ type, revision }) => (type === "total") === (revision % EVERY === 0))).toBe(true);
    expect(events.every(({ type, by }) => by === (type === "total" ? undefined : "me"))).toBe(true);
    expect(await begin().load("s")).toMatchObject({ state: 20 });
  });

  it("is empty where nothing was decided", async () => {
    expect(await stage().begin().load("s")).toEqual({ revision: 0, state: 0 });
  });
});
