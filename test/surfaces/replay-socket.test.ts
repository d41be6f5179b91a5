import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeCore } from "../support/core.ts";
import { type FakeClock, fakeClock } from "../support/fake-clock.ts";
import { anAlert, connect, type Loose, type Served, serveCore } from "../support/surface.ts";

const V1 = "tallywire.v1";
const everything = [
  {
    sensorId: "*",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
    fov: { alertRuleTypes: ["*"] },
  },
];
const filter = (sensorId = "*") => encodeURIComponent(JSON.stringify([{ ...everything[0], sensorId }]));
const BEGIN = Date.parse("2021-09-16T06:00:00.000Z");
const at = (ms: number): string => new Date(BEGIN + ms).toISOString();

let core: FakeCore;
let served: Served;
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}): Promise<void> => {
  core = new FakeCore(own);
  served = await serveCore(core);
};
beforeEach(() => start());
afterEach(() => served.close());

/** Raised so many milliseconds after the beginning; what arrived then. `camera`: its name's length says in which partition it stands. */
const alertAt = (ms: number, own = {}) => anAlert({ raisedAt: BEGIN + ms, receivedAt: BEGIN + ms, end: BEGIN + ms, ...own });
const open = async (query: string, protocols = [V1]) => {
  const peer = connect(`${served.url}/api/v2/alerts/ws?filter=${filter()}&${query}`, protocols);
  await peer.opened;
  return peer;
};
const idsOf = (messages: readonly Loose[]): string[] =>
  messages.flatMap((message) => (message.alerts ?? []).map(({ id }: { id: string }) => id));
const logged = () => core.log.map(({ alert }) => alert.id);
/** Pairs of cameras whose alerts stand in two partitions. */
const spread = (count: number) => Array.from({ length: count }, (_, i) => alertAt(1000 * i, { camera: i % 3 === 0 ? "even" : "odd" }));

describe("a socket that names an instant", () => {
  it("is told what follows from what arrived then or later, in the order of time across partitions, and goes on live", async () => {
    core.raise(...spread(9));
    const peer = await open(`since=${at(2500)}`);
    await peer.until(() => idsOf(peer.messages).length >= 6);
    expect(idsOf(peer.messages)).toEqual(logged().slice(3));
    expect(peer.messages[0].ack).toEqual({ filters: 1 });
    const live = alertAt(20_000);
    core.raise(live);
    await peer.until(() => idsOf(peer.messages).includes(live.id));
    expect(idsOf(peer.messages)).toEqual([...logged().slice(3)]);
  });

  it("gives a cursor with its acknowledgement that stands for that instant", async () => {
    core.raise(...spread(5));
    const peer = await open(`since=${at(1500)}`);
    await peer.until(() => idsOf(peer.messages).length === 3);
    const again = await open(`since=${peer.messages[0].cursor}`);
    await again.until(() => idsOf(again.messages).length === 3);
    expect(idsOf(again.messages).sort()).toEqual(logged().slice(2).sort());
  });

  it("needs no subprotocol: a plain socket is told the first revisions", async () => {
    const first = alertAt(0);
    core.raise(first, { ...first, revision: 1 }, alertAt(1000));
    const peer = await open(`since=${at(0)}`, []);
    await peer.until(() => idsOf(peer.messages).length === 2);
    core.raise(alertAt(5000));
    await peer.until(() => idsOf(peer.messages).length === 3);
    expect(peer.messages.flatMap(({ alerts }) => alerts.map((alert: Loose) => alert.revision))).toEqual([0, 0, 0]);
    expect(peer.messages.every((message) => Object.keys(message).join() === "alerts")).toBe(true);
  });

  it("is told nothing of another tenant, and what its filter wants when it is due", async () => {
    core.raise(alertAt(0, { tenant: "other" }), alertAt(1, { camera: "even" }), alertAt(2, { camera: "odd" }));
    const peer = connect(`${served.url}/api/v2/alerts/ws?filter=${filter("odd")}&since=${at(0)}`, [V1]);
    await peer.until(() => idsOf(peer.messages).length > 0);
    core.raise(alertAt(3, { camera: "odd" }));
    await peer.until(() => idsOf(peer.messages).length > 1);
    expect(idsOf(peer.messages)).toEqual([logged()[2], logged()[3]]);
  });

  it.each([0, 7, 39])("loses nothing and is told nothing twice while alerts go on being raised, from the %s. on", async (begun) => {
    core.raise(...spread(40));
    let more = 60;
    core.replaying = () => {
      if (more-- > 0) core.raise(alertAt(100_000 + more, { camera: more % 2 === 0 ? "even" : "odd" }));
    };
    const peer = await open(`since=${at(1000 * begun)}`);
    await peer.until(() => more <= 0);
    core.raise(alertAt(300_000));
    await peer.until(() => idsOf(peer.messages).length >= core.log.length - begun);
    expect(core.log).toHaveLength(40 + 60 + 1);
    expect(idsOf(peer.messages).sort()).toEqual(logged().slice(begun).sort());
    expect(peer.messages.some((message) => "gap" in message)).toBe(false);
  });

  it("is told more than a resume may tell", async () => {
    await served.close();
    await start({ resumeAlerts: 3 });
    core.raise(...spread(500));
    const peer = await open(`since=${at(0)}`);
    await peer.until(() => idsOf(peer.messages).length === 500);
    const bare = await open(`since=${peer.messages[0].cursor}`);
    await bare.until(() => bare.messages.some((message) => "gap" in message));
    const wished = await open(`since=${peer.messages[0].cursor}&follow=true`);
    await wished.until(() => idsOf(wished.messages).length === 500);
    expect(wished.messages.some((message) => "gap" in message)).toBe(false);
  });
});

describe("an end", () => {
  it("closes the socket with 1000 once all before it is told, and says how much that was", async () => {
    core.raise(...spread(9));
    const peer = await open(`since=${at(1000)}&until=${at(6000)}`);
    expect(await peer.closed).toEqual({ code: 1000, reason: "The replay has ended." });
    expect(idsOf(peer.messages)).toEqual(logged().slice(1, 6));
    expect(peer.messages.at(-1)).toEqual({ ended: { told: 5 }, cursor: expect.any(String) });
    const on = await open(`since=${peer.messages.at(-1).cursor}`);
    await on.until(() => idsOf(on.messages).length === 3);
    expect(idsOf(on.messages).sort()).toEqual(logged().slice(6).sort());
    const plain = await open(`since=${at(1000)}&until=${at(6000)}`, []);
    expect((await plain.closed).code).toBe(1000);
    expect(idsOf(plain.messages)).toEqual(logged().slice(1, 6));
  });

  it("may be a cursor; and what is not there yet is not waited for", async () => {
    core.raise(...spread(6));
    const whole = await open(`since=${at(0)}`);
    await whole.until(() => idsOf(whole.messages).length === 6);
    const { cursor } = whole.messages[0];
    const none = await open(`since=${at(0)}&until=${cursor}`);
    expect((await none.closed).code).toBe(1000);
    expect(none.messages.at(-1).ended).toEqual({ told: 0 });
    const future = await open(`since=${at(0)}&until=${at(1_000_000)}`);
    expect((await future.closed).code).toBe(1000);
    expect(idsOf(future.messages)).toEqual(logged());
    const now = await open(`since=${at(0)}&follow=false`);
    expect((await now.closed).code).toBe(1000);
    expect(idsOf(now.messages)).toEqual(logged());
  });

  it("with follow is where the pace ends: the rest comes at once, and then what is live", async () => {
    const clock = fakeClock(BEGIN + 3_600_000);
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
    core.raise(...spread(9));
    const peer = await open(`since=${at(0)}&until=${at(3000)}&pace=1&follow=true`);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    expect(idsOf(peer.messages).length).toBeLessThanOrEqual(1);
    await clock.pass(2000);
    await peer.until(() => idsOf(peer.messages).length === 9);
    core.raise(alertAt(50_000));
    await peer.until(() => idsOf(peer.messages).length === 10);
    expect(idsOf(peer.messages)).toEqual(logged());
  });
});

describe("a pace", () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = fakeClock(BEGIN + 86_400_000);
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
  });
  /** Waits until it sleeps again, or has caught up. */
  const told = async (peer: Awaited<ReturnType<typeof open>>, count: number): Promise<number> => {
    await peer.until(() => idsOf(peer.messages).length >= count);
    await clock.pass(0);
    return idsOf(peer.messages).length;
  };

  it.each([
    [1, 1000],
    [4, 250],
    [0.5, 2000],
  ])("of %s tells an alert a second after the other's time in %s ms", async (pace, ms) => {
    core.raise(alertAt(0), alertAt(1000), alertAt(2000), alertAt(2000), alertAt(3000));
    const peer = await open(`since=${at(0)}&pace=${pace}`);
    expect(await told(peer, 1)).toBe(1);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    await clock.pass(ms - 1);
    expect(await told(peer, 1)).toBe(1);
    await clock.pass(1);
    expect(await told(peer, 2)).toBe(2);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    await clock.pass(ms);
    expect(await told(peer, 4)).toBe(4);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    await clock.pass(ms);
    await told(peer, 5);
    expect(idsOf(peer.messages)).toEqual(logged());
    const live = alertAt(86_400_000);
    core.raise(live);
    await peer.until(() => idsOf(peer.messages).includes(live.id));
  });

  it("shortens a gap that is longer than replayGapMs, and begins again where time goes back", async () => {
    await served.close();
    await start({ replayGapMs: 5000 });
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
    core.raise(alertAt(0), alertAt(36_000_000), alertAt(36_000_500), alertAt(1000), alertAt(2000));
    const peer = await open(`since=${at(0)}&pace=1`);
    for (const [ms, count] of [
      [5000, 2],
      [500, 4],
      [1000, 5],
    ] as const) {
      await vi.waitFor(() => expect(clock.sleepers).toBe(1));
      await clock.pass(ms - 1);
      expect(idsOf(peer.messages).length).toBeLessThan(count);
      await clock.pass(1);
      await peer.until(() => idsOf(peer.messages).length >= count);
    }
    expect(idsOf(peer.messages)).toEqual(logged());
  });

  it("tells heartbeats in its silences, with the cursor of what was told last", async () => {
    await served.close();
    await start({ pingMs: 50 });
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
    core.raise(alertAt(0), alertAt(60_000));
    const peer = await open(`since=${at(0)}&pace=1`);
    await peer.until(() => peer.messages.some((message) => "heartbeat" in message) && idsOf(peer.messages).length === 1);
    await peer.until(() => "heartbeat" in peer.messages.at(-1));
    const on = await open(`since=${peer.messages.at(-1).cursor}`);
    await on.until(() => idsOf(on.messages).length === 1);
    expect(idsOf(on.messages)).toEqual([logged()[1]]);
  });

  it("ends with its socket: nobody sleeps for who has gone", async () => {
    core.raise(alertAt(0), alertAt(60_000));
    const peer = await open(`since=${at(0)}&pace=1`);
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    expect(core.figures.get("tallywire_replays default")).toBe(1);
    peer.socket.close();
    await vi.waitFor(() => expect(clock.sleepers).toBe(0));
    await vi.waitFor(() => expect(core.figures.get("tallywire_replays default")).toBe(0));
  });
});

describe("a slow client", () => {
  it("is waited for, and told all of it in the end", async () => {
    await served.close();
    await start({ socketBufferBytes: 64 * 1024 });
    const description = "x".repeat(64 * 1024);
    core.raise(...Array.from({ length: 400 }, (_, i) => alertAt(i, { description })));
    const peer = await open(`since=${at(0)}&until=${at(1000)}`);
    peer.socket.pause();
    await vi.waitFor(() => expect(core.figures.get("tallywire_deliveries_total default")).toBeGreaterThan(0));
    expect(core.figures.get("tallywire_deliveries_total default")).toBeLessThan(400);
    peer.socket.resume();
    expect((await peer.closed).code).toBe(1000);
    expect(idsOf(peer.messages)).toEqual(logged());
    expect(core.counted).not.toContain("tallywire_slow_sockets_total");
  });
});

describe("what cannot be told again", () => {
  it.each([
    ["an end without a beginning", `until=${at(0)}`, "until: goes with since"],
    ["a pace without a beginning", "pace=2", "pace: goes with since"],
    ["an end before the beginning", `since=${at(5)}&until=${at(0)}`, "until: is before since"],
    ["a pace of nothing", `since=${at(0)}&pace=0`, "pace: is not a number from 0.001 to 1000000"],
    ["a pace that is none", `since=${at(0)}&pace=fast`, "pace: is not a number from 0.001 to 1000000"],
    ["a follow that is neither", `since=${at(0)}&follow=1`, "follow: is neither true nor false"],
    ["a cursor that was never given out", "since=AAAA&pace=1", "since: was never given out here"],
    ["such an end", `since=${at(0)}&until=AAAA`, "until: was never given out here"],
    ["a date that is none", "since=2021-02-30T00:00:00Z", "since: was never given out here"],
  ])("is refused with 4400: %s", async (_, query, reason) => {
    const peer = await open(query);
    expect(await peer.closed).toEqual({ code: 4400, reason });
    expect(peer.messages).toEqual([{ error: { path: reason.split(":")[0], detail: reason.split(": ")[1] } }]);
    expect(core.figures.get("tallywire_replays default") ?? 0).toBe(0);
  });

  it("is a cursor without the subprotocol, and one of another log", async () => {
    core.raise(alertAt(0));
    const first = await open(`since=${at(0)}`);
    await first.until(() => first.messages.length > 0);
    const { cursor } = first.messages[0];
    expect(await (await open(`since=${cursor}&pace=1`, [])).closed).toEqual({ code: 4400, reason: `since: needs the subprotocol ${V1}` });
    core.epoch = "epoch-2";
    const other = await serveCore(core);
    const peer = connect(`${other.url}/api/v2/alerts/ws?filter=${filter()}&since=${cursor}&pace=1`, [V1]);
    expect(await peer.closed).toEqual({ code: 4400, reason: "since: belongs to another log" });
    await other.close();
  });

  it("tells a gap where what stood before is no longer kept, and goes on from the oldest that is", async () => {
    core.raise(...spread(8));
    const first = await open(`since=${at(0)}`);
    await first.until(() => idsOf(first.messages).length === 8);
    core.start = [1, 2];
    const { cursor } = first.messages[0];
    const peer = await open(`since=${cursor}&follow=true`);
    await peer.until(() => idsOf(peer.messages).length === 5);
    expect(peer.messages[1].gap).toEqual({ from: cursor, to: peer.messages[1].cursor });
  });

  it("closes with 4429 beyond as many replays of a tenant as may be, and there is room again when one ends", async () => {
    await served.close();
    await start({ replaysPerTenant: 2 });
    const clock = fakeClock(BEGIN);
    Object.assign(core, { sleep: clock.sleep });
    core.raise(alertAt(0), alertAt(60_000));
    const peers = [await open(`since=${at(0)}&pace=1`), await open(`since=${at(0)}&pace=1`)];
    await vi.waitFor(() => expect(clock.sleepers).toBe(2));
    const third = await open(`since=${at(0)}`);
    expect(await third.closed).toEqual({ code: 4429, reason: "No more than 2 replays of a tenant at once." });
    peers[0]?.socket.close();
    await vi.waitFor(() => expect(core.figures.get("tallywire_replays default")).toBe(1));
    const fourth = await open(`since=${at(0)}`);
    await fourth.until(() => idsOf(fourth.messages).length === 2);
    // Whoever has met what is live is told again no more.
    await vi.waitFor(() => expect(core.figures.get("tallywire_replays default")).toBe(1));
  });
});

describe("the sockets of the other surfaces", () => {
  it.each([
    ["myvms", "/ws/events", (message: Loose) => message.data?.id],
    ["ivms", "/notification", (message: Loose) => message.eventDetails1 && 1],
  ])("tell again as well: %s", async (surface, path, alertOf) => {
    core.raise(...spread(6));
    const document = await (await fetch(`${served.url}/openapi/${surface}.json`)).json();
    const base = (document as Loose).servers[0].url;
    const peer = connect(`${served.url}${base}${path}?since=${at(1000)}&until=${at(4000)}&pace=1000`, [V1]);
    expect((await peer.closed).code).toBe(1000);
    expect(peer.messages.filter((message) => alertOf(message) !== undefined)).toHaveLength(3);
    expect(peer.messages.some((message) => message.ended?.told === 3)).toBe(true);
    const names = (document as Loose).paths[path].get.parameters.map(({ name }: Loose) => name);
    expect(names).toEqual(expect.arrayContaining(["since", "until", "pace", "follow"]));
  });
});
