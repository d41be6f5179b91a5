import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, shopEntrance } from "../../examples/simulator.ts";
import { client } from "./client.ts";

const BODIES = 8;
/** Times a job may have ended before it was killed: then it is asked for once more. */
const MOST_ASKED = 20;
const dirs: string[] = [];
const servers: RunningServer[] = [];

afterAll(async () => {
  for (const server of servers) if (server.process.exitCode === null && server.process.signalCode === null) server.process.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
});

type Job = { readonly id: string; readonly state: string; readonly progress?: { readonly done: number }; readonly endedAt?: string };

describe("a server that is killed while it runs a job", () => {
  it("takes the job up again when it is started, and ends it", async () => {
    const data = await mkdtemp(join(tmpdir(), "tallywire-e2e-"));
    dirs.push(data);
    const lines: string[] = [];
    const start = async (env: Record<string, string> = {}) => {
      const server = await startServer({ data, env, onLine: (line) => lines.push(line) });
      servers.push(server);
      return server;
    };
    // With so small a share it goes slowly, as long as the server has other work.
    const first = await start({ TALLYWIRE_JOBS_SHARE: "0.05" });
    const call = client(first.url);
    await call("POST", "/config/tripwire", demoConfiguration.tripwire);
    for (const [place, body] of Object.entries(demoConfiguration.rules))
      if (place === "tripwire") await call("POST", `/config/rule/alerts/${place}`, body);
    const frames = shopEntrance({ begin: Date.UTC(2026, 0, 5, 8) });
    const body = (): unknown => Array.from({ length: 100 }, () => frames.next().value);
    for (let n = 0; n < BODIES; n++) await call("POST", "/frames", body());
    let isOver = false;
    const other = (async () => {
      while (!isOver) await call("POST", "/frames", body()).catch(() => sleep(10));
    })();
    const find = async (url: string, id: string) => (await client(url)("GET", `/verifications/${id}`)) as unknown as Job;
    const running = async (): Promise<Job> => {
      for (let asked = 0; asked < MOST_ASKED; asked++) {
        const { id } = (await call("POST", "/verifications", { derive: true })) as unknown as Job;
        for (let found = await find(first.url, id); !/done|failed/.test(found.state); found = await find(first.url, id)) {
          if (found.state === "running" && found.progress !== undefined) return found;
          await sleep(5);
        }
      }
      throw new Error("every job had ended before it could be killed");
    };
    const { id } = await running().finally(async () => {
      first.process.kill("SIGKILL");
      await first.ended;
      isOver = true;
      await other;
    });
    const second = await start();
    expect(await client(second.url).ended("verifications", id), lines.join("\n")).toMatchObject({
      state: "done",
      result: { verdict: "agree" },
    });
    expect(await second.stop()).toBe(0);
  }, 180_000);
});
