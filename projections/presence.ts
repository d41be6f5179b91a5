/** Entries and leavings; a stay is both. Stays are listed here, occupancy is reckoned from them in occupancy.ts. */
import type { Analytic } from "../domain/camera.ts";
import type { Derived, EndReason, Presence } from "../domain/event.ts";
import { KEPT, monthOf, type Projection, type Reader, WHENCE } from "./projection.ts";
import type { Page, Questions, Scope, Stay } from "./questions.ts";
import { isMaybe, keyOf, keyParts, maybe, OF_CAMERA, OF_EPOCH, pageOf, rangeParams, scopeParams } from "./scope.ts";
import { CAUSE, causeRow, SIGHTING, type SightingRow, sightingOf, sightingRow } from "./sighting.ts";

export const presence: Projection<"derived"> = {
  name: "presence",
  version: 1,
  log: "derived",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  analytic LowCardinality(String), placeId LowCardinality(String), placeEpoch Int64,
  change LowCardinality(String), start Int64 CODEC(Delta, ZSTD), at Int64 CODEC(Delta, ZSTD), firstSeen Int64 CODEC(Delta, ZSTD),
  reason LowCardinality(Nullable(String)),${SIGHTING},${CAUSE},${WHENCE},
  INDEX byAt at TYPE minmax
) ENGINE = MergeTree PARTITION BY ${monthOf("start")}
ORDER BY (tenant, camera, start, objectId, analytic, placeId, placeEpoch, change, position) ${KEPT}`,
  rows: (event: Derived) => (event.kind === "presence" ? [rowOf(event)] : []),
};

const rowOf = (p: Presence) => ({
  tenant: p.tenant,
  camera: p.camera,
  analytic: p.place.analytic,
  placeId: p.place.id,
  placeEpoch: p.place.epoch,
  change: p.change,
  start: p.start,
  at: p.at,
  firstSeen: p.firstSeen,
  reason: p.reason ?? null,
  ...sightingRow(p.object),
  ...causeRow(p.cause),
  receivedAt: p.receivedAt,
});

/**
 * One row a stay that began before `to`: `end` is null while nobody was told that it ended.
 * The object is as it was at the confirming frame; where that entry is no longer kept, as it was on leaving.
 */
export const STAYS = `
SELECT start, objectId, analytic, placeId, placeEpoch,
  argMin(tuple(presence.objectType, confidence, leftX, topY, rightX, bottomY, info), (change = 'left', position)) AS object,
  tupleElement(object, 1) AS objectType,
  argMinIf(tuple(toNullable(presence.at), presence.reason), position, change = 'left') AS leaving,
  tupleElement(leaving, 1) AS end, tupleElement(leaving, 2) AS reason
FROM presence
WHERE ${OF_CAMERA} AND start < {to:Int64} AND ${isMaybe("analytic", "analytic")} AND ${isMaybe("placeId", "place")} AND ${OF_EPOCH}
GROUP BY start, objectId, analytic, placeId, placeEpoch`;

/** A stay without length counts where it began. */
const LIST = `
SELECT start, objectId, analytic, placeId, placeEpoch, end, reason, objectType,
  tupleElement(object, 2) AS confidence, tupleElement(object, 3) AS leftX, tupleElement(object, 4) AS topY,
  tupleElement(object, 5) AS rightX, tupleElement(object, 6) AS bottomY, tupleElement(object, 7) AS info
FROM (${STAYS})
WHERE (end IS NULL OR end > {from:Int64} OR start >= {from:Int64})
  AND (start, objectId, analytic, placeId, placeEpoch) < ({at:Int64}, {object:String}, {afterAnalytic:String}, {afterPlace:String}, {epoch:Int64})
ORDER BY start DESC, objectId DESC, analytic DESC, placeId DESC, placeEpoch DESC
LIMIT {rows:UInt32}`;

type StayRow = SightingRow & {
  readonly start: number;
  readonly analytic: Analytic;
  readonly placeId: string;
  readonly placeEpoch: number;
  readonly end: number | null;
  readonly reason: EndReason | null;
};

const stayOf = (row: StayRow): Stay => ({
  place: { analytic: row.analytic, id: row.placeId, epoch: row.placeEpoch },
  object: sightingOf(row),
  start: row.start,
  end: row.end ?? undefined,
  reason: row.reason ?? undefined,
});

export const listStays = async (warehouse: Reader, scope: Scope, asked: Parameters<Questions["stays"]>[1]): Promise<Page<Stay>> => {
  const [object = "", afterAnalytic = "", afterPlace = "", epoch = ""] = keyParts(asked.after?.id ?? "", 4);
  const rows = await warehouse.select<StayRow>(LIST, {
    ...scopeParams(scope),
    ...rangeParams(asked),
    ...maybe("analytic", asked.analytic),
    ...maybe("place", asked.placeId),
    at: asked.after?.at ?? Number.MAX_SAFE_INTEGER,
    object,
    afterAnalytic,
    afterPlace,
    epoch: Number(epoch) || 0,
    rows: asked.limit + 1,
  });
  const key = (row: StayRow) => keyOf(row.start, [row.objectId, row.analytic, row.placeId, String(row.placeEpoch)]);
  return pageOf(rows, asked.limit, stayOf, key);
};
