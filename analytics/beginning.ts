/** Where a recomputation begins, and how much of what it was asked for can be derived again with what is left. */
import type { Instant } from "../domain/envelope.ts";
import { JobFailure } from "../domain/job.ts";
import type { Base, Position } from "../domain/ports.ts";
import { arrivalOf, type Bases, basesOf, fromBase } from "./begins.ts";
import { cameraMemory, createMemory, restoreMemory } from "./memory.ts";
import type { History } from "./past.ts";
import type { PendingRecompute } from "./pending.ts";

/**
 * `since`: where the facts that matter begin, or the oldest base after it. `from`: what was asked for, or when that base was.
 * `arrivedFrom`: what is derived from the beginning on arrived then or later.
 */
export type Beginning = { readonly since: Position; readonly from: Instant; readonly arrivedFrom: Instant };

/** Throws JobFailure where nothing of it can be derived again. */
export const beginningOf = async (
  { logs, archive }: History,
  partition: number,
  { fact, position }: PendingRecompute,
): Promise<Beginning> => {
  const { tenant, camera, since } = fact;
  const key = { tenant, camera };
  const { start } = await logs.facts.bounds(partition);
  const archived: Bases = async (after) => archive?.baseBefore(key, after === undefined ? position : after.position - 1);
  const kept: readonly Bases[] = [basesOf(logs, key, Number.MAX_SAFE_INTEGER), archived];
  const from = archive === undefined ? start : 0;
  const base = await fromBase(createMemory(), kept, { from, to: Math.min(since, position) });
  if (base !== undefined || start === 0)
    return { since, from: fact.from, arrivedFrom: await arrivalOf({ logs, archive }, partition, [{ ...key, begin: base ?? 0 }]) };
  // What was before is gone: from the oldest base on what is derived is right, and what lies before is left alone.
  const oldest = await oldestOf(kept, from, position);
  const told = oldest === undefined ? Number.POSITIVE_INFINITY : toldBy(oldest);
  if (oldest === undefined || told + 1 >= fact.to)
    throw new JobFailure("The facts of that time are no longer kept, and nothing that was saved reaches back so far.");
  return {
    since: oldest.position,
    from: Math.max(fact.from, told + 1),
    arrivedFrom: await arrivalOf({ logs, archive }, partition, [{ ...key, begin: oldest.position }]),
  };
};

const oldestOf = async (kept: readonly Bases[], from: Position, to: Position): Promise<Base | undefined> => {
  let oldest: Base | undefined;
  for (const bases of kept)
    for (let base = await bases(undefined); base !== undefined && base.position >= from; base = await bases(base)) {
      const isOlder = oldest === undefined || base.position < oldest.position;
      if (base.position <= to && isOlder && restoreMemory(createMemory(), [base]).length === 0) oldest = base;
    }
  return oldest;
};

/** How far the sensor's time had come. */
const toldBy = (base: Base): Instant => {
  const memory = createMemory();
  restoreMemory(memory, [base]);
  return cameraMemory(memory, base.tenant, base.camera).time.told ?? Number.NEGATIVE_INFINITY;
};
