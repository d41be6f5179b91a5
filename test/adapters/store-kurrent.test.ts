/** What only the KurrentDB store promises: what it does when the server is away, refuses, hangs, answers too late, or was written to by others. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { openKurrentStore } from "../../adapters/store-kurrent.ts";
import type { Decision, EventStore } from "../../domain/ports.ts";
import { type FakeKurrentDb, type FakeOptions, startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { silent } from "../support/frames.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

let fakes: FakeKurrentDb[] = [];
let stores: EventStore[] = [];
let proxies: TcpProxy[] = [];
let fake: FakeKurrentDb;
const start = async (options?: FakeOptions): Promise<FakeKurrentDb> => {
  const started = await startFakeKurrentDb(options);
  fakes.push(started);
  return started;
};
const open = async (url: string): Promise<EventStore> => {
  const store = await openKurrentStore({ url, journal: silent });
  stores.push(store);
  return store;
};
beforeEach(async () => {
  fake = await start();
});
afterEach(async () => {
  for (const one of fakes) one.faults.hangs = new Set();
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await Promise.all(fakes.map((one) => one.stop()));
  [fakes, stores, proxies] = [[], [], []];
});

const decision = (data: number): Decision => ({ id: randomUUID(), type: "tested", data, at: 1_700_000_000_000 });
const decisions = (n: number): readonly Decision[] => Array.from({ length: n }, (_, i) => decision(i));
const impatient = (ms: number): string => `${fake.url}&defaultDeadline=${ms}`;

describe("an append", () => {
  test("whose answer was lost is done once, and its answer is the right one", async () => {
    const store = await open(fake.url);
    await store.append("s", 0, decisions(2));
    for (const expected of [2, "any"] as const) {
      fake.faults.answersToLose = 1;
      const before = (await store.read("s")).length;
      expect(await store.append("s", expected, decisions(3))).toBe(before + 3);
      expect(fake.faults.answersToLose).toBe(0);
      expect((await store.read("s")).length).toBe(before + 3);
    }
  });

  test("whose answer was lost does not take the place of what another wrote since", async () => {
    const [one, two] = [await open(fake.url), await open(fake.url)];
    fake.faults.answersToLose = 1;
    const mine = one.append("s", 0, decisions(1));
    await expect.poll(() => fake.faults.answersToLose, { timeout: 5_000 }).toBe(0);
    expect(await two.append("s", 1, decisions(1))).toBe(2);
    expect(await mine).toBe(1);
    expect((await one.read("s")).length).toBe(2);
  });

  test("is tried again while the server is not ready, and when it has been away for a moment", async () => {
    const store = await open(fake.url);
    fake.faults.notReady = 3;
    expect(await store.append("s", 0, decisions(1))).toBe(1);
    await fake.down();
    const appended = store.append("s", 1, decisions(1));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await fake.up();
    expect(await appended).toBe(2);
  });

  test("believes what it knows and reads nothing, until it was wrong", async () => {
    const [one, two] = [await open(fake.url), await open(fake.url)];
    await one.append("s", 0, decisions(1));
    const before = fake.calls.length;
    await one.append("s", 1, decisions(1));
    expect(fake.calls.slice(before)).toEqual(["append"]);
    await two.append("s", 2, decisions(1));
    await expect(one.append("s", 2, decisions(1))).rejects.toMatchObject({ code: "wrong-revision" });
    expect(await one.append("s", 3, decisions(1))).toBe(4);
  });

  test("of what the server has no room for is refused as too large, and leaves nothing", async () => {
    const store = await open(fake.url);
    fake.faults.maxAppendSize = 1000;
    const large: Decision = { ...decision(0), data: "x".repeat(1000) };
    await expect(store.append("s", 0, [large])).rejects.toMatchObject({ code: "too-large", retryable: false });
    expect(await store.read("s")).toEqual([]);
  });

  test("where the user may not write is refused without being tried again", async () => {
    fake.faults.forbidden = ["tallywire."];
    const store = await open(fake.url);
    await expect(store.append("s", 0, decisions(1))).rejects.toMatchObject({ code: "bad-query", retryable: false });
    expect(fake.calls.filter((call) => call === "append").length).toBe(1);
  });

  test("of an id that is no UUID, or of a type without UTF-8, is refused", async () => {
    const store = await open(fake.url);
    for (const wrong of [{ id: "one" }, { type: "" }, { type: "\ud800" }])
      await expect(store.append("s", 0, [{ ...decision(0), ...wrong }])).rejects.toMatchObject({ code: "bad-query" });
    expect(await store.read("s")).toEqual([]);
  });
});

describe("the leader", () => {
  test("is found by who came to another node, for writing and for reading", async () => {
    const leader = await start({ ledger: fake.ledger });
    fake.faults.leader = { host: "127.0.0.1", port: leader.port };
    const store = await open(fake.url);
    expect(await store.append("s", 0, decisions(2))).toBe(2);
    expect((await store.read("s")).length).toBe(2);
    expect(leader.calls.filter((call) => call === "append").length).toBe(1);
  });

  test("that has gone is replaced by the node the connection string names", async () => {
    const leader = await start({ ledger: fake.ledger });
    fake.faults.leader = { host: "127.0.0.1", port: leader.port };
    const store = await open(fake.url);
    await store.append("s", 0, decisions(1));
    await leader.down();
    fake.faults.leader = undefined;
    expect(await store.append("s", 1, decisions(1))).toBe(2);
  });

  test("is asked for by name where several hosts are given", async () => {
    const leader = await start({ ledger: fake.ledger });
    fake.faults.leader = { host: "127.0.0.1", port: leader.port };
    const store = await open(`kurrentdb://127.0.0.1:${fake.port},127.0.0.1:${leader.port}?tls=false`);
    expect(await store.append("s", 0, decisions(1))).toBe(1);
    expect(fake.calls).toEqual([]);
  });

  test("that nobody knows is an answer too: the call is tried again, and then fails as one that may be repeated", async () => {
    fake.faults.leader = { host: "127.0.0.1", port: fake.port };
    const store = await open(impatient(300));
    await expect(store.append("s", 0, decisions(1))).rejects.toMatchObject({ code: "unavailable", retryable: true });
    expect(fake.calls.length).toBeGreaterThan(2);
  });
});

describe("a server", () => {
  test.each(["append", "read"] as const)("that hangs at every %s ends in a timeout that may be repeated", async (kind) => {
    fake.faults.hangs = new Set([kind]);
    const store = await open(impatient(300));
    const began = performance.now();
    await expect(store.append("s", 0, decisions(1))).rejects.toMatchObject({ code: "timeout", retryable: true });
    expect(performance.now() - began).toBeLessThan(1500);
  });

  test("that hangs does not keep reads beyond the store's closing", async () => {
    fake.faults.hangs = new Set(["read"]);
    const store = await open(fake.url);
    const reading = expect(store.read("s")).rejects.toMatchObject({ code: "closed" });
    await expect.poll(() => fake.calls.length, { timeout: 5_000 }).toBe(1);
    const began = performance.now();
    await store.close();
    await reading;
    expect(performance.now() - began).toBeLessThan(1500);
  });

  test("that is away makes calls fail as what may be repeated, and serves them once it is there", async () => {
    await fake.down();
    const store = await open(impatient(1000));
    const calls = [store.read("s"), store.append("s", 0, decisions(1)), store.bookmark("b"), store.setBookmark("b", 1)];
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: "rejected", reason: { code: "unavailable", retryable: true } });
    await fake.up();
    expect(await store.append("s", 0, decisions(1))).toBe(1);
  });

  test("none of a cluster's answering ends in a timeout, not in the client's long search", async () => {
    const proxy = await startTcpProxy({ seed: 1, to: fake.port });
    proxies.push(proxy);
    await proxy.begin({ kind: "black-hole", accepts: true, afterwards: "forgotten" });
    const store = await open(`kurrentdb://127.0.0.1:${proxy.port},127.0.0.1:${proxy.port}?tls=false&defaultDeadline=300`);
    const began = performance.now();
    await expect(store.append("s", 0, decisions(1))).rejects.toMatchObject({ code: "timeout", retryable: true });
    expect(performance.now() - began).toBeLessThan(1500);
    await proxy.end();
  });

  test("slow to answer is waited for", async () => {
    fake.faults.latencyMs = 150;
    const store = await open(fake.url);
    expect(await store.append("s", 0, decisions(1))).toBe(1);
  });
});

describe("a stream", () => {
  const forged = { at: 1, schema: 1 };

  test("of which the beginning is gone is not read as if it were whole", async () => {
    const [store, fresh] = [await open(fake.url), await open(fake.url)];
    await store.append("s", 0, decisions(3));
    fake.write("$$tallywire.s", "$metadata", { $tb: 2 });
    await expect(fresh.read("s")).rejects.toMatchObject({ code: "corrupt", retryable: false });
    await expect(fresh.append("s", 3, decisions(1))).rejects.toMatchObject({ code: "corrupt" });
    fake.write("$$tallywire.s", "$metadata", { $tb: 9 });
    await expect(store.append("s", 4, decisions(1))).rejects.toThrow("Event 3 of s in KurrentDB is gone");
  });

  test("with an event that is no decision of ours is refused with the event's place", async () => {
    const store = await open(fake.url);
    fake.write("tallywire.a", "tested", 1, forged);
    fake.write("tallywire.a", "tested", 1, {});
    await expect(store.read("a")).rejects.toMatchObject({ code: "corrupt", retryable: false });
    await expect(store.read("a")).rejects.toThrow("Event 1 of a in KurrentDB was not written by this program");
  });

  test("written by a newer program says so", async () => {
    const store = await open(fake.url);
    fake.write("tallywire.a", "tested", 1, { at: 1, schema: 2 });
    await expect(store.read("a")).rejects.toMatchObject({ code: "unavailable", retryable: false });
  });

  test("of another house on the same server is not seen", async () => {
    const [one, two] = [await open(`${fake.url}&streamPrefix=one`), await open(`${fake.url}&streamPrefix=two`)];
    await one.append("s", 0, decisions(1));
    await one.setBookmark("relay", 7);
    expect(await two.read("s")).toEqual([]);
    expect(await two.bookmark("relay")).toBe(0);
  });
});

describe("a bookmark", () => {
  test("keeps its newest position only", async () => {
    const store = await open(fake.url);
    for (const at of [1, 2, 3]) await store.setBookmark("relay", at);
    expect(fake.ledger.stream("tallywire-bookmark.relay")?.length).toBe(1);
    expect(fake.ledger.stream("$$tallywire-bookmark.relay")?.length).toBe(1);
    const again = await open(fake.url);
    expect(await again.bookmark("relay")).toBe(3);
    await again.setBookmark("relay", 4);
    expect(await store.bookmark("relay")).toBe(4);
  });

  test("that somebody else wrote is refused", async () => {
    const store = await open(fake.url);
    fake.write("tallywire-bookmark.relay", "bookmark", { position: "far" });
    await expect(store.bookmark("relay")).rejects.toMatchObject({ code: "corrupt" });
  });
});

describe("credentials and TLS", () => {
  const password = "s3cr%C3%A9t%40%3A";
  let dir = "";
  let secured: FakeKurrentDb;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "tallywire-tls-"));
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const about = ["-subj", "/CN=fake", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...about], {
      stdio: "ignore",
    });
    secured = await start({ tls: { cert: readFileSync(cert), key: readFileSync(key) }, account: `ann:${decodeURIComponent(password)}` });
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const url = (user: string, rest: string): string => `kurrentdb://${user}@localhost:${secured.port}?tls=true&defaultDeadline=1000${rest}`;

  it("are taken from the connection string", async () => {
    const store = await open(url(`ann:${password}`, `&tlsCAFile=${encodeURIComponent(join(dir, "cert.pem"))}`));
    expect(await store.append("s", 0, decisions(1))).toBe(1);
    const feed = store.follow(0)[Symbol.asyncIterator]();
    expect((await feed.next()).value?.events.length).toBe(1);
    await feed.return?.();
  });

  it("that are wrong are refused at once, and no message holds them", async () => {
    const wrong = await open(url("ann:hunter2", `&tlsCAFile=${encodeURIComponent(join(dir, "cert.pem"))}`));
    const untrusted = await open(url("ann:hunter2", ""));
    const missing = openKurrentStore({ url: url("ann:hunter2", "&tlsCAFile=%2Fnowhere.pem"), journal: silent });
    const refused = [wrong.read("s"), wrong.follow(0)[Symbol.asyncIterator]().next(), untrusted.read("s"), missing];
    const errors = (await Promise.allSettled(refused)).map((one) => (one.status === "rejected" ? (one.reason as Error) : undefined));
    const codes = errors.map((error) => (error as { readonly code?: string } | undefined)?.code);
    // The client does not say why a handshake fails: it looks like a server that is away.
    expect(codes).toEqual(["bad-query", "bad-query", expect.stringMatching(/^(unavailable|timeout)$/), "bad-query"]);
    for (const error of errors) {
      const all = JSON.stringify([error, error?.message, error?.stack, error?.cause], Object.getOwnPropertyNames(error));
      expect(all).not.toContain("hunter2");
      expect(all).not.toContain(Buffer.from("ann:hunter2").toString("base64"));
    }
  });
});
