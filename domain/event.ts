/** The events of the two logs. Types only. */
import type { Analytic, CameraEvent, Direction, RuleType, Severity } from "./camera.ts";
import type { Envelope, Instant } from "./envelope.ts";

/** Pixels; x grows to the right, y downwards. */
export type Box = { readonly leftX: number; readonly topY: number; readonly rightX: number; readonly bottomY: number };

/** Attributes of an object as name and value. Pairs, not an object: names come from outside, `__proto__` among them. */
export type Info = readonly (readonly [name: string, value: string])[];

/** `id` is "" for an object that is no confirmed track: such an object is not usable by rules. */
export type DetectedObject = {
  readonly id: string;
  readonly type: string;
  readonly bbox: Box;
  readonly confidence: number | undefined;
  readonly info: Info | undefined;
};

/** A frame's name at its sensor: its timestamp and id. */
export type FrameName = { readonly timestamp: Instant; readonly id: string };

/** A frame that something follows from: its name, and the model that made it where the sender said which. */
export type FrameRef = { readonly timestamp: Instant; readonly id: string; readonly modelVersion: string | undefined };

/** `id` is the one given, or `#` and a hash of the objects where none was. */
export type Frame = Envelope & {
  readonly kind: "frame";
  readonly timestamp: Instant;
  readonly id: string;
  readonly modelVersion: string | undefined;
  readonly objects: readonly DetectedObject[];
};

/** What a camera or its VMS says of it. `other` is stored and changes nothing; `change` is the vendor's word. */
export type CameraState = Envelope & {
  readonly kind: "camera-state";
  readonly at: Instant;
  readonly state: "online" | "offline" | "removed" | "other";
  readonly change: string | undefined;
  readonly reason: string | undefined;
  /** What its film is, where it was looked at. `fps`: undefined where the film does not tell. */
  readonly picture?: { readonly codec: string; readonly width: number; readonly height: number; readonly fps: number | undefined };
};

/** A decision of the camera's stream, copied by the relay. `revision` counts the stream's events from 1. */
export type Definition = Envelope & { readonly kind: "definition"; readonly revision: number; readonly decision: CameraEvent };

/**
 * Time has passed at a silent sensor: `at`, as reckoned from its newest frame. Ignored when a newer frame precedes it.
 * With `release` it lets go the frames held for reordering (an import ends so) and moves no clock.
 */
export type Heartbeat = Envelope & {
  readonly kind: "heartbeat";
  readonly at: Instant;
  readonly frame: FrameName;
  readonly release: boolean;
};

/**
 * The past of a camera is to be derived again: what was raised and found in [from, to), event time, by all the log holds up to here, frames
 * that came late among it. `definitions`: those that were in force then, or, in the place of these, those in force here.
 * `since`: a position of its partition at or before the camera's first fact that matters; 0 where none is known.
 */
export type Recompute = Envelope & {
  readonly kind: "recompute";
  /** The job's. */
  readonly id: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly definitions: "then" | "now";
  readonly since: number;
};

export type Fact = Frame | CameraState | Definition | Heartbeat | Recompute;

/** Where something was observed. For fov the id is the camera's. `epoch` is raised when the place's history is deleted. */
export type PlaceRef = { readonly analytic: Analytic; readonly id: string; readonly epoch: number };

/** An object as it was in one frame: at the confirming frame, or, on leaving, in the last frame it was seen in. */
export type Sighting = DetectedObject;

/**
 * What a recomputation says of something found before, or found now: of one crossing, entry or leaving the highest `revision` is the truth, and
 * `retracted` says that it was none. Absent where nothing was recomputed: revision 0, not retracted.
 */
export type Correction = { readonly revision: number; readonly retracted: boolean };

/** A confirmed crossing. `at`: the path met the wire; `confirmedAt`: when we knew. `late`: found by a recomputation only. */
export type Crossing = Envelope & {
  readonly kind: "crossing";
  readonly place: PlaceRef;
  readonly object: Sighting;
  readonly direction: Direction;
  readonly at: Instant;
  readonly confirmedAt: Instant;
  readonly late: boolean;
  readonly correction?: Correction | undefined;
  /** The frames between which the path met the wire lie in [from, to]; `to` is the confirming one. */
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
};

export type EndReason = "left" | "timeout" | "sensor_lost" | "clock_reset" | "redefined";

/**
 * An object entered a region or the field of view, or left it. A stay is [entered, left).
 * `start`: the stay's beginning (the confirming frame); `at`: this event's own instant; `firstSeen`: the first frame it was inside.
 */
export type Presence = Envelope & {
  readonly kind: "presence";
  readonly change: "entered" | "left";
  readonly place: PlaceRef;
  readonly object: Sighting;
  readonly at: Instant;
  readonly start: Instant;
  readonly firstSeen: Instant;
  /** Only on `left`. */
  readonly reason: EndReason | undefined;
  readonly correction?: Correction | undefined;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
};

/** The camera was watching during [start, end). Open ones are told again as they grow: the greatest `end` of a `start` is the truth. */
export type Coverage = Envelope & { readonly kind: "coverage"; readonly start: Instant; readonly end: Instant; readonly open: boolean };

/** What a rule concluded. The highest `revision` of an `id` is the truth; `retracted` says it should not have been raised. */
export type Alert = Envelope & {
  readonly kind: "alert";
  readonly id: string;
  readonly revision: number;
  readonly retracted: boolean;
  readonly ruleId: string;
  readonly ruleName: string;
  readonly ruleType: RuleType;
  readonly ruleVersion: number;
  readonly severity: Severity;
  readonly place: PlaceRef;
  readonly placeName: string;
  readonly direction: Direction | "up" | "down" | undefined;
  readonly count: number;
  readonly start: Instant;
  readonly end: Instant;
  /** Event time at which this revision was raised. */
  readonly raisedAt: Instant;
  readonly description: string;
  /** Undefined for a threshold switch, which counts and names nobody. */
  readonly objects: readonly Sighting[] | undefined;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
};

/** Of one kind: found only now, corrected, and taken back. */
export type Corrected = { readonly raised: number; readonly revised: number; readonly retracted: number };

/**
 * What came of a recomputation, told once and before what it tells: the next `events` of this camera in the derived log are its, and what
 * `alerts`, `crossings` and `stays` count. [from, to): what was derived again; less than was asked for where facts are gone.
 */
export type Recomputed = Envelope & {
  readonly kind: "recomputed";
  /** The Recompute's. */
  readonly id: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly events: number;
  readonly alerts: Corrected;
  readonly crossings: Corrected;
  readonly stays: Corrected;
  /** Why nothing was derived again: all stays as it was. */
  readonly fault: string | undefined;
};

export type Derived = Alert | Crossing | Presence | Coverage | Recomputed;
export type Event = Fact | Derived;
