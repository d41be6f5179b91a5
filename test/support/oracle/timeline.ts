/** Reads a camera's log into moments: which frames count, in which order, and how time passes. From the sentences at the head of domain/rules/sensor-time.ts and crossing.ts only, not from their code. */
import type { CameraEvent, Roi, Rule, SensorSettings, Tripwire } from "../../../domain/camera.ts";
import type { Instant } from "../../../domain/envelope.ts";
import type { CameraState, EndReason, Fact, Frame, FrameRef } from "../../../domain/event.ts";

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
  /** The newest frame that arrived, held back or not. */
  readonly newest: FrameRef | undefined;
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
    // No world of the laws has a camera that somebody created: test/domain/registration has.
    case "camera-registered":
    case "camera-described":
    case "camera-unregistered":
      throw new Error(`the oracle does not know ${event.type}`);
  }
};

const refOf = ({ timestamp, id, modelVersion }: Frame): FrameRef => ({ timestamp, id, modelVersion });
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
  /** What has been told of time. A camera's state may be ahead of the frames and makes none of them late. */
  let told = Number.NEGATIVE_INFINITY;
  let newest: Frame | undefined;
  let last: FrameRef | undefined;
  let held: Frame[] = [];
  let taken: Frame[] = [];
  let lateRun: Frame[] = [];
  const states: CameraState[] = [];

  const add = (what: Moment["what"], at: Instant, fact: Fact): void => {
    moments.push({ seq: moments.length, at, fact, what, after: inForce, last, newest: newest && refOf(newest) });
  };
  const take = (frame: Frame, by: Fact): void => {
    now = frame.timestamp;
    told = now;
    last = refOf(frame);
    add({ frame }, now, by);
  };
  /** Lets go what need not wait any longer, oldest first; equal ones as they came. It follows from what freed it. */
  const release = (upTo: Instant, by: Fact): void => {
    const free = held.filter((frame) => frame.timestamp <= upTo);
    held = held.filter((frame) => frame.timestamp > upTo);
    for (const frame of free.sort((a, b) => a.timestamp - b.timestamp)) take(frame, by);
  };

  for (const fact of facts)
    switch (fact.kind) {
      case "frame": {
        if (fact.timestamp >= now && taken.some((other) => same(other, fact))) break;
        if (fact.timestamp < now) {
          const before = lateRun.at(-1);
          // The same instant again is a repeat, or as good as one: it makes the row no longer.
          if (before?.timestamp === fact.timestamp) break;
          lateRun = before !== undefined && before.timestamp < fact.timestamp ? [...lateRun, fact] : [fact];
          const first = lateRun.at(-LATE_RUN);
          const live = newest !== undefined && newest.receivedAt - newest.timestamp < LIVE_MS;
          if (first === undefined || !live || fact.receivedAt - first.receivedAt < (fact.timestamp - first.timestamp) / 2) break;
          release(Number.POSITIVE_INFINITY, fact);
          add({ ends: "clock_reset" }, told, fact);
          now = Number.NEGATIVE_INFINITY;
          told = now;
          taken = [];
          newest = undefined;
        }
        lateRun = [];
        taken.push(fact);
        held.push(fact);
        if (newest === undefined || fact.timestamp >= newest.timestamp) newest = fact;
        release(newest.timestamp - inForce.settings.reorderMs, fact);
        break;
      }
      case "heartbeat": {
        if (newest === undefined || newest.timestamp > fact.frame.timestamp) break;
        if (fact.release) {
          release(Number.POSITIVE_INFINITY, fact);
          break;
        }
        if (newest.timestamp !== fact.frame.timestamp) break;
        const reached = fact.at - inForce.settings.reorderMs;
        release(reached, fact);
        if (reached <= now) break;
        now = reached;
        told = now;
        add("tick", now, fact);
        break;
      }
      case "camera-state": {
        if (fact.state === "other" || states.some(({ at, state }) => at === fact.at && state === fact.state)) break;
        states.push(fact);
        release(fact.at, fact);
        told = Math.max(told, fact.at);
        add(fact.state === "online" ? "online" : { ends: "sensor_lost" }, told, fact);
        break;
      }
      case "definition": {
        if (fact.revision <= revision) break;
        revision = fact.revision;
        if (fact.decision.type === "sensor-set") release(Number.POSITIVE_INFINITY, fact);
        inForce = decided(inForce, fact.decision, fact.revision);
        add("redefined", told, fact);
        break;
      }
    }
  return moments;
};
