/** What was known then: SQL as of a position equals folding the events up to there, at many positions of a recorded history. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { EVENTS_PER_RECORD, type Warehouse } from "../../domain/ports.ts";
import { ask } from "../../projections/ask.ts";
import type { AsOf, Page, Paged, PageKey, Questions, Range, Scope, Types } from "../../projections/questions.ts";
import { patience, thorough } from "../laws/laws.ts";
import { fold } from "../support/fold.ts";
import { BEGIN, dice, historyOf, SPAN, WIRES } from "../support/history.ts";
import { clock, embedded, noted, projected, tempDir } from "../support/warehouse.ts";

const CAMERAS = ["cam-1", "cam/2"];
const TENANTS = ["t1", "t2"];
const PARTITIONS = 3;
const SIZE = 50;
/** Each asks nine questions: eight, and more with `LAWS_RUNS`. */
const RUNS = Array.from({ length: thorough(0.05).numRuns }, (_, i) => i + 1);

type Placed = { readonly event: Derived; readonly partition: number; readonly position: number };

const whole = async <T>(page: (paged: Paged) => Promise<Page<T>>): Promise<T[]> => {
  const rows: T[] = [];
  for (let after: PageKey | undefined, more = true; more; ) {
    const next = await page({ limit: 40, after });
    rows.push(...next.rows);
    more = next.more !== undefined;
    after = next.more;
  }
  return rows;
};

describe("as of a position", () => {
  const note = noted();
  const facts: Fact[] = [];
  const placed: Placed[] = [];
  const sent = new Set<string>();
  let warehouse: Warehouse;
  let questions: Questions;
  let epoch: string;
  let end: () => Promise<void>;
  /** A law that says nothing where nothing came later: how often what was known then is not what is known now. */
  const differed = new Map<string, number>();

  beforeAll(async () => {
    const { dir, remove } = tempDir();
    warehouse = (await embedded(dir)).warehouse;
    const logs = openMemoryLogs({ partitions: PARTITIONS });
    epoch = logs.derived.epoch;
    const derived: Derived[] = [];
    for (const [t, tenant] of TENANTS.entries())
      for (const [i, camera] of CAMERAS.entries()) {
        const history = historyOf(700 + t * 10 + i, tenant, camera, SIZE);
        facts.push(...history.facts);
        derived.push(...history.derived);
      }
    await logs.facts.append(facts);
    for (let i = 0; i < derived.length; i += 40) {
      const events = derived.slice(i, i + 40);
      for (const [n, position] of (await logs.derived.append(events)).entries()) {
        const event = events[n] as Derived;
        placed.push({ event, position, partition: partitionOf(event.tenant, event.camera, PARTITIONS) });
      }
    }
    const { stop } = await projected(logs, warehouse, note);
    const select: Warehouse["select"] = (sql, params) => {
      sent.add(sql);
      return warehouse.select(sql, params);
    };
    questions = ask({ select }, { clock, meter: note.meter });
    end = async () => {
      await stop();
      await warehouse.close();
      await logs.close();
      remove();
    };
  });
  afterAll(() => end());

  const now = () =>
    fold(
      facts,
      placed.map(({ event }) => event),
    );

  const drawn = (seed: number) => {
    const d = dice(seed);
    const scope: Omit<Scope, "asOf"> = {
      tenant: d.one(TENANTS),
      camera: d.one(CAMERAS),
      epochs: d.chance(0.6) ? new Map() : new Map([[`tripwire/${d.one(WIRES)}`, 1]]),
    };
    const [a, b] = [BEGIN + d.upTo(SPAN / 2), BEGIN + SPAN / 2 + d.upTo(SPAN / 2)];
    const range: Range = d.chance(0.4) ? { from: undefined, to: undefined } : { from: a, to: b };
    const edges = [a, a + 5_000, a + 20_000, b + 20_000, b + 60_000];
    if (d.chance(0.5)) {
      const arrivedBy = BEGIN - 1000 + d.upTo(10 * SPAN);
      const asOf: AsOf = { arrivedBy };
      const isKnown = (event: Fact | Derived): boolean => event.receivedAt <= arrivedBy;
      return { d, scope, range, edges, asOf, told: fold(facts.filter(isKnown), placed.map(({ event }) => event).filter(isKnown)) };
    }
    // A tail of the log: each partition somewhere of its own.
    const last = Math.max(...placed.map(({ position }) => position));
    const before = Array.from(
      { length: PARTITIONS },
      () => Math.floor(d.next() * (last / EVENTS_PER_RECORD + 2)) * EVENTS_PER_RECORD + d.upTo(20),
    );
    const known = placed.filter(({ partition, position }) => position < (before[partition] as number));
    return {
      d,
      scope,
      range,
      edges,
      asOf: { before, epoch } satisfies AsOf,
      told: fold(
        [],
        known.map(({ event }) => event),
      ),
    };
  };

  /** Asks each drawn question and compares; counts what is another answer than now's. */
  const compare = async (
    name: string,
    each: (one: ReturnType<typeof drawn>, scope: Scope) => readonly [actual: Promise<unknown>, then: unknown, now: unknown],
  ): Promise<void> => {
    for (const run of RUNS) {
      const one = drawn(run);
      const [actual, then, later] = each(one, { ...one.scope, asOf: one.asOf });
      expect(await actual, `run ${run}`).toEqual(then);
      if (JSON.stringify(then) !== JSON.stringify(later)) differed.set(name, (differed.get(name) ?? 0) + 1);
    }
  };

  it("alerts are those known then: a later revision is not seen, one retracted later is there", { timeout: patience }, async () => {
    const all = now();
    await compare("alerts", ({ d, range, told }, scope) => {
      const asked = { ...range, analytic: d.one([undefined, "fov", "roi", "tripwire"] as const) };
      return [whole((paged) => questions.alerts(scope, { ...asked, ...paged })), told.alerts(scope, asked), all.alerts(scope, asked)];
    });
  });

  it("counts of alerts are of those known then", { timeout: patience }, async () => {
    const all = now();
    await compare("alertCounts", ({ range, told }, scope) => {
      const asked = { ...range, analytic: undefined, limit: 1000 };
      return [questions.alertCounts(scope, asked), told.alertCounts(scope, asked), all.alertCounts(scope, asked)];
    });
  });

  it("events of a tenant are those known then", { timeout: patience }, async () => {
    const all = now();
    await compare("events", ({ d, scope: { tenant }, asOf, told }, { camera }) => {
      const asked = { since: undefined, camera: d.one([undefined, camera]), type: d.one([undefined, "occupancy"]) };
      const epochs = () => new Map<string, number>();
      const pages = (paged: Paged) => questions.events(tenant, { ...asked, ...paged, asOf, epochsOf: async () => epochs() });
      return [whole(pages), told.events(tenant, { ...asked, epochs }), all.events(tenant, { ...asked, epochs })];
    });
  });

  it("crossings and stays are those known then, a stay that ended later is open", { timeout: patience }, async () => {
    const all = now();
    await compare("crossings", ({ range, told }, scope) => {
      const asked = { ...range, tripwireId: undefined };
      return [
        whole((paged) => questions.crossings(scope, { ...asked, ...paged })),
        told.crossings(scope, asked),
        all.crossings(scope, asked),
      ];
    });
    await compare("stays", ({ d, range, told }, scope) => {
      const asked = { ...range, analytic: d.one([undefined, "fov", "roi"] as const), placeId: undefined };
      return [whole((paged) => questions.stays(scope, { ...asked, ...paged })), told.stays(scope, asked), all.stays(scope, asked)];
    });
  });

  it("counts and histograms are of what was known then", { timeout: patience }, async () => {
    const all = now();
    const of = (d: ReturnType<typeof dice>) => ({
      types: d.one<Types>([undefined, "every", ["Person"]]),
      mode: d.one(["raw", "distinct", "net"] as const),
      tripwireId: undefined,
    });
    await compare("tripwireCounts", ({ d, range, told }, scope) => {
      const asked = { ...range, ...of(d) };
      return [questions.tripwireCounts(scope, asked), told.tripwireCounts(scope, asked), all.tripwireCounts(scope, asked)];
    });
    await compare("tripwireHistogram", ({ d, edges, told }, scope) => {
      const asked = { edges, ...of(d) };
      return [questions.tripwireHistogram(scope, asked), told.tripwireHistogram(scope, asked), all.tripwireHistogram(scope, asked)];
    });
    await compare("occupancyHistogram", ({ d, edges, told }, scope) => {
      const asked = { analytic: d.one(["fov", "roi"] as const), placeId: undefined, edges, types: of(d).types };
      return [questions.occupancyHistogram(scope, asked), told.occupancyHistogram(scope, asked), all.occupancyHistogram(scope, asked)];
    });
  });

  it("the share of a range is of what was told then, and by arrival of the frames that had come", { timeout: patience }, async () => {
    const all = now();
    await compare("uptime", ({ range, told }, scope) => [
      questions.uptime(scope, range),
      told.uptime(scope, range),
      all.uptime(scope, range),
    ]);
  });

  it("each of these differs from what is known now, in at least a quarter of the runs", () => {
    expect([...differed].filter(([, n]) => n < RUNS.length / 4)).toEqual([]);
    expect(differed.size).toBe(9);
  });

  it("nothing is known before the first, and at the end all is", async () => {
    const scope: Scope = { tenant: "t1", camera: "cam-1", epochs: new Map() };
    const asked = { from: undefined, to: undefined, analytic: undefined };
    const alerts = (asOf: AsOf | undefined) => whole((paged) => questions.alerts({ ...scope, asOf }, { ...asked, ...paged }));
    const all = await alerts(undefined);
    expect(all).toEqual(now().alerts(scope, asked));
    expect(all.length).toBeGreaterThan(SIZE / 4);
    const past = Math.max(...placed.map(({ position }) => position)) + 1;
    for (const before of [0, past]) {
      expect(await alerts({ before: Array<number>(PARTITIONS).fill(before), epoch })).toEqual(before === 0 ? [] : all);
    }
    const arrivals = placed.map(({ event }) => event.receivedAt);
    expect(await alerts({ arrivedBy: Math.min(...arrivals) - 1 })).toEqual([]);
    expect(await alerts({ arrivedBy: Math.max(...arrivals) })).toEqual(all);
  });

  it("what an earlier epoch of the log left is before every tail of this one", async () => {
    await warehouse.define([
      `INSERT INTO alerts SELECT * REPLACE('older' AS epoch, position + 1000000000000 AS position, 'carried' AS camera)
FROM (SELECT * FROM alerts WHERE tenant = 't1' AND camera = 'cam-1')`,
    ]);
    const scope: Scope = { tenant: "t1", camera: "carried", epochs: new Map() };
    const counted = { from: undefined, to: undefined, analytic: undefined, limit: 1000 };
    const nothing: AsOf = { before: Array<number>(PARTITIONS).fill(0), epoch };
    const all = await questions.alertCounts(scope, counted);
    expect(all.length).toBeGreaterThan(0);
    expect(await questions.alertCounts({ ...scope, asOf: nothing }, counted)).toEqual(all);
  });

  it("a statement without a position has no such condition", async () => {
    sent.clear();
    const scope: Scope = { tenant: "t1", camera: "cam-1", epochs: new Map() };
    const range = { from: BEGIN, to: BEGIN + SPAN };
    const page = { limit: 5, after: undefined };
    const every = async (asOf: AsOf | undefined): Promise<readonly string[]> => {
      sent.clear();
      const as = { ...scope, asOf };
      await questions.alerts(as, { ...range, ...page, analytic: undefined });
      await questions.alertCounts(as, { ...range, analytic: undefined, limit: 5 });
      await questions.events("t1", { ...page, since: BEGIN, camera: undefined, type: undefined, epochsOf: async () => new Map(), asOf });
      await questions.crossings(as, { ...range, ...page, tripwireId: undefined });
      await questions.stays(as, { ...range, limit: 1000, after: undefined, analytic: undefined, placeId: undefined });
      await questions.tripwireCounts(as, { ...range, tripwireId: undefined, types: undefined, mode: "raw" });
      await questions.occupancyHistogram(as, { analytic: "fov", placeId: undefined, edges: [BEGIN, BEGIN + SPAN], types: undefined });
      await questions.uptime(as, range);
      return [...sent];
    };
    for (const sql of await every(undefined)) expect(sql).not.toMatch(/known[BE]/);
    for (const [asOf, condition] of [
      [{ arrivedBy: BEGIN + SPAN }, / AND receivedAt <= \{knownBy:Int64\}/g],
      [{ before: Array<number>(PARTITIONS).fill(9e12), epoch }, / AND \(epoch != \{knownEpoch:String\} OR position < | AND false/g],
    ] as const) {
      const statements = await every(asOf);
      expect(statements.length).toBeGreaterThan(8);
      // As often as a table is read: a row that came later is chosen nowhere.
      for (const sql of statements)
        expect(sql.match(condition)?.length, sql).toBe(
          sql.match(/\bFROM (?:alerts|crossings|presence|coverage|frames)\s+WHERE\b/g)?.length ?? sql,
        );
    }
  });
});
