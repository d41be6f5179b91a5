/** The myvms surface of a whole server, tokens on: cameras, what rules tell of them, and who changed what. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { CANARY } from "../support/canary.ts";
import { guardedEnv, mint } from "../support/minted.ts";
import { declared, json, type Loose } from "../support/surface.ts";

const EVERY = "cameras:read cameras:write events:read frames:write ops";

let data: string;
let server: RunningServer;
let document: Loose;
let token: string;
const call = async (method: string, path: string, body?: unknown, as = token) => {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${as}`, "content-type": "application/json" };
  const response = await fetch(server.url + path, { method, headers, ...sent });
  if (path.startsWith("/v2") && response.status !== 204) {
    const route =
      path
        .slice(3)
        .split("?")[0]
        ?.replace(/^(\/api\/cameras)\/[^/]+$/, "$1/{id}") ?? "";
    expect((await declared(document, method, route, response)).fault, `${method} ${path}`).toBeUndefined();
  }
  return { status: response.status, headers: response.headers, body: response.status === 204 ? undefined : await json(response) };
};
const must = async (...asked: Parameters<typeof call>) => {
  const answer = await call(...asked);
  if (answer.status >= 300) throw new Error(`${asked[0]} ${asked[1]}: ${JSON.stringify(answer.body)}`);
  return answer;
};

/** Three frames from now on, with one object of each type; gives the position. */
let names = 0;
const see = async (sensorId: string, ...types: string[]): Promise<string> => {
  const objects = types.map((type, i) => {
    names++;
    return { id: String(names), type, confidence: 0.5 + i / 10, bbox: { leftX: 10, topY: 10, rightX: 50, bottomY: 90 } };
  });
  const now = Date.now();
  const frames = [0, 1, 2].map((i) => ({
    sensorId,
    timestamp: new Date(now - 200 + i * 100).toISOString(),
    id: `${now}-${i}`,
    modelVersion: "yolo@2026-05-01",
    objects,
  }));
  return (await must("POST", "/api/v2/frames", frames)).body.position;
};
const eventsAfter = async (position: string, query = ""): Promise<Loose[]> =>
  (await must("GET", `/v2/api/events?after=${position}${query}`)).body.events;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-myvms-"));
  server = await startServer({ data, env: guardedEnv });
  document = await json(await fetch(`${server.url}/openapi/myvms.json`));
  token = await mint("acme", EVERY, "--subject", "tests");
  for (const sensorId of ["front", "stray"])
    await must("POST", "/api/v2/config/rule/alerts/fov", {
      sensorId,
      rules: [{ ruleId: "told", name: "Told", ruleType: "notify", cooldown: 0 }],
    });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

describe("Events", () => {
  it("are those of the camera's features from then on", async () => {
    await must("POST", "/v2/api/cameras", { id: "front", name: "Front gate", features: ["person"] });
    const first = await eventsAfter(await see("front", "Person", "Vehicle"), "&camera_id=front");
    expect(first.map(({ type, model_version, confidence }) => [type, model_version, confidence])).toEqual([
      ["Person", "yolo@2026-05-01", 0.5],
    ]);
    await must("PATCH", "/v2/api/cameras/front", { features: ["vehicle"] });
    // Who is present still when the rule begins anew is told of too: the first vehicle.
    const all = await eventsAfter(await see("front", "Person", "Vehicle"), "&camera_id=front");
    expect(all.filter(({ payload }) => payload.track_id > 2).map(({ type }) => type)).toEqual(["Vehicle"]);
    expect(all.at(-1)).toEqual(first[0]);
    const vehicles = (await must("GET", "/v2/api/events?type=Vehicle&camera_id=front")).body.events;
    expect(vehicles).toEqual(all.filter(({ type }) => type === "Vehicle"));
  });

  it("of a sensor that nobody created are there, though it is no camera", async () => {
    const told = await eventsAfter(await see("stray", "violence"), "&type=violence");
    expect(told.map(({ camera_id }) => camera_id)).toEqual(["stray"]);
    expect((await must("GET", "/v2/api/cameras")).body.map(({ id }: Loose) => id)).toEqual(["front"]);
    expect((await call("GET", "/v2/api/cameras/stray")).status).toBe(404);
  });

  it("are streamed as they happen, to their tenant alone, in the envelope of the document", async () => {
    const sockets = [token, await mint("other", EVERY)].map((as) => {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/v2/ws/events?token=${as}`);
      const told: Loose[] = [];
      socket.on("message", (text) => told.push(JSON.parse(String(text))));
      return { socket, told, open: new Promise((resolve) => socket.once("open", resolve)) };
    });
    await Promise.all(sockets.map(({ open }) => open));
    const [listed] = await eventsAfter(await see("stray", "license_plate"), "&type=license_plate");
    const [mine, theirs] = sockets;
    await expect.poll(() => mine?.told).toEqual([{ v: 2, data: listed }]);
    expect(theirs?.told).toEqual([]);
    for (const { socket } of sockets) socket.terminate();
  });

  it("are left out where the history of their place was deleted, page by page", async () => {
    const roi = {
      id: "yard",
      name: "Yard",
      coordinates: [0, 1, 2, 3].map((i) => ({ x: i === 1 || i === 2 ? 500 : 0, y: i > 1 ? 500 : 0 })),
    };
    await must("POST", "/api/v2/config/roi", { sensorId: "yard", rois: [roi] });
    const rules = [{ id: "yard", ruleId: "yard", name: "Yard", ruleType: "notify", cooldown: 0 }];
    await must("POST", "/api/v2/config/rule/alerts/roi", { sensorId: "yard", rules });
    const before = await eventsAfter(await see("yard", "bear", "bear", "bear"), "&type=bear");
    expect(before).toHaveLength(3);
    await must("POST", "/api/v2/config/roi", { sensorId: "yard", rois: [roi], deleteIfPresent: true });
    await eventsAfter(await see("yard", "bear", "bear"));
    const pages: Loose[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const { body }: { body: Loose } = await must("GET", `/v2/api/events?type=bear&limit=1${next && `&cursor=${next}`}`);
      pages.push(body.events.map(({ payload }: Loose) => payload.track_id));
      next = body.next;
    }
    expect(pages.filter((page) => page.length > 0)).toHaveLength(2);
    expect(pages.flat().some((track) => before.some(({ payload }) => payload.track_id === track))).toBe(false);
  });
});

describe("A camera", () => {
  it("is online while frames come, and offline when it is said to be gone", async () => {
    await must("POST", "/v2/api/cameras", { id: "lobby", name: "Lobby" });
    const status = async () => (await must("GET", "/v2/api/cameras/lobby")).body.status;
    expect(await status()).toBe("unknown");
    await eventsAfter(await see("lobby", "Person"));
    expect(await status()).toBe("online");
    const { body } = await must("POST", "/api/v2/cameras/lobby/state", { state: "offline", at: new Date().toISOString() });
    await eventsAfter(body.position);
    expect(await status()).toBe("offline");
  });

  it("counts against what the token allows, and is one tenant's own", async () => {
    const poor = await mint("acme", EVERY, "--camera-limit", "1");
    expect((await call("POST", "/v2/api/cameras", { id: "more" }, poor)).status).toBe(409);
    const other = await mint("other", EVERY);
    expect((await must("GET", "/v2/api/cameras", undefined, other)).body).toEqual([]);
    for (const [method, body] of [["GET"], ["PATCH", {}], ["DELETE"]] as const) {
      const foreign = await call(method, "/v2/api/cameras/lobby", body, other);
      const nowhere = await call(method, "/v2/api/cameras/nowhere", body, other);
      expect(foreign).toMatchObject({ status: 404, body: nowhere.body });
    }
  });

  it("is kept where nobody else of the machine reads", async () => {
    const kept = await readdir(data, { recursive: true, withFileTypes: true });
    const open = await Promise.all(
      kept
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .map(async (entry) => {
          const path = join(entry.parentPath, entry.name);
          // The warehouse's parts come and go.
          const { mode } = await stat(path).catch(() => ({ mode: 0 }));
          return (mode & 0o077) === 0 ? [] : [path];
        }),
    );
    expect(kept.length).toBeGreaterThan(10);
    expect(open.flat()).toEqual([]);
  });

  it("is there again after a restart with its address, and who did what can be read back", async () => {
    await must("POST", "/v2/api/cameras", { id: "gate", rtsp_url: `rtsp://admin:${CANARY}@192.168.7.7/stream` });
    const before = (await must("GET", "/v2/api/cameras")).body;
    await server.stop();
    server = await startServer({ data, env: guardedEnv });
    while (!(await fetch(`${server.url}/v2/health/ready`)).ok) await new Promise((resolve) => setTimeout(resolve, 50));
    const status = (cameras: Loose[]) => cameras.map(({ status: _, ...rest }) => rest);
    expect(status((await must("GET", "/v2/api/cameras")).body)).toEqual(status(before));
    const { audit } = (await must("GET", "/v2/api/audit?camera_id=gate")).body;
    expect(audit.map(({ action, subject, data: { description } }: Loose) => [action, subject, description.url])).toEqual([
      ["camera-registered", "tests", { masked: "rtsp://admin:***@192.168.7.7/stream" }],
    ]);
    await must("DELETE", "/v2/api/cameras/gate");
    expect((await must("POST", "/v2/api/cameras", { id: "gate" })).body.channel).toBeGreaterThan(before.at(-1).channel);
  });

  it("is counted among those of an older key until its address is written in full once more", async () => {
    const address = { rtsp_url: `rtsp://admin:${CANARY}@192.168.7.8/stream` };
    await must("POST", "/v2/api/cameras", { id: "dock", ...address });
    await server.stop();
    server = await startServer({
      data,
      env: { ...guardedEnv, TALLYWIRE_SECRET_KEY: `a newer key of thirty-two bytes or more,${guardedEnv.TALLYWIRE_SECRET_KEY}` },
    });
    const older = async () => /^tallywire_sealed_with_older_keys (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];
    await expect.poll(older).toBe("1");
    await must("PATCH", "/v2/api/cameras/dock", { rtsp_url: "rtsp://admin:***@192.168.7.8/stream" });
    expect(await older()).toBe("1");
    await must("PATCH", "/v2/api/cameras/dock", address);
    expect(await older()).toBe("0");
  });
});
