/** ivms' /notification of a whole server, its warehouse behind its log: nothing is lost between the newest alerts and live ones. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { connect, json, type Loose } from "../support/surface.ts";

const env = { TALLYWIRE_IVMS_ZONE: "Asia/Kolkata", TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes and no less" };
const CAMERAS = ["front", "back"];
const headers = { "content-type": "application/json", "user-type": "Admin" };

let data: string;
let server: RunningServer;
const post = async (path: string, body: unknown): Promise<Loose> => {
  const response = await fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (response.status >= 300) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return json(response);
};

/** Frames in which somebody new is seen by each camera, who is told of. */
let seen = 0;
/** A camera's clock does not stand still: it has gone on by what has passed since its last frames, or these would be late; and by a second more, however fast they are posted. */
let at = Date.now() - 30_000;
let lastSeen = Date.now();
const see = async (): Promise<string> => {
  const id = String(++seen);
  const now = Date.now();
  at += now - lastSeen + 1000;
  lastSeen = now;
  const objects = [{ id, type: "Person", confidence: 0.9, bbox: { leftX: 10, topY: 10, rightX: 50, bottomY: 90 } }];
  const frames = [0, 1, 2].flatMap((i) =>
    CAMERAS.map((sensorId) => ({ sensorId, timestamp: new Date(at + i * 100).toISOString(), id: `${id}-${i}`, objects })),
  );
  return (await post("/api/v2/frames", frames)).position;
};

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-notification-"));
  server = await startServer({ data, env });
  for (const sensorId of CAMERAS) {
    await post("/v2/api/cameras", { id: sensorId, name: `${sensorId} door` });
    const rules = [{ ruleId: "told", name: "Told", ruleType: "notify", cooldown: 0 }];
    await post("/api/v2/config/rule/alerts/fov", { sensorId, rules });
  }
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

describe("/notification", () => {
  it("tells each alert once, whenever it is opened, while more are raised", async () => {
    const peers: ReturnType<typeof connect>[] = [];
    let position = "";
    for (let i = 0; i < 8; i++) {
      position = await see();
      // Not waited for: the alerts of these frames are on their way.
      peers.push(connect(`${server.url}/notification`));
    }
    const { events } = await json(await fetch(`${server.url}/v2/api/events?limit=100&after=${position}`));
    const ids = events.map(({ id }: Loose) => id).toSorted();
    expect(ids).toHaveLength(8 * CAMERAS.length);
    const told = (peer: (typeof peers)[number]): Loose[] => peer.messages.filter(({ eventDetails1 }) => eventDetails1 !== undefined);
    const toldOf = (peer: (typeof peers)[number], least: number) =>
      expect.poll(() => told(peer).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(least);
    for (const peer of peers) await toldOf(peer, ids.length);
    await see();
    for (const peer of peers) {
      await toldOf(peer, ids.length + CAMERAS.length);
      const all = told(peer).map(({ eventDetails1 }) => eventDetails1);
      expect(all.slice(0, ids.length).toSorted()).toEqual(ids);
      expect(new Set(all).size).toBe(all.length);
      for (const { cameraId, cameraName } of told(peer)) expect(cameraName).toBe(`${CAMERAS[cameraId - 1]} door`);
    }
    const [{ ts, id }] = events;
    const time = told(peers[0] as (typeof peers)[number]).find(({ eventDetails1 }) => eventDetails1 === id).eventTime;
    expect(time).toBe(new Date(Date.parse(ts) + 5.5 * 3_600_000).toISOString().slice(0, 19).replace("T", " "));
    for (const { socket } of peers) socket.close();
  }, 60_000);

  it("says that it closes when the server stops", async () => {
    const peer = connect(`${server.url}/notification`);
    await peer.until(() => peer.messages.length > 0);
    expect(await server.stop()).toBe(0);
    expect((await peer.closed).code).toBe(1001);
    expect(peer.messages.at(-1).message).toBe("Connection Closed!");
  }, 60_000);
});
