/**
 * The main job in two minutes: a camera over a shop's entrance, one wire, one region, the rules, frames in, alerts out as a
 * subscriber receives them, counts as the API answers them.
 *
 *   npm run demo                            a simulated entrance, at its own pace
 *   npm run demo -- --fast                  the same, as fast as it goes
 *   npm run demo -- --data FILE --fps 30    real tracks instead (any format of `tallywire import`)
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import WebSocket from "ws";
import { type DemoFrame, recorded } from "./recorded.ts";
import { startServer } from "./server.ts";
import { demoConfiguration, demoSensor, shopEntrance } from "./simulator.ts";

const { values } = parseArgs({
  options: {
    fast: { type: "boolean", default: false },
    seconds: { type: "string", default: "120" },
    data: { type: "string" },
    fps: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
  },
});
const seconds = Number(values.seconds);
const say = (text = ""): void => console.log(text);
const clockOf = (instant: string): string => instant.slice(11, 19);

type Body = Record<string, unknown>;
type AlertText = { description: string; severity: string; rule_name: string; endTimestamp: string; duration: number; id: string };

const data = await mkdtemp(join(tmpdir(), "tallywire-demo-"));
say("Tallywire: tracked objects in, alerts and counts out.");
say(`Starting a server with data in ${data} …`);
const server = await startServer({ data, onLine: (line) => (/"level":"(error|fatal)"/.test(line) ? console.error(line) : undefined) });
say(`It listens on ${server.url}`);

const call = async (method: string, path: string, body?: unknown): Promise<Body> => {
  const headers = { "content-type": "application/json", "user-type": "Admin" };
  const answer = await fetch(`${server.url}/api/v2${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await answer.json()) as Body;
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
  return json;
};

/** Live frames bear the time they are made at; in a hurry, or recorded, they lie in the past and keep their distances. */
const begin = values.fast ? Date.now() - seconds * 1000 : Date.now();
const source = values.data === undefined ? undefined : await recorded(values.data, Number(values.fps), begin);
const sensor = source?.sensor ?? demoSensor;
const frames: Iterable<DemoFrame> = source?.frames ?? shopEntrance({ seed: Number(values.seed), begin });
const configuration = source?.configuration ?? demoConfiguration;

say(
  source === undefined
    ? "\nThe entrance is SIMULATED: people who walk, with the jitter, gaps and lost tracks of real detectors."
    : `\nReal tracks from ${values.data}`,
);
say("Defining a wire, a region and the rules through the API:");
await call("POST", "/config/tripwire", configuration.tripwire);
await call("POST", "/config/roi", configuration.roi);
for (const [place, body] of Object.entries(configuration.rules)) {
  await call("POST", `/config/rule/alerts/${place}`, body);
  for (const rule of body.rules) say(`  ${place.padEnd(8)} ${rule.ruleType.padEnd(26)} ${rule.name}`);
}

const filter = [
  {
    sensorId: sensor,
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
    fov: { alertRuleTypes: ["*"] },
  },
];
const socket = new WebSocket(
  `${server.url.replace("http", "ws")}/ws-emdx/api/v2/alerts/ws?filter=${encodeURIComponent(JSON.stringify(filter))}`,
);
await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
let received = 0;
socket.on("message", (message) => {
  for (const alert of (JSON.parse(String(message)) as { alerts: AlertText[] }).alerts) {
    received++;
    say(`  ${clockOf(alert.endTimestamp)}  ${alert.severity.padEnd(8)} ${alert.rule_name}: ${alert.description}`);
  }
});

say(`\nAlerts, as a subscriber of ${new URL(socket.url).pathname} receives them:`);
const start = performance.now();
let sent = 0;
let objects = 0;
let position = "";
let first = "";
let last = "";
let waiting: DemoFrame[] = [];
const send = async (): Promise<void> => {
  if (waiting.length === 0) return;
  const answer = await call("POST", "/frames", waiting);
  position = String(answer.position);
  sent += waiting.length;
  waiting = [];
};
for (const frame of frames) {
  const offset = Date.parse(frame.timestamp) - begin;
  if (offset > seconds * 1000) break;
  first ||= frame.timestamp;
  last = frame.timestamp;
  objects += frame.objects.length;
  waiting.push(frame);
  if (values.fast) {
    if (waiting.length >= 100) await send();
    continue;
  }
  const ahead = offset - (performance.now() - start);
  if (ahead > 0) await sleep(ahead);
  await send();
}
await send();
const took = (performance.now() - start) / 1000;

const range = `sensorId=${sensor}&fromTimestamp=${first}&toTimestamp=${new Date(Date.parse(last) + 1).toISOString()}&after=${position}`;
const counts = (await call("GET", `/alerts/count?${range}`)) as {
  alerts: { rule_name: string; rule_type: string; direction?: string; count: number }[];
  uptime: number;
};
const crossed = (await call("GET", `/metrics/tripwire?${range}&countMode=distinct`)) as {
  tripwireKpis: { id: string; events: { type: string; objects: { count: number }[] }[] }[];
};
await sleep(200);
socket.close();

say(`\n${sent} frames with ${objects} objects in ${took.toFixed(1)} s; ${received} alerts received.`);
say("\nThe counts, as GET /api/v2/alerts/count answers them:");
for (const row of counts.alerts)
  say(`  ${String(row.count).padStart(4)}  ${row.rule_name} (${row.rule_type}${row.direction === undefined ? "" : `, ${row.direction}`})`);
say(`  the camera was watching for ${(100 * counts.uptime).toFixed(1)} % of the time`);
say("People through the wire, each counted once a direction (GET /api/v2/metrics/tripwire?countMode=distinct):");
for (const wire of crossed.tripwireKpis)
  for (const event of wire.events) for (const { count } of event.objects) say(`  ${String(count).padStart(4)}  ${wire.id} ${event.type}`);

const code = await server.stop();
await rm(data, { recursive: true });
say("\nTry next:");
say("  npm start                                  serve on http://127.0.0.1:8080, data under ./data");
say("  open http://127.0.0.1:8080/reference/emdx  every route");
say("  npm run demo -- --data FILE --fps 30       the same with tracks of your own");
if (received === 0 || counts.alerts.length === 0 || code !== 0) {
  console.error(`FAILED: ${received} alerts received, ${counts.alerts.length} rows counted, server ended with ${code}`);
  process.exitCode = 1;
}
