import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { grantsBy } from "../../api/grants.ts";
import { eventBody } from "../../api/myvms/event.ts";
import { event, plainMessage, v1Message } from "../../api/myvms/event-schema.ts";
import type { Alert, Sighting } from "../../domain/event.ts";
import { traceId } from "../../domain/ids.ts";
import { FakeCore } from "../support/core.ts";
import { anAlert, connect, flood, type Loose, type Served, serveCore } from "../support/surface.ts";

const path = "/v2/ws/events";
let core: FakeCore;
let served: Served;
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}): Promise<void> => {
  core = new FakeCore(own);
  served = await serveCore(core);
};
beforeEach(() => start());
afterEach(() => served.close());

/** What an event is said with. */
const saying = () => ({ core, grants: grantsBy(core.epoch) });

const open = async (query = "", protocols: string[] = []) => {
  const peer = connect(served.url + path + query, protocols);
  await peer.opened;
  return peer;
};
/** With tallywire.v1, once it has its first cursor. */
const v1 = async (query = "") => {
  const peer = await open(query, ["tallywire.v1"]);
  await peer.until(() => peer.messages.length > 0);
  return peer;
};
const idsOf = (messages: readonly Loose[]): string[] => messages.flatMap(({ data }) => (data === undefined ? [] : [data.id]));
const seen = (own: Partial<Sighting> = {}): Sighting => ({
  id: "42",
  type: "violence",
  bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 },
  confidence: 0.87,
  info: undefined,
  ...own,
});
const notice = (type: string, own: Partial<Alert> = {}) => anAlert({ ruleType: "notify", objects: [seen({ type })], ...own });

describe("an event", () => {
  it("of a rule of type notify has the type of its object, its box, track and confidence", () => {
    const alert = notice("violence", { camera: "cam-front-01", direction: undefined });
    const body = eventBody(saying(), { ...alert, cause: { ...alert.cause, to: { ...alert.cause.to, modelVersion: "yolo@2026-05-01" } } });
    expect(event.parse(body)).toEqual({
      id: alert.id,
      tenant_id: "default",
      camera_id: "cam-front-01",
      type: "violence",
      confidence: 0.87,
      payload: {
        boxes: [{ leftX: 1, topY: 2, rightX: 3, bottomY: 4 }],
        track_id: 42,
        alert: {
          id: alert.id,
          rule_id: "78956",
          rule_name: "lobby entry/exits",
          rule_type: "notify",
          rule_version: 3,
          type: "fov",
          place_id: "cam-front-01",
          place_name: "",
          count: 10,
          severity: "warning",
          description: "10 people entered fov",
          start: "2021-09-16T06:06:58.800Z",
          end: "2021-09-16T06:06:59.534Z",
          revision: 0,
        },
      },
      snapshot_url: null,
      trace_id: traceId(alert.id),
      model_version: "yolo@2026-05-01",
      ts: "2021-09-16T06:06:59.534Z",
    });
  });

  it("of another rule has the rule's type, and where it names nobody neither boxes nor track nor confidence", () => {
    const body = event.parse(eventBody(saying(), anAlert({ ruleType: "occupancy_threshold_switch", direction: "up", objects: undefined })));
    expect(body).toMatchObject({ type: "occupancy_threshold_switch", confidence: null, model_version: null });
    expect(body.payload).toMatchObject({ boxes: [], track_id: null, alert: { direction: "up" } });
  });

  it("has the lowest confidence of its objects, those without one aside", () => {
    const objects = [seen({ confidence: 0.9 }), seen({ confidence: undefined }), seen({ confidence: 0.4 })];
    expect(eventBody(saying(), anAlert({ objects })).confidence).toBe(0.4);
    expect(eventBody(saying(), anAlert({ objects: [seen({ confidence: undefined })] })).confidence).toBeNull();
  });

  it.each([
    ["42", 42],
    ["0", 0],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", "9007199254740993"],
    ["007", "007"],
    ["-1", "-1"],
    ["1e3", "1e3"],
    ["", ""],
    ["person-7", "person-7"],
  ])("says the track %j as %j, so that no digit is lost", (id, track) => {
    expect(eventBody(saying(), anAlert({ objects: [seen({ id })] })).payload.track_id).toBe(track);
  });

  it("has a trace id of its own, the same one whenever it is told", () => {
    const [one, other] = [anAlert(), anAlert()];
    const traces = [one, one, other].map((alert) => eventBody(saying(), alert).trace_id);
    expect(traces[0]).toBe(traces[1]);
    expect(new Set([...traces, one.id, other.id]).size).toBe(4);
  });
});

describe("the socket of events", () => {
  it("tells a plain client each event of its tenant in a message of its own, from the moment of connection", async () => {
    const peer = await open();
    const alerts = [anAlert(), notice("license_plate"), anAlert({ camera: "other" })];
    core.raise(anAlert({ tenant: "other" }), ...alerts);
    await peer.until(() => peer.messages.length >= 3);
    for (const message of peer.messages) expect(plainMessage.parse(message)).toEqual(message);
    expect(peer.messages).toEqual(alerts.map((alert) => ({ v: 2, data: eventBody(saying(), alert) })));
  });

  it("tells a plain client revision 0 only, tallywire.v1 each", async () => {
    const plain = await open();
    const full = await v1();
    const first = anAlert();
    const last = anAlert();
    core.raise(first, { ...first, revision: 1, retracted: true }, last);
    await full.until(() => idsOf(full.messages).length === 3);
    await plain.until(() => plain.messages.length === 2);
    expect(idsOf(plain.messages)).toEqual([first.id, last.id]);
    expect(full.messages.slice(1).map(({ data }) => [data.id, data.revision, data.retracted])).toEqual([
      [first.id, 0, undefined],
      [first.id, 1, true],
      [last.id, 0, undefined],
    ]);
    for (const message of full.messages) expect(v1Message.parse(message)).toEqual(message);
  });

  it("is narrowed by cameras and types, of rules and of objects, any of each", async () => {
    const peer = await open("?camera_id=a&camera_id=b&type=violence&type=occupancy");
    const told = [notice("violence", { camera: "a" }), anAlert({ camera: "b", ruleType: "occupancy" })];
    core.raise(
      notice("violence", { camera: "c" }),
      notice("person", { camera: "a" }),
      anAlert({ camera: "a" }),
      // Its objects are of the type, the event is not.
      anAlert({ camera: "b", objects: [seen()] }),
      ...told,
    );
    await peer.until(() => peer.messages.length >= 2);
    expect(idsOf(peer.messages)).toEqual(told.map(({ id }) => id));
  });

  it("takes a camera called * for one of that name", async () => {
    const peer = await open("?camera_id=*");
    const told = anAlert({ camera: "*" });
    core.raise(anAlert({ camera: "a" }), told);
    await peer.until(() => peer.messages.length > 0);
    expect(idsOf(peer.messages)).toEqual([told.id]);
  });

  it.each(["?camera_id=", "?type=", "?camera_id=a%00b", `?camera_id=${"x".repeat(257)}`, `?${"type=x&".repeat(1001)}`])(
    "is closed with 4400 where it is narrowed by what can be no name, or by too many",
    async (query) => {
      const peer = await open(query);
      expect((await peer.closed).code).toBe(4400);
    },
  );

  it("ignores what is said in text, and is closed with 4400 for binary", async () => {
    const peer = await open();
    peer.socket.send('{"subscribe":"all"}');
    core.raise(anAlert());
    await peer.until(() => peer.messages.length > 0);
    expect(peer.messages).toHaveLength(1);
    peer.socket.send(Buffer.from("x"));
    expect((await peer.closed).code).toBe(4400);
  });

  it("begins with a cursor for tallywire.v1, and resumes from any without loss or repeat, while more is raised", async () => {
    const first = await v1();
    const cursors = [first.messages[0].cursor];
    core.raise(...Array.from({ length: 5 }, (_, i) => anAlert({ camera: `cam${"x".repeat(i % 2)}` })));
    core.raise(...Array.from({ length: 4 }, (_, i) => anAlert({ camera: `cam${"x".repeat(i % 2)}` })));
    await first.until(() => idsOf(first.messages).length === 9);
    cursors.push(...first.messages.slice(1).map(({ cursor }) => cursor));
    expect(new Set(cursors).size).toBe(10);
    for (const [told, cursor] of cursors.entries()) {
      let more = 2;
      core.replaying = () => {
        if (more-- > 0) core.raise(anAlert(), anAlert({ camera: "even" }));
      };
      const peer = await v1(`?since=${cursor}`);
      core.raise(anAlert());
      const due = () => core.log.slice(told).map(({ alert }) => alert.id);
      await peer.until(() => idsOf(peer.messages).length >= due().length);
      core.raise(anAlert());
      await peer.until(() => idsOf(peer.messages).length >= due().length);
      expect(idsOf(peer.messages).sort()).toEqual(due().sort());
      expect(peer.messages[0]).toEqual({ v: 2, heartbeat: expect.any(String), cursor });
      peer.socket.close();
    }
  });

  it("has cursors that go on also in the middle of more events than may wait at once", async () => {
    await served.close();
    await start({ pageRows: 3 });
    const first = await v1();
    core.raise(...Array.from({ length: 10 }, (_, i) => anAlert({ camera: i % 2 === 0 ? "even" : "odd" })));
    await first.until(() => idsOf(first.messages).length === 10);
    for (const [told, { cursor }] of first.messages.entries()) {
      const peer = await v1(`?since=${cursor}`);
      await peer.until(() => idsOf(peer.messages).length >= 10 - told);
      // The order holds per partition.
      expect(idsOf(peer.messages).sort()).toEqual(idsOf(first.messages).slice(told).sort());
      peer.socket.close();
    }
  });

  it("goes on where a slow client was closed, although one moment brought many events", async () => {
    await served.close();
    await start({ socketBufferBytes: 64 * 1024 });
    const peer = await v1();
    peer.socket.pause();
    await flood(core);
    peer.socket.resume();
    const { code, reason } = await peer.closed;
    expect([code, reason]).toEqual([4008, peer.messages.at(-1).cursor]);
    const again = await v1(`?since=${reason}`);
    await again.until(() => idsOf(peer.messages).length + idsOf(again.messages).length >= core.log.length);
    expect([...idsOf(peer.messages), ...idsOf(again.messages)]).toEqual(core.log.map(({ alert }) => alert.id));
  });

  it("tells a gap for a past that is gone, and a heartbeat with a cursor that goes on", async () => {
    await served.close();
    await start({ pingMs: 100 });
    const { cursor } = (await v1()).messages[0];
    for (let i = 0; i < 6; i++) core.raise(anAlert({ camera: i % 2 === 0 ? "even" : "odd" }));
    core.start = [3, 3];
    const peer = await v1(`?since=${cursor}`);
    await peer.until(() => peer.messages.length >= 3);
    expect(peer.messages[1]).toEqual({ v: 2, gap: { from: cursor, to: peer.messages[1].cursor }, cursor: expect.any(String) });
    expect(peer.messages[2]).toEqual({ v: 2, heartbeat: expect.any(String), cursor: peer.messages[1].cursor });
    for (const message of peer.messages) expect(v1Message.parse(message)).toEqual(message);
    const live = anAlert();
    core.raise(live);
    await peer.until(() => idsOf(peer.messages).length > 0);
    expect(idsOf(peer.messages)).toEqual([live.id]);
  });

  it("says what is wrong with a cursor to who knows tallywire.v1, and needs it for one", async () => {
    const forged = await v1("?since=AAAA");
    expect((await forged.closed).code).toBe(4400);
    expect(v1Message.parse(forged.messages[0])).toEqual({ v: 2, error: { path: "since", detail: expect.any(String) } });
    expect((await (await open("?since=AAAA")).closed).code).toBe(4400);
  });
});
