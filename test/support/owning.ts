/** Owners of a log's partitions that do as they are told. */
import { expect } from "vitest";
import type { Logs, Owned, Release } from "../../domain/ports.ts";

/** An owner that notes what it is given and holds on until told. */
export const owning = async (logs: Logs, behave: (owned: Owned) => Promise<void> = ({ lost }) => lost) => {
  const held = new Map<number, Owned>();
  const given: number[] = [];
  const release: Release = await logs.claim(async (owned) => {
    given.push(owned.partition);
    held.set(owned.partition, owned);
    await behave(owned);
    if (held.get(owned.partition) === owned) held.delete(owned.partition);
  });
  const partitions = (): number[] => [...held.keys()].sort((a, b) => a - b);
  const of = async (partition: number): Promise<Owned> => {
    await expect.poll(() => held.has(partition), { timeout: 20_000 }).toBe(true);
    return held.get(partition) as Owned;
  };
  return { held, given, partitions, of, release };
};
