/** What was recorded by one server sent to another: by file, by MOT, by topic; over connections that break. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { openKafkaTopic } from "../../adapters/topic-kafka.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, demoSensor, shopEntrance } from "../../examples/simulator.ts";
import { importFile } from "../../ingest/file.ts";
import { type Output, ReplayError, type ReplayOptions, replay } from "../../replay-command.ts";
import { openOutput } from "../../replay-outputs.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { silent } from "../support/frames.ts";
import { connect as connectSocket, type Loose } from "../support/surface.ts";
import { client } from "./client.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const kafka = await kafkaForTests("replaying into a topic");
const FRAMES = 3000;
const begin = Date.parse("2026-01-05T08:00:00.000Z");
const at = (ms: number): string => new Date(begin + ms).toISOString();

const dirs: string[] = [];
const servers: RunningServer[] = [];
const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "tallywire-replay-"));
  dirs.push(dir);
  return dir;
};
const frames = (() => {
  const all: object[] = [];
  for (const frame of shopEntrance({ begin, seed: 7 })) if (all.push(frame) === FRAMES) return all;
  return all;
})();

/** The same decisions in the same order: so rules have the same versions. */
const start = async (env: Record<string, string> = {}): Promise<RunningServer> => {
  const server = await startServer({ data: await folder(), env });
  servers.push(server);
  const call = client(server.url);
  await call("POST", "/config/tripwire", demoConfiguration.tripwire);
  await call("POST", "/config/roi", demoConfiguration.roi);
  await call("POST", "/config/sensor", { sensorId: demoSensor });
  for (const [analytic, rules] of Object.entries(demoConfiguration.rules)) await call("POST", `/config/rule/alerts/${analytic}`, rules);
  return server;
};
const post = async (server: RunningServer, lines: readonly string[]): Promise<string> => {
  const response = await fetch(`${server.url}/api/v2/frames`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
  const body = (await response.json()) as { readonly position: string; readonly rejected: readonly unknown[] };
  expect([response.status, body.rejected]).toEqual([202, []]);
  return body.position;
};
const alertsAt = (server: RunningServer, position = "") =>
  client(server.url).all(
    "/alerts",
    `sensorId=${demoSensor}&fromTimestamp=${at(-1000)}&toTimestamp=${at(86_400_000)}&limit=1000${position && `&after=${position}`}`,
    "alerts",
  );
const linesOf = async (server: RunningServer, query: string): Promise<string[]> =>
  (await (await fetch(`${server.url}/api/v2/replay?${query}`)).text()).split("\n").filter((line) => line !== "");
const facts = `what=facts&sensorId=${demoSensor}`;

const noTopic = () => Promise.reject(new Error("no topic was asked for"));
/** Keeps what it is given. */
const kept = () => {
  const lines: string[] = [];
  const output: Output = { write: async (some) => void lines.push(...some.map(({ text }) => text)), close: async () => {} };
  return { lines, output };
};
const asked = (server: string, own: Partial<ReplayOptions> & Pick<ReplayOptions, "output">): ReplayOptions => ({
  server,
  what: "facts",
  sensors: [demoSensor],
  clock: systemClock,
  tell: () => {},
  ...own,
});

let source: RunningServer;
let position: string;
let raised: Record<string, unknown>[];
beforeAll(async () => {
  source = await start();
  position = await post(
    source,
    frames.map((frame) => JSON.stringify(frame)),
  );
  raised = await alertsAt(source, position);
  expect(raised.length).toBeGreaterThan(5);
}, 60_000);
afterAll(async () => {
  for (const server of servers) if (server.process.exitCode === null) server.process.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
});

describe("facts of one server, posted to another", { timeout: 60_000 }, () => {
  it("give the same alerts, id by id, by way of a file that the command wrote", async () => {
    const file = join(await folder(), "facts.ndjson");
    const { stderr } = await run(process.execPath, [
      MAIN,
      "replay",
      "--what",
      "facts",
      "--sensor",
      demoSensor,
      "--out",
      file,
      "--server",
      source.url,
    ]);
    expect(stderr).toMatch(new RegExp(`^${FRAMES} lines written to .*facts.ndjson; --since [\\w-]+ goes on from here$`, "m"));
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    expect(lines).toEqual(await linesOf(source, facts));
    const other = await start();
    const reached = await post(other, lines);
    expect(await alertsAt(other, reached)).toEqual(raised);
    // And told again from there, they are the same lines.
    expect(await linesOf(other, facts)).toEqual(lines);
    await expect(openOutput(file, noTopic)).rejects.toThrow("is there already; name another file");
    await expect(openOutput(join(file, "below"), noTopic)).rejects.toThrow("cannot be made");
  });

  it("leave no file behind where the server refuses, and an empty one where there are none", async () => {
    const file = join(await folder(), "none.ndjson");
    const to = async (more: Partial<ReplayOptions>) =>
      replay(asked(source.url, { output: await openOutput(file, noTopic), sensors: [demoSensor], ...more }));
    await expect(to({ fps: "none" })).rejects.toThrow(ReplayError);
    await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await to({ from: begin - 2000, to: begin - 1000 })).toMatchObject({ lines: 0 });
    expect(await readFile(file, "utf8")).toBe("");
  });

  it("are those of a range of event time, the first included and the last not", async () => {
    const [from, to] = [begin + 60_000, begin + 90_000];
    const wanted = frames.filter((frame) => {
      const time = Date.parse((frame as { timestamp: string }).timestamp);
      return time >= from && time < to;
    });
    const lines = await linesOf(source, `${facts}&fromTimestamp=${new Date(from).toISOString()}&toTimestamp=${new Date(to).toISOString()}`);
    expect(wanted.length).toBeGreaterThan(100);
    expect(lines.map((line) => JSON.parse(line).timestamp)).toEqual(wanted.map((frame) => (frame as Loose).timestamp));
    expect(await linesOf(source, `${facts}&fromTimestamp=${at(86_400_000)}`)).toEqual([]);
    expect(await linesOf(source, `${facts}&toTimestamp=${at(0)}`)).toEqual([]);
  });

  it("go on after the position of a write, and after the cursor of a line", async () => {
    expect(await linesOf(source, `${facts}&since=${position}`)).toEqual([]);
    const all = await linesOf(source, `${facts}&cursors=true`);
    const { cursor } = JSON.parse(all[1234] as string);
    expect(await linesOf(source, `${facts}&since=${cursor}`)).toEqual((await linesOf(source, facts)).slice(1235));
    expect((await fetch(`${source.url}/api/v2/replay?what=facts&sensorId=nobody-3&since=${position}`)).status).toBeOneOf([200, 422]);
  });

  it("have what became of the camera among them where that is asked for", async () => {
    const state = { state: "offline", at: at(1_000_000), reason: "cut off" };
    await client(source.url)("POST", "/cameras/gate/state", state);
    await post(source, [JSON.stringify({ sensorId: "gate", timestamp: at(0), objects: [] })]);
    const lines = (await linesOf(source, "what=facts&sensorId=gate&states=true")).map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { kind: "camera-state", sensorId: "gate", ...state },
      { sensorId: "gate", timestamp: at(0), id: expect.stringMatching(/^#/), objects: [] },
    ]);
    expect(await linesOf(source, "what=facts&sensorId=gate")).toHaveLength(1);
  });

  it("go on with what comes, as the command does until it is stopped", async () => {
    const { lines, output } = kept();
    const stopping = new AbortController();
    const done = replay(asked(source.url, { output, sensors: ["later"], follow: true, signal: stopping.signal }));
    for (let n = 0; n < 3; n++) {
      await post(source, [JSON.stringify({ sensorId: "later", id: `f${n}`, timestamp: at(1000 * n), objects: [] })]);
      await vi.waitFor(() => expect(lines.map((line) => JSON.parse(line).id)).toEqual(["f0", "f1", "f2"].slice(0, n + 1)), 10_000);
    }
    stopping.abort();
    expect(await done).toEqual({ lines: 3, cursor: expect.any(String) });
  });
});

describe("MOT", { timeout: 60_000 }, () => {
  it("is read back as the same frames, with what the command says it is to be read with", async () => {
    const file = join(await folder(), "facts.txt");
    // MOT has whole numbers for tracks, and none of ours.
    const walk = Array.from({ length: 200 }, (_, i) => ({
      sensorId: "lane",
      timestamp: at(40 * i + (i % 7)),
      objects: [
        {
          id: String(1 + (i % 3)),
          type: "Person",
          bbox: { leftX: 0.1 * i, topY: 1 / 3, rightX: 0.1 * i + 0.7, bottomY: 20.1 },
          confidence: 0.1 * (i % 9),
        },
        { id: "", type: "Car", bbox: { leftX: 5, topY: 5, rightX: 5, bottomY: 9 }, info: { visibility: "0.25" } },
      ],
    }));
    await post(
      source,
      walk.map((frame) => JSON.stringify(frame)),
    );
    const told: string[] = [];
    const output = await openOutput(file, noTopic);
    await replay(asked(source.url, { output, sensors: ["lane"], format: "mot", tell: (line) => void told.push(line) }));
    expect(told).toEqual([`To be read with: fps=1000; start=${at(0)}; type=Person; late=0.`]);
    const back = { format: "mot", fps: 1000, start: begin, type: "Person", sensor: "back" } as const;
    const { rejections } = await importFile({ ...back, file, to: source.url, clock: systemClock });
    expect(rejections).toBe(0);
    const shown = async (sensor: string) =>
      (await linesOf(source, `what=facts&sensorId=${sensor}`)).map((line) => {
        const { timestamp, objects } = JSON.parse(line);
        return { timestamp, objects };
      });
    expect(await shown("back")).toEqual(await shown("lane"));
    expect(await shown("back")).toHaveLength(200);
  });
});

/** Cuts each of the first connections off after so many bytes of its answer. */
const cutting = async (to: string, cuts: number, bytes: number) => {
  let left = cuts;
  const server: Server = createServer((near) => {
    const far = connect(Number(new URL(to).port), "127.0.0.1");
    let passed = 0;
    near.pipe(far);
    far.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      if (passed > bytes && left > 0) {
        left--;
        far.destroy();
        near.write(chunk.subarray(0, chunk.length - (passed - bytes)), () => near.destroy());
      } else if (!near.write(chunk)) far.pause();
    });
    near.on("drain", () => far.resume());
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on("error", () => {}).on("close", () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, cut: () => cuts - left, close: () => server.close() };
};

describe("a connection that breaks", { timeout: 60_000 }, () => {
  it("is made again, and it goes on after the last line: nothing is lost and nothing comes twice", async () => {
    for (const what of ["facts", "alerts"] as const) {
      const broken = await cutting(source.url, 3, what === "facts" ? 150_000 : 2_000);
      const { lines, output } = kept();
      const told: string[] = [];
      const done = await replay(asked(broken.url, { what, output, tell: (line) => void told.push(line) }));
      broken.close();
      expect(broken.cut()).toBe(3);
      expect(told.filter((line) => line.startsWith("The connection broke"))).toHaveLength(3);
      expect(lines).toEqual(await linesOf(source, `what=${what}&sensorId=${demoSensor}`));
      expect(done.lines).toBe(lines.length);
    }
  });

  it("is told of where it cannot be gone on with: MOT, and a server that refuses", async () => {
    const broken = await cutting(source.url, 1, 4_000);
    const mot = replay(asked(broken.url, { output: kept().output, sensors: ["lane"], format: "mot" }));
    await expect(mot).rejects.toThrow(/MOT cannot be gone on with: the \d+ lines written are a part only/);
    broken.close();
    const refused = replay(asked(source.url, { output: kept().output, since: "AAAA" }));
    await expect(refused).rejects.toThrow("The server refused: 422: since: was never given out here");
    const away = replay(asked("http://127.0.0.1:1", { output: kept().output, clock: { ...systemClock, sleep: async () => {} } }));
    await expect(away).rejects.toThrow(/The server cannot be reached: .* It was not gone on with. 0 lines were written\./s);
    const full: Output = { write: () => Promise.reject(new Error("no space left")), close: async () => {} };
    await expect(replay(asked(source.url, { output: full }))).rejects.toThrow(
      "The lines cannot be written: no space left 0 lines were written.",
    );
  });
});

describe("alerts again", { timeout: 60_000 }, () => {
  it("by HTTP and on a socket are those that were raised, in the order of their time", async () => {
    const again = (await linesOf(source, `sensorId=${demoSensor}`)).map((line) => JSON.parse(line));
    const newest = new Map(again.map((alert) => [alert.id, alert]));
    expect([...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
      [...raised].sort((a, b) => ((a.id as string) < (b.id as string) ? -1 : 1)),
    );
    const filter = [
      {
        sensorId: demoSensor,
        ...{
          tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
          rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
          fov: { alertRuleTypes: ["*"] },
        },
      },
    ];
    const query = `filter=${encodeURIComponent(JSON.stringify(filter))}&since=${new Date(Date.now() - 3_600_000).toISOString()}&follow=false`;
    const peer = connectSocket(`${source.url}/api/v2/alerts/ws?${query}`, ["tallywire.v1"]);
    expect((await peer.closed).code).toBe(1000);
    expect(peer.messages.flatMap(({ alerts = [] }) => alerts)).toEqual(again);
  });
});

describe.skipIf(kafka === undefined)("a topic", { timeout: 120_000 }, () => {
  it("that facts were sent to is taken in by another server, with the same alerts", async () => {
    const topic = `replayed-${randomUUID()}`;
    const url = `${kafka}/${topic}`;
    const openTopic = (where: string) => openKafkaTopic({ url: where, journal: silent }, systemClock);
    await expect(openOutput(url, openTopic)).rejects.toThrow(`There is no topic ${topic}`);
    await expect(openOutput(`${kafka}`, openTopic)).rejects.toThrow("names no topic");
    const admin = await connectKafka({ url: `${kafka}`, journal: silent });
    await admin.ensureTopics([{ topic, partitions: 3, config: {}, must: {} }]);
    const sources = join(await folder(), "sources.json");
    await writeFile(sources, JSON.stringify({ sources: [{ url: kafka, topic }] }));
    const other = await start({ TALLYWIRE_SOURCES: sources });
    const broken = await cutting(source.url, 2, 150_000);
    const output = await openOutput(url, openTopic);
    expect(await replay(asked(broken.url, { output }))).toMatchObject({ lines: FRAMES });
    broken.close();
    expect(broken.cut()).toBe(2);
    let records = 0;
    for (let partition = 0; partition < 3; partition++) records += (await admin.offsets(topic, partition)).stable;
    expect(records).toBe(FRAMES);
    await admin.close();
    for (let found: unknown[] = []; found.length < raised.length; await sleep(200)) found = await alertsAt(other);
    expect(await alertsAt(other)).toEqual(raised);
  });
});
