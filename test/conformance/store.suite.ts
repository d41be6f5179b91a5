/** Every promise of `EventStore`, for every adapter. What an adapter cannot promise it says in `exempt`, with the reason. */
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { Json } from "../../domain/envelope.ts";
import type { Decided, Decision, EventStore, StoreBatch } from "../../domain/ports.ts";

export type StoreUnderTest = { open(): Promise<EventStore>; remove(): Promise<void> };
export type StoreExemptions = { readonly survivesReopening?: string };

const decision = (data: Json = null, id = randomUUID()): Decision => ({ id, type: "tested", data, at: 1_700_000_000_000 });
const decisions = (n: number): readonly Decision[] => Array.from({ length: n }, (_, i) => decision(i));
const asDecided = (stream: string, events: readonly Decision[], from = 1): readonly Decided[] =>
  events.map((event, i) => ({ ...event, stream, revision: from + i }));

/** Takes events from a feed until there are so many. */
const take = async (feed: AsyncIterable<StoreBatch>, n: number): Promise<readonly StoreBatch[]> => {
  const batches: StoreBatch[] = [];
  let seen = 0;
  for await (const batch of feed) {
    batches.push(batch);
    seen += batch.events.length;
    if (seen >= n) break;
  }
  return batches;
};

export const storeSuite = (name: string, make: () => Promise<StoreUnderTest>, exempt: StoreExemptions = {}): void => {
  describe(name, () => {
    let subject: StoreUnderTest | undefined;
    let opened: EventStore[] = [];
    const open = async (): Promise<EventStore> => {
      subject ??= await make();
      const store = await subject.open();
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of opened) await store.close();
      opened = [];
      await subject?.remove();
      subject = undefined;
    });

    describe("streams", () => {
      test("what was appended is read back, numbered from 1, in order", async () => {
        const store = await open();
        const events = decisions(3);
        expect(await store.append("camera-a", 0, events)).toBe(3);
        expect(await store.read("camera-a")).toEqual(asDecided("camera-a", events));
      });

      test("a stream that does not exist is empty", async () => {
        expect(await (await open()).read("nobody")).toEqual([]);
      });

      test("what was decided after a revision is read by itself, also where that is nothing", async () => {
        const store = await open();
        const events = decisions(5);
        await store.append("s", 0, events);
        const all = asDecided("s", events);
        for (const after of [0, 1, 4, 5]) {
          expect(await store.read("s", after)).toEqual(all.slice(after));
          for (const most of [1, 2, 9]) expect(await store.read("s", after, most)).toEqual(all.slice(after, after + most));
        }
        // As much is known of it as of one that was read whole.
        expect(await store.append("s", 5, decisions(1))).toBe(6);
        expect(await store.append("s", "any", events)).toBe(5);
      });

      test("how many events a stream has is told without them", async () => {
        const store = await open();
        expect(await store.head("s")).toBe(0);
        await store.append("s", 0, decisions(5));
        await store.append("t", 0, decisions(1));
        expect([await store.head("s"), await store.head("t"), await store.head("u")]).toEqual([5, 1, 0]);
        await store.append("s", 5, decisions(2));
        expect(await store.head("s")).toBe(7);
      });

      test("who wanted a decision is kept with it", async () => {
        const store = await open();
        const [one, two] = decisions(2) as [Decision, Decision];
        await store.append("s", 0, [{ ...one, by: "somebody@example" }, two]);
        expect((await store.read("s")).map((event) => ("by" in event ? event.by : "nobody said"))).toEqual([
          "somebody@example",
          "nobody said",
        ]);
      });

      test("streams do not see each other, whatever their names", async () => {
        const store = await open();
        const names = ["a", "a/1", "", "\ud800", "é", "x".repeat(5000), "a\u0000b", "__proto__"];
        for (const [i, stream] of names.entries()) await store.append(stream, 0, decisions(i + 1));
        for (const [i, stream] of names.entries()) {
          const read = await store.read(stream);
          expect(read.length).toBe(i + 1);
          expect(read.every((event) => event.stream === stream)).toBe(true);
        }
      });

      test("data comes back as it was: lone surrogates, __proto__ keys, the order of keys, numbers", async () => {
        const store = await open();
        const text = '{"b":1,"a":{"__proto__":{"x":[null,true,"\\ud800"]},"constructor":"c"},"10":0.1,"n":1e-310}';
        const data = JSON.parse(text) as Json;
        await store.append("s", 0, [decision(data)]);
        const [event] = await store.read("s");
        expect(JSON.stringify(event?.data)).toBe(JSON.stringify(data));
        expect(Object.getPrototypeOf(event?.data)).toBe(Object.prototype);
      });

      test("more than a thousand events in one append are kept", async () => {
        const store = await open();
        const events = decisions(1500);
        await store.append("s", 0, events);
        expect(await store.read("s")).toEqual(asDecided("s", events));
      });
    });

    describe("expected revisions", () => {
      test("an append at another revision is refused and leaves nothing", async () => {
        const store = await open();
        await store.append("s", 0, decisions(2));
        for (const expected of [0, 1, 3]) {
          await expect(store.append("s", expected, decisions(1))).rejects.toMatchObject({ code: "wrong-revision", retryable: false });
        }
        await expect(store.append("t", 1, decisions(1))).rejects.toMatchObject({ code: "wrong-revision" });
        expect((await store.read("s")).length).toBe(2);
        expect(await store.read("t")).toEqual([]);
        expect(await store.append("s", 2, decisions(1))).toBe(3);
      });

      test("any revision will do where any is expected", async () => {
        const store = await open();
        expect(await store.append("s", "any", decisions(2))).toBe(2);
        expect(await store.append("s", "any", decisions(1))).toBe(3);
      });

      test("of many writers at once with the same expectation exactly one succeeds", async () => {
        const store = await open();
        const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => store.append("s", 0, decisions(2))));
        expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
        expect((await store.read("s")).length).toBe(2);
      });

      test("many writers who expect any revision all succeed, each in one piece", async () => {
        const store = await open();
        const all = Array.from({ length: 20 }, () => decisions(3));
        const revisions = await Promise.all(all.map((events) => store.append("s", "any", events)));
        expect([...revisions].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 3 * (i + 1)));
        const read = await store.read("s");
        all.forEach((events, i) => {
          const end = revisions[i] as number;
          expect(read.slice(end - 3, end).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
        });
      });

      test("of nothing gives the current revision, and is refused at another", async () => {
        const store = await open();
        await store.append("s", 0, decisions(2));
        expect(await store.append("s", 2, [])).toBe(2);
        expect(await store.append("s", "any", [])).toBe(2);
        await expect(store.append("s", 1, [])).rejects.toMatchObject({ code: "wrong-revision" });
      });
    });

    describe("repeats", () => {
      test("the same ids again give the revision they stand at and add nothing, whatever is expected and whatever came after", async () => {
        const store = await open();
        const events = decisions(2);
        expect(await store.append("s", 0, events)).toBe(2);
        await store.append("s", 2, decisions(3));
        for (const expected of [0, 5, 99, "any"] as const) expect(await store.append("s", expected, events)).toBe(2);
        expect((await store.read("s")).length).toBe(5);
      });

      test("the same append many times at once is one", async () => {
        const store = await open();
        const events = decisions(2);
        const revisions = await Promise.all(Array.from({ length: 10 }, () => store.append("s", "any", events)));
        expect(new Set(revisions)).toEqual(new Set([2]));
        expect((await store.read("s")).length).toBe(2);
      });

      test("an append of which only some events stand in the stream is refused", async () => {
        const store = await open();
        const [a, b, c] = decisions(3) as [Decision, Decision, Decision];
        await store.append("s", 0, [a, b]);
        for (const events of [
          [b, c],
          [c, a],
          [b, a],
        ]) {
          for (const expected of [2, "any"] as const) {
            await expect(store.append("s", expected, events)).rejects.toMatchObject({ code: "wrong-revision" });
          }
        }
        expect((await store.read("s")).length).toBe(2);
      });

      test("an id twice in one append is refused", async () => {
        const store = await open();
        const event = decision();
        await expect(store.append("s", 0, [event, event])).rejects.toMatchObject({ code: "bad-query" });
        expect(await store.read("s")).toEqual([]);
      });

      test("an id is the stream's own: another stream may have it too", async () => {
        const store = await open();
        const events = decisions(1);
        expect(await store.append("s", 0, events)).toBe(1);
        expect(await store.append("t", 0, events)).toBe(1);
        expect((await store.read("t")).length).toBe(1);
      });
    });

    describe("following", () => {
      test("gives all streams in the order of commitment, then what comes", async () => {
        const store = await open();
        const [one, two, three] = [decisions(2), decisions(1), decisions(2)] as const;
        await store.append("a", 0, one);
        await store.append("b", 0, two);
        const taken = take(store.follow(0), 5);
        await store.append("a", 2, three);
        const expected = [...asDecided("a", one), ...asDecided("b", two), ...asDecided("a", three, 3)];
        expect((await taken).flatMap(({ events }) => events)).toEqual(expected);
      });

      test("goes on without loss or repeat from any batch's `next`", async () => {
        const store = await open();
        for (let n = 0; n < 5; n++) await store.append(`s${n % 2}`, "any", decisions(600));
        const batches = await take(store.follow(0), 3000);
        const all = batches.flatMap(({ events }) => events);
        expect(all.length).toBe(3000);
        expect(batches.length).toBeGreaterThan(1);
        let seen = 0;
        for (const batch of batches.slice(0, -1)) {
          seen += batch.events.length;
          const rest = await take(store.follow(batch.next), 3000 - seen);
          expect(rest.flatMap(({ events }) => events)).toEqual(all.slice(seen));
        }
      });

      test("waits until its signal is aborted, until it is returned, and until the store is closed", async () => {
        const store = await open();
        const cut = new AbortController();
        const aborted = store.follow(0, cut.signal)[Symbol.asyncIterator]().next();
        const feed = store.follow(0)[Symbol.asyncIterator]();
        const returned = feed.next();
        const closed = store.follow(0)[Symbol.asyncIterator]().next();
        expect(await Promise.race([aborted, returned, closed, new Promise((resolve) => setTimeout(resolve, 20, "waiting"))])).toBe(
          "waiting",
        );
        cut.abort();
        expect((await aborted).done).toBe(true);
        await feed.return?.();
        expect((await returned).done).toBe(true);
        await store.close();
        expect((await closed).done).toBe(true);
      });
    });

    describe("bookmarks", () => {
      test("are 0 at first, then what was set last, each of its own", async () => {
        const store = await open();
        expect(await store.bookmark("relay")).toBe(0);
        await store.setBookmark("relay", 5);
        await store.setBookmark("other", 7);
        await store.setBookmark("relay", 6);
        expect(await store.bookmark("relay")).toBe(6);
        expect(await store.bookmark("other")).toBe(7);
      });
    });

    describe("closing", () => {
      test("waits for what was appended, refuses what comes later, and may be asked for twice", async () => {
        const store = await open();
        const appended = store.append("s", 0, decisions(1));
        await store.close();
        expect(await appended).toBe(1);
        await store.close();
        await expect(store.append("s", 1, decisions(1))).rejects.toMatchObject({ code: "closed", retryable: false });
        await expect(store.setBookmark("relay", 1)).rejects.toMatchObject({ code: "closed" });
      });

      test.skipIf(exempt.survivesReopening !== undefined)(
        "and opening again finds streams, ids, the order of commitment and bookmarks",
        async () => {
          const before = await open();
          const [one, two] = [decisions(2), decisions(3)] as const;
          await before.append("a", 0, one);
          await before.append("b", 0, two);
          await before.setBookmark("relay", 4);
          await before.close();
          const after = await open();
          expect(await after.read("a")).toEqual(asDecided("a", one));
          expect(await after.append("b", 0, two)).toBe(3);
          expect(await after.bookmark("relay")).toBe(4);
          expect(await after.append("a", 2, decisions(1))).toBe(3);
          const all = (await take(after.follow(0), 6)).flatMap(({ events }) => events);
          expect(all.map(({ stream, revision }) => `${stream}${revision}`)).toEqual(["a1", "a2", "b1", "b2", "b3", "a3"]);
        },
      );
    });
  });
};
