import { type CameraKey, type Instant, keyText } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import type { Logs, Owned, Position } from "../domain/ports.ts";
import { type Memory, restoreMemory } from "./memory.ts";

type Step = (facts: readonly Fact[]) => void;

/**
 * The memory of an owned partition as it was at the committed position: the checkpoint, and what came after it stepped again
 * with the output discarded. A camera whose saved form is of another version is derived again from the newest base that is of use, or from
 * the oldest fact kept. Gives the committed position.
 */
export const restore = async (logs: Logs, owned: Owned, memory: Memory, step: Step, now: Instant): Promise<Position> => {
  const { memory: saved, at, next } = await owned.restore();
  const unknown = restoreMemory(memory, saved);
  if (unknown.length > 0) await deriveAgain(logs, owned.partition, memory, unknown, at, step, now);
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
  const begins = new Map<string, Position>();
  for (const camera of cameras) {
    let base = await logs.baseBefore(camera, now);
    // One written since the checkpoint is too new, and one of a form not known is of no use; an older one may be neither.
    while (base !== undefined && !(base.position >= start && base.position <= to && restoreMemory(memory, [base]).length === 0))
      base = await logs.baseBefore(camera, base.at - 1);
    begins.set(keyText(camera.tenant, camera.camera), base?.position ?? start);
  }
  const from = [...begins.values()].reduce((least, begin) => Math.min(least, begin), to);
  for await (const { events, positions } of logs.facts.read(partition, from, { to }))
    step(
      events.filter(
        ({ tenant, camera }, i) => (positions[i] as Position) >= (begins.get(keyText(tenant, camera)) ?? Number.POSITIVE_INFINITY),
      ),
    );
};
