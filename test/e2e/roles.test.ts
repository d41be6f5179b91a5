import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { readConfig } from "../../config.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { type RunningDialect, startClickhouseDialect } from "../servers/clickhouse-dialect.ts";
import { type FakeKurrentDb, startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { client } from "./client.ts";
import { resumingSubscriber } from "./subscriber.ts";

const kafka = await kafkaForTests("processes that share the work");
const PARTITIONS = 4;
const SENSORS = Array.from({ length: 12 }, (_, i) => `door-${i}`);
const entries = { ruleId: "hello", name: "Somebody came in", ruleType: "increment", countThreshold: 1, direction: "entry" };
const person = (id: string, x = 600) => ({ id, type: "Person", bbox: { leftX: x, topY: 300, rightX: x + 60, bottomY: 480 } });
/** Somebody comes in: two frames, one alert. */
const arrival = (sensorId: string, n: number) =>
  [0, 100].map((ms) => ({
    sensorId,
    timestamp: new Date(Date.UTC(2026, 0, 2) + n * 10_000 + ms).toISOString(),
    id: `${n}/${ms}`,
    objects: [person(String(n))],
  }));

type Node = { readonly name: string; readonly roles: string; server: RunningServer | undefined };
type Told = Record<string, unknown>;

describe.skipIf(kafka === undefined)("processes that share the work", () => {
  let decisions: FakeKurrentDb;
  let warehouse: RunningDialect;
  let data: string;
  let env: Record<string, string>;
  const nodes: Node[] = [];
  const fatal: string[] = [];
  const positions = new Map<string, string>();
  let arrived = 0;

  const start = async (node: Node): Promise<void> => {
    const onLine = (line: string): void => {
      if (/"level":"fatal"/.test(line) || !line.startsWith("{")) fatal.push(`${node.name}: ${line}`);
    };
    node.server = await startServer({ data, env: { ...env, TALLYWIRE_ROLES: node.roles }, onLine });
  };
  const add = async (name: string, roles: string): Promise<Node> => {
    const node: Node = { name, roles, server: undefined };
    nodes.push(node);
    await start(node);
    return node;
  };
  const named = (name: string): Node => nodes.find((node) => node.name === name) as Node;
  const urlOf = (name: string): string => named(name).server?.url ?? "";
  const kill = async (name: string): Promise<void> => {
    const node = named(name);
    const server = node.server as RunningServer;
    node.server = undefined;
    server.process.kill("SIGKILL");
    await server.ended;
  };
  const get = async (name: string, path: string): Promise<{ status: number; body: Told }> => {
    const answer = await fetch(`${urlOf(name)}${path}`);
    return { status: answer.status, body: (await answer.json()) as Told };
  };
  const untilReady = async (name: string): Promise<Told> => {
    for (const begin = performance.now(); ; await sleep(100)) {
      const { status, body } = await get(name, "/readyz");
      if (status === 200) return body;
      if (performance.now() - begin > 60_000) throw new Error(`${name} is not ready: ${JSON.stringify(body)}`);
    }
  };
  /** Until the door has taken it. What is sent again is the same. */
  const insist = async (sensorId: string, n: number): Promise<void> => {
    for (;;) {
      const sent = await client(urlOf("ingest"))("POST", "/frames", arrival(sensorId, n)).catch(() => undefined);
      if (sent !== undefined) return void positions.set(sensorId, String(sent.position));
      await sleep(50);
    }
  };
  /** So many more at each door. */
  const arrive = async (more: number): Promise<void> => {
    for (let n = 0; n < more; n++, arrived++) for (const sensorId of SENSORS) await insist(sensorId, arrived);
  };
  /** What an answering process says of every door; it waits for what was written. */
  const listed = async (name: string): Promise<string[]> => {
    const ids: string[] = [];
    for (const sensorId of SENSORS) {
      const query = `sensorId=${sensorId}&fromTimestamp=2026-01-01T00:00:00Z&limit=1000&after=${positions.get(sensorId)}`;
      for (let tries = 0; ; tries++) {
        const alerts = await client(urlOf(name))
          .all("/alerts", query, "alerts")
          .catch((error: unknown) => {
            if (tries > 12) throw error;
          });
        if (alerts !== undefined) {
          ids.push(...alerts.map(({ id }) => String(id)));
          break;
        }
      }
    }
    return ids;
  };

  beforeAll(async () => {
    [decisions, warehouse] = await Promise.all([startFakeKurrentDb(), startClickhouseDialect()]);
    data = await mkdtemp(join(tmpdir(), "tallywire-roles-"));
    env = {
      TALLYWIRE_LOG: `${kafka}/roles-${randomUUID().slice(0, 8)}`,
      TALLYWIRE_STORE: decisions.url,
      TALLYWIRE_WAREHOUSE: warehouse.url,
      TALLYWIRE_PARTITIONS: String(PARTITIONS),
    };
    await add("ingest", "ingest");
    for (const [name, roles] of [
      ["engine-1", "engine"],
      ["engine-2", "engine"],
      ["projector-1", "projector"],
      ["projector-2", "projector"],
      ["api-1", "api"],
      ["api-2", "api"],
    ] as const)
      await add(name, roles);
    await Promise.all(nodes.map(({ name }) => untilReady(name)));
  }, 180_000);
  afterAll(async () => {
    for (const { server } of nodes)
      if (server?.process.exitCode === null && server.process.signalCode === null) server.process.kill("SIGKILL");
    await Promise.all(nodes.map(({ server }) => server?.ended));
    await Promise.all([decisions?.stop(), warehouse?.stop()]);
    if (data !== undefined) await rm(data, { recursive: true, force: true });
  });

  it("say what they do, and how many partitions they have", async () => {
    const has = async (names: readonly string[], part: string): Promise<number[]> => {
      const found = await Promise.all(names.map(async (name) => ({ name, body: await untilReady(name) })));
      return found.map(({ body }) => {
        const { detail } = (body.parts as { part: string; detail: string }[]).find((one) => one.part === part) ?? { detail: "" };
        return Number(/^has (\d+) of 4 partitions/.exec(detail)?.[1]);
      });
    };
    expect(await has(["engine-1", "engine-2"], "engine")).toEqual([2, 2]);
    expect(await has(["projector-1", "projector-2"], "projector")).toEqual([2, 2]);
    expect((await get("engine-1", "/readyz")).body.roles).toEqual(["engine"]);
    expect((await get("ingest", "/readyz")).body.parts).toEqual([
      { part: "log", roles: ["ingest"], ready: true, detail: "takes facts" },
      { part: "store", roles: ["ingest"], ready: true, detail: "answers" },
    ]);
    for (const { name } of nodes) expect((await get(name, "/healthz")).status).toBe(200);
    const figures = await (await fetch(`${urlOf("engine-2")}/metrics`)).text();
    expect(figures).toMatch(/^tallywire_partitions\{role="engine"\} 2$/m);
    expect(figures).not.toMatch(/stage="projector"/);
  });

  it("answer 421 for what another role serves, and name it", async () => {
    const asked = `/api/v2/alerts?sensorId=door-0`;
    expect(await get("ingest", asked)).toEqual({
      status: 421,
      body: expect.objectContaining({ detail: "This is served by a process with the role api; this one has ingest." }),
    });
    const sent = await fetch(`${urlOf("api-1")}/api/v2/frames`, { method: "POST", body: "{}" });
    expect([sent.status, ((await sent.json()) as Told).detail]).toEqual([
      421,
      "This is served by a process with the role ingest; this one has api.",
    ]);
    const socket = new WebSocket(`${urlOf("engine-1").replace("http", "ws")}/api/v2/alerts/ws`);
    expect(await new Promise((resolve) => socket.once("error", (error) => resolve(error.message)))).toContain("421");
    expect((await get("projector-1", "/api/v2/nowhere")).status).toBe(404);
  });

  it("do the main job together: what comes in at one is told by another, and any answers for what was written", async () => {
    const call = client(urlOf("api-1"));
    for (const sensorId of SENSORS) await call("POST", "/config/rule/alerts/fov", { sensorId, rules: [entries] });
    const there = (await client(urlOf("api-2"))("GET", "/config/rule/alerts/fov?sensorId=door-3")) as { rules: Told[] };
    expect(JSON.stringify(there)).toContain("Somebody came in");
    const subscribers = ["api-1", "api-2"].map((name) => resumingSubscriber(() => urlOf(name)));
    await Promise.all(subscribers.map(({ ready }) => ready));
    await arrive(5);
    const all = SENSORS.length * arrived;
    for (const name of ["api-1", "api-2"]) {
      const ids = await listed(name);
      expect([name, ids.length, new Set(ids).size]).toEqual([name, all, all]);
    }
    for (const subscriber of subscribers) {
      await subscriber.until(() => subscriber.received.size === all);
      expect([subscriber.received.size, subscriber.doubled, subscriber.gaps]).toEqual([all, [], 0]);
      subscriber.close();
    }
  });

  it("hand a subscriber over from one to the other with its cursor, while alerts come", async () => {
    const before = SENSORS.length * arrived;
    let at = "api-1";
    const subscriber = resumingSubscriber(() => urlOf(at));
    await subscriber.ready;
    let going = true;
    const moving = (async () => {
      while (going) {
        await sleep(150);
        at = at === "api-1" ? "api-2" : "api-1";
        subscriber.move();
      }
    })();
    await arrive(12);
    going = false;
    await moving;
    const fresh = SENSORS.length * arrived - before;
    await subscriber.until(() => subscriber.received.size === fresh);
    expect([subscriber.received.size, subscriber.doubled, subscriber.gaps]).toEqual([fresh, [], 0]);
    subscriber.close();
  });

  it("go on when one of each is killed with -9: others take its partitions, nothing is lost or told twice", async () => {
    const before = SENSORS.length * arrived;
    let at = "api-1";
    const subscriber = resumingSubscriber(() => (named(at).server === undefined ? undefined : urlOf(at)));
    await subscriber.ready;
    await arrive(2);
    const sending = arrive(30);
    for (const name of ["engine-1", "projector-1", "api-1", "ingest"]) {
      await kill(name);
      if (name === "api-1") at = "api-2";
      // Whoever takes frames in must come back: nothing else has that role here.
      if (name === "ingest") await start(named("ingest"));
      await sleep(300);
    }
    await sending;
    const all = SENSORS.length * arrived;
    const ids = await listed("api-2");
    expect([ids.length, new Set(ids).size]).toEqual([all, all]);
    await subscriber.until(() => subscriber.received.size === all - before);
    expect([subscriber.received.size, subscriber.doubled, subscriber.gaps]).toEqual([all - before, [], 0]);
    subscriber.close();
    const engine = await untilReady("engine-2");
    expect(JSON.stringify(engine)).toContain("has 4 of 4 partitions");
    expect(JSON.stringify(await untilReady("projector-2"))).toContain("has 4 of 4 partitions");
  }, 120_000);

  it("share anew when they come back, a fifth engine has none and is ready, and all of them stop cleanly", async () => {
    for (const name of ["engine-1", "projector-1", "api-1"]) await start(named(name));
    for (const name of ["engine-3", "engine-4", "engine-5"]) await add(name, "engine");
    await arrive(3);
    const count = async (name: string): Promise<number> => {
      const { body } = await get(name, "/readyz");
      return Number(/has (\d+) of 4/.exec(JSON.stringify(body))?.[1]);
    };
    const engines = nodes.filter(({ roles }) => roles === "engine").map(({ name }) => name);
    let counts: number[] = [];
    for (const begin = performance.now(); performance.now() - begin < 60_000; await sleep(200)) {
      counts = await Promise.all(engines.map(count));
      if (counts.toSorted().join() === "0,1,1,1,1") break;
    }
    expect(counts.toSorted()).toEqual([0, 1, 1, 1, 1]);
    expect((await get(engines[counts.indexOf(0)] as string, "/readyz")).status).toBe(200);
    await arrive(3);
    const all = SENSORS.length * arrived;
    expect(new Set(await listed("api-1")).size).toBe(all);
    const codes = await Promise.all(nodes.map(async ({ name, server }) => `${name}: ${await server?.stop()}`));
    expect(codes).toEqual(nodes.map(({ name }) => `${name}: 0`));
    expect(fatal).toEqual([]);
  }, 120_000);
});

describe("settings of a process with some of the roles", () => {
  const given = (env: Record<string, string>) => readConfig(env);
  const servers = {
    TALLYWIRE_LOG: "kafka://me:hunter2@127.0.0.1:9092/x",
    TALLYWIRE_STORE: "esdb://127.0.0.1:2113?tls=false",
    TALLYWIRE_WAREHOUSE: "http://127.0.0.1:8123",
  };

  it("are in the order of the roles, each once, whatever was written", () => {
    expect(given({}).ROLES).toEqual(["ingest", "engine", "projector", "api", "jobs", "video"]);
    expect(given(servers).ROLES).toEqual(["ingest", "engine", "projector", "api", "jobs"]);
    expect(given({ ...servers, TALLYWIRE_ROLES: "api, ingest,api" }).ROLES).toEqual(["ingest", "api"]);
    expect(() => given({ TALLYWIRE_ROLES: "ingest,everything" })).toThrow("must be of ingest, engine, projector, api, jobs, video");
    expect(() => given({ TALLYWIRE_ROLES: "" })).toThrow("must be of ingest, engine, projector, api, jobs, video");
  });

  it.each([
    ["an embedded log", { TALLYWIRE_ROLES: "ingest", TALLYWIRE_LOG: "file:" }, "TALLYWIRE_LOG: file: is a part of one process"],
    ["a log in memory", { TALLYWIRE_ROLES: "engine", TALLYWIRE_LOG: "memory:" }, "TALLYWIRE_LOG: memory: is a part of one process"],
    ["an embedded store", { TALLYWIRE_ROLES: "ingest", TALLYWIRE_STORE: "file:" }, "the roles api, which need it too"],
    ["an embedded warehouse", { TALLYWIRE_ROLES: "api", TALLYWIRE_WAREHOUSE: "chdb:" }, "the roles projector, which need it too"],
  ])("refuse %s that would be divided", (_, env, said) => {
    expect(() => given({ ...servers, ...env })).toThrow(said);
  });

  it("ask for no server that none of the roles works with", () => {
    expect(given({ TALLYWIRE_LOG: servers.TALLYWIRE_LOG, TALLYWIRE_ROLES: "engine" }).ROLES).toEqual(["engine"]);
    expect(given({ TALLYWIRE_LOG: servers.TALLYWIRE_LOG, TALLYWIRE_ROLES: "ingest,projector,api" }).STORE).toBe("file:");
  });

  it("refuse half of a credential", () => {
    expect(() => given({ ...servers, TALLYWIRE_KAFKA_USERNAME: "me" })).toThrow("TALLYWIRE_KAFKA_USERNAME: goes together with");
    expect(() => given({ ...servers, TALLYWIRE_KAFKA_KEY: "key.pem" })).toThrow("TALLYWIRE_KAFKA_CERT: goes together with");
  });
});
