/**
 * A seeded little world. Walkers go about in a scene, detectors flicker and invent, cameras die and come back, clocks are set
 * back, frames come late, twice and out of order, and definitions change in the middle of it all. It gives facts, nothing else:
 * what must follow from them is the oracle's to say. Everything shrinks: fewer walkers, fewer frames, no mishaps.
 */
import fc from "fast-check";
import type { CameraEvent } from "../../domain/camera.ts";
import type { DetectedObject, Fact, Frame, FrameName } from "../../domain/event.ts";
import { decisions, regions, rules, SENSOR, wires } from "./world/scene.ts";

/** A Sunday, 00:59:55 in Berlin: two schedules of the scene change within seconds. */
export const BEGIN = Date.UTC(2026, 0, 3, 23, 59, 55);

export type Walker = {
  readonly id: string;
  readonly type: string;
  readonly confidence: number | undefined;
  readonly from: number;
  readonly frames: number;
  /** Pixels a frame. */
  readonly speed: number;
  readonly way: readonly (readonly [x: number, y: number])[];
  /** Frames of ten in which the detector misses it. */
  readonly missed: number;
  /** Pixels either way. */
  readonly jitter: number;
  /** From which frame of its life on it has no vest; it has none before either if undefined. */
  readonly vestless: number | undefined;
};

/** Something that goes wrong, or is decided, after so many frames. */
export type Mishap = { readonly after: number } & (
  | { readonly what: "silence"; readonly ms: number; readonly beats: boolean }
  | { readonly what: "lost"; readonly ms: number; readonly state: "offline" | "removed"; readonly returns: boolean }
  | { readonly what: "late"; readonly by: number }
  | { readonly what: "swapped" }
  | { readonly what: "repeated"; readonly frames: number }
  | { readonly what: "twin" }
  | { readonly what: "set-back"; readonly ms: number }
  | { readonly what: "decided"; readonly decision: CameraEvent }
  | { readonly what: "vendor" }
);

export type World = {
  readonly seed: number;
  readonly frames: number;
  readonly stepMs: number;
  readonly walkers: readonly Walker[];
  readonly definitions: readonly CameraEvent[];
  readonly mishaps: readonly Mishap[];
};

const coordinate = fc.integer({ min: 0, max: 120 });
const walkers: fc.Arbitrary<Walker> = fc.record({
  id: fc.constantFrom("1", "2", "3", "4", "10", "a", ""),
  type: fc.constantFrom("person", "person", "car", "bag"),
  confidence: fc.constantFrom(undefined, 0.9, 0.5, 0.3),
  from: fc.integer({ min: 0, max: 60 }),
  frames: fc.integer({ min: 1, max: 120 }),
  speed: fc.integer({ min: 0, max: 25 }),
  way: fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 6 }),
  missed: fc.constantFrom(0, 0, 1, 4, 8),
  jitter: fc.constantFrom(0, 0, 1, 6),
  vestless: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
});

const mishaps: fc.Arbitrary<Mishap> = fc
  .tuple(
    fc.integer({ min: 0, max: 110 }),
    fc.oneof(
      fc.record({ what: fc.constant("silence" as const), ms: fc.constantFrom(700, 2500, 6000, 61_000), beats: fc.boolean() }),
      fc.record({
        what: fc.constant("lost" as const),
        ms: fc.constantFrom(0, 900, 7000),
        state: fc.constantFrom("offline" as const, "removed" as const),
        returns: fc.boolean(),
      }),
      fc.record({ what: fc.constant("late" as const), by: fc.integer({ min: 1, max: 8 }) }),
      fc.constant({ what: "swapped" as const }),
      fc.record({ what: fc.constant("repeated" as const), frames: fc.integer({ min: 1, max: 5 }) }),
      fc.constant({ what: "twin" as const }),
      decisions.map((decision) => ({ what: "decided" as const, decision })),
      fc.constant({ what: "vendor" as const }),
    ),
  )
  .map(([after, mishap]) => ({ after, ...mishap }));

const base = {
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  stepMs: fc.constantFrom(100, 100, 200, 333),
  walkers: fc.array(walkers, { minLength: 2, maxLength: 8 }),
  definitions: fc
    .tuple(
      fc.uniqueArray(wires, { minLength: 2, maxLength: 3, selector: ({ id }) => id }),
      fc.uniqueArray(regions, { minLength: 1, maxLength: 2, selector: ({ id }) => id }),
      fc.uniqueArray(rules, { minLength: 4, maxLength: 8, selector: ({ ruleId }) => ruleId }),
    )
    .map(([tripwires, rois, defined]): readonly CameraEvent[] => [
      ...tripwires.map((tripwire) => ({ type: "tripwire-defined" as const, tripwire })),
      ...rois.map((roi) => ({ type: "roi-defined" as const, roi })),
      ...defined.map((rule) => ({ type: "rule-defined" as const, rule })),
    ]),
};

/** A day without a clock set back, and one with it: for that a hundred frames more are needed. */
export const worlds: fc.Arbitrary<World> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ...base, frames: fc.integer({ min: 10, max: 120 }), mishaps: fc.array(mishaps, { maxLength: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc
      .record({
        ...base,
        frames: fc.integer({ min: 150, max: 220 }),
        mishaps: fc.array(mishaps, { maxLength: 2 }),
        setBack: fc.tuple(fc.integer({ min: 5, max: 30 }), fc.constantFrom(30_000, 3_600_000)),
      })
      .map(({ setBack: [after, ms], ...world }) => ({ ...world, mishaps: [{ after, what: "set-back" as const, ms }, ...world.mishaps] })),
  },
);

/** Mixes a seed and two numbers into 32 bits: the same on every machine, and without a state. */
const chance = (seed: number, a: number, b: number): number => {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(a + 1, 0xc2b2ae35) ^ Math.imul(b + 1, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
};

/** Where a walker is in the nth frame of its life: it goes from point to point, and back again. */
const placeOf = ({ way, speed }: Walker, n: number): readonly [number, number] => {
  const round = [...way, ...way.slice(0, -1).reverse()];
  let left = n * speed;
  for (let i = 1; ; i = i === round.length - 1 ? 1 : i + 1) {
    const [[fromX, fromY], to] = [round[i - 1] ?? [0, 0], round[i]];
    if (to === undefined) return [fromX, fromY];
    const length = Math.max(1, Math.abs(to[0] - fromX) + Math.abs(to[1] - fromY));
    if (left <= length)
      return [Math.round(fromX + ((to[0] - fromX) * left) / length), Math.round(fromY + ((to[1] - fromY) * left) / length)];
    left -= length;
  }
};

const objectsIn = (world: World, k: number): readonly DetectedObject[] => {
  const ids = new Set<string>();
  return world.walkers.flatMap((walker, w) => {
    const n = k - walker.from;
    if (n < 0 || n >= walker.frames || chance(world.seed, w, k) % 10 < walker.missed) return [];
    if (walker.id !== "" && ids.has(walker.id)) return [];
    ids.add(walker.id);
    const wobble = (axis: number): number =>
      walker.jitter === 0 ? 0 : (chance(world.seed, w * 2 + axis, k + 5000) % (2 * walker.jitter + 1)) - walker.jitter;
    const [x, y] = placeOf(walker, n);
    const [left, bottom] = [x + wobble(0) - 4, y + wobble(1)];
    const vest = walker.vestless === undefined ? undefined : n >= walker.vestless ? "no" : "yes";
    return [
      {
        id: walker.id,
        type: walker.type,
        bbox: { leftX: left, topY: bottom - 12, rightX: left + 8, bottomY: bottom },
        confidence: walker.confidence,
        info: vest === undefined ? undefined : [["vest", vest] as const],
      },
    ];
  });
};

const MODELS = [undefined, "detector@7", "detector@8"] as const;
/** Every few frames another model may look, or one whose name nobody gives. */
const modelIn = (world: World, k: number): string | undefined => MODELS[chance(world.seed, 9001, Math.floor(k / 5)) % MODELS.length];

/** The camera's log. `camera` and `tenant` may be others; for the field of view rules then go by that camera. */
export const factsOf = (world: World, camera: string = SENSOR, tenant = "default"): readonly Fact[] => {
  const facts: Fact[] = [];
  const key = { tenant, camera };
  let time = BEGIN;
  /** How far the arrivals are ahead of the timestamps: a transport's delay, and a clock set back. */
  let delay = 40;
  let revision = 0;
  let newest: FrameName | undefined;
  let swap = false;
  const sent: Frame[] = [];

  const arrival = (): number => time + delay;
  const decide = (decision: CameraEvent): void => {
    revision += 1;
    const moved: CameraEvent =
      decision.type === "rule-defined" && decision.rule.analytic === "fov"
        ? { ...decision, rule: { ...decision.rule, placeId: camera } }
        : decision;
    facts.push({ kind: "definition", ...key, receivedAt: arrival(), revision, decision: moved });
  };
  const frame = (k: number, id = `f${k}`): Frame => ({
    kind: "frame",
    ...key,
    receivedAt: arrival(),
    timestamp: time,
    id,
    modelVersion: modelIn(world, k),
    objects: objectsIn(world, k),
  });
  const push = (one: Frame): void => {
    facts.push(one);
    sent.push(one);
    newest = { timestamp: one.timestamp, id: one.id };
  };
  const beat = (): void => {
    if (newest === undefined) return;
    facts.push({ kind: "heartbeat", ...key, receivedAt: arrival() + 2000, at: time, frame: newest, release: false });
  };
  const camState = (state: "online" | "offline" | "removed" | "other", change?: string): void => {
    facts.push({ kind: "camera-state", ...key, receivedAt: arrival(), at: time, state, change, reason: undefined });
  };

  for (const definition of world.definitions) decide(definition);
  let waiting: Frame | undefined;
  for (let k = 0; k < world.frames; k += 1) {
    const one = frame(k);
    if (swap) {
      waiting = one;
      swap = false;
    } else {
      push(one);
      if (waiting !== undefined) {
        facts.push({ ...waiting, receivedAt: arrival() });
        waiting = undefined;
      }
    }
    for (const mishap of world.mishaps) {
      if (mishap.after !== k) continue;
      switch (mishap.what) {
        case "silence":
          for (let passed = 0; passed < mishap.ms; passed += 1000) {
            time += Math.min(1000, mishap.ms - passed);
            if (mishap.beats) beat();
          }
          break;
        case "lost":
          time += mishap.ms;
          camState(mishap.state);
          time += 1500;
          if (mishap.returns) camState("online");
          break;
        case "late": {
          const old = sent.at(-1 - mishap.by);
          if (old !== undefined) facts.push({ ...old, id: `${old.id}-late`, timestamp: old.timestamp + 1, receivedAt: arrival() });
          break;
        }
        case "swapped":
          swap = true;
          break;
        case "repeated":
          for (const again of sent.slice(-mishap.frames)) facts.push({ ...again, receivedAt: arrival() });
          break;
        case "twin":
          push({ ...frame(k + 7), id: `f${k}-twin` });
          break;
        case "set-back":
          time -= mishap.ms;
          delay += mishap.ms;
          break;
        case "decided":
          decide(mishap.decision);
          break;
        case "vendor":
          camState("other", "camera_add");
          break;
      }
    }
    time += world.stepMs;
  }
  // Nothing comes any more: the last timers are told of by a heartbeat, far ahead.
  time += 5000;
  beat();
  return facts;
};
