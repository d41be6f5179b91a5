/** Reads a camera's log into moments: which frames count, in which order, and how time passes. From the words of rules.md only. */
import type { CameraEvent, Roi, Rule, SensorSettings, Tripwire } from "../../../domain/camera.ts";
import type { Instant } from "../../../domain/envelope.ts";
import type { EndReason, Fact, Frame, FrameRef } from "../../../domain/event.ts";

/** A definition with the revision at which it last changed, and what is in force beside it. */
export type InForce = {
  readonly settings: SensorSettings & { readonly version: number };
  readonly tripwires: ReadonlyMap<string, Tripwire & { readonly version: number }>;
  readonly rois: ReadonlyMap<string, Roi & { readonly version: number }>;
  readonly rules: ReadonlyMap<string, Rule & { readonly version: number }>;
  readonly epochs: ReadonlyMap<string, number>;
};

/**
 * Something that happened at the sensor, in the order in which it took effect. `after` holds from here on.
 * frame: its objects are seen. tick: time has passed. end: stays end, for a reason. redefined: `after` differs.
 */
export type Moment = {
  readonly seq: number;
  readonly at: Instant;
  readonly fact: Fact;
  readonly what: { readonly frame: Frame } | "tick" | "online" | { readonly ends: EndReason } | "redefined";
  readonly after: InForce;
  /** The newest frame that took effect before or here. */
  readonly last: FrameRef | undefined;
};

const LATE_RUN = 100;
const LIVE_MS = 60_000;

const put = <V>(map: ReadonlyMap<string, V>, key: string, value: V | undefined): ReadonlyMap<string, V> => {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
};

const decided = (now: InForce, event: CameraEvent, version: number): InForce => {
  switch (event.type) {
    case "tripwire-defined":
      return { ...now, tripwires: put(now.tripwires, event.tripwire.id, { ...event.tripwire, version }) };
    case "roi-defined":
      return { ...now, rois: put(now.rois, event.roi.id, { ...event.roi, version }) };
    case "place-removed":
      return event.analytic === "tripwire"
        ? { ...now, tripwires: put(now.tripwires, event.id, undefined) }
        : { ...now, rois: put(now.rois, event.id, undefined) };
    case "place-history-deleted": {
      const key = `${event.analytic}/${event.id}`;
      return { ...now, epochs: put(now.epochs, key, (now.epochs.get(key) ?? 0) + 1) };
    }
    case "rule-defined":
      return { ...now, rules: put(now.rules, event.rule.ruleId, { ...event.rule, version }) };
    case "rule-removed":
      return { ...now, rules: put(now.rules, event.ruleId, undefined) };
    case "sensor-set":
      return { ...now, settings: { ...event.settings, version } };
  }
};

const refOf = (frame: Frame): FrameRef => ({ timestamp: frame.timestamp, id: frame.id });
const same = (a: Frame, b: Frame): boolean => a.timestamp === b.timestamp && a.id === b.id;

/** The whole log of one camera, as it took effect. `initial`: the settings of a sensor nobody has set. */
export const timeline = (facts: readonly Fact[], initial: SensorSettings): readonly Moment[] => {
  const moments: Moment[] = [];
  let inForce: InForce = {
    settings: { ...initial, version: 0 },
    tripwires: new Map(),
    rois: new Map(),
    rules: new Map(),
    epochs: new Map(),
  };
  let revision = 0;
  /** What the sensor's time has reached; frames before it are late. */
  let now = Number.NEGATIVE_INFINITY;
  let newest: Frame | undefined;
  let last: FrameRef | undefined;
  let held: Frame[] = [];
  let taken: Frame[] = [];
  let lateRun: Frame[] = [];

  const add = (what: Moment["what"], at: Instant, fact: Fact): void => {
    moments.push({ seq: moments.length, at, fact, what, after: inForce, last });
  };
  const take = (frame: Frame): void => {
    now = Math.max(now, frame.timestamp);
    last = refOf(frame);
    add({ frame }, frame.timestamp, frame);
  };
  /** Lets go what need not wait any longer, oldest first; equal ones as they came. */
  const release = (upTo: Instant): void => {
    const free = held.filter((frame) => frame.timestamp <= upTo);
    held = held.filter((frame) => frame.timestamp > upTo);
    for (const frame of free.sort((a, b) => a.timestamp - b.timestamp)) take(frame);
  };

  for (const fact of facts)
    switch (fact.kind) {
      case "frame": {
        if (taken.some((other) => same(other, fact))) {
          if (fact.timestamp >= now) break;
        }
        if (fact.timestamp < now) {
          const before = lateRun.at(-1);
          if (before !== undefined && same(before, fact)) break;
          lateRun = before !== undefined && before.timestamp <= fact.timestamp ? [...lateRun, fact] : [fact];
          const first = lateRun[0] as Frame;
          const live = newest !== undefined && newest.receivedAt - newest.timestamp < LIVE_MS;
          const spread = fact.receivedAt - first.receivedAt >= (fact.timestamp - first.timestamp) / 2;
          if (!(live && lateRun.length >= LATE_RUN && spread)) break;
          release(Number.POSITIVE_INFINITY);
          add({ ends: "clock_reset" }, now, fact);
          now = Number.NEGATIVE_INFINITY;
          taken = [];
          newest = undefined;
        }
        lateRun = [];
        taken.push(fact);
        held.push(fact);
        if (newest === undefined || fact.timestamp >= newest.timestamp) newest = fact;
        release(newest.timestamp - inForce.settings.reorderMs);
        break;
      }
      case "heartbeat": {
        if (fact.release) {
          release(Number.POSITIVE_INFINITY);
          break;
        }
        if (newest === undefined || newest.timestamp !== fact.frame.timestamp) break;
        const reached = fact.at - inForce.settings.reorderMs;
        release(reached);
        if (reached <= now) break;
        now = reached;
        add("tick", now, fact);
        break;
      }
      case "camera-state": {
        if (fact.state === "other") break;
        release(Number.POSITIVE_INFINITY);
        const at = Math.max(now, fact.at);
        add(fact.state === "online" ? "online" : { ends: "sensor_lost" }, at, fact);
        break;
      }
      case "definition": {
        if (fact.revision <= revision) break;
        revision = fact.revision;
        if (fact.decision.type === "sensor-set") release(Number.POSITIVE_INFINITY);
        inForce = decided(inForce, fact.decision, fact.revision);
        add("redefined", now, fact);
        break;
      }
    }
  return moments;
};
