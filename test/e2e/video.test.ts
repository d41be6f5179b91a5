/** A whole server that shows and records a real camera. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Ffmpeg } from "../../adapters/ffmpeg.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { canStartCamera } from "../servers/for-tests.ts";
import { type Camera, startCamera } from "../servers/rtsp-camera.ts";
import { CANARY } from "../support/canary.ts";
import { played } from "../support/films.ts";
import { childrenOf, keptJournal, loopback, processesSeen } from "../support/media.ts";
import { readPlaylist } from "../support/playlists.ts";
import type { Loose } from "../support/surface.ts";
import { ffmpegsOf, see, startVideoServer, until, type VideoServer } from "./video-client.ts";

const canRun = await canStartCamera("a whole server and a real camera");

describe.skipIf(!canRun)("a server with a camera", () => {
  let camera: Camera;
  let server: VideoServer;
  let ffmpeg: Ffmpeg;
  let channel: number;
  let position: string;
  beforeAll(async () => {
    camera = await startCamera({ width: 640, height: 360, fps: 25, gop: 25, auth: "digest", user: "viewer", password: CANARY });
    server = await startVideoServer();
    ffmpeg = await openFfmpeg({ folder: join(server.data, "looking"), network: loopback, journal: keptJournal() });
    channel = await server.camera("front", camera.url, true);
    await server.call("POST", "/api/v2/config/rule/alerts/fov", {
      sensorId: "front",
      rules: [{ ruleId: "r", name: "Somebody", ruleType: "increment", countThreshold: 1, direction: "entry" }],
    });
  });
  afterAll(async () => {
    await ffmpeg?.close();
    await server?.stop();
    await camera?.stop();
    if (server !== undefined) expect(await ffmpegsOf(server.data)).toEqual([]);
  });
  const bytes = async (url: string): Promise<{ readonly status: number; readonly type: string; readonly content: Uint8Array }> => {
    const answer = await fetch(new URL(url, server.url()));
    return {
      status: answer.status,
      type: answer.headers.get("content-type") ?? "",
      content: new Uint8Array(await answer.arrayBuffer()),
    };
  };
  /** Saves a playlist with all it names, and closes it. */
  const save = async (url: string, name: string): Promise<string> => {
    const { content } = await bytes(url);
    let text = new TextDecoder().decode(content);
    const { segments, ends } = readPlaylist(content);
    const uris = [...new Set(segments.flatMap(({ uri, init }) => [uri, init]))];
    for (const [at, uri] of uris.entries()) {
      const file = await bytes(new URL(uri, new URL(url, server.url())).href);
      expect(file.status, uri).toBe(200);
      const own = `${name}-${at}.${uri.includes(".mp4") ? "mp4" : "m4s"}`;
      await writeFile(join(server.data, own), file.content);
      text = text.replaceAll(uri, own);
    }
    const path = join(server.data, `${name}.m3u8`);
    await writeFile(path, ends ? text : `${text}#EXT-X-ENDLIST\n`);
    return path;
  };

  it("shows it live for as long as it is kept alive, and not after it was stopped", async () => {
    const { status, body } = await server.ivms(`startlive/${channel}/0/0/0`);
    expect([status, body.status]).toEqual([200, 2000]);
    const [session] = body.result as Loose[];
    expect(session).toMatchObject({ channelId: channel, status: "running" });
    const second = (await server.ivms(`startlive/${channel}/0/0/0`)).body.result[0];
    expect(second.streamSessionId).not.toBe(session.streamSessionId);
    await until("three segments", async () => {
      const list = await bytes(session.hlsUrl);
      return readPlaylist(list.content).segments.length >= 3 ? true : undefined;
    });
    const { timeMs } = await played(ffmpeg, await save(session.hlsUrl, "live"));
    expect(timeMs).toBeGreaterThan(1500);
    expect((await server.ivms(`live/keepalive/${session.streamSessionId}`)).body).toMatchObject({ status: 2007, code: 200 });
    expect((await server.ivms(`archive/keepalive/${session.streamSessionId}`)).body).toMatchObject({ status: 3112, code: 404 });
    for (let i = 0; i < 2; i++)
      expect((await server.ivms(`stoplive/${session.streamSessionId}`)).body).toMatchObject({ status: 2007, code: 200 });
    expect((await bytes(session.hlsUrl)).status).toBe(404);
    expect((await bytes(second.hlsUrl)).status).toBe(200);
    await server.ivms(`stoplive/${second.streamSessionId}`);
  });

  it("knows by its film alone that the camera is there", async () => {
    const status = async () => ((await server.call("GET", "/v2/api/cameras/front")).body.status === "online" ? true : undefined);
    await until("the camera is online", status);
    expect((await server.ivms("channel/status")).body.result).toEqual([{ channelId: channel, channelStatus: 1 }]);
  });

  it("has a picture, a film and a place in the recording for an alert", async () => {
    await until("something is recorded", async () => {
      const date = new Date().toISOString().slice(0, 10);
      const { hours } = (await server.call("GET", `/v2/api/playback/timeline?camera_id=front&date=${date}`)).body;
      return hours.length > 0 ? true : undefined;
    });
    position = await see(server, "front");
    const [event] = (await server.call("GET", `/v2/api/events?after=${position}`)).body.events;
    expect(event.snapshot_url).toContain("/v2/hls/front/");
    const picture = await bytes(event.snapshot_url);
    expect([picture.status, picture.type, [...picture.content.subarray(0, 3)]]).toEqual([200, "image/jpeg", [0xff, 0xd8, 0xff]]);
    const snap = await bytes(`/REST/local/event/${event.id}/snap`);
    expect([snap.status, snap.type]).toEqual([200, "image/jpeg"]);
    const clip = await bytes(`/REST/local/event/${event.id}/clip`);
    expect([clip.status, clip.type]).toEqual([200, "video/mp4"]);
    await writeFile(join(server.data, "clip.mp4"), clip.content);
    expect((await played(ffmpeg, join(server.data, "clip.mp4"))).timeMs).toBeGreaterThan(2000);
    const place = (await server.call("GET", `/v2/api/playback/event/${event.id}`)).body;
    const { segments } = readPlaylist((await bytes(place.playlist_url)).content);
    const length = segments.reduce((sum, { seconds }) => sum + seconds, 0);
    expect(place.offset).toBeGreaterThanOrEqual(0);
    expect(place.offset).toBeLessThan(length + 1);
    await played(ffmpeg, await save(place.playlist_url, "hour"));
  });

  it("plays what was recorded, at its own size and at another", async () => {
    const from = Date.now() - 20_000;
    for (const size of ["0/0", "320/0"]) {
      const { body } = await server.call("POST", `/REST/locla/startarchive/${channel}/${size}/${from}/0`);
      expect(body).toMatchObject({ status: 2000, code: 200 });
      const path = await save(body.result[0].hlsUrl, `archive-${size.replace("/", "x")}`);
      expect((await played(ffmpeg, path)).timeMs).toBeGreaterThan(2000);
      expect((await server.ivms(`stoparchive/${body.result[0].streamSessionId}`)).status).toBe(200);
    }
    const before = await server.call("POST", `/REST/local/startarchive/${channel}/0/0/${Date.now() + 3_600_000}/0`);
    expect(before.body).toMatchObject({ status: 3111, code: 404 });
  });

  it("shows the camera's password to nobody", async () => {
    const pid = server.running().process.pid as number;
    const ours = await childrenOf(pid);
    expect(ours.length).toBeGreaterThan(0);
    for (const { cmdline, environ } of [...ours, ...(await processesSeen()).filter((one) => one.pid === pid)])
      expect([cmdline.includes(CANARY), environ.includes(CANARY)]).toEqual([false, false]);
    expect(server.lines.filter((line) => line.includes(CANARY))).toEqual([]);
  });

  it("says that the camera is gone, and goes on when it is back; what was missed is a gap", async () => {
    const { port } = camera;
    await camera.stop();
    const is = (wanted: string) => async () =>
      (await server.call("GET", "/v2/api/cameras/front")).body.status === wanted ? true : undefined;
    await until("the camera is offline", is("offline"));
    camera = await startCamera({ width: 640, height: 360, fps: 25, gop: 25, auth: "digest", user: "viewer", password: CANARY });
    expect(camera.port).not.toBe(port);
    await server.call("PATCH", "/v2/api/cameras/front", { rtsp_url: camera.url });
    await until("the camera is online again", is("online"));
    const now = new Date();
    const [date, hour] = [now.toISOString().slice(0, 10), now.toISOString().slice(11, 13)];
    const breaks = await until("a gap", async () => {
      const list = await bytes(`/v2/hls/front/${date}/${hour}/index.m3u8`);
      if (list.status !== 200) return undefined;
      const found = new TextDecoder().decode(list.content).split("EXT-X-DISCONTINUITY\n").length - 1;
      return found > 0 ? found : undefined;
    });
    expect(breaks).toBeGreaterThan(0);
  });
});
