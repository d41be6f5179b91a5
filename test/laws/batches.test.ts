import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemory } from "../../analytics/memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { factsOf, worlds } from "../support/world.ts";
import { ALERTS, bytes, live, MISHAPS, PLACES, patience, silent, type Tally, tell, thorough } from "./laws.ts";

/** Where a list is cut, as shares of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

const batchesOf = (facts: readonly Fact[], shares: readonly number[]): readonly (readonly Fact[])[] => {
  const ends = [...new Set([...shares.map((share) => Math.floor(share * facts.length)), facts.length])].sort((a, b) => a - b);
  return ends.map((end, i) => facts.slice(ends[i - 1] ?? 0, end));
};

/** Each batch through a subscription of its own, over one memory. */
const inBatches = async (batches: readonly (readonly Fact[])[]): Promise<readonly Derived[]> => {
  const memory = createMemory();
  const told: Derived[] = [];
  for (const batch of batches) told.push(...(await live(batch, memory)));
  return told;
};

describe("batches", () => {
  it("may be cut anywhere without a byte of difference", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, cuts, async (world, shares) => {
        const facts = factsOf(world);
        const told = await live(facts);
        tell(tally, told);
        expect(bytes(await inBatches(batchesOf(facts, shares)))).toEqual(bytes(told));
      }),
      thorough(2),
    );
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS])).toEqual([]);
  });

  it("that come a second time add nothing", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    let repeated = 0;
    await fc.assert(
      fc.asyncProperty(worlds, cuts, async (world, shares) => {
        // Across a clock set back only the door knows a repeat: to the engine the old frames are ahead of the new time.
        const facts = factsOf({ ...world, mishaps: world.mishaps.filter(({ what }) => what !== "set-back") });
        const batches = batchesOf(facts, shares);
        const twice = batches.flatMap((batch) => {
          // It comes again at once: every repeat arrives when the last of the batch did.
          const arrival = Math.max(0, ...batch.map(({ receivedAt }) => receivedAt));
          repeated += batch.length;
          return [batch, batch.map((fact) => ({ ...fact, receivedAt: arrival }))];
        });
        const told = await live(facts);
        tell(tally, told);
        expect(bytes(await inBatches(twice))).toEqual(bytes(told));
      }),
      thorough(2),
    );
    expect(repeated).toBeGreaterThan(1000);
    expect(silent(tally, [...ALERTS, ...PLACES])).toEqual([]);
  });
});
