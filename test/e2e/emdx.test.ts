/** The emdx surface of a whole server: every page, every table, every route's answer against the document. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, demoSensor, shopEntrance } from "../../examples/simulator.ts";
import { declared, json, type Loose } from "../support/surface.ts";

const FRAMES = 4000;
const begin = Date.parse("2026-01-05T08:00:00.000Z");
const at = (ms: number): string => new Date(begin + ms).toISOString();
const whole = `sensorId=${demoSensor}&fromTimestamp=${at(0)}&toTimestamp=${at(3_600_000)}`;

let data: string;
let server: RunningServer;
let document: Loose;
let position: string;
/** Operations that were answered 2xx, as declared. */
const answered = new Set<string>();

type Sent = { readonly template?: string; readonly body?: unknown; readonly type?: string; readonly accept?: string };
const call = async (method: string, path: string, { template, body, type = "application/json", accept }: Sent = {}) => {
  const headers = { "user-type": "Admin", ...(body === undefined ? {} : { "content-type": type }), ...(accept && { accept }) };
  const sent = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const send = () => fetch(`${server.url}/api/v2${path}`, { method, headers, ...(sent === undefined ? {} : { body: sent }) });
  let response = await send();
  // On a busy machine the first answers are "not readable yet. Ask again.", as they should be.
  for (let again = 0; response.status === 503 && again < 10; again++) response = await send();
  const route = template ?? path.split("?")[0] ?? "";
  const read = await declared(document, method, route, response);
  expect(read.fault, `${method} ${path}`).toBeUndefined();
  if (response.ok && accept === undefined) answered.add(`${method} ${route}`);
  return { body: read.body, response };
};
const get = async (path: string): Promise<Loose> => (await call("GET", `${path}${path.includes("?") ? "&" : "?"}after=${position}`)).body;

/** All pages, by the links; every page but the last is full. */
const walked = async (path: string, limit: number, rowsOf: (body: Loose) => readonly Loose[]) => {
  const pages: Loose[][] = [];
  let next: string | undefined = `${path}&limit=${limit}&after=${position}`;
  while (next !== undefined) {
    const { body, response }: { body: Loose; response: Response } = await call("GET", next);
    pages.push([...rowsOf(body)]);
    next = /^<\/api\/v2(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return pages;
};

/** RFC 4180. */
const cellsOf = (text: string): string[][] => {
  expect(text.endsWith("\r\n")).toBe(true);
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    (rows.at(-1) as string[]).push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
};
const table = async (path: string) => {
  const { body, response } = await call("GET", `${path}&after=${position}`, { accept: "text/csv" });
  expect(response.headers.get("content-type")).toContain("text/csv");
  const [columns = [], ...rows] = cellsOf(body);
  for (const row of rows) expect(row).toHaveLength(columns.length);
  return { rows: rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]]))), response };
};

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-emdx-"));
  server = await startServer({ data });
  document = await json(await fetch(`${server.url}/openapi/emdx.json`));
  await call("POST", "/config/tripwire", { body: demoConfiguration.tripwire });
  await call("POST", "/config/roi", { body: demoConfiguration.roi });
  await call("POST", "/config/sensor", { body: { sensorId: demoSensor } });
  for (const [analytic, rules] of Object.entries(demoConfiguration.rules))
    await call("POST", `/config/rule/alerts/${analytic}`, { body: rules });
  const lines: string[] = [];
  for (const frame of shopEntrance({ begin, seed: 7 })) if (lines.push(JSON.stringify(frame)) === FRAMES) break;
  const { body } = await call("POST", "/frames", { body: lines.join("\n"), type: "application/x-ndjson" });
  expect(body).toMatchObject({ accepted: FRAMES, duplicates: 0, rejected: [] });
  position = body.position;
  expect((await get(`/alerts?${whole}`)).alerts.length).toBeGreaterThan(0);
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

describe("pages", () => {
  const idOf = ({ id }: Loose): string => id;
  const crossingOf = ({ tripwireId, object, direction, at: when }: Loose) => JSON.stringify([tripwireId, object.id, direction, when]);
  const stayOf = ({ roiId, object, start }: Loose) => JSON.stringify([roiId, object.id, start]);
  it.each([
    ["/alerts", 7, 1000, (body: Loose) => body.alerts.map(idOf)],
    ["/alerts/tripwire", 3, 1000, (body: Loose) => body.alerts.map(idOf)],
    ["/alerts/roi", 3, 1000, (body: Loose) => body.alerts.map(idOf)],
    ["/alerts/fov", 2, 1000, (body: Loose) => body.alerts.map(idOf)],
    ["/crossings", 7, 1000, (body: Loose) => body.crossings.map(crossingOf)],
    ["/stays", 11, 1000, (body: Loose) => body.stays.map(stayOf)],
    ["/frames", 331, 1000, (body: Loose) => body.frames.map(idOf)],
  ])("of %s give everything exactly once", async (path, small, large, rowsOf) => {
    const [few, many] = [await walked(`${path}?${whole}`, small, rowsOf), await walked(`${path}?${whole}`, large, rowsOf)];
    expect(few.length).toBeGreaterThan(2);
    for (const page of few.slice(0, -1)) expect(page).toHaveLength(small);
    expect(few.at(-1)?.length).toBeGreaterThan(0);
    expect(few.flat()).toEqual(many.flat());
    expect(new Set(few.flat()).size).toBe(few.flat().length);
    if (path === "/frames") expect(few.flat()).toHaveLength(FRAMES);
  });

  it("of /behavior give every point exactly once", async () => {
    const pointsOf = (body: Loose) =>
      body.behaviors.flatMap(({ object, locations }: Loose) =>
        locations.coordinates.map((point: Loose) => JSON.stringify([object.id, point])),
      );
    const few = (await walked(`/behavior?${whole}`, 501, pointsOf)).flat();
    const many = (await walked(`/behavior?${whole}`, 1000, pointsOf)).flat();
    expect(new Set(few).size).toBe(few.length);
    expect(few.sort()).toEqual(many.sort());
    const frames = (await walked(`/frames?${whole}`, 1000, (body) => body.frames)).flat();
    expect(few).toHaveLength(frames.reduce((sum, { objects }) => sum + objects.filter(({ id }: Loose) => Number(id) >= 0).length, 0));
  });

  it("do not go on elsewhere: another route and another sensor refuse the cursor", async () => {
    const { response } = await call("GET", `/crossings?${whole}&limit=1&after=${position}`);
    const cursor = /cursor=([^&>]+)/.exec(response.headers.get("link") ?? "")?.[1];
    expect((await call("GET", `/crossings?${whole}&cursor=${cursor}`)).response.status).toBe(200);
    expect((await call("GET", `/stays?${whole}&cursor=${cursor}`)).response.status).toBe(422);
    expect((await call("GET", `/crossings?sensorId=other&cursor=${cursor}`)).response.status).toBe(422);
  });
});

describe("tables", () => {
  it.each([
    ["/alerts", "limit=50", (body: Loose) => body.alerts.map(({ id }: Loose) => id), "id"],
    ["/alerts/roi", "limit=50", (body: Loose) => body.alerts.map(({ id }: Loose) => id), "id"],
    ["/alerts/count", "", (body: Loose) => body.alerts.map(({ count }: Loose) => String(count)), "count"],
    ["/crossings", "", (body: Loose) => body.crossings.map(({ at: when }: Loose) => when), "at"],
    ["/stays", "", (body: Loose) => body.stays.map(({ dwell }: Loose) => String(dwell ?? "")), "dwell"],
    [
      "/frames",
      "limit=300",
      (body: Loose) => body.frames.flatMap(({ objects }: Loose) => (objects.length === 0 ? [""] : objects.map(({ id }: Loose) => id))),
      "objectId",
    ],
    [
      "/behavior",
      "limit=300",
      (body: Loose) => body.behaviors.flatMap(({ locations }: Loose) => locations.coordinates.map(([when]: Loose) => String(when))),
      "at",
    ],
    [
      "/metrics/tripwire",
      "objectType=*&countMode=distinct",
      (body: Loose) =>
        body.tripwireKpis.flatMap(({ events, distinctObjects }: Loose) =>
          [...events.map(({ objects }: Loose) => objects), distinctObjects].flat().map(({ count }: Loose) => String(count)),
        ),
      "count",
    ],
    [
      "/metrics/tripwire/histogram",
      "bucketSizeInSec=60&countMode=distinct",
      (body: Loose) =>
        body.tripwires.flatMap(({ histogram }: Loose) =>
          histogram.flatMap(({ events, distinctObjects }: Loose) =>
            [...events.map(({ objects }: Loose) => objects), distinctObjects].flat().map(({ count }: Loose) => String(count)),
          ),
        ),
      "count",
    ],
    [
      "/metrics/occupancy/fov/histogram",
      "bucketSizeInSec=60",
      (body: Loose) => body.histogram.flatMap(({ objects }: Loose) => objects.map(({ averageCount }: Loose) => String(averageCount))),
      "averageCount",
    ],
    [
      "/metrics/occupancy/roi/histogram",
      "bucketSizeInSec=60",
      (body: Loose) =>
        body.rois.flatMap(({ histogram }: Loose) =>
          histogram.flatMap(({ objects }: Loose) => objects.map(({ maxCount }: Loose) => String(maxCount))),
        ),
      "maxCount",
    ],
    ["/config/tripwire", "", (body: Loose) => body.tripwires.map(({ id }: Loose) => id), "id"],
    ["/config/roi", "", (body: Loose) => body.rois.map(({ id }: Loose) => id), "id"],
    ["/config/sensor", "", (body: Loose) => [String(body.reorderMs)], "reorderMs"],
    ["/config/rule/alerts/roi", "", (body: Loose) => body.rules.map(({ ruleId }: Loose) => ruleId), "ruleId"],
  ])("of %s have the rows of the answer", async (path, query, valuesOf, column) => {
    const asked = `${path}?${whole}&${query}`;
    const body = await get(asked);
    const { rows, response } = await table(asked);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.map((row) => row[column])).toEqual(valuesOf(body));
    for (const row of rows) expect(row.sensorId).toBe(demoSensor);
    expect(response.headers.get("tallywire-uptime")).toBe("uptime" in body ? String(body.uptime) : null);
  });
});

describe("distinct objects", () => {
  it("are at least those of each direction and fewer than both together, and are those of the crossings", async () => {
    const [{ id, events, distinctObjects }] = (await get(`/metrics/tripwire?${whole}&countMode=distinct`)).tripwireKpis;
    const [entered, left] = events.map(({ objects }: Loose) => objects[0].count);
    const crossings = (await walked(`/crossings?${whole}`, 1000, (body) => body.crossings)).flat();
    const ids = new Set(crossings.filter(({ tripwireId }) => tripwireId === id).map(({ object }) => object.id));
    expect(distinctObjects).toEqual([{ type: "*", count: ids.size }]);
    expect(ids.size).toBeGreaterThanOrEqual(Math.max(entered, left));
    expect(ids.size).toBeLessThan(entered + left);
    for (const mode of ["raw", "net"])
      for (const kpi of (await get(`/metrics/tripwire?${whole}&countMode=${mode}`)).tripwireKpis)
        expect(kpi).not.toHaveProperty("distinctObjects");
  });
});

describe("definitions", () => {
  it("that are the same again are no new version; those deleted with their history leave it out of every answer", async () => {
    const wire = { ...demoConfiguration.tripwire, deleteIfPresent: true };
    expect((await get(`/alerts/tripwire?${whole}`)).alerts.length).toBeGreaterThan(0);
    const told = async () => {
      const { response } = await call("POST", "/config/rule/alerts/tripwire", { body: demoConfiguration.rules.tripwire });
      return response.headers.get("tallywire-position");
    };
    expect(await told()).toBe(await told());
    const { response } = await call("POST", "/config/tripwire", { body: wire });
    position = response.headers.get("tallywire-position") ?? "";
    expect((await get(`/crossings?${whole}`)).crossings).toEqual([]);
    expect((await get(`/alerts/tripwire?${whole}`)).alerts).toEqual([]);
    expect((await get(`/metrics/tripwire?${whole}`)).tripwireKpis[0].events[0].objects).toEqual([{ type: "*", count: 0 }]);
    expect((await get(`/alerts/count?${whole}`)).alerts.map(({ type }: Loose) => type)).not.toContain("tripwire");
    expect((await get(`/stays?${whole}`)).stays.length).toBeGreaterThan(0);
    expect((await get(`/frames?${whole}&limit=1`)).frames).toHaveLength(1);
  });
});

describe("every route", () => {
  it("answers as the document declares", async () => {
    const state = { state: "online", at: at(0), reason: "told" };
    await call("POST", "/cameras/yard/state", { template: "/cameras/{id}/state", body: state });
    await call("GET", `/replay?${whole}`);
    await call("GET", `/config/rule/alerts/fov?sensorId=${demoSensor}`);
    await call("GET", `/config/rule/alerts/tripwire?sensorId=${demoSensor}`);
    for (const analytic of ["fov", "tripwire", "roi"]) await call("DELETE", `/config/rule/alerts/${analytic}?sensorId=${demoSensor}`);
    for (const place of ["tripwire", "roi", "sensor"]) await call("DELETE", `/config/${place}?sensorId=${demoSensor}`);
    await call("GET", "/replay?what=alerts&sensorId=nobody");
    const range = { fromTimestamp: at(0), toTimestamp: at(60_000) };
    for (const [resource, body] of [
      ["backtests", { sensorIds: [demoSensor], ...range }],
      ["recomputes", { sensorId: demoSensor, ...range }],
      ["rebuilds", { projection: "alerts", step: "drop-old" }],
      ["archives", { before: at(0) }],
      ["verifications", range],
    ] as const) {
      const { body: job } = await call("POST", `/${resource}`, { body });
      await call("GET", `/${resource}`);
      await call("GET", `/${resource}/${job.id}`, { template: `/${resource}/{id}` });
      for (const part of resource === "backtests" ? ["alerts", "crossings", "counts"] : [])
        await call("GET", `/${resource}/${job.id}/${part}`, { template: `/${resource}/{id}/${part}` });
      await call("DELETE", `/${resource}/${job.id}`, { template: `/${resource}/{id}` });
    }
    const all = Object.entries<Loose>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => methods[method]["x-websocket"] === undefined)
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect([...answered].sort()).toEqual(all.sort());
  });

  it("refuses a body that unpacks beyond the limit, and goes on answering", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const response = await fetch(`${server.url}/api/v2/frames`, { method: "POST", headers, body: bomb });
    expect(response.status).toBe(413);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});

it("a server that is asked without a pause stops long before its time to drain is over", async () => {
  const own = await mkdtemp(join(tmpdir(), "tallywire-emdx-"));
  const other = await startServer({ data: own });
  while ((await fetch(`${other.url}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  let failed = false;
  const busy = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!failed)
        await fetch(`${other.url}/api/v2/alerts?sensorId=a`).then(
          (answer) => answer.arrayBuffer(),
          () => {
            failed = true;
          },
        );
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const asked = performance.now();
  expect(await other.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(limits.drainMs);
  await busy;
  await rm(own, { recursive: true, force: true });
}, 60_000);
