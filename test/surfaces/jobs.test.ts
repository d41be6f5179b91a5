// biome-ignore-all lint/suspicious/noThenProperty: rows of a backtest call what was raised so

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Crossing } from "../../domain/event.ts";
import type { BacktestWish, JobWish } from "../../domain/job.ts";
import { JobFailure } from "../../domain/job.ts";
import { bytesOf } from "../../domain/job-decider.ts";
import { limits } from "../../domain/limits.ts";
import { FakeCore } from "../support/core.ts";
import type { FakeJobs } from "../support/fake-jobs.ts";
import { anAlert, connect, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let jobs: FakeJobs;
let served: Served;
let document: Loose;

beforeAll(async () => {
  core = new FakeCore({ jobScanRows: 40, pageRows: 10 });
  jobs = core.jobs;
  served = await serveCore(core);
  document = await json(await fetch(`${served.url}/openapi/emdx.json`));
});
afterAll(() => served.close());
beforeEach(() => {
  jobs.known.clear();
  jobs.called.length = 0;
  jobs.laidRows = [];
  jobs.refusal = undefined;
  jobs.defect = undefined;
});

const at = (path: string): string => `${served.url}/api/v2${path}`;
const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = { "user-type": "Admin" }) => {
  const response = await fetch(at(path), { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const template = path.replace(/\?.*/, "").replace(/\/[0-9a-f-]{36}/, "/{id}");
  const { body: told, fault } = await declared(document, method, template, response);
  expect(fault).toBeUndefined();
  return { status: response.status, body: told as Loose, headers: response.headers };
};
const started = () => jobs.called.filter(({ name }) => name === "start").map(({ given }) => given[1] as JobWish);

const range = { fromTimestamp: "2021-09-16T06:00:00.000Z", toTimestamp: "2021-09-16T07:00:00.000Z" };
const [from, to] = [Date.parse(range.fromTimestamp), Date.parse(range.toTimestamp)];
const wire = {
  id: "gate",
  wire: [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ],
  direction: { p1: { x: 5, y: -5 }, p2: { x: 5, y: 5 } },
};
const rule = { id: "gate", rule_id: "r1", rule_type: "increment", count_threshold: 2 };
const yard = {
  id: "yard",
  coordinates: [
    { x: 0, y: 0 },
    { x: 9, y: 0 },
    { x: 9, y: 9 },
  ],
};
const sensor = {
  sensorId: "a",
  tripwires: [wire],
  rois: [yard],
  rules: { tripwire: [rule], fov: [{ ruleId: "f", ruleType: "occupancy", countThreshold: 1, timeInterval: 2 }] },
};

const backtest = (own: Partial<BacktestWish> = {}): BacktestWish => ({
  kind: "backtest",
  cameras: [{ camera: "a", candidate: undefined }],
  from,
  to,
  late: false,
  labels: [],
  tolerance: 2000,
  ...own,
});
const begun = async (wish: JobWish = backtest(), tenant = "default"): Promise<string> => {
  const job = await jobs.start(tenant, wish, undefined);
  if (!("id" in job)) throw new Error(job.detail);
  return job.id;
};

describe("a backtest", () => {
  it("is asked for with what /config takes, is answered 202, and says where it stands", async () => {
    const { status, body, headers } = await ask("POST", "/backtests", { sensors: [sensor], ...range });
    expect(status).toBe(202);
    expect(headers.get("location")).toBe(`/api/v2/backtests/${body.id}`);
    const [wish] = started() as [BacktestWish];
    expect(wish).toMatchObject({ kind: "backtest", from, to, late: false, labels: [], tolerance: 2000 });
    const [{ camera, candidate }] = wish.cameras as [BacktestWish["cameras"][number]];
    expect(camera).toBe("a");
    expect(candidate).toMatchObject({
      tripwires: [{ id: "gate", name: "gate", minFrames: 2 }],
      rois: [{ id: "yard" }],
      settings: undefined,
    });
    expect(candidate?.rules.map(({ ruleId, analytic, placeId }) => [ruleId, analytic, placeId])).toEqual([
      ["f", "fov", "a"],
      ["r1", "tripwire", "gate"],
    ]);
    expect(body).toMatchObject({ state: "queued", kind: "backtest", createdAt: "2026-11-21T12:00:00.000Z" });
  });

  it("can be asked for again by what is shown of it", async () => {
    const sent = {
      sensors: [{ ...sensor, settings: { reorderMs: 5 } }, { sensorId: "b" }],
      ...range,
      late: true,
      tolerance: 0.5,
      labels: [{ sensorId: "a", tripwireId: "gate", timestamp: "2021-09-16T08:30:00+02:00", direction: "exit" }],
    };
    const first = await ask("POST", "/backtests", sent);
    const shown = await ask("GET", `/backtests/${first.body.id}`);
    expect(shown.body.wish).toMatchObject({ late: true, tolerance: 0.5, labels: [{ timestamp: "2021-09-16T06:30:00.000Z" }] });
    expect((await ask("POST", "/backtests", shown.body.wish)).status).toBe(202);
    const [one, again] = started();
    expect(again).toEqual(one);
    const listed = await ask("GET", "/backtests");
    expect(listed.body.jobs.map(({ wish }: Loose) => wish.sensorIds)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("of sensors by name is of the definitions that were in force", async () => {
    await ask("POST", "/backtests", { sensor_ids: ["a", "b"], ...range });
    expect(started()).toMatchObject([
      {
        cameras: [
          { camera: "a", candidate: undefined },
          { camera: "b", candidate: undefined },
        ],
      },
    ]);
  });

  it("may have a candidate with nothing in it", async () => {
    expect((await ask("POST", "/backtests", { sensors: [{ sensorId: "a" }], ...range })).status).toBe(202);
    expect(started()).toMatchObject([{ cameras: [{ candidate: { tripwires: [], rois: [], rules: [] } }] }]);
  });

  it("takes labels, of the one sensor where none is named", async () => {
    const label = { tripwireId: "gate", timestamp: range.fromTimestamp, direction: "entry" };
    await ask("POST", "/backtests", { sensors: [sensor], ...range, labels: [label] });
    expect((started()[0] as BacktestWish).labels).toEqual([{ camera: "a", tripwireId: "gate", at: from, direction: "entry" }]);
  });

  const many = Array.from({ length: limits.backtestSensors + 1 }, (_, i) => `s${i}`);
  const label = { tripwireId: "gate", timestamp: range.fromTimestamp, direction: "entry" };
  it.each([
    ["no sensor", { ...range }, "sensors: or sensorIds is required, and not both"],
    ["both", { sensors: [sensor], sensorIds: ["a"], ...range }, "sensors: or sensorIds is required, and not both"],
    ["a sensor twice", { sensors: [sensor, sensor], ...range }, "sensors[1].sensorId: is given twice"],
    ["a name twice", { sensorIds: ["a", "a"], ...range }, "sensorIds[1]: is given twice"],
    ["too many sensors", { sensorIds: many, ...range }, "sensorIds: "],
    ["a place twice", { sensors: [{ ...sensor, tripwires: [wire, wire] }], ...range }, "sensors[0].tripwires[1].id: is given twice"],
    [
      "a rule of no place",
      { sensors: [{ ...sensor, tripwires: [] }], ...range },
      "sensors[0].rules.tripwire[0].id: there is no tripwire gate",
    ],
    [
      "a bad threshold",
      { sensors: [{ ...sensor, rules: { tripwire: [{ ...rule, count_threshold: 0 }] } }], ...range },
      "sensors[0].rules.tripwire[0].countThreshold: ",
    ],
    [
      "a rule of a foreign fov",
      { sensors: [{ ...sensor, rules: { fov: [{ id: "b", ruleId: "f", ruleType: "increment", countThreshold: 1 }] } }], ...range },
      "sensors[0].rules.fov[0].id: ",
    ],
    ["an unknown field", { sensors: [{ ...sensor, colour: "red" }], ...range }, "sensors[0].colour: is an unknown field"],
    [
      "bad settings",
      { sensors: [{ sensorId: "a", settings: { reorderMs: limits.reorderMs + 1 } }], ...range },
      "sensors[0].settings.reorderMs: ",
    ],
    [
      "a range upside down",
      { sensorIds: ["a"], fromTimestamp: range.toTimestamp, toTimestamp: range.fromTimestamp },
      "fromTimestamp: is not before toTimestamp",
    ],
    [
      "a range of years",
      { sensorIds: ["a"], fromTimestamp: "2015-01-01T00:00:00Z", toTimestamp: "2021-01-01T00:00:00Z" },
      "toTimestamp: is more than 366 days after fromTimestamp",
    ],
    ["no instant", { sensorIds: ["a"], ...range, fromTimestamp: "yesterday" }, "fromTimestamp: is not an RFC 3339 timestamp"],
    [
      "a label of no sensor",
      { sensorIds: ["a", "b"], ...range, labels: [label] },
      "labels[0].sensorId: is required where there are several sensors",
    ],
    [
      "a label of another",
      { sensorIds: ["a"], ...range, labels: [{ ...label, sensorId: "z" }] },
      "labels[0].sensorId: is none of the sensors",
    ],
    ["a label of no instant", { sensorIds: ["a"], ...range, labels: [{ ...label, timestamp: "noon" }] }, "labels[0].timestamp: "],
    ["a tolerance of hours", { sensorIds: ["a"], ...range, tolerance: 7200 }, "tolerance: "],
  ])("with %s is 422, and names the place", async (_, body, detail) => {
    const told = await ask("POST", "/backtests", body);
    expect(told).toMatchObject({ status: 422, body: { detail: expect.stringContaining(detail) } });
    expect(started()).toEqual([]);
  });

  it("that the jobs refuse is told as they say it: with 429 where it passes, else with 422", async () => {
    jobs.refusal = { refused: "too-many", path: "", detail: "100 jobs wait or run, and no more may" };
    const full = await ask("POST", "/backtests", { sensorIds: ["a"], ...range });
    expect(full).toMatchObject({ status: 429, body: { detail: "100 jobs wait or run, and no more may" } });
    expect(Number(full.headers.get("retry-after"))).toBeGreaterThan(0);
    jobs.refusal = { refused: "invalid", path: "", detail: "it takes too many bytes to say" };
    const large = await ask("POST", "/backtests", { sensorIds: ["a"], ...range });
    expect(large).toMatchObject({ status: 422, body: { detail: "it takes too many bytes to say" } });
    expect(large.headers.has("retry-after")).toBe(false);
  });

  it("of as many sensors as there may be with the same candidate says it once, and shows it for each", async () => {
    const several = Array.from({ length: 400 }, (_, i) => ({ ...sensor, sensorId: `s${i}` }));
    const { status, body } = await ask("POST", "/backtests", { sensors: [...several, { sensorId: "other", rois: [yard] }], ...range });
    expect(status).toBe(202);
    const [wish] = started() as [BacktestWish];
    expect(bytesOf(wish)).toBeLessThan(limits.jobWishBytes);
    expect(wish.cameras.filter(({ candidate }) => candidate !== undefined).map(({ camera }) => camera)).toEqual(["s0", "other"]);
    expect(body.wish.sensors).toHaveLength(401);
    expect(body.wish.sensors[399]).toMatchObject({ sensorId: "s399", tripwires: [wire], rules: { fov: [{ id: "s399", ruleId: "f" }] } });
    expect(body.wish.sensors[400]).toMatchObject({ tripwires: [], rois: [yard] });
    expect((await ask("POST", "/backtests", body.wish)).status).toBe(202);
    expect(started()[1]).toEqual(wish);
  });
});

describe("jobs of the other kinds", () => {
  it.each([
    ["recomputes", { sensorId: "a", ...range }, { kind: "recompute", camera: "a", from, to, definitions: "then" }],
    ["recomputes", { sensor_id: "a", ...range, definitions: "now" }, { kind: "recompute", camera: "a", from, to, definitions: "now" }],
    ["rebuilds", { projection: "alerts" }, { kind: "rebuild", projection: "alerts", step: "rebuild" }],
    ["rebuilds", { projection: "frames", step: "drop-old" }, { kind: "rebuild", projection: "frames", step: "drop-old" }],
    ["archives", { before: range.fromTimestamp }, { kind: "archive", before: from }],
    ["verifications", {}, { kind: "verify", from: undefined, to: undefined, derive: false }],
    ["verifications", { ...range, derive: true }, { kind: "verify", from, to, derive: true }],
  ])("are asked for at /%s with %j, and shown so that they can be asked for again", async (resource, body, wish) => {
    const { status, body: job } = await ask("POST", `/${resource}`, body);
    expect(status).toBe(202);
    expect(started()).toEqual([wish]);
    expect((await ask("GET", `/${resource}/${job.id}`)).body).toEqual(job);
    await ask("POST", `/${resource}`, job.wish);
    expect(started()).toEqual([wish, wish]);
  });

  it.each([
    ["recomputes", { sensorId: "a" }, "fromTimestamp: "],
    ["recomputes", { ...range }, "sensorId: "],
    ["recomputes", { sensorId: "a", ...range, definitions: "later" }, "definitions: "],
    ["rebuilds", { projection: "books" }, "projection: "],
    ["archives", { before: "once" }, "before: "],
    ["verifications", { fromTimestamp: range.toTimestamp, toTimestamp: range.fromTimestamp }, "fromTimestamp: is not before"],
    ["verifications", { sometime: 1 }, "sometime: is an unknown field"],
  ])("at /%s with %j are 422", async (resource, body, detail) => {
    expect(await ask("POST", `/${resource}`, body)).toMatchObject({ status: 422, body: { detail: expect.stringContaining(detail) } });
  });
});

describe("a job", () => {
  it("shows how it stands, how far it is, what came of it or why it failed", async () => {
    const id = await begun();
    jobs.change("default", id, { state: "running", startedAt: from, owner: "somebody", progress: { done: 3, of: 10 } });
    const running = await ask("GET", `/backtests/${id}`);
    expect(running.body).toMatchObject({ state: "running", startedAt: range.fromTimestamp, progress: { done: 3, of: 10 } });
    expect(running.body).not.toHaveProperty("owner");
    jobs.change("default", id, { state: "failed", endedAt: to, reason: "nothing is kept of that day" });
    expect((await ask("GET", `/backtests/${id}`)).body).toMatchObject({
      state: "failed",
      endedAt: range.toTimestamp,
      reason: "nothing is kept of that day",
    });
  });

  it("is cancelled by DELETE, and once it has ended stays as it is", async () => {
    const id = await begun();
    expect((await ask("DELETE", `/backtests/${id}`)).body).toMatchObject({ id, state: "cancelled" });
    jobs.change("default", id, { state: "done" });
    expect((await ask("DELETE", `/backtests/${id}`)).body).toMatchObject({ id, state: "done" });
  });

  it("of another tenant, of another kind, or that nobody has is 404", async () => {
    const other = await begun(backtest(), "others");
    const own = await begun({ kind: "archive", before: from });
    for (const id of [other, own, "00000000-0000-4000-8000-ffffffffffff"])
      for (const [method, path] of [
        ["GET", `/backtests/${id}`],
        ["DELETE", `/backtests/${id}`],
        ["GET", `/backtests/${id}/alerts`],
        ["GET", `/backtests/${id}/crossings`],
        ["GET", `/backtests/${id}/counts`],
      ] as const)
        expect(await ask(method, path), `${method} ${path}`).toMatchObject({
          status: 404,
          body: { detail: "There is no such job among backtests." },
        });
  });

  it("is listed with its own kind, the newest first", async () => {
    const first = await begun();
    await begun({ kind: "archive", before: from });
    const second = await begun();
    await begun(backtest(), "others");
    expect((await ask("GET", "/backtests")).body.jobs.map(({ id }: Loose) => id)).toEqual([second, first]);
  });
});

const crossing: Crossing = {
  kind: "crossing",
  tenant: "default",
  camera: "a",
  receivedAt: from,
  place: { analytic: "tripwire", id: "gate", epoch: 0 },
  object: { id: "7", type: "Person", bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1 }, confidence: undefined, info: undefined },
  direction: "entry",
  at: from + 10,
  confirmedAt: from + 20,
  late: false,
  cause: { from: { timestamp: from, id: "x", modelVersion: undefined }, to: { timestamp: from, id: "y", modelVersion: undefined } },
};
const asJson = (rows: readonly BacktestRow[]): readonly Json[] => JSON.parse(JSON.stringify(rows)) as readonly Json[];
/** Of each side one alert, crossings of two wires between them; then the counts. */
const sides: readonly BacktestRow[] = [
  { row: "alert", side: "then", changed: false, then: anAlert({ ruleId: "r1" }) },
  { row: "crossing", crossing },
  { row: "alert", side: "now", changed: false, now: anAlert({ ruleId: "r2", ruleVersion: 0 }) },
  { row: "crossing", crossing: { ...crossing, place: { ...crossing.place, id: "dock" }, direction: "exit" } },
  { row: "alert", side: "both", changed: true, then: anAlert({ ruleId: "r1" }), now: anAlert({ ruleId: "r1", ruleVersion: 0 }) },
];
const ofGate = { camera: "a", tripwireId: "gate", direction: "entry" } as const;
const compared = (then: number, now: number) => ({ then, now });
const counts: readonly BacktestRow[] = [
  {
    row: "rule",
    camera: "a",
    analytic: "tripwire",
    placeId: "gate",
    ruleId: "r1",
    ruleType: "increment",
    onlyThen: 1,
    onlyNow: 1,
    both: 1,
    changed: 1,
  },
  { row: "tripwire", ...ofGate, ...compared(3, 4) },
  { row: "crossings", ...ofGate, objectType: "*", raw: compared(3, 4), distinct: compared(2, 2), net: compared(1, 0) },
  { row: "crossings", ...ofGate, direction: "either", objectType: "*", distinct: compared(2, 3) },
  { row: "stays", camera: "a", analytic: "fov", placeId: "a", ...compared(5, 5) },
  { row: "labels", ...ofGate, labels: 4, crossings: 4, found: 3, precision: 0.75, recall: 0.75 },
];
const done = async (rows: readonly BacktestRow[]): Promise<string> => {
  const id = await begun();
  jobs.laidRows = asJson([...rows, ...counts]);
  const result = { frames: 9, late: 0, changed: 1, stopped: [], onlyThen: 1, onlyNow: 1, both: 1, crossings: 2, countsFrom: rows.length };
  jobs.change("default", id, { state: "done", endedAt: to, result });
  return id;
};

describe("what a backtest found", () => {
  it("of alerts is each as it was raised and as it would be, by side and rule", async () => {
    const id = await done(sides);
    const all = (await ask("GET", `/backtests/${id}/alerts`)).body;
    expect(all).toMatchObject({
      state: "done",
      alerts: [
        { side: "then", thenAlert: { rule_id: "r1" } },
        { side: "now", nowAlert: { rule_id: "r2", rule_version: 0 } },
        { side: "both", changed: true, thenAlert: { rule_version: 3 }, nowAlert: { rule_version: 0 } },
      ],
    });
    expect(all.alerts[0]).not.toHaveProperty("nowAlert");
    for (const [query, expected] of [
      ["side=now", ["now"]],
      ["side=both", ["both"]],
      ["ruleId=r1", ["then", "both"]],
      ["rule_id=r1&side=then", ["then"]],
      ["ruleId=none", []],
    ] as const)
      expect(
        (await ask("GET", `/backtests/${id}/alerts?${query}`)).body.alerts.map(({ side }: Loose) => side),
        query,
      ).toEqual(expected);
    expect((await ask("GET", `/backtests/${id}/alerts?side=left`)).status).toBe(422);
  });

  it("of crossings is each of the candidate's wires", async () => {
    const id = await done(sides);
    const { body } = await ask("GET", `/backtests/${id}/crossings`);
    expect(body.crossings.map(({ tripwireId, direction }: Loose) => [tripwireId, direction])).toEqual([
      ["gate", "entry"],
      ["dock", "exit"],
    ]);
    expect((await ask("GET", `/backtests/${id}/crossings?tripwireId=dock`)).body.crossings).toHaveLength(1);
  });

  it("comes to counts of rules, tripwires, stays and labels", async () => {
    const id = await done(sides);
    expect((await ask("GET", `/backtests/${id}/counts`)).body).toEqual({
      state: "done",
      rules: [
        {
          sensorId: "a",
          type: "tripwire",
          placeId: "gate",
          rule_id: "r1",
          rule_type: "increment",
          onlyThen: 1,
          onlyNow: 1,
          both: 1,
          changed: 1,
        },
      ],
      tripwires: [{ sensorId: "a", tripwireId: "gate", direction: "entry", thenCount: 3, nowCount: 4 }],
      crossings: [
        {
          sensorId: "a",
          tripwireId: "gate",
          direction: "entry",
          objectType: "*",
          raw: { thenCount: 3, nowCount: 4 },
          distinct: { thenCount: 2, nowCount: 2 },
          net: { thenCount: 1, nowCount: 0 },
        },
        { sensorId: "a", tripwireId: "gate", direction: "either", objectType: "*", distinct: { thenCount: 2, nowCount: 3 } },
      ],
      stays: [{ sensorId: "a", type: "fov", placeId: "a", thenCount: 5, nowCount: 5 }],
      labels: [{ sensorId: "a", tripwireId: "gate", direction: "entry", labels: 4, crossings: 4, found: 3, precision: 0.75, recall: 0.75 }],
    });
  });

  it("is a table where a table is accepted", async () => {
    const id = await done(sides);
    const table = async (part: string) =>
      (await (await fetch(at(`/backtests/${id}/${part}`), { headers: { accept: "text/csv" } })).text())
        .trimEnd()
        .split("\r\n")
        .map((line) => line.split(","));
    const alerts = await table("alerts");
    expect(alerts[0]?.slice(0, 4)).toEqual(["side", "changed", "then_id", "id"]);
    expect(alerts.slice(1).map(([side, changed]) => [side, changed])).toEqual([
      ["then", "false"],
      ["now", "false"],
      ["both", "true"],
    ]);
    expect(await table("crossings")).toHaveLength(3);
    const found = await table("counts");
    const column = (name: string) => found.slice(1).map((line) => line[found[0]?.indexOf(name) ?? -1]);
    expect(column("of")).toEqual(["rule", "tripwire", "crossings", "crossings", "crossings", "crossings", "stays", "labels"]);
    expect(column("countMode")).toEqual(["", "raw", "raw", "distinct", "net", "distinct", "", ""]);
    expect(column("nowCount")).toEqual(["", "4", "4", "2", "0", "3", "5", ""]);
    expect(column("precision").at(-1)).toBe("0.75");
  });

  it("comes page by page, none lost and none twice, and each page looks through so many rows and no more", async () => {
    const rows = Array.from({ length: 95 }, (_, i): BacktestRow => {
      if (i % 3 > 0) return { row: "crossing", crossing: { ...crossing, at: from + i } };
      return { row: "alert", side: i < 60 ? "then" : "now", changed: false, now: anAlert({ ruleId: `r${i}` }) };
    });
    const id = await done(rows);
    const pages = async (query: string) => {
      const ids: string[][] = [];
      for (let path: string | undefined = `/backtests/${id}/alerts?${query}`; path !== undefined; ) {
        jobs.called.length = 0;
        const { body, headers } = await ask("GET", path);
        const read = jobs.called.filter(({ name }) => name === "rows").length;
        expect(read * core.limits.pageRows).toBeLessThanOrEqual(core.limits.jobScanRows);
        ids.push(body.alerts.map(({ nowAlert }: Loose) => nowAlert.rule_id));
        path = /<\/api\/v2([^>]+)>/.exec(headers.get("link") ?? "")?.[1];
      }
      return ids;
    };
    const every = rows.flatMap((row) => (row.row === "alert" ? [row.now?.ruleId] : []));
    for (const limit of [1, 5, 10]) expect((await pages(`limit=${limit}`)).flat()).toEqual(every);
    // Far down: the first page is short, and says that there may be more.
    const few = await pages("side=now&limit=3");
    expect(few[0]).toEqual([]);
    expect(few.flat()).toEqual(every.slice(20));
  });

  it("goes on only where the page was given", async () => {
    const [id, other] = [await done(sides), await begun()];
    const { headers } = await ask("GET", `/backtests/${id}/alerts?limit=1`);
    const cursor = /cursor=([\w-]+)/.exec(headers.get("link") ?? "")?.[1];
    expect((await ask("GET", `/backtests/${id}/alerts?cursor=${cursor}`)).status).toBe(200);
    expect((await ask("GET", `/backtests/${id}/crossings?cursor=${cursor}`)).status).toBe(422);
    expect((await ask("GET", `/backtests/${other}/alerts?cursor=${cursor}`)).status).toBe(422);
  });

  it("is empty while it has not ended, and says so", async () => {
    const id = await begun();
    expect((await ask("GET", `/backtests/${id}/counts`)).body).toMatchObject({ state: "queued", rules: [], tripwires: [], labels: [] });
    expect((await ask("GET", `/backtests/${id}/alerts`)).body).toEqual({ state: "queued", alerts: [] });
  });

  it("is 404 where its rows are gone", async () => {
    const id = await done(sides);
    const real = jobs.rows;
    jobs.rows = async () => Promise.reject(new JobFailure("rows of this result are gone; ask for the job anew"));
    expect(await ask("GET", `/backtests/${id}/alerts`)).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining("are gone") },
    });
    jobs.rows = real;
  });
});

describe("the socket of jobs", () => {
  const open = (protocols: string[] = []) => connect(at("/jobs/ws"), protocols);
  /** Each message, held against what the document says is said. */
  const expectDeclared = (messages: readonly unknown[], dialect: "plain" | "tallywire.v1"): void => {
    const shape = { ...document.paths["/jobs/ws"].get["x-websocket"].says[dialect], $defs: document.components.schemas };
    const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(shape).replaceAll("#/components/schemas/", "#/$defs/")));
    for (const message of messages) expect(schema.safeParse(message).error, JSON.stringify(message)).toBeUndefined();
    expect(schema.safeParse({ other: 1 }).success).toBe(false);
  };

  it("tells first those under way, then each as it changes", async () => {
    const ended = await begun();
    jobs.change("default", ended, { state: "done", endedAt: to });
    const [first, second] = [await begun(), await begun({ kind: "archive", before: from })];
    const peer = open();
    await peer.until(() => peer.messages.length === 2);
    expect(peer.messages.map(({ job }) => job.id)).toEqual([first, second]);
    jobs.change("default", first, { state: "running", progress: { done: 1, of: 2 } });
    await begun(backtest(), "others");
    jobs.change("default", second, { state: "done", endedAt: to, result: { facts: 3 } });
    await peer.until(() => peer.messages.length === 4);
    expect(peer.messages.slice(2)).toMatchObject([
      { job: { id: first, progress: { done: 1, of: 2 } } },
      { job: { id: second, result: { facts: 3 } } },
    ]);
    expectDeclared(peer.messages, "plain");
    peer.socket.close();
    await peer.closed;
    for (let waits = 0; jobs.watched > 0 && waits < 1000; waits++) await new Promise((resolve) => setImmediate(resolve));
    expect(jobs.watched).toBe(0);
  });

  it("begins with a heartbeat where tallywire.v1 is spoken", async () => {
    const id = await begun();
    const peer = open(["tallywire.v1"]);
    await peer.until(() => peer.messages.length === 2);
    expect(peer.messages).toMatchObject([{ heartbeat: "2021-09-16T07:00:00.000Z" }, { job: { id } }]);
    expectDeclared(peer.messages, "tallywire.v1");
    peer.socket.close();
    await peer.closed;
  });

  it("closes with 1011 where they cannot be looked up", async () => {
    jobs.defect = new Error("no store");
    const peer = open();
    expect((await peer.closed).code).toBe(1011);
  });
});
