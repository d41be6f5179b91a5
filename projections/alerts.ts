/** Alerts with all their revisions. The highest revision of an id is the truth; a retracted one is shown to nobody. */
import type { Analytic, Direction, RuleType, Severity } from "../domain/camera.ts";
import type { Alert, Derived } from "../domain/event.ts";
import { eventTypeOf } from "../domain/event-type.ts";
import { type Seen, seenBy } from "./as-of.ts";
import { listLatest, ofNames } from "./latest.ts";
import { FIRST, KEPT, LAST, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { AlertCount, Page, Questions, Scope } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { isMaybe, maybe, OF_CAMERA, OF_EPOCH, rangeParams, scopeParams } from "./scope.ts";
import { CAUSE, CAUSE_COLUMNS, type CauseRow, causeOf, causeRow, sightingJson, sightingsOfJson } from "./sighting.ts";

/**
 * `byEnd` and `byTenantEnd`, the engine's own second orders of the rows, find the latest alerts of a camera and of a tenant without
 * reading the others; `newest` keeps the newest end of each camera.
 * The month of the end stands in the partition too: so a part knows its least and greatest end, and most parts need not be opened.
 * The DEFAULT of `eventType` says `eventTypeOf` once more, in SQL: rows that are older than the log reaches are carried over from a table
 * without the column when it is built anew (rebuild.ts), and nothing but SQL sees them. A test compares the two; all other rows bear what
 * `eventTypeOf` says.
 */
export const alerts: Projection<"derived"> = {
  name: "alerts",
  version: 2,
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
  description String CODEC(ZSTD), objects String CODEC(ZSTD),
  eventType LowCardinality(String) DEFAULT if(ruleType = 'notify' AND JSONHas(objects, 1, 'type'), JSONExtractString(objects, 1, 'type'), ruleType),${CAUSE},${WHENCE},
  INDEX byId id TYPE bloom_filter(0.001) GRANULARITY 1,
  PROJECTION byEnd (SELECT tenant, camera, endTimestamp, id, start, eventType, analytic, placeId, placeEpoch ORDER BY tenant, camera, endTimestamp, id),
  PROJECTION byTenantEnd (SELECT tenant, camera, endTimestamp, id, start, eventType, analytic, placeId, placeEpoch ORDER BY tenant, endTimestamp, id),
  PROJECTION newest (SELECT tenant, camera, max(endTimestamp) GROUP BY tenant, camera)
) ENGINE = MergeTree PARTITION BY (${monthOf("start")}, ${monthOf("endTimestamp")})
ORDER BY (tenant, camera, start, id, revision, position) ${KEPT}`,
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
  eventType: eventTypeOf(a),
  ...causeRow(a.cause),
  receivedAt: a.receivedAt,
});

export type AlertRow = CauseRow & {
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

export const alertOf = (row: AlertRow): Alert => ({
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

export const COLUMNS = `tenant, camera, id, revision, retracted, ruleId, ruleName, ruleType, ruleVersion, severity, analytic, placeId, placeEpoch, placeName,
  direction, count, start, endTimestamp, raisedAt, description, objects, ${CAUSE_COLUMNS}, receivedAt`;

/**
 * First the names of the rows that come next by their end, from `byEnd` alone; then, of those ids only, the newest revision.
 * Opening a part costs more than reading it, so the search looks back from the newest end a `window` at a time.
 */
const latest = ({ derived }: Seen): string => `
WITH (SELECT max(endTimestamp) FROM alerts WHERE ${OF_CAMERA}${derived}) AS newest,
(
  SELECT groupArray((start, id, endTimestamp)) FROM (
    SELECT start, id, endTimestamp FROM alerts
    WHERE ${OF_CAMERA}${derived} AND endTimestamp > greatest({from:Int64}, least({at:Int64}, {to:Int64}, newest) - {window:Int64})
      AND endTimestamp <= {to:Int64} AND endTimestamp <= {at:Int64}
      AND (endTimestamp, id) < ({at:Int64}, {id:String}) AND ${isMaybe("analytic", "analytic")} AND ${OF_EPOCH}
    ORDER BY endTimestamp DESC, id DESC LIMIT {names:UInt32}
  )
) AS names
SELECT ${COLUMNS}, length(names) AS found, tupleElement(names[-1], 3) AS lastAt, tupleElement(names[-1], 2) AS lastId
FROM alerts
WHERE ${OF_CAMERA}${derived} AND ${ofNames("tupleElement(names, 1)")}
  AND (start, id) GLOBAL IN (SELECT tupleElement(name, 1), tupleElement(name, 2) FROM (SELECT arrayJoin(names) AS name))
ORDER BY start, id, revision DESC, position
LIMIT 1 BY start, id`;

type Named = AlertRow & { readonly found: number; readonly lastAt: number; readonly lastId: string };

export const listAlerts = async (reader: Reader, scope: Scope, asked: Parameters<Questions["alerts"]>[1]): Promise<Page<Alert>> => {
  const { from = FIRST, to = LAST, limit } = asked;
  const names = limit + 1;
  const page = await listLatest<Named>({ from, to, limit, after: asked.after }, async ({ after, window }) => {
    const rows = await reader.select<Named>(latest(seenBy(scope.asOf)), {
      ...scopeParams(scope),
      ...maybe("analytic", asked.analytic),
      from,
      to,
      ...after,
      window,
      names,
    });
    const [first] = rows;
    return { rows, last: first && { endTimestamp: first.lastAt, id: first.lastId }, isMore: first?.found === names };
  });
  return { ...page, rows: page.rows.map(alertOf) };
};

const ONE = `SELECT ${COLUMNS} FROM alerts WHERE tenant = {tenant:String} AND id = {id:String} ORDER BY revision DESC, position LIMIT 1`;

/** Undefined also for one that was retracted. */
export const oneAlert = async (reader: Reader, id: string): Promise<Alert | undefined> => {
  const [row] = await reader.select<AlertRow>(ONE, { id });
  return row === undefined || row.retracted ? undefined : alertOf(row);
};

/**
 * The name of a rule is that of its latest alert in the range. The same id and revision is the same alert, whichever row of it is taken.
 * An alert that counts has a row in the range, and all its revisions have one start: so the range bounds the starts to look through.
 */
const counts = ({ derived }: Seen): string => `
WITH (
  SELECT (min(start), max(start)) FROM alerts WHERE ${OF_CAMERA}${derived} AND endTimestamp > {from:Int64} AND endTimestamp <= {to:Int64}
) AS starts
SELECT analytic, ruleType, ruleId, placeId, direction, sum(n) AS n, argMax(ruleName, (latest, ruleName)) AS name
FROM (
  SELECT analytic, ruleType, ruleId, placeId, direction, ruleName, count() AS n, max(endTimestamp) AS latest
  FROM (
    SELECT id, retracted, endTimestamp, analytic, ruleType, ruleId, placeId, direction, ruleName
    FROM alerts
    WHERE ${OF_CAMERA}${derived} AND start >= tupleElement(starts, 1) AND start <= tupleElement(starts, 2)
      AND ${isMaybe("analytic", "analytic")} AND ${OF_EPOCH}
    ORDER BY revision DESC LIMIT 1 BY id
  )
  WHERE NOT retracted AND endTimestamp > {from:Int64} AND endTimestamp <= {to:Int64}
  GROUP BY analytic, ruleType, ruleId, placeId, direction, ruleName
)
GROUP BY analytic, ruleType, ruleId, placeId, direction
ORDER BY ruleId, placeId, analytic, ruleType, direction NULLS FIRST
LIMIT {rows:UInt32}`;

type CountRow = Pick<AlertRow, "analytic" | "ruleType" | "ruleId" | "placeId" | "direction"> & {
  readonly n: number;
  readonly name: string;
};

export const countAlerts = async (
  reader: Reader,
  scope: Scope,
  asked: Parameters<Questions["alertCounts"]>[1],
): Promise<readonly AlertCount[]> => {
  const rows = await reader.select<CountRow>(counts(seenBy(scope.asOf)), {
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
