/**
 * Two tenants with the same data: the same cameras, places, rules, frames at the same instants. What may be called what one likes has the
 * tenant's own mark in it; beside every id that both have there is one with the mark.
 */
import type { Call } from "./guarded-server.ts";

export type Tenant = {
  readonly name: string;
  /** In every text of its own. */
  readonly mark: string;
  /** As long, in nobody's texts. */
  readonly nobody: string;
};
export const alpha: Tenant = { name: "alpha", mark: "albatross", nobody: "albatrosz" };
export const beta: Tenant = { name: "beta", mark: "bluefinch", nobody: "bluefincz" };

/** A text with the tenant's mark. No field's name is the end of another's: where one text is taken out, the others stay. */
export const own = ({ mark }: Tenant, field: string): string => `${field}.${mark}`;

export const shared = { camera: "cam-1", tripwire: "line", roi: "room", rule: "counts" } as const;
const ID_FIELDS = ["cam", "film", "wire", "roi", "rule"] as const;
const TEXT_FIELDS = [
  "title",
  "user",
  "stream",
  "model",
  "feature",
  "type",
  "sort",
  "wname",
  "inward",
  "outward",
  "rname",
  "label",
  "key",
  "value",
  "track",
  "walker",
  "why",
  "change",
  "subject",
] as const;

/** Ids that this tenant alone has, and what else it alone says. */
export const ownIds = (tenant: Tenant): readonly string[] => ID_FIELDS.map((field) => own(tenant, field));
export const ownTexts = (tenant: Tenant): readonly string[] => TEXT_FIELDS.map((field) => own(tenant, field));
/** Kept, but shown to nobody: in an address it is masked, and of a vendor's message the reason is not read. */
export const neverShown = (tenant: Tenant): readonly string[] => ["why", "change"].map((field) => own(tenant, field));

export const BEGIN = Date.UTC(2026, 0, 5, 8);
/** Milliseconds of frames, from BEGIN; then nobody is there until ROUND_MS are over, and all that waits has come to its end. */
const WALK_MS = 8000;
export const ROUND_MS = 40_000;
const FRAME_MS = 200;

const body = (method: string, target: string, sent: object): Call => ({
  method,
  target,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(sent),
});

const camerasOf = (tenant: Tenant): readonly string[] => [shared.camera, own(tenant, "cam")];

const tripwire = (tenant: Tenant, id: string) => ({
  id,
  name: own(tenant, "wname"),
  wire: [
    { x: 500, y: 0 },
    { x: 500, y: 1000 },
  ],
  direction: {
    p1: { x: 400, y: 500 },
    p2: { x: 600, y: 500 },
    entry: { name: own(tenant, "inward") },
    exit: { name: own(tenant, "outward") },
  },
});
const roi = (tenant: Tenant, id: string) => ({
  id,
  name: own(tenant, "rname"),
  coordinates: [
    { x: 550, y: 0 },
    { x: 1000, y: 0 },
    { x: 1000, y: 1000 },
    { x: 550, y: 1000 },
  ],
});

const rulesOf = (tenant: Tenant, place: string | undefined) => {
  const id = place === undefined ? {} : { id: place };
  const called = { ...id, name: own(tenant, "label") };
  const notify = { ruleType: "notify", attribute: { name: own(tenant, "key"), value: own(tenant, "value") } };
  const byType = { objectTypes: [own(tenant, "type"), own(tenant, "sort")] };
  return [
    { ...called, ruleId: shared.rule, ruleType: "increment", countThreshold: 1, ...byType },
    { ...called, ruleId: own(tenant, "rule"), ruleType: "increment", countThreshold: 1 },
    ...(place === undefined || place === shared.roi || place === own(tenant, "roi")
      ? [
          { ...called, ruleId: "tells", ...notify },
          { ...called, ruleId: "busy", ruleType: "occupancy", countThreshold: 1, timeInterval: 1 },
          { ...called, ruleId: "full", ruleType: "occupancy_threshold_switch", countThreshold: 0 },
        ]
      : [{ ...called, ruleId: "flow", ruleType: "flowrate", countThreshold: 1, timeInterval: 10 }]),
  ];
};

const configurationOf = (tenant: Tenant, sensorId: string): readonly Call[] => {
  const places = [shared, { tripwire: own(tenant, "wire"), roi: own(tenant, "roi") }];
  return [
    body("POST", "/api/v2/config/tripwire", { sensorId, tripwires: places.map((place) => tripwire(tenant, place.tripwire)) }),
    body("POST", "/api/v2/config/roi", { sensorId, rois: places.map((place) => roi(tenant, place.roi)) }),
    body("POST", "/api/v2/config/sensor", { sensorId, reorderMs: 0, fov: { minFrames: 2, exitAfter: 1 } }),
    body("POST", "/api/v2/config/rule/alerts/fov", { sensorId, rules: rulesOf(tenant, undefined) }),
    ...places.flatMap((place) => [
      body("POST", "/api/v2/config/rule/alerts/tripwire", { sensorId, rules: rulesOf(tenant, place.tripwire) }),
      body("POST", "/api/v2/config/rule/alerts/roi", { sensorId, rules: rulesOf(tenant, place.roi) }),
    ]),
  ];
};

/** Two walk over the wire into the region and back, at both cameras; afterwards nobody is there. */
export const framesOf = (tenant: Tenant, begin: number): Call => {
  const frames = camerasOf(tenant).flatMap((sensorId) =>
    Array.from({ length: ROUND_MS / FRAME_MS }, (_, at) => {
      const ms = at * FRAME_MS;
      const there = Math.min(ms, WALK_MS - ms) / (WALK_MS / 2);
      const walker = (track: string, type: string, y: number) => ({
        id: own(tenant, track),
        type,
        bbox: { leftX: 200 + 600 * there, topY: y, rightX: 260 + 600 * there, bottomY: y + 150 },
        confidence: 0.9,
        info: { [own(tenant, "key")]: own(tenant, "value") },
      });
      const objects = ms > WALK_MS ? [] : [walker("track", own(tenant, "type"), 200), walker("walker", own(tenant, "sort"), 600)];
      return { sensorId, timestamp: new Date(begin + ms).toISOString(), id: `${begin}/${at}`, objects };
    }),
  );
  return body("POST", "/api/v2/frames", frames);
};

/**
 * All that is written for a tenant, in order; each of it is a good body of its operation. The camera that is to be recorded has no frames, and
 * those that have are not recorded: of a camera whose film is lost, whether it is there would change whenever the server looks for its frames.
 */
export const mirrored = (tenant: Tenant): readonly Call[] => [
  body("PATCH", "/v2/api/tenant", { camera_limit: 100, features: [own(tenant, "type"), own(tenant, "sort"), own(tenant, "feature")] }),
  ...[...camerasOf(tenant), own(tenant, "film")].map((id) =>
    body("POST", "/v2/api/cameras", {
      id,
      name: own(tenant, "title"),
      rtsp_url: `rtsp://${own(tenant, "user")}:secret@10.1.2.3/${own(tenant, "stream")}`,
      features: [own(tenant, "type"), own(tenant, "sort"), own(tenant, "feature")],
      model: own(tenant, "model"),
    }),
  ),
  body("PATCH", `/v2/api/cameras/${own(tenant, "film")}`, { name: own(tenant, "title"), record: true }),
  ...camerasOf(tenant).flatMap((id) => [
    body("PATCH", `/v2/api/cameras/${id}`, { name: own(tenant, "title"), record: false }),
    ...configurationOf(tenant, id),
    body("POST", `/api/v2/cameras/${id}/state`, {
      state: "online",
      at: new Date(BEGIN - 1000).toISOString(),
      reason: own(tenant, "why"),
    }),
    body("POST", `/api/v2/cameras/${id}/state`, {
      alert_type: "camera_status_change",
      event: { camera_id: id, camera_name: own(tenant, "title"), change: own(tenant, "change") },
    }),
  ]),
  framesOf(tenant, BEGIN),
  ...jobsOf(tenant),
];

/** Work that takes its time: with the tenant's own texts in what is asked for, and in what is found. */
export function jobsOf(tenant: Tenant): readonly Call[] {
  const [from, to] = [new Date(BEGIN - 60_000).toISOString(), new Date(BEGIN + 60_000).toISOString()];
  const sensors = camerasOf(tenant).map((sensorId) => ({
    sensorId,
    tripwires: [tripwire(tenant, shared.tripwire), tripwire(tenant, own(tenant, "wire"))],
    rois: [roi(tenant, shared.roi)],
    rules: {
      fov: rulesOf(tenant, undefined),
      tripwire: [{ id: own(tenant, "wire"), ruleId: "all", name: own(tenant, "label"), ruleType: "increment", countThreshold: 1 }],
    },
  }));
  const label = { sensorId: shared.camera, tripwireId: own(tenant, "wire"), timestamp: new Date(BEGIN).toISOString(), direction: "entry" };
  return [
    body("POST", "/api/v2/backtests", { sensors, fromTimestamp: from, toTimestamp: to, labels: [label] }),
    body("POST", "/api/v2/recomputes", { sensorId: shared.camera, fromTimestamp: from, toTimestamp: to }),
    body("POST", "/api/v2/rebuilds", { projection: "alerts", step: "drop-old" }),
    body("POST", "/api/v2/archives", { before: new Date(BEGIN).toISOString() }),
    body("POST", "/api/v2/verifications", { fromTimestamp: from, toTimestamp: to }),
  ];
}
