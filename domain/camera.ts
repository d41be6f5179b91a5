import { sensorDefaults } from "./defaults.ts";
import type { Instant } from "./envelope.ts";
import type { Description, Licence, Registration } from "./registration.ts";
import { same } from "./same.ts";

export type Analytic = "fov" | "tripwire" | "roi";
export type Direction = "entry" | "exit";
export type RuleType = "increment" | "occupancy" | "occupancy_threshold_switch" | "flowrate" | "notify";
export type Severity = "info" | "warning" | "critical";

/** Pixels; x grows to the right, y downwards. */
export type Point = { readonly x: number; readonly y: number };

export type Anchor =
  | "top-left"
  | "top-center"
  | "top-right"
  | "center-left"
  | "center"
  | "center-right"
  | "bottom-left"
  | "bottom-center"
  | "bottom-right"
  | "all-corners";

/** Seconds may be fractions; pixels too. */
export type Tripwire = {
  readonly id: string;
  readonly name: string;
  readonly wire: readonly Point[];
  /** Moving from p1's side to p2's is entry. */
  readonly direction: { readonly p1: Point; readonly p2: Point; readonly entryName: string; readonly exitName: string };
  readonly anchor: Anchor;
  readonly minFrames: number;
  readonly bufferPx: number;
  readonly trackTimeout: number;
};

export type Roi = {
  readonly id: string;
  readonly name: string;
  readonly coordinates: readonly Point[];
  readonly anchor: Anchor;
  readonly minFrames: number;
  readonly exitAfter: number;
};

export type SensorSettings = { readonly reorderMs: number; readonly fov: { readonly minFrames: number; readonly exitAfter: number } };

export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** `to` not after `from` means the next day. */
export type Schedule = {
  readonly timezone: string;
  readonly windows: readonly { readonly days: readonly Weekday[]; readonly from: string; readonly to: string }[];
};

type RuleCommon = {
  readonly ruleId: string;
  readonly name: string;
  readonly analytic: Analytic;
  /** The wire's or region's id; for fov the camera's. */
  readonly placeId: string;
  readonly enabled: boolean;
  readonly objectTypes: readonly string[];
  readonly minConfidence: number;
  readonly severity: Severity;
  /** Seconds; for `notify` per object. */
  readonly cooldown: number;
  readonly schedule: Schedule | undefined;
};

export type IncrementRule = RuleCommon & {
  readonly ruleType: "increment";
  readonly countThreshold: number;
  readonly direction: Direction | undefined;
  readonly countMode: "raw" | "distinct";
};
export type OccupancyRule = RuleCommon & {
  readonly ruleType: "occupancy";
  readonly countThreshold: number;
  readonly timeInterval: number;
  readonly gap: number;
  readonly of: "count" | "dwell";
};
export type ThresholdSwitchRule = RuleCommon & {
  readonly ruleType: "occupancy_threshold_switch";
  readonly countThreshold: number;
  readonly hold: number;
  readonly band: number;
};
export type FlowrateRule = RuleCommon & {
  readonly ruleType: "flowrate";
  readonly countThreshold: number;
  readonly timeInterval: number;
  readonly direction: Direction | undefined;
};
export type NotifyRule = RuleCommon & {
  readonly ruleType: "notify";
  readonly attribute: { readonly name: string; readonly value: string } | undefined;
};
export type Rule = IncrementRule | OccupancyRule | ThresholdSwitchRule | FlowrateRule | NotifyRule;

/** `deleteHistory`: answers leave out what came before; the place's epoch is raised. */
export type CameraCommand =
  | { readonly type: "define-tripwires"; readonly tripwires: readonly Tripwire[]; readonly deleteHistory: boolean }
  | { readonly type: "remove-tripwires"; readonly ids: readonly string[] | undefined }
  | { readonly type: "define-rois"; readonly rois: readonly Roi[]; readonly deleteHistory: boolean }
  | { readonly type: "remove-rois"; readonly ids: readonly string[] | undefined }
  | { readonly type: "define-rules"; readonly rules: readonly Rule[] }
  | {
      readonly type: "remove-rules";
      readonly analytic: Analytic;
      readonly placeId: string | undefined;
      readonly ruleIds: readonly string[] | undefined;
    }
  | { readonly type: "set-sensor"; readonly settings: SensorSettings }
  | {
      readonly type: "register";
      readonly channel: number;
      readonly description: Description;
      readonly licence: Licence;
      readonly at: Instant;
    }
  | { readonly type: "describe"; readonly changes: Partial<Description>; readonly licence: Licence; readonly at: Instant }
  | { readonly type: "unregister"; readonly channel: number };

export type CameraEvent =
  | { readonly type: "tripwire-defined"; readonly tripwire: Tripwire }
  | { readonly type: "roi-defined"; readonly roi: Roi }
  | { readonly type: "place-removed"; readonly analytic: "tripwire" | "roi"; readonly id: string }
  | { readonly type: "place-history-deleted"; readonly analytic: "tripwire" | "roi"; readonly id: string }
  | { readonly type: "rule-defined"; readonly rule: Rule }
  | { readonly type: "rule-removed"; readonly ruleId: string }
  | { readonly type: "sensor-set"; readonly settings: SensorSettings }
  | {
      readonly type: "camera-registered";
      readonly channel: number;
      readonly description: Description;
      readonly events: Licence;
      readonly at: Instant;
    }
  | { readonly type: "camera-described"; readonly description: Description; readonly events: Licence; readonly at: Instant }
  | { readonly type: "camera-unregistered"; readonly channel: number };

/** `version`: the stream's revision at which it last changed, never used again. */
export type Versioned<T> = T & { readonly version: number };

/**
 * What was decided for a camera. Values are replaced, never changed. `revision` is the number of events it has seen.
 * `registered`: undefined for a sensor that nobody created, or that was removed. `lastChannel`: the channel it has or had last. Keys of `epochs` are `tripwire/<id>` and `roi/<id>`, from the first definition on; they outlive the place, so that a deleted history stays deleted.
 */
export type Camera = {
  readonly revision: number;
  readonly settings: Versioned<SensorSettings>;
  readonly tripwires: ReadonlyMap<string, Versioned<Tripwire>>;
  readonly rois: ReadonlyMap<string, Versioned<Roi>>;
  readonly rules: ReadonlyMap<string, Versioned<Rule>>;
  readonly epochs: ReadonlyMap<string, number>;
  readonly registered: Registration | undefined;
  readonly lastChannel: number;
  /** Rules that nobody decided as they stand here, by ruleId: in a backtest only (candidate.ts). */
  readonly undecided?: ReadonlySet<string>;
};

export const initialCamera = (): Camera => ({
  revision: 0,
  settings: { ...sensorDefaults, version: 0 },
  tripwires: new Map(),
  rois: new Map(),
  rules: new Map(),
  epochs: new Map(),
  registered: undefined,
  lastChannel: 0,
});

const placeKey = (analytic: Analytic, id: string): string => `${analytic}/${id}`;

/** How often the place's history was deleted. The field of view's never is. */
export const epochOf = (camera: Camera, analytic: Analytic, id: string): number => camera.epochs.get(placeKey(analytic, id)) ?? 0;

/**
 * What the rule's alerts carry: the revision at which the rule, its place or the sensor's settings last changed; whether the camera is enabled
 * and which types it tells of are such settings.
 */
export const ruleVersion = (camera: Camera, rule: Versioned<Rule>): number =>
  camera.undecided?.has(rule.ruleId) === true ? 0 : Math.max(reachedVersion(camera, rule), grantedVersion(camera, rule));

/** Of these, what the rule's own definition does not tell: whether the camera is enabled, and which types it may tell of. */
export const grantedVersion = ({ registered }: Camera, { ruleType }: Pick<Rule, "ruleType">): number => {
  const { enabledVersion = 0, eventsVersion = 0 } = registered ?? {};
  return ruleType === "notify" ? Math.max(enabledVersion, eventsVersion) : enabledVersion;
};

const reachedVersion = (camera: Camera, rule: Versioned<Rule>): number => {
  const places = rule.analytic === "tripwire" ? camera.tripwires : rule.analytic === "roi" ? camera.rois : undefined;
  return Math.max(rule.version, places?.get(rule.placeId)?.version ?? 0, camera.settings.version);
};

/** Whether rules are at work: a camera that is not enabled raises nothing. What is observed is kept and counted all the same. */
export const isAtWork = ({ registered }: Camera, rule: Rule): boolean => rule.enabled && registered?.enabled !== false;

/** Object types of which `notify` may tell here. A sensor that nobody created is not limited. */
export const eventTypes = ({ registered }: Camera): Licence => registered?.events ?? "every";

const withEntry = <V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> => new Map(map).set(key, value);
const withoutEntry = <V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> =>
  new Map([...map].filter(([other]) => other !== key));

/** A place's first definition writes down epoch 0: so it is known for ever that there may be a history to delete. */
const withEpoch = (camera: Camera, analytic: Analytic, id: string, more: 0 | 1): ReadonlyMap<string, number> =>
  withEntry(camera.epochs, placeKey(analytic, id), epochOf(camera, analytic, id) + more);

type Described = { readonly description: Description; readonly events: Licence };
type Kept = Omit<Registration, "channel" | "createdAt" | "updatedAt">;

const registeredAs = ({ registered }: Camera, { description, events }: Described, version: number): Kept => {
  const before = registered ?? { enabled: true, events: "every" as const, enabledVersion: 0, eventsVersion: 0 };
  return {
    ...description,
    events,
    enabledVersion: description.enabled === before.enabled ? before.enabledVersion : version,
    eventsVersion: same(events, before.events) ? before.eventsVersion : version,
  };
};

/** One event more. Every event is one revision, so no version is ever used again. */
export const evolveCamera = (camera: Camera, event: CameraEvent): Camera => {
  const version = camera.revision + 1;
  const next = { ...camera, revision: version };
  switch (event.type) {
    case "tripwire-defined":
      return {
        ...next,
        tripwires: withEntry(camera.tripwires, event.tripwire.id, { ...event.tripwire, version }),
        epochs: withEpoch(camera, "tripwire", event.tripwire.id, 0),
      };
    case "roi-defined":
      return {
        ...next,
        rois: withEntry(camera.rois, event.roi.id, { ...event.roi, version }),
        epochs: withEpoch(camera, "roi", event.roi.id, 0),
      };
    case "place-removed":
      return event.analytic === "tripwire"
        ? { ...next, tripwires: withoutEntry(camera.tripwires, event.id) }
        : { ...next, rois: withoutEntry(camera.rois, event.id) };
    case "place-history-deleted":
      return { ...next, epochs: withEpoch(camera, event.analytic, event.id, 1) };
    case "rule-defined":
      return { ...next, rules: withEntry(camera.rules, event.rule.ruleId, { ...event.rule, version }) };
    case "rule-removed":
      return { ...next, rules: withoutEntry(camera.rules, event.ruleId) };
    case "sensor-set":
      return { ...next, settings: { ...event.settings, version } };
    case "camera-registered": {
      const { channel, at } = event;
      return {
        ...next,
        registered: { ...registeredAs(camera, event, version), channel, createdAt: at, updatedAt: at },
        lastChannel: channel,
      };
    }
    case "camera-described": {
      const { registered } = camera;
      if (registered === undefined) return next;
      return { ...next, registered: { ...registered, ...registeredAs(camera, event, version), updatedAt: event.at } };
    }
    // What was observed stays, and so do the epochs: nothing that was deleted comes back with a camera of the same name.
    case "camera-unregistered":
      return {
        ...initialCamera(),
        settings: { ...sensorDefaults, version },
        revision: version,
        epochs: camera.epochs,
        lastChannel: camera.lastChannel,
      };
  }
};
