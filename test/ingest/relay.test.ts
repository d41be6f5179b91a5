import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { type CameraCommand, initialCamera, type Tripwire } from "../../domain/camera.ts";
import { isRefusal } from "../../domain/decider.ts";
import { tripwireDefaults } from "../../domain/defaults.ts";
import type { Fact } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError, type EventStore, type Log } from "../../domain/ports.ts";
import { cameraOfStream, cameraStream, tenantStream } from "../../domain/streams.ts";
import { type Cameras, createCameras } from "../../ingest/decide.ts";
import { createRelay, type Relay } from "../../ingest/relay.ts";
import { createSensors } from "../../ingest/sensors.ts";
import { factsOf, silent } from "../support/frames.ts";

const key = { tenant: "t1", camera: "cam-1" };
const { entryName, exitName, ...wireDefaults } = tripwireDefaults;
const wire = (id: string, y = 100): Tripwire => ({
  ...wireDefaults,
  id,
  name: id,
  wire: [
    { x: 0, y },
    { x: 200, y },
  ],
  direction: { p1: { x: 100, y: y + 50 }, p2: { x: 100, y: y - 50 }, entryName, exitName },
});
const define = (...tripwires: readonly Tripwire[]): CameraCommand => ({ type: "define-tripwires", tripwires, deleteHistory: false });
const partition = partitionOf(key.tenant, key.camera, 4);

type House = { readonly cameras: Cameras; readonly relay: Relay; readonly stop: () => Promise<void>; readonly ran: Promise<void> };
const running: House[] = [];
let unique = 0;

const house = (store: EventStore, facts: Log<Fact>, patienceMs = 2000): House => {
  const relay = createRelay({ store, facts, clock: systemClock, journal: silent, patienceMs });
  const stopping = new AbortController();
  const ran = relay.run(stopping.signal);
  ran.catch(() => undefined);
  const ids = (): string => `00000000-0000-4000-8000-${String(++unique).padStart(12, "0")}`;
  const cameras = createCameras({
    store,
    relay,
    clock: systemClock,
    ids,
    limits,
    sensors: createSensors(limits.sensorsPerTenant),
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, facts.partitions),
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ran.catch(() => undefined);
  };
  const one = { cameras, relay, stop, ran };
  running.push(one);
  return one;
};
const outside = () => ({ store: openMemoryStore(), facts: openMemoryLogs({ partitions: 4 }).facts });
const definitions = async (facts: Log<Fact>) =>
  (await factsOf(facts)).flatMap((fact) => (fact.kind === "definition" ? [`${fact.camera} ${fact.revision} ${fact.decision.type}`] : []));
const done = async (change: ReturnType<Cameras["change"]>) => {
  const answer = await change;
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
};

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

describe("names of streams", () => {
  it.each([
    ["t1", "cam-1"],
    ["a/b", "c/d"],
    ["camera-", "100% / ü"],
    ["", ""],
    ["__proto__", "😀"],
  ])("are told apart and read back: %j %j", (tenant, camera) => {
    expect(cameraOfStream(cameraStream({ tenant, camera }))).toEqual({ tenant, camera });
    expect(cameraOfStream(tenantStream(tenant))).toBeUndefined();
  });
});

describe("a change", () => {
  it("is a fact of its camera when it is answered, and the answer says where", async () => {
    const { store, facts } = outside();
    const { cameras } = house(store, facts);
    const { camera, reached } = await done(cameras.change(key, define(wire("a"), wire("b"))));
    expect([...camera.tripwires.keys()]).toEqual(["a", "b"]);
    expect(await definitions(facts)).toEqual(["cam-1 1 tripwire-defined", "cam-1 2 tripwire-defined"]);
    expect([...reached.keys()]).toEqual([partition]);
    const positions: number[] = [];
    for await (const batch of facts.read(partition, "start")) positions.push(...batch.positions);
    expect(reached.get(partition)).toBe(positions.at(-1));
  });

  it("made beside one log is copied into another that is opened with the same store", async () => {
    const { store, facts } = outside();
    await done(house(store, facts).cameras.change(key, define(wire("a"))));
    for (const one of running.splice(0)) await one.stop();
    const another = outside().facts;
    const { relay } = house(store, another);
    await relay.passed(cameraStream(key), 1);
    expect(await definitions(another)).toEqual(["cam-1 1 tripwire-defined"]);
    expect(await definitions(facts)).toHaveLength(1);
  });

  it("that decides nothing new is answered with what stands", async () => {
    const { store, facts } = outside();
    const { cameras } = house(store, facts);
    const first = await done(cameras.change(key, define(wire("a"))));
    const again = await done(cameras.change(key, define(wire("a"))));
    expect(again).toEqual(first);
    expect(await definitions(facts)).toHaveLength(1);
    const none = await done(cameras.change({ ...key, camera: "cam-9" }, define()));
    expect(none).toEqual({ camera: initialCamera(), reached: new Map() });
  });

  it("is refused as the decider says, and for an id that no camera may have", async () => {
    const { store, facts } = outside();
    const { cameras } = house(store, facts);
    expect(await cameras.change(key, { type: "remove-tripwires", ids: ["nowhere"] })).toMatchObject({ refused: "unknown-place" });
    expect(await cameras.change({ ...key, camera: "a\0b" }, define(wire("a")))).toMatchObject({ refused: "invalid", path: "sensorId" });
    expect(await cameras.change({ ...key, camera: "\ud800" }, define(wire("a")))).toMatchObject({ refused: "invalid" });
    expect(await cameras.camera({ ...key, camera: "\ud800" })).toEqual(initialCamera());
    expect(await factsOf(facts)).toEqual([]);
  });

  it("among many at once loses nothing, in one process and in two", async () => {
    const { store, facts } = outside();
    const [one, two] = [house(store, facts), house(store, facts)];
    const names = Array.from({ length: 12 }, (_, i) => `w${i}`);
    await Promise.all(names.map((name, i) => done((i % 2 === 0 ? one : two).cameras.change(key, define(wire(name))))));
    for (const { cameras } of [one, two]) {
      const camera = await cameras.camera(key);
      expect([...camera.tripwires.keys()].sort()).toEqual([...names].sort());
      expect(camera.revision).toBe(12);
    }
    const revisions = (await factsOf(facts)).flatMap((fact) => (fact.kind === "definition" ? [fact.revision] : []));
    expect(new Set(revisions)).toEqual(new Set(names.map((_, i) => i + 1)));
  });

  it("says that it is not in the log yet where the relay does not come to it", async () => {
    const { store, facts } = outside();
    const relay = createRelay({ store, facts, clock: systemClock, journal: silent, patienceMs: 20 });
    const cameras = createCameras({
      store,
      relay,
      clock: systemClock,
      limits,
      sensors: createSensors(limits.sensorsPerTenant),
      ids: () => "00000000-0000-4000-8000-0000000000aa",
      partitionOf: () => partition,
    });
    await expect(cameras.change(key, define(wire("a")))).rejects.toMatchObject({ code: "timeout", retryable: true });
    expect(await store.read(cameraStream(key))).toHaveLength(1);
  });
});

describe("the relay", () => {
  it("goes on after a restart where it was, and answers for what an earlier run copied", async () => {
    const { store, facts } = outside();
    const before = house(store, facts);
    await done(before.cameras.change(key, define(wire("a"))));
    await before.stop();
    const after = house(store, facts);
    const { reached } = await done(after.cameras.change(key, define(wire("a"))));
    // It was not copied again by starting; being asked for its position copies the one revision.
    expect(await definitions(facts)).toEqual(["cam-1 1 tripwire-defined", "cam-1 1 tripwire-defined"]);
    const positions: number[] = [];
    for await (const batch of facts.read(partition, "start")) positions.push(...batch.positions);
    expect(reached.get(partition)).toBe(positions.at(-1));
    expect((await done(after.cameras.change(key, define(wire("a"))))).reached).toEqual(reached);
    expect(await definitions(facts)).toHaveLength(2);
    await store.append(tenantStream("t1"), "any", [{ id: "00000000-0000-4000-8000-0000000000bb", type: "tenant-set", data: {}, at: 1 }]);
    await done(after.cameras.change(key, define(wire("b", 300))));
    expect((await definitions(facts)).at(-1)).toBe("cam-1 2 tripwire-defined");
  });

  it("copies again what it had no time to note", async () => {
    const { store, facts } = outside();
    const forgetful: EventStore = {
      ...methods(store),
      setBookmark: () => Promise.reject(new AdapterError("closed", "killed", { retryable: false })),
    };
    const killed = house(forgetful, facts);
    await expect(killed.cameras.change(key, define(wire("a")))).rejects.toMatchObject({ code: "closed" });
    await expect(killed.ran).rejects.toMatchObject({ code: "closed" });
    const { cameras } = house(store, facts);
    await done(cameras.change(key, define(wire("b", 300))));
    expect(await definitions(facts)).toEqual(["cam-1 1 tripwire-defined", "cam-1 1 tripwire-defined", "cam-1 2 tripwire-defined"]);
  });

  it("waits while the log is full and goes on when it is not", async () => {
    const { store, facts } = outside();
    let full = 3;
    const filling: Log<Fact> = {
      epoch: facts.epoch,
      partitions: facts.partitions,
      read: facts.read.bind(facts),
      bounds: facts.bounds.bind(facts),
      append: (events) => (full-- > 0 ? Promise.reject(new AdapterError("full", "no room", { retryable: true })) : facts.append(events)),
    };
    await done(house(store, filling).cameras.change(key, define(wire("a"))));
    expect(full).toBe(-1);
    expect(await definitions(facts)).toEqual(["cam-1 1 tripwire-defined"]);
  });

  it("ends with a defect, and everyone who waits is told", async () => {
    const { store, facts } = outside();
    const broken: Log<Fact> = {
      epoch: facts.epoch,
      partitions: 4,
      read: facts.read.bind(facts),
      bounds: facts.bounds.bind(facts),
      append: () => Promise.reject(new TypeError("a defect")),
    };
    const { cameras, ran } = house(store, broken);
    await expect(cameras.change(key, define(wire("a")))).rejects.toMatchObject({ code: "closed" });
    await expect(ran).rejects.toThrow("a defect");
  });
});

const methods = (store: EventStore): EventStore => ({
  append: store.append.bind(store),
  read: store.read.bind(store),
  head: store.head.bind(store),
  follow: store.follow.bind(store),
  bookmark: store.bookmark.bind(store),
  setBookmark: store.setBookmark.bind(store),
  close: store.close.bind(store),
});
