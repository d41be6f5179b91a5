import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AppOptions } from "../../api/app.ts";
import { clockIn } from "../../api/ivms/notification-present.ts";
import { plainMessage, v1Message } from "../../api/ivms/notification-schema.ts";
import type { Alert } from "../../domain/event.ts";
import { AdapterError } from "../../domain/ports.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { anAlert, connect, flood, type Loose, type Served, serveCore } from "../support/surface.ts";

const OPENED = { status: 1, code: 101, description: "Web Socket Protocol Handshake", message: "Connection Successful!", result: [] };
const CLOSED = { ...OPENED, message: "Connection Closed!" };
const asker = { subject: undefined, cameraLimit: undefined, features: undefined };

let core: FakeCore;
let served: Served;
/** What the warehouse holds beside what was raised: it may hear of alerts before the tail does. */
let ahead: Alert[];
/** Runs while the warehouse answers: what comes then is not in the answer. */
let answering: () => void;
let questions: number;

/** A fake of the warehouse: of all that was raised the newest revision of each alert that stands, the newest first. */
const askLog = async (tenant: string, { limit }: { readonly limit: number }) => {
  questions++;
  const newest = new Map([...core.log.map(({ alert }) => alert), ...ahead].map((alert) => [alert.id, alert]));
  const rows = [...newest.values()]
    .filter((alert) => alert.tenant === tenant && !alert.retracted)
    .sort((a, b) => b.end - a.end || (a.id < b.id ? 1 : -1));
  answering();
  await new Promise((resolve) => setImmediate(resolve));
  return { rows: rows.slice(0, limit), more: undefined };
};

const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}, options: Partial<AppOptions> = {}): Promise<void> => {
  core = new FakeCore(own);
  ahead = [];
  answering = () => {};
  questions = 0;
  Object.assign(core.ask, { events: askLog });
  served = await serveCore(core, options);
};
const restart = async (...how: Parameters<typeof start>): Promise<void> => {
  await served.close();
  await start(...how);
};
beforeEach(() => start());
afterEach(() => served.close());

const open = async (query = "", protocols: string[] = [], url = served.url) => {
  const peer = connect(`${url}/notification${query}`, protocols);
  await peer.opened;
  await peer.until(() => peer.messages.length > 0);
  return peer;
};
const v1 = async (query = "") => {
  const peer = await open(query, ["tallywire.v1"]);
  await peer.until(() => peer.messages.length > 1);
  return peer;
};
type Peer = Awaited<ReturnType<typeof open>>;
const idsOf = (peer: Peer): string[] => peer.messages.flatMap(({ eventDetails1 = [] }) => eventDetails1);
const alertsOf = (peer: Peer): Loose[] => peer.messages.filter(({ eventDetails1 }) => eventDetails1 !== undefined);
const toldAll = (peer: Peer, ...alerts: readonly Alert[]) => peer.until(() => idsOf(peer).length >= alerts.length);
const named = (alerts: readonly Alert[]): string[] => alerts.map(({ id }) => id);
/** An alert that is told after all that were told before, so that what is told twice shows. */
const last = async (peer: Peer): Promise<string> => {
  const alert = anAlert({ end: Date.parse("2021-09-16T06:59:59Z") });
  core.raise(alert);
  await peer.until(() => idsOf(peer).includes(alert.id));
  return alert.id;
};
const at = (second: number, own: Partial<Alert> = {}) => anAlert({ end: Date.parse("2021-09-16T06:00:00Z") + second * 1000, ...own });

describe("/notification", () => {
  it("says that it is open, then the newest alerts, the oldest of them first, then each as it is raised", async () => {
    const before = Array.from({ length: 25 }, (_, i) => at(i, { camera: i % 2 === 0 ? "even" : "odd" }));
    core.raise(...before);
    const peer = await open();
    const due = before.slice(-core.limits.notificationAlerts);
    await toldAll(peer, ...due);
    const after = [at(100), at(3)];
    core.raise(...after, at(4, { tenant: "other" }));
    await toldAll(peer, ...due, ...after);
    expect(due).toHaveLength(20);
    expect(peer.messages[0]).toEqual(OPENED);
    expect(idsOf(peer)).toEqual(named([...due, ...after]));
    for (const message of peer.messages) expect(plainMessage.parse(message)).toEqual(message);
  });

  it.each(["", "/V-Pro-IVMS-APIServer"])("is served at the root, and under %s as the document says", async (base) => {
    const peer = await open("", [], served.url + base);
    const id = await last(peer);
    expect(peer.messages[0]).toEqual(OPENED);
    expect(idsOf(peer)).toEqual([id]);
  });

  it.each([
    ["occupancy", 209],
    ["increment", 301],
    ["occupancy_threshold_switch", 302],
    ["flowrate", 303],
    ["notify", 304],
  ] as const)("says an alert of a rule of type %s as the document shows it, its type %d", async (ruleType, alertType) => {
    await core.registry.create({ tenant: "default", camera: "a" }, {}, asker);
    await core.registry.create({ tenant: "default", camera: "b" }, { name: "192.168.1.47" }, asker);
    const peer = await open();
    const alert = anAlert({ camera: "b", ruleType, end: Date.parse("2017-07-07T11:56:47.999Z") });
    core.raise(alert);
    await toldAll(peer, alert);
    expect(alertsOf(peer)).toEqual([
      {
        cameraId: 2,
        cameraName: "192.168.1.47",
        eventTime: "2017-07-07 11:56:47",
        alertMessage: alert.description,
        alertType,
        base64imageUrl: "",
        eventDetails1: alert.id,
      },
    ]);
  });

  it("ignores what is said in text, and is closed with 4400 for binary", async () => {
    const peer = await open();
    peer.socket.send("tell me");
    await last(peer);
    peer.socket.send(Buffer.from("x"));
    expect((await peer.closed).code).toBe(4400);
    expect(peer.messages.at(-1)).toEqual(CLOSED);
  });
});

describe("between the newest alerts and live ones", () => {
  it("nothing is lost or told twice, whenever it is raised and whoever hears of it first", async () => {
    core.raise(at(1), at(2, { camera: "even" }));
    core.telling = () => core.raise(at(3), at(4, { camera: "even" }));
    answering = () => core.raise(at(5), at(6, { camera: "even" }));
    let more = 3;
    core.replaying = () => {
      if (more-- > 0) core.raise(at(10 - more), at(10 - more, { camera: "even" }));
    };
    const peer = await open();
    await peer.until(() => idsOf(peer).length >= 12);
    await last(peer);
    expect(idsOf(peer).toSorted()).toEqual(named(core.log.map(({ alert }) => alert)).toSorted());
    expect(idsOf(peer).slice(0, 4)).toEqual(named(core.log.slice(0, 4).map(({ alert }) => alert)));
  });

  it("an alert that the warehouse has before we hear of it is not told again", async () => {
    const early = at(5);
    ahead = [early];
    const peer = await open();
    await toldAll(peer, early);
    core.raise(early);
    const id = await last(peer);
    expect(idsOf(peer)).toEqual([early.id, id]);
  });

  it("an alert that was told in a later revision is not told in an earlier one, and in a later still with tallywire.v1 alone", async () => {
    const early = at(5);
    ahead = [{ ...early, revision: 1 }];
    const plain = await open();
    const full = await v1();
    await toldAll(plain, early);
    await toldAll(full, early);
    core.raise(early, { ...early, revision: 1 }, { ...early, revision: 2, retracted: true });
    const ids = [await last(plain), await last(full)];
    await full.until(() => idsOf(full).includes(ids[1] as string));
    await plain.until(() => idsOf(plain).includes(ids[1] as string));
    expect(idsOf(plain)).toEqual([early.id, ...ids]);
    expect(alertsOf(full).map(({ eventDetails1, revision, retracted }) => [eventDetails1, revision, retracted])).toEqual([
      [early.id, 1, undefined],
      [early.id, 2, true],
      ...ids.map((id) => [id, 0, undefined]),
    ]);
  });

  it("a plain client is not told of later revisions that were raised meanwhile", async () => {
    const alert = at(1);
    answering = () => core.raise(alert, { ...alert, revision: 1 });
    const peer = await open();
    await toldAll(peer, alert);
    const id = await last(peer);
    expect(idsOf(peer)).toEqual([alert.id, id]);
  });

  it("the warehouse is waited for until it has what stands before the socket was opened, and told of where it has not", async () => {
    core.raise(at(1), at(2, { camera: "even" }), at(3));
    const { end } = core;
    core.settles = false;
    const peer = await open();
    await peer.until(() => idsOf(peer).length >= 3);
    expect(core.toldTails).toEqual([end]);
    expect(core.lines).toEqual(["the newest alerts are told before all that were raised can be asked for"]);
  });

  it("a warehouse that cannot be asked keeps nobody from what is live", async () => {
    Object.assign(core.ask, {
      events: async () => {
        throw new AdapterError("unavailable", "It is away.", { retryable: true });
      },
    });
    core.raise(at(1));
    const peer = await open();
    const id = await last(peer);
    expect(idsOf(peer)).toEqual([id]);
    expect(core.lines).toEqual(["the newest alerts cannot be asked for: only those that are raised from now on are told"]);
  });

  it("sockets that come together share a question, and each is told all", async () => {
    core.raise(at(1), at(2));
    const { promise, resolve } = Promise.withResolvers<void>();
    core.telling = () => promise;
    const peers = [await open()];
    core.raise(at(3));
    for (let i = 0; i < 5; i++) peers.push(await open());
    resolve();
    for (const peer of peers) {
      await peer.until(() => idsOf(peer).length >= 3);
      expect(idsOf(peer)).toEqual(named(core.log.map(({ alert }) => alert)));
    }
    expect(questions).toBe(2);
    expect(core.toldTails.at(-1)).toEqual(core.end);
    const later = await open();
    await later.until(() => idsOf(later).length >= 3);
    expect(questions).toBe(3);
  });
});

describe("before the server closes", () => {
  it("it says so when it stops", async () => {
    const peer = await open();
    await served.close();
    expect(await peer.closed).toEqual({ code: 1001, reason: "The server is stopping." });
    expect(peer.messages).toEqual([OPENED, CLOSED]);
  });

  it("it says so when the token holds no longer", async () => {
    const tokens = new FakeTokens();
    await restart({}, { tokens });
    const peer = await open(`?token=${tokens.give("good")}`);
    tokens.changeKeys("good");
    expect((await peer.closed).code).toBe(4401);
    expect(peer.messages).toEqual([OPENED, CLOSED]);
  });

  it("it says so to one that is too slow, who goes on from the reason of the close", async () => {
    await restart({ socketBufferBytes: 64 * 1024 });
    const peer = await v1();
    peer.socket.pause();
    await flood(core);
    peer.socket.resume();
    const { code, reason } = await peer.closed;
    expect([code, reason]).toEqual([4008, alertsOf(peer).at(-1).cursor]);
    expect(peer.messages.at(-1)).toEqual(CLOSED);
    const again = await v1(`?since=${reason}`);
    await again.until(() => idsOf(peer).length + idsOf(again).length >= core.log.length);
    expect([...idsOf(peer), ...idsOf(again)]).toEqual(named(core.log.map(({ alert }) => alert)));
  });

  it("it says so on a defect of ours", async () => {
    Object.assign(core.ask, {
      events: async () => {
        throw new Error("a defect");
      },
    });
    const peer = await open();
    expect((await peer.closed).code).toBe(1011);
    expect(peer.messages).toEqual([OPENED, CLOSED]);
    expect(core.lines).toEqual(["a socket could not be caught up"]);
  });

  it("it says nothing where the client closes", async () => {
    const peer = await open();
    peer.socket.close(1000);
    await peer.closed;
    expect(peer.messages).toEqual([OPENED]);
  });
});

describe("eventTime", () => {
  it.each([
    ["Europe/Berlin", "2021-03-28T00:59:59Z", "2021-03-28 01:59:59"],
    ["Europe/Berlin", "2021-03-28T01:00:00Z", "2021-03-28 03:00:00"],
    ["Europe/Berlin", "2021-10-31T00:30:00Z", "2021-10-31 02:30:00"],
    ["Europe/Berlin", "2021-10-31T01:30:00Z", "2021-10-31 02:30:00"],
    ["Europe/Berlin", "2021-12-31T23:00:00Z", "2022-01-01 00:00:00"],
    ["Asia/Kolkata", "2021-06-30T18:30:00.999Z", "2021-07-01 00:00:00"],
    ["UTC", "2021-06-30T00:00:00Z", "2021-06-30 00:00:00"],
  ])("is that of the clocks in %s at %s", (zone, instant, time) => {
    expect(clockIn(zone)(Date.parse(instant))).toBe(time);
  });

  it("is in the zone of the setting", async () => {
    await restart({}, { ivmsZone: "America/New_York" });
    const peer = await open();
    const alert = anAlert({ end: Date.parse("2021-11-07T06:00:00Z") });
    core.raise(alert);
    await toldAll(peer, alert);
    expect(alertsOf(peer)[0].eventTime).toBe("2021-11-07 01:00:00");
  });
});

describe("whose alerts", () => {
  it("are those of the token's tenant, the newest and the live ones, with the channels of its cameras", async () => {
    const tokens = new FakeTokens();
    await restart({}, { tokens, ivmsTenant: "c" });
    await core.registry.create({ tenant: "a", camera: "first" }, {}, asker);
    await core.registry.create({ tenant: "a", camera: "cam" }, { name: "of a" }, asker);
    await core.registry.create({ tenant: "b", camera: "cam" }, { name: "of b" }, asker);
    const of = (tenant: string, second: number) => at(second, { tenant, camera: "cam" });
    core.raise(of("a", 1), of("b", 2), of("c", 3));
    const peers = {
      a: await open(`?token=${tokens.give("x", { tenant: "a" })}`),
      b: await open(`?token=${tokens.give("y", { tenant: "b" })}`),
    };
    core.raise(of("a", 4), of("b", 5), of("c", 6));
    for (const tenant of ["a", "b"] as const) {
      const peer = peers[tenant];
      await peer.until(() => idsOf(peer).length >= 2);
      expect(idsOf(peer)).toEqual(named(core.log.map(({ alert }) => alert).filter((alert) => alert.tenant === tenant)));
      const seen = alertsOf(peer).map(({ cameraId, cameraName }) => [cameraId, cameraName]);
      expect(seen).toEqual(
        tenant === "a"
          ? [
              [2, "of a"],
              [2, "of a"],
            ]
          : [
              [1, "of b"],
              [1, "of b"],
            ],
      );
    }
  });

  it("are those of the setting's tenant while tokens are off", async () => {
    await restart({}, { ivmsTenant: "site" });
    const alert = at(1, { tenant: "site" });
    core.raise(at(0), alert);
    const peer = await open();
    await toldAll(peer, alert);
    expect(idsOf(peer)).toEqual([alert.id]);
  });

  it("nobody's without a token while tokens are on, or with one that lacks the scope", async () => {
    const tokens = new FakeTokens();
    await restart({}, { tokens });
    for (const query of ["", `?token=${tokens.give("blind", { scopes: new Set(["cameras:read"]) })}`])
      await expect(connect(`${served.url}/notification${query}`).opened).rejects.toThrow(query === "" ? "401" : "403");
  });
});

describe("the camera of an alert", () => {
  const key = { tenant: "default", camera: "cam" };
  const sayOf = (peer: Peer) => alertsOf(peer).map(({ cameraId, cameraName }) => [cameraId, cameraName]);
  const raised = async (peer: Peer) => {
    const alert = anAlert({ camera: key.camera });
    core.raise(alert);
    await peer.until(() => idsOf(peer).includes(alert.id));
  };

  it("is as it stands when the alert is raised: nobody's, created, renamed, removed, created again", async () => {
    await core.registry.create({ ...key, camera: "other" }, {}, asker);
    const peer = await open();
    await raised(peer);
    await core.registry.create(key, { name: "Entry" }, asker);
    await raised(peer);
    await core.registry.change(key, { name: "Exit" }, asker);
    await raised(peer);
    await core.registry.remove(key, asker);
    await raised(peer);
    await core.registry.create(key, { name: "Entry" }, asker);
    await raised(peer);
    expect(sayOf(peer)).toEqual([
      [0, "cam"],
      [2, "Entry"],
      [2, "Exit"],
      [0, "cam"],
      [3, "Entry"],
    ]);
  });

  it("may take long to look up: what is raised meanwhile keeps its order, and a cursor is not ahead of it", async () => {
    await restart({ pingMs: 100 });
    const { get } = core.registry;
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(core.registry, { get: (asked: typeof key) => (asked.camera === "cam" ? promise.then(() => get(asked)) : get(asked)) });
    const peer = await v1();
    const before = peer.messages[1].cursor;
    const alerts = [anAlert({ camera: "cam" }), anAlert({ camera: "swift" }), anAlert({ camera: "cam" }), anAlert({ camera: "swift" })];
    for (const alert of alerts) {
      core.raise(alert);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const beats = () => peer.messages.filter(({ heartbeat }) => heartbeat !== undefined);
    await peer.until(() => beats().length >= 3);
    expect(idsOf(peer)).toEqual([]);
    const resumed = connect(`${served.url}/notification?since=${beats().at(-1).cursor}`, ["tallywire.v1"]);
    await resumed.opened;
    resolve();
    for (const each of [peer, resumed]) {
      await toldAll(each, ...alerts);
      expect(idsOf(each).toSorted()).toEqual(named(alerts).toSorted());
    }
    expect(idsOf(peer)).toEqual(named(alerts));
    expect(before).toEqual(expect.any(String));
  });

  it("is the last known where it cannot be looked up, and that is journaled", async () => {
    await core.registry.create(key, { name: "Entry" }, asker);
    const peer = await open();
    await raised(peer);
    Object.assign(core.registry, {
      get: async () => {
        throw new AdapterError("unavailable", "The store is away.", { retryable: true });
      },
    });
    await raised(peer);
    expect(sayOf(peer)).toEqual([
      [1, "Entry"],
      [1, "Entry"],
    ]);
    expect(core.lines).toEqual(["channels and names of cameras cannot be had: notifications have the last known"]);
  });

  it("is the last known where looking it up does not end, and that is journaled", async () => {
    await restart({ afterMs: 50 });
    Object.assign(core.registry, { get: () => new Promise(() => {}) });
    const peer = await open();
    await raised(peer);
    expect(sayOf(peer)).toEqual([[0, "cam"]]);
    expect(core.lines).toContain("channels and names of cameras cannot be had: notifications have the last known");
  });
});

describe("base64imageUrl", () => {
  const recorded = [{ start: 0, end: Date.parse("2030-01-01T00:00:00Z") }];
  const urlsOf = (peer: Peer): string[] => alertsOf(peer).map(({ base64imageUrl }) => base64imageUrl);
  const end = Date.parse("2021-09-16T06:59:59.999Z");
  const snap = `/v2/hls/Amcrest_3/2021-09-16/06/snap-${end}.jpg?grant=`;

  it("is the address of a picture of its end, by the name the socket was opened by; alike for equals, of whom one is asked", async () => {
    let asked = 0;
    const { isRecorded } = core.video;
    core.video.recorded = recorded;
    core.video.isRecorded = (...how) => {
      asked++;
      return isRecorded(...how);
    };
    const other = served.url.replace("127.0.0.1", "localhost");
    const peers = [await open(), await open(), await open("", [], other)];
    core.raise(anAlert({ end }));
    for (const peer of peers) await peer.until(() => idsOf(peer).length > 0);
    const [one, two, three] = peers.map((peer) => urlsOf(peer)[0] as string);
    expect(one?.startsWith(served.url + snap)).toBe(true);
    expect(two).toBe(one);
    expect(three?.startsWith(other + snap)).toBe(true);
    expect(asked).toBe(2);
    const picture = await fetch(one as string);
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  });

  it("begins with the address of the setting, where there is one", async () => {
    await restart({}, { publicUrl: "https://tally.example" });
    core.video.recorded = recorded;
    const peer = await open();
    core.raise(anAlert({ end }));
    await peer.until(() => idsOf(peer).length > 0);
    expect(urlsOf(peer)[0]?.startsWith(`https://tally.example${snap}`)).toBe(true);
  });

  it("is empty where nothing was recorded", async () => {
    const peer = await open();
    await last(peer);
    expect(urlsOf(peer)).toEqual([""]);
  });
});

describe("with tallywire.v1", () => {
  it("says that it is open, a cursor, the newest alerts, and resumes from any cursor without loss or repeat", async () => {
    core.raise(at(1), at(2, { camera: "even" }));
    const first = await v1();
    await first.until(() => idsOf(first).length >= 2);
    const start = first.messages[1].cursor;
    expect(first.messages.slice(0, 2)).toEqual([OPENED, { heartbeat: expect.any(String), cursor: expect.any(String) }]);
    for (let i = 0; i < 6; i++) core.raise(at(10 + i, { camera: i % 2 === 0 ? "even" : "odd" }));
    await first.until(() => idsOf(first).length >= 8);
    for (const message of first.messages) expect(v1Message.parse(message)).toEqual(message);
    const cursors = [
      start,
      ...alertsOf(first)
        .slice(2)
        .map(({ cursor }) => cursor),
    ];
    expect(new Set(cursors).size).toBe(7);
    for (const [told, cursor] of cursors.entries()) {
      let more = 2;
      core.replaying = () => {
        if (more-- > 0) core.raise(anAlert(), anAlert({ camera: "even" }));
      };
      const peer = await v1(`?since=${cursor}`);
      const due = () => core.log.slice(2 + told).map(({ alert }) => alert.id);
      await peer.until(() => idsOf(peer).length >= due().length);
      await last(peer);
      expect(idsOf(peer).toSorted()).toEqual(due().toSorted());
      expect(peer.messages.slice(0, 2)).toEqual([OPENED, { heartbeat: expect.any(String), cursor }]);
      peer.socket.close();
    }
  });

  it("tells every revision, a gap, what is wrong with a cursor; and a cursor needs it", async () => {
    const first = await v1();
    const alert = anAlert();
    core.raise(alert, { ...alert, revision: 1, retracted: true });
    await first.until(() => idsOf(first).length >= 2);
    expect(alertsOf(first).map(({ revision, retracted }) => [revision, retracted])).toEqual([
      [0, undefined],
      [1, true],
    ]);
    for (let i = 0; i < 4; i++) core.raise(anAlert(), anAlert({ camera: "even" }));
    core.start = [3, 3];
    const { cursor } = first.messages[1];
    const late = await v1(`?since=${cursor}`);
    await late.until(() => late.messages.length > 2);
    expect(late.messages[2]).toEqual({ gap: { from: cursor, to: late.messages[2].cursor }, cursor: expect.any(String) });
    const forged = await v1("?since=AAAA");
    expect((await forged.closed).code).toBe(4400);
    expect(forged.messages).toEqual([OPENED, { error: { path: "since", detail: expect.any(String) } }, CLOSED]);
    for (const message of [...late.messages, ...forged.messages]) expect(v1Message.parse(message)).toEqual(message);
    expect((await (await open(`?since=${cursor}`)).closed).code).toBe(4400);
  });
});
