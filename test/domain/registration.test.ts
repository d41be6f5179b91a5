import { describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import { type Camera, type CameraCommand, type CameraEvent, initialCamera, type Rule, ruleVersion } from "../../domain/camera.ts";
import { cameraDecider } from "../../domain/camera-decider.ts";
import { loadCameraDefinition, saveCameraDefinition } from "../../domain/camera-saving.ts";
import { isRefusal } from "../../domain/decider.ts";
import { cameraDefaults, incrementDefaults, notifyDefaults } from "../../domain/defaults.ts";
import type { Alert, Definition, Derived, Fact, Presence } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { type Description, licensedOf, licenses, narrower } from "../../domain/registration.ts";
import { frames, seen } from "../support/given.ts";
import { hall } from "../support/rule-inputs.ts";

const at = Date.parse("2026-04-30T10:00:00Z");
const front: Description = { ...cameraDefaults, name: "Front gate", model: undefined, url: undefined };
const register = (more: Partial<Description> = {}, licence: readonly string[] | "every" = "every"): CameraCommand => ({
  type: "register",
  channel: 1,
  description: { ...front, ...more },
  licence,
  at,
});
const describeIt = (changes: Partial<Description>, licence: readonly string[] | "every" = "every"): CameraCommand => ({
  type: "describe",
  changes,
  licence,
  at: at + 1000,
});

const decided = (camera: Camera, command: CameraCommand): readonly CameraEvent[] => {
  const events = cameraDecider.decide(command, camera);
  if (isRefusal(events)) throw new Error(`${events.refused} ${events.path}: ${events.detail}`);
  return events;
};
const having = (...commands: readonly CameraCommand[]): Camera =>
  commands.reduce((camera, command) => decided(camera, command).reduce(cameraDecider.evolve, camera), initialCamera());
const refusal = (command: CameraCommand, camera = initialCamera()) => {
  const events = cameraDecider.decide(command, camera);
  return isRefusal(events) ? `${events.refused} ${events.path}` : events;
};

describe("A camera", () => {
  it("is registered once, and again under the same channel is nothing new", () => {
    const camera = having(register());
    expect(camera.registered).toMatchObject({
      name: "Front gate",
      channel: 1,
      features: [],
      events: "every",
      createdAt: at,
      updatedAt: at,
    });
    expect(decided(camera, register())).toEqual([]);
    expect(refusal({ ...register(), channel: 2 } as CameraCommand, camera)).toBe("conflict id");
  });

  it("is changed in what is given and keeps the rest; the same again is nothing new", () => {
    const camera = having(register({ fps: 12 }), describeIt({ name: "Back gate" }));
    expect(camera.registered).toMatchObject({ name: "Back gate", fps: 12, createdAt: at, updatedAt: at + 1000 });
    expect(decided(camera, describeIt({ name: "Back gate" }))).toEqual([]);
    expect(refusal(describeIt({ name: "x" }))).toBe("unknown-camera id");
  });

  it("loses its places and rules when it is removed, and keeps what was forgotten forgotten", () => {
    const camera = having(
      register(),
      { type: "define-rois", rois: [hall], deleteHistory: false },
      { type: "define-rois", rois: [hall], deleteHistory: true },
      { type: "unregister", channel: 1 },
    );
    expect(camera).toMatchObject({ registered: undefined, lastChannel: 1 });
    expect([...camera.rois, ...camera.rules]).toEqual([]);
    expect([...camera.epochs]).toEqual([[`roi/${hall.id}`, 1]]);
    expect(decided(camera, { type: "unregister", channel: 1 })).toEqual([]);
    // Who gave the channel out was overtaken: it has had its time.
    expect(refusal(register(), camera)).toBe("conflict id");
    expect(decided(camera, { ...register(), channel: 2 } as CameraCommand)).toMatchObject([{ channel: 2 }]);
  });

  it.each([
    ["an empty name", { name: "" }, "invalid name"],
    ["a name that is too long", { name: "x".repeat(limits.textLength + 1) }, "invalid name"],
    ["a model that is too long", { model: "x".repeat(limits.textLength + 1) }, "invalid model"],
    ["no frames a second", { fps: 0 }, "invalid fps"],
    ["too many frames a second", { fps: limits.framesPerSecond + 1 }, "invalid fps"],
    ["an empty feature", { features: ["a", ""] }, "invalid features[1]"],
    ["too many features", { features: Array.from({ length: limits.featuresPerCamera + 1 }, (_, i) => `f${i}`) }, "too-many features"],
  ])("with %s is refused", (_, more, expected) => {
    expect(refusal(register(more))).toBe(expected);
    expect(refusal(describeIt(more), having(register()))).toBe(expected);
  });

  it("is saved and loaded as it is, and what was saved before there were cameras reads the same", () => {
    for (const camera of [
      initialCamera(),
      having(register({ features: ["person"] })),
      having(register(), { type: "unregister", channel: 1 }),
    ])
      expect(loadCameraDefinition(JSON.parse(JSON.stringify(saveCameraDefinition(camera))))).toEqual(camera);
    expect(saveCameraDefinition(initialCamera())).not.toHaveProperty("registered");
  });
});

describe("Features", () => {
  it("are compared without their case, and are those that are licensed", () => {
    expect(licenses(["person"])("Person")).toBe(true);
    expect(licenses("every")("anything")).toBe(true);
    expect(licensedOf(["person", "Knife", "vehicle"], ["knife", "PERSON"])).toEqual(["person", "Knife"]);
    expect(narrower("every", ["a"])).toEqual(["a"]);
    expect(narrower(["a"], "every")).toEqual(["a"]);
    expect(narrower(["a", "b"], ["B", "c"])).toEqual(["b"]);
  });

  it("that are not licensed are dropped; where none is left the camera is refused", () => {
    expect(having(register({ features: ["person", "knife"] }, ["person"])).registered).toMatchObject({
      features: ["person"],
      events: ["person"],
    });
    expect(refusal(register({ features: ["knife"] }, ["person"]))).toBe("invalid features");
    expect(refusal(register({ features: ["knife"] }, []))).toBe("invalid features");
  });

  it("are others where their list is, whatever their names would be as one text", () => {
    const camera = having(register({ features: ["a,b"] }), describeIt({ features: ["a", "b"] }));
    expect(camera.registered?.eventsVersion).toBe(2);
  });

  it("that nobody named are all that are licensed", () => {
    expect(having(register({}, ["person"])).registered).toMatchObject({ features: [], events: ["person"] });
    expect(having(register({})).registered).toMatchObject({ features: [], events: "every" });
  });

  it("stay licensed as they were decided until they are decided again", () => {
    const camera = having(register({ features: ["person"] }, ["person"]), describeIt({ name: "Renamed" }, ["vehicle"]));
    expect(camera.registered).toMatchObject({ name: "Renamed", features: ["person"], events: ["person"] });
    const sentBack = having(register({ features: ["person"] }, ["person"]), describeIt({ features: ["person"] }, ["vehicle"]));
    expect(sentBack.registered).toMatchObject({ features: ["person"], events: ["person"] });
    const bare = having(register({}, ["person"]), describeIt({ name: "Renamed" }, "every"));
    expect(bare.registered).toMatchObject({ events: ["person"] });
    expect(having(register({}, ["person"]), describeIt({ features: [] }, "every")).registered).toMatchObject({ events: "every" });
  });
});

const key = { tenant: "acme", camera: "shop" };
const person: Rule = {
  ...notifyDefaults,
  ruleId: "told",
  name: "Told",
  ruleType: "notify",
  analytic: "fov",
  placeId: "shop",
  attribute: undefined,
  cooldown: 0,
};
const entries: Rule = {
  ...incrementDefaults,
  ruleId: "in",
  name: "In",
  ruleType: "increment",
  analytic: "fov",
  placeId: "shop",
  countThreshold: 1,
  direction: "entry",
};

/** One camera's life: commands as definitions, and facts, in the order given. */
const live = (...told: readonly (CameraCommand | Fact)[]): readonly Derived[] => {
  const memory = createMemory();
  let camera = initialCamera();
  return told.flatMap((one) => {
    if ("kind" in one) return derive(memory, one);
    return decided(camera, one).flatMap((decision) => {
      camera = cameraDecider.evolve(camera, decision);
      const definition: Definition = { kind: "definition", ...key, receivedAt: 1, revision: camera.revision, decision };
      return derive(memory, definition);
    });
  });
};
const alertsOf = (out: readonly Derived[]): readonly string[] =>
  out.filter((one): one is Alert => one.kind === "alert").map(({ ruleId, objects }) => `${ruleId} ${objects?.map(({ type }) => type)}`);
const walking = (id: string, from: number, type?: string) =>
  frames(key, ...[0, 100, 200].map((later) => [from + later, [seen(id, 100, 100, { ...(type && { type }) })]] as const));

describe("The rules", () => {
  const define: CameraCommand = { type: "define-rules", rules: [person, entries] };

  it("of a camera that is not enabled raise nothing; what is observed is told all the same", () => {
    const out = live(define, register({ enabled: false }), ...walking("1", 1000));
    expect(alertsOf(out)).toEqual([]);
    expect(out.filter((one): one is Presence => one.kind === "presence").map(({ change }) => change)).toEqual(["entered"]);
    expect(alertsOf(live(define, register({ enabled: false }), describeIt({ enabled: true }), ...walking("1", 1000)))).not.toEqual([]);
  });

  it("tell by notify of the camera's features only, other rules of everybody", () => {
    const out = live(define, register({ features: ["person"] }), ...walking("1", 1000, "Person"), ...walking("2", 2000, "Vehicle"));
    expect(alertsOf(out)).toEqual(["in Person", "told Person", "in Vehicle"]);
    expect(alertsOf(live(define, ...walking("2", 2000, "Vehicle")))).toEqual(["in Vehicle", "told Vehicle"]);
  });

  it("begin anew, under a version of their own, when the camera is enabled or disabled, and notify when its features change", () => {
    const versions = (...more: readonly CameraCommand[]) => {
      const camera = having(define, ...more);
      return [...camera.rules.values()].map((rule) => ruleVersion(camera, rule));
    };
    expect(versions()).toEqual([1, 2]);
    expect(versions(register())).toEqual([1, 2]);
    expect(versions(register(), describeIt({ name: "Other" }))).toEqual([1, 2]);
    expect(versions(register({ features: ["person"] }))).toEqual([3, 2]);
    expect(versions(register(), describeIt({ enabled: false }))).toEqual([4, 4]);
  });

  it("and stays end with a camera that is removed", () => {
    const out = live(define, register(), ...walking("1", 1000), { type: "unregister", channel: 1 }, ...walking("2", 5000));
    const ends = out.filter((one): one is Presence => one.kind === "presence" && one.change === "left");
    expect(ends.map(({ object, reason, at: end }) => [object.id, reason, end])).toEqual([["1", "sensor_lost", 1200]]);
    expect(alertsOf(out)).toEqual(["in Person", "told Person"]);
  });
});
