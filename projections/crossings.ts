/** Crossings: every one is kept, with what recomputations said of it. Raw, distinct and net are read from those that stand. */
import type { Direction } from "../domain/camera.ts";
import type { Correction, Crossing, Derived } from "../domain/event.ts";
import { type Seen, seenBy } from "./as-of.ts";
import { BY_REVISION, CORRECTION, correctionOf, correctionRow, TRUTH } from "./correction.ts";
import { KEPT, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { CountMode, Page, Paged, Questions, Range, Scope, TripwireBucket, TripwireCount } from "./questions.ts";
import type { Reader } from "./reader.ts";
import {
  IS_ASKED_TYPE,
  isMaybe,
  keyOf,
  keyParts,
  maybe,
  OF_CAMERA,
  OF_EPOCH,
  pageOf,
  rangeParams,
  scopeParams,
  TYPES_OF,
  typeParams,
} from "./scope.ts";
import { CAUSE, CAUSE_COLUMNS, type CauseRow, causeOf, causeRow, SIGHTING, type SightingRow, sightingOf, sightingRow } from "./sighting.ts";

const KEY = "at, objectId, placeId, direction, confirmedAt, placeEpoch";

export const crossings: Projection<"derived"> = {
  name: "crossings",
  version: 3,
  log: "derived",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  analytic LowCardinality(String), placeId LowCardinality(String), placeEpoch Int64,
  at Int64 CODEC(Delta, ZSTD), confirmedAt Int64 CODEC(Delta, ZSTD), late Bool,
  direction LowCardinality(String),${SIGHTING},${CAUSE},${CORRECTION},${WHENCE},
  ${BY_REVISION}
) ENGINE = MergeTree PARTITION BY ${monthOf("at")} ORDER BY (tenant, camera, ${KEY}, position) ${KEPT}`,
  rows: (event: Derived) => (event.kind === "crossing" ? [rowOf(event)] : []),
};

const rowOf = (c: Crossing) => ({
  tenant: c.tenant,
  camera: c.camera,
  analytic: c.place.analytic,
  placeId: c.place.id,
  placeEpoch: c.place.epoch,
  at: c.at,
  confirmedAt: c.confirmedAt,
  late: c.late,
  direction: c.direction,
  ...sightingRow(c.object),
  ...causeRow(c.cause),
  ...correctionRow(c),
  receivedAt: c.receivedAt,
});

type CrossingRow = SightingRow &
  CauseRow &
  Correction & {
    readonly placeId: string;
    readonly placeEpoch: number;
    readonly at: number;
    readonly confirmedAt: number;
    readonly late: boolean;
    readonly direction: Direction;
    readonly receivedAt: number;
  };

const crossingOf = ({ tenant, camera }: Scope, row: CrossingRow): Crossing => ({
  kind: "crossing",
  tenant,
  camera,
  receivedAt: row.receivedAt,
  place: { analytic: "tripwire", id: row.placeId, epoch: row.placeEpoch },
  object: sightingOf(row),
  direction: row.direction,
  at: row.at,
  confirmedAt: row.confirmedAt,
  late: row.late,
  correction: correctionOf(row),
  cause: causeOf(row),
});

const which = ({ derived }: Seen): string =>
  `${OF_CAMERA}${derived} AND at >= {from:Int64} AND at < {to:Int64} AND ${isMaybe("placeId", "tripwire")} AND ${OF_EPOCH}`;

/** Those of the range that were taken back: few, so that a page need not put together all it passes over. */
const takenBack = (seen: Seen): string =>
  `SELECT ${KEY} FROM crossings WHERE ${which(seen)} AND revision > 0 GROUP BY ${KEY} HAVING argMin(retracted, ${TRUTH})`;

const listing = (seen: Seen): string => `
SELECT ${KEY}, revision, retracted, late, receivedAt, objectType, confidence, leftX, topY, rightX, bottomY, info, ${CAUSE_COLUMNS}
FROM crossings
WHERE ${which(seen)} AND at <= {at:Int64}
  AND (at, objectId, placeId, direction, confirmedAt, placeEpoch)
    < ({at:Int64}, {object:String}, {place:String}, {direction:String}, {confirmed:Int64}, {epoch:Int64})
  AND (${KEY}) GLOBAL NOT IN (${takenBack(seen)})
ORDER BY at DESC, objectId DESC, placeId DESC, direction DESC, confirmedAt DESC, placeEpoch DESC, revision DESC, position
LIMIT 1 BY ${KEY}
LIMIT {rows:UInt32}`;

export const listCrossings = async (
  reader: Reader,
  scope: Scope,
  asked: Range & Paged & { readonly tripwireId: string | undefined },
): Promise<Page<Crossing>> => {
  const [object = "", place = "", direction = "", confirmed = "", epoch = ""] = keyParts(asked.after?.id ?? "", 5);
  const rows = await reader.select<CrossingRow>(listing(seenBy(scope.asOf)), {
    ...scopeParams(scope),
    ...rangeParams(asked),
    ...maybe("tripwire", asked.tripwireId),
    at: asked.after?.at ?? Number.MAX_SAFE_INTEGER,
    object,
    place,
    direction,
    confirmed: Number(confirmed) || 0,
    epoch: Number(epoch) || 0,
    rows: asked.limit + 1,
  });
  return pageOf(
    rows,
    asked.limit,
    (row) => crossingOf(scope, row),
    (row) => keyOf(row.at, [row.objectId, row.placeId, row.direction, String(row.confirmedAt), String(row.placeEpoch)]),
  );
};

/** Each crossing once, as it stands. */
const once = (seen: Seen): string => `
SELECT ${KEY}, argMin(tuple(crossings.objectType, crossings.retracted), ${TRUTH}) AS truth, tupleElement(truth, 1) AS objectType
FROM crossings WHERE ${which(seen)} GROUP BY ${KEY} HAVING NOT tupleElement(truth, 2)`;

/** `bucket` is the first edge at or below, as the edges are given. */
const counting = (mode: CountMode, bucket: string, seen: Seen): string => {
  const each = `SELECT ${bucket} AS bucket, placeId, direction, objectId, objectType, ${TYPES_OF("objectType")} AS type FROM (${once(seen)})`;
  if (mode === "raw") {
    return `SELECT bucket, placeId, direction, type, count() AS n FROM (${each}) WHERE ${IS_ASKED_TYPE}
GROUP BY bucket, placeId, direction, type ORDER BY placeId, bucket, direction, type`;
  }
  if (mode === "distinct") {
    return `SELECT bucket, placeId, way AS direction, type, uniqExact(objectId) AS n
FROM (SELECT *, arrayJoin([toString(direction), 'either']) AS way FROM (${each})) WHERE ${IS_ASKED_TYPE}
GROUP BY bucket, placeId, way, type ORDER BY placeId, bucket, way, type`;
  }
  const balance = `SELECT bucket, placeId, type, objectId, objectType, sum(if(direction = 'entry', 1, -1)) AS balance FROM (${each})
WHERE ${IS_ASKED_TYPE} GROUP BY bucket, placeId, type, objectId, objectType HAVING balance != 0`;
  return `SELECT bucket, placeId, if(balance > 0, 'entry', 'exit') AS direction, type, count() AS n FROM (${balance})
GROUP BY bucket, placeId, direction, type ORDER BY placeId, bucket, direction, type`;
};

type CountRow = {
  readonly bucket: number;
  readonly placeId: string;
  readonly direction: TripwireCount["direction"];
  readonly type: string;
  readonly n: number;
};
const countOf = ({ placeId, direction, type, n }: CountRow): TripwireCount => ({ tripwireId: placeId, direction, type, count: n });

export const countCrossings = async (
  reader: Reader,
  scope: Scope,
  asked: Parameters<Questions["tripwireCounts"]>[1],
): Promise<readonly TripwireCount[]> => {
  const rows = await reader.select<CountRow>(counting(asked.mode, "0", seenBy(scope.asOf)), {
    ...scopeParams(scope),
    ...rangeParams(asked),
    ...maybe("tripwire", asked.tripwireId),
    ...typeParams(asked.types),
  });
  return rows.map(countOf);
};

export const crossingHistogram = async (
  reader: Reader,
  scope: Scope,
  asked: Parameters<Questions["tripwireHistogram"]>[1],
): Promise<readonly TripwireBucket[]> => {
  const { edges } = asked;
  if (edges.length < 2) return [];
  const rows = await reader.select<CountRow>(counting(asked.mode, "roundDown(at, {edges:Array(Int64)})", seenBy(scope.asOf)), {
    ...scopeParams(scope),
    ...rangeParams({ from: edges[0], to: edges.at(-1) }),
    ...maybe("tripwire", asked.tripwireId),
    ...typeParams(asked.types),
    edges,
  });
  const bucketAt = new Map(edges.map((edge, i) => [edge, i]));
  return rows.map((row) => ({ ...countOf(row), bucket: bucketAt.get(row.bucket) as number }));
};
