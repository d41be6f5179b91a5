/** NVIDIA's topic in, alerts out: a whole server, a real broker. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { cameraEvent, nvFrame, nvObject } from "../support/foreign.ts";
import { client } from "./client.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const url = await kafkaForTests("NVIDIA's topic, end to end");
const kafka = new kafkajs.Kafka({ brokers: [...readKafkaUrl(url ?? "kafka://127.0.0.1:1").brokers], logLevel: kafkajs.logLevel.NOTHING });
const dirs: string[] = [];
const servers: RunningServer[] = [];
const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "tallywire-sources-"));
  dirs.push(dir);
  return dir;
};
afterAll(async () => {
  for (const server of servers) if (server.process.exitCode === null && server.process.signalCode === null) server.process.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
});

const until = async <T>(look: () => Promise<T>, is: (found: T) => boolean): Promise<T> => {
  for (const begin = performance.now(); ; await sleep(100)) {
    const found = await look();
    if (is(found)) return found;
    if (performance.now() - begin > 40_000) throw new Error(`it did not come to that: ${JSON.stringify(found).slice(0, 1000)}`);
  }
};

describe.skipIf(url === undefined)("NVIDIA's topic", { timeout: 120_000 }, () => {
  const topic = `mdx-raw-${randomUUID()}`;
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  const begin = Date.now() - 300_000;
  const people = 200;
  /** Somebody new in every second frame. */
  const frame = (n: number) => ({
    key: "entrance",
    value: Buffer.from(nvFrame("entrance", `f${n}`, begin + 100 * n, [nvObject({ id: `p${Math.floor(n / 2)}` })])),
  });
  const frames = Array.from({ length: 2 * people }, (_, n) => frame(n));
  let data: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
    await admin.disconnect();
    await producer.connect();
    data = await folder();
    const file = join(data, "sources.json");
    await writeFile(file, JSON.stringify({ sources: [{ url, topic, sensor: { from: "field", names: { entrance: "lobby" } } }] }));
    env = { TALLYWIRE_SOURCES: file };
  });
  afterAll(() => producer.disconnect());

  it("gives its frames to rules, and each alert once, whenever the server is killed", async () => {
    const start = async (): Promise<RunningServer> => {
      const server = await startServer({ data, env });
      servers.push(server);
      return server;
    };
    const alertsAt = (server: RunningServer) => async () =>
      client(server.url).all("/alerts", "sensorId=lobby&fromTimestamp=2020-01-01T00:00:00Z&limit=1000", "alerts");
    const first = await start();
    const rule = { ruleId: "r", name: "Ten people", ruleType: "increment", countThreshold: 10, direction: "entry" };
    const fov = { sensorId: "lobby", fov: { minFrames: 1 } };
    await client(first.url)("POST", "/config/sensor", fov);
    await client(first.url)("POST", "/config/rule/alerts/fov", { sensorId: "lobby", rules: [rule] });
    await producer.send({ topic, messages: frames.slice(0, people) });
    await until(alertsAt(first), (alerts) => alerts.length > 2);
    first.process.kill("SIGKILL");
    await first.ended;
    await producer.send({ topic, messages: frames.slice(people) });
    const second = await start();
    const alerts = await until(alertsAt(second), (found) => found.length >= people / 10);
    expect(alerts).toHaveLength(people / 10);
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(people / 10);
    expect(alerts.every(({ count, rule_type }) => count === 10 && rule_type === "increment")).toBe(true);

    // The camera goes: whoever is still there has left then.
    await producer.send({
      topic,
      messages: [{ key: "vst.event", value: cameraEvent("entrance", "camera_remove"), timestamp: String(begin + 200 * people) }],
    });
    const stays = await until(
      () => client(second.url).all("/stays", "sensorId=lobby&fromTimestamp=2020-01-01T00:00:00Z&limit=1000", "stays"),
      (found) => found.some(({ reason }) => reason === "sensor_lost"),
    );
    expect(stays.filter(({ reason }) => reason === "sensor_lost").length).toBeGreaterThan(0);
    const text = await (await fetch(`${second.url}/metrics`)).text();
    expect(text).toMatch(new RegExp(`tallywire_source_lag_records\\{topic="${topic}"\\} 0`));
    expect(await second.stop()).toBe(0);
  });
});

describe("a file of sources", () => {
  const serve = async (file: string, env: Record<string, string> = {}) => {
    const dir = await folder();
    const path = join(dir, "sources.json");
    await writeFile(path, file);
    const all = { ...process.env, TALLYWIRE_PORT: "0", TALLYWIRE_DATA: join(dir, "data"), TALLYWIRE_SOURCES: path, ...env };
    return run(process.execPath, [MAIN, "serve"], { env: all, timeout: 30_000 }).then(
      () => ({ code: 0, stderr: "" }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    );
  };

  it("that cannot be is said before anything starts, line by line", async () => {
    const { code, stderr } = await serve('{"sources":[{"topic":"a","from":"first"},{"tenant":""}]}');
    expect(code).toBe(78);
    expect(stderr).toMatch(/TALLYWIRE_SOURCES: .*sources\.json: sources\.0\.from: /);
    expect(stderr).toMatch(/TALLYWIRE_SOURCES: .*sources\.json: sources\.1\.topic: /);
  });

  it("that is not there is said too", async () => {
    const { code, stderr } = await serve("", { TALLYWIRE_SOURCES: "nowhere.json" });
    expect(code).toBe(78);
    expect(stderr).toContain("TALLYWIRE_SOURCES: nowhere.json: ENOENT");
  });

  it("whose topic has no url needs a log on Kafka", async () => {
    const { code, stderr } = await serve('{"sources":[{"topic":"mdx-raw"}]}');
    expect(code).toBe(1);
    expect(stderr).toContain("The topic mdx-raw has no url");
  });
});
