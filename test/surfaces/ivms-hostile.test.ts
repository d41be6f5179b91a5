import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { grantsBy } from "../../api/grants.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { create, LOCAL, type Opened, openIvms } from "./ivms-calls.ts";

const core = new FakeCore();
const { video } = core;
const tokens = new FakeTokens();
const ours = { authorization: `Bearer ${tokens.give("ours", { tenant: "ours" })}` };
const theirs = { authorization: `Bearer ${tokens.give("theirs", { tenant: "theirs" })}` };
let ivms: Opened;
beforeAll(async () => {
  await create(core, "door", {}, "ours");
  await create(core, "gate", {}, "theirs");
  await create(core, "yard", {}, "theirs");
  ivms = await openIvms(core, { tokens });
});
afterAll(() => ivms.close());
beforeEach(() => {
  video.called.length = 0;
  video.playing.clear();
  video.ended.clear();
});

const told = async (path: string, headers = ours): Promise<[number, number]> => {
  const { status, body } = await ivms.call(LOCAL + path, { headers });
  return [status, body.status];
};
const start = async (headers: typeof ours, path = "/startlive/1/0/0/0") =>
  (await ivms.call(LOCAL + path, { headers })).body.result[0] as { streamSessionId: number; hlsUrl: string };

describe("a foreign tenant's", () => {
  it("session cannot be looked at, kept alive or stopped: 3112", async () => {
    const { streamSessionId: live } = await start(theirs);
    const { streamSessionId: archive } = await start(theirs, "/startarchive/1/0/0/0/0");
    const paths = [`/live/${live}`, `/live/keepalive/${live}`, `/stoplive/${live}`];
    const more = [`/archive/${archive}`, `/archive/keepalive/${archive}`, `/stoparchive/${archive}`];
    for (const path of [...paths, ...more]) {
      expect([path, ...(await told(path))]).toEqual([path, 404, 3112]);
      expect([path, ...(await told(path, theirs))]).toEqual([path, 200, expect.any(Number)]);
    }
  });

  it("channel is not there: 3110", async () => {
    expect(await told("/channel/2", theirs)).toEqual([200, 2000]);
    expect(await told("/channel/2")).toEqual([404, 3110]);
    expect(await told("/startlive/2/0/0/0")).toEqual([404, 3110]);
    expect(video.called).toEqual([]);
  });
});

describe("a grant", () => {
  const at = (grant: string, file = "index.m3u8") => `/hls/${grant}/${file}`;
  const grantIn = ({ hlsUrl }: { hlsUrl: string }): string => new URL(hlsUrl).pathname.split("/").at(-2) ?? "";

  it("opens what it was given for and nothing else, whoever shows it", async () => {
    const mine = await start(ours);
    const other = await start(theirs);
    expect((await ivms.call(LOCAL + at(grantIn(mine)))).status).toBe(200);
    expect((await ivms.call(LOCAL + at(grantIn(other)), { headers: ours })).status).toBe(200);
    expect(video.called.filter(({ name }) => name === "file").map(({ given }) => given.slice(0, 3))).toEqual([
      ["ours", "live", mine.streamSessionId],
      ["theirs", "live", other.streamSessionId],
    ]);
  });

  it("that was changed, cut, made up, or given out for something else opens nothing", async () => {
    const good = grantIn(await start(ours));
    const until = core.clock + 1_000_000;
    const grants = grantsBy(core.epoch);
    const others = [
      grants.give({ of: "hour", tenant: "ours", camera: "door", date: "2021-09-16", hour: 7, until }),
      grants.give({ of: "snap", tenant: "ours", camera: "door", at: 0, until }),
      grantsBy("another log").give({ of: "playback", tenant: "ours", kind: "live", id: 1497350824291 }),
    ];
    const flipped = good.slice(0, -2) + (good.endsWith("AA") ? "BB" : "AA");
    video.called.length = 0;
    for (const grant of [
      ...others,
      flipped,
      good.slice(0, -1),
      good.slice(1),
      `${good}A`,
      `${good}=`,
      "x",
      "%00",
      "%ff",
      "..",
      "%2e%2e",
      "A".repeat(10_000),
    ]) {
      const { status, body } = await ivms.call(LOCAL + at(grant), { as: `${LOCAL}/hls/{grant}/{file}` });
      expect([grant, status, [3004, 3112].includes(body.status)]).toEqual([grant, 404, true]);
    }
    expect(video.called).toEqual([]);
    expect((await ivms.call(LOCAL + at(good))).status).toBe(200);
  });

  it("opens no file that the playback does not know, however it is spelt", async () => {
    const grant = grantIn(await start(ours));
    const names = [
      "..%2fsecret",
      "..%2f..%2f..%2f..%2fetc%2fpasswd",
      "%2e%2e%2findex.m3u8",
      "%2e%2e%5cindex.m3u8",
      "..%252findex.m3u8",
      "index.m3u8%00",
      "%00",
      "index.m3u8%20",
      "INDEX.M3U8",
      "%ff%fe",
      "s00000.m4s%2f",
      "s99999.m4s",
      "-",
      "a".repeat(20_000),
    ];
    for (const name of names) {
      const { status, body } = await ivms.call(LOCAL + at(grant, name));
      expect([name.slice(0, 40), status, body.status, body.result]).toEqual([name.slice(0, 40), 404, 3112, []]);
    }
    for (const name of ["..", "%2e%2e", "../../x", "../index.m3u8", ""]) {
      const { status } = await ivms.call(LOCAL + at(grant, name), { as: `${LOCAL}/hls/{grant}/{file}` });
      expect([name, status]).toEqual([name, 404]);
    }
    const asked = video.called.filter(({ name }) => name === "file").map(({ given }) => given[3]);
    expect(asked).toContain("../secret");
    expect(asked).not.toContain("index.m3u8");
  });

  it("is in no journal when its file fails", async () => {
    const grant = grantIn(await start(ours));
    const kept: object[] = [];
    const { error } = core.journal;
    core.journal.error = (context: object, message: string) => {
      kept.push({ ...context, message });
    };
    video.defect = new Error("a defect");
    const { status, body } = await ivms.call(LOCAL + at(grant));
    video.defect = undefined;
    core.journal.error = error;
    expect([status, body.status]).toEqual([500, 1500]);
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatchObject({ path: `${LOCAL}/hls/***/index.m3u8` });
    expect(JSON.stringify(kept)).not.toContain(grant);
  });
});

describe("a number", () => {
  it("of a session that is none is 3002; one that no session can have is 3112", async () => {
    for (const path of ["/live", "/archive", "/live/keepalive", "/archive/keepalive", "/stoplive", "/stoparchive"]) {
      for (const id of ["x", "-1", "1e3", "1.5", "0x10", "%00", "%20", "NaN", "Infinity", "9223372036854775808", "9".repeat(5000)])
        expect([path, id.slice(0, 20), ...(await told(`${path}/${id}`))]).toEqual([path, id.slice(0, 20), 422, 3002]);
      for (const id of ["0", "1", "9007199254740991", "9007199254740993", "9223372036854775807"])
        expect([path, id, ...(await told(`${path}/${id}`))]).toEqual([path, id, 404, 3112]);
    }
    expect(video.called.every(({ given }) => Number.isSafeInteger(given[2]))).toBe(true);
  });

  it("of a size is from 0 to what a picture may be made, of the sound 0 or 1: all else is 3002, and starts nothing", async () => {
    const bad = ["-1", "3841", "99999", "1e3", "640.0", "0x10", "x", "%00", "+1", "%20", "9007199254740993", "٣"].map((text) =>
      text === "%00" || text === "%20" ? text : encodeURIComponent(text),
    );
    for (const text of bad) {
      expect([text, ...(await told(`/startlive/1/${text}/0/0`))]).toEqual([text, 422, 3002]);
      expect([text, ...(await told(`/startlive/1/0/${text}/0`))]).toEqual([text, 422, 3002]);
      expect([text, ...(await told(`/startlive/1/0/0/${text}`))]).toEqual([text, 422, 3002]);
      expect([text, ...(await told(`/startarchive/1/${text}/0/0/0`))]).toEqual([text, 422, 3002]);
    }
    expect(await told("/startlive/1/0/0/2")).toEqual([422, 3002]);
    expect(video.called).toEqual([]);
    expect(await told("/startlive/1/3840/3840/1")).toEqual([200, 2000]);
    expect((await ivms.call(`${LOCAL}/startlive/1/99999/0/0`, { headers: ours })).body.message).toBe(
      "Unable to process! Please check your request parameters! width: is not a whole number from 0 to 3840",
    );
  });

  it("of an instant before 1970, or beyond all instants, is 3002", async () => {
    for (const at of ["-1", "-62135596800000", "1e12", "2021-09-16T06:00:00Z", "99999999999999999999", "8640000000000001", "x"])
      expect([at, ...(await told(`/startarchive/1/0/0/${at}/0`))]).toEqual([at, 422, 3002]);
    expect(video.called).toEqual([]);
    for (const at of [String(core.clock + 1), "999999999999999"])
      expect([at, ...(await told(`/startarchive/1/0/0/${at}/0`))]).toEqual([at, 404, 3111]);
    expect(video.called).toEqual([]);
    expect(await told("/startarchive/1/0/0/0/0")).toEqual([200, 2000]);
  });
});

describe("an event's id", () => {
  it("that is no text, or too long, is 3002", async () => {
    for (const what of ["snap", "clip"])
      for (const id of ["a%00b", "x".repeat(257)]) expect(await told(`/event/${id}/${what}`)).toEqual([422, 3002]);
  });

  it("that leads elsewhere finds nothing: 3111", async () => {
    for (const id of ["..%2f..%2f", "%ff", "'%20OR%20'1'='1", "__proto__", "%25", "x".repeat(256)])
      expect([id, ...(await told(`/event/${id}/snap`))]).toEqual([id, 404, 3111]);
    expect(video.called).toEqual([]);
  });
});

describe("an address", () => {
  it("that is very long is answered in the same shape, and told back whole", async () => {
    const path = `${LOCAL}/${"a/".repeat(20_000)}`;
    const { status, body } = await ivms.call(path, { as: `${LOCAL}/channel/{channelid}` });
    expect([status, body.status, body.uri]).toEqual([404, 3004, ivms.url + path]);
  });

  it("with a token in its path does not tell it back", async () => {
    const { body } = await ivms.call(`${LOCAL}/live/1;token=ours?token=theirs`, { as: `${LOCAL}/live/{id}` });
    expect(body.uri).toBe(`${ivms.url}${LOCAL}/live/1;token=***?token=***`);
  });

  it("with hostile characters is told back as it was called", async () => {
    for (const path of [`${LOCAL}/%22%3Cscript%3E`, `${LOCAL}/x?a=%22b%22&token`, `${LOCAL}/%`]) {
      const { status, body, headers } = await ivms.call(path, { as: `${LOCAL}/channel/{channelid}` });
      expect([status, headers.get("content-type"), headers.get("x-content-type-options")]).toEqual([404, "application/json", "nosniff"]);
      expect(body.uri).toBe(ivms.url + path.replace(/&token$/, "&token=***"));
    }
  });
});

describe("a GET that changes something", () => {
  it("is changed into nothing by HEAD", async () => {
    for (const path of ["/startlive/1/0/0/0", "/startarchive/1/0/0/1/0", "/stoplive/1"])
      expect([path, (await fetch(ivms.url + LOCAL + path, { method: "HEAD", headers: ours })).status]).toEqual([path, 405]);
    expect(video.called).toEqual([]);
  });

  it("begins and ends nothing for a page of another origin while tokens are off", async () => {
    await create(core, "door");
    const open = await openIvms(core, { origins: ["https://friend.example"] });
    const from = async (path: string, headers: Record<string, string>) => (await open.call(LOCAL + path, { headers })).status;
    const begin = "/startlive/1/0/0/0";
    const site = "sec-fetch-site";
    const foes: Record<string, string>[] = [
      { [site]: "cross-site" },
      { [site]: "same-site" },
      { [site]: "cross-site", origin: "https://foe.example" },
    ];
    const friends: Record<string, string>[] = [{}, { [site]: "none" }, { [site]: "cross-site", origin: "https://friend.example" }];
    try {
      const { body } = await open.call(LOCAL + begin, { headers: { "sec-fetch-site": "same-origin" } });
      const id = body.result[0].streamSessionId;
      for (const path of [begin, "/startarchive/1/0/0/1/0", `/stoplive/${id}`, `/stoparchive/${id}`])
        for (const headers of foes) expect([path, await from(path, headers)]).toEqual([path, 403]);
      expect(video.called.map(({ name }) => name)).toEqual(["start"]);
      for (const headers of friends) expect(await from(begin, headers)).toBe(200);
    } finally {
      await open.close();
    }
  });
});
