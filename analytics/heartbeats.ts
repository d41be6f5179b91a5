import { type Instant, keyText } from "../domain/envelope.ts";
import type { Heartbeat } from "../domain/event.ts";
import { LIVE_MS } from "../domain/rules/sensor-time.ts";
import { type Memory, pendingCameras } from "./memory.ts";

/** A sensor may be silent for its network's sake: time passes for it this many milliseconds late, so that frames under way are not made late. */
const GRACE_MS = 2000;

/**
 * The heartbeats to write now: one for each live camera with a timer that is due by its own clock, which runs on from its newest
 * frame. None again for a timer it was written for already and which the engine has not come to yet. One written twice by two owners
 * does no harm: the engine ignores one that a newer frame precedes.
 */
export const createHeartbeats = (memory: Memory): ((now: Instant) => readonly Heartbeat[]) => {
  const written = new Map<string, string>();
  return (now) => dueHeartbeats(memory, now, written);
};

const dueHeartbeats = (memory: Memory, now: Instant, written: Map<string, string>): readonly Heartbeat[] => {
  const beats: Heartbeat[] = [];
  for (const { tenant, camera, due, newest, toldUntil } of pendingCameras(memory)) {
    if (newest.receivedAt - newest.timestamp >= LIVE_MS) continue;
    const at = newest.timestamp + Math.floor(now - newest.receivedAt) - GRACE_MS;
    if (at < due || at <= toldUntil) continue;
    const name = keyText(tenant, camera);
    const reason = `${due} ${newest.timestamp} ${newest.id}`;
    if (written.get(name) === reason) continue;
    written.set(name, reason);
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
