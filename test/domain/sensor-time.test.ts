import { describe, expect, it } from "vitest";
import type { Fact, Frame } from "../../domain/event.ts";
import { run } from "../../domain/machine.ts";
import { hearFact, lastFrame, loadTime, type Moment, saveTime, sensorTime, startTime } from "../../domain/rules/sensor-time.ts";
import { cameraState, frame, heartbeat, runSaving } from "../support/given.ts";

const key = { tenant: "acme", camera: "door" };
const at = (timestamp: number, more: Partial<Frame> = {}): Frame => frame(key, timestamp, [], more);

const brief = (moment: Moment): string =>
  moment.kind === "frame" ? moment.id : moment.kind === "ended" ? `${moment.reason} ${moment.at}` : `${moment.kind} ${moment.at}`;

const rows: readonly (readonly [what: string, reorderMs: number, facts: readonly Fact[], expected: readonly string[]])[] = [
  ["frames in order pass", 0, [at(1), at(2), at(3)], ["f1", "f2", "f3"]],
  ["an older frame is late", 0, [at(2), at(1), at(3)], ["f2", "f3"]],
  ["an equal timestamp is not late", 0, [at(2), at(2, { id: "b" })], ["f2", "b"]],
  ["a repeat is dropped", 0, [at(2), at(2)], ["f2"]],
  [
    "a repeat is dropped after others of its instant",
    0,
    [at(2), at(2, { id: "b" }), at(2, { id: "c" }), at(2, { id: "b" }), at(2)],
    ["f2", "b", "c"],
  ],
  ["the same id at another instant is another frame", 0, [at(2, { id: "x" }), at(3, { id: "x" })], ["x", "x"]],
  ["a heartbeat passes time", 0, [at(1000), heartbeat(key, 4000, 1000), at(3999), at(4000)], ["f1000", "passed 4000", "f4000"]],
  ["a heartbeat that brings no time says nothing", 0, [at(1000), heartbeat(key, 1000, 1000), heartbeat(key, 900, 1000)], ["f1000"]],
  [
    "a heartbeat after a newer frame is ignored",
    0,
    [at(1000), at(2000), heartbeat(key, 4000, 1000), at(3000)],
    ["f1000", "f2000", "f3000"],
  ],
  [
    "a heartbeat written twice is heard once",
    0,
    [at(1000), heartbeat(key, 4000, 1000), heartbeat(key, 4000, 1000)],
    ["f1000", "passed 4000"],
  ],
  ["a heartbeat before any frame is ignored", 0, [heartbeat(key, 4000, 1000), at(1000)], ["f1000"]],
  ["a heartbeat for a frame nobody has is ignored", 0, [at(1000), heartbeat(key, 9000, 5000)], ["f1000"]],
  ["frames held back are sorted", 100, [at(100), at(180), at(150), at(300)], ["f100", "f150", "f180"]],
  ["a frame exactly as old as the wait goes", 100, [at(100), at(200)], ["f100"]],
  ["equal ones go as they came", 100, [at(100, { id: "b" }), at(100, { id: "a" }), at(200)], ["b", "a"]],
  ["a held frame is recognised when repeated", 100, [at(100), at(100), at(300)], ["f100"]],
  ["a frame older than the last let through is late", 100, [at(100), at(300), at(99)], ["f100"]],
  ["a frame older than the wait, but not late, goes at once", 100, [at(100), at(300), at(150)], ["f100", "f150"]],
  ["a heartbeat lets go what has waited", 100, [at(100), at(150), heartbeat(key, 220, 150)], ["f100", "passed 120"]],
  [
    "a release lets all go and moves no clock",
    100,
    [at(100), at(150), heartbeat(key, 150, 150, true), at(151), at(150, { id: "b" }), at(400)],
    ["f100", "f150", "b", "f151"],
  ],
  ["a release after a newer frame is ignored", 100, [at(100), at(150), heartbeat(key, 100, 100, true)], []],
  [
    "a lost camera ends, and frames held from before go first",
    100,
    [at(100), at(150), at(190), cameraState(key, 160, "offline")],
    ["f100", "f150", "sensor_lost 160"],
  ],
  ["a state told late takes effect now", 0, [at(1000), cameraState(key, 400, "removed")], ["f1000", "sensor_lost 1000"]],
  [
    "a state ahead of the frames makes none late",
    0,
    [at(1000), cameraState(key, 9000, "offline"), at(2000)],
    ["f1000", "sensor_lost 9000", "f2000"],
  ],
  ["a camera returns", 0, [at(1000), cameraState(key, 1500, "online")], ["f1000", "returned 1500"]],
  ["other words of the vendor change nothing", 0, [at(1000), cameraState(key, 1500, "other")], ["f1000"]],
];

describe("a sensor's time", () => {
  it.each(rows)("%s", (_, reorderMs, facts, expected) => {
    expect(run(sensorTime(key, reorderMs), facts).map(brief)).toEqual(expected);
  });

  it("can be saved and loaded between any two facts", () => {
    for (const [, reorderMs, facts] of rows) {
      expect(runSaving(sensorTime(key, reorderMs), facts)).toEqual(run(sensorTime(key, reorderMs), facts));
    }
  });

  it("gives a frame that waited the arrival of what freed it", () => {
    const [first] = run(sensorTime(key, 100), [at(100), at(500)]) as readonly Frame[];
    expect(first?.receivedAt).toBe(at(500).receivedAt);
  });
});

const HOUR = 3_600_000;
/** `count` frames from `from` on, 100 ms apart, arriving as far apart as `pace` says. */
const batch = (count: number, from: number, arrived: number, pace: number): Frame[] =>
  Array.from({ length: count }, (_, i) => at(from + i * 100, { receivedAt: arrived + i * pace }));

describe("a clock set back", () => {
  const live = at(HOUR);
  const heard = (late: readonly Fact[], first: Frame = live) => run(sensorTime(key, 0), [first, ...late]).map(brief);

  it("starts the sensor's time again after 100 late frames in a row", () => {
    expect(heard(batch(99, 1000, HOUR, 100))).toEqual([`f${HOUR}`]);
    expect(heard(batch(101, 1000, HOUR, 100))).toEqual([`f${HOUR}`, `clock_reset ${HOUR}`, "f10900", "f11000"]);
  });

  it.each([
    ["the arrivals span half of what the timestamps span", 50, 3],
    ["the arrivals span less: a batch sent again", 49, 1],
    ["all came at once", 0, 1],
  ])("is told from a repeated batch: %s", (_, pace, expected) => {
    expect(heard(batch(100, 1000, HOUR, pace))).toHaveLength(expected);
  });

  it("needs a live sensor: one that is imported has no clock to set back", () => {
    expect(heard(batch(200, 1000, 50 * HOUR, 100), at(HOUR, { receivedAt: HOUR + 60_000 }))).toHaveLength(1);
    expect(heard(batch(100, 1000, HOUR + 60_000, 100), at(HOUR, { receivedAt: HOUR + 59_999 }))).toHaveLength(3);
  });

  it("needs them in order among themselves", () => {
    const late = batch(100, 1000, HOUR, 100);
    expect(heard([...late.slice(0, 50), at(500, { receivedAt: HOUR + 5000 }), ...late.slice(50)])).toHaveLength(1);
  });

  it("is not seen in one frame that is sent again and again", () => {
    expect(heard(Array.from({ length: 300 }, (_, i) => at(1000, { receivedAt: HOUR + i * 100 })))).toHaveLength(1);
  });

  it("is over when a frame in time comes between", () => {
    const late = batch(100, 1000, HOUR, 100);
    expect(heard([...late.slice(0, 60), at(HOUR + 100), ...late.slice(60)])).toHaveLength(2);
  });

  it("ignores a heartbeat for a frame of the time before", () => {
    expect(heard([...batch(100, 1000, HOUR, 100), heartbeat(key, HOUR + 5000, HOUR), ...batch(1, 20_000, HOUR + 10_000, 0)])).toEqual([
      `f${HOUR}`,
      `clock_reset ${HOUR}`,
      "f10900",
      "f20000",
    ]);
  });

  it("is counted, and so is every frame that stays late", () => {
    const told = { late: 0, resets: 0 };
    const watch = { late: () => void told.late++, clockReset: () => void told.resets++ };
    let time = startTime();
    for (const one of [live, ...batch(120, 1000, HOUR, 100)]) [time] = hearFact(time, one, 0, watch);
    expect(told).toEqual({ late: 99, resets: 1 });
  });

  it("can be saved and loaded between any two late frames", () => {
    const facts = [live, ...batch(110, 1000, HOUR, 100)];
    expect(runSaving(sensorTime(key, 0), facts)).toEqual(run(sensorTime(key, 0), facts));
  });
});

describe("a model", () => {
  it("is that of the frame named, also where another stands at the same instant", () => {
    const time = startTime();
    hearFact(time, at(1000, { modelVersion: "detector@7" }), 0);
    hearFact(time, at(1000, { id: "b", modelVersion: "detector@8" }), 0);
    expect(lastFrame(time, 0)).toEqual({ timestamp: 1000, id: "b", modelVersion: "detector@8" });
    hearFact(time, at(2000), 0);
    expect(lastFrame(time, 0)).toEqual({ timestamp: 2000, id: "f2000", modelVersion: undefined });
  });

  it("is read from what was saved with it, and what was saved before there was one is read as it is", () => {
    const time = startTime();
    hearFact(time, at(1000), 0);
    const before = saveTime(time);
    expect(before).toHaveLength(11);
    expect(loadTime(before)).toEqual(time);
    hearFact(time, at(2000, { modelVersion: "detector@7" }), 0);
    const after = loadTime(JSON.parse(JSON.stringify(saveTime(time))));
    expect(after && lastFrame(after, 0)).toEqual({ timestamp: 2000, id: "f2000", modelVersion: "detector@7" });
  });
});
