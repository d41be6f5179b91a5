import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sensorDefaults } from "../../domain/defaults.ts";
import type { Derived } from "../../domain/event.ts";
import { expected } from "../support/oracle.ts";
import { factsOf, worlds } from "../support/world.ts";
import { ALERTS, live, MISHAPS, MODEL, PLACES, patience, silent, type Tally, tell, thorough } from "./laws.ts";

const originOf = (event: Derived): string => {
  if (event.kind === "alert") return `rule ${event.ruleId}`;
  return event.kind === "coverage" || event.kind === "recomputed" ? event.kind : `${event.place.analytic} ${event.place.id}`;
};

/** Events by where they belong, in order: what is found at a place, what a rule says, coverage. Sentences are left out. */
const byOrigin = (events: readonly Derived[]): Record<string, readonly unknown[]> =>
  Object.fromEntries(
    Array.from(Map.groupBy(events, originOf), ([origin, told]) => [origin, told.map((event) => ({ ...event, description: undefined }))]),
  );

describe("the engine and the oracle", () => {
  it("conclude the same from the same facts", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const facts = factsOf(world);
        const told = await live(facts);
        tell(tally, told);
        const { crossings, presence, coverage, alerts } = expected(facts, sensorDefaults);
        const truth = [...presence, ...crossings, ...coverage, ...alerts] as readonly Derived[];
        expect(byOrigin(told)).toEqual(byOrigin(truth));
      }),
      thorough(5),
    );
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS, MODEL])).toEqual([]);
  });
});
