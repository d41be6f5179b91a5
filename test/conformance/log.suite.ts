/** Every promise of `Logs` and `Log`, for every adapter. What an adapter cannot promise it says in `exempt`, with the reason. */
import { afterEach, describe, expect, test } from "vitest";
import type { Json } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import { type Base, type Batch, EVENTS_PER_RECORD, type Logs, type Owned, type Release } from "../../domain/ports.ts";
import { batchesOf, cameraIn, corrected, coverage, crossing, eventsOf, everyFact, frame, presence, recomputed, TENANT } from "./events.ts";

export type LogsUnderTest = {
  /** Opens the same log again each time; small batches so that their bounds show. */
  open(limits: { readonly factsPerBatch: number; readonly derivedPerBatch: number }): Promise<Logs>;
  remove(): Promise<void>;
};
export type LogExemptions = { readonly survivesReopening?: string; readonly acknowledgedFirst?: string };

const PARTITIONS = 4;
const LIMITS = { factsPerBatch: 20, derivedPerBatch: 10 };
const A = cameraIn(0, PARTITIONS);
const A2 = cameraIn(0, PARTITIONS, 1);
const B = cameraIn(1, PARTITIONS);
const keepAll = { arrivedBefore: 0, maxBytes: Number.POSITIVE_INFINITY, keepFrom: [] };
const numbers = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);
const ids = (events: readonly Fact[]): string[] => events.map((event) => (event.kind === "frame" ? event.id : event.kind));

/** Claims every partition and gives the one asked for. */
const own = async (logs: Logs, partition = 0): Promise<{ readonly owned: Owned; readonly release: Release }> => {
  let give: (owned: Owned) => void;
  const given = new Promise<Owned>((resolve) => {
    give = resolve;
  });
  const release = await logs.claim(async (owned) => {
    if (owned.partition === partition) give(owned);
    await owned.lost;
  });
  return { owned: await given, release };
};

export const logSuite = (name: string, make: () => Promise<LogsUnderTest>, exempt: LogExemptions = {}): void => {
  describe(name, () => {
    let subject: LogsUnderTest | undefined;
    let opened: Logs[] = [];
    const open = async (limits = LIMITS): Promise<Logs> => {
      subject ??= await make();
      const logs = await subject.open(limits);
      opened.push(logs);
      return logs;
    };
    afterEach(async () => {
      for (const logs of opened) await logs.close();
      opened = [];
      await subject?.remove();
      subject = undefined;
    });

    describe("appending", () => {
      test("gives every event a position in its camera's partition, and reading gives the event back at that position", async () => {
        const { facts } = await open();
        const positions = await facts.append([frame(A, 1), frame(B, 2), frame(A, 3)]);
        const [inA] = await batchesOf(facts.read(0, "start"));
        const [inB] = await batchesOf(facts.read(1, "start"));
        expect(inA?.events).toEqual([frame(A, 1), frame(A, 3)]);
        expect(inA?.positions).toEqual([positions[0], positions[2]]);
        expect(inB?.events).toEqual([frame(B, 2)]);
        expect(inB?.positions).toEqual([positions[1]]);
        expect(inA?.partition).toBe(0);
        expect(inB?.partition).toBe(1);
      });

      test("keeps every kind of fact as it was: fields left out, lone surrogates, __proto__, the least and greatest numbers", async () => {
        const { facts } = await open();
        await facts.append(everyFact(A));
        const back = await eventsOf(facts.read(0, "start"));
        expect(back).toEqual(everyFact(A));
        const box = back[5]?.kind === "frame" ? back[5].objects[0]?.bbox : undefined;
        expect(box?.leftX).toBe(-0);
        expect(Object.getPrototypeOf(back[5])).toBe(Object.prototype);
      });

      test("keeps derived events as they were", async () => {
        const { derived } = await open();
        const told = [
          presence(A),
          coverage(A, 1),
          recomputed(A),
          corrected(presence(A), false),
          corrected(crossing(A), true),
          recomputed(A, "gone"),
        ];
        await derived.append(told);
        expect(await eventsOf(derived.read(0, "start"))).toEqual(told);
      });

      test("of nothing gives nothing and moves no end", async () => {
        const { facts, derived } = await open();
        expect(await facts.append([])).toEqual([]);
        expect(await derived.append([])).toEqual([]);
        expect(await facts.bounds(0)).toEqual({ start: 0, end: 0 });
      });

      test("keeps what it was given when the caller changes its object afterwards", async () => {
        const { facts } = await open();
        const mine = { ...frame(A, 1) };
        await facts.append([mine]);
        mine.id = "changed";
        expect(ids(await eventsOf(facts.read(0, "start")))).toEqual(["1"]);
      });

      test("a hundred times at once keeps the order of each camera, and positions grow", async () => {
        const { facts } = await open();
        const positions = await Promise.all(numbers(100).map((n) => facts.append([frame(A, 2 * n), frame(B, n), frame(A, 2 * n + 1)])));
        const batches = await batchesOf(facts.read(0, "start"));
        expect(ids(batches.flatMap(({ events }) => events))).toEqual(numbers(200).map(String));
        const read = batches.flatMap((batch) => batch.positions);
        expect(read).toEqual(positions.flatMap(([a, , b]) => [a, b]));
        expect(read).toEqual([...read].sort((x, y) => x - y));
        expect(new Set(read).size).toBe(200);
      });

      test("more events than a record holds gives all of them distinct positions", async () => {
        const { derived, facts } = await open({ factsPerBatch: 10_000, derivedPerBatch: 1000 });
        const many = numbers(EVENTS_PER_RECORD + 10).map((n) => frame(A, n, { objects: [] }));
        const positions = await facts.append(many);
        expect(new Set(positions).size).toBe(many.length);
        expect(ids(await eventsOf(facts.read(0, "start")))).toEqual(many.map(({ id }) => id));
        const more = await derived.append(numbers(1500).map((n) => coverage(A, n)));
        expect(new Set(more).size).toBe(1500);
      });
    });

    describe("reading", () => {
      test("begins anywhere, also in the middle of a block", async () => {
        const { facts } = await open();
        const positions = await facts.append(numbers(10).map((n) => frame(A, n)));
        for (const n of numbers(10)) {
          const [batch] = await batchesOf(facts.read(0, positions[n] as number));
          expect(ids(batch?.events ?? [])).toEqual(numbers(10 - n, n).map(String));
          expect(batch?.positions[0]).toBe(positions[n]);
        }
      });

      test("is bounded by `to`, exclusive, also in the middle of a block", async () => {
        const { facts } = await open();
        const positions = await facts.append(numbers(10).map((n) => frame(A, n)));
        const batches = await batchesOf(facts.read(0, "start", { to: positions[7] as number }));
        expect(ids(batches.flatMap(({ events }) => events))).toEqual(numbers(7).map(String));
        expect(batches.at(-1)?.next).toBe(positions[7]);
        expect(ids(await eventsOf(facts.read(0, positions[7] as number)))).toEqual(["7", "8", "9"]);
        expect(await batchesOf(facts.read(0, positions[7] as number, { to: positions[7] as number }))).toEqual([]);
      });

      test("goes on without loss or repeat from any batch's `next` and from behind any event", async () => {
        const { facts } = await open();
        for (const n of numbers(9)) await facts.append(numbers(7, 7 * n).map((m) => frame(A, m)));
        const batches = await batchesOf(facts.read(0, "start"));
        expect(batches.length).toBeGreaterThan(2);
        for (const batch of batches) {
          const last = (batch.events.at(-1) as Fact & { readonly id: string }).id;
          const rest = numbers(62 - Number(last), Number(last) + 1).map(String);
          expect(ids(await eventsOf(facts.read(0, batch.next)))).toEqual(rest);
          expect(ids(await eventsOf(facts.read(0, (batch.positions.at(-1) as number) + 1)))).toEqual(rest);
        }
      });

      test("comes in batches that are bounded", async () => {
        const { facts, derived } = await open();
        for (const n of numbers(30)) await facts.append([frame(A, 2 * n), frame(A, 2 * n + 1)]);
        await derived.append(numbers(35).map((n) => coverage(A, n)));
        expect((await batchesOf(facts.read(0, "start"))).map(({ events }) => events.length)).toEqual([20, 20, 20]);
        expect((await batchesOf(derived.read(0, "start"))).map(({ events }) => events.length)).toEqual([10, 10, 10, 5]);
      });

      test("a block greater than a batch is one batch", async () => {
        const { facts } = await open();
        await facts.append(numbers(50).map((n) => frame(A, n)));
        expect((await batchesOf(facts.read(0, "start"))).map(({ events }) => events.length)).toEqual([50]);
      });

      test("is pull-based: a reader that stops reading holds up nobody", async () => {
        const { facts } = await open();
        for (const n of numbers(5)) await facts.append(numbers(20, 20 * n).map((m) => frame(A, m)));
        const slow = facts.read(0, "start", { follow: true })[Symbol.asyncIterator]();
        expect((await slow.next()).value?.events.length).toBe(20);
        expect(ids(await eventsOf(facts.read(0, "start"))).length).toBe(100);
        await facts.append([frame(A, 100)]);
        expect((await slow.next()).value?.events.length).toBe(20);
        await slow.return?.();
      });

      test("pulls made without waiting for the one before are answered in order", async () => {
        const { facts } = await open();
        for (const n of numbers(3)) await facts.append(numbers(20, 20 * n).map((m) => frame(A, m)));
        const feed = facts.read(0, "start")[Symbol.asyncIterator]();
        const pulled = await Promise.all([feed.next(), feed.next(), feed.next(), feed.next()]);
        expect(pulled.map(({ done, value }) => (done === true ? "done" : ids(value.events)[0]))).toEqual(["0", "20", "40", "done"]);
      });

      test("without `follow` ends at what was the end when it was asked for", async () => {
        const { facts } = await open();
        await facts.append([frame(A, 1)]);
        const feed = facts.read(0, "start");
        await facts.append([frame(A, 2)]);
        expect(ids(await eventsOf(feed))).toEqual(["1"]);
      });

      test("from the end gives only what came after it was asked for", async () => {
        const { facts } = await open();
        await facts.append([frame(A, 1)]);
        const feed = facts.read(0, "end", { follow: true })[Symbol.asyncIterator]();
        await facts.append([frame(A, 2)]);
        expect(ids((await feed.next()).value?.events ?? [])).toEqual(["2"]);
        await feed.return?.();
        expect(await batchesOf(facts.read(0, "end"))).toEqual([]);
      });

      test("from an instant of arrival begins with the first event that arrived then or later, even where a clock was set back", async () => {
        const { facts, derived } = await open();
        const arrivals = [[10, 20], [30], [25, 26], [28, 40], [35, 50]];
        for (const block of arrivals) {
          await facts.append(block.map((receivedAt) => frame(A, receivedAt, { receivedAt })));
          await derived.append(block.map((receivedAt) => ({ ...coverage(A, 1), receivedAt })));
        }
        const all = arrivals.flat();
        for (const arrivedAt of [0, 10, 11, 20, 21, 30, 31, 40, 41, 50]) {
          const expected = all.slice(all.findIndex((at) => at >= arrivedAt));
          expect((await eventsOf(facts.read(0, { arrivedAt }))).map(({ receivedAt }) => receivedAt)).toEqual(expected);
          expect((await eventsOf(derived.read(0, { arrivedAt }))).map(({ receivedAt }) => receivedAt)).toEqual(expected);
        }
        expect(await eventsOf(facts.read(0, { arrivedAt: 51 }))).toEqual([]);
      });

      test("of a partition that does not exist is refused", async () => {
        const { facts } = await open();
        expect(() => facts.read(PARTITIONS, "start")).toThrow(RangeError);
      });
    });

    describe("following", () => {
      test("goes on across appends, in order", async () => {
        const { facts } = await open();
        await facts.append([frame(A, 0)]);
        const seen: string[] = [];
        const reading = (async () => {
          for await (const { events } of facts.read(0, "start", { follow: true })) {
            seen.push(...ids(events));
            if (seen.length >= 40) return;
          }
        })();
        for (const n of numbers(39, 1)) await facts.append([frame(A, n), frame(B, n)]);
        await reading;
        expect(seen).toEqual(numbers(40).map(String));
      });

      test("ends at `to` when that is reached", async () => {
        const { facts } = await open();
        const feed = batchesOf(facts.read(0, 0, { follow: true, to: 2 * EVENTS_PER_RECORD }));
        await facts.append([frame(A, 1)]);
        await facts.append([frame(A, 2)]);
        await facts.append([frame(A, 3)]);
        expect(ids((await feed).flatMap(({ events }) => events))).toEqual(["1", "2"]);
      });

      test("waits until its signal is aborted", async () => {
        const { facts } = await open();
        const cut = new AbortController();
        const feed = facts.read(0, "start", { follow: true, signal: cut.signal })[Symbol.asyncIterator]();
        const pulled = feed.next();
        expect(await Promise.race([pulled, new Promise((resolve) => setTimeout(resolve, 20, "waiting"))])).toBe("waiting");
        cut.abort();
        expect((await pulled).done).toBe(true);
        expect((await feed.next()).done).toBe(true);
      });

      test("waits until it is returned, and until the log is closed", async () => {
        const logs = await open();
        const left = logs.facts.read(0, "start", { follow: true })[Symbol.asyncIterator]();
        const pulled = left.next();
        await left.return?.();
        expect((await pulled).done).toBe(true);
        const closing = logs.facts.read(0, "start", { follow: true })[Symbol.asyncIterator]().next();
        await logs.close();
        expect((await closing).done).toBe(true);
      });

      test.skipIf(exempt.acknowledgedFirst !== undefined)("is never told of what is not yet acknowledged", async () => {
        const { facts } = await open();
        let acknowledged = 0;
        const early: number[] = [];
        const reading = (async () => {
          let seen = 0;
          for await (const { events } of facts.read(0, "start", { follow: true })) {
            seen += events.length;
            if (seen > acknowledged) early.push(seen);
            if (seen >= 50) return;
          }
        })();
        for (let n = 0; n < 50; n++) {
          await facts.append([frame(A, n)]);
          acknowledged++;
        }
        await reading;
        expect(early).toEqual([]);
      });
    });

    describe("owning and committing", () => {
      test("a fresh partition is restored empty, at the beginning", async () => {
        const { owned } = await own(await open());
        expect(await owned.restore()).toEqual({ memory: [], at: 0, next: 0 });
      });

      test("every partition is given once", async () => {
        const logs = await open();
        const given: number[] = [];
        const release = await logs.claim(async ({ partition, lost }) => {
          given.push(partition);
          await lost;
        });
        await expect.poll(() => given.length, { timeout: 20_000 }).toBe(PARTITIONS);
        await release();
        expect(given.sort()).toEqual(numbers(PARTITIONS));
      });

      test("derived events and the position are committed together, and progress tells both", async () => {
        const logs = await open();
        const { owned } = await own(logs);
        await owned.commit({ out: [coverage(A, 1), coverage(A, 2)], next: 77 });
        const { facts, derived } = await logs.progress(0);
        expect(facts).toBe(77);
        expect(await eventsOf(logs.derived.read(0, "start", { to: derived }))).toEqual([coverage(A, 1), coverage(A, 2)]);
        expect(await logs.progress(1)).toEqual({ facts: 0, derived: 0 });
        expect(await eventsOf(logs.derived.read(0, "start"))).toEqual([coverage(A, 1), coverage(A, 2)]);
        expect(await owned.restore()).toEqual({ memory: [], at: 0, next: 77 });
      });

      test("who follows the derived log finds the position already moved", async () => {
        const logs = await open();
        const { owned } = await own(logs);
        const feed = logs.derived.read(0, "start", { follow: true })[Symbol.asyncIterator]();
        const told = feed.next().then(() => logs.progress(0));
        await owned.commit({ out: [coverage(A, 1)], next: 9 });
        expect((await told).facts).toBe(9);
        await feed.return?.();
      });

      test("a checkpoint keeps the memory of each camera, replaces it, and forgets it", async () => {
        const logs = await open();
        const { owned } = await own(logs);
        const odd = JSON.parse('{"__proto__": {"x": 1}, "list": [1, null, "\\ud800"]}') as Json;
        const memory = (camera: string, value: Json | undefined) => ({ tenant: TENANT, camera, memory: value });
        await owned.commit({ out: [], next: 10, checkpoint: [memory(A, odd), memory(A2, 2)] });
        expect(await owned.restore()).toMatchObject({ at: 10, next: 10 });
        await owned.commit({ out: [], next: 20 });
        expect(await owned.restore()).toMatchObject({ at: 10, next: 20 });
        await owned.commit({ out: [], next: 30, checkpoint: [memory(A2, undefined)] });
        const { memory: kept, at } = await owned.restore();
        expect(at).toBe(30);
        expect(kept).toEqual([memory(A, odd)]);
        expect(JSON.stringify(kept[0]?.memory)).toBe(JSON.stringify(odd));
      });

      test("a new claim fences the owner before: it is told, and its commits are refused and leave nothing", async () => {
        const logs = await open();
        const first = await own(logs);
        const second = await own(logs);
        await first.owned.lost;
        await expect(first.owned.commit({ out: [coverage(A, 1)], next: 5 })).rejects.toMatchObject({ code: "fenced", retryable: false });
        expect(await logs.progress(0)).toEqual({ facts: 0, derived: 0 });
        await second.owned.commit({ out: [coverage(A, 2)], next: 6 });
        await first.release();
        await second.owned.commit({ out: [], next: 7 });
        expect((await logs.progress(0)).facts).toBe(7);
      });

      test("what an owner committed before it was fenced is in what the next one restores", async () => {
        const logs = await open();
        const { owned } = await own(logs);
        const committed = owned.commit({ out: [coverage(A, 1)], next: 5 });
        const outcome = committed.then(
          () => 5,
          () => 0,
        );
        const next = await own(logs);
        const restored = await next.owned.restore();
        expect(restored.next).toBe(await outcome);
      });

      test("releasing tells the owner, lets it commit once more, waits for it, and refuses it afterwards", async () => {
        const logs = await open();
        let kept: Owned | undefined;
        let given = 0;
        const release = await logs.claim(async (owned) => {
          given++;
          await owned.lost;
          if (owned.partition !== 0) return;
          await owned.commit({ out: [], next: 12, checkpoint: [] });
          kept = owned;
        });
        await expect.poll(() => given, { timeout: 20_000 }).toBe(PARTITIONS);
        await release();
        expect((await logs.progress(0)).facts).toBe(12);
        await expect(kept?.commit({ out: [], next: 13 })).rejects.toMatchObject({ code: "fenced" });
      });

      test("releasing throws what an owner threw", async () => {
        const logs = await open();
        let given = 0;
        const release = await logs.claim(async ({ partition, lost }) => {
          given++;
          await lost;
          if (partition === 2) throw new Error("defect");
        });
        await expect.poll(() => given, { timeout: 20_000 }).toBe(PARTITIONS);
        await expect(release()).rejects.toThrow("defect");
      });
    });

    describe("sharing", () => {
      test("gives every partition once, until it is released", async () => {
        const logs = await open();
        const given: number[] = [];
        let ended = 0;
        const release = await logs.share("reader", async ({ partition, lost }) => {
          given.push(partition);
          await lost;
          ended++;
        });
        await expect.poll(() => [...given].sort(), { timeout: 20_000 }).toEqual(numbers(PARTITIONS));
        expect(ended).toBe(0);
        await release();
        expect(ended).toBe(PARTITIONS);
      });

      test("takes nothing from the owner, nor from who shares under another name", async () => {
        const logs = await open();
        const { owned } = await own(logs);
        const told: string[] = [];
        const sharing = (name: string) => logs.share(name, ({ lost }) => lost.then(() => void told.push(name)));
        const one = await sharing("one");
        const other = await sharing("other");
        await one();
        expect(new Set(told)).toEqual(new Set(["one"]));
        await owned.commit({ out: [coverage(A, 1)], next: 5 });
        await other();
        expect((await logs.progress(0)).facts).toBe(5);
      });

      test("releasing throws what the work threw", async () => {
        const logs = await open();
        let given = 0;
        const release = await logs.share("reader", async ({ partition, lost }) => {
          given++;
          await lost;
          if (partition === 1) throw new Error("defect");
        });
        await expect.poll(() => given, { timeout: 20_000 }).toBe(PARTITIONS);
        await expect(release()).rejects.toThrow("defect");
      });
    });

    describe("bases", () => {
      const base = (camera: string, at: number, position = 0): Base => ({
        tenant: TENANT,
        camera,
        at,
        partition: 0,
        position,
        memory: { at },
      });

      test("the newest one not after the instant is given, of that camera only", async () => {
        const logs = await open();
        for (const at of [200, 100, 300]) await logs.putBase(base(A, at));
        await logs.putBase(base(A2, 250));
        const before = async (at: number) => (await logs.baseBefore({ tenant: TENANT, camera: A }, at))?.at;
        expect(await Promise.all([99, 100, 199, 299, 300, 1e15].map(before))).toEqual([undefined, 100, 100, 200, 300, 300]);
        expect(await logs.baseBefore({ tenant: TENANT, camera: A }, 100)).toEqual(base(A, 100));
        expect(await logs.baseBefore({ tenant: "other", camera: A }, 1e15)).toBeUndefined();
      });

      test("the same instant again replaces it", async () => {
        const logs = await open();
        await logs.putBase(base(A, 100, 1));
        await logs.putBase(base(A, 100, 2));
        expect((await logs.baseBefore({ tenant: TENANT, camera: A }, 100))?.position).toBe(2);
      });
    });

    describe("retention", () => {
      /** Ten records in partition 0, record n arrived at n; the owner has seen them all. */
      const ten = async (): Promise<{ readonly logs: Logs; readonly owned: Owned }> => {
        const logs = await open();
        for (const n of numbers(10)) await logs.facts.append([frame(A, n, { receivedAt: n })]);
        const { owned } = await own(logs);
        await owned.commit({ out: [], next: 10 * EVENTS_PER_RECORD, checkpoint: [] });
        return { logs, owned };
      };
      const start = async (logs: Logs): Promise<number> => (await logs.facts.bounds(0)).start / EVENTS_PER_RECORD;
      const baseAt = (camera: string, at: number): Base => ({
        tenant: TENANT,
        camera,
        at,
        partition: 0,
        position: at * EVENTS_PER_RECORD,
        memory: null,
      });

      test("drops what arrived before the instant, says how many records, and reading begins behind them", async () => {
        const { logs } = await ten();
        expect(await logs.retain({ ...keepAll, arrivedBefore: 4 })).toBe(4);
        expect(await start(logs)).toBe(4);
        expect(ids(await eventsOf(logs.facts.read(0, "start")))[0]).toBe("4");
        expect(ids(await eventsOf(logs.facts.read(0, 0)))[0]).toBe("4");
        expect(await logs.retain({ ...keepAll, arrivedBefore: 4 })).toBe(0);
      });

      test("gives no position twice after everything was dropped", async () => {
        const { logs } = await ten();
        expect(await logs.retain({ ...keepAll, arrivedBefore: 1000 })).toBe(10);
        expect(await logs.facts.bounds(0)).toEqual({ start: 10 * EVENTS_PER_RECORD, end: 10 * EVENTS_PER_RECORD });
        expect(await logs.facts.append([frame(A, 10)])).toEqual([10 * EVENTS_PER_RECORD]);
      });

      test("drops the oldest beyond the size, over all partitions", async () => {
        const { logs, owned } = await ten();
        await logs.facts.append([frame(B, 1, { receivedAt: -1 })]);
        const inB = await own(logs, 1);
        await inB.owned.commit({ out: [], next: EVENTS_PER_RECORD, checkpoint: [] });
        expect(owned.partition).toBe(0);
        const all = 11;
        let left = all;
        let most = 1e6;
        for (; left > all - 3 && most > 1; most = Math.floor(most * 0.9)) left -= await logs.retain({ ...keepAll, maxBytes: most });
        expect((await logs.facts.bounds(1)).start).toBe(EVENTS_PER_RECORD);
        expect(await start(logs)).toBeGreaterThan(0);
        expect(left).toBe(all - 1 - (await start(logs)));
        await logs.retain({ ...keepAll, maxBytes: 0 });
        expect(await start(logs)).toBe(10);
      });

      test("keeps what the checkpoint still needs", async () => {
        const logs = await open();
        for (const n of numbers(10)) await logs.facts.append([frame(A, n, { receivedAt: n })]);
        expect(await logs.retain({ ...keepAll, arrivedBefore: 1000, maxBytes: 0 })).toBe(0);
        const { owned } = await own(logs);
        await owned.commit({ out: [], next: 3 * EVENTS_PER_RECORD, checkpoint: [] });
        await owned.commit({ out: [], next: 9 * EVENTS_PER_RECORD });
        expect(await logs.retain({ ...keepAll, arrivedBefore: 1000, maxBytes: 0 })).toBe(3);
      });

      test("keeps what keepFrom still needs, also the record it points into", async () => {
        const { logs } = await ten();
        const policy = { arrivedBefore: 1000, maxBytes: 0, keepFrom: [4 * EVENTS_PER_RECORD + 1] };
        expect(await logs.retain(policy)).toBe(4);
        expect(await start(logs)).toBe(4);
      });

      test("keeps the facts after the base that a replay from the instant on would start from, and forgets bases whose facts went", async () => {
        const { logs } = await ten();
        for (const at of [1, 4, 8]) await logs.putBase(baseAt(A, at));
        expect(await logs.retain({ ...keepAll, arrivedBefore: 6 })).toBe(4);
        const at = async (instant: number) => (await logs.baseBefore({ tenant: TENANT, camera: A }, instant))?.at;
        expect(await Promise.all([3, 4, 9].map(at))).toEqual([undefined, 4, 8]);
      });

      test("beyond the size the newest base and its facts are kept", async () => {
        const { logs } = await ten();
        for (const at of [1, 7]) await logs.putBase(baseAt(A, at));
        expect(await logs.retain({ ...keepAll, maxBytes: 0 })).toBe(7);
        expect((await logs.baseBefore({ tenant: TENANT, camera: A }, 100))?.at).toBe(7);
      });

      test("the base of a camera without facts there keeps nobody else's facts, and stays", async () => {
        const { logs } = await ten();
        await logs.putBase(baseAt(A2, 1));
        expect(await logs.retain({ ...keepAll, arrivedBefore: 6 })).toBe(6);
        expect((await logs.baseBefore({ tenant: TENANT, camera: A2 }, 100))?.at).toBe(1);
      });

      test("a reader that was there when its facts went goes on with what is left", async () => {
        const { logs } = await ten();
        const feed = logs.facts.read(0, "start", { follow: true })[Symbol.asyncIterator]();
        await logs.retain({ ...keepAll, arrivedBefore: 8 });
        expect(ids((await feed.next()).value?.events ?? [])).toEqual(["8", "9"]);
        await feed.return?.();
      });
    });

    describe("closing", () => {
      test("waits for what was appended, refuses what comes later, and may be asked for twice", async () => {
        const logs = await open();
        const positions = logs.facts.append([frame(A, 1)]);
        const closed = logs.close();
        expect(await positions).toEqual([0]);
        await closed;
        await logs.close();
        await expect(logs.facts.append([frame(A, 2)])).rejects.toMatchObject({ code: "closed", retryable: false });
        await expect(logs.derived.append([coverage(A, 2)])).rejects.toMatchObject({ code: "closed" });
        await expect(logs.claim(async () => {})).rejects.toMatchObject({ code: "closed" });
      });

      test("the epoch and the number of partitions are the same for both logs, and the epoch is another log's never", async () => {
        const logs = await open();
        expect(logs.facts.epoch).toBe(logs.derived.epoch);
        expect(logs.facts.partitions).toBe(PARTITIONS);
        const other = await make();
        const others = await other.open(LIMITS);
        expect(others.facts.epoch).not.toBe(logs.facts.epoch);
        await others.close();
        await other.remove();
      });

      test.skipIf(exempt.survivesReopening !== undefined)(
        "and opening again finds everything: events, positions, progress, memory, bases, the epoch, retention",
        async () => {
          const before = await open();
          for (const n of numbers(30)) await before.facts.append([frame(A, n, { receivedAt: n }), frame(B, n)]);
          const { owned } = await own(before);
          const saved = [{ tenant: TENANT, camera: A, memory: { a: 1 } }];
          await owned.commit({ out: [coverage(A, 1)], next: 20 * EVENTS_PER_RECORD, checkpoint: saved });
          await owned.commit({ out: [coverage(A, 2)], next: 25 * EVENTS_PER_RECORD });
          const base: Base = { tenant: TENANT, camera: A, at: 22, partition: 0, position: 22 * EVENTS_PER_RECORD, memory: [1] };
          await before.putBase(base);
          await before.retain({ ...keepAll, arrivedBefore: 6 });
          const read = async (logs: Logs): Promise<readonly Batch<Fact>[]> => batchesOf(logs.facts.read(0, "start"));
          const then = await read(before);
          const bounds = await before.facts.bounds(0);
          await before.close();

          const after = await open();
          expect(after.facts.epoch).toBe(before.facts.epoch);
          expect(await read(after)).toEqual(then);
          expect(await after.facts.bounds(0)).toEqual(bounds);
          expect(bounds.start).toBe(6 * EVENTS_PER_RECORD);
          const { facts, derived } = await after.progress(0);
          expect(facts).toBe(25 * EVENTS_PER_RECORD);
          expect(await eventsOf(after.derived.read(0, "start", { to: derived }))).toEqual([coverage(A, 1), coverage(A, 2)]);
          expect(await after.baseBefore({ tenant: TENANT, camera: A }, 30)).toEqual(base);
          const again = await own(after);
          expect(await again.owned.restore()).toEqual({ memory: saved, at: 20 * EVENTS_PER_RECORD, next: 25 * EVENTS_PER_RECORD });
          expect(await after.facts.append([frame(A, 30)])).toEqual([30 * EVENTS_PER_RECORD]);
        },
      );
    });
  });
};
