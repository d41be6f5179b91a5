/**
 * How many were present, by sweeping over the stays: +1 where one begins, -1 where it ends, and a mark at each edge of a bucket.
 * A stay that nobody was told has ended lasts until the camera's known time: the greatest of its coverage, its entries and leavings,
 * and of the frames after these that nobody was told of yet.
 */
import { type Seen, seenBy } from "./as-of.ts";
import { earlier, stays } from "./presence.ts";
import type { OccupancyBucket, Questions, Scope } from "./questions.ts";
import type { Reader } from "./reader.ts";
import { firstFrameFrom, isUntold } from "./recent.ts";
import { IS_ASKED_TYPE, maybe, OF_CAMERA, rangeParams, scopeParams, TYPES_OF, typeParams } from "./scope.ts";

const toldTo = ({ derived }: Seen): string => `(SELECT greatest(
  (SELECT max(end) FROM coverage WHERE ${OF_CAMERA}${derived}),
  (SELECT max(at) FROM presence WHERE ${OF_CAMERA}${derived})))`;

const present = (seen: Seen): string =>
  stays(`start < {to:Int64} AND (start >= {from:Int64} OR start GLOBAL IN (${earlier(seen)}))`, "presence.objectType", seen);

/** Clipped to the buckets; read once, so the edges are added to what was gathered. Between two neighbouring instants the number present does not change, and no edge lies there. */
const sweep = (seen: Seen): string => `
WITH ${toldTo(seen)} AS told,
${firstFrameFrom("told", seen)} AS first_frame,
greatest(told, (SELECT max(timestamp) FROM frames WHERE ${isUntold("told", "first_frame", seen)})) AS known,
clipped AS (
  SELECT placeId, type, greatest(start, {from:Int64}) AS since, least(coalesce(end, known), {to:Int64}) AS until
  FROM (SELECT *, tupleElement(object, 1) AS objectType, ${TYPES_OF("objectType")} AS type FROM (${present(seen)}))
  WHERE since < until AND ${IS_ASKED_TYPE}
),
changes AS (
  SELECT placeId, type, tupleElement(change, 1) AS at, sum(tupleElement(change, 2)) AS delta
  FROM (
    SELECT placeId, type, arrayJoin(arrayConcat(
      groupArrayArray([(since, toInt64(1)), (until, toInt64(-1))]),
      arrayMap(edge -> (edge, toInt64(0)), {edges:Array(Int64)})
    )) AS change
    FROM clipped GROUP BY placeId, type
  )
  GROUP BY placeId, type, at
),
levels AS (
  SELECT placeId, type, at,
    sum(delta) OVER (PARTITION BY placeId, type ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS present,
    leadInFrame(at) OVER (PARTITION BY placeId, type ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next
  FROM changes
)
SELECT placeId, type, roundDown(at, {edges:Array(Int64)}) AS edge,
  sum(present * (next - at)) AS weight, max(present) AS most, min(present) AS fewest
FROM levels WHERE at < {to:Int64}
GROUP BY placeId, type, edge HAVING most > 0
ORDER BY placeId, edge, type`;

type Level = {
  readonly placeId: string;
  readonly type: string;
  readonly edge: number;
  readonly weight: number;
  readonly most: number;
  readonly fewest: number;
};

export const occupancyHistogram = async (
  reader: Reader,
  scope: Scope,
  asked: Parameters<Questions["occupancyHistogram"]>[1],
): Promise<readonly OccupancyBucket[]> => {
  const { edges } = asked;
  if (edges.length < 2) return [];
  const rows = await reader.select<Level>(sweep(seenBy(scope.asOf)), {
    ...scopeParams(scope),
    ...rangeParams({ from: edges[0], to: edges.at(-1) }),
    ...maybe("analytic", asked.analytic),
    ...maybe("place", asked.placeId),
    ...typeParams(asked.types),
    edges,
  });
  const bucketAt = new Map(edges.map((edge, i) => [edge, i]));
  return rows.map(({ placeId, type, edge, weight, most, fewest }) => {
    const bucket = bucketAt.get(edge) as number;
    const length = (edges[bucket + 1] as number) - edge;
    return { placeId, bucket, type, averageCount: weight / length, maxCount: most, minCount: fewest };
  });
};
