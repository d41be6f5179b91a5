/** Small events for the suites of the logs and stores. */
import type { Alert, Coverage, Crossing, Definition, Fact, Frame, Presence, Recomputed } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import type { Batch, Feed } from "../../domain/ports.ts";

export const TENANT = "default";

export const frame = (camera: string, n: number, more: Partial<Frame> = {}): Frame => ({
  kind: "frame",
  tenant: TENANT,
  camera,
  receivedAt: 1_700_000_000_000 + n,
  timestamp: 1_600_000_000_000 + 100 * n,
  id: String(n),
  modelVersion: undefined,
  objects: [
    {
      id: String(n % 5),
      type: "Person",
      bbox: { leftX: n + 0.1, topY: 0.1 + 0.2, rightX: n + 40.3, bottomY: 1e-310 },
      confidence: n % 2 === 0 ? 0.9 : undefined,
      info: undefined,
    },
  ],
  ...more,
});

export const coverage = (camera: string, n: number): Coverage => ({
  kind: "coverage",
  tenant: TENANT,
  camera,
  receivedAt: 1_700_000_000_000 + n,
  start: 100 * n,
  end: 100 * n + 50,
  open: false,
});

/** Names from outside that have hurt before. */
const ODD = "\ud800 __proto__ \u{1f6a6} \u0000é";

/** One of every kind of fact, with every optional field once there and once not. */
export const everyFact = (camera: string): readonly Fact[] => {
  const envelope = { tenant: TENANT, camera, receivedAt: 1_700_000_000_000 };
  const definition: Definition = {
    ...envelope,
    kind: "definition",
    revision: 1,
    decision: { type: "sensor-set", settings: { reorderMs: 5, fov: { minFrames: 2, exitAfter: 1.5 } } },
  };
  return [
    definition,
    frame(camera, 1, { modelVersion: ODD, id: ODD }),
    { ...envelope, kind: "camera-state", at: 5, state: "other", change: ODD, reason: undefined },
    { ...envelope, kind: "camera-state", at: 6, state: "online", change: undefined, reason: "back" },
    frame(camera, 2, { objects: [] }),
    frame(camera, 3, {
      objects: [
        {
          id: "",
          type: ODD,
          bbox: { leftX: -0, topY: -1.5, rightX: Number.MAX_VALUE, bottomY: 5e-324 },
          confidence: 0,
          info: [
            ["__proto__", ODD],
            ["constructor", ""],
          ],
        },
        { id: "9007199254740993", type: "Car", bbox: { leftX: 0, topY: 0, rightX: 0, bottomY: 0 }, confidence: undefined, info: [] },
        { id: "x", type: "Car", bbox: { leftX: 0.1, topY: 0.2, rightX: 0.3, bottomY: 0.4 }, confidence: 1, info: undefined },
      ],
    }),
    { ...envelope, kind: "heartbeat", at: 7, frame: { timestamp: 6, id: ODD }, release: false },
    { ...envelope, kind: "recompute", id: "00000000-0000-4000-8000-000000000009", from: 3, to: 9, definitions: "then", since: 65_541 },
    { ...envelope, kind: "recompute", id: ODD, from: 0, to: 1, definitions: "now", since: 0 },
  ];
};

export const presence = (camera: string): Presence => ({
  kind: "presence",
  tenant: TENANT,
  camera,
  receivedAt: 1_700_000_000_000,
  change: "left",
  place: { analytic: "roi", id: ODD, epoch: 1 },
  object: { id: "1", type: "Person", bbox: { leftX: 0.1, topY: -0.5, rightX: 2, bottomY: 3 }, confidence: 0.5, info: [["__proto__", ODD]] },
  at: 9,
  start: 3,
  firstSeen: 2,
  reason: "timeout",
  cause: { from: { timestamp: 2, id: "2", modelVersion: undefined }, to: { timestamp: 8, id: ODD, modelVersion: ODD } },
});

export const crossing = (camera: string): Crossing => {
  const { tenant, receivedAt, place, object, cause } = presence(camera);
  return { kind: "crossing", tenant, camera, receivedAt, place, object, direction: "entry", at: 7, confirmedAt: 8, late: false, cause };
};

/** What a recomputation tells of one that was there, and what it tells before. */
export const corrected = <E extends Crossing | Presence>(event: E, retracted: boolean): E => ({
  ...event,
  correction: { revision: 2, retracted },
});
export const recomputed = (camera: string, fault?: string): Recomputed => ({
  ...{ kind: "recomputed", tenant: TENANT, camera, receivedAt: 1_700_000_000_000, id: "00000000-0000-4000-8000-000000000009" },
  ...{ from: 3, to: 9, events: 4, fault },
  alerts: { raised: 1, revised: 0, retracted: 1 },
  crossings: { raised: 0, revised: 1, retracted: 0 },
  stays: { raised: 0, revised: 1, retracted: 0 },
});

export const alert = (camera: string): Alert => {
  const { tenant, receivedAt, place, object, cause } = presence(camera);
  return {
    ...{ kind: "alert", tenant, camera, receivedAt, id: "00000000-0000-8000-8000-000000000001", revision: 1, retracted: false },
    ...{ ruleId: "r", ruleName: ODD, ruleType: "increment", ruleVersion: 2, severity: "info" },
    ...{ place, placeName: ODD, direction: "exit", count: 3, start: 3, end: 9, raisedAt: 10, description: ODD },
    ...{ objects: [object], cause },
  };
};

/** A camera of the partition; `which` tells several apart. */
export const cameraIn = (partition: number, partitions: number, which = 0): string => {
  for (let n = 0; ; n++) if (partitionOf(TENANT, `cam-${n}`, partitions) === partition && which-- === 0) return `cam-${n}`;
};

export const batchesOf = async <E>(feed: Feed<E>): Promise<readonly Batch<E>[]> => {
  const batches: Batch<E>[] = [];
  for await (const batch of feed) batches.push(batch);
  return batches;
};

export const eventsOf = async <E>(feed: Feed<E>): Promise<readonly E[]> => (await batchesOf(feed)).flatMap(({ events }) => events);
