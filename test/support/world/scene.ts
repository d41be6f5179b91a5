/** What there is to cross and to stand in: a small scene of 120 by 120 pixels, with straight and bent wires and odd regions. */
import fc from "fast-check";
import type { Analytic, Anchor, CameraEvent, Direction, Point, Roi, Rule, Schedule, Tripwire } from "../../../domain/camera.ts";

export const SENSOR = "gate";
export const WIRES = ["east", "bend", "hook"] as const;
const REGIONS = ["yard", "notch"] as const;

const at = (x: number, y: number): Point => ({ x, y });
const shapes: Record<(typeof WIRES)[number], Pick<Tripwire, "wire"> & { readonly p1: Point; readonly p2: Point }> = {
  east: { wire: [at(60, 10), at(60, 110)], p1: at(50, 60), p2: at(70, 60) },
  bend: { wire: [at(20, 90), at(55, 40), at(100, 85)], p1: at(57, 20), p2: at(57, 70) },
  hook: { wire: [at(15, 30), at(80, 30), at(80, 75), at(45, 75)], p1: at(40, 10), p2: at(50, 50) },
};
const polygons: Record<(typeof REGIONS)[number], readonly Point[]> = {
  yard: [at(40, 40), at(100, 40), at(100, 100), at(40, 100)],
  notch: [at(10, 20), at(110, 25), at(60, 60), at(105, 105), at(15, 110)],
};

const anchors: fc.Arbitrary<Anchor> = fc.constantFrom(
  "bottom-center",
  "center",
  "all-corners",
  "top-left",
  "top-center",
  "top-right",
  "center-left",
  "center-right",
  "bottom-left",
  "bottom-right",
);
/** Mostly one or two frames: then there is more to see. */
const minFrames = fc.constantFrom(1, 1, 2, 3, 5);

export const wires: fc.Arbitrary<Tripwire> = fc
  .record({
    id: fc.constantFrom(...WIRES),
    anchor: anchors,
    minFrames,
    bufferPx: fc.constantFrom(0, 0, 2, 6),
    trackTimeout: fc.constantFrom(0.5, 2, 10),
    turned: fc.boolean(),
  })
  .map(({ id, turned, ...rest }) => {
    const { wire, p1, p2 } = shapes[id];
    return {
      id,
      name: `wire ${id}`,
      wire,
      direction: { p1: turned ? p2 : p1, p2: turned ? p1 : p2, entryName: "in", exitName: "out" },
      ...rest,
    };
  });

export const regions: fc.Arbitrary<Roi> = fc
  .record({ id: fc.constantFrom(...REGIONS), anchor: anchors, minFrames, exitAfter: fc.constantFrom(0.3, 1, 2.5) })
  .map(({ id, ...rest }) => ({ id, name: `region ${id}`, coordinates: polygons[id], ...rest }));

const schedules: fc.Arbitrary<Schedule | undefined> = fc.constantFrom(
  ...Array.from({ length: 8 }, () => undefined),
  { timezone: "Europe/Berlin", windows: [{ days: ["sun"], from: "01:00", to: "01:01" }] },
  { timezone: "America/New_York", windows: [{ days: ["sat"], from: "19:00", to: "06:00" }] },
);

const common = {
  enabled: fc.constantFrom(true, true, true, true, true, true, true, false),
  objectTypes: fc.constantFrom(["*"], ["*"], ["person"], ["person", "bag"]),
  minConfidence: fc.constantFrom(0, 0, 0, 0.5),
  severity: fc.constantFrom("info" as const, "warning" as const, "critical" as const),
  cooldown: fc.constantFrom(0, 0, 0, 1.5, 8),
  schedule: schedules,
};
const seconds = fc.constantFrom(0, 0.3, 1, 2.5, 4);
const direction = fc.constantFrom<Direction | undefined>(undefined, "entry", "exit");
const area: fc.Arbitrary<{ analytic: Analytic; placeId: string }> = fc.constantFrom(
  { analytic: "fov" as Analytic, placeId: SENSOR as string },
  ...REGIONS.map((placeId) => ({ analytic: "roi" as Analytic, placeId: placeId as string })),
);
const wirePlace: fc.Arbitrary<{ analytic: Analytic; placeId: string }> = fc.constantFrom(
  ...WIRES.map((placeId) => ({ analytic: "tripwire" as Analytic, placeId: placeId as string })),
);

type Shape = { readonly place: { readonly analytic: Analytic; readonly placeId: string } } & Omit<
  Rule,
  "ruleId" | "name" | "analytic" | "placeId"
>;

const kinds: readonly fc.Arbitrary<Shape>[] = [
  fc.record({
    ...common,
    place: fc.oneof(area, wirePlace),
    ruleType: fc.constant("increment" as const),
    countThreshold: fc.integer({ min: 1, max: 3 }),
    direction,
    countMode: fc.constantFrom("raw" as const, "distinct" as const),
  }),
  fc.record({
    ...common,
    place: area,
    ruleType: fc.constant("occupancy" as const),
    countThreshold: fc.integer({ min: 0, max: 2 }),
    timeInterval: seconds,
    gap: fc.constantFrom(0, 0.4, 1),
    of: fc.constantFrom("count" as const, "dwell" as const),
  }),
  fc.record({
    ...common,
    place: area,
    ruleType: fc.constant("occupancy_threshold_switch" as const),
    countThreshold: fc.integer({ min: 0, max: 2 }),
    hold: fc.constantFrom(0, 0, 0.5, 2),
    band: fc.constantFrom(0, 0, 1),
  }),
  fc.record({
    ...common,
    place: wirePlace,
    ruleType: fc.constant("flowrate" as const),
    countThreshold: fc.integer({ min: 1, max: 3 }),
    timeInterval: fc.constantFrom(0.5, 2, 6),
    direction,
  }),
  fc.record({
    ...common,
    place: area,
    ruleType: fc.constant("notify" as const),
    attribute: fc.constantFrom(undefined, { name: "vest", value: "no" }),
  }),
];

export const rules: fc.Arbitrary<Rule> = fc
  .tuple(fc.constantFrom("r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"), fc.oneof(...kinds))
  .map(([ruleId, { place, ...rest }]) => ({ ruleId, name: `rule ${ruleId}`, ...place, ...rest }) as Rule);

/** What may be decided in the middle of a day. */
export const decisions: fc.Arbitrary<CameraEvent> = fc.oneof(
  wires.map((tripwire) => ({ type: "tripwire-defined" as const, tripwire })),
  regions.map((roi) => ({ type: "roi-defined" as const, roi })),
  rules.map((rule) => ({ type: "rule-defined" as const, rule })),
  fc
    .tuple(fc.constantFrom("place-removed" as const, "place-history-deleted" as const), fc.oneof(wires, regions))
    .map(([type, place]) => ({ type, analytic: "wire" in place ? ("tripwire" as const) : ("roi" as const), id: place.id })),
  fc.constantFrom("r1", "r2", "r3").map((ruleId) => ({ type: "rule-removed" as const, ruleId })),
  fc
    .record({ minFrames, exitAfter: fc.constantFrom(0.5, 1), reorderMs: fc.constantFrom(0, 0, 250) })
    .map(({ reorderMs, ...fov }) => ({ type: "sensor-set" as const, settings: { reorderMs, fov } })),
);
