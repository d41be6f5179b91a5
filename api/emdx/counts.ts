/** GET /metrics/tripwire, its histogram, and the occupancy histograms. */
import type { Direction } from "../../domain/camera.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { CountMode, OccupancyBucket, TripwireCount, Types } from "../../projections/questions.ts";
import { formatInstant } from "../instant.ts";
import * as parameter from "../parameters.ts";
import { unprocessable } from "../problem.ts";
import { bucketEdges } from "./buckets.ts";
import type { Emdx } from "./emdx.ts";
import * as own from "./parameters.ts";
import { question, rangeOf } from "./question.ts";
import * as schemas from "./schemas.ts";

const directions = ["entry", "exit"] as const satisfies readonly Direction[];
const tripwireId = parameter.oneId("One tripwire; all of the sensor's when left out.");
const roiId = parameter.oneId("One region; all of the sensor's when left out.");
const kinds = { objectType: own.objectType };
const open = { fromTimestamp: parameter.from, toTimestamp: parameter.to };
const bucketed = {
  fromTimestamp: parameter.required(parameter.from),
  toTimestamp: parameter.required(parameter.to),
  bucketSizeInSec: own.bucketSizeInSec,
  timezone: own.timezone,
};

export const countRoutes = (emdx: Emdx): void => {
  const { ask, limits } = emdx.house.core;

  question(emdx, {
    path: "/metrics/tripwire",
    summary: "Crossings of tripwires, by direction and type.",
    parameters: { ...open, ...kinds, tripwireId, countMode: own.countMode },
    answer: schemas.tripwireKpis,
    reads: "alerts",
    original: true,
    ask: async (asked, { camera, key, scope }) => {
      const range = rangeOf(asked);
      const [rows, uptime] = await Promise.all([
        ask.tripwireCounts(scope, { ...range, tripwireId: asked.tripwireId, types: asked.objectType, mode: asked.countMode ?? "raw" }),
        ask.uptime(scope, range),
      ]);
      const found = Map.groupBy(rows, (row) => row.tripwireId);
      const tripwireKpis = placesOf(camera.tripwires, asked.tripwireId, rows, (row) => row.tripwireId).map((id) => ({
        id,
        ...crossingCounts(found.get(id) ?? [], asked),
      }));
      return {
        body: { tripwireKpis, uptime },
        table: {
          columns: ["sensorId", "tripwireId", "direction", "objectType", "count"],
          rows: tripwireKpis.flatMap(({ id, ...counts }) => crossingCells(counts).map((cells) => [key.camera, id, ...cells])),
        },
        empty: rows.length === 0,
      };
    },
  });

  question(emdx, {
    path: "/metrics/tripwire/histogram",
    summary: "Crossings of tripwires in buckets of time.",
    parameters: { ...bucketed, ...kinds, tripwireId, countMode: own.countMode },
    answer: schemas.tripwireHistogram,
    reads: "alerts",
    original: true,
    ask: async (asked, { camera, key, scope }) => {
      const edges = edgesOf(asked, limits.buckets);
      const [rows, uptime] = await Promise.all([
        ask.tripwireHistogram(scope, { edges, tripwireId: asked.tripwireId, types: asked.objectType, mode: asked.countMode ?? "raw" }),
        ask.uptime(scope, rangeOf(asked)),
      ]);
      const found = byBucket(rows, (row) => row.tripwireId);
      const tripwires = placesOf(camera.tripwires, asked.tripwireId, rows, (row) => row.tripwireId).map((id) => ({
        id,
        histogram: bucketsOf(edges, (bucket) => crossingCounts(found(id, bucket), asked)),
      }));
      return {
        body: { bucketSizeInSec: asked.bucketSizeInSec, tripwires, uptime },
        table: {
          columns: ["sensorId", "tripwireId", "start", "end", "direction", "objectType", "count"],
          rows: tripwires.flatMap(({ id, histogram }) =>
            histogram.flatMap(({ start, end, ...counts }) => crossingCells(counts).map((cells) => [key.camera, id, start, end, ...cells])),
          ),
        },
        empty: rows.length === 0,
      };
    },
  });

  question(emdx, {
    path: "/metrics/occupancy/fov/histogram",
    summary: "How many were in the field of view, in buckets of time.",
    parameters: { ...bucketed, ...kinds },
    answer: schemas.fovHistogram,
    reads: "alerts",
    original: true,
    ask: async (asked, { key, scope }) => {
      const edges = edgesOf(asked, limits.buckets);
      const [rows, uptime] = await Promise.all([
        ask.occupancyHistogram(scope, { analytic: "fov", placeId: undefined, edges, types: asked.objectType }),
        ask.uptime(scope, rangeOf(asked)),
      ]);
      const found = byBucket(rows, () => key.camera);
      const histogram = bucketsOf(edges, (bucket) => ({ objects: occupancies(found(key.camera, bucket), asked.objectType) }));
      return {
        body: { bucketSizeInSec: asked.bucketSizeInSec, histogram, uptime },
        table: { columns: ["sensorId", ...occupancyColumns], rows: occupancyCells(histogram).map((cells) => [key.camera, ...cells]) },
        empty: rows.length === 0,
      };
    },
  });

  question(emdx, {
    path: "/metrics/occupancy/roi/histogram",
    summary: "How many were in each region, in buckets of time.",
    parameters: { ...bucketed, ...kinds, roiId },
    answer: schemas.roiHistogram,
    reads: "alerts",
    original: true,
    ask: async (asked, { camera, key, scope }) => {
      const edges = edgesOf(asked, limits.buckets);
      const [rows, uptime] = await Promise.all([
        ask.occupancyHistogram(scope, { analytic: "roi", placeId: asked.roiId, edges, types: asked.objectType }),
        ask.uptime(scope, rangeOf(asked)),
      ]);
      const found = byBucket(rows, (row) => row.placeId);
      const rois = placesOf(camera.rois, asked.roiId, rows, (row) => row.placeId).map((id) => ({
        id,
        histogram: bucketsOf(edges, (bucket) => ({ objects: occupancies(found(id, bucket), asked.objectType) })),
      }));
      return {
        body: { bucketSizeInSec: asked.bucketSizeInSec, rois, uptime },
        table: {
          columns: ["sensorId", "roiId", ...occupancyColumns],
          rows: rois.flatMap(({ id, histogram }) => occupancyCells(histogram).map((cells) => [key.camera, id, ...cells])),
        },
        empty: rows.length === 0,
      };
    },
  });
};

type Bucketed = {
  readonly fromTimestamp: Instant;
  readonly toTimestamp: Instant;
  readonly bucketSizeInSec: number;
  readonly timezone: string | undefined;
};

const edgesOf = (asked: Bucketed, most: number): readonly Instant[] => {
  rangeOf(asked);
  const edges = bucketEdges(asked.fromTimestamp, asked.toTimestamp, asked.bucketSizeInSec, asked.timezone, most);
  if (edges === "too-many") throw unprocessable("bucketSizeInSec", `makes more than ${most} buckets of this range`);
  if (edges === "no-such-zone") throw unprocessable("timezone", "is no IANA time zone");
  if (edges === "zone-size") throw unprocessable("timezone", "goes with buckets of 3600 s, 86400 s and parts of an hour");
  return edges;
};

/** The places that are defined, and those that are gone but have left something. */
const placesOf = <R>(defined: ReadonlyMap<string, unknown>, asked: string | undefined, rows: readonly R[], idOf: (row: R) => string) =>
  [...new Set([...defined.keys(), ...rows.map(idOf)])].filter((id) => asked === undefined || id === asked).sort();

const byBucket = <R extends { readonly bucket: number }>(rows: readonly R[], placeOf: (row: R) => string) => {
  const found = Map.groupBy(rows, (row) => `${row.bucket}\0${placeOf(row)}`);
  return (place: string, bucket: number): readonly R[] => found.get(`${bucket}\0${place}`) ?? [];
};

const bucketsOf = <T extends object>(edges: readonly Instant[], contents: (bucket: number) => T) =>
  edges.slice(0, -1).map((edge, bucket) => ({
    start: formatInstant(edge),
    end: formatInstant(edges[bucket + 1] as Instant),
    ...contents(bucket),
  }));

/** The rows that are due: the types asked for, or every type found, and `"*"` at the end. */
const typesOf = (rows: readonly { readonly type: string }[], types: Types): string[] => {
  const named = types === undefined ? [] : types === "every" ? rows.map((row) => row.type).sort() : types;
  return [...new Set(named.filter((type) => type !== "*")), "*"];
};

type Counting = { readonly objectType: Types; readonly countMode: CountMode | undefined };

/** Entries and exits; with distinct also `distinctObjects`: who crossed in either direction, once, which the two do not tell. */
const crossingCounts = (rows: readonly TripwireCount[], { objectType, countMode }: Counting) => {
  const of = (direction: TripwireCount["direction"]) => {
    const mine = rows.filter((row) => row.direction === direction);
    return typesOf(mine, objectType).map((type) => ({ type, count: mine.find((row) => row.type === type)?.count ?? 0 }));
  };
  return {
    events: directions.map((direction) => ({ type: direction, objects: of(direction) })),
    ...(countMode === "distinct" ? { distinctObjects: of("either") } : {}),
  };
};

const crossingCells = ({ events, distinctObjects = [] }: ReturnType<typeof crossingCounts>) =>
  [...events, { type: "either", objects: distinctObjects }].flatMap(({ type: direction, objects }) =>
    objects.map(({ type, count }) => [direction, type, count] as const),
  );

const occupancies = (rows: readonly OccupancyBucket[], types: Types) =>
  typesOf(rows, types).map((type) => {
    const row = rows.find((each) => each.type === type);
    return { type, averageCount: row?.averageCount ?? 0, maxCount: row?.maxCount ?? 0, minCount: row?.minCount ?? 0 };
  });

const occupancyColumns = ["start", "end", "objectType", "averageCount", "maxCount", "minCount"];
const occupancyCells = (
  histogram: readonly { readonly start: string; readonly end: string; readonly objects: ReturnType<typeof occupancies> }[],
) =>
  histogram.flatMap(({ start, end, objects }) =>
    objects.map(({ type, averageCount, maxCount, minCount }) => [start, end, type, averageCount, maxCount, minCount] as const),
  );
