import { get, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Tokens } from "../../api/caller.ts";
import type { Readiness } from "../../api/core.ts";
import type { Sign } from "../../domain/camera-status.ts";
import type { Alert } from "../../domain/event.ts";
import { AdapterError } from "../../domain/ports.ts";
import { CANARY } from "../support/canary.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { anAlert, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let served: Served;
let document: Loose;
beforeEach(async () => {
  core = new FakeCore();
  await start();
});
afterEach(() => served.close());
const start = async (tokens?: Tokens): Promise<void> => {
  await served?.close();
  served = await serveCore(core, tokens === undefined ? {} : { tokens });
  document = await json(await fetch(`${served.url}/openapi/myvms.json`));
};

/** The operation a path is of, as the document writes it. */
const operationOf = (path: string): string => path.replace(/^(\/api\/cameras)\/[^/]+$/, "$1/{id}");
const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(`${served.url}/v2${path}`, { method, headers: { "content-type": "application/json", ...headers }, ...sent });
  if (response.status === 204) return { status: 204, body: undefined as Loose, headers: response.headers };
  const { body: answer, fault } = await declared(document, method, operationOf(new URL(response.url).pathname.slice(3)), response);
  expect(fault).toBeUndefined();
  return { status: response.status, body: answer, headers: response.headers };
};

/** By another name than ours: fetch would not say it. */
const callAs = async (host: string, path: string) => {
  const response = await new Promise<Response>((resolve, reject) =>
    get(`${served.url}/v2${path}`, { headers: { host } }, async (answer) => {
      const headers = { "content-type": answer.headers["content-type"] ?? "" };
      resolve(new Response(await text(answer), { status: answer.statusCode ?? 0, headers }));
    }).once("error", reject),
  );
  const { body, fault } = await declared(document, "GET", path, response);
  expect(fault).toBeUndefined();
  return { status: response.status, body };
};

const front = { id: "cam-front-01", name: "Front gate", rtsp_url: `rtsp://user:${CANARY}@192.168.1.20:554/stream` };

describe("A camera", () => {
  it("is created as the document shows it, listed, changed in part and removed", async () => {
    core.clock = Date.parse("2026-04-30T10:00:00.123Z");
    const sent = { ...front, features: ["person", "vehicle", "license_plate"], record: true };
    const created = await call("POST", "/api/cameras", sent);
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/v2/api/cameras/cam-front-01");
    expect(created.headers.get("tallywire-position")).toBeTruthy();
    const shown = {
      id: "cam-front-01",
      tenant_id: "default",
      name: "Front gate",
      rtsp_url: "rtsp://user:***@192.168.1.20:554/stream",
      features: ["person", "vehicle", "license_plate"],
      fps: 5,
      enabled: true,
      record: true,
      status: "unknown",
      recording: null,
      created_at: "2026-04-30T10:00:00Z",
      updated_at: "2026-04-30T10:00:00Z",
      channel: 1,
      model: null,
    };
    expect(created.body).toEqual({ ...shown, dropped_features: [] });
    core.clock += 5000;
    expect((await call("PATCH", "/api/cameras/cam-front-01", { name: "Gate", enabled: false })).body).toMatchObject({
      ...shown,
      name: "Gate",
      enabled: false,
      updated_at: "2026-04-30T10:00:05Z",
    });
    expect((await call("GET", "/api/cameras")).body).toEqual([
      { ...shown, name: "Gate", enabled: false, updated_at: "2026-04-30T10:00:05Z" },
    ]);
    expect((await call("GET", "/api/cameras/cam-front-01")).body).toMatchObject({ name: "Gate" });
    expect((await call("DELETE", "/api/cameras/cam-front-01")).status).toBe(204);
    expect((await call("GET", "/api/cameras")).body).toEqual([]);
    for (const method of ["GET", "DELETE"]) expect((await call(method, "/api/cameras/cam-front-01")).status).toBe(404);
    expect((await call("PATCH", "/api/cameras/cam-front-01", {})).status).toBe(404);
  });

  it("gets an id where none is given, and its name from it", async () => {
    const { body } = await call("POST", "/api/cameras", {});
    expect(body.id).toMatch(/^cam-[0-9a-f-]{36}$/);
    expect(body.name).toBe(body.id);
  });

  it("gets no id that nobody could ask for", async () => {
    for (const id of [".", ".."]) expect((await call("POST", "/api/cameras", { id })).body.detail).toBe("id: must not be . or ..");
  });

  it("may be without an address", async () => {
    for (const rtsp_url of ["", null, undefined]) expect((await call("POST", "/api/cameras", { rtsp_url })).body.rtsp_url).toBe("");
  });

  it("has a model until it is taken away", async () => {
    await call("POST", "/api/cameras", { id: "a", model: "AXIS P1" });
    expect((await call("PATCH", "/api/cameras/a", { name: "A" })).body.model).toBe("AXIS P1");
    expect((await call("PATCH", "/api/cameras/a", { model: null })).body.model).toBeNull();
  });

  it("takes back what it answered, and leaves what is masked as it was", async () => {
    const { body: created } = await call("POST", "/api/cameras", front);
    const { status, body } = await call("PATCH", `/api/cameras/${front.id}`, { ...created, name: "Renamed" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: "Renamed", rtsp_url: created.rtsp_url, channel: created.channel });
    const kept = (await core.registry.get({ tenant: "default", camera: front.id }))?.registration.url?.sealed;
    await call("PATCH", `/api/cameras/${front.id}`, { rtsp_url: created.rtsp_url });
    expect((await core.registry.get({ tenant: "default", camera: front.id }))?.registration.url?.sealed).toBe(kept);
  });

  it("say how their recording goes, and why it does not", async () => {
    await call("POST", "/api/cameras", { ...front, record: true });
    await call("POST", "/api/cameras", { id: "bare" });
    const recording = async () => (await call("GET", `/api/cameras/${front.id}`)).body.recording;
    expect(await recording()).toBeNull();
    const failure = { reason: "unauthorized", message: "The camera refuses the password" } as const;
    const states = [
      [{ state: "running" }, { status: "running", reason: null }],
      [
        { state: "stalled", failure: undefined },
        { status: "stalled", reason: null },
      ],
      [
        { state: "failed", failure },
        { status: "failed", reason: failure.message },
      ],
    ] as const;
    for (const [state, said] of states) {
      core.video.recordings.set(front.id, state);
      expect(await recording()).toEqual(said);
    }
    const { body: listed } = await call("GET", "/api/cameras");
    expect(listed.map(({ recording: one }: Loose) => one?.status ?? null)).toEqual(["failed", null]);
    const { body: sentBack } = await call("PATCH", `/api/cameras/${front.id}`, { ...listed[0], recording: { status: "running" } });
    expect(sentBack.recording).toEqual({ status: "failed", reason: failure.message });
  });

  it("drops features that are not licensed and names them", async () => {
    await call("PATCH", "/api/tenant", { features: ["person"] });
    const { body } = await call("POST", "/api/cameras", { id: "a", features: ["Person", "weapon", "weapon", "knife"] });
    expect(body).toMatchObject({ features: ["Person"], dropped_features: ["weapon", "knife"] });
    expect((await call("PATCH", "/api/cameras/a", { features: ["knife"] })).body).toMatchObject({
      status: 422,
      detail: "features: none of them is licensed",
    });
  });

  it.each(['"\\ud800"', '"a\\u0000b"', '""', `"${"\u{1f600}".repeat(129)}"`])(
    "has no feature that can be no type, nor has the tenant: %s",
    async (feature) => {
      const told = await call("PATCH", "/api/tenant", `{"features":[${feature}]}`);
      expect([told.status, told.body.detail]).toEqual([422, expect.stringMatching(/^features\[0\]: /)]);
      const camera = await call("POST", "/api/cameras", `{"features":[${feature}]}`);
      expect([camera.status, camera.body.detail]).toEqual([422, told.body.detail]);
    },
  );

  it("beyond the limit of its tenant is 409, as is one that is there", async () => {
    expect((await call("PATCH", "/api/tenant", { camera_limit: 1 })).body).toEqual({
      tenant_id: "default",
      camera_limit: 1,
      features: ["*"],
      cameras: 0,
    });
    expect((await call("POST", "/api/cameras", { id: "a" })).status).toBe(201);
    expect((await call("POST", "/api/cameras", { id: "a" })).body).toMatchObject({ status: 409, detail: "id: there is such a camera" });
    expect((await call("POST", "/api/cameras", { id: "b" })).body).toMatchObject({
      status: 409,
      detail: "the camera limit of 1 is reached",
    });
    expect((await call("GET", "/api/tenant")).body.cameras).toBe(1);
  });

  it.each([
    ["an unknown field", { rtsp: "x" }, "rtsp: is an unknown field"],
    ["a name that is none", { name: 5 }, "name: "],
    ["an empty name", { name: "" }, "name: "],
    ["an id with NUL", { id: "a\0" }, "id: "],
    ["another tenant", { tenant_id: "other" }, "tenant_id: is not the one of the token"],
    ["no number of frames", { fps: 0 }, "fps: "],
    ["features that are no texts", { features: [1] }, "features[0]: "],
    ["an address that is none", { rtsp_url: `http://user:${CANARY}@192.168.1.20/` }, "rtsp_url: must begin with"],
    ["an address outside", { rtsp_url: `rtsp://user:${CANARY}@8.8.8.8/` }, "rtsp_url: no camera may be at this address"],
    ["itself", { rtsp_url: `rtsp://user:${CANARY}@127.0.0.1/` }, "rtsp_url: no camera may be at this address"],
    ["no JSON", `{"rtsp_url":"rtsp://user:${CANARY}@192.168.1.20`, "The body is no JSON"],
    ["a list", [], ""],
  ])("with %s is 422, and no answer quotes a password", async (_, body, detail) => {
    for (const [method, path] of [
      ["POST", "/api/cameras"],
      ["PATCH", "/api/cameras/nobody"],
    ] as const) {
      const answer = await call(method, path, body);
      if (answer.status !== 404) expect(answer.body).toMatchObject({ status: 422, detail: expect.stringContaining(detail) });
      expect(JSON.stringify(answer.body)).not.toContain(CANARY);
    }
    expect((await call("POST", "/api/cameras", body)).status).toBe(422);
    expect(await core.registry.list("default")).toEqual([]);
  });

  it("says whether frames come", async () => {
    await call("POST", "/api/cameras", { id: "a" });
    const sign = (more: Partial<Sign>): ReadonlyMap<string, Sign> =>
      new Map([["a", { lastFrame: undefined, state: undefined, stateAt: undefined, ...more }]]);
    for (const [signs, status] of [
      [new Map(), "unknown"],
      [sign({ lastFrame: core.clock - 59_000 }), "online"],
      [sign({ lastFrame: core.clock - 61_000 }), "offline"],
      [sign({ lastFrame: core.clock - 5000, state: "offline", stateAt: core.clock }), "offline"],
    ] as const) {
      core.laid.signs = signs;
      expect((await call("GET", "/api/cameras/a")).body.status).toBe(status);
    }
    // What was said of another of this name, before this one was created.
    const { createdAt = 0 } = (await core.registry.get({ tenant: "default", camera: "a" }))?.registration ?? {};
    core.laid.signs = sign({ state: "removed", stateAt: createdAt - 1 });
    expect((await call("GET", "/api/cameras/a")).body.status).toBe("unknown");
    core.laid.signs = sign({ state: "removed", stateAt: createdAt });
    expect((await call("GET", "/api/cameras/a")).body.status).toBe("offline");
  });

  it("is listed while the warehouse cannot be asked, its status unknown, and waits for what was told of it where that is wanted", async () => {
    const { headers } = await call("POST", "/api/cameras", { id: "a" });
    core.ask.signs = async () => {
      throw new AdapterError("unavailable", "the warehouse is starting", { retryable: true });
    };
    const after = headers.get("tallywire-position");
    expect((await call("GET", `/api/cameras?after=${after}`)).body).toMatchObject([{ id: "a", status: "unknown" }]);
    expect((await call("GET", `/api/cameras/a?after=${after}`)).body).toMatchObject({ id: "a", status: "unknown" });
    expect(core.waited.map(({ what }) => what)).toEqual(["frames", "frames"]);
    expect(core.lines).toContain("the status of cameras could not be asked for");
    expect((await call("GET", "/api/cameras?after=x")).status).toBe(422);
  });
});

const detection = (own: Partial<Alert> = {}): Alert =>
  anAlert({
    camera: "cam-front-01",
    ruleType: "notify",
    direction: undefined,
    count: 1,
    end: Date.parse("2026-04-30T14:23:45.123Z"),
    objects: [
      { id: "42", type: "violence", bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 }, confidence: 0.9, info: undefined },
      { id: "43", type: "violence", bbox: { leftX: 5, topY: 6, rightX: 7, bottomY: 8 }, confidence: 0.87, info: undefined },
    ],
    ...own,
  });

describe("Events", () => {
  it("are alerts: their type is the rule's, for notify the object's", async () => {
    const alert = detection();
    const frame = { ...alert.cause.to, modelVersion: "yolo@2026-05-01" };
    core.laid.events = { rows: [{ ...alert, cause: { from: frame, to: frame } }, anAlert({ objects: undefined })], more: undefined };
    const { body } = await call("GET", "/api/events");
    expect(body.events[0]).toMatchObject({
      id: alert.id,
      tenant_id: "default",
      camera_id: "cam-front-01",
      type: "violence",
      confidence: 0.87,
      payload: {
        boxes: [
          { leftX: 1, topY: 2, rightX: 3, bottomY: 4 },
          { leftX: 5, topY: 6, rightX: 7, bottomY: 8 },
        ],
        track_id: 42,
        alert: { rule_id: alert.ruleId, rule_type: "notify" },
      },
      snapshot_url: null,
      trace_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-/),
      model_version: "yolo@2026-05-01",
      ts: "2026-04-30T14:23:45.123Z",
    });
    expect(body.events[1]).toMatchObject({
      type: "increment",
      confidence: null,
      model_version: null,
      payload: { boxes: [], track_id: null },
    });
    expect(body.next).toBeNull();
  });

  it.each([
    ["42", 42],
    ["0", 0],
    ["007", "007"],
    ["9007199254740993", "9007199254740993"],
    ["-1", "-1"],
    ["a", "a"],
  ])("name a track by a number where its id is one, else by a text", async (id, shown) => {
    const [first] = detection().objects ?? [];
    if (first === undefined) throw new Error("it has objects");
    core.laid.events = { rows: [detection({ objects: [{ ...first, id }] })], more: undefined };
    expect((await call("GET", "/api/events")).body.events[0].payload.track_id).toBe(shown);
  });

  it("are answered page by page, newest first", async () => {
    const alert = detection();
    core.laid.events = { rows: [alert], more: { at: alert.end, id: alert.id } };
    const query = "camera_id=cam-front-01&type=violence&since=2026-04-30T14:00:00Z&limit=1";
    const { body } = await call("GET", `/api/events?${query}`);
    await call("GET", `/api/events?${query}&cursor=${body.next}`);
    const [first, second] = core.asked.slice(-2) as Loose[];
    expect(first).toMatchObject({
      scope: "default",
      asked: { camera: "cam-front-01", type: "violence", since: Date.parse("2026-04-30T14:00:00Z"), limit: 1, after: undefined },
    });
    expect(second.asked.after).toEqual({ at: alert.end, id: alert.id });
    // A cursor goes on where it was given only.
    for (const other of ["", "camera_id=b", "camera_id=cam-front-01&type=other&since=2026-04-30T14:00:00Z"])
      expect((await call("GET", `/api/events?${other}&cursor=${body.next}`)).body).toMatchObject({
        status: 422,
        detail: "cursor: was never given out here",
      });
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=x", "limit"],
    ["since=2026-04-30T14:00:00", "since"],
    ["since=yesterday", "since"],
    ["camera_id=", "camera_id"],
    ["type=a&type=b", "type"],
    ["cursor=x", "cursor"],
    ["after=x", "after"],
  ])("asked with %s are 422", async (query, field) => {
    expect((await call("GET", `/api/events?${query}`)).body).toMatchObject({ status: 422, detail: expect.stringMatching(`^${field}: `) });
  });

  it("wait for what was written", async () => {
    const { headers } = await call("POST", "/api/cameras", { id: "a" });
    await call("GET", `/api/events?after=${headers.get("tallywire-position")}`);
    expect(core.waited).toEqual([{ reached: new Map([[0, 7]]), what: "alerts" }]);
  });
});

describe("The audit", () => {
  it("says who changed what, page by page", async () => {
    const caller = {
      tenant: "acme",
      subject: "me",
      scopes: new Set(["ops", "cameras:write"]),
      expiresAt: undefined,
      cameraLimit: undefined,
      features: undefined,
    };
    await start({ known: () => caller, verify: async () => caller, onKeysChanged: () => {} });
    const bearer = { authorization: "Bearer x" };
    await call("POST", "/api/cameras", front, bearer);
    await call("PATCH", `/api/cameras/${front.id}`, { rtsp_url: `rtsp://user:${CANARY}@192.168.1.21/` }, bearer);
    const { body } = await call("GET", "/api/audit?limit=1", undefined, bearer);
    expect(body.audit).toMatchObject([
      { tenant_id: "acme", camera_id: front.id, subject: "me", action: "camera-described", revision: 2, ts: "2021-09-16T07:00:00.000Z" },
    ]);
    const { body: next } = await call("GET", `/api/audit?limit=1&cursor=${body.next}`, undefined, bearer);
    expect(next).toMatchObject({ audit: [{ action: "camera-registered", revision: 1 }], next: null });
    expect(JSON.stringify([body, next])).not.toMatch(new RegExp(`${CANARY}|sealed`));
    expect((await call("GET", "/api/audit?camera_id=other", undefined, bearer)).body).toEqual({ audit: [], next: null });
    expect((await call("GET", `/api/audit?cursor=${body.next}x`, undefined, bearer)).body.status).toBe(422);
  });

  it("has no subject while tokens are off", async () => {
    await call("POST", "/api/cameras", { id: "a" });
    expect((await call("GET", "/api/audit")).body.audit[0].subject).toBeNull();
  });
});

describe("Health", () => {
  it("says that the process is alive", async () => {
    expect((await call("GET", "/health")).body).toEqual({ status: "ok" });
  });

  it("says whether the log and the warehouse are ready", async () => {
    expect(await call("GET", "/health/ready")).toMatchObject({
      status: 200,
      body: { status: "ok", checks: { log: "ok", warehouse: "ok" } },
    });
    core.isReady = false;
    expect(await call("GET", "/health/ready")).toMatchObject({
      status: 503,
      body: { status: "error", checks: { log: "ok", warehouse: "error" } },
    });
  });

  it.each<readonly [Readiness["kind"], object]>([
    ["log", { log: "error", warehouse: "ok" }],
    ["camera", { log: "error", warehouse: "ok" }],
    ["warehouse", { log: "ok", warehouse: "error" }],
  ])("counts a part by its kind, whatever its name: %s", async (kind, checks) => {
    core.ready = async () => [
      { kind, part: "a part of another name", roles: [], ready: false, detail: "" },
      { kind: "log", part: "warehouse", roles: [], ready: true, detail: "" },
    ];
    expect(await call("GET", "/health/ready")).toMatchObject({ status: 503, body: { status: "error", checks } });
    const { parts } = await json(await fetch(`${served.url}/readyz`));
    expect(parts[0]).toEqual({ part: "a part of another name", roles: [], ready: false, detail: "" });
  });

  it("leaves cameras out of what everybody is told while tokens are on, whatever their part is called", async () => {
    await served.close();
    served = await serveCore(core, { tokens: new FakeTokens(), metricsAuth: "prometheus:pass word" });
    core.ready = async () => [
      { kind: "camera", part: "of acme's front door", roles: [], ready: true, detail: "" },
      { kind: "log", part: "camera log", roles: [], ready: true, detail: "" },
    ];
    const { parts } = await json(await fetch(`${served.url}/readyz`));
    expect(parts).toEqual([{ part: "camera log", roles: [], ready: true, detail: "" }]);
  });

  it.each(["/health", "/health/ready", "/metrics"])("refuses as the document says: %s", async (path) => {
    await served.close();
    served = await serveCore(core, { loopbackOnly: true });
    const { status, body } = await callAs("elsewhere.example", path);
    expect([status, body.status]).toEqual([421, 421]);
    const failing = (): never => {
      throw new TypeError("not a function");
    };
    core.ready = failing;
    core.metrics = failing;
    if (path !== "/health") expect((await call("GET", path)).status).toBe(500);
  });

  it("shows metrics to this machine, and to nobody who was forwarded", async () => {
    expect((await call("GET", "/metrics")).body).toContain("tallywire_frames_total");
    for (const header of ["x-forwarded-for", "forwarded", "via", "x-real-ip", "cf-connecting-ip", "x-forwarded-host"])
      expect((await call("GET", "/metrics", undefined, { [header]: "10.0.0.1" })).status).toBe(403);
    // A page elsewhere whose name was made to point here.
    expect((await call("GET", "/metrics", undefined, { origin: "http://evil.example" })).status).toBe(403);
    const rebound = await new Promise((resolve) => {
      const url = new URL(`${served.url}/metrics`);
      request(url, { headers: { host: `evil.example:${url.port}` } }, ({ statusCode }) => resolve(statusCode)).end();
    });
    expect(rebound).toBe(403);
    await served.close();
    served = await serveCore(core, { metricsAuth: "prometheus:pass word" });
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
    for (const path of ["/v2/metrics", "/metrics"]) {
      expect((await fetch(served.url + path)).status).toBe(401);
      expect((await fetch(served.url + path, { headers: basic("prometheus:other") })).status).toBe(401);
      expect((await fetch(served.url + path, { headers: basic("prometheus:pass word") })).status).toBe(200);
    }
  });
});
