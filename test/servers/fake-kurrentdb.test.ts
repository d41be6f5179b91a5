/** The fake KurrentDB keeps the server's rules, as the client's own public methods see them. */
import { type AllStreamResolvedEvent, type EventData, jsonEvent, KurrentDBClient, streamNameFilter } from "@kurrent/kurrentdb-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeKurrentDb, startFakeKurrentDb } from "./fake-kurrentdb.ts";

let fake: FakeKurrentDb;
let client: KurrentDBClient;
beforeEach(async () => {
  fake = await startFakeKurrentDb();
  client = KurrentDBClient.connectionString(fake.url);
});
afterEach(async () => {
  await client.dispose();
  await fake.stop();
});

const events = (n: number): EventData[] => Array.from({ length: n }, (_, i) => jsonEvent({ type: "tested", data: { i } }));
const read = async (stream: string, options = {}): Promise<number[]> => {
  const revisions: number[] = [];
  for await (const { event } of client.readStream(stream, options)) revisions.push(Number(event?.revision));
  return revisions;
};

describe("appending", () => {
  it("keeps expected revisions", async () => {
    await expect(client.appendToStream("s", events(1), { streamState: 0n })).rejects.toMatchObject({ type: "wrong-expected-version" });
    await expect(client.appendToStream("s", events(1), { streamState: "stream_exists" })).rejects.toThrow();
    expect((await client.appendToStream("s", events(2), { streamState: "no_stream" })).nextExpectedRevision).toBe(1n);
    for (const streamState of ["no_stream", 0n, 2n] as const)
      await expect(client.appendToStream("s", events(1), { streamState })).rejects.toMatchObject({
        type: "wrong-expected-version",
        actualState: 1n,
      });
    expect((await client.appendToStream("s", events(1), { streamState: 1n })).nextExpectedRevision).toBe(2n);
  });

  it("knows the same ids again where an older revision is expected, at any age; not where the present one is", async () => {
    const mine = events(2);
    const first = await client.appendToStream("s", mine, { streamState: "no_stream" });
    await client.appendToStream("s", events(1500), { streamState: 1n });
    expect(await client.appendToStream("s", mine, { streamState: "no_stream" })).toEqual(first);
    await expect(client.appendToStream("s", mine, { streamState: 0n })).rejects.toThrow();
    expect((await client.appendToStream("s", mine, { streamState: 1501n })).nextExpectedRevision).toBe(1503n);
  });

  it("knows the same ids again where any revision is expected only while they are remembered", async () => {
    const mine = events(1);
    await client.appendToStream("s", mine);
    expect((await client.appendToStream("s", mine)).nextExpectedRevision).toBe(0n);
    await client.appendToStream("other", events(1500));
    expect((await client.appendToStream("s", mine)).nextExpectedRevision).toBe(1n);
  });

  it("is sent to the leader by another node, with the leader's address", async () => {
    fake.faults.leader = { host: "127.0.0.1", port: 9 };
    await expect(client.appendToStream("s", events(1), { requiresLeader: true })).rejects.toMatchObject({
      type: "not-leader",
      leader: { address: "127.0.0.1", port: 9 },
    });
  });
});

describe("reading", () => {
  it("goes either way, from a revision on, so many events, and knows what is not there", async () => {
    await client.appendToStream("s", events(5));
    expect(await read("s")).toEqual([0, 1, 2, 3, 4]);
    expect(await read("s", { fromRevision: 3n })).toEqual([3, 4]);
    expect(await read("s", { fromRevision: 5n })).toEqual([]);
    expect(await read("s", { direction: "backwards", fromRevision: "end", maxCount: 2 })).toEqual([4, 3]);
    await expect(read("t")).rejects.toMatchObject({ type: "stream-not-found" });
  });

  it("leaves out what a stream is said not to keep", async () => {
    await client.appendToStream("s", events(5));
    await client.setStreamMetadata("s", { maxCount: 2 });
    expect(await read("s")).toEqual([3, 4]);
    await client.setStreamMetadata("s", { truncateBefore: 5 });
    await expect(read("s")).rejects.toMatchObject({ type: "stream-not-found" });
    expect(fake.ledger.stream("$$s")?.length).toBe(1);
  });
});

describe("a subscription to all", () => {
  it("catches up, says how far it has looked, and goes on live from every place it named", async () => {
    for (let n = 0; n < 100; n++) fake.write(n % 10 === 0 ? "mine-1" : "others", "tested", { n });
    const places: { commit: bigint; prepare: bigint }[] = [];
    const follow = async (fromPosition: (typeof places)[number] | "start", count: number): Promise<number[]> => {
      const filter = streamNameFilter({
        prefixes: ["mine"],
        maxSearchWindow: 8,
        checkpointInterval: 1,
        checkpointReached: async (_, place) => void places.push(place),
      });
      const seen: number[] = [];
      for await (const { event } of client.subscribeToAll({ filter, fromPosition }) as AsyncIterable<AllStreamResolvedEvent>) {
        if (event === undefined) continue;
        seen.push((event.data as { readonly n: number }).n);
        places.push(event.position);
        if (seen.length === count) break;
      }
      return seen;
    };
    const following = follow("start", 11);
    await expect.poll(() => places.length, { timeout: 10_000 }).toBeGreaterThan(15);
    fake.write("mine-1", "tested", { n: 100 });
    expect(await following).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    const known = [...new Map(places.map((place) => [`${place.commit}/${place.prepare}`, place])).values()];
    expect(known.some(({ commit, prepare }) => commit !== prepare)).toBe(true);
    for (const place of known) {
      const rest = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100].filter((n) => BigInt(fake.ledger.records[n]?.position ?? 0) > place.commit);
      // A place that is no event's may be the beginning of one of ours: then it comes too.
      const own = fake.ledger.records.find(
        (one) => BigInt(one.position) === place.commit && place.prepare !== place.commit && one.stream === "mine-1",
      );
      const expected = [...(own === undefined ? [] : [Number(JSON.parse(Buffer.from(own.data).toString()).n)]), ...rest];
      if (expected.length > 0) expect(await follow(place, expected.length)).toEqual(expected);
    }
  });

  it("from a place inside an event is refused", async () => {
    fake.write("mine-1", "tested", {});
    const subscription = client.subscribeToAll({ fromPosition: { commit: 313n, prepare: 313n } });
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toThrow("not valid");
  });
});

it("is found by gossip, as leader or as one that knows it", async () => {
  const other = await startFakeKurrentDb({ ledger: fake.ledger });
  other.faults.leader = { host: "127.0.0.1", port: fake.port };
  const cluster = KurrentDBClient.connectionString(`kurrentdb+discover://127.0.0.1:${other.port}?tls=false`);
  await cluster.appendToStream("s", events(1));
  expect([fake.calls, other.calls]).toEqual([["append"], []]);
  await cluster.dispose();
  await other.stop();
});
