/**
 * The warehouse with many alerts: what /alerts, /alerts/count, the events of a tenant and the newest signs of its cameras cost, the first two beside the simplest SQL that gives the same rows, sent through the same client.
 *
 *   node bench/warehouse.ts [--rows 10000000] [--runs 31] [--keep <folder>]
 *
 * A year of alerts of 100 cameras; one in ten has a closing revision, one in fifty a retraction. As many frames, and a
 * hundredth as many words of the cameras. Rows are made inside the engine.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openMeter } from "../adapters/meter-prometheus.ts";
import { openChdb } from "../adapters/warehouse-clickhouse.ts";
import type { Clock, Journal } from "../domain/ports.ts";
import { alerts } from "../projections/alerts.ts";
import { ask } from "../projections/ask.ts";
import { frames } from "../projections/frames.ts";
import type { Scope } from "../projections/questions.ts";
import { states } from "../projections/states.ts";
import { median } from "../test/support/figures.ts";

const { values } = parseArgs({ options: { rows: { type: "string" }, runs: { type: "string" }, keep: { type: "string" } } });
const ROWS = Number(values.rows ?? 10_000_000);
const RUNS = Number(values.runs ?? 31);
if (!Number.isSafeInteger(ROWS) || ROWS < 1000 || !Number.isSafeInteger(RUNS) || RUNS < 3)
  throw new Error("--rows is 1000 or more, --runs 3 or more");

const CAMERAS = 100;
const BEGIN = Date.UTC(2025, 0, 1);
const YEAR = 365 * 86_400_000;
const CHUNK = 1_000_000;

const silent = (): void => undefined;
const journal: Journal = { debug: silent, info: silent, warn: console.error, error: console.error, fatal: console.error };
const clock: Clock = { now: () => Date.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };
const meter = openMeter();

const dir = values.keep ?? mkdtempSync(join(tmpdir(), "tallywire-bench-"));
const warehouse = await openChdb({ dir, journal, meter });
const questions = ask(warehouse, { clock, meter });

/** `n` numbers the alerts. A closing revision ends a minute later than the one before. */
const made = (from: number, to: number): string => `
INSERT INTO alerts (tenant, camera, id, revision, retracted, ruleId, ruleName, ruleType, ruleVersion, severity, analytic, placeId, placeEpoch, placeName,
  direction, count, start, endTimestamp, raisedAt, description, objects, causeFrom, causeFromId, causeTo, causeToId, receivedAt, epoch, partition, position)
SELECT 'default', concat('camera-', toString(n % ${CAMERAS})),
  concat(substring(h, 1, 8), '-', substring(h, 9, 4), '-5', substring(h, 14, 3), '-8', substring(h, 18, 3), '-', substring(h, 21, 12)),
  told, told = 1 AND intDiv(n, ${CAMERAS}) % 50 = 0,
  concat('rule-', toString(kind)), concat('Rule ', toString(kind)), ['increment', 'occupancy', 'flowrate', 'notify'][1 + kind % 4], 3, 'warning',
  ['tripwire', 'roi', 'tripwire', 'roi'][1 + kind % 4], concat('place-', toString(kind)), 0, concat('Place ', toString(kind)),
  if(kind % 2 = 0, if(n % 3 = 0, 'entry', 'exit'), NULL), 1 + n % 20,
  begun, begun + 5000 + n % 30000 + told * 60000, begun + 35000, concat(toString(1 + n % 20), ' people entered place ', toString(kind)),
  concat('[{"id":"', toString(n % 9973), '","type":"Person","bbox":{"leftX":', toString(n % 1900), '.25,"topY":10.5,"rightX":', toString(n % 1900 + 80), '.75,"bottomY":200},"confidence":0.8}]'),
  begun, concat('f', toString(n)), begun + 5000, concat('f', toString(n + 1)), begun + 36000, 'bench', n % 4, n * 4
FROM (
  SELECT number AS n, lower(hex(MD5(toString(number)))) AS h, toInt64(${BEGIN}) + intDiv(number * ${YEAR}, ${ROWS}) AS begun,
    intDiv(number, ${CAMERAS}) % 8 AS kind, arrayJoin(if(intDiv(number, ${CAMERAS}) % 10 = 0, [0, 1], [0])) AS told
  FROM numbers(${from}, ${to - from})
)`;

/** In the order of time, the cameras in turn. Every other word is that the camera is gone. */
const signs = (table: string, columns: string, values: string, rows: number): string => `
INSERT INTO ${table} (tenant, camera, ${columns}, receivedAt, epoch, partition, position)
SELECT 'default', concat('camera-', toString(n % ${CAMERAS})), ${values}, begun, 'bench', n % 4, n * 4
FROM (SELECT number AS n, toInt64(${BEGIN}) + intDiv(number * ${YEAR}, ${rows}) AS begun FROM numbers(${rows}))`;

const one = async (sql: string): Promise<number> => (await warehouse.select<{ n: number }>(sql, {}))[0]?.n ?? 0;
const memory = (): { readonly now: string; readonly most: string } => {
  const status = readFileSync(`/proc/${warehouse.pid()}/status`, "utf8");
  const megabytes = (name: string): string => `${Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)} MB`;
  return { now: megabytes("VmRSS"), most: megabytes("VmHWM") };
};

const fill = async (): Promise<void> => {
  await warehouse.define([alerts.ddl("alerts")]);
  if ((await one("SELECT count() AS n FROM alerts")) > 0) return;
  const since = performance.now();
  for (let from = 0; from < ROWS; from += CHUNK) await warehouse.define([made(from, Math.min(from + CHUNK, ROWS))]);
  const words = Math.max(CAMERAS, Math.floor(ROWS / 100));
  await warehouse.define([
    frames.ddl("frames"),
    states.ddl("states"),
    signs("frames", "timestamp, id", "begun, concat('f', toString(n))", ROWS),
    signs("states", "at, state", `begun, if(intDiv(n, ${CAMERAS}) % 2 = 0, 'online', 'offline')`, words),
  ]);
  const seconds = (performance.now() - since) / 1000;
  console.log(`${ROWS} alerts, as many frames and ${words} words of cameras made in ${seconds.toFixed(1)} s`);
  // Merges go on after the last insert; a figure taken meanwhile would be theirs.
  while ((await one("SELECT count() AS n FROM system.merges")) > 0) await clock.sleep(500);
};

/** The newest revision of each id by the shortest way to say it. */
const NEWEST = `(SELECT * FROM alerts WHERE tenant = {tenant:String} AND camera = {camera:String} ORDER BY revision DESC LIMIT 1 BY id)`;
const IN_RANGE = "NOT retracted AND endTimestamp > {from:Int64} AND endTimestamp <= {to:Int64}";
const BARE_ALERTS = `SELECT * FROM ${NEWEST} WHERE ${IN_RANGE} ORDER BY endTimestamp DESC, id DESC LIMIT 100`;
const BARE_COUNTS = `SELECT analytic, ruleType, ruleId, ruleName, placeId, direction, count() AS n FROM ${NEWEST} WHERE ${IN_RANGE}
GROUP BY analytic, ruleType, ruleId, ruleName, placeId, direction ORDER BY ruleId, placeId, analytic, ruleType, direction NULLS FIRST`;
/** Not the same rows: what it would cost if alerts had no revisions. */
const UNREVISED = `SELECT * FROM alerts WHERE tenant = {tenant:String} AND camera = {camera:String}
AND endTimestamp > {from:Int64} AND endTimestamp <= {to:Int64} ORDER BY endTimestamp DESC, id DESC LIMIT 100`;

const RANGES = { hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000, year: 2 * YEAR };
const timed = async <T>(into: number[], work: () => Promise<T>): Promise<T> => {
  const since = performance.now();
  const done = await work();
  into.push(performance.now() - since);
  return done;
};

const measure = async (name: keyof typeof RANGES): Promise<void> => {
  const times = {
    alerts: [] as number[],
    bareAlerts: [] as number[],
    unrevised: [] as number[],
    counts: [] as number[],
    bareCounts: [] as number[],
  };
  for (let run = 0; run < RUNS; run++) {
    const scope: Scope = { tenant: "default", camera: `camera-${(run * 37) % CAMERAS}`, epochs: new Map() };
    const to = name === "year" ? BEGIN + 2 * YEAR : BEGIN + Math.floor(((run + 2) / (RUNS + 2)) * YEAR);
    const range = { from: to - RANGES[name], to };
    const params = { tenant: scope.tenant, camera: scope.camera, ...range };
    const page = await timed(times.alerts, () => questions.alerts(scope, { ...range, analytic: undefined, limit: 100, after: undefined }));
    const bare = await timed(times.bareAlerts, () => warehouse.select<{ id: string }>(BARE_ALERTS, params));
    await timed(times.unrevised, () => warehouse.select(UNREVISED, params));
    const counts = await timed(times.counts, () => questions.alertCounts(scope, { ...range, analytic: undefined, limit: 1000 }));
    const bareCounts = await timed(times.bareCounts, () => warehouse.select<{ n: number }>(BARE_COUNTS, params));
    if (page.rows.map(({ id }) => id).join() !== bare.map(({ id }) => id).join())
      throw new Error(`/alerts differs from the SQL (${name}, run ${run})`);
    if (counts.map(({ count }) => count).join() !== bareCounts.map(({ n }) => n).join())
      throw new Error(`/alerts/count differs (${name}, run ${run})`);
  }
  const ms = (all: readonly number[]): string => `${median(all).toFixed(1)} ms`.padStart(10);
  const ratio = (a: readonly number[], b: readonly number[]): string => (median(a) / median(b)).toFixed(2);
  console.log(
    `${name.padEnd(6)} /alerts ${ms(times.alerts)}, SQL ${ms(times.bareAlerts)}, ratio ${ratio(times.alerts, times.bareAlerts)} (without revisions ${ms(times.unrevised)})` +
      `; /alerts/count ${ms(times.counts)}, SQL ${ms(times.bareCounts)}, ratio ${ratio(times.counts, times.bareCounts)}`,
  );
};

const p99 = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] as number;

const EVENTS = 50;
/** The same page by the shortest SQL: an alert ends less than two minutes after its start, so the starts need not be read from the beginning. */
const BARE_EVENTS = `SELECT id FROM (
  SELECT * FROM alerts WHERE tenant = {tenant:String} AND start >= {since:Int64} - 120000 ORDER BY revision DESC LIMIT 1 BY id
) WHERE NOT retracted AND endTimestamp >= {since:Int64} AND ({camera:String} = '' OR camera = {camera:String})
  AND ({type:String} = '' OR eventType = {type:String}) ORDER BY endTimestamp DESC, id DESC LIMIT ${EVENTS}`;

/** The newest events of all cameras, of one, of one type, and a page from the middle of the year. */
const measureEvents = async (): Promise<void> => {
  const open = { since: undefined, camera: undefined, type: undefined, limit: EVENTS, after: undefined, epochsOf: async () => new Map() };
  const asks = {
    newest: () => open,
    camera: (run: number) => ({ ...open, camera: `camera-${(run * 37) % CAMERAS}` }),
    type: () => ({ ...open, type: "Person" }),
    middle: (run: number) => ({ ...open, after: { at: BEGIN + Math.floor(((run + 1) / (RUNS + 2)) * YEAR), id: "" } }),
  };
  for (const [name, asked] of Object.entries(asks)) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const page = await timed(times, () => questions.events("default", asked(run)));
      if (name === "middle" || run > 3) continue;
      const since = page.rows.at(-1)?.end ?? BEGIN;
      const { camera = "", type = "" } = asked(run);
      const bare = await warehouse.select<{ id: string }>(BARE_EVENTS, { tenant: "default", since, camera, type });
      if (page.rows.map(({ id }) => id).join() !== bare.map(({ id }) => id).join())
        throw new Error(`events differ from the SQL (${name}, run ${run})`);
    }
    console.log(`events ${name.padEnd(6)} first page of ${EVENTS}: p50 ${median(times).toFixed(1)} ms, p99 ${p99(times).toFixed(1)} ms`);
  }
};

/** Of all cameras, and of as many as a page of them has. */
const measureSigns = async (): Promise<void> => {
  const asks = { all: undefined, page: Array.from({ length: EVENTS }, (_, i) => `camera-${i}`) };
  const bare = await warehouse.select<{ camera: string; last: number; word: string; at: number }>(
    `SELECT camera, last, word, stated AS at FROM (SELECT camera, argMax(state, at) AS word, max(at) AS stated FROM states GROUP BY camera) AS s
JOIN (SELECT camera, max(timestamp) AS last FROM frames GROUP BY camera) AS f ON f.camera = s.camera`,
    {},
  );
  for (const [name, cameras] of Object.entries(asks)) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const found = await timed(times, () => questions.signs("default", cameras));
      const expected = bare.filter(({ camera }) => cameras?.includes(camera) ?? true);
      if (found.size !== expected.length) throw new Error(`signs differ from the SQL (${name}, run ${run})`);
      for (const { camera, last, word, at } of expected) {
        const sign = found.get(camera);
        if (sign?.lastFrame !== last || sign.state !== word || sign.stateAt !== at)
          throw new Error(`the sign of ${camera} differs from the SQL`);
      }
    }
    console.log(
      `signs of ${name === "all" ? CAMERAS : EVENTS} cameras: p50 ${median(times).toFixed(1)} ms, p99 ${p99(times).toFixed(1)} ms`,
    );
  }
};

try {
  await fill();
  console.log(
    `${await one("SELECT count() AS n FROM alerts")} rows, ${Math.round((await one("SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND table = 'alerts'")) / 1e6)} MB on disk`,
  );
  for (const name of Object.keys(RANGES) as (keyof typeof RANGES)[]) await measure(name);
  await measureEvents();
  await measureSigns();
  console.log(`the engine's memory: ${memory().now} now, ${memory().most} at most`);
} finally {
  await warehouse.close();
  if (values.keep === undefined) rmSync(dir, { recursive: true, force: true });
}
