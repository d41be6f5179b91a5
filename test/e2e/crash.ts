/**
 * Kills the server with -9 at named points, under load, again and again, and looks whether anything was lost or doubled.
 *
 *   npm run crash                     200 kills
 *   npm run crash -- --kills 10       fewer
 *   npm run crash -- --seed 7         other frames, other points
 *
 * Senders repeat a body until it is acknowledged, a subscriber resumes from its last cursor. In the end the same frames are
 * sent to a server nobody kills: alerts, crossings and frames must be the same, and the subscriber has each revision once.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, shopEntrance } from "../../examples/simulator.ts";
import { spread } from "../support/figures.ts";
import { client } from "./client.ts";
import { points } from "./crash-points.ts";
import { resumingSubscriber } from "./subscriber.ts";

const { values } = parseArgs({ options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" } } });
const kills = Number(values.kills);
const seed = Number(values.seed);

const SENSORS = ["front", "back", "yard", "till", "ramp", "roof"];
const FRAMES_A_BODY = 10;
/** Long past: a sensor whose frames are old gets no heartbeats, so both runs have the same facts. */
const BEGIN = Date.UTC(2026, 0, 5, 8);
/** Milliseconds a server may take to come by its point before it is killed wherever it is. */
const PATIENCE_MS = 3000;

let state = seed;
const roll = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((state / 4_294_967_296) * below);
};

const configure = async (url: string): Promise<void> => {
  const call = client(url);
  for (const sensorId of SENSORS) {
    await call("POST", "/config/tripwire", { ...demoConfiguration.tripwire, sensorId });
    await call("POST", "/config/roi", { ...demoConfiguration.roi, sensorId });
    for (const [place, body] of Object.entries(demoConfiguration.rules))
      await call("POST", `/config/rule/alerts/${place}`, { ...body, sensorId });
  }
};

const framesOf = (sensorId: string, index: number) => shopEntrance({ seed: seed * 100 + index, begin: BEGIN, sensorId });

const data = await mkdtemp(join(tmpdir(), "tallywire-crash-"));
const calmData = await mkdtemp(join(tmpdir(), "tallywire-calm-"));
const program = fileURLToPath(new URL("crashing-main.ts", import.meta.url));
const fatal: string[] = [];
const onLine = (line: string): void => {
  if (/"level":"fatal"/.test(line)) fatal.push(line);
};
const start = (env: Record<string, string>): Promise<RunningServer> =>
  startServer({ data, program, onLine, env: { TALLYWIRE_CHECKPOINT_SECONDS: "0.5", ...env } });

let server: RunningServer | undefined = await start({});
await configure(server.url);
const current = { url: server.url, down: false };
const subscriber = resumingSubscriber(() => (current.down ? undefined : current.url));
await subscriber.ready;

let sending = true;
const acknowledged = SENSORS.map(() => 0);
const send = async (sensor: string, index: number): Promise<void> => {
  const frames = framesOf(sensor, index);
  while (sending) {
    const body = Array.from({ length: FRAMES_A_BODY }, () => frames.next().value);
    for (;;) {
      const answer = current.down ? undefined : await client(current.url)("POST", "/frames", body).catch(() => undefined);
      if (answer !== undefined) break;
      await sleep(20);
    }
    acknowledged[index] = (acknowledged[index] as number) + FRAMES_A_BODY;
    await sleep(10);
  }
};
/** A sensor whose rules are redefined all the time: what was answered must be there afterwards. */
let decided = 0;
const decide = async (): Promise<void> => {
  for (let threshold = 1; sending; threshold++) {
    const rule = { ruleId: "changing", name: "changing", ruleType: "occupancy_threshold_switch", countThreshold: threshold };
    for (;;) {
      const answer = current.down
        ? undefined
        : await client(current.url)("POST", "/config/rule/alerts/fov", { sensorId: "decided", rules: [rule] }).catch(() => undefined);
      if (answer !== undefined) break;
      await sleep(20);
    }
    decided = threshold;
    await sleep(50);
  }
};
const load = [...SENSORS.map(send), decide()];

const killed = new Map<string, number>();
const downTimes: number[] = [];
const began = performance.now();
for (let kill = 0; kill < kills; kill++) {
  const point = points[kill % points.length] as string;
  const nth = 1 + roll(/checkpoint|decision|bookmark/.test(point) ? 4 : 40);
  current.down = true;
  server?.process.kill("SIGKILL");
  await server?.ended;
  const downAt = performance.now();
  server = await start({ CRASH_AT: `${point}:${nth}` }).catch((error: unknown) => {
    if (fatal.length > 0) throw error;
    return undefined;
  });
  if (server === undefined) {
    // It came by its point before it listened.
    killed.set(point, (killed.get(point) ?? 0) + 1);
    continue;
  }
  current.url = server.url;
  current.down = false;
  downTimes.push(performance.now() - downAt);
  const won = await Promise.race([server.ended.then(() => point), sleep(PATIENCE_MS, "anywhere")]);
  killed.set(won, (killed.get(won) ?? 0) + 1);
  if ((kill + 1) % 10 === 0) console.log(`${kill + 1} kills, ${acknowledged.reduce((a, b) => a + b)} frames acknowledged`);
}
current.down = true;
server?.process.kill("SIGKILL");
await server?.ended;
server = await start({});
current.url = server.url;
current.down = false;
sending = false;
await Promise.all(load);

const faults: string[] = [];
const expect = (what: string, is: unknown, should: unknown): void => {
  const [a, b] = [JSON.stringify(is), JSON.stringify(should)];
  if (a !== b) faults.push(`${what}: ${a?.slice(0, 300)} instead of ${b?.slice(0, 300)}`);
};

console.log("the same frames, to a server nobody kills");
const calm = await startServer({ data: calmData, onLine });
await configure(calm.url);
const call = client(server.url);
const callCalm = client(calm.url);
let alerts = 0;
let crossings = 0;
const seen = subscriber.received;
for (const [index, sensor] of SENSORS.entries()) {
  const frames = framesOf(sensor, index);
  let position = "";
  for (let sent = 0; sent < (acknowledged[index] as number); sent += 500) {
    const body = Array.from({ length: Math.min(500, (acknowledged[index] as number) - sent) }, () => frames.next().value);
    position = String((await callCalm("POST", "/frames", body)).position);
  }
  const mark = String((await call("POST", "/frames", [framesOf(sensor, index).next().value])).position);
  const range = `sensorId=${sensor}&fromTimestamp=2026-01-01T00:00:00Z&limit=1000`;
  const here = await call.all("/alerts", `${range}&after=${mark}`, "alerts");
  const there = await callCalm.all("/alerts", `${range}&after=${position}`, "alerts");
  expect(`alerts of ${sensor}`, here, there);
  alerts += there.length;
  const crossed = await callCalm.all("/crossings", range, "crossings");
  expect(`crossings of ${sensor}`, await call.all("/crossings", range, "crossings"), crossed);
  crossings += crossed.length;
  const until = `${range}&toTimestamp=2026-02-01T00:00:00Z`;
  expect(`counts of ${sensor}`, await call("GET", `/alerts/count?${until}`), await callCalm("GET", `/alerts/count?${until}`));
  const kept = await call.all("/frames", `${range}&after=${mark}`, "frames");
  expect(`frames of ${sensor}`, kept.length, acknowledged[index]);
  await subscriber.until(() => here.every((alert) => (seen.get(String(alert.id))?.highest ?? -1) >= Number(alert.revision)));
  for (const alert of here) expect(`what the subscriber has of ${alert.id}`, seen.get(String(alert.id))?.highest, alert.revision);
}
expect("alerts the subscriber got and nobody has", seen.size, alerts);
expect("revisions sent twice", subscriber.doubled, []);
expect("gaps told", subscriber.gaps, 0);
const rules = (await call("GET", "/config/rule/alerts/fov?sensorId=decided")) as { rules: { countThreshold: number }[] };
expect("the last decision answered", rules.rules[0]?.countThreshold, decided);
expect("fatal lines", fatal, []);

subscriber.close();
await calm.stop();
const code = await server.stop();
expect("the exit code of a clean stop", code, 0);

console.log(
  `\n${kills} kills in ${((performance.now() - began) / 1000).toFixed(0)} s: ${[...killed].map(([point, n]) => `${point} ${n}`).join(", ")}`,
);
console.log(`back and listening: ${spread(downTimes)}`);
console.log(`${acknowledged.reduce((a, b) => a + b)} frames acknowledged, ${alerts} alerts, ${crossings} crossings, ${decided} decisions`);
if (alerts === 0 || crossings === 0) faults.push("nothing was raised: this run shows nothing");
for (const fault of faults) console.log(`FAULT  ${fault}`);
console.log(faults.length === 0 ? "nothing lost, nothing twice" : `${faults.length} faults; the data is kept in ${data} and ${calmData}`);
if (faults.length === 0) await Promise.all([data, calmData].map((dir) => rm(dir, { recursive: true })));
process.exit(faults.length === 0 ? 0 : 1);
