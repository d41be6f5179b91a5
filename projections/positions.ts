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

const SPANS = `
SELECT camera, min(positions.least) AS least, max(positions.greatest) AS greatest FROM positions
WHERE tenant = {tenant:String} AND camera IN {cameras:Array(String)} AND hour > {from:Int64} - ${HOUR_MS} AND hour < {to:Int64}
GROUP BY camera`;

type Range = { readonly from: Instant; readonly to: Instant };
/** Positions between which all frames of a camera with a timestamp in a range lie, the last included. */
export type Span = { readonly first: Position; readonly last: Position };

/** Names in one question: a few dozen kilobytes at their longest. */
const AT_ONCE = 100;

/** By camera, one question after the other: a thousand at once would leave no room for anybody else's. One without frames in the range is left out. */
export const positionsOfMany = async (
  reader: Reader,
  cameras: readonly string[],
  { from, to }: Range,
): Promise<ReadonlyMap<string, Span>> => {
  const spans = new Map<string, Span>();
  for (let i = 0; i < cameras.length; i += AT_ONCE) {
    const some = cameras.slice(i, i + AT_ONCE);
    const rows = await reader.select<{ camera: string; least: number; greatest: number }>(SPANS, { cameras: some, from, to });
    for (const { camera, least, greatest } of rows) spans.set(camera, { first: least, last: greatest });
  }
  return spans;
};

/** Undefined where there are none. */
export const positionsOf = async (reader: Reader, { camera }: { readonly camera: string }, range: Range): Promise<Span | undefined> =>
  (await positionsOfMany(reader, [camera], range)).get(camera);
