/** A whole server that records a real camera whose network goes away: whether it is there is the word of its film and of its frames together. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { canStartCamera } from "../servers/for-tests.ts";
import { type Camera, startCamera } from "../servers/rtsp-camera.ts";
import type { Loose } from "../support/surface.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { ffmpegsOf, startVideoServer, until, type VideoServer } from "./video-client.ts";

const canRun = await canStartCamera("a whole server, and a camera whose film goes away");
const FRAME_MS = 200;

describe.skipIf(!canRun)("a camera that is recorded and of which frames come", { timeout: 180_000 }, () => {
  let camera: Camera;
  let network: TcpProxy;
  let server: VideoServer;
  let detector: { stop(): Promise<string> } | undefined;
  const begin = new Date(Date.now() - 60_000).toISOString();

  /** Sends frames with one person in them until it is stopped; says then how far it came. */
  const detect = (): { stop(): Promise<string> } => {
    let isOn = true;
    let position = "";
    const detecting = (async () => {
      while (isOn) {
        const bbox = { leftX: 10, topY: 10, rightX: 50, bottomY: 90 };
        const objects = [{ id: "somebody", type: "Person", confidence: 0.9, bbox }];
        const frame = { sensorId: "front", timestamp: new Date().toISOString(), id: crypto.randomUUID(), objects };
        const { status, body } = await server.call("POST", "/api/v2/frames", [frame]);
        if (status !== 202) throw new Error(JSON.stringify(body));
        position = body.position;
        await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
      }
    })();
    return {
      stop: async () => {
        isOn = false;
        await detecting;
        return position;
      },
    };
  };
  const at = async (path: string): Promise<Loose> => (await server.call("GET", path)).body;
  const stay = async (): Promise<Loose> =>
    (await at(`/api/v2/stays?sensorId=front&fromTimestamp=${begin}&toTimestamp=2100-01-01T00:00:00Z`)).stays[0];
  const recording = async (): Promise<string> => (await at("/v2/api/cameras/front")).recording?.status;
  const comesTo = (status: string) => until(`the recording is ${status}`, async () => ((await recording()) === status ? true : undefined));
  /** Longer than the state of the camera is looked at twice. */
  const lookedAtTwice = () => new Promise((resolve) => setTimeout(resolve, 2.5 * limits.filmJudgeMs));
  /** The share of the time since an instant in which somebody looked. */
  const uptime = async (since: number): Promise<number> =>
    (await at(`/api/v2/metrics/tripwire?sensorId=front&fromTimestamp=${new Date(since).toISOString()}`)).uptime;

  beforeAll(async () => {
    camera = await startCamera({ gop: 10, fps: 10 });
    network = await startTcpProxy({ seed: 1, to: camera.port });
    server = await startVideoServer();
    // Whoever is seen stays until the camera is lost, however long nobody looks.
    await server.call("POST", "/api/v2/config/sensor", { sensorId: "front", fov: { minFrames: 1, exitAfter: 3600 } });
    await server.camera("front", `rtsp://127.0.0.1:${network.port}/stream`, true);
    detector = detect();
    await comesTo("running");
    await until("somebody stays", async () => ((await stay()) === undefined ? undefined : true));
  });
  afterAll(async () => {
    await detector?.stop();
    await server?.stop();
    await network?.close();
    await camera?.stop();
  });

  it("is there although the recording's ffmpeg is killed", async () => {
    const killed = await ffmpegsOf(server.data);
    expect(killed.length).toBeGreaterThan(0);
    for (const pid of killed) process.kill(pid, "SIGKILL");
    await until("it is recorded by another", async () => {
      const now = await ffmpegsOf(server.data);
      return now.length > 0 && now.every((pid) => !killed.includes(pid)) ? true : undefined;
    });
    await comesTo("running");
    await lookedAtTwice();
    const { end, reason } = await stay();
    expect([end, reason]).toEqual([undefined, undefined]);
  });

  it("is there although its film is not: who is in the picture stays, and somebody looks", async () => {
    await network.begin({ kind: "reset" });
    await comesTo("stalled");
    const since = Date.now();
    await lookedAtTwice();
    const { end, reason } = await stay();
    expect([end, reason, (await at("/v2/api/cameras/front")).status]).toEqual([undefined, undefined, "online"]);
    expect(await uptime(since)).toBeGreaterThan(0.8);
    expect(server.lines.filter((line) => line.includes("a recording has stopped"))).not.toEqual([]);
  });

  it("is gone when neither comes: who was in the picture has left with it", async () => {
    await detector?.stop();
    detector = undefined;
    const ended = await until("the stay ends", async () => {
      const found = await stay();
      return found?.end === undefined ? undefined : found;
    });
    expect(ended.reason).toBe("sensor_lost");
    expect((await at("/v2/api/cameras/front")).status).toBe("offline");
  });

  it("is there again when its film is, without a frame", async () => {
    await network.end();
    await comesTo("running");
    await until("it is online", async () => ((await at("/v2/api/cameras/front")).status === "online" ? true : undefined));
  });

  it("is watched again at the same address when its film, which had failed, is back", async () => {
    const { channel } = await at("/v2/api/cameras/front");
    const { hlsUrl, streamSessionId: id } = (await server.ivms(`startlive/${channel}/0/0/0`)).body.result[0];
    const shown = async () => (await fetch(hlsUrl)).status;
    await until("it plays", async () => ((await shown()) === 200 ? true : undefined));
    await network.begin({ kind: "reset" });
    await until("it has failed", async () => {
      const { body } = await server.ivms(`live/${id}`);
      await server.ivms(`live/keepalive/${id}`);
      return body.result[0]?.status === "failed" ? true : undefined;
    });
    expect(await shown()).toBe(404);
    await network.end();
    await until("it plays again", async () => ((await shown()) === 200 ? true : undefined));
    expect((await server.ivms(`live/${id}`)).body.result[0]).toMatchObject({ streamSessionId: id, status: "running" });
  });
});
