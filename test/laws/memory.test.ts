import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemory, type Memory } from "../../analytics/memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { factsOf, worlds } from "../support/world.ts";
import {
  ALERTS,
  bytes,
  live,
  MISHAPS,
  MODEL,
  PLACES,
  patience,
  savedAndLoaded,
  silent,
  stepped,
  type Tally,
  tell,
  thorough,
} from "./laws.ts";

describe("what is remembered", () => {
  it("can be saved and loaded after every single fact without a byte of difference", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const facts = factsOf(world);
        const told = await live(facts);
        tell(tally, told);
        let memory: Memory = createMemory();
        const interrupted: Derived[] = [];
        for (const fact of facts) {
          interrupted.push(...stepped([fact], memory));
          memory = savedAndLoaded(memory);
        }
        expect(bytes(interrupted)).toEqual(bytes(told));
      }),
      thorough(),
    );
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS, MODEL])).toEqual([]);
  });

  it("is the same live, in a replay, and after a crash between checkpoint and commit", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 40 }), async (world, share, further) => {
        const facts: readonly Fact[] = factsOf(world);
        const told = await live(facts);
        tell(tally, told);
        expect(bytes(await live(facts))).toEqual(bytes(told));

        const checkpoint = Math.floor(share * facts.length);
        const committed = Math.min(facts.length, checkpoint + further);
        const first = createMemory();
        const before = stepped(facts.slice(0, checkpoint), first);
        const saved = savedAndLoaded(first);
        const lost = stepped(facts.slice(checkpoint, committed), first);
        // Another takes over: from the checkpoint to what was committed with the output discarded, then on.
        const again = stepped(facts.slice(checkpoint, committed), saved);
        const after = stepped(facts.slice(committed), saved);
        expect(bytes(again)).toEqual(bytes(lost));
        expect(bytes([...before, ...lost, ...after])).toEqual(bytes(told));
      }),
      thorough(2),
    );
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS, MODEL])).toEqual([]);
  });
});
