/** Alerts with all their revisions. The highest revision of an id is the truth; a retracted one is shown to nobody. */
import type { Analytic, Direction, RuleType, Severity } from "../domain/camera.ts";
import type { Alert, Derived } from "../domain/event.ts";
import { FIRST, KEPT, LAST, monthOf, type Projection, type Reader, WHENCE } from "./projection.ts";
import type { AlertCount, Page, PageKey, Questions, Scope } from "./questions.ts";
import { isMaybe, maybe, OF_CAMERA, OF_EPOCH, rangeParams, scopeParams } from "./scope.ts";
import { CAUSE, type CauseRow, causeOf, causeRow, sightingJson, sightingsOfJson } from "./sighting.ts";

/** `byEnd`, the engine's own second order of the rows, finds the latest alerts without reading the others. */
export const alerts: Projection<"derived"> = {
  name: "alerts",
  version: 1,
  log: "derived",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  id String CODEC(ZSTD), revision Int64 CODEC(ZSTD), retracted Bool,
  ruleId LowCardinality(String), ruleName LowCardinality(String), ruleType LowCardinality(String), ruleVersion Int64 CODEC(ZSTD),
  severity LowCardinality(String),
  analytic LowCardinality(String), placeId LowCardinality(String), placeEpoch Int64, placeName LowCardinality(String),
  direction LowCardinality(Nullable(String)), count Int64,
  start Int64 CODEC(Delta, ZSTD), endTimestamp Int64 CODEC(Delta, ZSTD), raisedAt Int64 CODEC(Delta, ZSTD),
  description String CODEC(ZSTD), objects String CODEC(ZSTD),${CAUSE},${WHENCE},
  INDEX byId id TYPE bloom_filter(0.001) GRANULARITY 1,
  PROJECTION byEnd (SELECT tenant, camera, endTimestamp, id, start, analytic, placeId, placeEpoch ORDER BY tenant, camera, endTimestamp, id)
) ENGINE = MergeTree PARTITION BY ${monthOf("start")} ORDER BY (tenant, camera, start, id, revision, position) ${KEPT}`,
  rows: (event: Derived) => (event.kind === "alert" ? [rowOf(event)] : []),
};

const rowOf = (a: Alert) => ({
  tenant: a.tenant,
  camera: a.camera,
  id: a.id,
  revision: a.revision,
  retracted: a.retracted,
  ruleId: a.ruleId,
  ruleName: a.ruleName,
  ruleType: a.ruleType,
  ruleVersion: a.ruleVersion,
  severity: a.severity,
  analytic: a.place.analytic,
  placeId: a.place.id,
  placeEpoch: a.place.epoch,
  placeName: a.placeName,
  direction: a.direction ?? null,
  count: a.count,
  start: a.start,
  endTimestamp: a.end,
  raisedAt: a.raisedAt,
  description: a.description,
  objects: a.objects === undefined ? "" : JSON.stringify(a.objects.map(sightingJson)),
  ...causeRow(a.cause),
  receivedAt: a.receivedAt,
});

type AlertRow = CauseRow & {
  readonly tenant: string;
  readonly camera: string;
  readonly id: string;
  readonly revision: number;
  readonly retracted: boolean;
  readonly ruleId: string;
  readonly ruleName: string;
  readonly ruleType: RuleType;
  readonly ruleVersion: number;
  readonly severity: Severity;
  readonly analytic: Analytic;
  readonly placeId: string;
  readonly placeEpoch: number;
  readonly placeName: string;
  readonly direction: Direction | "up" | "down" | null;
  readonly count: number;
  readonly start: number;
  readonly endTimestamp: number;
  readonly raisedAt: number;
  readonly description: string;
  readonly objects: string;
  readonly receivedAt: number;
};

const alertOf = (row: AlertRow): Alert => ({
  kind: "alert",
  tenant: row.tenant,
  camera: row.camera,
  receivedAt: row.receivedAt,
  id: row.id,
  revision: row.revision,
  retracted: row.retracted,
  ruleId: row.ruleId,
  ruleName: row.ruleName,
  ruleType: row.ruleType,
  ruleVersion: row.ruleVersion,
  severity: row.severity,
  place: { analytic: row.analytic, id: row.placeId, epoch: row.placeEpoch },
  placeName: row.placeName,
  direction: row.direction ?? undefined,
  count: row.count,
  start: row.start,
  end: row.endTimestamp,
  raisedAt: row.raisedAt,
  description: row.description,
  objects: row.objects === "" ? undefined : sightingsOfJson(row.objects),
  cause: causeOf(row),
});

const COLUMNS = `tenant, camera, id, revision, retracted, ruleId, ruleName, ruleType, ruleVersion, severity, analytic, placeId, placeEpoch, placeName,
  direction, count, start, endTimestamp, raisedAt, description, objects, causeFrom, causeFromId, causeTo, causeToId, receivedAt`;

/**
 * First the names of the rows that come next by their end, from `byEnd` alone; then, of those ids only, the newest revision.
 * Only rows no further than the last name may be shown: a newer revision can lie further down, behind names not read yet.
 */
const LATEST = `
WITH (
  SELECT groupArray((start, id, endTimestamp)) FROM (
    SELECT start, id, endTimestamp FROM alerts
    WHERE ${OF_CAMERA} AND endTimestamp > {from:Int64} AND endTimestamp <= {to:Int64} AND endTimestamp <= {at:Int64}
      AND (endTimestamp, id) < ({at:Int64}, {id:String}) AND ${isMaybe("analytic", "analytic")} AND ${OF_EPOCH}
    ORDER BY endTimestamp DESC, id DESC LIMIT {names:UInt32}
  )
) AS names
SELECT ${COLUMNS}, length(names) AS found, tupleElement(names[-1], 3) AS lastAt, tupleElement(names[-1], 2) AS lastId
FROM alerts
WHERE ${OF_CAMERA} AND (start, id) IN (SELECT tupleElement(name, 1), tupleElement(name, 2) FROM (SELECT arrayJoin(names) AS name))
ORDER BY start, id, revision DESC, position
LIMIT 1 BY start, id`;
type Named = AlertRow & { readonly found: number; readonly lastAt: number; readonly lastId: string };

const isAfter = (row: { readonly endTimestamp: number; readonly id: string }, at: number, id: string): boolean =>
  row.endTimestamp < at || (row.endTimestamp === at && row.id < id);
const latestFirst = (a: AlertRow, b: AlertRow): number => (isAfter(a, b.endTimestamp, b.id) ? 1 : -1);

/** Text is ordered by its bytes there and by UTF-16 here; ids are UUIDs, where both agree. */
export const listAlerts = async (warehouse: Reader, scope: Scope, asked: Parameters<Questions["alerts"]>[1]): Promise<Page<Alert>> => {
  const { from = FIRST, to = LAST, limit } = asked;
  const names = limit + 1;
  const rows: AlertRow[] = [];
  let after: PageKey = asked.after ?? { at: LAST, id: "" };
  for (let more = true; more && rows.length <= limit; ) {
    const found = await warehouse.select<Named>(LATEST, {
      ...scopeParams(scope),
      ...maybe("analytic", asked.analytic),
      from,
      to,
      at: after.at,
      id: after.id,
      names,
    });
    const [first] = found;
    if (first === undefined) break;
    const { at, id } = after;
    const fits = found.filter(
      (row) =>
        !row.retracted &&
        row.endTimestamp > from &&
        row.endTimestamp <= to &&
        isAfter(row, at, id) &&
        !isAfter(row, first.lastAt, first.lastId),
    );
    rows.push(...fits.sort(latestFirst));
    more = first.found === names;
    after = { at: first.lastAt, id: first.lastId };
  }
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown.map(alertOf), more: rows.length > limit && last !== undefined ? { at: last.endTimestamp, id: last.id } : undefined };
};

const ONE = `SELECT ${COLUMNS} FROM alerts WHERE tenant = {tenant:String} AND id = {id:String} ORDER BY revision DESC, position LIMIT 1`;

/** Undefined also for one that was retracted. */
export const oneAlert = async (warehouse: Reader, tenant: string, id: string): Promise<Alert | undefined> => {
  const [row] = await warehouse.select<AlertRow>(ONE, { tenant, id });
  return row === undefined || row.retracted ? undefined : alertOf(row);
};

/** The name of a rule is that of its latest alert in the range. An alert's rule, place and direction are those of all its revisions. */
const COUNTS = `
SELECT analytic, ruleType, ruleId, placeId, direction, count() AS n, argMax(tupleElement(newest, 3), (tupleElement(newest, 2), id)) AS name
FROM (
  SELECT id, analytic, ruleType, ruleId, placeId, direction, argMax(tuple(retracted, endTimestamp, ruleName), (revision, -position)) AS newest
  FROM alerts WHERE ${OF_CAMERA} AND ${isMaybe("analytic", "analytic")} AND ${OF_EPOCH}
  GROUP BY start, id, analytic, ruleType, ruleId, placeId, direction
)
WHERE NOT tupleElement(newest, 1) AND tupleElement(newest, 2) > {from:Int64} AND tupleElement(newest, 2) <= {to:Int64}
GROUP BY analytic, ruleType, ruleId, placeId, direction
ORDER BY ruleId, placeId, analytic, ruleType, direction NULLS FIRST
LIMIT {rows:UInt32}`;

type CountRow = Pick<AlertRow, "analytic" | "ruleType" | "ruleId" | "placeId" | "direction"> & {
  readonly n: number;
  readonly name: string;
};

export const countAlerts = async (
  warehouse: Reader,
  scope: Scope,
  asked: Parameters<Questions["alertCounts"]>[1],
): Promise<readonly AlertCount[]> => {
  const rows = await warehouse.select<CountRow>(COUNTS, {
    ...scopeParams(scope),
    ...rangeParams(asked),
    ...maybe("analytic", asked.analytic),
    rows: asked.limit,
  });
  return rows.map(({ analytic, ruleType, ruleId, placeId, direction, n, name }) => ({
    analytic,
    ruleType,
    ruleId,
    ruleName: name,
    placeId,
    direction: direction ?? undefined,
    count: n,
  }));
};
