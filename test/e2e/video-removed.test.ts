/** A whole server, a camera that was recorded, and what is left of it when it is removed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canStartCamera } from "../servers/for-tests.ts";
import { startCamera } from "../servers/rtsp-camera.ts";
import { see, startVideoServer, until } from "./video-client.ts";

const canRun = await canStartCamera("a whole server, and a camera that is removed");

describe.skipIf(!canRun)("a camera that was recorded and is removed", { timeout: 120_000 }, () => {
  it("is seen in what was recorded, before and after a restart alike", async () => {
    const [camera, data] = [await startCamera({ gop: 10, fps: 10 }), await mkdtemp(join(tmpdir(), "tallywire-removed-"))];
    const server = await startVideoServer({}, data);
    const at = (path: string) => server.call("GET", path);
    try {
      await server.camera("front", camera.url, true);
      await server.call("POST", "/api/v2/config/rule/alerts/fov", {
        sensorId: "front",
        rules: [{ ruleId: "r", name: "Somebody", ruleType: "increment", countThreshold: 1, direction: "entry" }],
      });
      const date = new Date().toISOString().slice(0, 10);
      const timeline = `/v2/api/playback/timeline?camera_id=front&date=${date}`;
      await until("something is recorded", async () => ((await at(timeline)).body.hours.length > 0 ? true : undefined));
      const position = await see(server, "front");
      const [{ id }] = (await at(`/v2/api/events?after=${position}`)).body.events;
      const { playlist_url: playlist } = await until("the event is recorded", async () => {
        const { status, body } = await at(`/v2/api/playback/event/${id}`);
        return status === 200 ? body : undefined;
      });
      /** What can be had of it. */
      const shown = async () => {
        const [{ snapshot_url: snap }] = (await at("/v2/api/events?camera_id=front")).body.events;
        const asked = [timeline, `/v2/api/playback/event/${id}`, playlist, ...(snap === null ? [] : [snap])];
        return [snap === null, ...(await Promise.all(asked.map(async (path) => (await at(path)).status)))];
      };
      const all = [false, 200, 200, 200, 200];
      expect(await shown()).toEqual(all);
      expect((await server.call("DELETE", "/v2/api/cameras/front")).status).toBe(204);
      expect(await shown()).toEqual(all);
      await server.stop();
      await server.restart();
      await until("what is on the disk is known", async () => ((await shown())[0] === false ? true : undefined));
      expect(await shown()).toEqual(all);
      // Of which nothing was recorded, it is no camera.
      expect((await at("/v2/api/playback/timeline?camera_id=front&date=2020-01-01")).status).toBe(404);
    } finally {
      await server.stop();
      await camera.stop();
      await rm(data, { recursive: true, force: true });
    }
  });
});
