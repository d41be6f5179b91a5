/** A door, and who walks through it, some of it told late: what recomputations have to do with. */

import type { CameraEvent, Rule } from "../../domain/camera.ts";
import { incrementDefaults, occupancyDefaults, tripwireDefaults } from "../../domain/defaults.ts";
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Definition, Derived, Frame, Recompute, Recomputed } from "../../domain/event.ts";
import type { Log, Logs } from "../../domain/ports.ts";
import { allOf } from "./driven.ts";
import type { FakeClock } from "./fake-clock.ts";
import { frame, seen } from "./given.ts";

export const KEY: CameraKey = { tenant: "acme", camera: "shop" };
export const BEGIN = Date.UTC(2026, 0, 5, 9);
/** Frames arrive so much after their time: no heartbeats are written for them. */
const UNDER_WAY_MS = 3_600_000;
const STEP_MS = 200;
/** Where somebody stands, from two steps before the frame behind the wire. */
const WAY = [20, 40, 60, 80, 95];

/** Through the door: the first frame behind it is at so many milliseconds. */
export type Walk = readonly [id: string, at: number];

/** Frames of [from, to), milliseconds. */
export const framesOf = (walks: readonly Walk[], from: number, to: number, key = KEY): readonly Frame[] =>
  Array.from({ length: Math.ceil((to - from) / STEP_MS) }, (_, i) => {
    const ms = from + i * STEP_MS;
    const objects = walks.flatMap(([id, at]) => {
      const x = WAY[(ms - at) / STEP_MS + 2];
      return x === undefined ? [] : [seen(id, x, 50)];
    });
    return frame(key, BEGIN + ms, objects, { receivedAt: BEGIN + ms + UNDER_WAY_MS });
  });

/** Those of these stretches come last, as they would have come. */
export const lately = (frames: readonly Frame[], ...late: readonly (readonly [from: number, to: number])[]): readonly Frame[] => {
  const isLate = ({ timestamp }: Frame): boolean => late.some(([from, to]) => timestamp >= BEGIN + from && timestamp < BEGIN + to);
  const last = frames.at(-1)?.receivedAt ?? 0;
  return [...frames.filter((one) => !isLate(one)), ...frames.filter(isLate).map((one, i) => ({ ...one, receivedAt: last + 1 + i }))];
};

const wireAt = (x: number) => ({
  ...tripwireDefaults,
  id: "door",
  name: "Door",
  wire: [
    { x, y: 0 },
    { x, y: 100 },
  ],
  direction: { p1: { x: x - 10, y: 50 }, p2: { x: x + 10, y: 50 }, entryName: "in", exitName: "out" },
});
const pairs: Rule = {
  ...incrementDefaults,
  ruleId: "pairs",
  name: "Pairs",
  ruleType: "increment",
  analytic: "tripwire",
  placeId: "door",
  countThreshold: 2,
  direction: "entry",
};
const busy: Rule = {
  ...occupancyDefaults,
  ruleId: "busy",
  name: "Busy",
  ruleType: "occupancy",
  analytic: "fov",
  placeId: KEY.camera,
  countThreshold: 0,
  timeInterval: 0.5,
};
export const decisions = {
  door: { type: "tripwire-defined", tripwire: wireAt(50) },
  /** Nobody comes there. */
  away: { type: "tripwire-defined", tripwire: wireAt(500) },
  /** A step further. */
  further: { type: "tripwire-defined", tripwire: wireAt(70) },
  pairs: { type: "rule-defined", rule: pairs },
  singles: { type: "rule-defined", rule: { ...pairs, countThreshold: 1 } },
  busy: { type: "rule-defined", rule: busy },
} as const satisfies Record<string, CameraEvent>;

export const define = (from: number, ...all: readonly CameraEvent[]): readonly Definition[] =>
  all.map((decision, i) => ({ kind: "definition", ...KEY, receivedAt: BEGIN + UNDER_WAY_MS, revision: from + i, decision }));

export const recompute = (id: string, more: Partial<Omit<Recompute, "kind" | "id">> = {}): Recompute => ({
  kind: "recompute",
  ...KEY,
  receivedAt: BEGIN + 2 * UNDER_WAY_MS,
  id,
  from: BEGIN,
  to: BEGIN + 3_600_000,
  definitions: "then",
  since: 0,
  ...more,
});

/** Each fact in its own words, and what it came to. */
export const brief = (event: Derived): string | undefined => {
  const ms = (at: Instant): number => at - BEGIN;
  if (event.kind === "alert") {
    const who = (event.objects ?? []).map(({ id }) => id).join(",");
    return `alert ${event.ruleId} v${event.ruleVersion} ${who} r${event.revision}${event.retracted ? " retracted" : ""}`;
  }
  if (event.kind === "coverage" || event.kind === "recomputed") return undefined;
  const { revision = 0, retracted = false } = event.correction ?? {};
  const said = `${revision === 0 ? "" : ` r${revision}`}${retracted ? " retracted" : ""}`;
  if (event.kind === "crossing") return `crossing ${event.object.id} ${event.direction}${event.late ? " late" : ""}${said}`;
  return `${event.change} ${event.object.id} ${ms(event.at)}${said}`;
};
export const briefs = (events: readonly Derived[], kind: "alert" | "crossing" | "presence"): readonly string[] =>
  events.filter((event) => event.kind === kind).flatMap((event) => brief(event) ?? []);

export const outcomesOf = (derived: readonly Derived[]): readonly Recomputed[] =>
  derived.filter((event): event is Recomputed => event.kind === "recomputed");

/** More turns than any work of these tests takes. */
const MOST_TURNS = 2000;

/** Until so many recomputations have come to their end. */
export const until = async (logs: Logs, clock: FakeClock, outcomes: number, partition = 0): Promise<readonly Derived[]> => {
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    const derived = await allOf(logs.derived as Log<Derived>, partition);
    if (outcomesOf(derived).length >= outcomes) return derived;
    await clock.pass(50, 50);
  }
  throw new Error(`only ${outcomesOf(await allOf(logs.derived, partition)).length} of ${outcomes} recomputations came to their end`);
};

/** What stands: of everything the highest revision, in the order in which it was first told; what was taken back is left out. */
export const standing = (derived: readonly Derived[]): readonly Derived[] => {
  const all = new Map<string, { readonly event: Derived; readonly revision: number }>();
  for (const event of derived) {
    if (event.kind === "coverage" || event.kind === "recomputed") continue;
    const revision = event.kind === "alert" ? event.revision : (event.correction?.revision ?? 0);
    const name =
      event.kind === "alert"
        ? event.id
        : event.kind === "crossing"
          ? JSON.stringify([event.place, event.object.id, event.direction, event.at, event.confirmedAt])
          : JSON.stringify([event.place, event.object.id, event.change, event.start]);
    if (revision >= (all.get(name)?.revision ?? -1)) all.set(name, { event, revision });
  }
  return [...all.values()]
    .map(({ event }) => event)
    .filter((event) => !(event.kind === "alert" ? event.retracted : "correction" in event && event.correction?.retracted === true));
};

/** What it says, without how it came to be known. */
export const bare = (events: readonly Derived[]): readonly string[] =>
  events
    .map((event) => {
      if (event.kind === "alert") return JSON.stringify({ ...event, receivedAt: 0, revision: 0 });
      return JSON.stringify({ ...event, receivedAt: 0, correction: undefined, late: undefined });
    })
    .sort();
