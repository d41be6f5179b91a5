/**
 * How soon what was written can be asked for: node bench/freshness.ts [--probes 60]
 *
 * Under a steady load of 200 frames a second from 20 sensors, somebody comes in at another door: from sending it to the answer with
 * `after=` that has its frame, and its alert. In one embedded process; in one process over servers; and in four, a role each.
 * The servers are a real Kafka, a KurrentDB of our own and the embedded engine behind HTTP (test/servers).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type RunningServer, startServer } from "../examples/server.ts";
import { client } from "../test/e2e/client.ts";
import { type RunningDialect, startClickhouseDialect } from "../test/servers/clickhouse-dialect.ts";
import { startFakeKurrentDb } from "../test/servers/fake-kurrentdb.ts";
import { startKafka } from "../test/servers/kafka.ts";
import { quantile } from "../test/support/figures.ts";
import { ready } from "./support/house.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({ options: { probes: { type: "string", default: "60" } } });
const PROBES = Number(values.probes);
const LOAD = { sensors: 20, everyMs: 100 };
const entries = { ruleId: "hello", name: "Somebody came in", ruleType: "increment", countThreshold: 1, direction: "entry" };
const person = { id: "1", type: "Person", bbox: { leftX: 600, topY: 300, rightX: 660, bottomY: 480 } };

type Doors = { readonly takes: string; readonly answers: string };

/** Until it is told to end: each sensor a frame every tenth of a second. */
const keepBusy = (url: string) => {
  let going = true;
  const done = (async () => {
    for (let tick = 0; going; tick++) {
      const timestamp = new Date(Date.UTC(2026, 0, 1) + tick * LOAD.everyMs).toISOString();
      const frames = Array.from({ length: LOAD.sensors }, (_, i) => ({
        sensorId: `busy-${i}`,
        timestamp,
        id: String(tick),
        objects: [person],
      }));
      await Promise.all([client(url)("POST", "/frames", frames), sleep(LOAD.everyMs)]);
    }
  })();
  return async (): Promise<void> => {
    going = false;
    await done;
  };
};

/** 503 says to ask again. */
const untilAnswered = async (call: () => Promise<Record<string, unknown>>): Promise<Record<string, unknown>> => {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!String(error).includes(": 503 ")) throw error;
    }
  }
};

const probe = async ({ takes, answers }: Doors) => {
  await client(answers)("POST", "/config/rule/alerts/fov", { sensorId: "door", rules: [entries] });
  const rest = keepBusy(takes);
  const waited: Record<"frames" | "alerts", number[]> = { frames: [], alerts: [] };
  try {
    await sleep(3000);
    for (let n = 0; n < PROBES; n++) {
      for (const path of ["frames", "alerts"] as const) {
        const begin = Date.UTC(2026, 0, 2) + (2 * n + (path === "frames" ? 0 : 1)) * 10_000;
        const body = [0, 100].map((ms) => ({
          sensorId: "door",
          timestamp: new Date(begin + ms).toISOString(),
          id: `${n}/${ms}`,
          objects: [{ ...person, id: `${path}-${n}` }],
        }));
        const since = performance.now();
        const { position } = await client(takes)("POST", "/frames", body);
        const question = `/${path}?sensorId=door&fromTimestamp=${new Date(begin).toISOString()}&after=${position}`;
        const answer = await untilAnswered(() => client(answers)("GET", question));
        if ((answer[path] as unknown[]).length === 0) throw new Error(`the answer has not what was written: ${JSON.stringify(answer)}`);
        waited[path].push(performance.now() - since);
      }
      await sleep(100 + (n % 7) * 50);
    }
  } finally {
    await rest();
  }
  const row = (of: "frames" | "alerts") => {
    const ms = (q: number): number => round(quantile(waited[of], q));
    return { [`${of} p50 ms`]: ms(0.5), [`${of} p90 ms`]: ms(0.9), [`${of} max ms`]: ms(1) };
  };
  return { ...row("frames"), ...row("alerts"), load: load() };
};

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
const running: RunningServer[] = [];
const start = async (env: Readonly<Record<string, string>>): Promise<string> => {
  const server = await startServer({ data: mkdtempSync(join(folder, "data-")), env });
  running.push(server);
  return server.url;
};
const endAll = async (): Promise<void> => {
  for (const server of running.splice(0)) await server.stop();
};
const [kafka, decisions] = await Promise.all([startKafka(), startFakeKurrentDb()]);
const warehouses: RunningDialect[] = [];
try {
  const rows: Record<string, string | number | undefined>[] = [];
  const measure = async (what: string, env: Readonly<Record<string, string>>, roles: readonly string[]): Promise<void> => {
    const urls: string[] = [];
    for (const role of roles) urls.push(await start({ ...env, TALLYWIRE_ROLES: role }));
    for (const url of urls) await ready(url);
    rows.push({ what, ...(await probe({ takes: urls[0] as string, answers: urls.at(-1) as string })) });
    await endAll();
  };
  /** A log and a warehouse of its own. */
  const servers = async (prefix: string) => {
    const warehouse = await startClickhouseDialect();
    warehouses.push(warehouse);
    return {
      TALLYWIRE_LOG: `kafka://127.0.0.1:${kafka.port}/${prefix}`,
      TALLYWIRE_STORE: decisions.url,
      TALLYWIRE_WAREHOUSE: warehouse.url,
    };
  };
  await measure("embedded, one process", {}, ["ingest,engine,projector,api"]);
  await measure("servers, one process", await servers("one"), ["ingest,engine,projector,api"]);
  await measure("servers, a process each", await servers("four"), ["ingest", "engine", "projector", "api"]);
  table("From a frame sent to the answer that has it, under 200 frames a second", rows);
  for (const row of rows) console.log(JSON.stringify({ bench: "freshness", ...row }));
} finally {
  await endAll();
  await Promise.all([kafka, decisions, ...warehouses].map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
}
