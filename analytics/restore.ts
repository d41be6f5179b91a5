import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import type { Logs, Owned, Position } from "../domain/ports.ts";
import { basesOf, beginsOf, factsFrom, fromBase } from "./begins.ts";
import { cameraMemory, type Memory, restoreMemory } from "./memory.ts";
import { keptIn } from "./pending.ts";

type Step = (facts: readonly Fact[]) => void;

/**
 * The memory of an owned partition as it was at the committed position: the checkpoint, and what came after it stepped again
 * with the output discarded. A camera whose saved form is of another version is derived again from the newest base that is of use, or from
 * the oldest fact kept. Gives the committed position.
 */
export const restore = async (logs: Logs, owned: Owned, memory: Memory, step: Step, now: Instant): Promise<Position> => {
  const { memory: saved, at, next } = await owned.restore();
  const unknown = restoreMemory(memory, saved);
  if (unknown.length > 0) {
    await deriveAgain(logs, owned.partition, memory, unknown, at, step, now);
    // What was asked for stands before the base, too, and is in no base; nor is what came of it.
    for (const { tenant, camera, memory: form } of saved) {
      const kept = keptIn(form);
      if (kept.recomputes.length > 0 || kept.told.size > 0) Object.assign(cameraMemory(memory, tenant, camera), kept);
    }
  }
  if (at < next) for await (const { events } of logs.facts.read(owned.partition, at, { to: next })) step(events);
  return next;
};

const deriveAgain = async (
  logs: Logs,
  partition: number,
  memory: Memory,
  cameras: readonly CameraKey[],
  to: Position,
  step: Step,
  now: Instant,
): Promise<void> => {
  const { start } = await logs.facts.bounds(partition);
  const begins: (CameraKey & { readonly begin: Position })[] = [];
  for (const { tenant, camera } of cameras) {
    const begin = await fromBase(memory, [basesOf(logs, { tenant, camera }, now)], to);
    begins.push({ tenant, camera, begin: Math.max(begin ?? start, start) });
  }
  const from = begins.reduce((least, { begin }) => Math.min(least, begin), to);
  for await (const { events } of factsFrom(logs.facts, partition, beginsOf(begins), { from, to })) step(events);
};
