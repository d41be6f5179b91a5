import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cursors } from "../../api/cursor.ts";
import { initialCamera } from "../../domain/camera.ts";
import { FakeCore, PARTITIONS } from "../support/core.ts";
import { hall } from "../support/rule-inputs.ts";
import { anAlert, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const core = new FakeCore();
let served: Served;
let document: Loose;
const admin = { "User-Type": "Admin", "content-type": "application/json" };
const range = "fromTimestamp=2021-09-16T06:06:00.000Z&toTimestamp=2021-09-16T06:07:00.000Z";

beforeAll(async () => {
  served = await serveCore(core);
  document = await json(await fetch(`${served.url}/openapi/emdx.json`));
});
afterAll(() => served.close());
beforeEach(() => {
  core.log.length = 0;
  core.end = [0, 0];
  core.asked.length = 0;
  core.commands.length = 0;
  core.cameras.clear();
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${served.url}/api/v2${path}`, { headers });
const post = (path: string, body: unknown, headers: Record<string, string> = admin) =>
  fetch(`${served.url}/api/v2${path}`, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
/** The answer, which must be as declared. */
const asDeclared = async (method: string, path: string, response: Response) => {
  const { body, fault } = await declared(document, method, path, response);
  expect(fault).toBeUndefined();
  return body;
};
const wire = {
  id: "TW1",
  name: "door",
  wire: [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ],
  direction: { p1: { x: 5, y: -5 }, p2: { x: 5, y: 5 } },
};

describe("alerts", () => {
  it("are shown as the document shows them", async () => {
    core.raise(anAlert());
    const body = await asDeclared("GET", "/alerts", await get(`/alerts?sensorId=Amcrest_3&${range}`));
    expect(body.alerts[0]).toMatchObject({
      count: 10,
      description: "10 people entered fov",
      duration: 0.734,
      endTimestamp: "2021-09-16T06:06:59.534Z",
      rule_type: "increment",
      sensorId: "Amcrest_3",
      startTimestamp: "2021-09-16T06:06:58.800Z",
      type: "fov",
      direction: "entry",
      attributes: [{ name: "objects", value: [{ id: "1186", type: "Person" }] }],
      rule_version: 3,
      revision: 0,
      cause: { from: { timestamp: "2021-09-16T06:06:59.534Z", id: "f-1" } },
    });
  });

  it("leave direction out where there is none, and name tripwires", async () => {
    core.raise(anAlert({ direction: undefined, place: { analytic: "tripwire", id: "TW1", epoch: 0 }, placeName: "door" }));
    const [alert] = (await json(await get(`/alerts/tripwire?sensorId=Amcrest_3&${range}`))).alerts;
    expect(alert).not.toHaveProperty("direction");
    expect(alert.attributes.slice(1)).toEqual([
      { name: "tripwireId", value: "TW1" },
      { name: "tripwireName", value: "door" },
    ]);
  });

  it("name nobody on a threshold switch", async () => {
    core.raise(anAlert({ ruleType: "occupancy_threshold_switch", direction: "up", objects: undefined }));
    expect((await json(await get(`/alerts?sensorId=Amcrest_3&${range}`))).alerts[0].attributes).toEqual([]);
  });

  it("go on without loss where a page was cut off, and only there", async () => {
    core.raise(...Array.from({ length: 5 }, () => anAlert()));
    const seen: string[] = [];
    let path: string | undefined = `/api/v2/alerts?sensorId=Amcrest_3&${range}&limit=2`;
    for (let pages = 0; path !== undefined && pages < 9; pages++) {
      const response: Response = await fetch(served.url + path);
      seen.push(...(await json(response)).alerts.map(({ id }: { id: string }) => id));
      path = /<(.*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set(core.log.map(({ alert }) => alert.id)));
  });

  it.each([
    ["no sensor", ""],
    ["two sensors", "sensorId=a&sensorId=b"],
    ["two spellings", "sensorId=a&sensor_id=a"],
    ["an empty sensor", "sensorId="],
    ["an instant without zone", "sensorId=a&from=2021-09-16T06:06:00"],
    ["no real date", "sensorId=a&from=2021-02-30T00:00:00Z"],
    ["from after to", "sensorId=a&from=2021-09-17T00:00:00Z&to=2021-09-16T00:00:00Z"],
    ["limit 0", "sensorId=a&limit=0"],
    ["limit 1001", "sensorId=a&limit=1001"],
    ["a forged cursor", "sensorId=a&cursor=AAAA"],
    ["a forged position", "sensorId=a&after=AAAA"],
  ])("with %s are 422", async (_, query) => {
    const body = await asDeclared("GET", "/alerts", await get(`/alerts?${query}`));
    expect(body).toMatchObject({ status: 422, title: "Unprocessable Entity", type: "about:blank" });
  });

  it("with a position or page mark of an earlier version or of another log are 422, and say so", async () => {
    const later = cursors("later", PARTITIONS);
    const inClear = (kind: number) => Buffer.concat([Buffer.of(kind), randomBytes(22)]).toString("base64url");
    const told = [
      [`after=${inClear(1)}`, "after: was given out by an earlier version"],
      [`cursor=${inClear(3)}`, "cursor: was given out by an earlier version"],
      [`after=${later.position("default", new Map([[0, 1]]))}`, "after: belongs to another log"],
      [`cursor=${later.page("default", "/alerts\0a", { at: 1, id: "x" })}`, "cursor: belongs to another log"],
    ] as const;
    for (const [query, detail] of told)
      expect(await asDeclared("GET", "/alerts", await get(`/alerts?sensorId=a&${query}`))).toMatchObject({ status: 422, detail });
  });

  it("are asked in both spellings, with an offset, and unknown parameters are ignored", async () => {
    await get("/alerts?sensor_id=a&from=2021-09-16T08:06:00+02:00&to_timestamp=2021-09-16T06:07:00.000Z&colour=red");
    expect(core.asked[0]?.asked).toMatchObject({
      from: Date.parse("2021-09-16T06:06:00Z"),
      to: Date.parse("2021-09-16T06:07:00Z"),
      limit: 100,
    });
  });

  it("end now where no end is given", async () => {
    await get("/alerts?sensorId=a");
    expect(core.asked[0]?.asked).toMatchObject({ from: undefined, to: core.clock });
  });

  it("are a table where a table is accepted", async () => {
    core.raise(anAlert({ ruleName: '=1+1,"x"' }));
    const response = await get(`/alerts?sensorId=Amcrest_3&${range}`, { accept: "text/csv" });
    const [head, row] = (await response.text()).split("\r\n");
    expect(response.headers.get("content-type")).toContain("text/csv");
    expect(head).toContain("id,revision,sensorId");
    expect(row).toContain(`"'=1+1,""x"""`);
  });
});

describe("counts", () => {
  it("of alerts have a row a rule and direction, and say for how much of the range the camera was observed", async () => {
    core.laid.alertCounts = [
      { analytic: "fov", ruleType: "increment", ruleId: "78956", ruleName: "lobby", placeId: "a", direction: "entry", count: 11 },
    ];
    core.laid.uptime = 0.5;
    expect(await asDeclared("GET", "/alerts/count", await get("/alerts/count?sensorId=a"))).toEqual({
      alerts: [
        {
          sensorId: "a",
          type: "fov",
          rule_type: "increment",
          rule_id: "78956",
          rule_name: "lobby",
          direction: "entry",
          count: 11,
          attributes: [],
        },
      ],
      uptime: 0.5,
    });
  });

  it("of a tripwire list what is asked for and all types together", async () => {
    await post("/config/tripwire", { sensorId: "a", tripwires: [wire] });
    core.laid.tripwireCounts = [
      { tripwireId: "TW1", direction: "entry", type: "Person", count: 3 },
      { tripwireId: "TW1", direction: "entry", type: "*", count: 4 },
    ];
    const body = await asDeclared(
      "GET",
      "/metrics/tripwire",
      await get("/metrics/tripwire?sensorId=a&objectType=Person,Vehicle&countMode=net"),
    );
    expect(body.tripwireKpis).toEqual([
      {
        id: "TW1",
        events: [
          {
            type: "entry",
            objects: [
              { type: "Person", count: 3 },
              { type: "Vehicle", count: 0 },
              { type: "*", count: 4 },
            ],
          },
          {
            type: "exit",
            objects: [
              { type: "Person", count: 0 },
              { type: "Vehicle", count: 0 },
              { type: "*", count: 0 },
            ],
          },
        ],
      },
    ]);
    expect(core.asked.find(({ question }) => question === "tripwireCounts")?.asked).toMatchObject({
      types: ["Person", "Vehicle"],
      mode: "net",
    });
  });

  it("in buckets list every bucket, empty ones too, aligned to the epoch and cut to the range", async () => {
    await post("/config/tripwire", { sensorId: "a", tripwires: [wire] });
    core.laid.tripwireHistogram = [{ tripwireId: "TW1", direction: "exit", type: "*", count: 2, bucket: 1 }];
    const path = "/metrics/tripwire/histogram";
    const body = await asDeclared(
      "GET",
      path,
      await get(`${path}?sensorId=a&bucketSizeInSec=60&from=2021-09-16T06:06:30Z&to=2021-09-16T06:09:00Z`),
    );
    const buckets = body.tripwires[0].histogram;
    expect(buckets.map(({ start }: { start: string }) => start)).toEqual([
      "2021-09-16T06:06:30.000Z",
      "2021-09-16T06:07:00.000Z",
      "2021-09-16T06:08:00.000Z",
    ]);
    expect(buckets.map((bucket: Loose) => bucket.events[1].objects[0].count)).toEqual([0, 2, 0]);
  });

  it.each(["fov", "roi"])("of the occupancy of a %s are declared as they are answered", async (place) => {
    core.laid.occupancyHistogram = [
      { placeId: place === "fov" ? "a" : "R1", bucket: 0, type: "*", averageCount: 0.5, maxCount: 2, minCount: 0 },
    ];
    const path = `/metrics/occupancy/${place}/histogram`;
    const body = await asDeclared("GET", path, await get(`${path}?sensorId=a&${range}&bucketSizeInSec=30`));
    const histogram = place === "fov" ? body.histogram : body.rois[0].histogram;
    expect(histogram.map((bucket: Loose) => bucket.objects[0].maxCount)).toEqual([2, 0]);
  });

  it.each([
    ["more than 1,000 buckets", "bucketSizeInSec=1&from=2021-09-16T06:00:00Z&to=2021-09-16T07:00:00Z"],
    ["no end", "bucketSizeInSec=60&from=2021-09-16T06:00:00Z"],
    ["a bucket of 0 s", `bucketSizeInSec=0&${range}`],
    ["a bucket of more than a day", `bucketSizeInSec=86401&${range}`],
    ["a zone nobody knows", `bucketSizeInSec=3600&timezone=Mars/Base&${range}`],
  ])("with %s are 422", async (_, query) => {
    const path = "/metrics/occupancy/fov/histogram";
    expect((await asDeclared("GET", path, await get(`${path}?sensorId=a&${query}`))).status).toBe(422);
  });
});

describe("configuration", () => {
  it("needs User-Type: Admin", async () => {
    const body = await asDeclared("POST", "/config/tripwire", await post("/config/tripwire", {}, {}));
    expect(body).toMatchObject({
      status: 403,
      detail: "Authorization error. User-Type header missing. Must be present with Admin as value",
    });
  });

  it("is answered as GET answers it, defaults filled in, with a position that can be waited for", async () => {
    const { name: _, ...nameless } = wire;
    const response = await post("/config/tripwire?sensorId=a", { tripwires: [nameless] });
    const written = await asDeclared("POST", "/config/tripwire", response);
    const read = await asDeclared("GET", "/config/tripwire", await get("/config/tripwire?sensorId=a"));
    expect(written).toEqual(read);
    expect(read.tripwires[0]).toMatchObject({ name: "TW1", anchor: "bottom-center", direction: { entry: { name: "entry" } } });
    expect((await post("/config/tripwire", read)).status).toBe(200);
    const position = response.headers.get("tallywire-position");
    expect((await get(`/alerts?sensorId=a&after=${position}`)).status).toBe(200);
    expect(core.waited.at(-1)).toEqual({ reached: new Map([[0, 1]]), what: "alerts" });
  });

  it("waits no longer than it may", async () => {
    const position = (await post("/config/sensor", { sensorId: "a" })).headers.get("tallywire-position");
    core.settles = false;
    expect((await asDeclared("GET", "/frames", await get(`/frames?sensorId=a&after=${position}`))).status).toBe(503);
    core.settles = true;
  });

  it.each([
    ["tripwires[0].colour", { tripwires: [{ ...wire, colour: "red" }] }, "tripwire"],
    ["tripwires[0].direction.p1.z", { tripwires: [{ ...wire, direction: { ...wire.direction, p1: { x: 1, y: 1, z: 1 } } }] }, "tripwire"],
    ["tripwires[0].wire", { tripwires: [{ ...wire, wire: 5 }] }, "tripwire"],
    ["fov.exit", { fov: { exit: 1 } }, "sensor"],
    ["rules[0].gap", { rules: [{ ruleId: "1", ruleType: "increment", countThreshold: 1, gap: 2 }] }, "rule/alerts/fov"],
    [
      "rules[0].parameters[0].name",
      { rules: [{ ruleId: "1", ruleType: "increment", parameters: [{ name: "colour", value: 1 }] }] },
      "rule/alerts/fov",
    ],
    [
      "rules[0].parameters[0].value",
      { rules: [{ ruleId: "1", ruleType: "notify", parameters: [{ name: "cooldown", value: -1 }] }] },
      "rule/alerts/fov",
    ],
    ["rules[0].type", { rules: [{ ruleId: "1", ruleType: "notify", type: "roi" }] }, "rule/alerts/fov"],
    ["rules[0].id", { rules: [{ ruleId: "1", ruleType: "notify" }] }, "rule/alerts/roi"],
    ["rules[0].id", { rules: [{ ruleId: "1", ruleType: "notify", id: "b" }] }, "rule/alerts/fov"],
  ])("refuses %s with its path", async (path, body, config) => {
    const answer = await asDeclared("POST", `/config/${config}`, await post(`/config/${config}?sensorId=a`, body));
    expect(answer).toMatchObject({ status: 422 });
    expect(answer.detail.split(":")[0]).toBe(path);
    expect(core.commands).toEqual([]);
  });

  it("refuses to remove the rules of a field of view that is another sensor's", async () => {
    const remove = (placeId: string) =>
      fetch(`${served.url}/api/v2/config/rule/alerts/fov?sensorId=a&placeId=${placeId}`, { method: "DELETE", headers: admin });
    const refused = await asDeclared("DELETE", "/config/rule/alerts/fov", await remove("b"));
    expect([refused.status, refused.detail.split(":")[0], core.commands]).toEqual([422, "placeId", []]);
    expect((await remove("a")).status).toBe(200);
  });

  it("refuses __proto__ as a field", async () => {
    const answer = await post("/config/sensor", '{"sensorId":"a","fov":{"__proto__":{"minFrames":1}}}');
    expect((await json(answer)).detail).toContain("fov.__proto__");
  });

  it("takes rules in both spellings, with parameters as name and value, and enter for entry", async () => {
    const rule = {
      ruleId: 7,
      rule_type: "increment",
      count_threshold: 3,
      time_interval: 5,
      direction: "enter",
      parameters: [{ name: "countMode", value: "distinct" }],
    };
    const body = await asDeclared(
      "POST",
      "/config/rule/alerts/fov",
      await post("/config/rule/alerts/fov", { sensor_id: "a", rules: [rule] }),
    );
    expect(body.rules[0]).toMatchObject({
      id: "a",
      type: "fov",
      ruleId: "7",
      direction: "entry",
      countMode: "distinct",
      enabled: true,
      cooldown: 0,
    });
    expect(body.rules[0]).not.toHaveProperty("timeInterval");
    expect((await post("/config/rule/alerts/fov", body)).status).toBe(200);
  });

  it("is removed by id, a region also by tripwireId", async () => {
    core.cameras.set("a", { ...initialCamera(), rois: new Map([["R1", { ...hall, id: "R1", version: 1 }]]) });
    const response = await fetch(`${served.url}/api/v2/config/roi?sensorId=a&tripwireId=R1`, { method: "DELETE", headers: admin });
    expect(await asDeclared("DELETE", "/config/roi", response)).toEqual({ sensorId: "a", rois: [] });
    expect(core.commands).toEqual([{ type: "remove-rois", ids: ["R1"] }]);
  });

  it.each([
    ["unknown-place", 422],
    ["invalid", 422],
    ["too-many", 422],
    ["unknown-rule", 422],
    ["unknown-camera", 404],
    ["conflict", 409],
  ] as const)("says why it was refused: %s", async (refused, status) => {
    core.refusal = { refused, path: "rules[0].id", detail: "so it is" };
    const answer = await asDeclared("POST", "/config/sensor", await post("/config/sensor", { sensorId: "a" }));
    core.refusal = undefined;
    expect(answer).toMatchObject({ status, detail: "rules[0].id: so it is" });
  });
});

describe("ingest", () => {
  it("passes a body on as it came and answers a position as text", async () => {
    const response = await post("/frames?release=true", '{"a":1}', { "content-type": "application/x-ndjson" });
    const body = await asDeclared("POST", "/frames", response);
    expect(body).toMatchObject({ accepted: 1, duplicates: 0, rejected: [] });
    expect(core.incoming.at(-1)).toMatchObject({ contentType: "application/x-ndjson", encoding: undefined, release: true });
    expect(Buffer.from(core.incoming.at(-1)?.body ?? []).toString()).toBe('{"a":1}');
    expect((await get(`/frames?sensorId=a&after=${body.position}`)).status).toBe(200);
    expect(core.waited.at(-1)).toEqual({ reached: new Map([[1, 65_536]]), what: "frames" });
  });

  it.each([
    ["too-large", 413],
    ["unsupported", 415],
    ["unreadable", 422],
    ["busy", 429],
    ["unavailable", 503],
  ] as const)("answers %s with %i", async (problem, status) => {
    const before = core.answer;
    core.answer = { problem, detail: "no" };
    const response = await post("/frames", "{}");
    core.answer = before;
    expect((await asDeclared("POST", "/frames", response)).status).toBe(status);
    if (status === 429) expect(response.headers.get("retry-after")).toBe("1");
  });

  it("is 422 where nothing could be taken in, with the lines", async () => {
    const before = core.answer;
    core.answer = { accepted: 0, duplicates: 0, rejected: [{ line: 1, detail: "no timestamp" }], reached: new Map() };
    const body = await asDeclared("POST", "/frames", await post("/frames", "{}"));
    core.answer = before;
    expect(body).toMatchObject({ status: 422, rejected: [{ line: 1, detail: "no timestamp" }] });
  });

  it("refuses a body beyond the limit, told or not", async () => {
    const body = new Uint8Array(core.limits.bodyBytes + 1);
    expect((await fetch(`${served.url}/api/v2/frames`, { method: "POST", body })).status).toBe(413);
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
    });
    const endless = await fetch(`${served.url}/api/v2/frames`, { method: "POST", body: stream, duplex: "half" } as RequestInit).then(
      ({ status }) => status,
      () => "cut off",
    );
    expect([413, "cut off"]).toContain(endless);
  });

  it.each([
    [
      { state: "offline", at: "2021-09-16T06:06:00Z", reason: "cable" },
      { state: "offline", at: Date.parse("2021-09-16T06:06:00Z"), reason: "cable" },
    ],
    [
      { alert_type: "camera_status_change", event: { camera_id: "x", camera_url: "rtsp://u:p@h", change: "camera_streaming" } },
      { state: "online" },
    ],
    [{ alert_type: "camera_status_change", event: { change: "camera_remove" } }, { state: "removed" }],
    [
      { alert_type: "camera_status_change", event: { change: "camera_add" } },
      { state: "other", change: "camera_add" },
    ],
  ])("takes a camera's state: %j", async (sent, told) => {
    const response = await post("/cameras/cam%201/state", sent, { "content-type": "application/json" });
    await asDeclared("POST", "/cameras/{id}/state", response);
    expect(response.status).toBe(202);
    expect(core.states.at(-1)).toMatchObject({ camera: "cam 1", ...told });
    expect(JSON.stringify(core.states)).not.toContain("u:p");
  });

  it("refuses a state nobody knows", async () => {
    expect((await post("/cameras/a/state", { state: "asleep", at: "2021-09-16T06:06:00Z" })).status).toBe(422);
  });
});

describe("errors", () => {
  it("name the newer path where the older version is called", async () => {
    const body = await json(await fetch(`${served.url}/api/alerts?sensorId=a`));
    expect(body).toMatchObject({ status: 404, title: "Not Found" });
    expect(body.detail).toContain("/api/v2/alerts");
  });

  it("name the methods allowed", async () => {
    const response = await fetch(`${served.url}/emdx/api/v2/alerts`, { method: "PUT" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toContain("GET");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });

  it("tell nothing of the inside", async () => {
    core.defect = new Error("SELECT secret FROM inside");
    const body = await asDeclared("GET", "/alerts", await get("/alerts?sensorId=a"));
    core.defect = undefined;
    expect(body).toEqual({ detail: "Internal server error.", status: 500, title: "Internal Server Error", type: "about:blank" });
  });

  it("say 422 for nothing found where strict, 200 otherwise", async () => {
    expect((await get("/alerts?sensorId=nobody")).status).toBe(200);
    const strict = await serveCore(core, { strict: true });
    const response = await fetch(`${strict.url}/api/v2/alerts?sensorId=nobody`);
    expect(await json(response)).toMatchObject({ status: 422, detail: "No behavior found for the requested sensorId and time range" });
    await strict.close();
  });
});

describe("operations", () => {
  it("answer health, readiness, metrics, and a reference that loads nothing", async () => {
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
    core.isReady = false;
    expect((await fetch(`${served.url}/readyz`)).status).toBe(503);
    core.isReady = true;
    expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${served.url}/metrics`)).text()).toContain("tallywire_frames_total");
    const page = await fetch(`${served.url}/reference/emdx`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await page.text()).toContain("/alerts/count");
  });

  it("guard metrics with user and password", async () => {
    const guarded = await serveCore(core, { metricsAuth: "user:password" });
    expect((await fetch(`${guarded.url}/metrics`)).status).toBe(401);
    const authorization = `Basic ${Buffer.from("user:password").toString("base64")}`;
    expect((await fetch(`${guarded.url}/metrics`, { headers: { authorization } })).status).toBe(200);
    await guarded.close();
  });

  it("have a document in OpenAPI 3.1", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toContain("/config/rule/alerts/roi");
  });
});
