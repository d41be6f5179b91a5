/** What cameras, or their VMS, said of them. Also asked here: the newest sign of each camera, a word or a frame. */
import type { Sign } from "../domain/camera-status.ts";
import type { CameraState, Fact } from "../domain/event.ts";
import { KEPT, monthOf, type Projection, WHENCE } from "./projection.ts";
import type { Reader } from "./reader.ts";
import { OF_TENANT } from "./scope.ts";

export const states: Projection<"facts"> = {
  name: "states",
  version: 1,
  log: "facts",
  kind: "rows",
  ddl: (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  tenant LowCardinality(String), camera LowCardinality(String),
  at Int64 CODEC(Delta, ZSTD), state LowCardinality(String), change LowCardinality(Nullable(String)), reason Nullable(String),${WHENCE}
) ENGINE = MergeTree PARTITION BY ${monthOf("at")} ORDER BY (tenant, camera, at, position) ${KEPT}`,
  rows: (event: Fact) => (event.kind === "camera-state" ? [rowOf(event)] : []),
};

const rowOf = ({ tenant, camera, at, state, change, reason, receivedAt }: CameraState) => ({
  tenant,
  camera,
  at,
  state,
  change: change ?? null,
  reason: reason ?? null,
  receivedAt,
});

const OF_CAMERAS = `${OF_TENANT} AND ({all:Bool} OR camera IN {cameras:Array(String)})`;

const OF_WORDS = `${OF_CAMERAS} AND state != 'other'`;

/** From the frames' own projection: a row a camera and part, however many frames there are. */
const LAST_FRAMES = `SELECT camera, max(timestamp) AS at FROM frames WHERE ${OF_CAMERAS} GROUP BY camera`;

/** Of words at one instant the one that came last; one that was told again stands where it came first. */
const WORDS = `
SELECT camera, any(at) AS last, argMax(state, first) AS word FROM (
  SELECT camera, at, state, min(position) AS first FROM states
  WHERE ${OF_WORDS} AND (camera, at) GLOBAL IN (SELECT camera, max(at) FROM states WHERE ${OF_WORDS} GROUP BY camera)
  GROUP BY camera, at, state
) GROUP BY camera`;

/** Undefined: all cameras of the tenant. A camera of which nothing is known is left out. */
export const newestSigns = async (reader: Reader, cameras: readonly string[] | undefined): Promise<ReadonlyMap<string, Sign>> => {
  if (cameras?.length === 0) return new Map();
  const params = { all: cameras === undefined, cameras: cameras ?? [] };
  const [frames, words] = await Promise.all([
    reader.select<{ camera: string; at: number }>(LAST_FRAMES, params),
    reader.select<{ camera: string; last: number; word: Sign["state"] }>(WORDS, params),
  ]);
  const signs = new Map<string, Sign>();
  for (const { camera, at } of frames) signs.set(camera, { lastFrame: at, state: undefined, stateAt: undefined });
  for (const { camera, last, word } of words) signs.set(camera, { lastFrame: signs.get(camera)?.lastFrame, state: word, stateAt: last });
  return signs;
};
