/** Entries and leavings; a stay is both. Stays are listed here, occupancy is reckoned from them in occupancy.ts. */
import type { Analytic } from "../domain/camera.ts";
import type { Derived, EndReason, Presence } from "../domain/event.ts";
import { type Seen, seenBy } from "./as-of.ts";
import { BY_REVISION, CORRECTION, correctionRow, TRUTH } from "./correction.ts";
import { KEPT, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { Page, Questions, Scope, Stay } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { isMaybe, keyOf, keyParts, maybe, OF_CAMERA, OF_EPOCH, pageOf, rangeParams, scopeParams } from "./scope.ts";
import { CAUSE, causeRow, SIGHTING, type SightingRow, sightingOf, sightingRow } from "./sighting.ts";

export const presence: Projection<"derived"> = {
  name: "presence",
  version: 3,
  log: "derived",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  analytic LowCardinality(String), placeId LowCardinality(String), placeEpoch Int64,
  change LowCardinality(String), start Int64 CODEC(Delta, ZSTD), at Int64 CODEC(Delta, ZSTD), firstSeen Int64 CODEC(Delta, ZSTD),
  reason LowCardinality(Nullable(String)),${SIGHTING},${CAUSE},${CORRECTION},${WHENCE},
  INDEX byAt at TYPE minmax,
  ${BY_REVISION}
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
  ...correctionRow(p),
  receivedAt: p.receivedAt,
});

const STAY = "start, objectId, analytic, placeId, placeEpoch";
const ofPlaces = ({ derived }: Seen): string =>
  `${OF_CAMERA}${derived} AND ${isMaybe("analytic", "analytic")} AND ${isMaybe("placeId", "place")} AND ${OF_EPOCH}`;

/** What a stay is told by: its entry as it stands, its leaving where the entry is no longer kept. */
const TELLING = "(change = 'left', -revision, position)";
/** There was none. */
const IS_GONE = `argMin(presence.retracted, ${TELLING})`;

/**
 * One row a stay: `end` is null while nobody was told that it ended, or that was taken back. `object` is what is wanted of it: a tuple of its
 * columns, as they were at the confirming frame; where that entry is no longer kept, as they were on leaving.
 */
export const stays = (which: string, object: string, seen: Seen): string => `
SELECT ${STAY}, argMin(tuple(${object}), ${TELLING}) AS object,
  argMinIf(tuple(if(presence.retracted, NULL, presence.at), presence.reason), ${TRUTH}, change = 'left') AS leaving,
  tupleElement(leaving, 1) AS end, if(end IS NULL, NULL, tupleElement(leaving, 2)) AS reason
FROM presence WHERE ${ofPlaces(seen)} AND ${which}
GROUP BY ${STAY} HAVING NOT ${IS_GONE}`;

/** Those of which all was taken back: few, and found without reading the others. */
const takenBack = (seen: Seen, which: string): string => `
SELECT ${STAY} FROM presence
WHERE ${ofPlaces(seen)} AND ${which} AND (${STAY}) GLOBAL IN (SELECT ${STAY} FROM presence WHERE ${ofPlaces(seen)} AND ${which} AND revision > 0)
GROUP BY ${STAY} HAVING ${IS_GONE}`;

/**
 * When stays began that were there before `from` and have not ended by then: found by their leaving, through its index, or by the
 * lack of one, in the order of the key, and where a leaving was taken back. So a question about a day does not put together all stays before it.
 */
export const earlier = (seen: Seen): string => `
SELECT start FROM presence WHERE ${ofPlaces(seen)} AND start < {from:Int64} AND change = 'left' AND at > {from:Int64}
UNION ALL
SELECT start FROM presence WHERE ${ofPlaces(seen)} AND start < {from:Int64} AND change = 'left' AND revision > 0 AND retracted
UNION ALL
SELECT start FROM (
  SELECT ${STAY} FROM presence WHERE ${ofPlaces(seen)} AND start < {from:Int64} GROUP BY ${STAY} HAVING max(change = 'left') = 0
)`;

const BEFORE_KEY = `start <= {at:Int64}
  AND (${STAY}) < ({at:Int64}, {object:String}, {afterAnalytic:String}, {afterPlace:String}, {epoch:Int64})`;
const LATEST_FIRST = "start DESC, objectId DESC, analytic DESC, placeId DESC, placeEpoch DESC";

const listing = (which: string, kept: string, seen: Seen): string => `
SELECT ${STAY}, end, reason, tupleElement(object, 1) AS objectType,
  tupleElement(object, 2) AS confidence, tupleElement(object, 3) AS leftX, tupleElement(object, 4) AS topY,
  tupleElement(object, 5) AS rightX, tupleElement(object, 6) AS bottomY, tupleElement(object, 7) AS info
FROM (${stays(which, "presence.objectType, confidence, leftX, topY, rightX, bottomY, info", seen)})
WHERE ${kept} AND ${BEFORE_KEY}
ORDER BY ${LATEST_FIRST}
LIMIT {rows:UInt32}`;

/** Those that began in the range, wherever they ended: only as many are put together as are shown. */
const IN_RANGE = `start >= {from:Int64} AND start < {to:Int64}`;
const begunThen = (seen: Seen): string => `
WITH (
  SELECT min(start) FROM (
    SELECT ${STAY} FROM presence WHERE ${ofPlaces(seen)} AND ${IN_RANGE} AND ${BEFORE_KEY}
      AND (${STAY}) GLOBAL NOT IN (${takenBack(seen, IN_RANGE)})
    ORDER BY ${LATEST_FIRST} LIMIT 1 BY ${STAY} LIMIT {rows:UInt32}
  )
) AS oldest
${listing(`${IN_RANGE} AND start >= oldest AND start <= {at:Int64}`, "true", seen)}`;
/** They come after those, in the order of the list. */
const begunEarlier = (seen: Seen): string =>
  listing(
    `start < {from:Int64} AND start < {to:Int64} AND start GLOBAL IN (${earlier(seen)})`,
    "(end IS NULL OR end > {from:Int64})",
    seen,
  );

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

export const listStays = async (reader: Reader, scope: Scope, asked: Parameters<Questions["stays"]>[1]): Promise<Page<Stay>> => {
  const [object = "", afterAnalytic = "", afterPlace = "", epoch = ""] = keyParts(asked.after?.id ?? "", 4);
  const params = {
    ...scopeParams(scope),
    ...rangeParams(asked),
    ...maybe("analytic", asked.analytic),
    ...maybe("place", asked.placeId),
    at: asked.after?.at ?? Number.MAX_SAFE_INTEGER,
    object,
    afterAnalytic,
    afterPlace,
    epoch: Number(epoch) || 0,
  };
  const seen = seenBy(scope.asOf);
  const rows = [...(await reader.select<StayRow>(begunThen(seen), { ...params, rows: asked.limit + 1 }))];
  const room = asked.limit + 1 - rows.length;
  if (room > 0 && asked.from !== undefined) rows.push(...(await reader.select<StayRow>(begunEarlier(seen), { ...params, rows: room })));
  const key = (row: StayRow) => keyOf(row.start, [row.objectId, row.analytic, row.placeId, String(row.placeEpoch)]);
  return pageOf(rows, asked.limit, stayOf, key);
};
