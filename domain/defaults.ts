/** What holds where a definition is silent. Surfaces fill these in, so that every answer shows what is in force. */
import type { Anchor, Direction, NotifyRule, Schedule, SensorSettings, Severity } from "./camera.ts";

/**
 * minFrames 2: one frame on the other side is flicker (sides A A B A A), two are a crossing. bufferPx 0: whoever vanishes right
 * behind a door is never far from its wire. Chosen by measuring on both data sets: docs/accuracy.md has the table.
 */
const confirmation = { tripwire: { minFrames: 2, bufferPx: 0 }, roi: { minFrames: 2 }, fov: { minFrames: 2 } } as const;

export const tripwireDefaults = {
  anchor: "bottom-center" as Anchor,
  ...confirmation.tripwire,
  /** Seconds. */
  trackTimeout: 10,
  entryName: "entry",
  exitName: "exit",
};

export const roiDefaults = { anchor: "bottom-center" as Anchor, ...confirmation.roi, /** Seconds. */ exitAfter: 1 };

export const sensorDefaults: SensorSettings = { reorderMs: 0, fov: { ...confirmation.fov, exitAfter: 1 } };

export const ruleDefaults = {
  enabled: true,
  objectTypes: ["*"] as readonly string[],
  minConfidence: 0,
  severity: "warning" as Severity,
  schedule: undefined as Schedule | undefined,
  /** Seconds; notify has its own. */
  cooldown: 0,
};

export const incrementDefaults = { ...ruleDefaults, direction: undefined as Direction | undefined, countMode: "raw" as "raw" | "distinct" };
export const occupancyDefaults = { ...ruleDefaults, /** Seconds. */ gap: 1, of: "count" as "count" | "dwell" };
export const thresholdSwitchDefaults = { ...ruleDefaults, /** Seconds. */ hold: 0, /** Objects. */ band: 0 };
export const flowrateDefaults = { ...ruleDefaults, direction: undefined as Direction | undefined };
export const notifyDefaults = {
  ...ruleDefaults,
  /** Seconds, per object. */
  cooldown: 60,
  attribute: undefined as NotifyRule["attribute"],
};

/** A camera that somebody created, where nothing is said of it. */
export const cameraDefaults = { features: [] as readonly string[], /** Informative. */ fps: 5, enabled: true, record: false };
