import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemory, saveCameraMemory } from "../../analytics/memory.ts";
import { type History, rerun } from "../../analytics/past.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Derived, Fact, Frame } from "../../domain/event.ts";
import { JobFailure } from "../../domain/job.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { stepped } from "../laws/laws.ts";
import { BEGIN, definitions, key, walk, walks, yard } from "../support/door.ts";
import { kinds } from "../support/driven.ts";
import { historyOf, pastOf, unhurried } from "../support/past.ts";

const text = (events: readonly Derived[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");
const memoryAt = (facts: readonly Fact[], { tenant, camera } = key): Json => {
  const memory = createMemory();
  stepped(facts, memory);
  return saveCameraMemory(memory, tenant, camera) as Json;
};

describe.each(kinds)("the past derived again from logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  const append = async (facts: readonly Fact[]): Promise<readonly Position[]> => {
    const positions: Position[] = [];
    // Each fact has a record of its own.
    for (const fact of facts) positions.push(...(await logs.facts.append([fact])));
    return positions;
  };

  it("gives what the live run gave, of the cameras asked for and of no other", async () => {
    const facts = [...definitions(), ...definitions(yard), ...Array.from({ length: 40 }, (_, n) => [walk(n), walk(n, yard)]).flat()];
    await logs.facts.append(facts);
    const live = stepped(facts);
    const shop = await pastOf(historyOf(logs), [key]);
    expect(shop.facts).toBe(facts.length / 2);
    expect(text(shop.derived)).toBe(text(live.filter(({ camera }) => camera === "shop")));
    expect(shop.derived.filter(({ kind }) => kind === "alert")).toHaveLength(3);
    const both = await pastOf(historyOf(logs), [key, yard]);
    expect(text(both.derived)).toBe(text(live));
  });

  it("begins in the middle of a count at the nearest base, and goes on counting", async () => {
    const facts = [...definitions(), ...walks(40)];
    const positions = await append(facts);
    // Six of ten have come in by then.
    const cut = definitions().length + 17;
    expect(stepped(facts.slice(0, cut)).filter(({ kind }) => kind === "crossing").length % 10).toBe(6);
    await logs.putBase({ ...key, at: 1, partition: 0, position: positions[4] as Position, memory: memoryAt(facts.slice(0, 4)) });
    await logs.putBase({ ...key, at: 2, partition: 0, position: positions[cut] as Position, memory: memoryAt(facts.slice(0, cut)) });
    // Too new for what is asked.
    await logs.putBase({
      ...key,
      at: 3,
      partition: 0,
      position: positions[cut + 3] as Position,
      memory: memoryAt(facts.slice(0, cut + 3)),
    });
    const { derived, facts: stepping } = await pastOf(historyOf(logs), [{ ...key, since: positions[cut + 2] as Position }]);
    expect(stepping).toBe(facts.length - cut);
    const before = stepped(facts.slice(0, cut)).length;
    expect(text(derived)).toBe(text(stepped(facts).slice(before)));
    expect(derived.find(({ kind }) => kind === "alert")).toMatchObject({
      count: 10,
      start: stepped(facts.slice(0, cut))
        .filter(({ kind }) => kind === "crossing")
        .map((one) => (one.kind === "crossing" ? one.at : 0))
        .at(-6),
    });
  });

  it("passes over a base of a form that is not known, to the one before or to the oldest fact", async () => {
    const facts = [...definitions(), ...walks(30)];
    const positions = await append(facts);
    const since = positions.at(-1) as Position;
    await logs.putBase({ ...key, at: 2, partition: 0, position: positions[20] as Position, memory: { version: 99 } });
    const all = await pastOf(historyOf(logs), [{ ...key, since }]);
    expect([all.facts, text(all.derived)]).toEqual([facts.length, text(stepped(facts))]);
    await logs.putBase({ ...key, at: 1, partition: 0, position: positions[10] as Position, memory: memoryAt(facts.slice(0, 10)) });
    const rest = await pastOf(historyOf(logs), [{ ...key, since }]);
    expect([rest.facts, text(rest.derived)]).toEqual([facts.length - 10, text(stepped(facts).slice(stepped(facts.slice(0, 10)).length))]);
  });

  it("prepares each camera's memory before it hears anything", async () => {
    const facts = [...definitions(), ...walks(3)];
    await append(facts);
    const prepared: string[] = [];
    await pastOf(historyOf(logs), [key], {
      prepare: (one) => prepared.push(`${one.tenant} ${one.camera} ${one.definition.revision}`),
    });
    expect(prepared).toEqual(["acme shop 0"]);
  });

  it("leaves the others their turn after slices of a few hundred facts, and ends as closed when told to stop", async () => {
    await logs.facts.append([...definitions(), ...walks(1000)]);
    let pauses = 0;
    await pastOf(historyOf(logs), [key], { pause: async () => void pauses++ });
    expect(pauses).toBeGreaterThanOrEqual(4);
    const stop = createStop();
    const slices: number[] = [];
    const asked = { ...unhurried, partition: 0, cameras: [{ ...key, since: 0 }], to: (await logs.facts.bounds(0)).end, stop: stop.signal };
    const running = (async () => {
      for await (const { facts } of rerun(historyOf(logs), asked)) {
        slices.push(facts);
        stop.stop();
      }
    })();
    await expect(running).rejects.toMatchObject({ name: "AdapterError", code: "closed" });
    expect(slices).toHaveLength(1);
  });

  describe("with frames that came late", () => {
    const inTime = [...definitions(), ...walks(30)];
    // Three are missing, and come when two seconds have gone by.
    const missing = (n: number): boolean => n >= 12 && n < 15;
    const late = [
      ...definitions(),
      ...walks(30).filter((_, n) => !missing(n) && n < 25),
      ...walks(30).filter((_, n) => missing(n)),
      ...walks(5, 25),
    ];
    const range = { to: BEGIN + 60_000 };
    const withoutArrival = (events: readonly Derived[]): string => text(events.map((event) => ({ ...event, receivedAt: 0 })));

    it("takes them in at their place: what follows is what would have, had they come in time", async () => {
      await logs.facts.append(late);
      expect(withoutArrival((await pastOf(historyOf(logs), [key])).derived)).not.toBe(withoutArrival(stepped(inTime)));
      const taken = await pastOf(historyOf(logs), [key], { late: range });
      expect(withoutArrival(taken.derived)).toBe(withoutArrival(stepped(inTime)));
    });

    it("takes in none of those from the end of the range on", async () => {
      await logs.facts.append(late);
      const none = await pastOf(historyOf(logs), [key], { late: { to: BEGIN + 12 * 200 } });
      expect(text(none.derived)).toBe(text(stepped(late)));
      const two = await pastOf(historyOf(logs), [key], { late: { to: BEGIN + 14 * 200 } });
      const those = [...definitions(), ...walks(30).filter((_, n) => n !== 14)];
      expect(withoutArrival(two.derived)).toBe(withoutArrival(stepped(those)));
    });

    it("takes a repeat of what was there in time for what it is", async () => {
      await logs.facts.append([...inTime, ...walks(20, 5)]);
      const taken = await pastOf(historyOf(logs), [key], { late: range });
      expect(text(taken.derived)).toBe(text(stepped(inTime)));
    });

    it("tells of each where it stands in the log, taken in or not", async () => {
      await logs.facts.append(late);
      for (const how of [{}, { late: range }]) {
        const told: string[] = [];
        const watch = { late: (one: Frame) => told.push(one.id), clockReset: () => undefined };
        await pastOf(historyOf(logs), [key], { ...how, watch });
        expect(told).toEqual([walk(12).id, walk(13).id, walk(14).id]);
      }
    });

    it("does not mix the frames of a clock set back into the time before", async () => {
      // An hour back: a hundred frames are late before that is known.
      const back = Array.from({ length: 130 }, (_, n) => ({
        ...walk(n),
        timestamp: BEGIN + n * 200 - 3_600_000 + 30 * 200,
        receivedAt: BEGIN + (30 + n) * 200 + 50,
        id: `back ${n}`,
      }));
      const live = walks(30).map((one) => ({ ...one, receivedAt: one.timestamp + 50 }));
      const facts = [...definitions(), ...live, ...back];
      await logs.facts.append(facts);
      const before = stepped(facts);
      expect(before.some((event) => event.kind === "presence" && event.reason === "clock_reset")).toBe(true);
      const taken = await pastOf(historyOf(logs), [key], { late: range });
      expect(text(taken.derived)).toBe(text(before));
    });

    it("fails where more came late than can be held", async () => {
      await logs.facts.append(late);
      await expect(pastOf(historyOf(logs), [key], { late: { ...range, most: 8 } })).rejects.toThrow(JobFailure);
      await pastOf(historyOf(logs), [key], { late: { ...range, most: 9 } });
    });
  });

  describe("beyond the log's start", () => {
    /** Retention keeps what the engine may step again: it has committed all there is. */
    const committed = async (): Promise<void> => {
      const { end } = await logs.facts.bounds(0);
      const release = await logs.claim(async (owned) => {
        await owned.commit({ out: [], next: end, checkpoint: [] });
      });
      await release();
    };
    const drop = async (arrivedBefore: number): Promise<void> => {
      await committed();
      await logs.retain({ arrivedBefore, maxBytes: Number.MAX_SAFE_INTEGER, keepFrom: [] });
    };
    /** A fake archive: the facts and bases it is given. */
    const archiveOf = (
      facts: readonly (readonly [Position, Fact])[],
      bases: readonly { position: Position; memory: Json }[] = [],
    ): NonNullable<History["archive"]> => ({
      async *read({ tenant, camera }, from, to) {
        const ours = facts.filter(([at, fact]) => at >= from && at < to && fact.tenant === tenant && fact.camera === camera);
        for (const [at, fact] of ours) yield { partition: 0, events: [fact], positions: [at], next: at + 1 };
      },
      baseBefore: async (camera, position) => {
        const base = bases.filter((one) => one.position <= position).at(-1);
        return base && { ...camera, at: 0, partition: 0, ...base };
      },
    });

    it("goes on from the archive to the log, without a seam", async () => {
      const facts = [...definitions(), ...definitions(yard), ...Array.from({ length: 40 }, (_, n) => [walk(n), walk(n, yard)]).flat()];
      const positions = await append(facts);
      const archived = facts.map((fact, i) => [positions[i] as Position, fact] as const);
      await drop(BEGIN + 20 * 200);
      const { start } = await logs.facts.bounds(0);
      expect(start).toBeGreaterThan(0);
      const live = stepped(facts);
      const byCamera = (events: readonly Derived[]): string =>
        text([...events].sort((a, b) => (a.camera < b.camera ? -1 : a.camera > b.camera ? 1 : 0)));
      const both = await pastOf(historyOf(logs, archiveOf(archived)), [key, yard]);
      expect(both.facts).toBe(facts.length);
      expect(byCamera(both.derived)).toBe(byCamera(live));
      const cut = 30;
      const ours = facts.slice(0, cut).filter(({ camera }) => camera === "shop");
      const base = { position: positions[cut] as Position, memory: memoryAt(ours) };
      const some = await pastOf(historyOf(logs, archiveOf(archived, [base])), [{ ...key, since: base.position }]);
      expect(text(some.derived)).toBe(text(stepped(facts.filter(({ camera }) => camera === "shop")).slice(stepped(ours).length)));
    });

    it("is told where retention takes what was not read yet", async () => {
      const facts = [...definitions(), ...walks(60)];
      await append(facts);
      let pauses = 0;
      const pause = async (): Promise<void> => {
        if (pauses++ > 0) return;
        await drop(BEGIN + 40 * 200);
      };
      await expect(pastOf(historyOf(logs), [key], { pause })).rejects.toMatchObject({ code: "unavailable", retryable: true });
      expect(pauses).toBeGreaterThan(0);
    });
  });
});
