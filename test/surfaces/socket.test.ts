import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Tokens } from "../../api/caller.ts";
import { FakeCore } from "../support/core.ts";
import { cursorInClear } from "../support/cursor.ts";
import { anAlert, connect, type Loose, type Served, serveCore } from "../support/surface.ts";

const everything = [
  {
    sensorId: "*",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
    fov: { alertRuleTypes: ["*"] },
  },
];
const specific = [
  {
    sensorId: "Amcrest_1",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["increment"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["increment"] }],
    fov: { alertRuleTypes: [] },
  },
];
/** The filter by which the document explains its three levels. */
const levels = [
  {
    sensorId: "Amcrest_1",
    tripwires: [
      { tripwireId: "TW1", alertRuleTypes: ["increment", "flowrate"] },
      { tripwireId: "TW2", alertRuleTypes: ["flowrate"] },
    ],
    rois: [
      { roiId: "cc1", alertRuleTypes: ["increment"] },
      { roiId: "cc2", alertRuleTypes: ["occupancy"] },
    ],
    fov: { alertRuleTypes: ["occupancy"] },
  },
  {
    sensorId: "Amcrest_2",
    tripwires: [{ tripwireId: "TW4", alertRuleTypes: ["increment", "flowrate"] }],
    rois: [],
    fov: { alertRuleTypes: [] },
  },
];

let core: FakeCore;
let served: Served;
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}, options = {}): Promise<void> => {
  core = new FakeCore(own);
  served = await serveCore(core, options);
};
const path = "/api/v2/alerts/ws";
const open = async (query = "", protocols: string[] = [], at = path) => {
  const peer = connect(served.url + at + query, protocols);
  await peer.opened;
  return peer;
};
/** With tallywire.v1, once the filter is acknowledged. */
const filtered = async (filter: unknown) => {
  const peer = await open("", ["tallywire.v1"]);
  peer.socket.send(JSON.stringify(filter));
  await peer.until(() => peer.messages.length > 0);
  return peer;
};
const v1 = (query = "") => open(query, ["tallywire.v1"]);
const asQuery = (filter: unknown) => `?filter=${encodeURIComponent(JSON.stringify(filter))}`;
const idsOf = (messages: readonly Loose[]): string[] =>
  messages.flatMap((message) => (message.alerts ?? []).map(({ id }: { id: string }) => id));
const tripwireAlert = (camera: string, id: string, own = {}) =>
  anAlert({ camera, place: { analytic: "tripwire", id, epoch: 0 }, placeName: id, ...own });
const roiAlert = (camera: string, id: string, own = {}) =>
  anAlert({ camera, place: { analytic: "roi", id, epoch: 0 }, placeName: id, ...own });

beforeEach(() => start());
afterEach(() => served.close());

describe("a plain socket", () => {
  it.each([path, "/emdx/api/v2/alerts/ws", "/ws-emdx/api/v2/alerts/ws"])("at %s is sent alerts and nothing else", async (at) => {
    const peer = await open(asQuery(everything), [], at);
    const alert = anAlert();
    core.raise(alert);
    await peer.until(() => peer.messages.length > 0);
    expect(peer.messages).toHaveLength(1);
    expect(Object.keys(peer.messages[0])).toEqual(["alerts"]);
    expect(peer.messages[0].alerts[0]).toMatchObject({ id: alert.id, duration: 0.734, type: "fov" });
  });

  it("is sent revision 0 only, tallywire.v1 each", async () => {
    const plain = await open(asQuery(everything));
    const full = await v1(asQuery(everything));
    await full.until(() => full.messages.length === 1);
    const first = anAlert();
    core.raise(first);
    core.raise({ ...first, revision: 1, retracted: true });
    core.raise(anAlert());
    await full.until(() => idsOf(full.messages).length === 3);
    await plain.until(() => idsOf(plain.messages).length === 2);
    expect(plain.messages.flatMap(({ alerts }) => alerts.map((alert: Loose) => alert.revision))).toEqual([0, 0]);
    expect(full.messages.flatMap(({ alerts = [] }) => alerts.map((alert: Loose) => [alert.revision, alert.retracted]))).toEqual([
      [0, undefined],
      [1, true],
      [0, undefined],
    ]);
  });

  it("is closed with 4408 where no filter comes in time", async () => {
    await served.close();
    await start({ filterWaitMs: 50 });
    expect((await (await open()).closed).code).toBe(4408);
    const silent = await v1();
    expect((await silent.closed).code).toBe(4408);
    expect(silent.messages).toEqual([{ error: { path: "", detail: expect.any(String) } }]);
  });

  it("is closed with 4400 for a binary message", async () => {
    const peer = await open();
    peer.socket.send(Buffer.from("[]"));
    expect((await peer.closed).code).toBe(4400);
  });

  it.each([
    ["no JSON", "{", ""],
    ["no array", "{}", ""],
    ["no sensor", '[{"fov":{"alertRuleTypes":["*"]}}]', "[0].sensorId"],
    ["absent types", '[{"sensorId":"a","tripwires":[{"tripwireId":"x"}]}]', "[0].tripwires[0].alertRuleTypes"],
    [
      "a type a tripwire does not allow",
      '[{"sensorId":"a","tripwires":[{"tripwireId":"x","alertRuleTypes":["occupancy"]}]}]',
      "[0].tripwires[0].alertRuleTypes[0]",
    ],
    ["a type the fov does not allow", '[{"sensorId":"a","fov":{"alertRuleTypes":["flowrate"]}}]', "[0].fov.alertRuleTypes[0]"],
    ["an unknown field", '[{"sensorId":"a","roi":[]}]', "[0].roi"],
    ["thousands of levels", "[".repeat(30_000), ""],
    ["too many entries", JSON.stringify(Array.from({ length: 1001 }, () => ({ sensorId: "a" }))), ""],
    ["NUL in an id", JSON.stringify([{ sensorId: "a\0roi\0x" }]), "[0].sensorId"],
  ])("is closed with 4400 for a filter with %s", async (_, text, at) => {
    const plain = await open();
    plain.socket.send(text);
    const { code, reason } = await plain.closed;
    expect(code).toBe(4400);
    expect(reason.startsWith(at === "" ? "" : `${at}: `)).toBe(true);
    const told = await v1();
    told.socket.send(text);
    expect((await told.closed).code).toBe(4400);
    expect(told.messages[0].error.path).toBe(at);
  });

  it("cannot resume", async () => {
    expect((await (await open(`?since=AAAA&filter=${encodeURIComponent("[]")}`)).closed).code).toBe(4400);
  });
});

describe("a filter", () => {
  it("of all sends each alert of every analytic once, however many entries match", async () => {
    const peer = await filtered([...everything, ...everything, ...specific]);
    const alerts = [anAlert({ camera: "Amcrest_1" }), tripwireAlert("Amcrest_1", "x"), roiAlert("Amcrest_1", "y", { ruleType: "notify" })];
    core.raise(...alerts);
    await peer.until(() => idsOf(peer.messages).length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(idsOf(peer.messages)).toEqual(alerts.map(({ id }) => id));
  });

  it("of one sensor and rule type sends those of all its tripwires and regions", async () => {
    const peer = await filtered(specific);
    const wanted = [tripwireAlert("Amcrest_1", "x"), roiAlert("Amcrest_1", "y")];
    core.raise(
      anAlert({ camera: "Amcrest_1" }),
      tripwireAlert("Amcrest_1", "x", { ruleType: "flowrate" }),
      roiAlert("Amcrest_2", "y"),
      ...wanted,
    );
    await peer.until(() => idsOf(peer.messages).length >= 2);
    expect(idsOf(peer.messages)).toEqual(wanted.map(({ id }) => id));
  });

  it("is a union over three levels", async () => {
    const peer = await filtered(levels);
    const wanted = [
      tripwireAlert("Amcrest_1", "TW1", { ruleType: "flowrate" }),
      tripwireAlert("Amcrest_1", "TW2", { ruleType: "flowrate" }),
      roiAlert("Amcrest_1", "cc2", { ruleType: "occupancy" }),
      anAlert({ camera: "Amcrest_1", ruleType: "occupancy" }),
      tripwireAlert("Amcrest_2", "TW4"),
    ];
    core.raise(
      tripwireAlert("Amcrest_1", "TW2"),
      roiAlert("Amcrest_1", "cc2"),
      anAlert({ camera: "Amcrest_2", ruleType: "occupancy" }),
      ...wanted,
    );
    await peer.until(() => idsOf(peer.messages).length >= wanted.length);
    expect(idsOf(peer.messages)).toEqual(wanted.map(({ id }) => id));
  });

  it("replaces the one before, and none is told after []", async () => {
    const peer = await filtered(everything);
    peer.socket.send("[]");
    await peer.until(() => peer.messages.length === 2);
    expect(peer.messages[1].ack).toEqual({ filters: 0 });
    core.raise(anAlert());
    peer.socket.send(JSON.stringify(everything));
    await peer.until(() => peer.messages.length === 3);
    const told = anAlert();
    core.raise(told);
    await peer.until(() => peer.messages.length === 4);
    expect(idsOf(peer.messages)).toEqual([told.id]);
  });

  it("never reaches another tenant", async () => {
    const peer = await filtered(everything);
    const mine = anAlert();
    core.raise(anAlert({ tenant: "other" }), mine);
    await peer.until(() => idsOf(peer.messages).length > 0);
    expect(idsOf(peer.messages)).toEqual([mine.id]);
  });
});

describe("tallywire.v1", () => {
  it("acknowledges with a cursor and puts one on every frame", async () => {
    const peer = await v1(asQuery(levels));
    await peer.until(() => peer.messages.length === 1);
    expect(peer.messages[0]).toEqual({ ack: { filters: 2 }, cursor: expect.any(String) });
  });

  it("resumes from any cursor without loss or repeat, also while alerts go on being raised", async () => {
    const first = await filtered(everything);
    const cursors = [first.messages[0].cursor];
    const before = Array.from({ length: 9 }, (_, i) => anAlert({ camera: `cam${"x".repeat(i % 3)}` }));
    for (const alert of before) {
      core.raise(alert);
      await first.until(() => idsOf(first.messages).includes(alert.id));
      cursors.push(first.messages.at(-1).cursor);
    }
    first.socket.close();
    for (const [told, cursor] of cursors.entries()) {
      const known = core.log.length;
      let more = 3;
      core.replaying = () => {
        if (more-- > 0) core.raise(anAlert(), anAlert({ camera: "even" }));
      };
      const peer = await v1(`${asQuery(everything)}&since=${cursor}`);
      core.raise(anAlert());
      const due = () => core.log.slice(told).map(({ alert }) => alert.id);
      await peer.until(() => idsOf(peer.messages).length >= due().length);
      core.raise(anAlert());
      await peer.until(() => idsOf(peer.messages).length >= due().length);
      expect(known).toBeLessThan(core.log.length);
      expect(idsOf(peer.messages).sort()).toEqual(due().sort());
      expect(peer.messages.some((message) => "gap" in message)).toBe(false);
      expect(peer.messages[0].cursor).toBe(cursor);
      peer.socket.close();
    }
  });

  it.each([
    ["another log's cursor", () => Object.assign(core, { epoch: "epoch-2" })],
    ["a past that is gone", () => Object.assign(core, { start: [4, 4] })],
  ])("tells a gap for %s, and then what is live", async (_, change) => {
    const peer = await filtered(everything);
    const { cursor } = peer.messages[0];
    for (let i = 0; i < 12; i++) core.raise(anAlert({ camera: i % 2 === 0 ? "even" : "odd" }));
    change();
    const app = await serveCore(core);
    const again = connect(`${app.url}${path}${asQuery(everything)}&since=${cursor}`, ["tallywire.v1"]);
    await again.until(() => again.messages.length === 2);
    expect(again.messages[1]).toEqual({ gap: { from: cursor, to: again.messages[1].cursor }, cursor: expect.any(String) });
    const live = anAlert();
    core.raise(live);
    await again.until(() => idsOf(again.messages).length > 0);
    expect(idsOf(again.messages)).toEqual([live.id]);
    await app.close();
  });

  it("tells a gap for an earlier version's cursor, whatever it says, and then what is live", async () => {
    core.raise(anAlert(), anAlert());
    for (const told of [0, 1, 1_000_000]) {
      const since = cursorInClear(
        core.epoch,
        "default",
        core.end.map(() => told),
      );
      const peer = await v1(`${asQuery(everything)}&since=${since}`);
      await peer.until(() => peer.messages.length === 2);
      expect(peer.messages[1]).toEqual({ gap: { from: since, to: peer.messages[1].cursor }, cursor: expect.any(String) });
      const live = anAlert();
      core.raise(live);
      await peer.until(() => idsOf(peer.messages).length > 0);
      expect(idsOf(peer.messages)).toEqual([live.id]);
      const again = await v1(`${asQuery(everything)}&since=${peer.messages[1].cursor}`);
      await again.until(() => idsOf(again.messages).length > 0);
      expect(idsOf(again.messages)).toEqual([live.id]);
      for (const { socket } of [peer, again]) socket.close();
    }
  });

  it("tells a gap after as many alerts as may be replayed", async () => {
    await served.close();
    await start({ resumeAlerts: 3 });
    const peer = await filtered(everything);
    for (let i = 0; i < 5; i++) core.raise(anAlert());
    await peer.until(() => idsOf(peer.messages).length === 5);
    const again = await v1(`${asQuery(everything)}&since=${peer.messages[0].cursor}`);
    await again.until(() => again.messages.some((message) => "gap" in message));
    expect(idsOf(again.messages)).toEqual(core.log.slice(0, 3).map(({ alert }) => alert.id));
    const third = await v1(`${asQuery(everything)}&since=${again.messages.at(-1).gap.from}`);
    await third.until(() => idsOf(third.messages).length === 2);
    expect(idsOf(third.messages)).toEqual(core.log.slice(3).map(({ alert }) => alert.id));
  });

  it("refuses a forged cursor and another tenant's", async () => {
    const { cursor } = (await filtered(everything)).messages[0];
    const other = await serveCore(core, { tenant: "other" });
    const foreign = connect(`${other.url}${path}${asQuery(everything)}&since=${cursor}`, ["tallywire.v1"]);
    expect((await foreign.closed).code).toBe(4400);
    const forged = await v1(`${asQuery(everything)}&since=${cursor.slice(0, -2)}AA`);
    expect((await forged.closed).code).toBe(4400);
    expect(forged.messages[0].error.path).toBe("since");
    await other.close();
  });

  it("hears a heartbeat with a cursor that goes on", async () => {
    await served.close();
    await start({ pingMs: 100 });
    const peer = await filtered([]);
    core.raise(anAlert());
    await peer.until(() => peer.messages.some((message) => "heartbeat" in message));
    const { cursor } = peer.messages.find((message) => "heartbeat" in message);
    const again = await v1(`${asQuery(everything)}&since=${cursor}`);
    const live = anAlert();
    await again.until(() => again.messages.length > 0);
    core.raise(live);
    await again.until(() => idsOf(again.messages).length > 0);
    expect(idsOf(again.messages)).toEqual([live.id]);
  });
});

describe("metrics", () => {
  it("say how many sockets a tenant has open, and how many alerts they were given", async () => {
    const peers = [await filtered(everything), await filtered(everything)];
    expect(core.figures.get("tallywire_sockets default")).toBe(2);
    core.raise(anAlert(), anAlert());
    for (const peer of peers) await peer.until(() => idsOf(peer.messages).length === 2);
    await expect.poll(() => core.figures.get("tallywire_deliveries_total default")).toBe(4);
    for (const peer of peers) peer.socket.close();
    await expect.poll(() => core.figures.get("tallywire_sockets default")).toBe(0);
  });
});

describe("limits", () => {
  it("close a socket that is too slow with 4008 and the cursor of the last frame", async () => {
    await served.close();
    await start({ socketBufferBytes: 64 * 1024 });
    const peer = await filtered(everything);
    peer.socket.pause();
    const description = "x".repeat(64 * 1024);
    for (let i = 0; i < 2000 && !core.counted.includes("tallywire_slow_sockets_total"); i++) {
      core.raise(anAlert({ description }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.socket.resume();
    const { code, reason } = await peer.closed;
    expect(code).toBe(4008);
    expect(reason).toBe(peer.messages.at(-1).cursor);
    const again = await v1(`${asQuery(everything)}&since=${reason}`);
    await again.until(() => idsOf(peer.messages).length + idsOf(again.messages).length >= core.log.length);
    expect([...idsOf(peer.messages), ...idsOf(again.messages)]).toEqual(core.log.map(({ alert }) => alert.id));
  });

  it("refuse one socket too many, an unknown path, and a message that is too large", async () => {
    await served.close();
    await start({ sockets: 1, socketMessageBytes: 1024 });
    const peer = await open();
    const refused = await new Promise((resolve) =>
      new WebSocket(`${served.url.replace("http", "ws")}${path}`).once("unexpected-response", (_, response) =>
        resolve(response.statusCode),
      ),
    );
    expect(refused).toBe(503);
    const nowhere = await new Promise((resolve) =>
      new WebSocket(`${served.url.replace("http", "ws")}/api/v2/ws`).once("unexpected-response", (_, response) =>
        resolve(response.statusCode),
      ),
    );
    expect(nowhere).toBe(404);
    peer.socket.send("x".repeat(2000));
    expect((await peer.closed).code).toBe(1009);
  });

  it("end a socket with its token", async () => {
    await served.close();
    const good = { tenant: "mine", subject: "me", scopes: new Set(["events:read"]), cameraLimit: undefined, features: undefined };
    const tokens: Tokens = {
      known: () => undefined,
      verify: async (token) => (token === "good" ? { ...good, expiresAt: core.now() + 100 } : { unauthenticated: "No such token." }),
      onKeysChanged: () => {},
    };
    await start({}, { tokens });
    const refused = await new Promise((resolve) =>
      new WebSocket(`${served.url.replace("http", "ws")}${path}`).once("unexpected-response", (_, response) =>
        resolve(response.statusCode),
      ),
    );
    expect(refused).toBe(401);
    const upgraded = (...tokens: string[]) =>
      new Promise((resolve) => {
        const head = [
          "connection",
          "Upgrade",
          "upgrade",
          "websocket",
          "sec-websocket-version",
          "13",
          "sec-websocket-key",
          "c2l4dGVlbiBieXRlcy4uLg==",
        ];
        const url = new URL(`${served.url}${path}`);
        const asking = request(url, {
          headers: ["host", url.host, ...head, ...tokens.flatMap((token) => ["authorization", `Bearer ${token}`])],
        });
        asking.once("response", ({ statusCode }) => resolve(statusCode)).once("upgrade", (_, socket) => resolve(socket.destroy() && 101));
        asking.end();
      });
    expect(await upgraded("good")).toBe(101);
    // Which of them counts is not for us to choose.
    expect(await upgraded("good", "bad")).toBe(401);
    const peer = await open("?token=good&filter=[]");
    core.clock += 100;
    expect((await peer.closed).code).toBe(4401);
    const write = (headers: Record<string, string>, query = "") =>
      fetch(`${served.url}/api/v2/config/sensor${query}`, { method: "POST", headers: { "User-Type": "Admin", ...headers } });
    expect((await write({ authorization: "Bearer good" })).status).toBe(403);
    // A token in an address ends up in logs and in links: only who cannot send a header may do so.
    expect((await write({}, "?token=good")).status).toBe(401);
  });
});
