import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { betweenLog } from "../../domain/between.ts";
import type { Fact, Frame } from "../../domain/event.ts";
import { AdapterError, type AdapterErrorCode, type Log } from "../../domain/ports.ts";
import { frame, json, NOW, ndjson, object, openDoor, received, refused } from "../support/frames.ts";

const many = (count: number, over: (i: number) => object = () => ({})): object[] =>
  Array.from({ length: count }, (_, i) => frame({ id: `f${i}`, ...over(i) }));

/** A log whose appends wait for `open`, and fail where `open` is given an error. */
const gated = () => {
  const gates: { open: (error?: Error) => void }[] = [];
  const between = (log: Log<Fact>): Log<Fact> =>
    betweenLog(log, {
      append: async (events) => {
        await new Promise<void>((resolve, reject) => gates.push({ open: (error) => (error === undefined ? resolve() : reject(error)) }));
        return log.append(events);
      },
    });
  const next = async (): Promise<(error?: Error) => void> => {
    while (gates.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return (gates.shift() as { open: (error?: Error) => void }).open;
  };
  return { between, next, waiting: () => gates.length };
};
const failure = (code: AdapterErrorCode): AdapterError => new AdapterError(code, "the disk says no", { retryable: true });

describe("the door", () => {
  it("takes frames of no more sensors of a tenant than it may have, and of those it knows as before", async () => {
    const door = openDoor({ limits: { sensorsPerTenant: 2 } });
    const { accepted, rejected } = received(await door.send(ndjson(...many(4, (i) => ({ sensorId: `cam-${i}` })))));
    expect(accepted).toBe(2);
    expect(rejected.map(({ line, detail }) => [line, detail])).toEqual([
      [3, "sensorId: the tenant has 2 sensors, and may have no more"],
      [4, "sensorId: the tenant has 2 sensors, and may have no more"],
    ]);
    expect(received(await door.send(ndjson(frame({ id: "later", sensorId: "cam-1" })))).accepted).toBe(1);
  });

  it("answers with a position in each partition it wrote to, at the last thing written there", async () => {
    const door = openDoor();
    const { accepted, reached } = received(await door.send(ndjson(...many(40, (i) => ({ sensorId: `cam-${i}` })))));
    expect(accepted).toBe(40);
    expect(reached.size).toBe(4);
    for (const [partition, position] of reached) {
      const positions: number[] = [];
      for await (const batch of door.logs.facts.read(partition, "start")) positions.push(...batch.positions);
      expect(position).toBe(Math.max(...positions));
    }
  });

  it("keeps the order of a sensor's frames, late ones too", async () => {
    const door = openDoor();
    const times = ["11:59:58", "11:59:56", "11:59:57"];
    await door.send(ndjson(...times.map((time) => frame({ id: time, timestamp: `2026-01-01T${time}Z` }))));
    expect((await door.facts()).map((fact) => (fact as Frame).id)).toEqual(times);
  });

  it("counts each tenant's own", async () => {
    const door = openDoor();
    for (const tenant of ["t1", "t2", "t2"]) await door.receiver.receive(tenant, ndjson(frame({ objects: [object()] }), "{"));
    expect(Object.fromEntries(door.counts)).toMatchObject({
      "tallywire_frames_total t1": 1,
      "tallywire_frames_total t2": 1,
      "tallywire_duplicates_total t2": 1,
      "tallywire_rejected_total t1 syntax": 1,
      "tallywire_rejected_total t2 syntax": 2,
    });
  });

  it("counts what it took in and what it did not", async () => {
    const door = openDoor();
    const objects = [object(), object({ id: -1 }), object({ id: "" })];
    await door.send(ndjson(frame({ objects }), frame({ objects }), frame({ id: "2", objects: [] }), "{"));
    expect(Object.fromEntries(door.counts)).toEqual({
      "tallywire_frames_total t1": 2,
      "tallywire_objects_total t1": 3,
      "tallywire_unusable_objects_total t1": 2,
      "tallywire_duplicates_total t1": 1,
      "tallywire_rejected_total t1 syntax": 1,
      tallywire_append_seconds: 1,
    });
  });

  it("takes an array, one frame, and what GET /frames answers", async () => {
    const door = openDoor();
    expect(received(await door.send(json([frame({ id: "a" }), 7, frame({ id: "b" })])))).toMatchObject({
      accepted: 2,
      rejected: [{ line: 2, detail: "a frame must be an object, but is a number" }],
    });
    expect(received(await door.send(json(frame({ id: "c" })))).accepted).toBe(1);
    expect(received(await door.send(json({ frames: [frame({ id: "d" }), frame({ id: "c" })] })))).toMatchObject({
      accepted: 1,
      duplicates: 1,
    });
  });

  it("keeps tenants apart", async () => {
    const door = openDoor();
    await door.send(json(frame()));
    expect(received(await door.receiver.receive("t2", json(frame()))).accepted).toBe(1);
    expect((await door.facts()).map((fact) => fact.tenant).sort()).toEqual(["t1", "t2"]);
  });
});

describe("a repeat", () => {
  it("is recognised within a body and in a later one, and answered with where the first one stands", async () => {
    const door = openDoor();
    const first = received(await door.send(ndjson(frame(), frame())));
    expect(first).toMatchObject({ accepted: 1, duplicates: 1 });
    const again = received(await door.send(ndjson(frame({ objects: [] }))));
    expect(again).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(again.reached).toEqual(first.reached);
    expect(await door.facts()).toHaveLength(1);
  });

  it("without an id is known by its objects, however they are written", async () => {
    const door = openDoor();
    const bare = { ...frame(), id: undefined };
    await door.send(json(bare));
    const [{ id }] = (await door.facts()) as [Frame];
    expect(id).toMatch(/^#[0-9a-f]{32}$/);
    const rewritten =
      '{"objects":[{"type":"Person","bbox":{"bottomY":60.0,"rightX":3e1,"topY":20,"leftX":10},"id":1,"confidence":0.90}],"timestamp":"2026-01-01T12:59:59+01:00","sensorId":"cam-1","extra":1}';
    expect(received(await door.send(json(rewritten)))).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(received(await door.send(json({ ...bare, objects: [object({ confidence: 0.8 })] }))).accepted).toBe(1);
  });

  it("is forgotten after so many others of its partition", async () => {
    const door = openDoor({ limits: { rememberedFrames: 10 } });
    await door.send(ndjson(...many(11)));
    expect(received(await door.send(ndjson(frame({ id: "f1" }))))).toMatchObject({ duplicates: 1 });
    expect(received(await door.send(ndjson(frame({ id: "f0" }))))).toMatchObject({ accepted: 1, duplicates: 0 });
  });

  it("is not acknowledged before the first is durable: it is taken in too", async () => {
    const gate = gated();
    const door = openDoor({ between: gate.between });
    const first = door.send(json(frame()));
    const openFirst = await gate.next();
    const second = door.send(json(frame()));
    const openSecond = await gate.next();
    openFirst(failure("unavailable"));
    expect(refused(await first).problem).toBe("unavailable");
    openSecond();
    expect(received(await second)).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(received(await door.send(json(frame())))).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(await door.facts()).toHaveLength(1);
  });

  it("of what could not be written is taken in", async () => {
    const gate = gated();
    const door = openDoor({ between: gate.between });
    const lost = door.send(ndjson(...many(5, (i) => ({ sensorId: `cam-${i}` }))));
    (await gate.next())(failure("full"));
    expect(refused(await lost)).toEqual({ problem: "unavailable", detail: "the log is full" });
    expect(door.counts.get("tallywire_frames_total t1")).toBeUndefined();
    const again = door.send(ndjson(...many(5, (i) => ({ sensorId: `cam-${i}` }))));
    (await gate.next())();
    expect(received(await again)).toMatchObject({ accepted: 5, duplicates: 0 });
  });

  it("is answered without writing, so a full log does not stand in its way", async () => {
    const gate = gated();
    const door = openDoor({ between: gate.between });
    const first = door.send(json(frame()));
    (await gate.next())();
    await first;
    expect(received(await door.send(json(frame()))).duplicates).toBe(1);
    expect(gate.waiting()).toBe(0);
  });
});

describe("back-pressure", () => {
  it("answers busy when more waits than may, and takes in again when it is written", async () => {
    const gate = gated();
    const body = json(frame());
    const door = openDoor({ between: gate.between, limits: { pendingBytes: body.body.length * 2 } });
    const waiting = [door.send(json(frame())), door.send(json(frame({ id: "f2" })))];
    expect(refused(await door.send(json(frame({ id: "f3" })))).problem).toBe("busy");
    expect(door.counts.get("tallywire_throttled_total t1")).toBe(1);
    (await gate.next())();
    (await gate.next())();
    for (const answer of await Promise.all(waiting)) received(answer);
    const later = door.send(json(frame({ id: "f3" })));
    (await gate.next())();
    expect(received(await later).accepted).toBe(1);
  });

  it("counts unpacked bytes", async () => {
    const gate = gated();
    const packed = gzipSync(`${JSON.stringify(frame())}${" ".repeat(10_000)}`);
    const door = openDoor({ between: gate.between, limits: { pendingBytes: 5000 } });
    expect(refused(await door.send({ contentType: "application/json", encoding: "gzip", body: packed })).problem).toBe("busy");
    const small = door.send(json(frame()));
    (await gate.next())();
    expect(received(await small).accepted).toBe(1);
  });

  it("is let go after a defect in the log, which is not hidden", async () => {
    const gate = gated();
    const door = openDoor({ between: gate.between, limits: { pendingBytes: 1000 } });
    const broken = door.send(json(frame()));
    (await gate.next())(new TypeError("a defect"));
    await expect(broken).rejects.toThrow("a defect");
    const later = door.send(json(frame()));
    (await gate.next())();
    expect(received(await later)).toMatchObject({ accepted: 1, duplicates: 0 });
  });

  it("drains: what is under way ends, nothing more begins", async () => {
    const gate = gated();
    const door = openDoor({ between: gate.between });
    const last = door.send(json(frame()));
    const open = await gate.next();
    let drained = false;
    const draining = door.receiver.drain().then(() => {
      drained = true;
    });
    expect(refused(await door.send(json(frame({ id: "f2" })))).problem).toBe("unavailable");
    expect(drained).toBe(false);
    open();
    await draining;
    expect(received(await last).accepted).toBe(1);
  });
});

describe("release", () => {
  it("lets go each sensor of the body after its frames, naming the newest, repeated ones too", async () => {
    const door = openDoor();
    const late = frame({ id: "late", timestamp: "2026-01-01T11:59:50Z" });
    await door.send(ndjson(frame()));
    const body = ndjson(frame(), late, frame({ sensorId: "cam-2", id: "x" }));
    const answer = received(await door.receiver.receive("t1", { ...body, release: true }));
    expect(answer).toMatchObject({ accepted: 2, duplicates: 1 });
    const facts = await door.facts();
    expect(facts.filter((fact) => fact.kind === "heartbeat")).toEqual(
      [
        ...["cam-1", "cam-2"].map((camera) => ({
          kind: "heartbeat",
          tenant: "t1",
          camera,
          receivedAt: NOW,
          at: NOW - 1000,
          frame: { timestamp: NOW - 1000, id: camera === "cam-1" ? "f1" : "x" },
          release: true,
        })),
      ].sort((a, b) => facts.findIndex((f) => f.camera === a.camera) - facts.findIndex((f) => f.camera === b.camera)),
    );
    for (const camera of ["cam-1", "cam-2"]) expect(facts.filter((fact) => fact.camera === camera).at(-1)?.kind).toBe("heartbeat");
  });

  it("releases nothing where nothing was readable", async () => {
    const door = openDoor();
    received(await door.receiver.receive("t1", { ...ndjson("{"), release: true }));
    expect(await door.facts()).toEqual([]);
  });
});

describe("a camera's state", () => {
  const state = { at: NOW, state: "offline", change: "camera_remove", reason: "unplugged" } as const;

  it("becomes a fact of its camera", async () => {
    const door = openDoor();
    const reached = await door.receiver.receiveState({ tenant: "t1", camera: "cam-1" }, state);
    expect([...(reached as ReadonlyMap<number, number>).values()]).toEqual([0]);
    expect(await door.facts()).toEqual([{ kind: "camera-state", tenant: "t1", camera: "cam-1", receivedAt: NOW, ...state }]);
  });

  it.each([
    ["a camera id with NUL", "a\0b", state],
    ["an instant that is none", "cam-1", { ...state, at: Number.NaN }],
    ["an instant far ahead", "cam-1", { ...state, at: NOW + 10_001 }],
    ["a reason too long", "cam-1", { ...state, reason: "x".repeat(4097) }],
    ["half a surrogate pair", "cam-1", { ...state, change: "\ud800" }],
  ])("is refused with %s", async (_, camera, given) => {
    const door = openDoor();
    expect(refused(await door.receiver.receiveState({ tenant: "t1", camera }, given)).problem).toBe("unreadable");
    expect(await door.facts()).toEqual([]);
  });
});
