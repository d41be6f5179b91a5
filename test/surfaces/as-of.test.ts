import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cursors } from "../../api/cursor.ts";
import type { Scope } from "../../projections/questions.ts";
import { FakeCore, PARTITIONS } from "../support/core.ts";
import { cursorInClear } from "../support/cursor.ts";
import { anAlert, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const core = new FakeCore();
const given = cursors(core.epoch, PARTITIONS);
const instant = "2021-09-16T06:06:30.000Z";
const at = Date.parse(instant);
let served: Served;
let document: Loose;
let myvms: Loose;

beforeAll(async () => {
  served = await serveCore(core);
  document = await json(await fetch(`${served.url}/openapi/emdx.json`));
  myvms = await json(await fetch(`${served.url}/openapi/myvms.json`));
});
afterAll(() => served.close());
beforeEach(() => {
  core.asked.length = 0;
  core.waited.length = 0;
  core.toldTails.length = 0;
  core.settles = true;
  core.arrivals.clear();
});

const buckets = "&fromTimestamp=2021-09-16T06:06:00.000Z&toTimestamp=2021-09-16T06:07:00.000Z&bucketSizeInSec=30";
/** Each question that what was derived answers, with what it wants beside the sensor. */
const questions: readonly (readonly [path: string, more: string])[] = [
  ["/alerts", ""],
  ["/alerts/fov", ""],
  ["/alerts/tripwire", ""],
  ["/alerts/roi", ""],
  ["/alerts/count", ""],
  ["/metrics/tripwire", ""],
  ["/metrics/tripwire/histogram", buckets],
  ["/metrics/occupancy/fov/histogram", buckets],
  ["/metrics/occupancy/roi/histogram", buckets],
  ["/crossings", ""],
  ["/stays", ""],
];
const ask = async (path: string, query: string) => {
  const response = await fetch(`${served.url}/api/v2${path}?sensorId=a${query}`);
  const { body, fault } = await declared(document, "GET", path, response);
  expect(fault).toBeUndefined();
  return { status: response.status, body };
};
const scopesAsked = () => core.asked.map(({ scope }) => (scope as Scope).asOf);

describe("asOf", () => {
  it.each(questions)("is taken by %s as an instant, for every part of the answer", async (path, more) => {
    expect((await ask(path, `${more}&asOf=${instant}`)).status).toBe(200);
    expect(scopesAsked().length).toBeGreaterThan(0);
    for (const asOf of scopesAsked()) expect(asOf).toEqual({ arrivedBy: at });
    core.asked.length = 0;
    await ask(path, more);
    for (const asOf of scopesAsked()) expect(asOf).toBeUndefined();
  });

  it("is taken with an offset, and in snake_case", async () => {
    await ask("/crossings", "&as_of=2021-09-16T08:06:30+02:00");
    expect(scopesAsked()).toEqual([{ arrivedBy: at }]);
  });

  it("stands in the document of what follows from facts, and nowhere else", () => {
    const named = Object.entries(document.paths as Record<string, Loose>)
      .filter(([, methods]) => methods.get?.parameters?.some(({ name }: Loose) => name === "asOf"))
      .map(([path]) => path);
    expect(named.sort()).toEqual(questions.map(([path]) => path).sort());
  });

  it("as an instant is where an open end is, and never after now", async () => {
    await ask("/alerts", `&asOf=${instant}`);
    await ask("/alerts", "&asOf=2099-01-01T00:00:00Z");
    expect(core.asked.map(({ asked }) => (asked as Loose).to)).toEqual([at, core.clock]);
  });

  it("as a socket's cursor is what stands before it, once that can be asked for", async () => {
    core.raise(anAlert(), anAlert());
    const tail = core.end;
    await ask("/alerts", `&asOf=${given.tail("default", tail)}`);
    expect(scopesAsked()).toEqual([{ before: tail, epoch: core.epoch }]);
    expect(core.toldTails).toEqual([tail]);
    core.settles = false;
    expect(await ask("/alerts", `&asOf=${given.tail("default", tail)}`)).toMatchObject({ status: 503 });
  });

  it("as the position of a write is the arrival of what was written, in the partition of the sensor", async () => {
    core.arrivals.set(7, at);
    const position = given.position("default", new Map([[1, 7]]));
    await ask("/alerts", `&asOf=${position}`);
    expect(core.asked[0]).toMatchObject({ scope: { asOf: { arrivedBy: at } }, asked: { to: at } });
    expect(core.waited).toEqual([{ reached: new Map([[1, 7]]), what: "alerts" }]);
    core.settles = false;
    expect(await ask("/alerts", `&asOf=${position}`)).toMatchObject({ status: 503 });
  });

  it("that cannot be told exactly is 422, and says why", async () => {
    const elsewhere = new FakeCore();
    elsewhere.epoch = "another";
    const foreign = cursors(elsewhere.epoch, PARTITIONS);
    const never = "is neither an RFC 3339 timestamp with a zone nor a cursor or a position that was given out here";
    for (const [text, detail] of [
      ["yesterday", never],
      ["2021-09-16T06:06:30", never],
      ["", never],
      [given.tail("others", [1, 1]), never],
      [given.position("others", new Map([[1, 7]])), never],
      [given.page("default", "/alerts\0a", { at: 1, id: "x" }), never],
      [foreign.tail("default", [1, 1]), "belongs to another log"],
      [foreign.position("default", new Map([[1, 7]])), "belongs to another log"],
      [cursorInClear(core.epoch, "default", [1, 1]), "was given out by an earlier version"],
      [given.position("default", new Map([[0, 7]])), "is the position of a write that says nothing of this sensor"],
      [given.position("default", new Map([[1, 8]])), "is the position of a fact that is no longer kept"],
    ] as const)
      expect(await ask("/alerts", `&asOf=${encodeURIComponent(text)}`)).toEqual({
        status: 422,
        body: expect.objectContaining({ detail: `asOf: ${detail}` }),
      });
    expect(core.asked).toEqual([]);
  });

  it("goes on with the next page", async () => {
    core.raise(anAlert({ camera: "a" }), anAlert({ camera: "a" }));
    const response = await fetch(`${served.url}/api/v2/alerts?sensorId=a&limit=1&asOf=${instant}&toTimestamp=2022-01-01T00:00:00Z`);
    expect(response.headers.get("link")).toContain(`asOf=${encodeURIComponent(instant)}`);
  });
});

describe("asOf of a tenant's events", () => {
  const events = async (query: string) => {
    const response = await fetch(`${served.url}/v2/api/events?${query}`);
    const { body, fault } = await declared(myvms, "GET", "/api/events", response);
    expect(fault).toBeUndefined();
    return { status: response.status, body };
  };

  it("is an instant or a cursor; the position of a write goes with one camera", async () => {
    core.arrivals.set(7, at);
    const position = given.position("default", new Map([[1, 7]]));
    for (const asOf of [instant, given.tail("default", [3, 4])]) expect((await events(`asOf=${asOf}`)).status).toBe(200);
    expect((await events(`asOf=${position}&camera_id=a`)).status).toBe(200);
    expect(core.asked.map(({ asked }) => (asked as Loose).asOf)).toEqual([
      { arrivedBy: at },
      { before: [3, 4], epoch: core.epoch },
      { arrivedBy: at },
    ]);
    expect(await events(`asOf=${position}`)).toEqual({
      status: 422,
      body: expect.objectContaining({ detail: "asOf: is the position of a write, which goes with a question of one camera" }),
    });
  });

  it("binds the next page to it", async () => {
    const alert = anAlert();
    core.laid.events = { rows: [alert], more: { at: alert.end, id: alert.id } };
    const { body } = await events(`asOf=${instant}`);
    expect((await events(`asOf=${instant}&cursor=${body.next}`)).status).toBe(200);
    expect((await events(`cursor=${body.next}`)).status).toBe(422);
  });
});
