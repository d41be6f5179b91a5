/** Frames as they came, one row each. A frame sent twice is shown once: the one with the lowest position. */
import type { DetectedObject, Fact, Frame } from "../domain/event.ts";
import { FIRST, KEPT, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { Page, Paged, Questions, Range, Scope, Track } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { cameraParams, OF_CAMERA, pageOf, rangeParams } from "./scope.ts";
import { infoOf, infoText } from "./sighting.ts";

/** `newest`, a second table the engine keeps in step by itself, has the newest timestamp of each camera: see states.ts. */
export const frames: Projection<"facts"> = {
  name: "frames",
  version: 2,
  log: "facts",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  timestamp Int64 CODEC(Delta, ZSTD), id String CODEC(ZSTD), modelVersion LowCardinality(Nullable(String)),
  ids Array(String) CODEC(ZSTD), types Array(LowCardinality(String)),
  leftX Array(Float64) CODEC(ZSTD), topY Array(Float64) CODEC(ZSTD), rightX Array(Float64) CODEC(ZSTD), bottomY Array(Float64) CODEC(ZSTD),
  confidence Array(Nullable(Float64)) CODEC(ZSTD), info Array(String) CODEC(ZSTD),${WHENCE},
  PROJECTION newest (SELECT tenant, camera, max(timestamp) GROUP BY tenant, camera)
) ENGINE = MergeTree PARTITION BY ${monthOf("timestamp")} ORDER BY (tenant, camera, timestamp, id, position) ${KEPT}`,
  rows: (event: Fact) => (event.kind === "frame" ? [rowOf(event)] : []),
};

const rowOf = ({ tenant, camera, timestamp, id, modelVersion, objects, receivedAt }: Frame) => ({
  tenant,
  camera,
  timestamp,
  id,
  modelVersion: modelVersion ?? null,
  ids: objects.map((o) => o.id),
  types: objects.map((o) => o.type),
  leftX: objects.map((o) => o.bbox.leftX),
  topY: objects.map((o) => o.bbox.topY),
  rightX: objects.map((o) => o.bbox.rightX),
  bottomY: objects.map((o) => o.bbox.bottomY),
  confidence: objects.map((o) => o.confidence ?? null),
  info: objects.map((o) => infoText(o.info)),
  receivedAt,
});

type FrameRow = {
  readonly timestamp: number;
  readonly id: string;
  readonly modelVersion: string | null;
  readonly ids: readonly string[];
  readonly types: readonly string[];
  readonly leftX: readonly number[];
  readonly topY: readonly number[];
  readonly rightX: readonly number[];
  readonly bottomY: readonly number[];
  readonly confidence: readonly (number | null)[];
  readonly info: readonly string[];
  readonly receivedAt: number;
};

/** The columns of one frame have one length. */
const objectsOf = (row: FrameRow): readonly DetectedObject[] =>
  row.ids.map((id, i) => ({
    id,
    type: row.types[i] as string,
    bbox: {
      leftX: row.leftX[i] as number,
      topY: row.topY[i] as number,
      rightX: row.rightX[i] as number,
      bottomY: row.bottomY[i] as number,
    },
    confidence: row.confidence[i] ?? undefined,
    info: infoOf(row.info[i] as string),
  }));

const LIST = `
SELECT timestamp, id, modelVersion, ids, types, leftX, topY, rightX, bottomY, confidence, info, receivedAt
FROM frames
WHERE ${OF_CAMERA} AND timestamp >= {from:Int64} AND timestamp < {to:Int64}
  AND timestamp >= {at:Int64} AND (timestamp, id) > ({at:Int64}, {id:String})
ORDER BY timestamp, id, position
LIMIT 1 BY timestamp, id
LIMIT {rows:UInt32}`;

export const listFrames = async (reader: Reader, scope: Scope, asked: Range & Paged): Promise<Page<Frame>> => {
  const rows = await reader.select<FrameRow>(LIST, {
    ...cameraParams(scope),
    ...rangeParams(asked),
    at: asked.after?.at ?? FIRST,
    id: asked.after?.id ?? "",
    rows: asked.limit + 1,
  });
  const show = (row: FrameRow): Frame => ({
    kind: "frame",
    tenant: scope.tenant,
    camera: scope.camera,
    receivedAt: row.receivedAt,
    timestamp: row.timestamp,
    id: row.id,
    modelVersion: row.modelVersion ?? undefined,
    objects: objectsOf(row),
  });
  return pageOf(rows, asked.limit, show, ({ timestamp, id }) => ({ at: timestamp, id }));
};

/** Confirmed tracks only, in the order in which they are first seen; a track that changed its type has the last of the asked ones. */
export const behavior = async (reader: Reader, scope: Scope, asked: Parameters<Questions["behavior"]>[1]): Promise<Page<Track>> => {
  const { types } = asked;
  const isAsked = (type: string): boolean => types === undefined || types === "every" || types.includes(type);
  const page = await listFrames(reader, scope, asked);
  const tracks = new Map<string, { type: string; points: [number, number, number][] }>();
  for (const { timestamp, objects } of page.rows) {
    for (const { id, type, bbox } of objects) {
      if (id === "" || !isAsked(type)) continue;
      const track = tracks.get(id) ?? { type, points: [] };
      track.type = type;
      track.points.push([timestamp, (bbox.leftX + bbox.rightX) / 2, bbox.bottomY]);
      tracks.set(id, track);
    }
  }
  return { rows: [...tracks].map(([id, { type, points }]) => ({ object: { id, type }, points })), more: page.more };
};
