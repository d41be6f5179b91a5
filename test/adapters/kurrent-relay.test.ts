/** Deciders and relays of two processes over one KurrentDB: they compete for one camera, and the log gets every decision in order. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openKurrentStore } from "../../adapters/store-kurrent.ts";
import type { CameraCommand } from "../../domain/camera.ts";
import { isRefusal } from "../../domain/decider.ts";
import { tripwireDefaults } from "../../domain/defaults.ts";
import type { Fact } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { limits } from "../../domain/limits.ts";
import type { Log } from "../../domain/ports.ts";
import { cameraStream } from "../../domain/streams.ts";
import { createCameras } from "../../ingest/decide.ts";
import { createRelay } from "../../ingest/relay.ts";
import { createSensors } from "../../ingest/sensors.ts";
import { type FakeKurrentDb, startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { factsOf, silent } from "../support/frames.ts";

const { entryName, exitName, ...wireDefaults } = tripwireDefaults;
const define = (id: string): CameraCommand => ({
  type: "define-tripwires",
  deleteHistory: false,
  tripwires: [
    {
      ...wireDefaults,
      id,
      name: id,
      wire: [
        { x: 0, y: 100 },
        { x: 200, y: 100 },
      ],
      direction: { p1: { x: 100, y: 150 }, p2: { x: 100, y: 50 }, entryName, exitName },
    },
  ],
});

/** What one process has: its own connection, relay and decider. */
const process = async (fake: FakeKurrentDb, facts: Log<Fact>) => {
  const store = await openKurrentStore({ url: fake.url, journal: silent });
  const relay = createRelay({ store, facts, clock: systemClock, journal: silent });
  const stopping = new AbortController();
  const ran = relay.run(stopping.signal);
  const cameras = createCameras({
    store,
    relay,
    clock: systemClock,
    ids: randomUUID,
    limits,
    sensors: createSensors(limits.sensorsPerTenant),
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, facts.partitions),
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ran;
    await store.close();
  };
  const reached = (camera: string, revision: number) =>
    expect.poll(() => relay.revision(cameraStream({ tenant: "t", camera })), { timeout: 20_000 }).toBe(revision);
  return { cameras, store, reached, stop };
};

/** Revisions of each camera as the log has them. */
const revisions = async (facts: Log<Fact>): Promise<ReadonlyMap<string, readonly number[]>> => {
  const all = new Map<string, number[]>();
  for (const fact of await factsOf(facts))
    if (fact.kind === "definition") all.set(fact.camera, [...(all.get(fact.camera) ?? []), fact.revision]);
  return all;
};
/** The revision an engine has after these, each of which it takes only when it has the one before. */
const taken = (seen: readonly number[]): number => seen.reduce((known, revision) => (revision === known + 1 ? revision : known), 0);
const isInOrder = (seen: readonly number[]): boolean => seen.every((revision, i) => revision <= Math.max(0, ...seen.slice(0, i)) + 1);

test("two processes decide about the same cameras at once while connections are lost: nothing is lost, doubled or out of order", async () => {
  const fake = await startFakeKurrentDb();
  const logs = openMemoryLogs({ partitions: 4 });
  const [one, two] = [await process(fake, logs.facts), await process(fake, logs.facts)];
  const cameras = ["cam-1", "cam-2"];
  const decided = new Map(cameras.map((camera) => [camera, new Set<string>()]));
  const work = async (own: typeof one, name: string): Promise<void> => {
    for (let n = 0; n < 20; n++)
      for (const camera of cameras) {
        const id = `${name}-${n}`;
        // Being overtaken eight times in a row is answered as a conflict: it is for the caller to say it again.
        while (isRefusal(await own.cameras.change({ tenant: "t", camera }, define(id))));
        decided.get(camera)?.add(id);
      }
  };
  const shake = async (): Promise<void> => {
    for (let n = 0; n < 5; n++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      fake.faults.answersToLose = 1;
      await new Promise((resolve) => setTimeout(resolve, 60));
      fake.dropConnections();
    }
  };
  await Promise.all([work(one, "one"), work(two, "two"), shake()]);

  const copied = await revisions(logs.facts);
  for (const camera of cameras) {
    const stream = await one.store.read(cameraStream({ tenant: "t", camera }));
    expect(stream.length).toBe(40);
    expect(new Set(stream.map(({ id }) => id)).size).toBe(40);
    for (const { cameras: known } of [one, two])
      expect(new Set((await known.camera({ tenant: "t", camera })).tripwires.keys())).toEqual(decided.get(camera));
    const seen = copied.get(camera) ?? [];
    expect(isInOrder(seen)).toBe(true);
    expect(taken(seen)).toBe(40);
  }
  for (const camera of cameras) for (const { reached } of [one, two]) await reached(camera, 40);
  await Promise.all([one.stop(), two.stop()]);

  // A third one, later, knows what was copied, and decides on what stands.
  const before = (await factsOf(logs.facts)).length;
  const three = await process(fake, logs.facts);
  for (const camera of cameras) await three.reached(camera, 40);
  await three.cameras.change({ tenant: "t", camera: "cam-1" }, define("three"));
  expect(taken((await revisions(logs.facts)).get("cam-1") ?? [])).toBe(41);
  expect((await factsOf(logs.facts)).length).toBe(before + 1);
  await three.stop();
  await fake.stop();
});

test("a change is answered once the server has come back, and stands once", async () => {
  const fake = await startFakeKurrentDb();
  const logs = openMemoryLogs({ partitions: 4 });
  const only = await process(fake, logs.facts);
  const key = { tenant: "t", camera: "cam-1" };
  await only.cameras.change(key, define("a"));
  await fake.down();
  const changing = only.cameras.change(key, define("b"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await fake.up();
  expect(isRefusal(await changing)).toBe(false);
  expect(taken((await revisions(logs.facts)).get("cam-1") ?? [])).toBe(2);
  await only.stop();
  await fake.stop();
});
