/** When the camera was watching, told again as it grows: the greatest end of a start counts. */
import type { Derived } from "../domain/event.ts";
import { KEPT, monthOf, type Projection, type Reader, WHENCE } from "./projection.ts";
import type { Range, Scope } from "./questions.ts";
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

/** A clock set back covers the same time twice: what an earlier start has covered is not counted again. */
const COVERED = `
SELECT sum(greatest(0, least(until, {to:Int64}) - greatest(start, {from:Int64}, before))) AS covered, min(start) AS first, max(until) AS last
FROM (
  SELECT start, max(end) AS until,
    max(max(end)) OVER (ORDER BY start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM coverage WHERE ${OF_CAMERA} GROUP BY start
)`;
type Covered = { readonly covered: number; readonly first: number; readonly last: number };

/** A range without length, and a camera never observed, have 0. */
export const uptime = async (warehouse: Reader, scope: Scope, asked: Range): Promise<number> => {
  const [row] = await warehouse.select<Covered>(COVERED, { ...cameraParams(scope), ...rangeParams(asked) });
  if (row === undefined) return 0;
  const length = (asked.to ?? row.last) - (asked.from ?? row.first);
  return length > 0 ? row.covered / length : 0;
};
