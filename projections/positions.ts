/** The least and greatest position of a camera's frames in each hour of event time: where in the facts a day lies. */
import type { Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import type { Position } from "../domain/ports.ts";
import { KEPT, type Projection } from "./projection.ts";
import type { Reader } from "./reader.ts";

const HOUR_MS = 3_600_000;

export const positions: Projection<"facts"> = {
  name: "positions",
  version: 1,
  log: "facts",
  kind: "summary",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String), hour Int64, partition UInt32,
  least SimpleAggregateFunction(min, Int64), greatest SimpleAggregateFunction(max, Int64)
) ENGINE = AggregatingMergeTree ORDER BY (tenant, camera, hour, partition) ${KEPT}`,
  rows: (event: Fact, position, partition) =>
    event.kind === "frame"
      ? [
          {
            tenant: event.tenant,
            camera: event.camera,
            hour: Math.floor(event.timestamp / HOUR_MS) * HOUR_MS,
            partition,
            least: position,
            greatest: position,
          },
        ]
      : [],
  before: (table, partition, position) =>
    `SELECT tenant, camera, hour, partition, least, least(greatest, ${position - 1}) FROM ${table}
WHERE partition = ${partition} AND least < ${position}`,
};

const SPAN = `
SELECT min(positions.least) AS least, max(positions.greatest) AS greatest, count() AS hours FROM positions
WHERE tenant = {tenant:String} AND camera = {camera:String} AND hour > {from:Int64} - ${HOUR_MS} AND hour < {to:Int64}`;

/** Positions between which all frames of the camera with a timestamp in [from, to) lie, the last included; undefined where there are none. */
export const positionsOf = async (
  reader: Reader,
  { camera }: { readonly camera: string },
  { from, to }: { readonly from: Instant; readonly to: Instant },
): Promise<{ readonly first: Position; readonly last: Position } | undefined> => {
  const [row] = await reader.select<{ least: number; greatest: number; hours: number }>(SPAN, { camera, from, to });
  return row === undefined || row.hours === 0 ? undefined : { first: row.least, last: row.greatest };
};
