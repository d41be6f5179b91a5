import { request } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Granted, grantsBy } from "../../api/grants.ts";
import { snapUrl } from "../../api/snap-url.ts";
import type { Alert } from "../../domain/event.ts";
import { AdapterError } from "../../domain/ports.ts";
import { roles } from "../../domain/roles.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { aPicture, aPlaylist, aSegment } from "../support/fake-video.ts";
import { anAlert, connect, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const camera = "cam-front-01";
const HOUR = 3_600_000;
const ts = Date.parse("2026-04-30T14:23:45.123Z");
const folder = `/hls/${camera}/2026-04-30/14`;
const piece = "1777558800000-2000-0a1b2c3d-1000.m4s";
const init = "0a1b2c3d.mp4";
const snap = `snap-${ts}.jpg`;

let core: FakeCore;
let tokens: FakeTokens;
let served: Served;
let document: Loose;
const start = async (withTokens = true): Promise<void> => {
  await served?.close();
  served = await serveCore(core, withTokens ? { tokens } : {});
  document = await json(await fetch(`${served.url}/openapi/myvms.json`));
};
const create = async (tenant: string, id: string): Promise<void> => {
  const by = { tenant, subject: undefined, scopes: new Set<string>(), expiresAt: undefined, cameraLimit: undefined, features: undefined };
  expect(await core.registry.create({ tenant, camera: id }, {}, by)).not.toHaveProperty("refused");
};
beforeEach(async () => {
  core = new FakeCore();
  core.clock = ts + 60_000;
  tokens = new FakeTokens();
  tokens.give("mine", { tenant: "mine" });
  tokens.give("other", { tenant: "other" });
  tokens.give("blind", { tenant: "mine", scopes: new Set(["events:read", "cameras:read"]) });
  for (const tenant of ["mine", "default"]) await create(tenant, camera);
  core.video.laidHours = [14];
  core.video.recorded = [{ start: ts - HOUR, end: ts + HOUR }];
  await start();
});
afterEach(() => served.close());

const operationOf = (path: string): string =>
  path
    .replace(/^(\/api\/playback\/event)\/[^/]+$/, "$1/{id}")
    .replace(/^\/hls\/[^/]+\/[^/]+\/[^/]+\/(.+)$/, (_, file) => `/hls/{cam}/{date}/{hour}/${file === "index.m3u8" ? file : "{file}"}`);

/** As it stands: fetch would tidy the path. `token`: in the header. */
const get = async (path: string, token?: string) => {
  const response = await new Promise<Response>((resolve, reject) => {
    const { hostname, port } = new URL(served.url);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    request({ hostname, port, path: `/v2${path}`, headers }, async (answer) => {
      const told = new Headers(Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]));
      resolve(new Response(await text(answer), { status: answer.statusCode ?? 0, headers: told }));
    })
      .once("error", reject)
      .end();
  });
  const pathname = path.split("?")[0] ?? "";
  const { body, fault } = await declared(document, "GET", operationOf(pathname), response);
  expect(fault, path).toBeUndefined();
  return { status: response.status, headers: response.headers, body, detail: body?.detail as string | undefined };
};

const hourGrant = (own: Partial<Extract<Granted, { of: "hour" }>> = {}, epoch = core.epoch): string =>
  grantsBy(epoch).give({ of: "hour", tenant: "mine", camera, date: "2026-04-30", hour: 14, until: core.clock + HOUR, ...own });
const snapGrant = (own: Partial<Extract<Granted, { of: "snap" }>> = {}): string =>
  grantsBy(core.epoch).give({ of: "snap", tenant: "mine", camera, at: ts, until: core.clock + HOUR, ...own });
const calls = (name: string) => core.video.called.filter((one) => one.name === name).map(({ given }) => given);

describe("A timeline", () => {
  it("names the hours of a day of which something was recorded", async () => {
    core.video.laidHours = [0, 14, 23];
    const { status, body } = await get(`/api/playback/timeline?camera_id=${camera}&date=2026-04-30`, "mine");
    expect([status, body]).toEqual([200, { camera_id: camera, date: "2026-04-30", hours: [0, 14, 23] }]);
    expect(calls("hours")).toEqual([[{ tenant: "mine", camera }, "2026-04-30"]]);
  });

  it("of a day without recordings has no hours", async () => {
    core.video.laidHours = [];
    const { status, body } = await get(`/api/playback/timeline?camera_id=${camera}&date=2024-02-29`, "mine");
    expect([status, body.hours]).toEqual([200, []]);
  });

  it("of a camera that nobody created, or another tenant did, is 404", async () => {
    core.video.laidFor = ({ tenant, camera: of }) => tenant === "mine" && of === camera;
    const ofAnother = await get(`/api/playback/timeline?camera_id=${camera}&date=2026-04-30`, "other");
    const ofNobody = await get("/api/playback/timeline?camera_id=nobody&date=2026-04-30", "mine");
    for (const { status, detail } of [ofAnother, ofNobody]) expect([status, detail]).toEqual([404, "There is no such camera."]);
    expect(calls("hours").map(([key]) => key)).toEqual([
      { tenant: "other", camera },
      { tenant: "mine", camera: "nobody" },
    ]);
  });

  it.each([
    ["camera_id=a", "date: is required"],
    ["date=2026-04-30", "camera_id: is required"],
    ["camera_id=&date=2026-04-30", "camera_id: must not be empty"],
    ...["2026-02-30", "2025-02-29", "2026-4-3", "2026-04-30T00:00:00Z", "yesterday", "..", "", "2026-13-01", "%00", "2026-04-30%0a"].map(
      (date) => [`camera_id=a&date=${date}`, "date: is no day, such as 2026-04-30"],
    ),
    ["camera_id=a&date=2026-04-30&date=2026-04-30", "date: is given more than once"],
  ])("asked with %s is 422", async (query, detail) => {
    const answer = await get(`/api/playback/timeline?${query}`, "mine");
    expect([answer.status, answer.detail]).toEqual([422, detail]);
  });
});

describe("What was recorded", () => {
  it("is played as before when its camera was removed", async () => {
    const by = { tenant: "mine", subject: undefined, scopes: new Set<string>(), expiresAt: undefined };
    const removed = await core.registry.remove({ tenant: "mine", camera }, { ...by, cameraLimit: undefined, features: undefined });
    expect(removed).not.toHaveProperty("refused");
    const alert = anAlert({ tenant: "mine", camera, end: ts });
    core.ask.alert = async (_, id) => (id === alert.id ? alert : undefined);
    core.video.laidPlace = { date: "2026-04-30", hour: 14, offset: 1 };
    expect((await get(`/api/playback/timeline?camera_id=${camera}&date=2026-04-30`, "mine")).body.hours).toEqual([14]);
    const { body } = await get(`/api/playback/event/${alert.id}`, "mine");
    const playlist = await get(body.playlist_url.slice("/v2".length), "mine");
    expect(playlist.status).toBe(200);
    const uris = (playlist.body as string).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(uris.length).toBeGreaterThan(0);
    for (const uri of uris) expect((await get(`${folder}/${uri}`)).status).toBe(200);
    expect((await get(`${folder}/${snap}?grant=${snapGrant()}`)).status).toBe(200);
    // Of which nothing was recorded, it is none.
    core.video.laidHours = [];
    for (const path of [`/api/playback/timeline?camera_id=${camera}&date=2026-04-30`, `${folder}/index.m3u8`]) {
      const answer = await get(path, "mine");
      expect([answer.status, answer.detail]).toEqual([404, "There is no such camera."]);
    }
  });
});

describe("An event", () => {
  const laid = (alert: Alert): void => {
    core.ask.alert = async (tenant, id) => (tenant === alert.tenant && id === alert.id ? alert : undefined);
  };

  it("is found in a playlist, so many seconds from its beginning", async () => {
    const alert = anAlert({ tenant: "mine", camera: "Tür/1 %", end: ts });
    laid(alert);
    core.video.laidPlace = { date: "2026-04-30", hour: 7, offset: 1425.123 };
    const { status, body } = await get(`/api/playback/event/${alert.id}`, "mine");
    expect(status).toBe(200);
    expect(body).toEqual({ playlist_url: "/v2/hls/T%C3%BCr%2F1%20%25/2026-04-30/07/index.m3u8", offset: 1425.123 });
    expect(calls("place")).toEqual([[{ tenant: "mine", camera: "Tür/1 %" }, ts]]);
    // Where it says there is a playlist, there is one.
    await create("mine", "Tür/1 %");
    core.video.laidHours = [7];
    expect((await get(body.playlist_url.slice("/v2".length), "mine")).status).toBe(200);
    expect(calls("hour")).toEqual([[{ tenant: "mine", camera: "Tür/1 %" }, "2026-04-30", 7]]);
  });

  it("that there is not, and one of another tenant, is 404", async () => {
    const alert = anAlert({ tenant: "mine", camera, end: ts });
    laid(alert);
    for (const [id, token] of [
      ["nothing", "mine"],
      [alert.id, "other"],
    ]) {
      const answer = await get(`/api/playback/event/${id}`, token);
      expect([answer.status, answer.detail]).toEqual([404, "There is no such event."]);
    }
    expect((await get("/api/playback/event/%ff", "mine")).status).toBe(422);
  });

  it.each([
    ["nothing", "nothing of this camera was recorded around then"],
    ["gap", "it lies in a gap of the recording"],
  ] as const)("of whose instant nothing was recorded is 404 with the reason: %s", async (notRecorded, reason) => {
    const alert = anAlert({ tenant: "mine", camera, end: ts });
    laid(alert);
    core.video.laidPlace = { notRecorded };
    const answer = await get(`/api/playback/event/${alert.id}`, "mine");
    expect([answer.status, answer.detail]).toEqual([404, `There is no recording of 2026-04-30T14:23:45.123Z: ${reason}.`]);
  });

  it("shows its picture at an address that opens it by itself, the same within an hour", async () => {
    const alert = anAlert({ tenant: "mine", camera, end: ts });
    core.laid.events = { rows: [alert, anAlert({ tenant: "mine", camera, end: ts - 2 * HOUR })], more: undefined };
    core.clock = Date.parse("2026-04-30T15:00:00.000Z");
    const shown = async (): Promise<Loose[]> => (await get("/api/events", "blind")).body.events;
    const [first, second] = await shown();
    expect(first.snapshot_url).toMatch(/^\/v2\/hls\/cam-front-01\/2026-04-30\/14\/snap-1777559025123\.jpg\?grant=[\w-]+$/);
    expect(second.snapshot_url).toBeNull();
    core.clock += HOUR - 1;
    expect((await shown())[0].snapshot_url).toBe(first.snapshot_url);
    core.clock += 1;
    expect((await shown())[0].snapshot_url).not.toBe(first.snapshot_url);

    const path = first.snapshot_url.slice("/v2".length);
    const picture = await get(path);
    expect([picture.status, picture.body, picture.headers.get("content-type")]).toEqual([200, "picture", "image/jpeg"]);
    expect(calls("snap")).toEqual([[{ tenant: "mine", camera }, ts]]);
    // From 15:00 on it holds grantMs, and what is left of that hour.
    core.clock = Date.parse("2026-04-30T16:00:00.000Z") + core.limits.grantMs - 1;
    expect((await get(path)).status).toBe(200);
    core.clock += 1;
    expect((await get(path)).status).toBe(401);
  });

  it("is told by the socket with the same picture, once for all who listen", async () => {
    const sockets = ["mine", "blind"].map((token) => connect(`${served.url}/v2/ws/events?token=${token}`));
    await Promise.all(sockets.map(({ opened }) => opened));
    const alert = anAlert({ tenant: "mine", camera, end: ts });
    core.raise(alert);
    const url = snapUrl({ core, grants: grantsBy(core.epoch) }, alert, ts);
    for (const { messages, until, socket } of sockets) {
      await until(() => messages.length === 1);
      expect(messages[0].data.snapshot_url).toBe(url);
      socket.close();
    }
    expect(url).toContain("?grant=");
  });
});

describe("The playlist of an hour", () => {
  it("takes a token in its address, and gives none on", async () => {
    for (const answer of [await get(`${folder}/index.m3u8?token=mine`), await get(`${folder}/index.m3u8`, "mine")]) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe(aPlaylist.type);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.body).not.toContain("mine");
      expect(answer.body).not.toContain("token");
      const grant = /\?grant=([\w-]+)/.exec(answer.body)?.[1] ?? "";
      expect(answer.body.split("\n")).toEqual([
        "#EXTM3U",
        `#EXT-X-MAP:URI="${init}?grant=${grant}"`,
        expect.stringMatching(new RegExp(`^\\d{13}-2000-0a1b2c3d-1000\\.m4s\\?grant=${grant}$`)),
        "",
      ]);
      // What it names opens without a token.
      for (const [, uri] of answer.body.matchAll(/^(\d.*\.m4s\?.*)$/gm)) expect((await get(`${folder}/${uri}`)).body).toBe("segment");
      expect((await get(`${folder}/${init}?grant=${grant}`)).status).toBe(404);
      expect(calls("hourFile").at(-1)).toEqual([{ tenant: "mine", camera }, "2026-04-30", 14, init]);
    }
  });

  it("wants a token with the scope: no grant opens it, and no other route heeds one in its address", async () => {
    expect((await get(`${folder}/index.m3u8`)).status).toBe(401);
    expect((await get(`${folder}/index.m3u8?token=nobody`)).status).toBe(401);
    expect((await get(`${folder}/index.m3u8?grant=${hourGrant()}`)).status).toBe(401);
    const blind = await get(`${folder}/index.m3u8?token=blind`);
    expect([blind.status, blind.detail]).toEqual([403, "The token lacks the scope playback:read."]);
    // A header goes before the address.
    expect((await get(`${folder}/index.m3u8?token=mine`, "blind")).status).toBe(403);
    for (const path of [`${folder}/${piece}`, `${folder}/${snap}`, "/api/playback/event/a", `/api/playback/timeline?camera_id=a`])
      expect((await get(`${path}${path.includes("?") ? "&" : "?"}token=mine`)).status, path).toBe(401);
    expect(core.video.called).toEqual([]);
  });

  it("of a foreign camera is 404, as of nobody's; so is an hour of which nothing was recorded", async () => {
    core.video.laidFor = ({ tenant, camera: of }) => tenant === "mine" && of === camera;
    for (const [path, token] of [
      [`${folder}/index.m3u8`, "other"],
      ["/hls/nobody/2026-04-30/14/index.m3u8", "mine"],
    ] as const) {
      const answer = await get(path, token);
      expect([answer.status, answer.detail]).toEqual([404, "There is no such camera."]);
    }
    const empty = await get(`/hls/${camera}/2026-04-30/15/index.m3u8`, "mine");
    expect([empty.status, empty.detail]).toEqual([404, "Nothing was recorded in this hour."]);
  });

  it.each([
    ...["2026-04-31", "26-04-30", "2026-04-30T", "..", "%2e%2e", "..%2f..", "%00", "2026-04-30%00", "%ff"].map((date) => `${date}/14`),
    ...["24", "4", "014", "-1", "1e1", "..", "%2e%2e", "..%2f14", "14%00", "%ff", "%31%34%2f"].map((hour) => `2026-04-30/${hour}`),
  ])("reaches nothing at %s", async (place) => {
    for (const file of ["index.m3u8", piece, snap]) {
      const answer = await asIs(`/hls/${camera}/${place}/${file}`);
      expect([answer.status, answer.type], file).toEqual([404, "application/problem+json"]);
    }
    expect(core.video.called).toEqual([]);
  });
});

/** The head of an answer, also at a path that leads to no route. */
const asIs = (path: string, method = "GET"): Promise<{ status: number | undefined; type: string | undefined }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(served.url);
    request({ hostname, port, method, path: `/v2${path}`, headers: { authorization: "Bearer mine" } }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, type: answer.headers["content-type"] });
    })
      .once("error", reject)
      .end();
  });

describe("A piece of a recording", () => {
  it("comes whole, with its type, for whoever asked to keep", async () => {
    const answer = await get(`${folder}/${piece}?grant=${hourGrant()}`);
    expect([answer.status, answer.body]).toEqual([200, "segment"]);
    expect(answer.headers.get("content-type")).toBe(aSegment.type);
    expect(answer.headers.get("content-length")).toBe(String(aSegment.content.length));
    expect(answer.headers.get("cache-control")).toBe(`private, max-age=${core.limits.grantMs / 1000}, immutable`);
    expect(answer.headers.get("accept-ranges")).toBeNull();
    const head = await asIs(`${folder}/${piece}?grant=${hourGrant()}`, "HEAD");
    expect(head).toEqual({ status: 200, type: aSegment.type });
  });

  it("is opened by a grant for its own hour, and by nothing else", async () => {
    const [good, altered] = [hourGrant(), `${hourGrant().slice(0, -1)}${hourGrant().endsWith("A") ? "B" : "A"}`];
    expect((await get(`${folder}/${piece}?grant=${good}`)).status).toBe(200);
    core.video.called.length = 0;
    for (const [what, grant] of Object.entries({
      "another camera": hourGrant({ camera: "cam-back" }),
      "another day": hourGrant({ date: "2026-04-29" }),
      "another hour": hourGrant({ hour: 15 }),
      "the past": hourGrant({ until: core.clock }),
      "a snap": snapGrant(),
      "a playback": grantsBy(core.epoch).give({ of: "playback", tenant: "mine", kind: "live", id: 1 }),
      "another log": hourGrant({}, "epoch-2"),
      "what was altered": altered,
      "what was made up": "AAAA",
      nothing: "",
      "a token": "mine",
    })) {
      const { status, detail, headers } = await get(`${folder}/${piece}?grant=${grant}`);
      expect([what, status]).toEqual([what, 401]);
      expect(detail).toBe("The grant in this address was not given out here, is for something else, or holds no longer.");
      expect(headers.get("www-authenticate")).toMatch(/^Bearer /);
    }
    for (const own of [{ hour: 15 }, { camera: "cam-back" }])
      expect((await get(`/hls/${own.camera ?? camera}/2026-04-30/${own.hour ?? 14}/${piece}?grant=${good}`)).status).toBe(401);
    expect((await get(`${folder}/${piece}?grant=${good}&grant=${good}`)).status).toBe(422);
    expect(core.video.called).toEqual([]);
    core.clock += HOUR;
    expect((await get(`${folder}/${piece}?grant=${good}`)).status).toBe(401);
  });

  it("is asked for as its grant's tenant, whoever shows it", async () => {
    await get(`${folder}/${piece}?grant=${hourGrant()}`, "other");
    expect(calls("hourFile")).toEqual([[{ tenant: "mine", camera }, "2026-04-30", 14, piece]]);
  });

  it("is opened by a token with the scope, for the token's own tenant, also where the grant is none", async () => {
    expect((await get(`${folder}/${piece}`, "mine")).status).toBe(200);
    expect((await get(`${folder}/${piece}?grant=old`, "other")).status).toBe(200);
    expect(calls("hourFile").map(([key]) => (key as { tenant: string }).tenant)).toEqual(["mine", "other"]);
    expect((await get(`${folder}/${piece}?grant=old`, "blind")).status).toBe(403);
    expect((await get(`${folder}/${piece}?grant=old`, "nobody")).status).toBe(401);
    expect((await get(`${folder}/${piece}`)).status).toBe(401);
  });

  it.each([
    "..%2f14%2fa.mp4",
    "%2e%2e%2f%2e%2e%2f0a1b2c3d.mp4",
    "0a1b2c3d.mp4%00",
    "%00",
    "0a1b2c3d.mp4%2f",
    "%2fetc%2fpasswd",
    "..%5c0a1b2c3d.mp4",
    "%ff.mp4",
    "..%252f0a1b2c3d.mp4",
    "init.mp4",
    "snap-.jpg",
    "snap-01.jpg",
    "snap--1.jpg",
    "snap-1e3.jpg",
    "snap-9999999999999999.jpg",
    "SNAP-1.jpg",
  ])("is nothing under the name %s", async (name) => {
    core.video.hourFile = async (_, __, ___, asked) => {
      core.video.called.push({ name: "hourFile", given: [asked] });
      return undefined;
    };
    const answer = await get(`${folder}/${name}?grant=${hourGrant()}`);
    expect([answer.status, answer.detail]).toEqual([404, "There is no such recording."]);
    // The name went to the recordings decoded once, and nowhere else.
    expect(core.video.called.map((call) => call.name)).toEqual(["hourFile"]);
  });
});

describe("A snap", () => {
  it("is opened by a grant for its own camera and instant, and by nothing else", async () => {
    const answer = await get(`${folder}/${snap}?grant=${snapGrant()}`);
    expect([answer.status, answer.body, answer.headers.get("content-type")]).toEqual([200, "picture", aPicture.type]);
    core.video.called.length = 0;
    for (const [what, grant] of Object.entries({
      "another camera": snapGrant({ camera: "cam-back" }),
      "another instant": snapGrant({ at: ts + 1 }),
      "the past": snapGrant({ until: core.clock }),
      "an hour": hourGrant(),
      "what was made up": "x".repeat(80),
    }))
      expect([what, (await get(`${folder}/${snap}?grant=${grant}`)).status]).toEqual([what, 401]);
    expect((await get(`${folder}/snap-${ts + 1}.jpg?grant=${snapGrant()}`)).status).toBe(401);
    expect((await get(`${folder}/${piece}?grant=${snapGrant()}`)).status).toBe(401);
    expect(core.video.called).toEqual([]);
  });

  it("stands under its own day and hour only", async () => {
    for (const place of ["2026-04-30/15", "2026-04-29/14"]) {
      const answer = await get(`/hls/${camera}/${place}/${snap}?grant=${snapGrant()}`);
      expect([answer.status, answer.detail]).toEqual([404, "There is no such recording."]);
    }
    expect(core.video.called).toEqual([]);
  });

  it("of an instant that was not recorded is 404 with the reason", async () => {
    core.video.recorded = [];
    for (const [notRecorded, reason] of [
      ["nothing", "nothing of this camera was recorded around then"],
      ["gap", "it lies in a gap of the recording"],
    ] as const) {
      core.video.notRecorded = { notRecorded };
      const answer = await get(`${folder}/${snap}`, "mine");
      expect([answer.status, answer.detail]).toEqual([404, `There is no recording of 2026-04-30T14:23:45.123Z: ${reason}.`]);
    }
  });

  it("that cannot be cut at the moment is 503, and a defect is 500 that says nothing of the inside", async () => {
    core.video.defect = new AdapterError("unavailable", "As many pictures are cut as may be.", { retryable: true });
    const busy = await get(`${folder}/${snap}?grant=${snapGrant()}`);
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "1"]);
    core.video.defect = new Error("/var/lib/recordings is gone");
    const broken = await get(`${folder}/${snap}?grant=${snapGrant()}`);
    expect([broken.status, broken.detail]).toEqual([500, "Internal server error."]);
  });
});

describe("Recordings", () => {
  const paths = [
    `/api/playback/timeline?camera_id=${camera}&date=2026-04-30`,
    "/api/playback/event/a",
    `${folder}/index.m3u8`,
    `${folder}/${piece}`,
    `${folder}/${snap}`,
  ];

  it("are served where the role video is: elsewhere all of it is 421, grants too", async () => {
    core.roles = roles.filter((role) => role !== "video");
    await start();
    for (const path of paths) {
      const answer = await get(path, "mine");
      expect([answer.status, answer.detail], path).toEqual([421, expect.stringContaining("the role video")]);
    }
    expect((await get(`${folder}/${piece}?grant=${hourGrant()}`)).status).toBe(421);
    expect(core.video.called).toEqual([]);
  });

  it("are open while tokens are off, whatever grant is shown", async () => {
    await start(false);
    const statuses = await Promise.all(paths.map(async (path) => (await get(path)).status));
    expect(statuses).toEqual([200, 404, 200, 200, 200]);
    expect((await get(`${folder}/${piece}?grant=old`)).status).toBe(200);
    expect(calls("hourFile").map(([key]) => key)).toEqual([
      { tenant: "default", camera },
      { tenant: "default", camera },
    ]);
  });
});
