/** What rules hear, written short, and a run of a rule that also saves and loads it between every two inputs. */
import { expect } from "vitest";
import { type Camera, initialCamera, type Rule, type Tripwire } from "../../domain/camera.ts";
import {
  flowrateDefaults,
  incrementDefaults,
  notifyDefaults,
  occupancyDefaults,
  roiDefaults,
  thresholdSwitchDefaults,
  tripwireDefaults,
} from "../../domain/defaults.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Alert, Crossing, EndReason, FrameRef, Presence, Sighting } from "../../domain/event.ts";
import { advance, run, type States } from "../../domain/machine.ts";
import { compileRule } from "../../domain/rules/compile.ts";
import type { Ended, Heard, Noticed, Passed, Present, RuleMachine } from "../../domain/rules/rule.ts";

export const key = { tenant: "acme", camera: "cam-1" };

const common = { ruleId: "rule-1", name: "A rule", analytic: "roi" as const, placeId: "hall" };
const atDoor = { ...common, analytic: "tripwire" as const, placeId: "door" };
export const incrementRule = { ...incrementDefaults, ...atDoor, ruleType: "increment" as const, countThreshold: 3 };
export const incrementAtHall = { ...incrementRule, ...common };
export const occupancyRule = { ...occupancyDefaults, ...common, ruleType: "occupancy" as const, countThreshold: 1, timeInterval: 10 };
export const switchRule = { ...thresholdSwitchDefaults, ...common, ruleType: "occupancy_threshold_switch" as const, countThreshold: 1 };
export const flowrateRule = { ...flowrateDefaults, ...atDoor, ruleType: "flowrate" as const, countThreshold: 3, timeInterval: 10 };
export const notifyRule = { ...notifyDefaults, ...common, ruleType: "notify" as const };

export const door: Tripwire = {
  id: "door",
  name: "Main door",
  wire: [
    { x: 0, y: 100 },
    { x: 200, y: 100 },
  ],
  direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName: "in", exitName: "out" },
  anchor: tripwireDefaults.anchor,
  minFrames: 2,
  bufferPx: 0,
  trackTimeout: 10,
};
export const hall = {
  ...roiDefaults,
  id: "hall",
  name: "Hall",
  coordinates: [
    { x: 0, y: 0 },
    { x: 100, y: 0 },
    { x: 100, y: 100 },
  ],
};
/** A camera with a door and a hall, both of version 0. */
export const site: Camera = {
  ...initialCamera(),
  tripwires: new Map([["door", { ...door, version: 0 }]]),
  rois: new Map([["hall", { ...hall, version: 0 }]]),
};

type Seen = Partial<Pick<Sighting, "type" | "confidence" | "info">>;
export const bbox = { leftX: 1, topY: 2, rightX: 3, bottomY: 4 };
export const sighting = (id: string, seen: Seen = {}): Sighting => ({
  id,
  type: "Person",
  bbox,
  confidence: 0.9,
  info: undefined,
  ...seen,
});

export const frame = (at: number): FrameRef => ({ timestamp: at, id: `f${at}`, modelVersion: at % 200 === 0 ? "detector@7" : undefined });
const place = { analytic: "roi", id: "hall", epoch: 0 } as const;
/** Facts arrive five milliseconds after they happened. */
const arrived = (at: number) => ({ ...key, receivedAt: at + 5 });
const cause = (at: number) => ({ from: frame(at - 100), to: frame(at) });

export const entered = (at: number, id: string, seen?: Seen): Presence => ({
  kind: "presence",
  change: "entered",
  ...arrived(at),
  place,
  object: sighting(id, seen),
  at,
  start: at,
  firstSeen: at - 100,
  reason: undefined,
  cause: cause(at),
});
export const left = (at: number, id: string, reason: EndReason = "left", seen?: Seen): Presence => ({
  ...entered(at, id, seen),
  change: "left",
  reason,
});
export const noticed = (at: number, id: string, seen: Seen): Noticed => ({
  kind: "noticed",
  ...arrived(at),
  place,
  object: sighting(id, seen),
  at,
  firstSeen: at - 100,
  cause: cause(at),
});
/** Present since a second when the rule begins. */
export const present = (at: number, id: string, seen?: Seen): Present => ({
  kind: "present",
  ...arrived(at),
  place,
  object: sighting(id, seen),
  at,
  start: at - 1000,
  firstSeen: at - 1100,
  cause: { from: frame(at - 1100), to: frame(at) },
});
export const crossing = (
  at: number,
  id: string,
  { direction = "entry", confirmedAt = at, ...seen }: Seen & Partial<Pick<Crossing, "direction" | "confirmedAt">> = {},
): Crossing => ({
  kind: "crossing",
  ...arrived(confirmedAt),
  place: { analytic: "tripwire", id: "door", epoch: 0 },
  object: sighting(id, seen),
  direction,
  at,
  confirmedAt,
  late: false,
  cause: { from: frame(at - 100), to: frame(confirmedAt) },
});
export const ended = (at: number, reason: EndReason): Ended => ({ kind: "ended", ...arrived(at), at, reason, frame: frame(at) });
export const passed = (at: number): Passed => ({ kind: "passed", ...arrived(at), at });

const reloaded = (machine: RuleMachine, states: States<unknown>): States<unknown> =>
  new Map(
    [...states].map(([name, state]): [string, unknown] => {
      const text = JSON.stringify(machine.save(state));
      const loaded = machine.load(JSON.parse(text) as Json, machine.version);
      expect(loaded).toBeDefined();
      expect(JSON.stringify(machine.save(loaded))).toBe(text);
      return [name, loaded];
    }),
  );

/** What a machine tells, which must be the same with a save and a load at any one point and at all of them. */
const toldBy = (make: () => RuleMachine, inputs: readonly Heard[]): readonly Alert[] => {
  const machine = make();
  const told = run(machine, inputs);
  for (let cut = 0; cut <= inputs.length; cut++) {
    const states: States<unknown> = new Map();
    const before = run(machine, inputs.slice(0, cut), states);
    expect([...before, ...run(make(), inputs.slice(cut), reloaded(make(), states))]).toEqual(told);
  }
  let states: States<unknown> = new Map();
  const always = inputs.flatMap((input) => {
    states = reloaded(machine, states);
    return advance(machine, states, input);
  });
  expect(always).toEqual(told);
  return told;
};

export const told = (rule: Rule, inputs: readonly Heard[], camera = site): readonly Alert[] =>
  toldBy(() => compileRule(key, camera, { ...rule, version: 7 }), inputs);

/** revision, direction, count, start, end, raisedAt. */
export type Brief = readonly [revision: number, direction: string, count: number, start: number, end: number, raisedAt: number];
export const brief = ({ revision, direction, count, start, end, raisedAt }: Alert): Brief => [
  revision,
  direction ?? "-",
  count,
  start,
  end,
  raisedAt,
];
export const briefly = (rule: Rule, inputs: readonly Heard[]): readonly Brief[] => told(rule, inputs).map(brief);
export const idsOf = ({ objects }: Alert): readonly string[] | undefined => objects?.map(({ id }) => id);

export const only = (alerts: readonly Alert[]): Alert => {
  expect(alerts).toHaveLength(1);
  return alerts[0] as Alert;
};
export const pair = (alerts: readonly Alert[]): readonly [Alert, Alert] => {
  expect(alerts).toHaveLength(2);
  return alerts as unknown as [Alert, Alert];
};
