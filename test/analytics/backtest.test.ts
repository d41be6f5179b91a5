import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemory } from "../../analytics/memory.ts";
import type { CameraEvent, Rule } from "../../domain/camera.ts";
import type { Candidate } from "../../domain/candidate.ts";
import { occupancyDefaults, roiDefaults, sensorDefaults, thresholdSwitchDefaults } from "../../domain/defaults.ts";
import type { Alert, Crossing, Definition, Derived, Fact } from "../../domain/event.ts";
import { JobFailure } from "../../domain/job.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { bytes, stepped } from "../laws/laws.ts";
import { alertsIn, backtested, commit, live, memoryAfter } from "../support/backtested.ts";
import { BEGIN, decisions, definitions, increment, key, walk, walks, yard } from "../support/door.ts";
import { kinds } from "../support/driven.ts";
import { frame, seen } from "../support/given.ts";
import { historyOf } from "../support/past.ts";

const [{ tripwire: door }, { roi: floor }] = decisions as unknown as [
  Extract<CameraEvent, { type: "tripwire-defined" }>,
  Extract<CameraEvent, { type: "roi-defined" }>,
];
const inForce: Candidate = { tripwires: [door], rois: [floor], rules: [increment], settings: undefined };
const fives: Rule = { ...increment, countThreshold: 5 } as Rule;
const decided = (decision: CameraEvent, revision: number, receivedAt: number): Definition => ({
  kind: "definition",
  ...key,
  receivedAt,
  revision,
  decision,
});
const text = (events: readonly (Derived | undefined)[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const counted = (alerts: readonly { readonly side: string; readonly changed: boolean }[]): Record<string, number> => {
  const sides: Record<string, number> = {};
  for (const { side, changed } of alerts) sides[changed ? `${side} changed` : side] = (sides[changed ? `${side} changed` : side] ?? 0) + 1;
  return sides;
};

const both = (then: number, now: number) => ({ then, now });

describe.each(kinds)("a backtest over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  const facts = [...definitions(), ...walks(45)];

  it.each([
    ["of what was in force", undefined],
    ["of a candidate equal to it", inForce],
    ["of a candidate equal to it, settings and all", { ...inForce, settings: sensorDefaults }],
  ])("%s gives what was raised, byte for byte", async (_name, candidate) => {
    const { told } = await live(logs, facts);
    const { alerts, rows, result } = await backtested(historyOf(logs), [{ ...key, candidate }]);
    expect(alertsIn(told)).toHaveLength(4);
    expect(counted(alerts)).toEqual({ both: 4 });
    expect(text(alerts.map(({ now }) => now))).toBe(text(alertsIn(told)));
    expect(text(alerts.map(({ then }) => then))).toBe(text(alertsIn(told)));
    const crossings = rows.filter((row) => row.row === "crossing").map(({ crossing }) => crossing);
    expect(text(crossings)).toBe(text(told.filter(({ kind }) => kind === "crossing")));
    expect(result).toEqual({
      frames: 45,
      late: 0,
      onlyThen: 0,
      onlyNow: 0,
      both: 4,
      changed: 0,
      crossings: 44,
      stopped: [],
      countsFrom: 48,
    });
  });

  it("of another threshold says what would have been raised only then, only now and both, per rule", async () => {
    await live(logs, facts);
    const { alerts, counts } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, rules: [fives] } }]);
    // Every second alert begins where one of tens began, and tells of five.
    expect(counted(alerts)).toEqual({ "both changed": 4, now: 4 });
    expect(alerts.flatMap(({ now }) => (now === undefined ? [] : [now.ruleVersion]))).toEqual(Array(8).fill(0));
    expect(alerts.flatMap(({ then }) => (then === undefined ? [] : [then.ruleVersion]))).toEqual(Array(4).fill(3));
    expect(new Set(alerts.map(({ now }) => now?.count))).toEqual(new Set([5]));
    expect(counts.filter(({ row }) => row === "rule")).toEqual([
      {
        row: "rule",
        camera: "shop",
        analytic: "tripwire",
        placeId: "door",
        ruleId: "tens",
        ruleType: "increment",
        onlyThen: 0,
        onlyNow: 4,
        both: 4,
        changed: 4,
      },
    ]);
  });

  it("of other rules leaves what was raised as only then, and tells of a rule that raised nothing", async () => {
    const { told } = await live(logs, facts);
    const never: Rule = { ...increment, ruleId: "never", countThreshold: 1000 } as Rule;
    const { alerts, counts, result } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, rules: [never] } }]);
    expect(text(alerts.map(({ then }) => then))).toBe(text(alertsIn(told)));
    expect(Object.entries(counted(alerts))).toEqual([["then", 4]]);
    expect(result).toMatchObject({ onlyThen: 4, onlyNow: 0, both: 0 });
    expect(counts.flatMap((row) => (row.row === "rule" ? [[row.ruleId, row.onlyThen, row.onlyNow]] : []))).toEqual([
      ["tens", 4, 0],
      ["never", 0, 0],
    ]);
  });

  it("counts a crossing, and finds a label, by when the wire was met, and waits for who was on it at the end of the range", async () => {
    // On the other side from 2 s on, which is certain at the fifteenth frame.
    const slow = definitions().map((one) =>
      one.decision.type === "tripwire-defined"
        ? { ...one, decision: { ...one.decision, tripwire: { ...one.decision.tripwire, minFrames: 15 } } }
        : one,
    );
    const way = Array.from({ length: 40 }, (_, n) => frame(key, BEGIN + n * 200, [seen("ann", 100, n < 10 ? 80 : 120)]));
    const { positions, told } = await live(logs, [...slow, ...way]);
    const [crossing] = told.filter((event): event is Crossing => event.kind === "crossing");
    expect(crossing).toMatchObject({ at: BEGIN + 1900, confirmedAt: BEGIN + 4800 });
    const of = async (from: number, to: number, last: number) => {
      const labels = [{ camera: key.camera, tripwireId: "door", at: BEGIN + 1900, direction: "entry" as const }];
      const cameras = [{ ...key, since: positions[3] as Position, last: positions[last] as Position }];
      const { counts, result } = await backtested(historyOf(logs), cameras, { from: BEGIN + from, to: BEGIN + to, labels, tolerance: 0 });
      return {
        entries: counts.flatMap((row) => (row.row === "tripwire" && row.direction === "entry" ? [[row.then, row.now]] : [])),
        found: counts.flatMap((row) => (row.row === "labels" && row.direction === "entry" ? [[row.labels, row.crossings, row.found]] : [])),
        frames: result.frames,
      };
    };
    const first = await of(0, 2000, 12);
    expect(first).toMatchObject({ entries: [[1, 1]], found: [[1, 1, 1]] });
    // It waited for that, and for no more.
    expect(first.frames).toBeLessThan(40);
    expect(await of(2000, 8000, 42)).toMatchObject({ entries: [[0, 0]], found: [] });
  });

  it("counts crossings then and now: raw, distinct and net, by wire, direction and type; and stays by place", async () => {
    // Ann goes in, out and in again; a car goes in; Bob goes out. The candidate's wire is further in: Ann's second way does not reach it.
    const ann = (y: number) => seen("ann", 100, y);
    const car = (y: number) => seen("car", 200, y, { type: "Car" });
    const bob = (y: number) => seen("bob", 300, y);
    const ways = [
      [ann(80), car(80), bob(160)],
      [ann(140), car(140), bob(120)],
      [ann(90), car(150), bob(80)],
      [ann(110), car(150), bob(80)],
    ];
    await live(logs, [...definitions(), ...ways.map((objects, n) => frame(key, BEGIN + n * 200, objects))]);
    const further = { ...door, wire: door.wire.map(({ x }) => ({ x, y: 130 })) };
    const { counts, rows } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, tripwires: [further], rois: [] } }]);
    const head = { row: "crossings", camera: "shop", tripwireId: "door" };
    expect(counts.filter(({ row }) => row === "tripwire")).toEqual([
      { row: "tripwire", camera: "shop", tripwireId: "door", direction: "entry", ...both(3, 2) },
      { row: "tripwire", camera: "shop", tripwireId: "door", direction: "exit", ...both(2, 2) },
    ]);
    expect(counts.filter(({ row }) => row === "crossings")).toEqual(
      expect.arrayContaining([
        { ...head, objectType: "Person", direction: "entry", raw: both(2, 1), distinct: both(1, 1), net: both(1, 0) },
        { ...head, objectType: "Person", direction: "exit", raw: both(2, 2), distinct: both(2, 2), net: both(1, 1) },
        { ...head, objectType: "Person", direction: "either", distinct: both(2, 2) },
        { ...head, objectType: "Car", direction: "entry", raw: both(1, 1), distinct: both(1, 1), net: both(1, 1) },
        { ...head, objectType: "Car", direction: "exit", raw: both(0, 0), distinct: both(0, 0), net: both(0, 0) },
        { ...head, objectType: "Car", direction: "either", distinct: both(1, 1) },
      ]),
    );
    expect(counts.filter(({ row }) => row === "crossings")).toHaveLength(6);
    expect(rows.filter(({ row }) => row === "crossing")).toHaveLength(4);
    expect(counts.filter(({ row }) => row === "stays")).toEqual([
      { row: "stays", camera: "shop", analytic: "roi", placeId: "floor", ...both(4, 0) },
      { row: "stays", camera: "shop", analytic: "fov", placeId: "shop", ...both(3, 3) },
    ]);
  });

  it("begins in the middle of a count at the nearest base, and raises what was raised", async () => {
    const { positions, told } = await live(logs, facts);
    const cut = definitions().length + 17;
    const position = positions[cut] as Position;
    await logs.putBase({ ...key, at: 1, partition: 0, position, memory: memoryAfter(facts.slice(0, cut), key) });
    const range = { from: BEGIN + 18 * 200, to: BEGIN + 35 * 200 };
    const ours = alertsIn(told).filter(({ raisedAt }) => raisedAt >= range.from && raisedAt < range.to);
    expect(ours.map(({ start }) => start < range.from)).toEqual([true, false]);
    for (const candidate of [undefined, inForce]) {
      const since = positions[cut + 1] as Position;
      const { alerts, result } = await backtested(historyOf(logs), [{ ...key, candidate, since }], range);
      expect(text(alerts.map(({ now }) => now))).toBe(text(ours));
      expect(counted(alerts)).toEqual({ both: 2 });
      expect(result.frames).toBe(45 - 17);
    }
  });

  it("begins at the oldest fact where the base is of a form not known", async () => {
    const { positions, told } = await live(logs, facts);
    await logs.putBase({ ...key, at: 1, partition: 0, position: positions[20] as Position, memory: { version: 99 } });
    const { alerts, result } = await backtested(historyOf(logs), [{ ...key, since: positions[21] as Position }], {
      from: BEGIN + 18 * 200,
    });
    expect(result.frames).toBe(45);
    expect(text(alerts.map(({ now }) => now))).toBe(text(alertsIn(told).filter(({ raisedAt }) => raisedAt >= BEGIN + 18 * 200)));
  });

  it("of several cameras in one partition gives each its own candidate", async () => {
    const two = [...definitions(), ...definitions(yard), ...walks(45).flatMap((one, n) => [one, walk(n, yard)])];
    const { told } = await live(logs, two);
    const { alerts, counts } = await backtested(historyOf(logs), [key, { ...yard, candidate: { ...inForce, rules: [fives] } }]);
    const of = (camera: string) => alerts.filter(({ then, now }) => (then ?? now)?.camera === camera);
    expect(counted(of("shop"))).toEqual({ both: 4 });
    expect(counted(of("yard"))).toEqual({ "both changed": 4, now: 4 });
    expect(text(of("shop").map(({ now }) => now))).toBe(text(alertsIn(told).filter(({ camera }) => camera === "shop")));
    expect(counts.flatMap((row) => (row.row === "rule" ? [`${row.camera} ${row.both} ${row.onlyNow}`] : [])).sort()).toEqual([
      "shop 4 0",
      "yard 4 4",
    ]);
  });

  describe("where the log changes the rule in the middle of the range", () => {
    const changed = [...definitions(), ...walks(27), decided({ type: "rule-defined", rule: fives }, 4, BEGIN + 27 * 200), ...walks(18, 27)];

    it("follows it without a candidate", async () => {
      const { told } = await live(logs, changed);
      const { alerts } = await backtested(historyOf(logs), [key]);
      expect(new Set(alertsIn(told).map(({ ruleVersion }) => ruleVersion))).toEqual(new Set([3, 4]));
      expect(counted(alerts)).toEqual({ both: alertsIn(told).length });
      expect(text(alerts.map(({ now }) => now))).toBe(text(alertsIn(told)));
    });

    it("keeps the candidate in force, under the number of what is in force where it is equal, and 0 elsewhere", async () => {
      const { told } = await live(logs, changed);
      const tens = await backtested(historyOf(logs), [{ ...key, candidate: inForce }]);
      // Counted anew from the change on, as it was live.
      expect(tens.alerts.flatMap(({ now }) => (now === undefined ? [] : [[now.ruleVersion, now.count]]))).toEqual([
        [3, 10],
        [3, 10],
        [0, 10],
      ]);
      const candidate = { ...inForce, rules: [fives] };
      const five = await backtested(historyOf(logs), [{ ...key, candidate }]);
      const since = alertsIn(told).filter(({ ruleVersion }) => ruleVersion === 4);
      expect(since.length).toBeGreaterThan(2);
      expect(text(five.alerts.flatMap(({ now }) => (now?.ruleVersion === 4 ? [now] : [])))).toBe(text(since));
      expect(five.alerts.flatMap(({ now }) => (now === undefined ? [] : [now.ruleVersion]))).toEqual([
        0,
        0,
        0,
        0,
        0,
        ...since.map(() => 4),
      ]);
    });
  });

  describe("of something still under way when the range ends", () => {
    const lingering: Rule = {
      ...occupancyDefaults,
      ruleId: "linger",
      ruleType: "occupancy",
      name: "Lingering",
      analytic: "fov",
      placeId: key.camera,
      countThreshold: 0,
      timeInterval: 2,
      gap: 0,
    };
    // Somebody is there for ten seconds, and is gone.
    const stay = [
      decided({ type: "rule-defined", rule: lingering }, 1, BEGIN),
      ...Array.from({ length: 50 }, (_, n) => frame(key, BEGIN + n * 200, [seen("ann", 50, 50)])),
      ...Array.from({ length: 20 }, (_, n) => frame(key, BEGIN + (50 + n) * 200, [])),
    ];
    const range = { from: BEGIN, to: BEGIN + 5000 };

    it("goes on until it has ended, and no further", async () => {
      const { told, positions } = await live(logs, stay);
      const last = positions[25] as Position;
      const { alerts, result } = await backtested(historyOf(logs), [{ ...key, last }], range);
      expect(alertsIn(told).map(({ revision }) => revision)).toEqual([0, 1]);
      expect(counted(alerts)).toEqual({ both: 1 });
      expect(text(alerts.map(({ now }) => now))).toBe(text(alertsIn(told).slice(1)));
      expect(result.frames).toBeLessThan(70);
    });

    it("leaves it open on both sides where that takes too long", async () => {
      const { told } = await live(logs, stay);
      const { alerts } = await backtested(historyOf(logs), [{ ...key, last: 0 }], { ...range, limits: { backtestTailMs: 2000 } });
      expect(counted(alerts)).toEqual({ both: 1 });
      expect(text(alerts.map(({ now }) => now))).toBe(text(alertsIn(told).slice(0, 1)));
    });
  });

  it("leaves out what was retracted, and takes what was corrected last", async () => {
    const { told } = await live(logs, facts);
    const [first, second] = alertsIn(told) as [Alert, Alert];
    const crossings = told.filter((event): event is Crossing => event.kind === "crossing");
    await commit(logs, [
      { ...first, revision: 1, retracted: true },
      { ...second, revision: 1, count: 11 },
      { ...(crossings[0] as Crossing), correction: { revision: 1, retracted: true } },
      { ...(crossings[1] as Crossing), correction: { revision: 1, retracted: true } },
      { ...(crossings[1] as Crossing), correction: { revision: 2, retracted: false } },
    ]);
    const { alerts, counts } = await backtested(historyOf(logs), [key]);
    expect(counted(alerts)).toEqual({ now: 1, "both changed": 1, both: 2 });
    expect(alerts.find(({ side }) => side === "now")?.now?.id).toBe(first.id);
    expect(alerts.find(({ changed }) => changed)?.then?.count).toBe(11);
    expect(counts.find(({ row }) => row === "tripwire")).toMatchObject(both(43, 44));
  });

  it("takes late frames in where that is wanted, and counts them in any case", async () => {
    const missing = (n: number): boolean => n >= 12 && n < 15;
    await live(logs, [
      ...definitions(),
      ...walks(45).filter((_one, n) => !missing(n) && n < 25),
      ...walks(45).filter((_one, n) => missing(n)),
      ...walks(20, 25),
    ]);
    const without = await backtested(historyOf(logs), [key]);
    expect([without.result.late, without.result.crossings, counted(without.alerts)]).toEqual([3, 40, { both: 4 }]);
    const taken = await backtested(historyOf(logs), [key], { late: true });
    expect([taken.result.late, taken.result.crossings]).toEqual([3, 44]);
    const inTime = alertsIn(stepped(facts));
    const bare = (events: readonly (Alert | undefined)[]): readonly unknown[] => events.map((event) => ({ ...event, receivedAt: 0 }));
    expect(bare(taken.alerts.flatMap(({ now }) => (now === undefined ? [] : [now])))).toEqual(bare(inTime));
  });

  it("holds the candidate's crossings against labels", async () => {
    await live(logs, facts);
    const label = (ms: number, direction: "entry" | "exit" = "entry") => ({
      camera: "shop",
      tripwireId: "door",
      at: BEGIN + ms,
      direction,
    });
    const range = { from: BEGIN, to: BEGIN + 2100 };
    // Ten go in, at 100, 300, ...: the labels are right twice, too far away once, twice for one, and once out of the range.
    const labels = [label(90), label(320), label(999), label(1320), label(1290), label(50, "exit"), label(9000)];
    const { counts } = await backtested(historyOf(logs), [key], { ...range, labels, tolerance: 50 });
    expect(counts.filter(({ row }) => row === "labels")).toEqual([
      {
        row: "labels",
        camera: "shop",
        tripwireId: "door",
        direction: "entry",
        labels: 5,
        crossings: 10,
        found: 3,
        precision: 0.3,
        recall: 0.6,
      },
      { row: "labels", camera: "shop", tripwireId: "door", direction: "exit", labels: 1, crossings: 0, found: 0, recall: 0 },
    ]);
  });

  it("fails where there is more to hold at once than it may", async () => {
    await live(logs, facts);
    await expect(backtested(historyOf(logs), [key], { limits: { backtestHeld: 40 } })).rejects.toThrow(JobFailure);
    // Four alerts of ten objects, and 44 objects at the door.
    await backtested(historyOf(logs), [key], { limits: { backtestHeld: 4 * 11 + 44 } });
    await expect(backtested(historyOf(logs), [key], { limits: { backtestHeld: 4 * 11 + 43 } })).rejects.toThrow(JobFailure);
  });

  it("ends as closed when told to stop", async () => {
    await live(logs, facts);
    const stop = createStop();
    stop.stop();
    await expect(backtested(historyOf(logs), [key], { stop: stop.signal })).rejects.toMatchObject({ code: "closed" });
  });

  describe("of other settings", () => {
    const patient = { ...sensorDefaults, fov: { ...sensorDefaults.fov, exitAfter: 3 } };
    const many: Rule = {
      ...thresholdSwitchDefaults,
      ruleId: "many",
      ruleType: "occupancy_threshold_switch",
      name: "Many",
      analytic: "fov",
      placeId: key.camera,
      countThreshold: 2,
    };
    const raised = (facts: readonly Fact[]): readonly string[] =>
      bytes(alertsIn(stepped(facts)).map((one) => ({ ...one, id: "", ruleVersion: 0 })));

    it("begins with them, though nobody had ever set any", async () => {
      await live(logs, facts);
      const candidate = { ...inForce, rules: [many], settings: patient };
      const { alerts } = await backtested(historyOf(logs), [{ ...key, candidate }]);
      const had = [
        decided({ type: "sensor-set", settings: patient }, 1, BEGIN),
        decided({ type: "rule-defined", rule: many }, 2, BEGIN),
        ...walks(45),
      ];
      const now = alerts.flatMap(({ now: one }) => (one === undefined ? [] : [{ ...one, id: "", ruleVersion: 0 }]));
      expect(now.length).toBeGreaterThan(0);
      expect(bytes(now)).toEqual(raised(had));
      expect(alerts.flatMap(({ now: one }) => (one === undefined ? [] : [one.ruleVersion]))).toEqual(now.map(() => 0));
    });

    it("ends all stays with the camera, as live does", async () => {
      const gone = [
        decided({ type: "camera-registered", channel: 1, at: BEGIN, description: registered, events: "every" }, 1, BEGIN),
        ...walks(20),
        decided({ type: "camera-unregistered", channel: 1 }, 2, BEGIN + 4000),
        ...walks(20, 20),
      ];
      await live(logs, gone);
      const candidate = { tripwires: [], rois: [], rules: [many], settings: patient };
      const { alerts, result } = await backtested(historyOf(logs), [{ ...key, candidate }]);
      expect(result.stopped).toEqual([]);
      // Up, down as the camera goes, and up again.
      expect(alerts.map(({ now }) => now?.direction)).toEqual(["up", "down", "up"]);
    });

    const registered = { name: "Shop", model: undefined, url: undefined, features: [], fps: 5, enabled: true, record: false };

    it("raises nothing while the camera is not enabled", async () => {
      const off = { ...registered, enabled: false };
      await live(logs, [
        decided({ type: "camera-registered", channel: 1, at: BEGIN, description: registered, events: "every" }, 1, BEGIN),
        ...walks(10),
        decided({ type: "camera-described", at: BEGIN, description: off, events: "every" }, 2, BEGIN + 2000),
        ...walks(30, 10),
      ]);
      const { alerts } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, rules: [fives] } }]);
      expect(alerts.map(({ now }) => now?.raisedAt)).toEqual([BEGIN + 1000]);
    });
  });

  it("knows who is present when a candidate's rule begins at a base", async () => {
    const here = [
      ...definitions(),
      ...Array.from({ length: 30 }, (_, n) => frame(key, BEGIN + n * 200, [seen("ann", 50, 50), seen("bob", 90, 50)])),
    ];
    const { positions } = await live(logs, here, createMemory());
    const position = positions[13] as Position;
    await logs.putBase({ ...key, at: 1, partition: 0, position, memory: memoryAfter(here.slice(0, 13), key) });
    const pair: Rule = {
      ...occupancyDefaults,
      ruleId: "pair",
      ruleType: "occupancy",
      name: "Pair",
      analytic: "fov",
      placeId: key.camera,
      countThreshold: 1,
      timeInterval: 2,
    };
    const { alerts } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, rules: [pair] }, since: position }], {
      from: BEGIN + 2000,
    });
    expect(alerts.map(({ side, now }) => [side, now?.count])).toEqual([["now", 2]]);
  });

  it("of a region that is new has all that would have been in it", async () => {
    const { told } = await live(logs, facts);
    const other = { ...roiDefaults, id: "hall", name: "Hall", coordinates: floor.coordinates, minFrames: 1 };
    const { counts } = await backtested(historyOf(logs), [{ ...key, candidate: { ...inForce, rois: [other] } }]);
    const entered = told.filter(
      (event) => event.kind === "presence" && event.change === "entered" && event.place.analytic === "roi",
    ).length;
    expect(entered).toBe(44);
    expect(counts.flatMap((row) => (row.row === "stays" && row.analytic === "roi" ? [[row.placeId, row.then, row.now]] : []))).toEqual([
      ["floor", entered, 0],
      ["hall", 0, entered],
    ]);
  });
});
