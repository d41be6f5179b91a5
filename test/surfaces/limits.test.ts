/** How often, how many and for how long: over real connections, with fake tokens. */
import { connect as dial } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { AppOptions } from "../../api/app.ts";
import type { Caller } from "../../api/caller.ts";
import { createRates, type Rates } from "../../api/rates.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { connect, json, type Loose, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let tokens: FakeTokens;
let served: Served;
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}, options: Partial<AppOptions> = {}): Promise<void> => {
  core = new FakeCore(own);
  tokens = new FakeTokens();
  served = await serveCore(core, { tokens, ...options });
};
afterEach(() => served.close());

const ask = (token: string | undefined, path = "/api/v2/alerts?sensorId=a", headers: Record<string, string> = {}) =>
  fetch(served.url + path, { headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers } });
const post = (token: string) =>
  fetch(`${served.url}/api/v2/frames`, { method: "POST", headers: { authorization: `Bearer ${token}` }, body: "{}" });
const statuses = async (times: number, once: () => Promise<Response>): Promise<readonly number[]> => {
  const all: number[] = [];
  for (let i = 0; i < times; i++) {
    const answer = await once();
    await answer.arrayBuffer();
    all.push(answer.status);
  }
  return all;
};
const path = "/api/v2/alerts/ws?filter=[]";
const openSocket = async (token: string | undefined) => {
  const peer = connect(`${served.url}${path}${token === undefined ? "" : `&token=${token}`}`);
  await peer.opened;
  return peer;
};
/** What an upgrade was refused with. */
const refusedSocket = (token: string | undefined): Promise<{ status: number; headers: Loose; body: Loose }> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${served.url.replace("http", "ws")}${path}${token === undefined ? "" : `&token=${token}`}`);
    socket.once("open", () => reject(new Error("not refused")));
    socket.once("unexpected-response", (_, response) => {
      let text = "";
      response.on("data", (data: Buffer) => {
        text += data.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }));
    });
  });

describe("passwords of the metrics", () => {
  it("are guessed no oftener than tokens: then what is wrong is 429, and the right one passes", async () => {
    await start({ failedLogins: 3 }, { metricsAuth: "prometheus:right" });
    const show = (password?: string) => () =>
      fetch(`${served.url}/metrics`, {
        headers: password === undefined ? {} : { authorization: `Basic ${Buffer.from(`prometheus:${password}`).toString("base64")}` },
      });
    expect(await statuses(4, show())).toEqual([401, 401, 401, 401]);
    expect(await statuses(5, show("wrong"))).toEqual([401, 401, 401, 429, 429]);
    expect(await statuses(2, show("right"))).toEqual([200, 200]);
    expect(await statuses(1, show())).toEqual([401]);
  });
});

describe("requests a minute", () => {
  it("are so many for each subject of each tenant; one more is 429 and says when to come back", async () => {
    await start({}, { rates: { requests: 3, frames: 0 } });
    for (const tenant of ["a", "b"]) for (const subject of ["x", "y"]) tokens.give(`${tenant}${subject}`, { tenant, subject });
    tokens.give("ax again", { tenant: "a", subject: "x" });
    expect(await statuses(4, () => ask("ax"))).toEqual([200, 200, 200, 429]);
    for (const other of ["ay", "bx", "by"]) expect(await statuses(3, () => ask(other))).toEqual([200, 200, 200]);
    const refused = await ask("ax");
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(await json(refused)).toEqual({
      detail: "No more than 3 requests a minute.",
      status: 429,
      title: "Too Many Requests",
      type: "about:blank",
    });
    expect(core.counted.filter((name) => name === "tallywire_throttled_total")).toHaveLength(2);
  });

  it("count frames apart, and upgrades among the others", async () => {
    await start({}, { rates: { requests: 2, frames: 4 } });
    tokens.give("t");
    expect(await statuses(5, () => post("t"))).toEqual([202, 202, 202, 202, 429]);
    expect(await statuses(1, () => ask("t"))).toEqual([200]);
    await openSocket("t");
    const { status, headers, body } = await refusedSocket("t");
    expect([status, body.status]).toEqual([429, 429]);
    expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    expect(await statuses(1, () => ask("t"))).toEqual([429]);
  });

  it("also bound what a token has no scope for", async () => {
    await start({}, { rates: { requests: 2, frames: 0 } });
    tokens.give("t", { scopes: new Set(["ops"]) });
    expect(await statuses(3, () => ask("t"))).toEqual([403, 403, 429]);
  });

  it("are not bounded where the setting is 0, nor while tokens are off", async () => {
    await start();
    tokens.give("t");
    expect(new Set(await statuses(30, () => ask("t")))).toEqual(new Set([200]));
    await served.close();
    served = await serveCore(core, { rates: { requests: 1, frames: 1 } });
    expect(await statuses(3, () => ask(undefined))).toEqual([200, 200, 200]);
  });
});

const UNKNOWN = { unauthenticated: "No such token." };
/** Shows a token that is no good: whether that was 401, and not 429 already. */
const showBad = (rates: Rates) => (address: string) =>
  rates
    .look(address, async () => UNKNOWN)
    .then(
      (told) => "unauthenticated" in told,
      (error: { status: number }) => {
        expect(error.status).toBe(429);
        return false;
      },
    );
const good = (tenant: string): Caller => ({
  tenant,
  subject: undefined,
  scopes: new Set(),
  expiresAt: undefined,
  cameraLimit: undefined,
  features: undefined,
});

describe("tokens that are no good", () => {
  it("are 401 so many times from one address, then 429, whatever a header says; good ones pass, known before or not", async () => {
    await start({ failedLogins: 4 });
    tokens.give("known");
    tokens.give("new");
    tokens.give("newer");
    expect(await statuses(1, () => ask("known"))).toEqual([200]);
    expect(await statuses(3, () => ask("bad"))).toEqual([401, 401, 401]);
    expect((await refusedSocket("bad")).status).toBe(401);
    let host = 1;
    expect(await statuses(3, () => ask("bad", undefined, { "x-forwarded-for": `10.0.0.${host++}` }))).toEqual([429, 429, 429]);
    const { status, headers } = await refusedSocket("bad");
    expect([status, Number(headers["retry-after"]) > 50]).toEqual([429, true]);
    expect(await statuses(3, () => ask("known"))).toEqual([200, 200, 200]);
    expect(await statuses(2, () => ask("new"))).toEqual([200, 200]);
    await openSocket("newer");
    expect(await statuses(1, () => ask("bad"))).toEqual([429]);
  });

  it("are not those that are missing: these are 401 however many they are, and no other is 429 for them", async () => {
    await start({ failedLogins: 2 });
    expect(await statuses(5, () => ask(undefined))).toEqual([401, 401, 401, 401, 401]);
    expect((await refusedSocket(undefined)).status).toBe(401);
    expect(await statuses(3, () => ask(undefined, undefined, { authorization: "Basic YTpi" }))).toEqual([401, 401, 401]);
    expect(await statuses(3, () => ask("bad"))).toEqual([401, 401, 429]);
    expect(await statuses(2, () => ask(undefined))).toEqual([401, 401]);
    expect(tokens.verified).toEqual(["bad", "bad", "bad"]);
  });

  it("are verified one at a time after that, and those that are good with them", async () => {
    await start({ failedLogins: 1 });
    tokens.give("new");
    const together = (texts: readonly string[]) => Promise.all(texts.map(async (text) => (await ask(text)).status));
    await together(["bad"]);
    tokens.most = 0;
    const shown = Array.from({ length: 20 }, (_, n) => `bad${n}`);
    expect(await together([...shown, "new"])).toEqual([...shown.map(() => 429), 200]);
    expect(tokens.most).toBe(1);
    expect(tokens.verified).toHaveLength(1 + shown.length + 1);
  });

  it("wait in a bounded line then, addresses in turn: who fills it gives a place to another; other addresses pass it by", async () => {
    await start();
    const rates = createRates({ requests: 0, frames: 0 }, { failedLogins: 1, failingAddresses: 100, slowLogins: 3 }, core.meter);
    for (const address of ["10.0.0.1", "10.0.0.2"]) expect(await showBad(rates)(address)).toBe(true);
    const ends: (() => void)[] = [];
    const guess = () => new Promise<typeof UNKNOWN>((resolve) => ends.push(() => resolve(UNKNOWN)));
    const guesses = Array.from({ length: 5 }, () =>
      rates.look("10.0.0.1", guess).then(
        () => "passed",
        ({ status }: { status: number }) => status,
      ),
    );
    // One is looked at, three wait, one finds no room.
    expect(await guesses[4]).toBe(429);
    const passing = rates.look("10.0.0.2", async () => good("theirs"));
    expect(await guesses[3]).toBe(429);
    expect(await rates.look("10.0.0.3", async () => good("other"))).toEqual(good("other"));
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await expect.poll(() => ends.length).toBe(2);
    ends[1]?.();
    expect(await passing).toEqual(good("theirs"));
    await expect.poll(() => ends.length).toBe(3);
    ends[2]?.();
    expect(await Promise.all(guesses)).toEqual([429, 429, 429, 429, 429]);
    expect(await rates.look("10.0.0.1", async () => good("mine"))).toEqual(good("mine"));
    // A defect, or keys that cannot be had, leaves the line as it was.
    await expect(rates.look("10.0.0.1", () => Promise.reject(new TypeError("not a function")))).rejects.toThrow("not a function");
    expect(await rates.look("10.0.0.1", async () => good("mine"))).toEqual(good("mine"));
  });

  it("are counted for an address; of IPv6 for the network it is in", async () => {
    await start();
    const rates = createRates({ requests: 0, frames: 0 }, { failedLogins: 1, failingAddresses: 100, slowLogins: 1 }, core.meter);
    const isFirst = showBad(rates);
    for (const failed of ["10.0.0.1", "::ffff:10.0.0.2", "2001:db8::1", "fe80::1", "::1"]) expect(await isFirst(failed)).toBe(true);
    const table: readonly (readonly [string, boolean])[] = [
      ["10.0.0.1", false],
      ["10.0.0.2", false],
      ["::ffff:10.0.0.1", false],
      ["::ffff:a00:2", false],
      ["::ffff:10.0.0.3", true],
      ["2001:db8::ffff:2", false],
      ["2001:db8:0:0:1:2:3:4", false],
      ["2001:db8:0:1::1", true],
      ["2001:db8:1::1", true],
      ["fe80::2", false],
      ["fe80::3%eth0", false],
      ["::1", false],
    ];
    for (const [address, isIn] of table) expect([address, await isFirst(address)]).toEqual([address, isIn]);
  });

  it("are counted as if they came from one address, where too many are to be told apart; good ones from there pass", async () => {
    await start();
    const rates = createRates({ requests: 0, frames: 0 }, { failedLogins: 2, failingAddresses: 3, slowLogins: 1 }, core.meter);
    const isLetIn = showBad(rates);
    for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]) expect(await isLetIn(address)).toBe(true);
    expect([await isLetIn("10.0.0.6"), await isLetIn("10.0.0.1")]).toEqual([false, true]);
    expect([await isLetIn("10.0.0.1"), await isLetIn("10.0.0.2")]).toEqual([false, true]);
    for (const address of ["10.0.0.1", "10.0.0.6", "10.0.0.7"])
      expect(await rates.look(address, async () => good("mine"))).toEqual(good("mine"));
  });

  it("are not counted where it is the keys that cannot be had: 503, for sockets too", async () => {
    await start({ failedLogins: 1 });
    tokens.give("t");
    tokens.away = true;
    expect(await statuses(3, () => ask("t"))).toEqual([503, 503, 503]);
    const { status, headers } = await refusedSocket("t");
    expect([status, headers["retry-after"]]).toEqual([503, "1"]);
    tokens.away = false;
    expect(await statuses(1, () => ask("t"))).toEqual([200]);
  });
});

describe("sockets", () => {
  it("are so many for a subject and so many for a tenant; one more is 429 until one is closed", async () => {
    await start({ socketsPerSubject: 2, socketsPerTenant: 3 });
    for (const subject of ["x", "y"]) tokens.give(subject, { tenant: "a", subject });
    tokens.give("other", { tenant: "b", subject: "x" });
    const first = await openSocket("x");
    await openSocket("x");
    expect(await refusedSocket("x")).toMatchObject({ status: 429, body: { detail: "No more than 2 sockets for a subject." } });
    await openSocket("y");
    expect(await refusedSocket("y")).toMatchObject({ status: 429, body: { detail: "No more than 3 sockets for a tenant." } });
    await openSocket("other");
    first.socket.close();
    await first.closed;
    await openSocket("x");
    expect((await refusedSocket("y")).status).toBe(429);
  });

  it("are not counted by subject while tokens are off", async () => {
    await start({ socketsPerSubject: 1, socketsPerTenant: 1 }, {});
    await served.close();
    served = await serveCore(core);
    await openSocket(undefined);
    await openSocket(undefined);
  });

  it("and other connections are so many in all; one more is closed at once", async () => {
    await start({ connections: 2 });
    const dialled = () => {
      const socket = dial(Number(new URL(served.url).port), "127.0.0.1");
      // A connection that is not accepted may be reset as well.
      socket.on("error", () => undefined);
      const closed = new Promise<"closed">((resolve) => socket.once("close", () => resolve("closed")));
      return { socket, closed, isClosed: () => Promise.race([closed, sleep(300, "open" as const)]) };
    };
    const accepted = promisify((told: (error: Error | null, count: number) => void) => served.server.getConnections(told));
    const [first, second] = [dialled(), dialled()];
    await expect.poll(() => accepted()).toBe(2);
    await dialled().closed;
    expect(core.counted).toContain("tallywire_dropped_connections_total");
    expect([await first.isClosed(), await second.isClosed()]).toEqual(["open", "open"]);
    first.socket.destroy();
    await expect.poll(() => accepted()).toBe(1);
    const third = dialled();
    expect(await third.isClosed()).toBe("open");
    for (const { socket } of [second, third]) socket.destroy();
  });
});

describe("a socket's token", () => {
  it("ends it with 4401 when a key change makes it no good, and only then", async () => {
    await start();
    const [mine, other] = [await openSocket(tokens.give("mine")), await openSocket(tokens.give("other"))];
    tokens.changeKeys();
    await sleep(50);
    expect([mine.socket.readyState, other.socket.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    tokens.changeKeys("mine");
    expect(await mine.closed).toEqual({ code: 4401, reason: "The token is not valid any more." });
    await sleep(50);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
  });

  it("does not end it while the keys cannot be had, and is looked at again until they can", async () => {
    await start({ keysPauseMs: 50 });
    const [gone, good] = [await openSocket(tokens.give("gone")), await openSocket(tokens.give("good"))];
    tokens.away = true;
    tokens.changeKeys("gone");
    await expect.poll(() => core.lines.length).toBeGreaterThan(1);
    expect([gone.socket.readyState, good.socket.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
    tokens.away = false;
    expect((await gone.closed).code).toBe(4401);
    expect(good.socket.readyState).toBe(WebSocket.OPEN);
    const { length } = tokens.verified;
    await sleep(150);
    expect(tokens.verified).toHaveLength(length);
  });

  it("ends it where a defect keeps us from looking at it, which is told; others stay", async () => {
    await start({ keysPauseMs: 50 });
    const [one, other] = [await openSocket(tokens.give("one")), await openSocket(tokens.give("other"))];
    tokens.defects.set("one", new TypeError("not a function"));
    tokens.changeKeys();
    expect(await one.closed).toEqual({ code: 1011, reason: "internal error" });
    expect(core.lines).toEqual(["the token of an open socket could not be looked at: the socket is closed"]);
    await sleep(100);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
    expect(core.lines).toHaveLength(1);
  });

  it("is looked at anew a few at a time, and again where keys change meanwhile", async () => {
    await start();
    const peers = await Promise.all(Array.from({ length: 300 }, (_, i) => openSocket(tokens.give(`t${i}`))));
    tokens.most = 0;
    tokens.changeKeys(...Array.from({ length: 100 }, (_, i) => `t${i}`));
    expect(tokens.underWay).toBeGreaterThan(0);
    tokens.changeKeys(...Array.from({ length: 100 }, (_, i) => `t${100 + i}`));
    const codes = await Promise.all(peers.slice(0, 200).map(({ closed }) => closed));
    expect(new Set(codes.map(({ code }) => code))).toEqual(new Set([4401]));
    await sleep(100);
    expect(peers.slice(200).every(({ socket }) => socket.readyState === WebSocket.OPEN)).toBe(true);
    expect(tokens.most).toBeLessThanOrEqual(64);
  });

  it("ends every socket in its time, hundreds at one instant, while others go on", async () => {
    await start();
    tokens.give("short", { expiresAt: core.now() + 300 });
    const short = await Promise.all(Array.from({ length: 300 }, () => openSocket("short")));
    const long = await openSocket(tokens.give("long", { expiresAt: core.now() + 2 ** 33 }));
    core.clock += 300;
    const ended = await Promise.all(short.map(({ closed }) => closed));
    expect(new Set(ended.map(({ code, reason }) => `${code} ${reason}`))).toEqual(new Set(["4401 The token has expired."]));
    expect(long.socket.readyState).toBe(WebSocket.OPEN);
  });
});
