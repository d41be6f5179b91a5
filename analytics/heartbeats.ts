import type { Instant } from "../domain/envelope.ts";
import type { Heartbeat } from "../domain/event.ts";
import { type Memory, pendingCameras } from "./memory.ts";

/** A sensor may be silent for its network's sake: time passes for it this many milliseconds late, so that frames under way are not made late. */
const GRACE_MS = 2000;
/** Live is a sensor whose newest frame was less than this old when it arrived; an import gets no heartbeats. */
const LIVE_MS = 60_000;

/**
 * The heartbeats to write now: one for each live camera with a timer that is due by its own clock, which runs on from its newest
 * frame. A heartbeat written twice, or by two, does no harm: the engine ignores one that a newer frame precedes.
 */
export const dueHeartbeats = (memory: Memory, now: Instant): readonly Heartbeat[] => {
  const beats: Heartbeat[] = [];
  for (const { tenant, camera, due, newest, toldUntil } of pendingCameras(memory)) {
    if (newest.receivedAt - newest.timestamp >= LIVE_MS) continue;
    const at = newest.timestamp + Math.floor(now - newest.receivedAt) - GRACE_MS;
    if (at < due || at <= toldUntil) continue;
    beats.push({
      kind: "heartbeat",
      tenant,
      camera,
      receivedAt: now,
      at,
      frame: { timestamp: newest.timestamp, id: newest.id },
      release: false,
    });
  }
  return beats;
};
