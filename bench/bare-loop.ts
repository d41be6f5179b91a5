/**
 * What the engine is set beside: a plain loop over the same frames with the same wire, region and thresholds, and nothing else.
 * No confirmation, no path, no timers between frames, no alert ids, nothing to save.
 */
import type { Frame } from "../domain/event.ts";

type Seen = { below: boolean; at: number };
type Sensor = {
  readonly tracks: Map<string, Seen>;
  sweepAt: number;
  entries: number;
  fullSince: number;
  raised: boolean;
  flow: number[];
};

const REGION = [400, 150, 880, 150, 880, 630, 400, 630];

/** Rays to the right, as anyone would write it. */
const within = (x: number, y: number): boolean => {
  let odd = false;
  for (let i = 0, j = REGION.length - 2; i < REGION.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [REGION[i], REGION[i + 1], REGION[j], REGION[j + 1]] as [number, number, number, number];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
};

const FORGET_MS = 10_000;

export const bareLoop = (frames: readonly Frame[]): Record<string, number> => {
  const sensors = new Map<string, Sensor>();
  const counts = { crossing: 0, increment: 0, occupancy: 0, occupancy_threshold_switch: 0, flowrate: 0 };
  for (const { camera, timestamp, objects } of frames) {
    let sensor = sensors.get(camera);
    if (sensor === undefined) {
      sensor = { tracks: new Map(), sweepAt: 0, entries: 0, fullSince: -1, raised: false, flow: [] };
      sensors.set(camera, sensor);
    }
    let inside = 0;
    for (const { id, bbox } of objects) {
      const x = (bbox.leftX + bbox.rightX) / 2;
      const y = bbox.bottomY;
      const below = y > 360;
      const track = sensor.tracks.get(id);
      if (track === undefined) sensor.tracks.set(id, { below, at: timestamp });
      else {
        if (track.below !== below) {
          track.below = below;
          counts.crossing++;
          if (below && ++sensor.entries === 10) {
            sensor.entries = 0;
            counts.increment++;
          }
          const { flow } = sensor;
          while (flow.length > 0 && (flow[0] as number) <= timestamp - 10_000) flow.shift();
          if (flow.push(timestamp) === 20) counts.flowrate++;
        }
        track.at = timestamp;
      }
      if (within(x, y)) inside++;
    }
    if (inside <= 5) {
      if (sensor.fullSince >= 0) counts.occupancy_threshold_switch++;
      sensor.fullSince = -1;
      sensor.raised = false;
    } else if (sensor.fullSince < 0) {
      counts.occupancy_threshold_switch++;
      sensor.fullSince = timestamp;
    } else if (!sensor.raised && timestamp - sensor.fullSince >= 3000) {
      sensor.raised = true;
      counts.occupancy++;
    }
    if (timestamp < sensor.sweepAt) continue;
    sensor.sweepAt = timestamp + FORGET_MS;
    for (const [id, track] of sensor.tracks) if (track.at <= timestamp - FORGET_MS) sensor.tracks.delete(id);
  }
  return counts;
};
