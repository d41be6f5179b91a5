/** What can go wrong with films, at a whole server: each is said, no process is left over, and nobody else is disturbed. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fault, startFaulty } from "../servers/faulty-rtsp.ts";
import { canStartCamera } from "../servers/for-tests.ts";
import { type Camera, startCamera } from "../servers/rtsp-camera.ts";
import { readPlaylist } from "../support/playlists.ts";
import { ffmpegsOf, see, startVideoServer, until, type VideoServer } from "./video-client.ts";

const canRun = await canStartCamera("a whole server, and what goes wrong with films");
const run = promisify(execFile);

const countOf = async (url: string): Promise<number | undefined> => {
  const answer = await fetch(url);
  return answer.status === 200 ? readPlaylist(new Uint8Array(await answer.arrayBuffer())).segments.length : undefined;
};

describe.skipIf(!canRun)("a server with a good camera and a bad one", () => {
  let camera: Camera;
  let server: VideoServer;
  let good: string;
  beforeAll(async () => {
    camera = await startCamera({ gop: 15, fps: 15 });
    server = await startVideoServer();
    const channel = await server.camera("good", camera.url, true);
    good = (await server.ivms(`startlive/${channel}/0/0/0`)).body.result[0].hlsUrl;
  });
  afterAll(async () => {
    await server?.stop();
    await camera?.stop();
    if (server !== undefined) expect(await ffmpegsOf(server.data)).toEqual([]);
  });

  const faults: readonly (readonly [string, Fault, number, RegExp])[] = [
    ["refuses our password", "unauthorized", 1504, /password|credentials/i],
    ["says nothing", "mute", 1504, /answer|time|silent|nothing/i],
    ["sends H.265", "hevc", 3002, /hevc|H\.?265/i],
    ["has no picture", "no video", 1504, /video|picture/i],
    ["speaks no RTSP", "garbage", 1504, /RTSP|understood|film/i],
    ["redirects to this machine", { redirect: "rtsp://127.0.0.1:8080/", at: "DESCRIBE" }, 1504, /redirect/i],
  ];
  it.each(faults)("says so of one that %s, and goes on with the other", async (_, fault, status, why) => {
    const bad = await startFaulty({ fault });
    try {
      const id = `bad-${typeof fault === "string" ? fault.replaceAll(" ", "-") : "redirect"}`;
      const channel = await server.camera(id, bad.url);
      const { body } = await server.ivms(`startlive/${channel}/0/0/0`);
      expect(body).toMatchObject({ status, code: status === 3002 ? 422 : 500, result: [] });
      expect(body.message).toMatch(why);
      expect(await countOf(good)).toBeGreaterThan(0);
    } finally {
      await bad.stop();
    }
  });

  it("says of one that hangs in the middle that it is stalled", async () => {
    const bad = await startFaulty({ fault: { hangsAfter: 200 } });
    try {
      const channel = await server.camera("hangs", bad.url);
      const { body } = await server.ivms(`startlive/${channel}/0/0/0`);
      expect(body.status).toBe(2000);
      const id = body.result[0].streamSessionId;
      await until("it is stalled", async () => ((await server.ivms(`live/${id}`)).body.result[0]?.status === "stalled" ? true : undefined));
      expect(await countOf(good)).toBeGreaterThan(0);
    } finally {
      await bad.stop();
    }
  });

  it("goes on in the same playlist where ffmpeg was killed", async () => {
    const before = await ffmpegsOf(server.data);
    expect(before.length).toBeGreaterThan(0);
    for (const pid of before) process.kill(pid, "SIGKILL");
    await until("a break in the playlist", async () => {
      const text = await (await fetch(good)).text();
      return text.includes("EXT-X-DISCONTINUITY\n") ? true : undefined;
    });
  });

  it("records on where its folder has vanished", async () => {
    await rm(join(server.data, "media", "recordings"), { recursive: true, force: true });
    const date = new Date().toISOString().slice(0, 10);
    await until("it is recorded again", async () => {
      const { hours } = (await server.call("GET", `/v2/api/playback/timeline?camera_id=good&date=${date}`)).body;
      return hours?.length > 0 ? true : undefined;
    });
  });
});

describe.skipIf(!canRun)("a server that is killed with ten playbacks", () => {
  it("leaves no ffmpeg, loses nothing that was acknowledged, and plays on under the same addresses", async () => {
    const camera = await startCamera({ gop: 15, fps: 15 });
    const data = await mkdtemp(join(tmpdir(), "tallywire-video-kill-"));
    const server = await startVideoServer({}, data);
    try {
      const urls: string[] = [];
      const ids: number[] = [];
      for (let i = 0; i < 10; i++) {
        const channel = await server.camera(`cam-${i}`, camera.url, i < 3);
        const { body } = await server.ivms(`startlive/${channel}/0/0/0`);
        expect(body).toMatchObject({ status: 2000 });
        urls.push(body.result[0].hlsUrl);
        ids.push(body.result[0].streamSessionId);
      }
      await server.call("POST", "/api/v2/config/rule/alerts/fov", {
        sensorId: "cam-0",
        rules: [{ ruleId: "r", name: "Somebody", ruleType: "increment", countThreshold: 1, direction: "entry" }],
      });
      await until("it is being recorded", async () => {
        const date = new Date().toISOString().slice(0, 10);
        return (await server.call("GET", `/v2/api/playback/timeline?camera_id=cam-0&date=${date}`)).body.hours?.length > 0
          ? true
          : undefined;
      });
      const position = await see(server, "cam-0");
      const [told] = (await server.call("GET", `/api/v2/alerts?sensorId=cam-0&after=${position}`)).body.alerts;
      expect((await server.ivms(`event/${told.id}/clip`)).status).toBe(200);
      const running = await ffmpegsOf(data);
      expect(running.length).toBeGreaterThanOrEqual(13);
      const dead = server.running();
      const port = new URL(server.url()).port;
      dead.process.kill("SIGKILL");
      await dead.ended;
      await until("no ffmpeg is left", async () => ((await ffmpegsOf(data)).length === 0 ? true : undefined), 10_000);

      await server.restart();
      const ours = (url: string): string => url.replace(`:${port}/`, `:${new URL(server.url()).port}/`);
      for (const [i, url] of urls.entries()) {
        await until(`playback ${i} plays on`, () => countOf(ours(url)));
        expect((await server.ivms(`live/keepalive/${ids[i]}`)).body).toMatchObject({ status: 2007 });
      }
      const [alert] = (await server.call("GET", "/api/v2/alerts?sensorId=cam-0")).body.alerts;
      expect(alert).toMatchObject({ rule_id: "r", count: 1 });
      expect((await server.ivms(`event/${alert.id}/snap`)).status).toBe(200);
    } finally {
      await server.stop();
      await camera.stop();
      await rm(data, { recursive: true, force: true });
    }
    expect(await ffmpegsOf(data)).toEqual([]);
  }, 180_000);
});

describe.skipIf(!canRun)("a server without ffmpeg", () => {
  it("says so to who asks for a film, and serves the rest", async () => {
    const camera = await startCamera();
    const server = await startVideoServer({ TALLYWIRE_FFMPEG: "ffmpeg-that-is-not-there" });
    try {
      const channel = await server.camera("front", camera.url, true);
      const { body } = await server.ivms(`startlive/${channel}/0/0/0`);
      expect(body).toMatchObject({ status: 1504, code: 500 });
      expect(body.message).toContain("ffmpeg-that-is-not-there");
      await server.call("POST", "/api/v2/config/rule/alerts/fov", {
        sensorId: "front",
        rules: [{ ruleId: "r", name: "Somebody", ruleType: "increment", countThreshold: 1, direction: "entry" }],
      });
      const position = await see(server, "front");
      const { events } = (await server.call("GET", `/v2/api/events?after=${position}`)).body;
      expect(events).toMatchObject([{ camera_id: "front", snapshot_url: null }]);
    } finally {
      await server.stop();
      await camera.stop();
    }
  });
});

/** Only who is root here can make a small disk. */
const canMount = canRun && process.getuid?.() === 0;
describe.skipIf(!canMount)("a server whose disk of recordings is full", () => {
  it("records nothing until there is room, says so, and shows cameras live and raises alerts all the same", async () => {
    const camera = await startCamera({ width: 640, height: 360, gop: 15, fps: 15 });
    const disk = await mkdtemp(join(tmpdir(), "tallywire-small-"));
    await mkdir(disk, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", disk]);
    const server = await startVideoServer({ TALLYWIRE_MEDIA: disk, TALLYWIRE_RECORD_FREE_BYTES: "1000000" });
    try {
      const channel = await server.camera("front", camera.url, true);
      const filling = join(disk, "filling");
      await until("something is recorded", async () => {
        const date = new Date().toISOString().slice(0, 10);
        return (await server.call("GET", `/v2/api/playback/timeline?camera_id=front&date=${date}`)).body.hours?.length > 0
          ? true
          : undefined;
      });
      await run("dd", ["if=/dev/zero", `of=${filling}`, "bs=1k"]).catch((error: { stderr?: string }) => {
        expect(error.stderr).toContain("No space left");
      });
      await until("it says that the disk is full", () =>
        server.lines.some((line) => line.includes("The disk is full")) ? true : undefined,
      );
      const position = await see(server, "front");
      expect((await server.call("GET", `/api/v2/alerts?sensorId=front&after=${position}`)).status).toBe(200);
      await rm(filling);
      await until("it says that there is room again", () =>
        server.lines.some((line) => line.includes("There is room again")) ? true : undefined,
      );
      const live = (await server.ivms(`startlive/${channel}/0/0/0`)).body;
      expect(live).toMatchObject({ status: 2000 });
    } finally {
      await server.stop();
      await run("umount", [disk]);
      await rm(disk, { recursive: true, force: true });
      await camera.stop();
    }
  }, 180_000);
});
