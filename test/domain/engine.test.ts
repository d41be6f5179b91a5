import { of, Subject } from "rxjs";
import { describe, expect, it } from "vitest";
import { derive, engine } from "../../analytics/engine.ts";
import {
  camerasIn,
  createMemory,
  type Memory,
  pendingCameras,
  restoreMemory,
  saveCameraMemory,
  saveTouched,
  stoppedCameras,
} from "../../analytics/memory.ts";
import type { CameraEvent, Rule, Tripwire } from "../../domain/camera.ts";
import { incrementDefaults, occupancyDefaults, roiDefaults, tripwireDefaults } from "../../domain/defaults.ts";
import type { Definition, Derived, Fact } from "../../domain/event.ts";
import type { Saved } from "../../domain/ports.ts";
import { cameraState, frame, frames, heartbeat, seen } from "../support/given.ts";

const key = { tenant: "acme", camera: "shop" };
const { entryName, exitName, ...wireDefaults } = tripwireDefaults;
const wire: Tripwire = {
  ...wireDefaults,
  id: "door",
  name: "Door",
  minFrames: 1,
  wire: [
    { x: 0, y: 100 },
    { x: 200, y: 100 },
  ],
  direction: { p1: { x: 100, y: 50 }, p2: { x: 100, y: 150 }, entryName, exitName },
};
const roi = {
  ...roiDefaults,
  id: "hall",
  name: "Hall",
  minFrames: 1,
  coordinates: [
    { x: 0, y: 0 },
    { x: 200, y: 0 },
    { x: 200, y: 200 },
    { x: 0, y: 200 },
  ],
};
const two: Rule = {
  ...incrementDefaults,
  ruleId: "two",
  name: "Two",
  ruleType: "increment",
  analytic: "tripwire",
  placeId: "door",
  countThreshold: 2,
  direction: "entry",
};
const stays: Rule = {
  ...occupancyDefaults,
  ruleId: "stays",
  name: "Stays",
  ruleType: "occupancy",
  analytic: "roi",
  placeId: "hall",
  countThreshold: 0,
  timeInterval: 2,
};

/** Definitions as the relay copies them, counted from `from`. */
const define = (from: number, ...decisions: readonly CameraEvent[]): readonly Definition[] =>
  decisions.map((decision, i) => ({ kind: "definition", ...key, receivedAt: 1, revision: from + i, decision }));
const site = define(
  1,
  { type: "sensor-set", settings: { reorderMs: 0, fov: { minFrames: 1, exitAfter: 1 } } },
  { type: "tripwire-defined", tripwire: wire },
  { type: "roi-defined", roi },
  { type: "rule-defined", rule: two },
  { type: "rule-defined", rule: stays },
);

const step = (memory: Memory, facts: readonly Fact[]): readonly Derived[] => facts.flatMap((fact) => derive(memory, fact));
const told = (facts: readonly Fact[]): readonly Derived[] => step(createMemory(), facts);

const brief = (event: Derived): string => {
  if (event.kind === "alert")
    return `alert ${event.ruleId}.${event.revision} ${event.count} ${event.start}-${event.end} v${event.ruleVersion}`;
  if (event.kind === "coverage") return `coverage ${event.start}-${event.end}`;
  if (event.kind === "recomputed") throw new Error("the engine recomputes nothing");
  const { analytic } = event.place;
  if (event.kind === "crossing") return `${analytic} ${event.object.id} ${event.direction} ${event.at}`;
  return `${analytic} ${event.object.id} ${event.change} ${event.at}${event.reason === undefined ? "" : ` ${event.reason}`}`;
};
const briefly = (facts: readonly Fact[]): readonly string[] => told(facts).map(brief);
const ofShop = (...all: Parameters<typeof frames> extends [unknown, ...infer A] ? A : never) => frames(key, ...all);

describe("the engine", () => {
  it("tells what is found at every place and what rules conclude, at one instant leavings, entries, crossings", () => {
    const facts = ofShop(
      [0, [seen("ann", 100, 80), seen("bob", 50, 80)]],
      [900, [seen("ann", 100, 120), seen("bob", 50, 120)]],
      [1800, [seen("ann", 100, 120), seen("bob", 500, 120), seen("cem", 10, 10)]],
      [2700, [seen("cem", 10, 10)]],
      [9000, []],
    );
    expect(briefly([...site, ...facts])).toEqual([
      "fov ann entered 0",
      "fov bob entered 0",
      "roi ann entered 0",
      "roi bob entered 0",
      "tripwire ann entry 450",
      "tripwire bob entry 450",
      "alert two.0 2 450-450 v4",
      "roi bob left 1800 left",
      "fov cem entered 1800",
      "roi cem entered 1800",
      "alert stays.0 2 0-2000 v5",
      "fov ann left 2800 timeout",
      "fov bob left 2800 timeout",
      "roi ann left 2800 timeout",
      "fov cem left 3700 timeout",
      "roi cem left 3700 timeout",
      expect.stringMatching(/^alert stays\.1/),
      "coverage 0-7700",
    ]);
  });

  it("gives all that a fact brings the arrival of that fact", () => {
    const ann = [seen("ann", 100, 80)];
    const [first, last] = ofShop([0, ann], [9000, []]) as [Fact, Fact];
    const memory = createMemory();
    expect(new Set(step(memory, [...site, first]).map(({ receivedAt }) => receivedAt))).toEqual(new Set([first.receivedAt]));
    step(memory, ofShop([900, ann], [1800, ann]));
    const late = derive(memory, last);
    expect(late.map(({ kind }) => kind)).toContain("alert");
    expect(new Set(late.map(({ receivedAt }) => receivedAt))).toEqual(new Set([last.receivedAt]));
  });

  it("keeps sensors apart: one that is silent holds up no other", () => {
    const other = { ...key, camera: "yard" };
    const facts = [...ofShop([0, [seen("ann", 1, 1)]]), ...frames(other, [0, [seen("ann", 1, 1)]], [100, [seen("ann", 1, 1)]], [5000, []])];
    const events = told(facts).map((event) => `${event.camera} ${brief(event)}`);
    expect(events).toContain("yard fov ann left 1100 timeout");
    expect(events.filter((event) => event.startsWith("shop"))).toEqual([]);
  });

  it("counts late frames and steps none of them", () => {
    const late: string[] = [];
    const memory = createMemory();
    const watch = { late: ({ id }: { readonly id: string }) => void late.push(id), clockReset: () => {} };
    const facts = ofShop([2000, []], [1000, [seen("ann", 1, 1)]], [1000, [seen("ann", 1, 1)]], [3000, []]);
    expect([facts.flatMap((fact) => derive(memory, fact, watch)), late]).toEqual([[], ["f1000", "f1000"]]);
  });

  it("is an operator like any other: errors, ends and early leavings pass", () => {
    const source = new Subject<Fact>();
    const seenBy: string[] = [];
    const subscription = source.pipe(engine(createMemory())).subscribe((event) => {
      seenBy.push(brief(event));
      subscription.unsubscribe();
    });
    for (const fact of [...site, ...ofShop([0, [seen("ann", 1, 1), seen("bob", 2, 2)]])]) source.next(fact);
    expect([seenBy, source.observed]).toEqual([["fov ann entered 0"], false]);
    let ended = false;
    of(...site)
      .pipe(engine(createMemory()))
      .subscribe({ complete: () => (ended = true) });
    expect(ended).toBe(true);
  });
});

describe("a definition", () => {
  const before = ofShop([0, [seen("ann", 100, 80)]], [900, [seen("ann", 100, 120)]]);
  const after = ofShop([1800, [seen("ann", 100, 120), seen("bob", 50, 80)]], [2100, [seen("bob", 50, 120)]]);
  const undisturbed = ["tripwire bob entry 1950", "alert two.0 2 450-1950 v4"];

  it("ends what its place had open, and leaves the other places and rules their state", () => {
    const events = briefly([...site, ...before, ...define(6, { type: "roi-defined", roi: { ...roi, minFrames: 2 } }), ...after]);
    expect(events).toContain("roi ann left 900 redefined");
    expect(events).toEqual(expect.arrayContaining(undisturbed));
    expect(events).toContain("roi ann left 900 redefined");
    expect(events.filter((event) => event.startsWith("fov ann"))).toEqual(["fov ann entered 0"]);
  });

  it("of a wire makes it forget on which side everybody was", () => {
    const events = briefly([...site, ...before, ...define(6, { type: "tripwire-defined", tripwire: { ...wire, name: "Gate" } }), ...after]);
    expect(events.filter((event) => event.startsWith("tripwire") || event.startsWith("alert two"))).toEqual([
      "tripwire ann entry 450",
      "tripwire bob entry 1950",
    ]);
  });

  it("of a rule starts that rule afresh, its open alert closed, and leaves the place its stays", () => {
    const open = ofShop([900, [seen("ann", 100, 80)]], [1800, [seen("ann", 100, 80)]], [2500, [seen("ann", 100, 80)]]);
    const events = briefly([
      ...site,
      ...ofShop([0, [seen("ann", 100, 80)]]),
      ...open,
      ...define(6, { type: "rule-defined", rule: { ...stays, timeInterval: 3 } }),
    ]);
    expect(events.slice(2)).toEqual(["alert stays.0 1 0-2000 v5", "alert stays.1 1 0-2500 v5"]);
  });

  it("of the sensor starts everything afresh", () => {
    const settings = { reorderMs: 0, fov: { minFrames: 1, exitAfter: 2 } };
    const events = briefly([...site, ...before, ...define(6, { type: "sensor-set", settings }), ...after]);
    expect(events).toEqual(
      expect.arrayContaining(["fov ann left 900 redefined", "roi ann left 900 redefined", "fov ann entered 1800", "roi ann entered 1800"]),
    );
    expect(events.filter((event) => event.startsWith("alert two"))).toEqual([]);
  });

  it("of the sensor lets go the frames held under the settings before", () => {
    const waiting = { reorderMs: 1000, fov: { minFrames: 1, exitAfter: 1 } };
    const events = briefly([
      ...define(1, { type: "sensor-set", settings: waiting }),
      ...ofShop([0, [seen("ann", 1, 1)]]),
      ...define(2, { type: "sensor-set", settings: { ...waiting, reorderMs: 0 } }),
    ]);
    expect(events).toEqual(["fov ann entered 0", "fov ann left 0 redefined"]);
  });

  it("that deletes a place's history starts the place afresh under its new epoch", () => {
    const events = told([...site, ...before, ...define(6, { type: "place-history-deleted", analytic: "roi", id: "hall" }), ...after]);
    const epochs = events.flatMap((event) =>
      event.kind === "presence" && event.place.analytic === "roi" ? [`${brief(event)} in ${event.place.epoch}`] : [],
    );
    expect(epochs.slice(0, 3)).toEqual(["roi ann entered 0 in 0", "roi ann left 900 redefined in 0", "roi ann entered 1800 in 1"]);
  });

  it("that the camera has already changes nothing, and one that leaves a gap stops the camera", () => {
    const memory = createMemory();
    step(memory, [...site, ...before, ...site]);
    expect(step(memory, after).map(brief)).toEqual(expect.arrayContaining(undisturbed));
    step(memory, define(9, { type: "rule-removed", ruleId: "two" }));
    expect(stoppedCameras(memory)).toEqual(["acme/shop: Error: definition 9 follows revision 5: one is missing"]);
  });

  it("that removes a place removes what listens there", () => {
    const memory = createMemory();
    step(memory, [...site, ...before, ...define(6, { type: "place-removed", analytic: "tripwire", id: "door" })]);
    expect(step(memory, after).filter((event) => event.kind === "crossing")).toEqual([]);
  });
});

/** A fact that throws when it is stepped: nothing a door lets in does, so it stands for a defect. */
const broken = (timestamp: number): Fact =>
  Object.defineProperty({ ...frame(key, timestamp, []) }, "objects", {
    get: () => {
      throw new TypeError("a defect");
    },
  }) as Fact;

describe("a throw in a step", () => {
  const stopped = (memory: Memory) => step(memory, [...site, ...ofShop([0, [seen("ann", 1, 1)]]), broken(500)]);

  it("stops that camera's machines and no other's, and says so", () => {
    const memory = createMemory();
    stopped(memory);
    expect(stoppedCameras(memory)).toEqual(["acme/shop: TypeError: a defect"]);
    expect(step(memory, [...ofShop([9000, [seen("ann", 1, 1)]]), cameraState(key, 9500, "offline")])).toEqual([]);
    expect(step(memory, frames({ ...key, camera: "yard" }, [0, [seen("ann", 1, 1)]], [100, [seen("ann", 1, 1)]])).map(brief)).toEqual([
      "fov ann entered 100",
    ]);
    expect(pendingCameras(memory).map(({ camera }) => camera)).toEqual(["yard"]);
  });

  it("is remembered with the memory and healed by the next definition", () => {
    const memory = createMemory();
    stopped(memory);
    const again = createMemory();
    expect(restoreMemory(again, JSON.parse(JSON.stringify(saveTouched(memory))))).toEqual([]);
    expect(stoppedCameras(again)).toEqual(["acme/shop: TypeError: a defect"]);
    step(again, define(6, { type: "rule-removed", ruleId: "two" }));
    expect(stoppedCameras(again)).toEqual([]);
    expect(step(again, ofShop([9000, [seen("ann", 1, 1)]])).map(brief)).toEqual(["fov ann entered 9000", "roi ann entered 9000"]);
  });
});

describe("the memory", () => {
  const facts: readonly Fact[] = [
    ...site,
    ...ofShop([0, [seen("ann", 100, 80)]], [900, [seen("ann", 100, 120), seen("bob", 1, 1)]], [1800, [seen("ann", 100, 80)]]),
    heartbeat(key, 2100, 1800),
    cameraState(key, 2200, "offline"),
    ...ofShop([2300, [seen("ann", 100, 120)]], [9000, []]),
  ];

  it("can be saved and loaded between any two facts, as JSON", () => {
    const whole = told(facts);
    let saved: readonly Saved[] = [];
    const split = facts.flatMap((fact) => {
      const memory = createMemory();
      expect(restoreMemory(memory, JSON.parse(JSON.stringify(saved)))).toEqual([]);
      const out = derive(memory, fact);
      saved = camerasIn(memory).map((one) => ({ ...one, memory: saveCameraMemory(memory, one.tenant, one.camera) }));
      return out;
    });
    expect(whole.length).toBeGreaterThan(10);
    expect(split).toEqual(whole);
  });

  it("gives the cameras touched since it was last asked", () => {
    const memory = createMemory();
    step(memory, [...frames(key, [0, []]), ...frames({ ...key, camera: "yard" }, [0, []])]);
    expect(saveTouched(memory).map(({ camera }) => camera)).toEqual(["shop", "yard"]);
    expect(saveTouched(memory)).toEqual([]);
    step(memory, ofShop([100, []]));
    expect(saveTouched(memory).map(({ camera }) => camera)).toEqual(["shop"]);
  });

  it("in a form it does not know is refused by name, and a camera that is none any more goes", () => {
    const memory = createMemory();
    step(memory, facts);
    const known = saveCameraMemory(memory, key.tenant, key.camera) as { readonly [part: string]: never };
    expect(restoreMemory(createMemory(), [{ ...key, memory: { ...known, version: 99 } }])).toEqual([key]);
    expect(restoreMemory(createMemory(), [{ ...key, memory: { ...known, coverage: [99, null] } }])).toEqual([key]);
    restoreMemory(memory, [{ ...key, memory: undefined }]);
    expect(camerasIn(memory)).toEqual([]);
  });

  it("says which cameras wait for time to pass, from when and on which frame", () => {
    const memory = createMemory();
    step(memory, ofShop([1000, []]));
    expect(pendingCameras(memory)).toEqual([
      { ...key, due: 6000, newest: { timestamp: 1000, id: "f1000", receivedAt: 1050 }, toldUntil: 1000 },
    ]);
    step(memory, [heartbeat(key, 6000, 1000)]);
    expect(pendingCameras(memory)).toEqual([]);
  });

  it("counts a held frame as waiting", () => {
    const memory = createMemory();
    step(memory, [
      ...define(1, { type: "sensor-set", settings: { reorderMs: 500, fov: { minFrames: 1, exitAfter: 1 } } }),
      ...ofShop([1000, []]),
    ]);
    expect(pendingCameras(memory).map(({ due }) => due)).toEqual([1500]);
    step(memory, [heartbeat(key, 1500, 1000)]);
    expect(pendingCameras(memory).map(({ due, toldUntil }) => [due, toldUntil])).toEqual([[6500, 1500]]);
  });
});
