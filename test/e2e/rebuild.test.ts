import { expect, it } from "vitest";
import { rebuilding } from "./rebuilding.ts";

it("tables are rebuilt under load, though the server is killed in the middle: every count is right, and they end as a new warehouse has them", async () => {
  const { faults, killed, rebuilds, counts } = await rebuilding({ kills: 2, seed: 5, before: 300 });
  expect(faults).toEqual([]);
  expect(killed).toBe(2);
  expect(rebuilds).toBeGreaterThan(0);
  expect(counts).toBeGreaterThan(10);
}, 240_000);
