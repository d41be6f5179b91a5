import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metrics } from "../../domain/metrics.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { type RunningKafka, startKafka } from "../servers/kafka.ts";
import { client } from "./client.ts";

const canStart = await canStartKafka("a server whose broker is away");

type Part = { readonly part: string; readonly ready: boolean; readonly detail: string };

describe.skipIf(!canStart)("a server whose broker is away", () => {
  let kafka: RunningKafka;
  let server: RunningServer;
  let data: string;
  let position: string;
  const fatal: string[] = [];

  const timed = async (path: string): Promise<{ readonly status: number; readonly text: string; readonly ms: number }> => {
    const began = performance.now();
    const answer = await fetch(`${server.url}${path}`);
    return { status: answer.status, text: await answer.text(), ms: performance.now() - began };
  };
  const parts = (text: string): readonly Part[] => JSON.parse(text).parts;
  const hasNoLag = (text: string): boolean =>
    ["engine", "projector"].every((stage) => new RegExp(`^tallywire_lag_frames\\{stage="${stage}"\\} 0$`, "m").test(text));
  const isReady = async (): Promise<boolean> => (await timed("/readyz")).status === 200;

  beforeAll(async () => {
    kafka = await startKafka({ heapMb: 512 });
    data = await mkdtemp(join(tmpdir(), "tallywire-away-"));
    server = await startServer({
      data,
      env: { TALLYWIRE_LOG: `${kafka.url}/away`, TALLYWIRE_PARTITIONS: "4" },
      onLine: (line) => {
        if (/"level":"fatal"/.test(line)) fatal.push(line);
      },
    });
    while (!(await isReady())) await sleep(100);
    const frame = { sensorId: "door", id: "1", timestamp: "2026-01-02T00:00:00Z", objects: [] };
    position = String((await client(server.url)("POST", "/frames", [frame])).position);
    await client(server.url)("GET", `/alerts?sensorId=door&fromTimestamp=2026-01-01T00:00:00Z&after=${position}`);
    // What is seen last before the broker goes is what is told then: a look may have come while the frame was under way.
    while (!hasNoLag((await timed("/metrics")).text)) await sleep(100);
    await kafka.kill();
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
    await kafka?.stop();
    if (data !== undefined) await rm(data, { recursive: true, force: true });
  }, 60_000);

  it("says so at /readyz, soon, and names the log; so it says to many who ask at once", { timeout: 60_000 }, async () => {
    const answers = [await timed("/readyz"), ...(await Promise.all(Array.from({ length: 20 }, () => timed("/readyz"))))];
    for (const { status, text, ms } of answers) {
      // Far less than a client of a broker waits for it, and than each would wait for the one before.
      expect(ms).toBeLessThan(10_000);
      expect(status).toBe(503);
      const log = parts(text).find(({ part }) => part === "log");
      expect(log).toMatchObject({ ready: false, roles: ["ingest", "engine", "projector", "api", "jobs"] });
      expect(log?.detail).toMatch(/\w+ \w+/);
      expect(parts(text).map(({ part }) => part)).toEqual(["log", "store", "engine", "warehouse", "projector", "jobs"]);
    }
  });

  it("tells its figures at once, with the lag as it was seen last", async () => {
    const { status, text, ms } = await timed("/metrics");
    expect([status, ms < 1000]).toEqual([200, true]);
    for (const name of Object.keys(metrics)) expect(text).toContain(`# TYPE ${name} `);
    expect(hasNoLag(text)).toBe(true);
  });

  it("answers who waits for what was written after five seconds, with 503", { timeout: 90_000 }, async () => {
    // For a while it is still known how far the engine has come; then the log must be asked.
    const asked: { status: number; ms: number }[] = [];
    for (const began = performance.now(); performance.now() - began < 45_000; ) {
      const { status, ms } = await timed(`/api/v2/alerts?sensorId=door&fromTimestamp=2026-01-01T00:00:00Z&after=${position}`);
      asked.push({ status, ms });
      if (status === 503) break;
      await sleep(500);
    }
    expect(asked.filter(({ ms }) => ms > 10_000)).toEqual([]);
    expect(asked.at(-1)?.status).toBe(503);
  });

  it("ends when the rest cannot be opened: no connection to the broker keeps it alive", { timeout: 60_000 }, async () => {
    await kafka.restart();
    const said: string[] = [];
    const env = { TALLYWIRE_LOG: `${kafka.url}/other` };
    const sameFolder = startServer({ data, env, onLine: (line) => void said.push(line) });
    await expect(sameFolder).rejects.toThrow("ended before it listened");
    await expect.poll(() => said.join()).toMatch(/in use/);
  });

  it("is ready again when the broker is back", { timeout: 120_000 }, async () => {
    await expect.poll(isReady, { timeout: 90_000 }).toBe(true);
    expect(parts((await timed("/readyz")).text).find(({ part }) => part === "log")?.detail).toBe("takes facts");
  });

  it("ends when it is told to, with frames under way that cannot be acknowledged", { timeout: 90_000 }, async () => {
    await kafka.kill();
    const frame = { sensorId: "door", id: "2", timestamp: "2026-01-02T00:00:01Z", objects: [] };
    const sent = client(server.url)("POST", "/frames", [frame]).then(
      () => "acknowledged",
      () => "not acknowledged",
    );
    await sleep(500);
    const began = performance.now();
    const code = await server.stop();
    expect([code, fatal]).toEqual([0, []]);
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(await sent).toBe("not acknowledged");
  });
});
