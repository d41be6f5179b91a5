/**
 * What a token costs: node bench/auth.ts [--rounds 20] [--requests 100] [--quick]
 *
 * Two servers with the same frames, one with tokens on. Each round asks both in turn for the latest hundred alerts of a sensor over one kept
 * connection, with a token seen before. Then the server of no tokens is measured beside itself: what the figure is worth.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SignJWT } from "jose";
import { type RunningServer, startServer } from "../examples/server.ts";
import { median } from "../test/support/figures.ts";
import { ready } from "./support/house.ts";
import { processorOf } from "./support/processes.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    requests: { type: "string", default: "100" },
    quick: { type: "boolean", default: false },
  },
});
const rounds = values.quick ? 4 : Number(values.rounds);
const requests = values.quick ? 50 : Number(values.requests);
/** Most of what GET /alerts takes. */
const TARGET = 0.05;
const ALERTS = 200;
const START = Date.UTC(2026, 0, 1);

const secret = "a secret of thirty-two bytes or more";
const on = {
  TALLYWIRE_TOKENS: "on",
  TALLYWIRE_JWT_SECRET: secret,
  TALLYWIRE_JWT_ISSUER: "bench",
  TALLYWIRE_JWT_AUDIENCE: "bench",
  TALLYWIRE_REQUESTS_PER_MINUTE: "100000000",
};
const token = await new SignJWT({ tenant_id: "default", scope: "events:read frames:write cameras:write" })
  .setProtectedHeader({ alg: "HS256" })
  .setSubject("bench")
  .setIssuer("bench")
  .setAudience("bench")
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(secret));

type Asked = { readonly server: RunningServer; readonly headers: Readonly<Record<string, string>>; readonly agent: Agent };

const send = ({ server, headers, agent }: Asked, method: string, path: string, body?: object): Promise<string> =>
  new Promise((resolve, reject) => {
    const asking = request(`${server.url}/api/v2${path}`, { method, agent, headers: { "content-type": "application/json", ...headers } });
    asking.once("error", reject).once("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      answer.once("end", () =>
        (answer.statusCode ?? 500) < 300 ? resolve(text) : reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`)),
      );
    });
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });

const LATEST = "/alerts?sensorId=door&limit=100";

/** Everybody who comes in is an alert. */
const furnish = async (asked: Asked): Promise<void> => {
  const rules = [{ ruleId: "in", name: "In", ruleType: "increment", countThreshold: 1, direction: "entry" }];
  await send(asked, "POST", "/config/rule/alerts/fov", { sensorId: "door", rules });
  const frames = Array.from({ length: ALERTS * 2 }, (_, i) => ({
    sensorId: "door",
    timestamp: new Date(START + i * 500).toISOString(),
    id: String(i),
    objects: [{ id: String(i >> 1), type: "Person", bbox: { leftX: 600, topY: 300, rightX: 660, bottomY: 480 } }],
  }));
  const { position } = JSON.parse(await send(asked, "POST", "/frames", frames)) as { readonly position: string };
  const { alerts } = JSON.parse(await send(asked, "GET", `${LATEST}&after=${position}`)) as { readonly alerts: readonly object[] };
  if (alerts.length !== 100) throw new Error(`there are ${alerts.length} alerts to be asked for`);
};

/** Microseconds a request, and of the server's processor. */
const measure = async (asked: Asked): Promise<{ readonly took: number; readonly used: number }> => {
  const pid = asked.server.process.pid as number;
  const before = processorOf(pid);
  const start = performance.now();
  for (let i = 0; i < requests; i++) await send(asked, "GET", LATEST);
  return { took: ((performance.now() - start) * 1000) / requests, used: ((processorOf(pid) - before) * 1e6) / requests };
};

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
const servers: RunningServer[] = [];
try {
  const start = async (name: string, env: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>): Promise<Asked> => {
    const server = await startServer({ data: join(folder, name), env });
    servers.push(server);
    await ready(server.url);
    const asked = { server, headers, agent: new Agent({ keepAlive: true, maxSockets: 1 }) };
    await furnish(asked);
    return asked;
  };
  const off = await start("off", {}, { "user-type": "Admin" });
  const withTokens = await start("on", on, { authorization: `Bearer ${token}` });
  const again = await start("again", {}, { "user-type": "Admin" });
  for (const one of [off, withTokens, again]) await measure(one);
  const rows: Record<string, number>[] = [];
  for (let turn = 1; turn <= rounds; turn++) {
    // In turn one or the other goes first: the machine may be getting faster or slower.
    const order = turn % 2 === 0 ? [off, withTokens, again] : [again, withTokens, off];
    const took = new Map<Asked, Awaited<ReturnType<typeof measure>>>();
    for (const one of order) took.set(one, await measure(one));
    const of = (one: Asked) => took.get(one) as { readonly took: number; readonly used: number };
    rows.push({
      round: turn,
      "off µs": round(of(off).took),
      "on µs": round(of(withTokens).took),
      "on/off": round(of(withTokens).took / of(off).took, 3),
      "off/off": round(of(again).took / of(off).took, 3),
      "off cpu µs": round(of(off).used),
      "on cpu µs": round(of(withTokens).used),
      load: load(),
    });
  }
  table(`GET /alerts, ${requests} requests a round, one after another`, rows);
  const column = (name: string): number => median(rows.map((row) => row[name] as number));
  const cost = column("on/off") - 1;
  console.log(
    JSON.stringify({
      bench: "auth",
      offMicroseconds: column("off µs"),
      onMicroseconds: column("on µs"),
      cost: round(cost, 3),
      costOfProcessor: round(column("on cpu µs") / column("off cpu µs") - 1, 3),
      sameBesideItself: round(column("off/off") - 1, 3),
      target: TARGET,
      reached: cost < TARGET,
    }),
  );
} finally {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
