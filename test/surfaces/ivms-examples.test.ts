/** Every example of the ivms document. What is no JSON or contradicts itself there is listed with its reason in exceptions/ivms.md. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AdapterError } from "../../domain/ports.ts";
import { FakeCore } from "../support/core.ts";
import { aPicture, filmText } from "../support/fake-video.ts";
import { anAlert } from "../support/surface.ts";
import { create, LOCAL, type Opened, openIvms, SERVER } from "./ivms-calls.ts";

const core = new FakeCore();
const { video, registry } = core;
/** Channels 6 to 13, of which three are online: those that the document shows. */
const ONLINE = [10, 9, 13, 11];
const LAST = 13;
let away = false;
const away1504 = () => {
  if (away) throw new AdapterError("unavailable", "gone", { retryable: true });
};
let ivms: Opened;
beforeAll(async () => {
  await create(core, "cam-1", { name: "Entry_View", model: "Axis", rtspUrl: "rtsp://192.168.1.10/live" });
  for (let channel = 2; channel <= LAST; channel++) await create(core, `cam-${channel}`);
  core.laid.signs = new Map(
    ONLINE.map((channel) => [`cam-${channel}`, { lastFrame: core.clock, state: undefined, stateAt: undefined }] as const),
  );
  const list: typeof registry.list = async (tenant) => {
    away1504();
    return registry.list(tenant);
  };
  const tenant: typeof registry.tenant = async (name) => {
    away1504();
    return registry.tenant(name);
  };
  const alert: typeof core.ask.alert = async (name, id) => {
    away1504();
    return core.log.map((one) => one.alert).find((one) => one.tenant === name && one.id === id);
  };
  ivms = await openIvms(Object.assign(core, { registry: { ...registry, list, tenant }, ask: { ...core.ask, alert } }));
});
afterAll(() => ivms.close());
beforeEach(() => {
  away = false;
  video.defect = undefined;
  video.playing.clear();
});

const get = async (path: string, method = "GET") => {
  const told = await ivms.call(path, { method });
  expect(told.status).toBe(told.body.code ?? 200);
  return told.body;
};
const ok = (path: string, result: unknown) => ({
  status: 2000,
  code: 200,
  description: "OK",
  message: "Successfully Retrieved!",
  uri: ivms.url + path,
  result,
});
const applied = (path: string) => ({
  status: 2007,
  code: 200,
  description: "OK",
  message: "Successfully Applied!",
  uri: ivms.url + path,
  result: [],
});
const entry = { id: 1, model: "Axis", ip: "192.168.1.10", name: "Entry_View" };

it("3.1: all channels", async () => {
  const path = `${SERVER}${LOCAL}/channel`;
  const body = await get(path);
  expect(body).toEqual(ok(path, body.result));
  expect(body.result).toHaveLength(LAST);
  expect(body.result[0]).toEqual(entry);
});

it("3.2: one channel", async () => {
  const path = `${SERVER}${LOCAL}/channel/1`;
  expect(await get(path)).toEqual(ok(path, [entry]));
});

it("3.3: how many channels there are", async () => {
  const path = `${SERVER}${LOCAL}/channel/count`;
  expect(await get(path)).toEqual(ok(path, [LAST]));
});

it("3.4 and 3.5: the snap and the clip of an event", async () => {
  const alert = anAlert({ camera: "cam-1" });
  core.raise(alert);
  video.recorded = [{ start: 0, end: Number.MAX_SAFE_INTEGER }];
  expect((await ivms.call(`${LOCAL}/event/${alert.id}/snap`)).body).toBe(new TextDecoder().decode(aPicture.content));
  expect((await ivms.call(`${LOCAL}/event/${alert.id}/clip`)).body).toBe(filmText);
});

it("3.6: which channels are online", async () => {
  const path = `${SERVER}${LOCAL}/channel/status`;
  const body = await get(path);
  expect(body).toEqual(ok(path, body.result));
  const shown = [
    { channelId: 10, channelStatus: 1 },
    { channelId: 9, channelStatus: 1 },
    { channelId: 8, channelStatus: 0 },
    { channelId: 7, channelStatus: 0 },
    { channelId: 6, channelStatus: 0 },
    { channelId: 13, channelStatus: 1 },
    { channelId: 12, channelStatus: 0 },
    { channelId: 11, channelStatus: 1 },
  ];
  expect(body.result).toEqual(expect.arrayContaining(shown));
});

it("3.7: a live play of a channel that there is not", async () => {
  const path = `${LOCAL}/startlive/110/800/700/0`;
  expect(await get(path)).toEqual({
    status: 3110,
    code: 404,
    description: "Not Found",
    message: "There is no channel or invalid channel id!",
    uri: ivms.url + path,
    result: [],
  });
});

it("3.8 and 3.9: a live session, kept alive and stopped", async () => {
  const [session] = (await get(`${LOCAL}/startlive/1/800/700/0`)).result;
  for (const path of [`${LOCAL}/live/keepalive/${session.streamSessionId}`, `${LOCAL}/stoplive/${session.streamSessionId}`])
    expect(await get(path)).toEqual(applied(path));
});

it("3.10, 3.11 and 3.12: an archive session, started at the misspelt address, kept alive and stopped", async () => {
  const [session] = (await get("/REST/locla/startarchive/1/800/700/1497350824291/0", "POST")).result;
  for (const path of [`${LOCAL}/archive/keepalive/${session.streamSessionId}`, `${LOCAL}/stoparchive/${session.streamSessionId}`])
    expect(await get(path)).toEqual(applied(path));
});

describe("the failures of every section", () => {
  const START = "1/800/700";
  it.each([
    ["3.1", "/channel"],
    ["3.2", "/channel/1"],
    ["3.3", "/channel/count"],
    ["3.4", "/event/e-1/snap"],
    ["3.5", "/event/e-1/clip"],
    ["3.6", "/channel/status"],
    ["3.7", `/startlive/${START}/0`],
    ["3.8", "/live/keepalive/1497350824291"],
    ["3.9", "/stoplive/1497350824291"],
    ["3.10", `/startarchive/${START}/1497350824291/0`],
    ["3.11", "/archive/keepalive/1497350824291"],
    ["3.12", "/stoparchive/1497350824291"],
  ])("%s: 1504 where the video server cannot be reached", async (_, path) => {
    away = true;
    video.defect = new AdapterError("unavailable", "gone", { retryable: true });
    expect(await get(SERVER + LOCAL + path)).toEqual({
      status: 1504,
      code: 500,
      description: "Internal Server Error",
      message: "Cannot connect the site VMS server.",
      uri: `${ivms.url}${SERVER}${LOCAL}${path}`,
      result: [],
    });
  });

  it.each([
    ["3.2", "/channel/one"],
    ["3.4", "/event/e%00/snap"],
    ["3.5", "/event/e%00/clip"],
    ["3.7", `/startlive/${START}/2`],
    ["3.8", "/live/keepalive/one"],
    ["3.9", "/stoplive/one"],
    ["3.10", `/startarchive/${START}/now/0`],
    ["3.11", "/archive/keepalive/one"],
    ["3.12", "/stoparchive/one"],
  ])("%s: 3002 where a parameter is wrong: the document's sentence, then what is wrong", async (_, path) => {
    expect(await get(SERVER + LOCAL + path)).toEqual({
      status: 3002,
      code: 422,
      description: "Unprocessable Entity",
      message: expect.stringMatching(/^Unable to process! Please check your request parameters! \w+: \w/),
      uri: `${ivms.url}${SERVER}${LOCAL}${path}`,
      result: [],
    });
  });
});

it("what is not taken over from the examples is listed, each with a reason", () => {
  const rows = readFileSync(new URL("exceptions/ivms.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) => line.split("|").slice(1, -1));
  expect(rows.length).toBeGreaterThan(10);
  for (const cells of rows) {
    expect(cells).toHaveLength(3);
    for (const cell of cells) expect(cell.trim()).not.toBe("");
  }
});
