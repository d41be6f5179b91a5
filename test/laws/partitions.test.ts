import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemory } from "../../analytics/memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { factsOf, worlds } from "../support/world.ts";
import { ALERTS, bytes, live, patience, silent, type Tally, tell, thorough } from "./laws.ts";

/** Ids that fall into different partitions, and one id in two tenants. */
const SENSORS = [
  { tenant: "default", camera: "gate" },
  { tenant: "default", camera: "yard" },
  { tenant: "acme", camera: "gate" },
  { tenant: "acme", camera: "hall" },
  { tenant: "default", camera: "lift" },
] as const;

/** One log of several cameras, as they arrive. */
const together = (logs: readonly (readonly Fact[])[]): readonly Fact[] => {
  const all = logs.flatMap((facts, sensor) => facts.map((fact, i) => ({ fact, sensor, i })));
  const arrival = logs.map((facts) => {
    let latest = 0;
    return facts.map(({ receivedAt }) => (latest = Math.max(latest, receivedAt)));
  });
  const at = ({ sensor, i }: { sensor: number; i: number }): number => arrival[sensor]?.[i] as number;
  return all.sort((a, b) => at(a) - at(b) || a.sensor - b.sensor || a.i - b.i).map(({ fact }) => fact);
};

const ofCamera = (events: readonly Derived[], { tenant, camera }: { readonly tenant: string; readonly camera: string }) =>
  bytes(events.filter((event) => event.tenant === tenant && event.camera === camera));

describe("partitions", () => {
  it("of any number give each camera what it would have had alone", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    const used = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(worlds, { minLength: SENSORS.length, maxLength: SENSORS.length }), async (several) => {
        const logs = several.map((world, i) => factsOf(world, SENSORS[i]?.camera, SENSORS[i]?.tenant));
        const log = together(logs);
        const alone = await Promise.all(logs.map((facts) => live(facts)));
        for (const told of alone) tell(tally, told);
        for (const partitions of [1, 2, 3]) {
          const memories = Array.from({ length: partitions }, () => createMemory());
          const told: Derived[] = [];
          for (let partition = 0; partition < partitions; partition += 1) {
            const mine = log.filter(({ tenant, camera }) => partitionOf(tenant, camera, partitions) === partition);
            if (mine.length > 0) used.add(`${partition} of ${partitions}`);
            told.push(...(await live(mine, memories[partition])));
          }
          for (const [i, sensor] of SENSORS.entries()) expect(ofCamera(told, sensor)).toEqual(bytes(alone[i] as readonly Derived[]));
        }
      }),
      thorough(0.5),
    );
    expect(used.size).toBe(1 + 2 + 3);
    expect(silent(tally, ALERTS)).toEqual([]);
  });
});
