import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, shopEntrance } from "../../examples/simulator.ts";
import { client } from "./client.ts";
import { resumingSubscriber } from "./subscriber.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const dirs: string[] = [];
const servers: RunningServer[] = [];
const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "tallywire-e2e-"));
  dirs.push(dir);
  return dir;
};
const start = async (data: string, env: Record<string, string> = {}): Promise<RunningServer> => {
  const server = await startServer({ data, env });
  servers.push(server);
  return server;
};
const eventually = async <T>(look: () => Promise<T>, is: (found: T) => boolean, ms = 25_000): Promise<T> => {
  for (const begin = performance.now(); ; ) {
    const found = await look();
    if (is(found) || performance.now() - begin > ms) return found;
    await sleep(50);
  }
};
const person = (id: string, x = 600) => ({ id, type: "Person", bbox: { leftX: x, topY: 300, rightX: x + 60, bottomY: 480 } });
const entries = { ruleId: "hello", name: "Somebody came in", ruleType: "increment", countThreshold: 1, direction: "entry" };

afterAll(async () => {
  for (const server of servers) if (server.process.exitCode === null && server.process.signalCode === null) server.process.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
});

describe("the main job, in a process of its own", () => {
  let data: string;
  let server: RunningServer;
  beforeAll(async () => {
    data = await folder();
    server = await start(data);
  });

  it("takes frames in and gives alerts and counts out, live and from history", async () => {
    const call = client(server.url);
    const begin = Date.UTC(2026, 0, 5, 8);
    await call("POST", "/config/tripwire", demoConfiguration.tripwire);
    await call("POST", "/config/roi", demoConfiguration.roi);
    for (const [place, body] of Object.entries(demoConfiguration.rules)) await call("POST", `/config/rule/alerts/${place}`, body);
    const subscriber = resumingSubscriber(() => server.url);
    await subscriber.ready;
    const frames = shopEntrance({ begin });
    let position = "";
    for (let body = 0; body < 12; body++)
      position = String(
        (
          await call(
            "POST",
            "/frames",
            Array.from({ length: 100 }, () => frames.next().value),
          )
        ).position,
      );
    const range = `sensorId=${demoConfiguration.roi.sensorId}&fromTimestamp=2026-01-01T00:00:00Z&toTimestamp=2026-02-01T00:00:00Z&limit=1000&after=${position}`;
    const alerts = await call.all("/alerts", range, "alerts");
    const types = new Set(alerts.map(({ rule_type }) => rule_type));
    expect([...types].sort()).toEqual(["flowrate", "increment", "notify", "occupancy", "occupancy_threshold_switch"]);
    await subscriber.until(() => alerts.every(({ id, revision }) => subscriber.received.get(String(id))?.highest === revision));
    expect(subscriber.received.size).toBe(alerts.length);
    expect(subscriber.doubled).toEqual([]);
    const counts = (await call("GET", `/alerts/count?${range}`)) as { alerts: { count: number }[]; uptime: number };
    expect(counts.alerts.reduce((sum, { count }) => sum + count, 0)).toBe(alerts.length);
    subscriber.close();
  });

  it("says that it is ready and tells its figures", async () => {
    const ready = await eventually(
      () => fetch(`${server.url}/readyz`),
      ({ status }) => status === 200,
    );
    expect(ready.status).toBe(200);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(/^tallywire_frames_total\{tenant="default"\} 1200$/m);
    expect(text).toMatch(/^tallywire_lag_frames\{stage="engine"\} 0$/m);
  });

  it("lets no second process open its data", async () => {
    const second = run(process.execPath, [MAIN, "serve"], { env: { ...process.env, TALLYWIRE_PORT: "0", TALLYWIRE_DATA: data } });
    await expect(second).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/is in use by process \d+/) });
  });

  it("notices by itself that time passes at a silent camera", async () => {
    const call = client(server.url);
    const now = Date.now();
    const at = (ms: number) => new Date(now + ms).toISOString();
    await call("POST", "/config/rule/alerts/fov", {
      sensorId: "silent",
      rules: [{ ruleId: "empty", name: "empty again", ruleType: "occupancy_threshold_switch", countThreshold: 0 }],
    });
    await call(
      "POST",
      "/frames",
      [0, 100, 200].map((ms, i) => ({ sensorId: "silent", timestamp: at(ms), id: String(i), objects: [person("1")] })),
    );
    const alerts = await eventually(
      () => call.all("/alerts", "sensorId=silent&fromTimestamp=2026-01-01T00:00:00Z", "alerts"),
      (found) => found.length === 2,
    );
    expect(alerts.map(({ direction, endTimestamp }) => [direction, endTimestamp])).toEqual([
      ["down", at(1200)],
      ["up", at(100)],
    ]);
  });

  it("goes on answering after the warehouse's process was killed", async () => {
    const call = client(server.url);
    const { stdout } = await run("ps", ["-o", "pid=,args=", "--ppid", String(server.process.pid)]);
    const child = Number(/^\s*(\d+) .*chdb\/server/m.exec(stdout)?.[1]);
    expect(child).toBeGreaterThan(0);
    process.kill(child, "SIGKILL");
    const { position } = await call("POST", "/frames", [
      { sensorId: "late", timestamp: "2026-01-01T00:00:00Z", id: "1", objects: [person("1")] },
    ]);
    const frames = await eventually(
      () => call.all("/frames", `sensorId=late&fromTimestamp=2025-01-01T00:00:00Z&after=${position}`, "frames").catch(() => []),
      (found) => found.length === 1,
    );
    expect(frames).toHaveLength(1);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^tallywire_warehouse_restarts_total 1$/m);
  });

  it("stops cleanly on SIGTERM with everything it acknowledged", async () => {
    const call = client(server.url);
    let acknowledged = 0;
    let position = "";
    let going = true;
    const sending = (async () => {
      for (let i = 0; going; i++) {
        const sent = await call("POST", "/frames", [
          { sensorId: "term", timestamp: new Date(Date.UTC(2026, 0, 1) + i * 100).toISOString(), id: String(i), objects: [] },
        ]).catch(() => undefined);
        if (sent === undefined) return;
        acknowledged++;
        position = String(sent.position);
      }
    })();
    await expect.poll(() => acknowledged).toBeGreaterThan(10);
    expect(await server.stop()).toBe(0);
    going = false;
    await sending;
    server = await start(data);
    const frames = await client(server.url).all(
      "/frames",
      `sensorId=term&fromTimestamp=2025-01-01T00:00:00Z&limit=1000&after=${position}`,
      "frames",
    );
    expect(frames.length).toBeGreaterThanOrEqual(acknowledged);
  });

  it("imports a recording from the command line, and a second time finds nothing new", async () => {
    const file = join(await folder(), "tracks.txt");
    await writeFile(file, Array.from({ length: 60 }, (_, i) => `${i + 1},7,${100 + i * 10},200,50,100,0.9,1,1`).join("\n"));
    const again = async () =>
      (
        await run(process.execPath, [
          MAIN,
          "import",
          file,
          "--to",
          server.url,
          "--sensor",
          "mot",
          "--fps",
          "30",
          "--start",
          "2026-01-01T08:00:00Z",
        ])
      ).stdout;
    expect(await again()).toContain("60 accepted, 0 known before, 0 rejected");
    expect(await again()).toContain("0 accepted, 60 known before, 0 rejected");
    const frames = await eventually(
      () => client(server.url).all("/frames", "sensorId=mot&fromTimestamp=2026-01-01T00:00:00Z", "frames"),
      (found) => found.length === 60,
    );
    expect(frames).toHaveLength(60);
  });

  it("comes back after kill -9, and a subscriber resumes without loss or repeat", async () => {
    const current = { url: server.url as string | undefined };
    await client(server.url)("POST", "/config/rule/alerts/fov", { sensorId: "door", rules: [entries] });
    const subscriber = resumingSubscriber(() => current.url);
    await subscriber.ready;
    const arrive = (id: number) =>
      [0, 100].map((ms) => ({
        sensorId: "door",
        timestamp: new Date(Date.UTC(2026, 0, 2) + id * 10_000 + ms).toISOString(),
        id: `${id}/${ms}`,
        objects: [person(String(id))],
      }));
    for (let id = 0; id < 5; id++) await client(server.url)("POST", "/frames", arrive(id));
    current.url = undefined;
    server.process.kill("SIGKILL");
    await server.ended;
    server = await start(data);
    for (let id = 5; id < 10; id++) await client(server.url)("POST", "/frames", arrive(id));
    current.url = server.url;
    await subscriber.until(() => subscriber.received.size === 10);
    expect([subscriber.received.size, subscriber.doubled, subscriber.gaps]).toEqual([10, [], 0]);
    subscriber.close();
  });
});

describe("settings", () => {
  const refused = async (env: Record<string, string>, args: readonly string[] = []): Promise<string> => {
    const { PORT: _, ...inherited } = process.env;
    const result = await run(process.execPath, [MAIN, "config", ...args], { env: { ...inherited, ...env } }).catch(
      (error: { code: number; stderr: string }) => error,
    );
    expect(result).toMatchObject({ code: 78 });
    return result.stderr;
  };

  it("refuses another address than loopback while tokens are off, unless told so by name", async () => {
    expect(await refused({ TALLYWIRE_HOST: "0.0.0.0" })).toContain("TALLYWIRE_INSECURE_BIND=true");
    const { stdout } = await run(process.execPath, [MAIN, "config"], {
      env: { ...process.env, TALLYWIRE_HOST: "0.0.0.0", TALLYWIRE_INSECURE_BIND: "true" },
    });
    expect(stdout).toContain("TALLYWIRE_HOST=0.0.0.0");
  });

  it("names every fault, an unknown name among them", async () => {
    const text = await refused({ TALLYWIRE_PORT: "eighty", TALLYWIRE_FACT_DAYS: "3" });
    expect(text).toMatch(/TALLYWIRE_FACT_DAYS: no such setting/);
    expect(text).toMatch(/TALLYWIRE_PORT: must be a whole number/);
  });

  it("takes flags before the environment before a file, and masks secrets", async () => {
    const file = join(await folder(), "settings.json");
    await writeFile(file, JSON.stringify({ TALLYWIRE_PARTITIONS: 2, TALLYWIRE_FACTS_DAYS: 3, TALLYWIRE_METRICS_AUTH: "me:hunter2" }));
    expect(await readFile(file, "utf8")).toContain("hunter2");
    const env = { ...process.env, TALLYWIRE_FACTS_DAYS: "4", TALLYWIRE_PORT: "5" };
    const { stdout } = await run(process.execPath, [MAIN, "config", "--config", file, "--port", "6"], { env });
    expect(stdout).toMatch(/TALLYWIRE_PARTITIONS=2\n/);
    expect(stdout).toMatch(/TALLYWIRE_FACTS_DAYS=4\n/);
    expect(stdout).toMatch(/TALLYWIRE_PORT=6\n/);
    expect(stdout).toMatch(/TALLYWIRE_METRICS_AUTH=\*\*\*\n/);
    expect(stdout).not.toContain("hunter2");
  });
});
