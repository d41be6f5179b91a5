/** An object as it was in one frame, as columns. */
import type { Json } from "../domain/envelope.ts";
import type { DetectedObject, FrameRef, Info } from "../domain/event.ts";
import type { Row } from "../domain/ports.ts";

export const SIGHTING = `
  objectId String,
  objectType LowCardinality(String),
  confidence Nullable(Float64),
  leftX Float64, topY Float64, rightX Float64, bottomY Float64,
  info String`;

const MODEL = "LowCardinality(Nullable(String))";
export const CAUSE = `
  causeFrom Int64, causeFromId String, causeFromModel ${MODEL}, causeTo Int64, causeToId String, causeToModel ${MODEL}`;
export const CAUSE_COLUMNS = "causeFrom, causeFromId, causeFromModel, causeTo, causeToId, causeToModel";

export type SightingRow = {
  readonly objectId: string;
  readonly objectType: string;
  readonly confidence: number | null;
  readonly leftX: number;
  readonly topY: number;
  readonly rightX: number;
  readonly bottomY: number;
  readonly info: string;
};
export type CauseRow = {
  readonly causeFrom: number;
  readonly causeFromId: string;
  readonly causeFromModel: string | null;
  readonly causeTo: number;
  readonly causeToId: string;
  readonly causeToModel: string | null;
};

/** Attributes stay the pairs they are; "" is none. */
export const infoText = (info: Info | undefined): string => (info === undefined ? "" : JSON.stringify(info));
export const infoOf = (text: string): Info | undefined => (text === "" ? undefined : (JSON.parse(text) as Info));

export const sightingRow = ({ id, type, confidence, bbox, info }: DetectedObject): Row => ({
  objectId: id,
  objectType: type,
  confidence: confidence ?? null,
  leftX: bbox.leftX,
  topY: bbox.topY,
  rightX: bbox.rightX,
  bottomY: bbox.bottomY,
  info: infoText(info),
});

export const sightingOf = ({ objectId, objectType, confidence, leftX, topY, rightX, bottomY, info }: SightingRow): DetectedObject => ({
  id: objectId,
  type: objectType,
  bbox: { leftX, topY, rightX, bottomY },
  confidence: confidence ?? undefined,
  info: infoOf(info),
});

export const sightingJson = ({ id, type, confidence, bbox, info }: DetectedObject): Json => ({
  id,
  type,
  bbox: { ...bbox },
  ...(confidence === undefined ? {} : { confidence }),
  ...(info === undefined ? {} : { info: info.map(([name, value]) => [name, value]) }),
});

type Spoken = {
  readonly id: string;
  readonly type: string;
  readonly bbox: DetectedObject["bbox"];
  readonly confidence?: number;
  readonly info?: Info;
};
export const sightingsOfJson = (text: string): readonly DetectedObject[] =>
  (JSON.parse(text) as readonly Spoken[]).map(({ id, type, bbox, confidence, info }) => ({ id, type, bbox, confidence, info }));

export const causeRow = ({ from, to }: { readonly from: FrameRef; readonly to: FrameRef }): Row => ({
  causeFrom: from.timestamp,
  causeFromId: from.id,
  causeFromModel: from.modelVersion ?? null,
  causeTo: to.timestamp,
  causeToId: to.id,
  causeToModel: to.modelVersion ?? null,
});
export const causeOf = (row: CauseRow): { readonly from: FrameRef; readonly to: FrameRef } => ({
  from: { timestamp: row.causeFrom, id: row.causeFromId, modelVersion: row.causeFromModel ?? undefined },
  to: { timestamp: row.causeTo, id: row.causeToId, modelVersion: row.causeToModel ?? undefined },
});
