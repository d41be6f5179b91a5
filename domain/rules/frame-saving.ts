/** Objects and frames as JSON arrays: what a memory keeps of them. */
import type { Json } from "../envelope.ts";
import type { DetectedObject, Frame, FrameRef } from "../event.ts";

type SavedInfo = [string, string][] | null;
type SavedObject = [
  id: string,
  type: string,
  left: number,
  top: number,
  right: number,
  bottom: number,
  confidence: number | null,
  info: SavedInfo,
];

export const saveObject = ({ id, type, bbox, confidence, info }: DetectedObject): Json => [
  id,
  type,
  bbox.leftX,
  bbox.topY,
  bbox.rightX,
  bbox.bottomY,
  confidence ?? null,
  info === undefined ? null : info.map(([name, value]) => [name, value]),
];

export const loadObject = (saved: Json): DetectedObject => {
  const [id, type, leftX, topY, rightX, bottomY, confidence, info] = saved as unknown as SavedObject;
  return { id, type, bbox: { leftX, topY, rightX, bottomY }, confidence: confidence ?? undefined, info: info ?? undefined };
};

export const saveFrame = (frame: Frame): Json => [
  frame.tenant,
  frame.camera,
  frame.receivedAt,
  frame.timestamp,
  frame.id,
  frame.modelVersion ?? null,
  frame.objects.map(saveObject),
];

export const loadFrame = (saved: Json): Frame => {
  const [tenant, camera, receivedAt, timestamp, id, modelVersion, objects] = saved as [
    string,
    string,
    number,
    number,
    string,
    string | null,
    Json[],
  ];
  return {
    kind: "frame",
    tenant,
    camera,
    receivedAt,
    timestamp,
    id,
    modelVersion: modelVersion ?? undefined,
    objects: objects.map(loadObject),
  };
};

/** The models of frames whose names are saved apart. Nothing where none is known: the form of before they were kept. */
export const saveModels = (frames: readonly FrameRef[]): Json[] =>
  frames.every(({ modelVersion }) => modelVersion === undefined) ? [] : [frames.map(({ modelVersion }) => modelVersion ?? null)];

/** Throws TypeError for what is no model: a form that is not known. */
export const loadModel = (saved: Json | undefined): string | undefined => {
  if (saved !== undefined && saved !== null && typeof saved !== "string") throw new TypeError("a model is a text");
  return saved ?? undefined;
};
