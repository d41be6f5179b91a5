/** Where the past begins to be derived again: with a base, what is told is what is told without one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openArchive } from "../../adapters/archive-files.ts";
import { beginningOf } from "../../analytics/beginning.ts";
import type { History } from "../../analytics/past.ts";
import { initialCamera } from "../../domain/camera.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { Derived, Fact, Frame } from "../../domain/event.ts";
import { JobFailure } from "../../domain/job.ts";
import { EVENTS_PER_RECORD, type Logs, type Position } from "../../domain/ports.ts";
import { backtested } from "../support/backtested.ts";
import { allOf, driving, kinds, watched } from "../support/driven.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { heartbeat, seen } from "../support/given.ts";
import { BEGIN, briefs, decisions, define, framesOf, KEY, lately, outcomesOf, recompute, until, type Walk } from "../support/passers-by.ts";
import { historyOf, pastOf, unhurried } from "../support/past.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YARD = { tenant: KEY.tenant, camera: "yard" };
const { door, pairs, busy } = decisions;
/** Milliseconds from the beginning. */
const at = (hours: number, minutes = 0, seconds = 0): number => hours * HOUR_MS + minutes * 60_000 + seconds * 1000;
/** They arrive as they are seen. */
const live = (frames: readonly Frame[]): readonly Frame[] => frames.map((one) => ({ ...one, receivedAt: one.timestamp + 50 }));
const pair = (ms: number): readonly Walk[] => [
  ["p1", ms + 1000],
  ["p2", ms + 3000],
];
const visit = (ms: number): readonly Frame[] => live(framesOf(pair(ms), ms, ms + 6000));
/** Raised when somebody was there for nine tenths of a second. */
const soon = { ...busy, rule: { ...busy.rule, timeInterval: 0.9 } };
const defined = define(1, door, pairs, soon).map((one) => ({ ...one, receivedAt: BEGIN }));
const NOTHING = { raised: 0, revised: 0, retracted: 0 };

describe.each(kinds)("the past begun again over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  /** The engine hears these, at an instant: a base is written then where there was none for a day. */
  const passed = async (now: Instant, facts: readonly Fact[]): Promise<Position> => {
    const clock = fakeClock(now);
    const { end } = await logs.facts.bounds(0);
    await logs.facts.append(facts);
    const { release, failed } = await driving(watched(logs, clock), clock);
    await clock.pass(1000);
    await release();
    expect(failed()).toBeUndefined();
    return end;
  };
  const recomputed = async (...wishes: readonly Fact[]): Promise<readonly Derived[]> => {
    const clock = fakeClock(BEGIN + 10 * DAY_MS);
    await logs.facts.append(wishes);
    const { release, failed } = await driving(watched(logs, clock), clock);
    const derived = await until(logs, clock, wishes.filter(({ kind }) => kind === "recompute").length);
    await release();
    expect(failed()).toBeUndefined();
    return derived;
  };
  const newestBase = () => logs.baseBefore(KEY, Number.MAX_SAFE_INTEGER);
  const forget = (arrivedBefore: Instant): Promise<number> =>
    logs.retain({ arrivedBefore, maxBytes: Number.MAX_SAFE_INTEGER, keepFrom: [Number.MAX_SAFE_INTEGER] });

  describe.each([[false], [true]])("with a base written after its beginning: %s", (withBase) => {
    /** Somebody is seen until shortly before ten; what follows of it comes to pass by a heartbeat, after ten. */
    const stayedOn = async (): Promise<{ readonly since: Position; readonly last: Position }> => {
      const begin = at(0, 59, 59) + 800;
      const standing = live(framesOf([], begin - 800, begin + 200)).map((one, i) =>
        i === 0 ? one : { ...one, objects: [seen("w", 20, 50)] },
      );
      const beat = { ...heartbeat(KEY, BEGIN + at(1, 0, 3), BEGIN + begin), receivedAt: BEGIN + at(1, 0, 5) };
      const facts = [...defined, ...standing, beat];
      if (withBase) await passed(BEGIN + at(1, 5), facts);
      else await logs.facts.append(facts);
      expect((await newestBase()) === undefined).toBe(!withBase);
      const later = live(framesOf([["p1", at(1, 30, 2)]], at(1, 30), at(1, 30, 10)));
      const since = await passed(BEGIN + at(2), later);
      return { since, last: since + later.length - 1 };
    };

    it("a recomputation takes back nothing that timers told before the first frame of its range", async () => {
      const { since } = await stayedOn();
      const before = await allOf(logs.derived);
      expect(briefs(before, "alert")).toContain("alert busy v3 w r1");
      const derived = await recomputed(recompute("a", { from: BEGIN + at(1), to: BEGIN + at(2), since }));
      expect(outcomesOf(derived)[0]).toMatchObject({ events: 0, alerts: NOTHING, stays: NOTHING });
      expect(outcomesOf(derived)[0]?.fault).toBeUndefined();
      expect(derived.slice(0, -1)).toEqual(before);
    });

    it("a backtest of what was in force has on both sides what timers told before the first frame of its range", async () => {
      const { since, last } = await stayedOn();
      for (const where of [{}, { since, last }]) {
        const { result } = await backtested(historyOf(logs), [{ ...KEY, ...where }], { from: BEGIN + at(1), to: BEGIN + at(2) });
        expect(result).toMatchObject({ onlyThen: 0, onlyNow: 0, both: 2, changed: 0 });
      }
    });

    /** Nothing is heard from ten to twelve; at one comes what was seen meanwhile. */
    const outage = async (): Promise<{ readonly since: Position; readonly last: Position }> => {
      const facts = [...defined, ...visit(at(0, 29, 50)), ...live(framesOf([], at(3, 29, 50), at(3, 30)))];
      if (withBase) await passed(BEGIN + at(3, 30), facts);
      else await logs.facts.append(facts);
      expect((await newestBase()) === undefined).toBe(!withBase);
      const late = visit(at(1, 30)).map((one, i) => ({ ...one, receivedAt: BEGIN + at(4) + i }));
      const since = await passed(BEGIN + at(4), late);
      return { since, last: since + late.length - 1 };
    };

    it("a recomputation takes in the frames of an outage, all of which came late", async () => {
      const { since } = await outage();
      const derived = await recomputed(recompute("a", { from: BEGIN + at(1), to: BEGIN + at(3), since }));
      expect(outcomesOf(derived)[0]).toMatchObject({ crossings: { raised: 2 }, stays: { raised: 2 } });
      expect(briefs(derived, "crossing").slice(-2)).toEqual(["crossing p1 entry late", "crossing p2 entry late"]);
    });

    it("a backtest takes in the frames of an outage, all of which came late", async () => {
      const where = await outage();
      const range = { from: BEGIN + at(1), to: BEGIN + at(3), late: true };
      const { result } = await backtested(historyOf(logs), [{ ...KEY, ...where }], range);
      expect(result).toMatchObject({ crossings: 2, late: 30 });
      expect(result.onlyNow).toBeGreaterThan(0);
    });
  });

  it("a recomputation of the last part of a range that was recomputed finds nothing to tell", async () => {
    const walks = [1000, 3000, 5000, 7000, 9000, 11_000].map((ms, i): Walk => [`p${i + 1}`, ms]);
    await logs.facts.append([...define(1, door, pairs), ...lately(framesOf(walks, 0, 14_000), [2000, 4000])]);
    const derived = await recomputed(recompute("whole"), recompute("part", { from: BEGIN + 6000, to: BEGIN + 13_000 }));
    expect(outcomesOf(derived).map(({ id, alerts }) => [id, alerts])).toEqual([
      ["whole", { raised: 2, revised: 1, retracted: 1 }],
      ["part", NOTHING],
    ]);
  });

  describe("where the log was cut", () => {
    it("a backtest of a time whose definitions are gone fails rather than find nothing", async () => {
      await passed(BEGIN + 60_000, [...defined, ...visit(0)]);
      await passed(BEGIN + 60_000, visit(at(10)));
      await passed(BEGIN + DAY_MS + 120_000, visit(DAY_MS));
      await passed(BEGIN + DAY_MS + 190_000, visit(DAY_MS + 180_000));
      const newest = (await newestBase())?.position as Position;
      await forget(BEGIN + DAY_MS + 3 * HOUR_MS);
      const { start } = await logs.facts.bounds(0);
      expect(start).toBeGreaterThan(0);
      const range = (from: number) => ({ from: BEGIN + from, to: BEGIN + from + HOUR_MS });
      for (const camera of [{ ...KEY }, { ...KEY, since: start }])
        await expect(backtested(historyOf(logs), [camera], range(at(10)))).rejects.toThrow(JobFailure);
      await expect(backtested(historyOf(logs), [KEY], range(at(10)))).rejects.toThrow("no longer kept");
      const kept = await backtested(historyOf(logs), [{ ...KEY, since: newest }], range(DAY_MS + 180_000));
      expect(kept.result).toMatchObject({ crossings: 2, onlyThen: 0, onlyNow: 0 });
    });

    it("a camera that began after the cut is tried out from its first decision on", async () => {
      await passed(BEGIN, live(framesOf([], 0, 1000, YARD)));
      await passed(BEGIN + HOUR_MS, live(framesOf([], HOUR_MS, HOUR_MS + 1000, YARD)));
      const since = await passed(BEGIN + at(2), [...defined.map((one) => ({ ...one, receivedAt: BEGIN + at(2) })), ...visit(at(2))]);
      await passed(BEGIN + DAY_MS + at(3), live(framesOf([], DAY_MS + at(3), DAY_MS + at(3) + 1000, YARD)));
      await passed(BEGIN + DAY_MS + at(4), live(framesOf([], DAY_MS + at(4), DAY_MS + at(4) + 1000, YARD)));
      await forget(BEGIN + at(1, 30));
      expect((await logs.facts.bounds(0)).start).toBeGreaterThan(0);
      const range = { from: BEGIN + at(2), to: BEGIN + at(3) };
      const { result } = await backtested(historyOf(logs), [{ ...KEY, since: since + defined.length }], range);
      expect(result).toMatchObject({ crossings: 2, onlyThen: 0, onlyNow: 0, both: 2 });
      const derived = await recomputed(recompute("a", { ...range, since: since + defined.length }));
      expect(outcomesOf(derived)[0]).toMatchObject({ ...range, events: 0 });
      expect(outcomesOf(derived)[0]?.fault).toBeUndefined();
    });

    it("a base before the log's start is as good as any while no fact of its camera after it is gone", async () => {
      const yardIn = (ms: number) => live(framesOf([], ms, ms + 1000, YARD));
      await passed(BEGIN, yardIn(0));
      await passed(BEGIN + 60_000, yardIn(60_000));
      await passed(BEGIN + at(6), [...defined, ...visit(at(6))]);
      await passed(BEGIN + at(6, 1), yardIn(at(6, 1)));
      await passed(BEGIN + at(15), yardIn(at(15)));
      await passed(BEGIN + DAY_MS + 70_000, yardIn(DAY_MS + 70_000));
      const since = await passed(BEGIN + DAY_MS + HOUR_MS, [...visit(DAY_MS + HOUR_MS), ...yardIn(DAY_MS + HOUR_MS)]);
      await passed(BEGIN + DAY_MS + at(7), [...visit(DAY_MS + at(7)), ...yardIn(DAY_MS + at(7))]);
      await forget(BEGIN + DAY_MS + HOUR_MS / 2);
      const { start } = await logs.facts.bounds(0);
      const base = await logs.baseBefore(KEY, BEGIN + DAY_MS);
      expect(base?.position).toBeLessThan(start);
      const range = { from: BEGIN + DAY_MS + HOUR_MS, to: BEGIN + DAY_MS + 2 * HOUR_MS };
      const { result } = await backtested(historyOf(logs), [{ ...KEY, since }], range);
      expect(result).toMatchObject({ crossings: 2, onlyThen: 0, onlyNow: 0, both: 2 });
      const derived = await recomputed(recompute("a", { ...range, since }));
      expect(outcomesOf(derived)[0]).toMatchObject({ ...range, events: 0 });
      expect(outcomesOf(derived)[0]?.fault).toBeUndefined();
    });
  });

  describe("with an archive", () => {
    let dir: string;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), "tallywire-beginning-"));
    });
    afterEach(() => rmSync(dir, { recursive: true, force: true }));
    /** All of the days before the last is archived, and gone from the log. */
    const archived = async (days: number): Promise<History> => {
      const archive = openArchive(dir, logs.facts.epoch);
      const { end: to } = await logs.facts.bounds(0);
      await archive.take(logs, 0, { to, arrivedBefore: BEGIN + days * DAY_MS, ...unhurried });
      await logs.retain({
        arrivedBefore: BEGIN + (days - 0.5) * DAY_MS,
        maxBytes: Number.MAX_SAFE_INTEGER,
        keepFrom: [(await archive.upTo(0)) as Position],
      });
      expect((await logs.facts.bounds(0)).start).toBeGreaterThan(0);
      return historyOf(logs, archive);
    };

    it("a recomputation of the time before the first base begins with the first fact, and leaves nothing out", async () => {
      const walks = [1000, 3000, 5000].map((ms, i): Walk => [`p${i + 1}`, ms]);
      const frames = lately(live(framesOf(walks, 0, 8000)), [2400, 4000]);
      await passed(BEGIN + 60_000, [...defined, ...frames]);
      await passed(BEGIN + DAY_MS + 60_000, live(framesOf([], DAY_MS, DAY_MS + 1000)));
      await passed(BEGIN + 2 * DAY_MS + 120_000, live(framesOf([], 2 * DAY_MS, 2 * DAY_MS + 1000)));
      const { end: to } = await logs.facts.bounds(0);
      const history = await archived(2);
      const fact = recompute("a", { from: BEGIN, to: BEGIN + 8000, since: defined.length });
      const { begin, from } = await beginningOf(history, 0, { fact, position: to, decided: initialCamera(), told: 0 }, unhurried.pause);
      expect({ begin, from }).toEqual({ begin: { position: 0, base: undefined }, from: BEGIN });
      const { derived } = await pastOf(history, [{ ...KEY, begin }], { to, late: { to: BEGIN + 8000 } });
      expect(briefs(derived, "crossing")).toEqual(["crossing p1 entry", "crossing p2 entry", "crossing p3 entry"]);
    });

    it("a backtest out of it steps no more than it would out of the log", async () => {
      for (let day = 0; day < 8; day++) {
        const facts = [...(day === 0 ? defined : []), ...live(framesOf([], day * DAY_MS, day * DAY_MS + 4000))];
        await passed(BEGIN + day * DAY_MS + 60_000 * (day + 1), facts);
      }
      const stepped = async (history: History): Promise<number> => {
        const range = { from: BEGIN, to: BEGIN + HOUR_MS };
        const { result } = await backtested(history, [{ ...KEY, since: defined.length, last: EVENTS_PER_RECORD - 1 }], range);
        return result.frames;
      };
      const outOfLog = await stepped(historyOf(logs));
      expect(outOfLog).toBeLessThan(100);
      expect(await stepped(await archived(7))).toBe(outOfLog);
    });
  });
});
