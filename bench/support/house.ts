/** A server with the bench's sensors: each has a wire, a region and four rules, defined through the API as anyone would. */
import { randomUUID } from "node:crypto";
import { client } from "../../test/e2e/client.ts";
import { SENSORS, sensorName } from "./tape.ts";

const WIRE = {
  id: "line",
  name: "Line",
  wire: [
    { x: 0, y: 360 },
    { x: 1280, y: 360 },
  ],
  direction: { p1: { x: 640, y: 300 }, p2: { x: 640, y: 420 }, entry: { name: "down" }, exit: { name: "up" } },
};
const REGION = {
  id: "square",
  name: "Square",
  coordinates: [
    { x: 400, y: 150 },
    { x: 880, y: 150 },
    { x: 880, y: 630 },
    { x: 400, y: 630 },
  ],
};
const onWire = { id: "line", type: "tripwire" };
const inRegion = { id: "square", type: "roi" };
const TEN = { ...onWire, ruleId: "ten", name: "Ten", ruleType: "increment", countThreshold: 10, direction: "entry" };
/** Alerts at every crossing, either way. */
export const EACH = [
  { ...onWire, ruleId: "down", name: "Down", ruleType: "increment", countThreshold: 1, direction: "entry" },
  { ...onWire, ruleId: "up", name: "Up", ruleType: "increment", countThreshold: 1, direction: "exit" },
];
const RUSH = { ...onWire, ruleId: "rush", name: "Rush", ruleType: "flowrate", countThreshold: 20, timeInterval: 10 };
const CROWD = { ...inRegion, ruleId: "crowd", name: "Crowd", ruleType: "occupancy", countThreshold: 5, timeInterval: 3 };
const FULL = { ...inRegion, ruleId: "full", name: "Full", ruleType: "occupancy_threshold_switch", countThreshold: 5 };

/** Four rules a sensor; `EACH` puts the two that alert at every crossing where else one counts to ten. */
export const defineSensors = async (url: string, onTheWire: readonly object[], sensors = SENSORS): Promise<void> => {
  const call = client(url);
  const one = async (sensor: number): Promise<void> => {
    const sensorId = sensorName(sensor);
    await call("POST", "/config/tripwire", { sensorId, tripwires: [WIRE] });
    await call("POST", "/config/roi", { sensorId, rois: [REGION] });
    await call("POST", "/config/rule/alerts/tripwire", { sensorId, rules: onTheWire });
    await call("POST", "/config/rule/alerts/roi", { sensorId, rules: [CROWD, FULL] });
  };
  await Promise.all(Array.from({ length: sensors }, (_, sensor) => one(sensor)));
};
export const FOUR_RULES = [TEN, RUSH];

/** Seconds until what has been posted so far can be read: the frames, and the alerts that follow from them. */
export const caughtUp = async (url: string): Promise<number> => {
  const start = performance.now();
  // A frame at a sensor of its own in every partition: 64 names miss one of four once in 10^8.
  const frames = Array.from({ length: 64 }, (_, i) => ({
    sensorId: `last-${i}`,
    timestamp: new Date().toISOString(),
    id: randomUUID(),
    objects: [],
  }));
  const { position } = (await client(url)("POST", "/frames", frames)) as { readonly position: string };
  for (const path of ["frames", "alerts"]) {
    for (;;) {
      const to = "toTimestamp=2025-01-02T00:00:00Z&fromTimestamp=2025-01-01T00:00:00Z";
      const answer = await fetch(`${url}/api/v2/${path}?sensorId=cam-000&limit=1&${to}&after=${encodeURIComponent(position)}`);
      await answer.text();
      if (answer.ok) break;
      if (answer.status !== 503) throw new Error(`${path}: ${answer.status}`);
    }
  }
  return (performance.now() - start) / 1000;
};

/** Waits for /readyz to be 200. */
export const ready = async (url: string): Promise<void> => {
  while (!(await fetch(`${url}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 20));
};
