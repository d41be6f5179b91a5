import { type Instant, keyText } from "../domain/envelope.ts";
import type { Logs, Position } from "../domain/ports.ts";
import { camerasIn, type Memory, saveCameraMemory } from "./memory.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const LOOK_EVERY_MS = 60_000;

/**
 * A base a day for each camera: its memory with the definitions in force, at a committed position. Every bounded replay,
 * backtest or recomputation starts at the nearest one before its range. Call it as often as you like; it looks once a minute.
 */
export const createBaseWriter = (logs: Logs, memory: Memory, partition: number): ((position: Position, now: Instant) => Promise<void>) => {
  const written = new Map<string, Instant>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async (position, now) => {
    if (now - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = now;
    for (const key of camerasIn(memory)) {
      const name = keyText(key.tenant, key.camera);
      const last = written.get(name) ?? (await logs.baseBefore(key, now))?.at ?? Number.NEGATIVE_INFINITY;
      written.set(name, last);
      if (now - last < DAY_MS) continue;
      const saved = saveCameraMemory(memory, key.tenant, key.camera);
      if (saved === undefined) continue;
      await logs.putBase({ ...key, at: now, partition, position, memory: saved });
      written.set(name, now);
    }
  };
};
