import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CameraEvent, Rule, Tripwire } from "../../domain/camera.ts";
import {
  flowrateDefaults,
  incrementDefaults,
  occupancyDefaults,
  thresholdSwitchDefaults,
  tripwireDefaults,
} from "../../domain/defaults.ts";
import type { Fact, Frame } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { type FileOptions, framesOfFile } from "../../ingest/file-frames.ts";
import { isRejection } from "../../ingest/normalise.ts";
import { derivedFile, histories, readFacts } from "../histories/history.ts";
import { crossingsOf, linesOf, sorted, type ThreeWays, threeWays, truthOf } from "../support/three-ways.ts";
import { factsOf, worlds } from "../support/world.ts";
import { ALERTS, MISHAPS, PLACES, patience, silent, type Tally, tell, thorough } from "./laws.ts";

/** Live, replay and backtest of the same rules give the same bytes. */
const agree = ({ live, replay, backtest }: ThreeWays): void => {
  expect(linesOf(replay)).toBe(linesOf(live));
  const { alerts, rows, result } = backtest;
  expect([result.onlyThen, result.onlyNow, result.changed]).toEqual([0, 0, 0]);
  expect(sorted(alerts.map(({ now }) => now))).toEqual(sorted(truthOf(live)));
  expect(sorted(alerts.map(({ then }) => then))).toEqual(sorted(truthOf(live)));
  expect(linesOf(crossingsOf(rows))).toBe(linesOf(live.filter(({ kind }) => kind === "crossing")));
  for (const row of backtest.counts) if (row.row === "tripwire" || row.row === "stays") expect({ ...row, now: row.then }).toEqual(row);
};

const recorded = await histories();

describe("live, replay and backtest of the same rules", () => {
  it.each(recorded)("give the same bytes over the recorded history %s", async (name) => {
    const ways = await threeWays(await readFacts(name), 7);
    expect(linesOf(ways.live)).toBe(await readFile(derivedFile(name), "utf8"));
    agree(ways);
  });

  it("give the same bytes over little worlds, of several cameras in one log", { timeout: patience }, async () => {
    const tally: Tally = new Map();
    await fc.assert(
      fc.asyncProperty(worlds, worlds, async (one, other) => {
        const yard = factsOf(other).map((fact) => ({ ...fact, camera: "yard" }) as Fact);
        const gate = factsOf(one);
        // In turn, as they would come.
        const facts = Array.from({ length: Math.max(gate.length, yard.length) }, (_, i) =>
          [gate[i], yard[i]].flatMap((fact) => fact ?? []),
        ).flat();
        const ways = await threeWays(facts, 13);
        tell(tally, ways.live);
        agree(ways);
      }),
      // Each run has a log of its own on disk.
      thorough(0.2),
    );
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS])).toEqual([]);
  });
});

/** Recordings that are no part of the project: where they are not, these tests are told as skipped. */
const DATA = fileURLToPath(new URL("../../../shared/data", import.meta.url));
const meva = `${DATA}/meva/allcams_2018-03-11T1615.detections.ndjson.gz`;
const junction = `${DATA}/opendatacam/tracked_frames.ndjson`;

/** As it would stand in the log, had it been imported. */
const recording = async (file: string, options: FileOptions): Promise<readonly Frame[]> => {
  const frames: Frame[] = [];
  for await (const { line, frame } of framesOfFile(file, options, { now: Number.MAX_SAFE_INTEGER, limits })) {
    if (isRejection(frame)) throw new Error(`line ${line}: ${frame.field} ${frame.detail}`);
    const { sensorId, timestamp, id, modelVersion, objects } = frame;
    frames.push({ kind: "frame", tenant: "default", camera: sensorId, receivedAt: timestamp, timestamp, id, modelVersion, objects });
  }
  return frames;
};

type Ends = readonly [x: number, y: number];
const wire = (
  id: string,
  [fromX, fromY]: Ends,
  [toX, toY]: Ends,
  [p1, p2]: readonly [Ends, Ends],
  more: Partial<Tripwire> = {},
): Tripwire => ({
  ...tripwireDefaults,
  id,
  name: id,
  wire: [
    { x: fromX, y: fromY },
    { x: toX, y: toY },
  ],
  direction: { p1: { x: p1[0], y: p1[1] }, p2: { x: p2[0], y: p2[1] }, entryName: "in", exitName: "out" },
  ...more,
});
/** The doors and the line of bench/accuracy, and for every other camera one through the middle of its picture. */
const doors = [
  wire(
    "A",
    [905, 330],
    [905, 520],
    [
      [885, 425],
      [925, 425],
    ],
  ),
  wire(
    "B",
    [1030, 0],
    [1030, 1080],
    [
      [1050, 540],
      [1010, 540],
    ],
  ),
  wire(
    "C",
    [870, 540],
    [870, 760],
    [
      [850, 650],
      [890, 650],
    ],
  ),
];
const middle = wire(
  "middle",
  [960, 0],
  [960, 1080],
  [
    [900, 540],
    [1020, 540],
  ],
);
const across = wire(
  "junction",
  [0, 360],
  [1280, 360],
  [
    [640, 400],
    [640, 320],
  ],
  { anchor: "center" },
);

const rulesFor = (camera: string, wires: readonly Tripwire[]): readonly Rule[] => [
  ...wires.flatMap(({ id }): readonly Rule[] => [
    {
      ...incrementDefaults,
      ruleId: `tens ${id}`,
      ruleType: "increment",
      name: "Tens",
      analytic: "tripwire",
      placeId: id,
      countThreshold: 2,
    },
    {
      ...flowrateDefaults,
      ruleId: `rush ${id}`,
      ruleType: "flowrate",
      name: "Rush",
      analytic: "tripwire",
      placeId: id,
      countThreshold: 2,
      timeInterval: 30,
    },
  ]),
  {
    ...occupancyDefaults,
    ruleId: "crowd",
    ruleType: "occupancy",
    name: "Crowd",
    analytic: "fov",
    placeId: camera,
    countThreshold: 1,
    timeInterval: 3,
  },
  {
    ...thresholdSwitchDefaults,
    ruleId: "full",
    ruleType: "occupancy_threshold_switch",
    name: "Full",
    analytic: "fov",
    placeId: camera,
    countThreshold: 2,
  },
];

/** At every camera its wires, and four kinds of rule. */
const watchedBy = (frames: readonly Frame[], wiresOf: (camera: string) => readonly Tripwire[]): readonly Fact[] => {
  const receivedAt = frames[0]?.receivedAt ?? 0;
  const cameras = [...new Set(frames.map(({ camera }) => camera))];
  const definitions = cameras.flatMap((camera) => {
    const wires = wiresOf(camera);
    const decisions: readonly CameraEvent[] = [
      ...wires.map((tripwire) => ({ type: "tripwire-defined" as const, tripwire })),
      ...rulesFor(camera, wires).map((rule) => ({ type: "rule-defined" as const, rule })),
    ];
    return decisions.map((decision, i): Fact => ({ kind: "definition", tenant: "default", camera, receivedAt, revision: i + 1, decision }));
  });
  return [...definitions, ...frames];
};

describe("live, replay and backtest over recordings of the real world", () => {
  const kindsOf = ({ live }: ThreeWays): ReadonlySet<string> => new Set(live.map(({ kind }) => kind));

  it.skipIf(!existsSync(meva))("give the same bytes over all cameras of MEVA", { timeout: 120_000 }, async () => {
    const frames = await recording(meva, { format: "meva" });
    const ways = await threeWays(
      watchedBy(frames, (camera) => (camera.includes("G423") ? doors : [middle])),
      1000,
    );
    agree(ways);
    expect(ways.cameras.length).toBeGreaterThan(1);
    expect(kindsOf(ways)).toEqual(new Set(["alert", "crossing", "presence", "coverage"]));
    expect(new Set(ways.live.map(({ camera }) => camera)).size).toBe(ways.cameras.length);
  });

  it.skipIf(!existsSync(junction))("give the same bytes over the junction", { timeout: 60_000 }, async () => {
    const frames = await recording(junction, { format: "opendatacam", sensor: "junction", fps: 30, start: Date.UTC(2018, 0, 1) });
    const ways = await threeWays(
      watchedBy(frames, () => [across]),
      100,
    );
    agree(ways);
    // Fifteen seconds: no minute of coverage is over.
    expect(kindsOf(ways)).toEqual(new Set(["alert", "crossing", "presence"]));
  });
});
