/** When the camera was watching, told again as it grows: the greatest end of a start counts. */
import type { Derived } from "../domain/event.ts";
import { COVERED_MS } from "../domain/rules/coverage.ts";
import { type Seen, seenBy } from "./as-of.ts";
import { FIRST, KEPT, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { Range, Scope } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { firstFrameFrom, isUntold } from "./recent.ts";
import { cameraParams, OF_CAMERA, rangeParams } from "./scope.ts";

export const coverage: Projection<"derived"> = {
  name: "coverage",
  version: 1,
  log: "derived",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  start Int64 CODEC(Delta, ZSTD), end Int64 CODEC(Delta, ZSTD), open Bool,${WHENCE}
) ENGINE = MergeTree PARTITION BY ${monthOf("start")} ORDER BY (tenant, camera, start, end, position) ${KEPT}`,
  rows: (event: Derived) => {
    if (event.kind !== "coverage") return [];
    const { tenant, camera, start, end, open, receivedAt } = event;
    return [{ tenant, camera, start, end, open, receivedAt }];
  },
};

/**
 * The newest interval told goes on with the frames after it: the one open is covered on from its end, one that closed is followed by
 * the next from its first frame. Not so where the camera was said to be gone: silence ends an interval 5 s after its last frame,
 * so frames in the 5 s before the end mean that the camera's state ended it, and frames then prove nothing until coverage is told again.
 *
 * A clock set back covers the same time twice: what an earlier start has covered is not counted again.
 */
const covered = (seen: Seen): string => `
WITH
(SELECT tuple(count() > 0, max(end), argMin(open, (-end, open))) FROM coverage WHERE ${OF_CAMERA}${seen.derived}) AS told,
multiIf(NOT tupleElement(told, 1), ${FIRST}, tupleElement(told, 3), tupleElement(told, 2) - ${COVERED_MS}, tupleElement(told, 2)) AS since,
(SELECT count() FROM frames WHERE ${OF_CAMERA}${seen.facts}
  AND timestamp > tupleElement(told, 2) - ${COVERED_MS} AND timestamp < tupleElement(told, 2)) AS before_end,
NOT tupleElement(told, 1) OR tupleElement(told, 3) OR before_end = 0 AS is_there,
${firstFrameFrom("since", seen)} AS first_frame
SELECT sum(greatest(0, least(until, {to:Int64}) - greatest(start, {from:Int64}, before))) AS covered, min(start) AS first, max(until) AS last
FROM (
  SELECT start, max(end) AS until,
    max(max(end)) OVER (ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (
    SELECT start, end FROM coverage WHERE ${OF_CAMERA}${seen.derived}
    UNION ALL
    SELECT if(tupleElement(told, 1), greatest(timestamp, tupleElement(told, 2)), timestamp) AS start, timestamp + ${COVERED_MS} AS end
    FROM frames WHERE ${isUntold("since", "first_frame", seen)} AND is_there AND (NOT tupleElement(told, 1) OR end > tupleElement(told, 2))
  )
  GROUP BY start
)`;
type Covered = { readonly covered: number; readonly first: number; readonly last: number };

/** A range without length, and a camera never observed, have 0. */
export const uptime = async (reader: Reader, scope: Scope, asked: Range): Promise<number> => {
  const [row] = await reader.select<Covered>(covered(seenBy(scope.asOf)), { ...cameraParams(scope), ...rangeParams(asked) });
  if (row === undefined) return 0;
  const length = (asked.to ?? row.last) - (asked.from ?? row.first);
  return length > 0 ? row.covered / length : 0;
};
