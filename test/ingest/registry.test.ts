import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import { systemClock } from "../../adapters/clock.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { openVault } from "../../adapters/vault.ts";
import { isRefusal } from "../../domain/decider.ts";
import { keyText } from "../../domain/envelope.ts";
import { partitionOf } from "../../domain/ids.ts";
import { limits } from "../../domain/limits.ts";
import { AdapterError, type EventStore } from "../../domain/ports.ts";
import type { Asker, Changed, Registry } from "../../domain/registry.ts";
import { tenantStream } from "../../domain/streams.ts";
import { type Audit, createAudit } from "../../ingest/audit.ts";
import { type Cameras, createCameras } from "../../ingest/decide.ts";
import { createRegistry } from "../../ingest/registry.ts";
import { createRelay, type Relay } from "../../ingest/relay.ts";
import { createSensors } from "../../ingest/sensors.ts";
import { CANARY } from "../support/canary.ts";
import { factsOf, silent } from "../support/frames.ts";

const me: Asker = { subject: "me", cameraLimit: undefined, features: undefined };
const key = { tenant: "acme", camera: "front" };
const vault = openVault(["a key of thirty-two bytes, no less"]);
const url = `rtsp://admin:${CANARY}@10.1.2.3:554/stream`;

type House = { readonly registry: Registry; readonly cameras: Cameras; readonly audit: Audit; readonly stop: () => Promise<void> };
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const house = (
  store: EventStore,
  { facts } = openMemoryLogs({ partitions: 4 }),
  sealing = vault,
  meanwhile = async (): Promise<void> => undefined,
  most: number = limits.sensorsPerTenant,
): House => {
  const audit = createAudit(store);
  const relaying = createRelay({ store, facts, clock: systemClock, journal: silent, tell: audit.note });
  const relay: Relay = {
    ...relaying,
    heard: async (stream, revision) => {
      await relaying.heard(stream, revision);
      await meanwhile();
    },
  };
  const stopping = new AbortController();
  const ran = relay.run(stopping.signal).catch(() => undefined);
  const folding = { store, relay, clock: systemClock, ids: randomUUID };
  const cameras = createCameras({
    ...folding,
    limits,
    sensors: createSensors(most),
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, facts.partitions),
  });
  const network = openCameraNetwork({ allow: ["10.0.0.0/8"], ownPorts: () => [] });
  const stop = async () => {
    stopping.abort();
    await ran;
  };
  ends.push(stop);
  return { registry: createRegistry({ ...folding, cameras, urls: { vault: sealing, network } }), cameras, audit, stop };
};
const done = async (answer: Promise<Changed | object>): Promise<Changed> => {
  const changed = await answer;
  if (isRefusal(changed)) throw new Error(`${changed.refused} ${changed.path}: ${changed.detail}`);
  return changed as Changed;
};
const ids = async ({ registry }: House) => (await registry.list("acme")).map(({ id, registration }) => `${registration.channel} ${id}`);

/** A store that fails once at the named append, as if the process died there. */
const dyingAt = (store: EventStore, nth: number): EventStore => {
  let appends = 0;
  return {
    read: (stream, after, most) => store.read(stream, after, most),
    head: (stream) => store.head(stream),
    follow: (from, signal) => store.follow(from, signal),
    bookmark: (name) => store.bookmark(name),
    setBookmark: (name, at) => store.setBookmark(name, at),
    close: () => store.close(),
    append: (stream, expected, events) => {
      appends++;
      if (appends >= nth) throw new AdapterError("closed", "the process died here", { retryable: false });
      return store.append(stream, expected, events);
    },
  };
};

describe("The registry", () => {
  it("lists the cameras of a tenant by channel, and nobody else's", async () => {
    const here = house(openMemoryStore());
    await done(here.registry.create(key, { name: "Front" }, me));
    await done(here.registry.create({ ...key, camera: "back" }, {}, me));
    await done(here.registry.create({ tenant: "other", camera: "front" }, { name: "Theirs" }, me));
    expect(await ids(here)).toEqual(["1 front", "2 back"]);
    expect((await here.registry.list("other")).map(({ registration }) => registration.name)).toEqual(["Theirs"]);
    expect(await here.registry.get({ tenant: "other", camera: "back" })).toBeUndefined();
    expect((await here.registry.get({ ...key, camera: "back" }))?.registration).toMatchObject({
      name: "back",
      fps: 5,
      enabled: true,
      record: false,
    });
  });

  it("refuses a camera that is there, one beyond the limit, and what is not there", async () => {
    const here = house(openMemoryStore());
    const { registry } = here;
    await done(registry.create(key, {}, me));
    expect(await registry.create(key, {}, me)).toMatchObject({ refused: "conflict", path: "id" });
    await registry.set("acme", { cameraLimit: 2, features: ["person"] }, me);
    const lower = { ...me, cameraLimit: 1, features: ["vehicle"] };
    expect(await registry.create({ ...key, camera: "b" }, {}, lower)).toMatchObject({
      refused: "conflict",
      detail: "the camera limit of 1 is reached",
    });
    expect(await registry.create({ ...key, camera: "b" }, { features: ["person"] }, lower)).toMatchObject({
      refused: "invalid",
      path: "features",
    });
    await done(registry.create({ ...key, camera: "b" }, { features: ["person", "knife"] }, me));
    expect(await registry.create({ ...key, camera: "c" }, {}, { ...me, cameraLimit: 99 })).toMatchObject({ refused: "conflict" });
    const nowhere = { ...key, camera: "nowhere" };
    expect(await registry.change(nowhere, { name: "x" }, me)).toMatchObject({ refused: "unknown-camera" });
    expect(await registry.remove(nowhere, me)).toMatchObject({ refused: "unknown-camera" });
    expect(await registry.create({ ...key, camera: "a\0b" }, {}, me)).toMatchObject({ refused: "invalid", path: "id" });
    expect(await registry.create({ ...key, camera: "d" }, { name: "" }, { ...me })).toMatchObject({ refused: "invalid", path: "name" });
    expect(await ids(here)).toEqual(["1 front", "2 b"]);
  });

  it("removes a camera, and its name may be used again under another channel", async () => {
    const here = house(openMemoryStore());
    await done(here.registry.create(key, { name: "First" }, me));
    await done(here.registry.remove(key, me));
    expect(await ids(here)).toEqual([]);
    expect(await here.registry.get(key)).toBeUndefined();
    await done(here.registry.create(key, { name: "Second" }, me));
    expect(await ids(here)).toEqual(["2 front"]);
  });

  it("has one winner where several create the same camera, or the last one, at once", async () => {
    const store = openMemoryStore();
    const logs = openMemoryLogs({ partitions: 4 });
    const two = [house(store, logs), house(store, logs)];
    const same = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => (two[i % 2] as House).registry.create(key, {}, me)));
    expect(same.filter((answer) => !isRefusal(answer))).toHaveLength(1);
    await (two[0] as House).registry.set("acme", { cameraLimit: 3, features: "every" }, me);
    const last = await Promise.all([0, 1, 2, 3, 4].map((i) => (two[i % 2] as House).registry.create({ ...key, camera: `c${i}` }, {}, me)));
    expect(last.filter((answer) => !isRefusal(answer))).toHaveLength(2);
    expect(await ids(two[0] as House)).toEqual(await ids(two[1] as House));
  });

  it("finishes what one that died left half done, created or removed, across a restart from disk", async () => {
    const dir = mkdtempSync(join(tmpdir(), "tallywire-registry-"));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    const life = async <T>(work: (store: EventStore) => Promise<T>): Promise<T> => {
      const store = await openLmdbStore({ dir });
      try {
        return await work(store);
      } finally {
        for (const end of ends.splice(1).reverse()) await end();
        await store.close();
      }
    };
    // Added to the tenant, not registered.
    await life((store) =>
      expect(house(dyingAt(store, 2)).registry.create(key, { name: "Front", rtspUrl: url }, me)).rejects.toThrow("died"),
    );
    await life(async (store) => {
      const here = house(store);
      expect(await here.registry.create(key, { name: "Another" }, me)).toMatchObject({ refused: "conflict" });
      const [only] = await here.registry.list("acme");
      expect(only?.registration).toMatchObject({ name: "Front", channel: 1 });
      expect(await here.audit.page("acme", { camera: "front", before: undefined, limit: 9 })).toMatchObject([
        { type: "camera-registered", by: "me" },
      ]);
      expect(vault.open(only?.registration.url?.sealed as string, keyText("acme", "front"))).toBe(url);
    });
    // Unregistered, not dropped.
    await life((store) => expect(house(dyingAt(store, 2)).registry.remove(key, me)).rejects.toThrow("died"));
    await life(async (store) => {
      const here = house(store);
      expect(await ids(here)).toEqual([]);
      await done(here.registry.create(key, { name: "New" }, me));
      expect(await ids(here)).toEqual(["2 front"]);
      expect((await store.read(tenantStream("acme"))).map(({ type }) => type)).toEqual(["camera-added", "camera-dropped", "camera-added"]);
    });
  });
});

describe("A tenant", () => {
  it("decides about no more sensors than it may have, but for cameras that are created, which are counted apart", async () => {
    const { registry, cameras } = house(openMemoryStore(), openMemoryLogs({ partitions: 4 }), vault, undefined, 1);
    const settle = (tenant: string, camera: string, reorderMs: number) =>
      cameras.change({ tenant, camera }, { type: "set-sensor", settings: { reorderMs, fov: { minFrames: 1, exitAfter: 1 } } });
    await done(settle("acme", "one", 1));
    expect(await settle("acme", "two", 1)).toMatchObject({ refused: "too-many", path: "sensorId" });
    await done(settle("acme", "one", 2));
    await done(settle("other", "two", 1));
    await done(registry.create({ tenant: "acme", camera: "two" }, {}, me));
    await done(settle("acme", "two", 3));
  });
});

describe("Two at once", () => {
  it("one who finishes a camera and removes it, while its creator waits, leave nothing behind", async () => {
    const store = openMemoryStore();
    const logs = openMemoryLogs({ partitions: 4 });
    const quick = house(store, logs);
    // Its relay is asked for the first time once the other has come and gone.
    let first = true;
    const slow = house(store, logs, vault, async () => {
      if (!first) return;
      first = false;
      await expect.poll(() => ids(quick)).toEqual(["1 front"]);
      await done(quick.registry.remove(key, me));
    });
    expect(await slow.registry.create(key, {}, me)).toMatchObject({ refused: "conflict", detail: "the camera was removed meanwhile" });
    for (const one of [quick, slow]) await expect.poll(() => ids(one)).toEqual([]);
    await done(slow.registry.create(key, {}, me));
    expect(await ids(slow)).toEqual(["2 front"]);
  });

  it("one who sets the limit and one who creates, each elsewhere, go by what was set", async () => {
    const store = openMemoryStore();
    const logs = openMemoryLogs({ partitions: 4 });
    const [one, other] = [house(store, logs), house(store, logs)];
    await done(other.registry.create({ ...key, camera: "a" }, {}, me));
    await one.registry.set("acme", { cameraLimit: 2 }, me);
    await other.registry.set("acme", { features: ["person"] }, me);
    expect(await other.registry.create(key, { features: ["knife"] }, me)).toMatchObject({ refused: "invalid", path: "features" });
    await done(one.registry.create(key, { features: ["person", "knife"] }, me));
    expect(await other.registry.create({ ...key, camera: "c" }, {}, me)).toMatchObject({ refused: "conflict" });
    expect(await one.registry.tenant("acme")).toEqual({ settings: { cameraLimit: 2, features: ["person"] }, cameras: 2 });
  });
});

describe("An address", () => {
  it("whose mask is written back does not undo what another wrote meanwhile", async () => {
    const { registry, cameras } = house(openMemoryStore());
    await done(registry.create(key, { rtspUrl: url }, me));
    const masked = (await registry.get(key))?.registration.url?.masked;
    const other = { masked: "rtsp://10.9.9.9/", sealed: vault.seal("rtsp://10.9.9.9/", keyText("acme", "front")) as string };
    const change = registry.change(key, { rtspUrl: masked, name: "Renamed" }, me);
    await done(cameras.change(key, { type: "describe", changes: { url: other }, licence: "every", at: 1 }));
    await done(change);
    expect((await registry.get(key))?.registration).toMatchObject({ name: "Renamed", url: other });
  });

  it("is kept sealed, shown masked, and left as it was where the masked form is written back", async () => {
    const store = openMemoryStore();
    const logs = openMemoryLogs({ partitions: 4 });
    const { registry } = house(store, logs);
    await done(registry.create(key, { rtspUrl: url }, me));
    const kept = (await registry.get(key))?.registration.url;
    expect(kept?.masked).toBe("rtsp://admin:***@10.1.2.3:554/stream");
    await done(registry.change(key, { rtspUrl: kept?.masked, name: "Renamed" }, me));
    expect((await registry.get(key))?.registration).toMatchObject({ name: "Renamed", url: kept });
    expect(JSON.stringify([await store.read("camera-acme/front"), await store.read(tenantStream("acme"))])).not.toContain(CANARY);
    // Not even sealed: what is secret stays in one place.
    expect(JSON.stringify(await factsOf(logs.facts))).not.toContain(kept?.sealed);
    await done(registry.change(key, { rtspUrl: "" }, me));
    expect((await registry.get(key))?.registration.url).toBeUndefined();
  });

  it("is sealed anew with a new key when it is written in full, one without a password too", async () => {
    const store = openMemoryStore();
    const logs = openMemoryLogs({ partitions: 4 });
    const [old, newer] = ["the old key has thirty-two bytes or more", "the new key has thirty-two bytes or more"] as const;
    const bare = "rtsp://10.1.2.3/stream";
    const sealedBy = async (keys: readonly string[], rtspUrl: string) => {
      const { registry, stop } = house(store, logs, openVault(keys));
      if ((await registry.get(key)) === undefined) await done(registry.create(key, { rtspUrl }, me));
      else await done(registry.change(key, { rtspUrl }, me));
      const sealed = (await registry.get(key))?.registration.url?.sealed ?? "";
      await stop();
      return sealed;
    };
    const first = await sealedBy([old], bare);
    expect(await sealedBy([old], bare)).toBe(first);
    const again = await sealedBy([newer, old], bare);
    expect(openVault([newer]).open(again, keyText("acme", "front"))).toBe(bare);
    // And where the old key was lost.
    expect(openVault([newer]).open(await sealedBy([newer], bare), keyText("acme", "front"))).toBe(bare);
    const lost = await sealedBy(["a third key, which has thirty-two bytes or more"], bare);
    expect(lost).not.toBe(again);
  });

  it.each([
    ["one that is none", "http://10.1.2.3/", "must begin with rtsp:// or rtsps://"],
    ["one that cameras may not have", "rtsp://8.8.8.8/", "no camera may be at this address"],
    ["a mask that is not that of what is kept", "rtsp://admin:***@10.9.9.9/", ""],
  ])("is refused where it is %s", async (_, given, detail) => {
    const { registry } = house(openMemoryStore());
    expect(await registry.create(key, { rtspUrl: given }, me)).toMatchObject({
      refused: "invalid",
      path: "rtsp_url",
      detail: expect.stringContaining(detail),
    });
    expect(await registry.list("acme")).toEqual([]);
  });

  it("is refused where there is no key to seal it with", async () => {
    const { registry } = house(openMemoryStore(), openMemoryLogs({ partitions: 4 }), openVault([]));
    expect(await registry.create(key, { rtspUrl: url }, me)).toMatchObject({
      path: "rtsp_url",
      detail: expect.stringContaining("TALLYWIRE_SECRET_KEY"),
    });
    await done(registry.create(key, {}, me));
  });
});

describe("The audit", () => {
  it("says who changed what, newest first and page by page, of one tenant, and nothing secret", async () => {
    const store = openMemoryStore();
    const here = house(store);
    const you = { ...me, subject: "you" };
    await done(here.registry.create(key, { rtspUrl: url }, me));
    await done(here.cameras.change(key, { type: "set-sensor", settings: { reorderMs: 5, fov: { minFrames: 1, exitAfter: 1 } } }, "you"));
    await done(here.registry.create({ tenant: "other", camera: "x" }, {}, me));
    await here.registry.set("acme", { cameraLimit: 9, features: "every" }, you);
    await done(here.registry.change(key, { rtspUrl: `rtsp://u:${CANARY}@10.1.1.1/` }, you));
    await done(here.registry.remove(key, me));
    const all = await here.audit.page("acme", { camera: undefined, before: undefined, limit: 100 });
    expect(all.map(({ number, by, type, camera, revision }) => [number, by, type, camera, revision])).toEqual([
      [5, "me", "camera-unregistered", "front", 4],
      [4, "you", "camera-described", "front", 3],
      [3, "you", "tenant-set", undefined, 2],
      [2, "you", "sensor-set", "front", 2],
      [1, "me", "camera-registered", "front", 1],
    ]);
    expect(JSON.stringify(all)).not.toMatch(new RegExp(`${CANARY}|sealed|v1\\.`));
    const page = (before: number | undefined) => here.audit.page("acme", { camera: "front", before, limit: 2 });
    expect((await page(undefined)).map(({ number }) => number)).toEqual([5, 4]);
    expect((await page(4)).map(({ number }) => number)).toEqual([2, 1]);
    expect(await page(1)).toEqual([]);
    // Another process tells the same, and numbers it the same.
    const there = house(store);
    await done(
      there.cameras.change(
        { tenant: "acme", camera: "late" },
        { type: "set-sensor", settings: { reorderMs: 1, fov: { minFrames: 1, exitAfter: 1 } } },
      ),
    );
    const again = await there.audit.page("acme", { camera: "front", before: undefined, limit: 100 });
    expect(again).toEqual(all.filter(({ camera }) => camera === "front"));
  });
});
