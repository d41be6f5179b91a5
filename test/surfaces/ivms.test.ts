import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MediaFailure } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { aClip, aPicture, filmText } from "../support/fake-video.ts";
import { anAlert } from "../support/surface.ts";
import { create, LOCAL, type Opened, openIvms, SERVER } from "./ivms-calls.ts";

const core = new FakeCore();
const { video } = core;
let ivms: Opened;
beforeAll(async () => {
  await create(core, "entry", { name: "Entry_View", model: "Axis", rtspUrl: "rtsp://admin:secret@192.168.1.10:554/live" });
  await create(core, "yard", { name: "Yard" });
  await create(core, "foreign", { name: "Foreign" }, "acme");
  ivms = await openIvms(core);
});
afterAll(() => ivms.close());
beforeEach(() => {
  video.called.length = 0;
  video.playing.clear();
  video.ended.clear();
  video.refusal = undefined;
  video.defect = undefined;
  video.state = { state: "running" };
  video.recorded = [];
  core.log.length = 0;
});

const ok = (path: string) => ({ status: 2000, code: 200, description: "OK", message: "Successfully Retrieved!", uri: ivms.url + path });
const begin = async (path = "/startlive/1/0/0/0") => (await ivms.call(LOCAL + path)).body.result[0];

describe("channels", () => {
  it("are the tenant's cameras by number, with the host of their address, NA for what is not known", async () => {
    const { status, body } = await ivms.call(`${LOCAL}/channel`);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...ok(`${LOCAL}/channel`),
      result: [
        { id: 1, model: "Axis", ip: "192.168.1.10", name: "Entry_View" },
        { id: 2, model: "NA", ip: "NA", name: "Yard" },
      ],
    });
  });

  it("are found under both bases, each under the address that was called", async () => {
    const path = `${SERVER}${LOCAL}/channel/2`;
    expect((await ivms.call(path)).body).toEqual({ ...ok(path), result: [{ id: 2, model: "NA", ip: "NA", name: "Yard" }] });
  });

  it("are counted: one number", async () => {
    expect((await ivms.call(`${LOCAL}/channel/count`)).body.result).toEqual([2]);
  });

  it("are online as their camera is, and 0 where that is not known or cannot be asked", async () => {
    core.laid.signs = new Map([
      ["entry", { lastFrame: core.clock - 1000, state: undefined, stateAt: undefined }],
      ["yard", { lastFrame: core.clock - 61_000, state: undefined, stateAt: undefined }],
    ]);
    const ask = async () =>
      (await ivms.call(`${LOCAL}/channel/status`)).body.result.map(({ channelStatus }: { channelStatus: number }) => channelStatus);
    expect(await ask()).toEqual([1, 0]);
    core.laid.signs = new Map();
    expect(await ask()).toEqual([0, 0]);
  });

  it("that do not exist are 3110, a foreign tenant's and numbers out of range too, and what is no number 3002", async () => {
    for (const id of ["3", "0", "32768", "9007199254740993"]) {
      const { status, body } = await ivms.call(`${LOCAL}/channel/${id}`);
      expect([id, status, body.status, body.message]).toEqual([id, 404, 3110, "There is no channel or invalid channel id!"]);
    }
    for (const id of ["x", "-1", "1e3", "1.0", "0x1", "+1", "NaN", "%20", "99999999999999999999"]) {
      const { status, body } = await ivms.call(`${LOCAL}/channel/${id}`);
      expect([id, status, body.status]).toEqual([id, 422, 3002]);
      expect(body.message).toBe(
        "Unable to process! Please check your request parameters! channelid: is not a whole number from 1 to 32767",
      );
    }
  });

  it("are the video server's that cannot be reached where the store is away: 1504", async () => {
    const away = new FakeCore();
    const broken = { ...away.registry, list: async () => Promise.reject(new AdapterError("unavailable", "gone", { retryable: true })) };
    const other = await openIvms(Object.assign(away, { registry: broken }));
    const { status, body, headers } = await other.call(`${LOCAL}/channel`);
    expect([status, headers.get("retry-after")]).toEqual([500, "1"]);
    expect(body).toMatchObject({
      status: 1504,
      description: "Internal Server Error",
      message: "Cannot connect the site VMS server.",
      result: [],
    });
    await other.close();
  });
});

describe("a live session", () => {
  it.each(["GET", "POST"])("is started by %s, and answered with its id, its playlist and its end", async (method) => {
    const path = `${LOCAL}/startlive/1/640/480/1`;
    const { status, body } = await ivms.call(path, { method });
    expect(status).toBe(200);
    const [session] = body.result;
    expect(body).toEqual({
      ...ok(path),
      result: [
        {
          streamSessionId: session.streamSessionId,
          channelId: 1,
          hlsUrl: expect.stringMatching(new RegExp(`^${ivms.url}/REST/local/hls/[\\w-]+/index\\.m3u8$`)),
          status: "running",
          expiresAt: "2026-11-21T14:01:00.000Z",
        },
      ],
    });
    expect(Number.isSafeInteger(session.streamSessionId)).toBe(true);
    expect(video.called).toEqual([
      { name: "start", given: [{ tenant: "default", camera: "entry" }, { kind: "live", width: 640, height: 480, audio: true }, undefined] },
    ]);
  });

  it("is kept alive and stopped with 2007, stopped once more too", async () => {
    const { streamSessionId: id } = await begin();
    for (const path of [`/live/keepalive/${id}`, `/stoplive/${id}`, `/stoplive/${id}`]) {
      const { body } = await ivms.call(LOCAL + path);
      expect(body).toEqual({
        status: 2007,
        code: 200,
        description: "OK",
        message: "Successfully Applied!",
        uri: `${ivms.url}${LOCAL}${path}`,
        result: [],
      });
    }
    const { status, body } = await ivms.call(`${LOCAL}/live/keepalive/${id}`);
    expect([status, body.status, body.result]).toEqual([404, 3112, []]);
  });

  it("tells its state, and why it is stalled or failed", async () => {
    const reason = { reason: "timeout", message: "The camera says nothing." } as const;
    for (const state of [
      { state: "starting" },
      { state: "running" },
      { state: "stalled", failure: undefined },
      { state: "stalled", failure: reason },
    ] as const) {
      video.state = state;
      const begun = await begin();
      const [session] = (await ivms.call(`${LOCAL}/live/${begun.streamSessionId}`)).body.result;
      expect(session.status).toBe(state.state);
      expect(session.reason).toEqual("failure" in state && state.failure ? { name: "timeout", message: reason.message } : undefined);
    }
    const { streamSessionId: id } = await begin();
    const [[key, status] = []] = [...video.playing].filter(([, one]) => one.id === id);
    if (key === undefined || status === undefined) throw new Error("nothing plays");
    video.playing.set(key, { ...status, state: { state: "failed", failure: reason } });
    const [session] = (await ivms.call(`${LOCAL}/live/${id}`)).body.result;
    expect([session.status, session.reason.name]).toEqual(["failed", "timeout"]);
  });

  it("has a playlist under the base that was called, or under the public address", async () => {
    expect((await ivms.call(`${SERVER}${LOCAL}/startlive/1/0/0/0`)).body.result[0].hlsUrl).toContain(`${ivms.url}${SERVER}${LOCAL}/hls/`);
    const behind = await openIvms(core, { publicUrl: "https://vms.example.org" });
    const { body } = await behind.call(`${LOCAL}/startlive/1/0/0/0?a=b`);
    expect(body.uri).toBe(`https://vms.example.org${LOCAL}/startlive/1/0/0/0?a=b`);
    expect(body.result[0].hlsUrl).toMatch(/^https:\/\/vms\.example\.org\/REST\/local\/hls\/[\w-]+\/index\.m3u8$/);
    const named = await ivms.call(`${LOCAL}/channel`, { headers: { host: "vms.local:8080" } });
    expect(named.body.uri).toBe(`http://vms.local:8080${LOCAL}/channel`);
    await behind.close();
  });

  it("is the caller's: who wants it is told on", async () => {
    const tokens = new FakeTokens();
    const other = await openIvms(core, { tokens });
    const token = tokens.give("t", { tenant: "acme", subject: "ann" });
    const { body } = await other.call(`${LOCAL}/startlive/1/0/0/0`, { headers: { authorization: `Bearer ${token}` } });
    await other.call(`${LOCAL}/stoplive/${body.result[0].streamSessionId}`, { headers: { authorization: `Bearer ${token}` } });
    expect(video.called.map(({ given }) => [given[0], given.at(-1)])).toEqual([
      [{ tenant: "acme", camera: "foreign" }, "ann"],
      ["acme", "ann"],
    ]);
    await other.close();
  });
});

describe("an archive session", () => {
  const at = Date.parse("2021-09-16T06:00:00Z");

  it.each([
    ["POST", LOCAL],
    ["GET", LOCAL],
    ["POST", "/REST/locla"],
    ["GET", `${SERVER}/REST/locla`],
  ])("is started by %s under %s, from an instant in milliseconds", async (method, base) => {
    const { body } = await ivms.call(`${base}/startarchive/2/0/0/${at}/0`, { method });
    expect(body.result[0]).toMatchObject({ channelId: 2, status: "running" });
    expect(video.called[0]?.given).toEqual([
      { tenant: "default", camera: "yard" },
      { kind: "archive", from: at, width: 0, height: 0, audio: false },
      undefined,
    ]);
  });

  it("has ids that are not those of live ones", async () => {
    const live = (await begin()).streamSessionId;
    const archive = (await begin(`/startarchive/1/0/0/${at}/0`)).streamSessionId;
    for (const path of [
      `live/${archive}`,
      `archive/${live}`,
      `live/keepalive/${archive}`,
      `archive/keepalive/${live}`,
      `stoplive/${archive}`,
      `stoparchive/${live}`,
    ]) {
      const { status, body } = await ivms.call(`${LOCAL}/${path}`);
      expect([path, status, body.status]).toEqual([path, 404, 3112]);
    }
    for (const path of [`archive/${archive}`, `archive/keepalive/${archive}`, `stoparchive/${archive}`, `stoparchive/${archive}`])
      expect((await ivms.call(`${LOCAL}/${path}`)).status).toBe(200);
  });

  it("of an instant that was not recorded, or is yet to come, is 3111 with the reason", async () => {
    const told = async (from: number) => {
      const { status, body } = await ivms.call(`${LOCAL}/startarchive/1/0/0/${from}/0`);
      return [status, body.status, body.message];
    };
    video.refusal = { notRecorded: "nothing" };
    expect(await told(0)).toEqual([404, 3111, "Nothing was recorded of the camera around that time."]);
    video.refusal = { notRecorded: "gap" };
    expect(await told(at)).toEqual([404, 3111, "That instant lies in a gap of the camera's recording."]);
    video.refusal = undefined;
    expect(await told(core.clock + 1)).toEqual([404, 3111, "That instant is yet to come."]);
    expect(await told(core.clock)).toEqual([200, 2000, "Successfully Retrieved!"]);
  });
});

describe("a session that cannot be started", () => {
  const refused = async () => {
    const { status, body, headers } = await ivms.call(`${LOCAL}/startlive/1/0/0/0`);
    return { status, number: body.status, message: body.message as string, wait: headers.get("retry-after") };
  };

  it("for its codec is 3002, which names the codec", async () => {
    video.refusal = { failure: { reason: "codec", message: "The camera sends HEVC.", codec: "hevc" } };
    expect(await refused()).toMatchObject({ status: 422, number: 3002, message: expect.stringContaining("hevc") });
    video.refusal = { failure: { reason: "codec", message: "It cannot be said which." } };
    expect(await refused()).toMatchObject({ status: 422, number: 3002, message: expect.stringContaining("not known") });
  });

  it("because there are too many is 429, and says when to come back", async () => {
    video.refusal = { failure: { reason: "full", message: "As many films as may be are being made." } };
    expect(await refused()).toEqual({ status: 429, number: 3029, message: "As many films as may be are being made.", wait: "1" });
    video.refusal = { refused: "too-many", path: "", detail: "No more than 50 playbacks." };
    expect(await refused()).toEqual({ status: 429, number: 3029, message: "No more than 50 playbacks.", wait: "1" });
  });

  const reasons: readonly MediaFailure["reason"][] = [
    "unauthorized",
    "unreachable",
    "not-allowed",
    "certificate",
    "timeout",
    "too-long",
    "not-found",
    "redirected",
    "busy",
    "no-video",
    "garbage",
    "ended",
    "missing",
    "too-large",
    "storage",
    "memory",
    "unknown",
  ];
  it.each(reasons)("for %s is 1504, which names the reason", async (reason) => {
    const message = `Cannot connect the site VMS server. ${reason}: So it is.`;
    video.refusal = { failure: { reason, message: "So it is." } };
    expect(await refused()).toEqual({ status: 500, number: 1504, message, wait: "1" });
    video.refusal = undefined;
    video.state = { state: "failed", failure: { reason, message: "So it is." } };
    expect(await refused()).toMatchObject({ number: 1504, message });
  });

  it("for another refusal is what that is: no such camera 3110, bad input 3002, a conflict 409", async () => {
    video.refusal = { refused: "unknown-camera", path: "", detail: "gone" };
    expect(await refused()).toMatchObject({ status: 404, number: 3110 });
    video.refusal = { refused: "invalid", path: "rtsp_url", detail: "there is none" };
    expect(await refused()).toMatchObject({
      status: 422,
      number: 3002,
      message: expect.stringMatching(/parameters! rtsp_url: there is none$/),
    });
    video.refusal = { refused: "conflict", path: "", detail: "Another was faster." };
    expect(await refused()).toMatchObject({ status: 409, number: 3009, message: "Another was faster." });
  });

  it("because the video side is away is 1504, and a defect of ours 1500 that tells nothing of the inside", async () => {
    video.defect = new AdapterError("unavailable", "socket 7 of the inside", { retryable: true });
    expect(await refused()).toEqual({ status: 500, number: 1504, message: "Cannot connect the site VMS server.", wait: "1" });
    video.defect = new Error("at line 7 of the inside");
    expect(await refused()).toEqual({ status: 500, number: 1500, message: "Internal server error.", wait: null });
  });
});

describe("an event", () => {
  it("has its snap, at the instant of its end, and its clip as files to be stored", async () => {
    const alert = anAlert({ camera: "entry" });
    core.raise(alert);
    video.recorded = [{ start: alert.start - 10_000, end: alert.end + 10_000 }];
    const snap = await ivms.call(`${LOCAL}/event/${alert.id}/snap`);
    expect([snap.status, snap.headers.get("content-type"), snap.body]).toEqual([
      200,
      "image/jpeg",
      new TextDecoder().decode(aPicture.content),
    ]);
    expect(snap.headers.get("content-disposition")).toBe(`attachment; filename="snap-${alert.id}.jpg"`);
    const clip = await ivms.call(`${SERVER}${LOCAL}/event/${alert.id}/clip`);
    expect([clip.status, clip.headers.get("content-type"), clip.body]).toEqual([200, "video/mp4", filmText]);
    expect(clip.headers.get("content-length")).toBe(String(filmText.length));
    expect(clip.headers.get("content-disposition")).toBe(`attachment; filename="clip-${alert.id}.mp4"`);
    expect([snap, clip].map(({ headers }) => headers.get("cache-control"))).toEqual(["no-store", "no-store"]);
    const key = { tenant: "default", camera: "entry" };
    expect(video.called).toEqual([
      { name: "snap", given: [key, alert.end] },
      { name: "clip", given: [key, alert.start, alert.end] },
    ]);
  });

  it("has a clip that is read as it is taken: no further than it is taken, and no more once nobody takes it", async () => {
    const alert = anAlert({ camera: "entry" });
    core.raise(alert);
    video.recorded = [{ start: alert.start, end: alert.end + 1 }];
    const [bit, most] = [new Uint8Array(1024 * 1024), 4096];
    let [read, ended] = [0, 0];
    const bits = async function* () {
      try {
        for (; read < most; read++) yield bit;
      } finally {
        ended += 1;
      }
    };
    video.laidClip = { type: "video/mp4", bytes: most * bit.length, content: { [Symbol.asyncIterator]: bits } };
    const leave = new AbortController();
    const answer = await fetch(`${ivms.url}${LOCAL}/event/${alert.id}/clip`, { signal: leave.signal });
    expect(answer.headers.get("content-length")).toBe(String(most * bit.length));
    const reader = answer.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    leave.abort();
    await expect.poll(() => ended, { timeout: 15_000 }).toBe(1);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(most / 4);
    const head = await fetch(`${ivms.url}${LOCAL}/event/${alert.id}/clip`, { method: "HEAD" });
    const before = read;
    await head.arrayBuffer();
    expect([read, ended]).toEqual([before, 1]);
    video.laidClip = aClip(filmText);
  });

  it("that there is not, is another tenant's or was not recorded is 3111 with the reason", async () => {
    const foreign = anAlert({ tenant: "acme", camera: "foreign" });
    const own = anAlert({ camera: "entry" });
    core.raise(foreign, own);
    for (const what of ["snap", "clip"]) {
      for (const id of [foreign.id, "none", "..%2f..%2fetc"]) {
        const { status, body } = await ivms.call(`${LOCAL}/event/${id}/${what}`);
        expect([status, body.status, body.message]).toEqual([404, 3111, "There is no such event."]);
      }
      const { status, body } = await ivms.call(`${LOCAL}/event/${own.id}/${what}`);
      expect([status, body.status, body.message]).toEqual([404, 3111, "Nothing was recorded of the camera around that time."]);
    }
    expect(JSON.stringify(video.called)).not.toContain("acme");
  });
});

describe("the files of a session", () => {
  const pathOf = ({ hlsUrl }: { hlsUrl: string }, file: string) => new URL(hlsUrl).pathname.replace("index.m3u8", file);

  it("are had by their sealed address, also with tokens on, from pages of an allowed origin, and are kept by nobody", async () => {
    const session = await begin();
    const tokens = new FakeTokens();
    const other = await openIvms(core, { tokens, origins: ["https://console.example"] });
    for (const [file, type] of [
      ["index.m3u8", "application/vnd.apple.mpegurl"],
      ["init.mp4", "video/mp4"],
      ["s00000.m4s", "video/iso.segment"],
    ] as const) {
      const { status, headers } = await other.call(pathOf(session, file), { headers: { origin: "https://console.example" } });
      expect([status, headers.get("content-type"), headers.get("cache-control")]).toEqual([200, type, "no-store"]);
      expect(headers.get("access-control-allow-origin")).toBe("https://console.example");
    }
    await other.close();
  });

  it("are gone with it, and are those of its own playback only", async () => {
    const session = await begin();
    expect((await ivms.call(pathOf(session, "s00000.m4s"))).status).toBe(200);
    await ivms.call(`${LOCAL}/stoplive/${session.streamSessionId}`);
    const { status, body } = await ivms.call(pathOf(session, "s00000.m4s"));
    expect([status, body.status]).toEqual([404, 3112]);
    expect(video.called.filter(({ name }) => name === "file").map(({ given }) => given)).toEqual([
      ["default", "live", session.streamSessionId, "s00000.m4s"],
      ["default", "live", session.streamSessionId, "s00000.m4s"],
    ]);
  });
});

describe("with tokens on", () => {
  const tokens = new FakeTokens();
  let guarded: Opened;
  beforeAll(async () => {
    guarded = await openIvms(core, { tokens });
  });
  afterAll(() => guarded.close());

  it("one is wanted, in a header or in the address: 3001 without, 3003 without the scope", async () => {
    const token = tokens.give("a-good-token", { tenant: "acme" });
    const cameras = tokens.give("cameras", { scopes: new Set(["cameras:read"]) });
    for (const path of ["/channel", "/startlive/1/0/0/0", "/event/x/snap"]) {
      const none = await guarded.call(LOCAL + path);
      expect([none.status, none.body.status, none.headers.get("www-authenticate")]).toEqual([401, 3001, 'Bearer realm="tallywire"']);
      const bad = await guarded.call(`${LOCAL}${path}?token=made-up`);
      expect([bad.status, bad.body.status]).toEqual([401, 3001]);
    }
    const missing = await guarded.call(`${LOCAL}/startlive/1/0/0/0?token=${cameras}`);
    expect([missing.status, missing.body.status, missing.body.message]).toEqual([403, 3003, "The token lacks the scope playback:read."]);
    for (const told of [
      await guarded.call(`${LOCAL}/channel?token=${token}`),
      await guarded.call(`${LOCAL}/channel`, { headers: { authorization: `Bearer ${token}` } }),
    ])
      expect(told.body.result.map(({ name }: { name: string }) => name)).toEqual(["Foreign"]);
  });

  it("the one in the address is masked wherever the address is told", async () => {
    const token = tokens.give("a-secret-token", { tenant: "acme" });
    for (const [sent, shown] of [
      [`?token=${token}`, "?token=***"],
      [`?a=1&%74oken=${token}&b`, "?a=1&token=***&b"],
      [`?token=${token}&token=${token}`, "?token=***&token=***"],
    ] as const)
      for (const path of ["/channel", "/channel/77", "/channel/x", "/nowhere"]) {
        const { body } = await guarded.call(`${LOCAL}${path}${sent}`, path === "/nowhere" ? { as: `${LOCAL}/channel/{channelid}` } : {});
        expect(body.uri).toBe(`${guarded.url}${LOCAL}${path}${shown}`);
        expect(JSON.stringify(body)).not.toContain(token);
      }
    const started = await guarded.call(`${LOCAL}/startlive/1/0/0/0?token=${token}`);
    expect(JSON.stringify(started.body)).not.toContain(token);
    expect(core.lines.join()).not.toContain(token);
  });

  it("one too many a minute is 3029, and says when to come back", async () => {
    const rare = await openIvms(core, { tokens, rates: { requests: 1, frames: 0 } });
    const headers = { authorization: `Bearer ${tokens.give("eager")}` };
    await rare.call(`${LOCAL}/channel`, { headers });
    const { status, body, headers: told } = await rare.call(`${LOCAL}/channel`, { headers });
    expect([status, body.status]).toEqual([429, 3029]);
    expect(Number(told.get("retry-after"))).toBeGreaterThan(0);
    await rare.close();
  });
});

describe("while tokens are off", () => {
  it("the tenant is that of a setting", async () => {
    const other = await openIvms(core, { ivmsTenant: "acme" });
    expect((await other.call(`${LOCAL}/channel`)).body.result).toEqual([{ id: 1, model: "NA", ip: "NA", name: "Foreign" }]);
    await other.close();
  });
});

describe("an answer that is none of a route", () => {
  const as = `${LOCAL}/channel/{channelid}`;

  it("has the shape of all others: 3004 for a path that leads nowhere, with its address", async () => {
    for (const path of [LOCAL, `${LOCAL}/`, `${LOCAL}/nowhere`, `${SERVER}${LOCAL}/channel/1/2`, "/REST/locla/channel"]) {
      const { status, body } = await ivms.call(path, { as });
      expect([status, body]).toEqual([
        404,
        {
          status: 3004,
          code: 404,
          description: "Not Found",
          message: "There is nothing at this path.",
          uri: ivms.url + path,
          result: [],
        },
      ]);
    }
  });

  it("is 3005 for another method, and names those there are", async () => {
    const response = await fetch(`${ivms.url}${LOCAL}/startlive/1/0/0/0`, { method: "DELETE" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, POST"]);
    expect(await response.json()).toMatchObject({ status: 3005, code: 405, description: "Method Not Allowed", result: [] });
  });

  it("is 3021 where we are called by another's name, and where another process does it", async () => {
    const local = await openIvms(core, { loopbackOnly: true });
    const named = await local.call(`${LOCAL}/channel`, { headers: { host: "evil.example" } });
    expect([named.status, named.body.status, named.body.uri]).toEqual([421, 3021, `http://evil.example${LOCAL}/channel`]);
    await local.close();
    const apart = new FakeCore();
    apart.roles = ["api"];
    const other = await openIvms(apart);
    for (const path of ["/startlive/1/0/0/0", "/hls/x/index.m3u8"]) {
      const { status, body } = await other.call(LOCAL + path);
      expect([status, body.status]).toEqual([421, 3021]);
    }
    expect((await other.call(`${LOCAL}/channel`)).status).toBe(200);
    await other.close();
  });

  it("is 3003 where a page of another origin would start something", async () => {
    const { status, body } = await ivms.call(`${LOCAL}/startlive/1/0/0/0`, { method: "POST", headers: { origin: "https://evil.example" } });
    expect([status, body.status]).toEqual([403, 3003]);
    expect(video.called).toEqual([]);
  });

  it("is left to the others beside its bases", async () => {
    const response = await fetch(`${ivms.url}/REST/elsewhere`);
    expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
  });
});
