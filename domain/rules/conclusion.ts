/** What the five rules have in common: what they conclude from what they hear, before it becomes an alert (alerting.ts). */
import type { Direction } from "../camera.ts";
import type { Instant, Json } from "../envelope.ts";
import type { FrameRef, Sighting } from "../event.ts";
import { loadModel } from "./frame-saving.ts";
import type { Heard } from "./rule.ts";

export type Raised = {
  readonly kind: "raised";
  readonly direction: Direction | "up" | "down" | undefined;
  readonly count: number;
  readonly start: Instant;
  readonly end: Instant;
  /** Event time at which it is raised. */
  readonly at: Instant;
  /** Undefined for a rule that names nobody. Each object once. */
  readonly objects: readonly Sighting[] | undefined;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
  /** Alerts with the same subject share a cooldown: "" for the whole rule, or an object's id. */
  readonly subject: string;
  /** A `closed` will follow. */
  readonly open: boolean;
};

/** The open one of this rule ended at `end`; known at `at`. */
export type Closed = { readonly kind: "closed"; readonly end: Instant; readonly at: Instant; readonly to: FrameRef };

export type Conclusion = Raised | Closed;

/** A rule without its trimmings. `hear` and `ring` change the state they are given. */
export type RuleLogic<S> = {
  readonly name: string;
  readonly version: number;
  readonly initial: () => S;
  readonly hear: (state: S, input: Heard) => readonly Conclusion[];
  readonly due?: (state: S) => Instant | undefined;
  readonly ring?: (state: S, at: Instant) => readonly Conclusion[];
  readonly save: (state: S) => Json;
  readonly load: (saved: Json) => S;
};

export const nothing: readonly never[] = [];

/** What an alert keeps of an object: id, type, bbox, confidence. */
export const copyOf = ({ id, type, bbox, confidence }: Sighting): Sighting => ({ id, type, bbox, confidence, info: undefined });

/** Of two frames the earlier (later); of two with one timestamp the one heard first (last). */
export const earlier = (known: FrameRef, heard: FrameRef): FrameRef => (heard.timestamp < known.timestamp ? heard : known);
export const later = (known: FrameRef, heard: FrameRef): FrameRef => (heard.timestamp >= known.timestamp ? heard : known);

export const saveSighting = ({ id, type, bbox, confidence }: Sighting): Json => [
  id,
  type,
  bbox.leftX,
  bbox.topY,
  bbox.rightX,
  bbox.bottomY,
  confidence ?? null,
];

export const loadSighting = (saved: Json): Sighting => {
  const [id, type, leftX, topY, rightX, bottomY, confidence] = saved as [string, string, number, number, number, number, number | null];
  return { id, type, bbox: { leftX, topY, rightX, bottomY }, confidence: confidence ?? undefined, info: undefined };
};

/** Without a model it is the form of before there was one: memories of then are read, and saved again the same. */
export const saveFrameRef = ({ timestamp, id, modelVersion }: FrameRef): Json =>
  modelVersion === undefined ? [timestamp, id] : [timestamp, id, modelVersion];
export const loadFrameRef = (saved: Json): FrameRef => {
  const [timestamp, id, model] = saved as [number, string, Json?];
  return { timestamp, id, modelVersion: loadModel(model) };
};
