/** A recomputation asked of a whole server over HTTP, and what those who ask and those who listen see of it, a kill in the middle included. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { client } from "./client.ts";
import { resumingSubscriber } from "./subscriber.ts";

const BEGIN = Date.UTC(2026, 0, 5, 8);
const iso = (ms: number): string => new Date(BEGIN + ms).toISOString();
const STEP_MS = 200;
const WAY = [20, 40, 60, 80, 95];
/** Somebody every two seconds: the first frame behind the wire. */
const walks = [1000, 3000, 5000, 7000];
const wire = {
  sensorId: "shop",
  tripwires: [
    {
      id: "door",
      name: "Door",
      wire: [
        { x: 50, y: 0 },
        { x: 50, y: 100 },
      ],
      direction: { p1: { x: 40, y: 50 }, p2: { x: 60, y: 50 }, entry: { name: "in" }, exit: { name: "out" } },
    },
  ],
};
const pairsOf = (countThreshold: number) => ({
  sensorId: "shop",
  rules: [{ id: "door", ruleId: "pairs", name: "Pairs", ruleType: "increment", countThreshold, direction: "entry" }],
});
const frames = Array.from({ length: 50 }, (_, i) => ({
  sensorId: "shop",
  timestamp: iso(i * STEP_MS),
  objects: walks.flatMap((at, n) => {
    const x = WAY[(i * STEP_MS - at) / STEP_MS + 2];
    return x === undefined ? [] : [{ id: `p${n + 1}`, type: "Person", bbox: { leftX: x - 10, topY: 10, rightX: x + 10, bottomY: 50 } }];
  }),
}));
const isLate = (_: unknown, i: number): boolean => i >= 10 && i < 20;
const RANGE = `sensorId=shop&fromTimestamp=${iso(-1000)}&toTimestamp=${iso(60_000)}`;
const wish = { sensorId: "shop", fromTimestamp: iso(-1000), toTimestamp: iso(60_000) };
type Kpi = { readonly events: readonly { readonly type: string; readonly objects: readonly { readonly count: number }[] }[] };
const PATIENCE_MS = 60_000;

const data = await mkdtemp(join(tmpdir(), "tallywire-e2e-"));
const servers: RunningServer[] = [];
const start = async (): Promise<RunningServer> => {
  const server = await startServer({ data });
  servers.push(server);
  return server;
};
afterAll(async () => {
  for (const server of servers) if (server.process.exitCode === null && server.process.signalCode === null) server.process.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  await rm(data, { recursive: true, force: true });
});

describe("a recomputation at a whole server", () => {
  it("revises, retracts and raises for everybody, also where the server is killed meanwhile", async () => {
    let server: RunningServer | undefined = await start();
    let call = client(server.url);
    const retracted = new Set<string>();
    const subscriber = resumingSubscriber(
      () => server?.url,
      (alert) => void (alert.retracted === true && retracted.add(alert.id)),
    );
    await subscriber.ready;
    const plain: { id: string; revision: number; retracted?: boolean }[] = [];
    const filter = JSON.stringify([{ sensorId: "shop", tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }] }]);
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/api/v2/alerts/ws?filter=${encodeURIComponent(filter)}`);
    socket.on("message", (text) => plain.push(...((JSON.parse(String(text)) as { alerts?: typeof plain }).alerts ?? [])));
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("open", resolve));

    /** Rule version and start of each, the oldest first, and the crossings along the arrow: as soon as that many can be read. */
    const seen = async (starts: readonly (readonly [version: number, start: number])[], crossed: number) => {
      for (const begin = performance.now(); ; await sleep(50)) {
        const alerts = await call.all("/alerts", RANGE, "alerts");
        const { tripwireKpis } = (await call("GET", `/metrics/tripwire?${RANGE}`)) as { tripwireKpis: Kpi[] };
        const found = {
          alerts: alerts.map(({ rule_version, startTimestamp }) => [rule_version, Date.parse(String(startTimestamp)) - BEGIN]).reverse(),
          crossed: tripwireKpis.flatMap(({ events }) => events).find(({ type }) => type === "entry")?.objects[0]?.count,
        };
        const wanted = { alerts: starts, crossed };
        if (JSON.stringify(found) === JSON.stringify(wanted) || performance.now() - begin > PATIENCE_MS)
          return expect(found).toEqual(wanted);
      }
    };
    await call("POST", "/config/tripwire", wire);
    await call("POST", "/config/rule/alerts/tripwire", pairsOf(2));
    await call(
      "POST",
      "/frames",
      frames.filter((one, i) => !isLate(one, i)),
    );
    await call("POST", "/frames", frames.filter(isLate));
    await seen([[2, 900]], 3);
    const first = await call.ended("recomputes", (await call("POST", "/recomputes", wish)).id);
    expect(first).toMatchObject({
      state: "done",
      result: {
        alerts: { raised: 1, revised: 1, retracted: 0 },
        crossings: { raised: 1, revised: 0, retracted: 0 },
        stays: { raised: 1, revised: 0, retracted: 0 },
      },
    });
    const pairs = [
      [2, 900],
      [2, 4900],
    ] as const;
    await seen(pairs, 4);
    // Told of by its id: the revision, and nothing of it to who wants revision 0 alone.
    await subscriber.until(() => subscriber.received.size === 2 && [...subscriber.received.values()].some(({ highest }) => highest === 1));
    expect([...subscriber.received.values()].map(({ highest }) => highest)).toEqual([1, 0]);
    for (const begin = performance.now(); plain.length < 2 && performance.now() - begin < PATIENCE_MS; ) await sleep(20);
    expect(plain.map(({ revision }) => revision)).toEqual([0, 0]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^tallywire_alerts_total\{tenant="default",rule_type="increment"\} 2$/m);
    expect(metrics).toMatch(/^tallywire_crossings_total\{tenant="default"\} 4$/m);

    await call("POST", "/config/rule/alerts/tripwire", pairsOf(1));
    const { id } = await call("POST", "/recomputes", { ...wish, definitions: "now" });
    server.process.kill("SIGKILL");
    await server.ended;
    server = undefined;
    server = await start();
    call = client(server.url);
    expect(await call.ended("recomputes", id)).toMatchObject({
      state: "done",
      result: { alerts: { raised: 4, revised: 0, retracted: 2 } },
    });
    await seen(
      walks.map((at) => [3, at - 100] as const),
      4,
    );
    await subscriber.until(() => subscriber.received.size === 6 && retracted.size === 2);
    expect([...retracted]).toEqual([...subscriber.received.keys()].slice(0, 2));
    expect(subscriber.doubled).toEqual([]);
    expect((await call.ended("recomputes", (await call("POST", "/recomputes", { ...wish, definitions: "now" })).id)).result).toMatchObject({
      alerts: { raised: 0, revised: 0, retracted: 0 },
    });
    await expect(call("POST", "/recomputes", { ...wish, toTimestamp: iso(-2000) })).rejects.toThrow("422");
    expect((await call.ended("recomputes", (await call("POST", "/recomputes", { ...wish, sensorId: "nowhere" })).id)).reason).toContain(
      "Nothing was ever heard",
    );
    subscriber.close();
  }, 240_000);
});
