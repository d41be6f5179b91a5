/** Following decisions in KurrentDB while connections are lost, the server is away, others write beside us, and the store is closed. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openKurrentStore } from "../../adapters/store-kurrent.ts";
import type { Decision, EventStore, Journal, Position, StoreBatch } from "../../domain/ports.ts";
import { type FakeKurrentDb, Ledger, startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { silent } from "../support/frames.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

/** Two cores may have much else to do. */
const PATIENT = { timeout: 20_000 };

let fake: FakeKurrentDb;
let stores: EventStore[] = [];
const open = async (url = fake.url, journal: Journal = silent): Promise<EventStore> => {
  const store = await openKurrentStore({ url, journal });
  stores.push(store);
  return store;
};
beforeEach(async () => {
  fake = await startFakeKurrentDb();
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await fake.stop();
  stores = [];
});

const decisions = (n: number): readonly Decision[] =>
  Array.from({ length: n }, (_, i) => ({ id: randomUUID(), type: "tested", data: i, at: 1 }));

/** Everything a feed gives, as `stream revision`, for as long as it is not stopped. */
const listen = (store: EventStore, from: Position = 0) => {
  const seen: string[] = [];
  const batches: StoreBatch[] = [];
  const cut = new AbortController();
  const over = (async () => {
    for await (const batch of store.follow(from, cut.signal)) {
      batches.push(batch);
      seen.push(...batch.events.map(({ stream, revision }) => `${stream} ${revision}`));
    }
  })();
  const stop = (): Promise<void> => {
    cut.abort();
    return over;
  };
  return { seen, batches, over, stop };
};
const names = (stream: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${stream} ${from + i}`);
const seenAll = (seen: readonly string[], n: number) => expect.poll(() => seen.length, PATIENT).toBeGreaterThanOrEqual(n);

test("ten thousand decisions of several streams, written while they are followed, come in order and once", async () => {
  const [writer, reader] = [await open(), await open()];
  const streams = ["camera-a/1", "camera-a/2", "camera-b/1", "tenant-a"];
  const write = async (): Promise<void> => {
    for (let n = 0; n < 100; n++) await writer.append(streams[n % 4] as string, "any", decisions(100));
  };
  await writer.append("camera-a/1", 0, decisions(50));
  const { seen, batches, stop } = listen(reader);
  await write();
  await seenAll(seen, 10_050);
  await stop();
  expect(seen).toEqual(fake.ledger.records.map(({ stream, revision }) => `${stream.slice("tallywire.".length)} ${revision + 1}`));
  for (const [i, { next }] of batches.entries()) expect(next).toBeGreaterThan(batches[i - 1]?.next ?? 0);
});

test("lost connections in the middle lose nothing and repeat nothing", async () => {
  const [writer, reader] = [await open(), await open()];
  await writer.append("s", 0, decisions(3000));
  const { seen, stop } = listen(reader);
  const subscriptions = (): number => fake.calls.filter((call) => call === "subscribe").length;
  for (let n = 0; n < 10; n++) {
    await expect.poll(subscriptions, PATIENT).toBeGreaterThan(n);
    fake.dropConnections();
    await writer.append("s", "any", decisions(100));
  }
  await seenAll(seen, 4000);
  await stop();
  expect(seen).toEqual(names("s", 1, 4000));
});

test("connections that are reset on the way lose nothing and repeat nothing", async () => {
  const proxy = await startTcpProxy({ seed: 7, to: fake.port });
  const writer = await open();
  await writer.append("s", 0, decisions(500));
  const { seen, stop } = listen(await open(`kurrentdb://127.0.0.1:${proxy.port}?tls=false`));
  for (let n = 0; n < 5; n++) {
    await seenAll(seen, 1 + n * 100);
    await proxy.begin({ kind: "reset" });
    await writer.append("s", "any", decisions(100));
    await proxy.end();
  }
  await seenAll(seen, 1000);
  await stop();
  await proxy.close();
  expect(seen).toEqual(names("s", 1, 1000));
});

test("a server that is away is waited for as long as a call may take, and told of in the journal; then that is an error", async () => {
  const lines: object[] = [];
  const journal = { ...silent, warn: (fields: object) => lines.push(fields) };
  const store = await open(`${fake.url}&defaultDeadline=1000`, journal);
  await store.append("s", 0, decisions(1));
  const { seen, over } = listen(store);
  const ended = expect(over).rejects.toMatchObject({ code: "unavailable", retryable: true });
  await seenAll(seen, 1);
  await fake.down();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await fake.up();
  await store.append("s", 1, decisions(1));
  await seenAll(seen, 2);
  const told = lines.length;
  expect(told).toBeGreaterThan(0);
  await fake.down();
  await ended;
  expect(lines.length).toBeGreaterThan(told);
  expect(seen).toEqual(["s 1", "s 2"]);
});

test("a connection lost after a long silence is taken up again as any other", async () => {
  const store = await open(`${fake.url}&defaultDeadline=300`);
  const { seen, stop } = listen(store);
  await store.append("s", 0, decisions(1));
  await seenAll(seen, 1);
  await new Promise((resolve) => setTimeout(resolve, 600));
  fake.dropConnections();
  await store.append("s", 1, decisions(1));
  await seenAll(seen, 2);
  await stop();
  expect(seen).toEqual(["s 1", "s 2"]);
});

test("a connection that nobody closed and nothing comes through is given up and taken up again", async () => {
  const proxy = await startTcpProxy({ seed: 3, to: fake.port });
  const writer = await open();
  await writer.append("s", 0, decisions(1));
  const url = `kurrentdb://127.0.0.1:${proxy.port}?tls=false&keepAliveInterval=500&keepAliveTimeout=500`;
  const { seen, stop } = listen(await open(url));
  await seenAll(seen, 1);
  await proxy.begin({ kind: "black-hole", accepts: true, afterwards: "forgotten" });
  await writer.append("s", 1, decisions(1));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await proxy.end();
  await seenAll(seen, 2);
  await stop();
  await proxy.close();
  expect(seen).toEqual(["s 1", "s 2"]);
});

test("a server that does not answer a subscription is a timeout", async () => {
  fake.faults.hangs = new Set(["subscribe"]);
  const store = await open(`${fake.url}&defaultDeadline=300`);
  await expect(store.follow(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "timeout", retryable: true });
});

test("events of others are skipped, and the position moves on over them", async () => {
  const store = await open();
  for (let n = 0; n < 700; n++) fake.write("orders-1", "ordered", { n });
  await store.append("s", 0, decisions(1));
  for (let n = 0; n < 5000; n++) fake.write(n % 2 === 0 ? "orders-2" : "tallywire.é", "ordered", { n });
  const { seen, batches, stop } = listen(store);
  await expect.poll(() => batches.at(-1)?.next ?? 0, PATIENT).toBeGreaterThan((fake.ledger.records.at(-900)?.position ?? 0) * 2);
  for (let n = 0; n < 2100; n++) fake.write("orders-1", "ordered", { n });
  await expect.poll(() => batches.at(-1)?.next ?? 0, PATIENT).toBeGreaterThan((fake.ledger.records.at(-1100)?.position ?? 0) * 2);
  await stop();
  expect(seen).toEqual(["s 1"]);
  expect(batches.some(({ events }) => events.length === 0)).toBe(true);
  await store.append("s", 1, decisions(1));
  for (const { next } of batches) {
    const rest = listen(store, next);
    await seenAll(rest.seen, 1);
    await rest.stop();
    expect(rest.seen.at(-1)).toBe("s 2");
    // Who goes on from before our event is given it again.
    expect(rest.seen.length).toBe(next > (fake.ledger.records[700]?.position ?? 0) * 2 ? 1 : 2);
  }
});

test("a follower's own bookmark does not make it move on for ever", async () => {
  const store = await open();
  await store.append("s", 0, decisions(1));
  let batches = 0;
  const cut = new AbortController();
  const over = (async () => {
    for await (const { next } of store.follow(0, cut.signal)) {
      batches++;
      await store.setBookmark("relay", next);
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 500));
  cut.abort();
  await over;
  expect(batches).toBeGreaterThan(0);
  expect(batches).toBeLessThan(5);
});

test("a position that is none of this log's is refused by the server, and said so", async () => {
  const store = await open();
  await store.append("s", 0, decisions(3));
  const inside = (fake.ledger.records[1]?.position ?? 0) * 2 + 3;
  await expect(store.follow(inside)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "bad-query", retryable: false });
});

test("a log too long for our numbers is refused, not rounded", async () => {
  await fake.stop();
  fake = await startFakeKurrentDb({ ledger: new Ledger(2 ** 52) });
  const store = await open();
  await store.append("s", 0, decisions(1));
  await expect(store.follow(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "too-large", retryable: false });
});

test("an event that is no decision of ours ends following, wherever it stands", async () => {
  const store = await open();
  await store.append("s", 0, decisions(1));
  fake.write("tallywire.s", "tested", 1, { at: "now" });
  const { over } = listen(store);
  await expect(over).rejects.toMatchObject({ code: "corrupt", retryable: false });
});

test("closing the store ends following at once, also while the server hangs and while it is away", async () => {
  for (const trouble of [() => undefined, () => (fake.faults.hangs = new Set(["subscribe"])), () => fake.down()]) {
    const store = await open();
    await store.append("s", "any", decisions(1));
    await trouble();
    const { over } = listen(store);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    await store.close();
    await over;
    expect(performance.now() - began).toBeLessThan(1500);
  }
});

test("a follower that is slow holds up nobody, and misses nothing", async () => {
  const [writer, reader] = [await open(), await open()];
  const feed = reader.follow(0)[Symbol.asyncIterator]();
  await writer.append("s", 0, decisions(1));
  const seen: number[] = [];
  const pull = async (): Promise<void> => {
    const pulled = await feed.next();
    if (pulled.done !== true) seen.push(...pulled.value.events.map(({ revision }) => revision));
  };
  await pull();
  for (let n = 0; n < 20; n++) await writer.append("s", "any", decisions(200));
  while (seen.length < 4001) await pull();
  await feed.return?.();
  expect(seen).toEqual(Array.from({ length: 4001 }, (_, i) => i + 1));
});
