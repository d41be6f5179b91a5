/** What SQL answers equals what folding the events answers, whatever warehouse it is asked of. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { alerts } from "../../projections/alerts.ts";
import { ask } from "../../projections/ask.ts";
import { projections } from "../../projections/index.ts";
import type { Page, Paged, PageKey, Questions, Range, Scope, Types } from "../../projections/questions.ts";
import { fold } from "../support/fold.ts";
import { BEGIN, dice, EARLIER, historyOf, ROIS, SPAN, WIRES } from "../support/history.ts";
import { clock, noted, projected } from "../support/warehouse.ts";

const CAMERAS = ["cam-1", "cam/2", "it's \\3"];
const SEEDS = [11, 12, 13, 14];
const SIZE = 60;

/** All pages, one after the other; every page but the last is full. */
const whole = async <T>(ask: (paged: Paged) => Promise<Page<T>>, limit: number): Promise<T[]> => {
  const rows: T[] = [];
  for (let after: PageKey | undefined, more = true; more; ) {
    const page = await ask({ limit, after });
    rows.push(...page.rows);
    more = page.more !== undefined;
    if (more) expect(page.rows.length).toBe(limit);
    after = page.more;
  }
  return rows;
};

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

type Opened = {
  readonly warehouse: Warehouse;
  /** Between the last row and the first question. */
  readonly filled?: () => Promise<void>;
  readonly remove: () => Promise<void> | void;
};

/** `opens` an empty warehouse. Each question is drawn `often`. */
export const questionsSuite = (opens: () => Promise<Opened>, often = 40): void => {
  const note = noted();
  let questions: Questions;
  let asked: Warehouse;
  /** Every statement, with the tenants it was sent for; and which questions were asked. */
  const sent = new Map<string, unknown[]>();
  const timed = new Set<string | undefined>();
  let told: ReturnType<typeof fold>;
  /** As if no frame had come: where it differs, frames spoke for the time nobody was told of yet. */
  let toldOnly: ReturnType<typeof fold>;
  let end: () => Promise<void>;
  const compared = new Map<string, number>();
  /** A law that compares only empty answers says nothing: what was not empty is counted. */
  const heard = (question: string, n: number): void => void compared.set(question, (compared.get(question) ?? 0) + n);

  beforeAll(async () => {
    const { warehouse, filled, remove } = await opens();
    const logs = openMemoryLogs({ partitions: 2 });
    const facts: Fact[] = [];
    const derived: Derived[] = [];
    for (const seed of SEEDS) {
      for (const [i, camera] of CAMERAS.entries()) {
        const history = historyOf(seed * 100 + i, `t${seed}`, camera, SIZE);
        facts.push(...history.facts);
        derived.push(...history.derived);
      }
    }
    for (let i = 0; i < facts.length; i += 100) await logs.facts.append(facts.slice(i, i + 100));
    const { stop, caughtUp } = await projected(logs, warehouse, note);
    // The second log grows while it is read, so that batches are cut elsewhere.
    for (let i = 0; i < derived.length; i += 70) await logs.derived.append(derived.slice(i, i + 70));
    await caughtUp();
    await filled?.();
    asked = warehouse;
    const select: Warehouse["select"] = (sql, params) => {
      sent.set(sql, [...(sent.get(sql) ?? []), params.tenant]);
      return warehouse.select(sql, params);
    };
    questions = ask(
      { select },
      { clock, meter: { ...note.meter, observe: (_name, _seconds, labels) => void timed.add(labels?.question) } },
    );
    told = fold(facts, derived);
    toldOnly = fold([], derived);
    end = async () => {
      await stop();
      await warehouse.close();
      await logs.close();
      await remove();
    };
  });
  afterAll(() => end());

  const places = [...WIRES.map((id) => `tripwire/${id}`), ...ROIS.map((id) => `roi/${id}`)];
  const drawn = (seed: number) => {
    const d = dice(seed);
    const epochs = new Map(places.flatMap((place) => (d.chance(0.5) ? [[place, d.upTo(3)] as const] : [])));
    const scope: Scope = { tenant: `t${d.one(SEEDS)}`, camera: d.one(CAMERAS), epochs };
    const instant = (): number | undefined => (d.chance(0.25) ? undefined : BEGIN - 5_000 + d.upTo((SPAN + 10_000) / 250) * 250);
    const [a, b] = [instant(), instant()];
    const range: Range = a !== undefined && b !== undefined && a > b ? { from: b, to: a } : { from: a, to: b };
    /** The same, with ends that may lie long before. */
    const early = (at: number | undefined): number | undefined => (at !== undefined && d.chance(0.5) ? at - d.upTo(EARLIER) : at);
    const [c, e] = [early(a), early(b)];
    const wide: Range = c !== undefined && e !== undefined && c > e ? { from: e, to: c } : { from: c, to: e };
    const types = d.one<Types>([undefined, "every", ["Person"], ["Vehicle", "vélo 'x'", "nobody"], ["*"], []]);
    const mode = d.one(["raw", "distinct", "net"] as const);
    const first = BEGIN - 2_000 + d.upTo(100) * 100;
    const edges = Array.from({ length: 2 + d.upTo(40) }, () => 0).reduce<number[]>(
      (all) => [...all, (all.at(-1) ?? first) + 100 + d.upTo(12_000)],
      [],
    );
    return { d, scope, range, wide, types, mode, edges };
  };
  const runs = Array.from({ length: often }, (_, i) => i + 1);

  it("for alerts, page by page, with revisions, retractions and deleted histories", { timeout: 300_000 }, async () => {
    for (const run of runs) {
      const { d, scope, wide } = drawn(run);
      const analytic = d.one([undefined, "fov", "roi", "tripwire"] as const);
      const expected = told.alerts(scope, { ...wide, analytic });
      expect(await whole((paged) => questions.alerts(scope, { ...wide, ...paged, analytic }), 1 + d.upTo(30)), `run ${run}`).toEqual(
        expected,
      );
      heard("alerts", expected.length);
    }
  });

  it("for a single alert, by its id, of its own tenant only", async () => {
    for (const run of runs) {
      const { d } = drawn(run);
      const [tenant, id] = [
        `t${d.one(SEEDS)}`,
        `${((d.one(SEEDS) * 100 + d.upTo(3)) >>> 0).toString(16).padStart(8, "0")}-00${10 + d.upTo(40)}`,
      ];
      const expected = told.alert(tenant, id);
      expect(await questions.alert(tenant, id), `run ${run}`).toEqual(expected);
      heard("alert", expected === undefined ? 0 : 1);
    }
  });

  it("for a tenant's events over all its cameras, page by page, each camera with its own deleted histories", {
    timeout: 300_000,
  }, async () => {
    for (const run of runs) {
      const { d, scope, wide } = drawn(run);
      const epochs = new Map(
        CAMERAS.map((camera) => [camera, d.chance(0.3) ? new Map<string, number>() : drawn(run + d.upTo(1e6)).scope.epochs]),
      );
      const asked = {
        since: wide.from,
        camera: d.one([undefined, undefined, scope.camera, "nowhere"]),
        type: d.one([undefined, undefined, "occupancy", "increment", "Person", "vélo 'x'", "notify"]),
      };
      const of = (camera: string): Scope["epochs"] => epochs.get(camera) ?? new Map();
      const expected = told.events(scope.tenant, { ...asked, epochs: of });
      const all = (paged: Paged) => questions.events(scope.tenant, { ...asked, ...paged, epochsOf: async (camera) => of(camera) });
      expect(await whole(all, 4 + d.upTo(60)), `run ${run}`).toEqual(expected);
      heard("events", expected.length);
      if (asked.camera === undefined && new Set(expected.map(({ camera }) => camera)).size > 1) heard("events of several cameras", 1);
      if (asked.type !== undefined) heard("events of a type", expected.length);
    }
  });

  it("for counts of alerts, whose limit bounds rows and not what is counted", async () => {
    for (const run of runs) {
      const { d, scope, wide } = drawn(run);
      const asked = { ...wide, analytic: d.one([undefined, "fov", "roi", "tripwire"] as const), limit: d.one([1, 5, 1000]) };
      const expected = told.alertCounts(scope, asked);
      expect(await questions.alertCounts(scope, asked), `run ${run}`).toEqual(expected);
      heard("alertCounts", expected.length);
    }
  });

  it("for crossings, page by page", async () => {
    for (const run of runs) {
      const { d, scope, range } = drawn(run);
      const tripwireId = d.one([undefined, ...WIRES, "none"]);
      const expected = told.crossings(scope, { ...range, tripwireId });
      expect(await whole((paged) => questions.crossings(scope, { ...range, ...paged, tripwireId }), 1 + d.upTo(9)), `run ${run}`).toEqual(
        expected,
      );
      heard("crossings", expected.length);
    }
  });

  it("for stays, page by page, also those that are still open", async () => {
    for (const run of runs) {
      const { d, scope, range } = drawn(run);
      const asked = { ...range, analytic: d.one([undefined, "fov", "roi"] as const), placeId: d.one([undefined, undefined, "yard"]) };
      const expected = told.stays(scope, asked);
      expect(await whole((paged) => questions.stays(scope, { ...asked, ...paged }), 1 + d.upTo(9)), `run ${run}`).toEqual(expected);
      heard("stays", expected.length);
    }
  });

  it("for counts at tripwires: raw, distinct and net", async () => {
    for (const run of [...runs, ...runs.map((r) => r + 1000)]) {
      const { d, scope, range, types, mode } = drawn(run);
      const asked = { ...range, types, mode, tripwireId: d.one([undefined, undefined, ...WIRES]) };
      const expected = told.tripwireCounts(scope, asked);
      expect(await questions.tripwireCounts(scope, asked), `run ${run}`).toEqual(expected);
      heard(`tripwireCounts ${mode}`, expected.length);
      // Fewer than entries and exits together: somebody crossed both ways, and is counted once.
      const ways = Map.groupBy(expected, ({ direction }) => direction === "either");
      const sum = (rows: readonly { readonly count: number }[] = []) => rows.reduce((all, { count }) => all + count, 0);
      if (mode === "distinct" && sum(ways.get(true)) < sum(ways.get(false))) heard("tripwireCounts either", 1);
    }
  });

  it("for histograms of tripwires over uneven buckets", async () => {
    for (const run of [...runs, ...runs.map((r) => r + 2000)]) {
      const { d, scope, types, mode, edges } = drawn(run);
      const asked = { edges, types, mode, tripwireId: d.one([undefined, undefined, ...WIRES]) };
      const expected = told.tripwireHistogram(scope, asked);
      expect(await questions.tripwireHistogram(scope, asked), `run ${run}`).toEqual(expected);
      heard(`tripwireHistogram ${mode}`, expected.length);
    }
  });

  it("for occupancy, weighted by time, empty time included", async () => {
    for (const run of [...runs, ...runs.map((r) => r + 3000)]) {
      const { d, scope, types, edges } = drawn(run);
      const asked = { analytic: d.one(["fov", "roi"] as const), placeId: d.one([undefined, undefined, "yard"]), edges, types };
      const expected = told.occupancyHistogram(scope, asked);
      expect(await questions.occupancyHistogram(scope, asked), `run ${run}`).toEqual(expected);
      heard("occupancyHistogram", expected.length);
      heard("occupancyHistogram untold", same(expected, toldOnly.occupancyHistogram(scope, asked)) ? 0 : 1);
    }
  });

  it("for a thousand buckets", async () => {
    const { scope } = drawn(1);
    const edges = Array.from({ length: 1001 }, (_, i) => BEGIN + i * 120);
    const crossed = { edges, types: "every" as const, mode: "raw" as const, tripwireId: undefined };
    expect(await questions.tripwireHistogram(scope, crossed)).toEqual(told.tripwireHistogram(scope, crossed));
    const occupied = { edges, types: "every" as const, analytic: "roi" as const, placeId: undefined };
    expect(await questions.occupancyHistogram(scope, occupied)).toEqual(told.occupancyHistogram(scope, occupied));
  });

  it("for the share of a range in which the camera was watched", async () => {
    for (const run of [...runs, ...runs.map((r) => r + 4000)]) {
      const { scope, range } = drawn(run);
      const expected = told.uptime(scope, range);
      expect(await questions.uptime(scope, range), `run ${run}`).toBe(expected);
      heard("uptime", expected > 0 && expected < 1 ? 1 : 0);
      heard("uptime untold", expected === toldOnly.uptime(scope, range) ? 0 : 1);
    }
  });

  it("for frames, page by page, a frame sent twice once", async () => {
    for (const run of runs) {
      const { d, scope, range } = drawn(run);
      const expected = told.frames(scope, range);
      expect(await whole((paged) => questions.frames(scope, { ...range, ...paged }), 1 + d.upTo(20)), `run ${run}`).toEqual(expected);
      heard("frames", expected.length);
    }
  });

  it("for tracks", async () => {
    for (const run of runs) {
      const { d, scope, range, types } = drawn(run);
      const asked = { ...range, types, limit: 1 + d.upTo(60) };
      const expected = told.behavior(scope, asked);
      expect((await questions.behavior(scope, { ...asked, after: undefined })).rows, `run ${run}`).toEqual(expected);
      heard("behavior", expected.length);
    }
  });

  it("for the newest signs of cameras: a frame, a word, or neither", async () => {
    for (const seed of SEEDS) {
      for (const cameras of [undefined, CAMERAS, CAMERAS.slice(1), ["nowhere"], []]) {
        const expected = told.signs(`t${seed}`, cameras);
        expect(await questions.signs(`t${seed}`, cameras), `${seed} ${cameras}`).toEqual(expected);
        heard("signs", expected.size);
        heard("signs with a word", [...expected.values()].filter(({ state }) => state !== undefined).length);
      }
    }
    expect(await questions.signs("nobody", undefined)).toEqual(new Map());
  });

  it("an alert of before types were kept has the type it would be given now", async () => {
    const columns = (await asked.select<{ name: string }>("DESCRIBE TABLE alerts", {})).map(({ name }) => name);
    const kept = columns.filter((name) => name !== "eventType").join(", ");
    await asked.define([alerts.ddl("alerts_of_before"), `INSERT INTO alerts_of_before (${kept}) SELECT ${kept} FROM alerts`]);
    const types = (table: string) => asked.select(`SELECT partition, position, eventType FROM ${table} ORDER BY ALL`, {});
    const now = await types("alerts");
    expect(await types("alerts_of_before")).toEqual(now);
    await asked.define(["DROP TABLE alerts_of_before SYNC"]);
    heard("types of before", now.length);
  });

  it("every question was asked, and every statement reads each table by the tenant it was asked for", () => {
    expect([...timed].sort()).toEqual(Object.keys(questions).sort());
    let reads = 0;
    for (const [sql, tenants] of sent) {
      for (const { name } of projections) {
        const read = sql.match(new RegExp(`\\bFROM\\s+${name}\\b`, "gi"))?.length ?? 0;
        expect(sql.match(new RegExp(`\\bFROM\\s+${name}\\s+WHERE tenant = \\{tenant:String\\}`, "g"))?.length ?? 0, sql).toBe(read);
        reads += read;
      }
      for (const tenant of tenants) expect(tenant).toMatch(/^t1[1-4]$|^nobody$/);
    }
    expect(sent.size).toBeGreaterThan(15);
    expect(reads).toBeGreaterThan(sent.size);
  });

  it("and each of these comparisons had something to say", () => {
    expect([...compared].filter(([, n]) => n < often / 4)).toEqual([]);
    expect(compared.size).toBe(24);
  });

  it("an unknown camera has empty answers", async () => {
    const scope: Scope = { tenant: "t11", camera: "nowhere", epochs: new Map() };
    const open = { from: undefined, to: undefined };
    expect(await questions.uptime(scope, open)).toBe(0);
    expect(await questions.alerts(scope, { ...open, analytic: undefined, limit: 10, after: undefined })).toEqual({
      rows: [],
      more: undefined,
    });
    expect(await questions.occupancyHistogram(scope, { analytic: "fov", placeId: undefined, edges: [0, 1000], types: undefined })).toEqual(
      [],
    );
  });
};
