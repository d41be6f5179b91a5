/**
 * Tables are rebuilt, one after the other, while frames are posted and counted, and the server is killed with -9 in the middle, again and
 * again. Every count asked with `after` must be what was acknowledged. In the end the warehouse is made anew from the log alone, and must
 * answer the same.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, shopEntrance } from "../../examples/simulator.ts";
import { client } from "./client.ts";

const SENSORS = ["front", "back", "yard"];
const TABLES = ["crossings", "frames", "alerts", "positions"];
const BEGIN = Date.UTC(2026, 0, 5, 8);
const FRAMES_A_BODY = 10;
/** Milliseconds for anything that is waited for here; a server that is killed where it should not be is noticed much sooner. */
const LATE_MS = 60_000;
/** Statements of one rebuild, about: the nth of them is the last one. */
const STATEMENTS = 16;

type Job = { readonly id: string; readonly state: string; readonly reason?: string };
export type Rebuilding = {
  readonly kills: number;
  readonly seed: number;
  /** Frames of each sensor there are before the first rebuild. */
  readonly before: number;
  readonly say?: (line: string) => void;
};
export type Rebuilt = {
  readonly faults: readonly string[];
  readonly killed: number;
  readonly rebuilds: number;
  readonly wentOn: number;
  readonly counts: number;
  readonly frames: number;
};

export const rebuilding = async ({ kills, seed, before, say = () => undefined }: Rebuilding): Promise<Rebuilt> => {
  const data = await mkdtemp(join(tmpdir(), "tallywire-rebuild-"));
  const program = fileURLToPath(new URL("rebuilding-main.ts", import.meta.url));
  const faults: string[] = [];
  let wentOn = 0;
  const onLine = (line: string): void => {
    if (/"level":"fatal"/.test(line)) faults.push(line);
    if (/"goesOn":true/.test(line)) wentOn += 1;
  };
  let state = seed;
  const roll = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
  let server: RunningServer | undefined;
  /** Undefined where it was killed before it listened. */
  const start = async (crashAt?: string): Promise<RunningServer | undefined> => {
    const env = { TALLYWIRE_JOBS_SHARE: "1", ...(crashAt === undefined ? {} : { CRASH_AT: crashAt }) };
    server = await startServer({ data, program, onLine, env }).catch((error: unknown) => {
      if (crashAt === undefined) throw error;
      return undefined;
    });
    return server;
  };
  /** Until it answers: a server that is away, and one that has not caught up yet, are asked again. */
  const asked = async <T>(work: (call: ReturnType<typeof client>) => Promise<T>): Promise<T> => {
    const late = performance.now() + LATE_MS;
    for (;;) {
      try {
        return await work(client(server?.url ?? "http://127.0.0.1:9"));
      } catch (error) {
        const text = String(error);
        const mayPass = /: 503 /.test(text) || /fetch failed|terminated|socket|ECONN/i.test(text);
        if (!mayPass || performance.now() > late) throw error;
        await sleep(50);
      }
    }
  };

  await start();
  for (const sensorId of SENSORS) {
    await asked((call) => call("POST", "/config/tripwire", { ...demoConfiguration.tripwire, sensorId }));
    await asked((call) => call("POST", "/config/rule/alerts/tripwire", { ...demoConfiguration.rules.tripwire, sensorId }));
  }
  const streams = SENSORS.map((sensorId, i) => shopEntrance({ seed: seed * 100 + i, begin: BEGIN, sensorId }));
  const acknowledged = SENSORS.map(() => 0);
  const send = async (i: number, size: number): Promise<string> => {
    const body = Array.from({ length: size }, () => streams[i]?.next().value);
    const { position } = await asked((call) => call("POST", "/frames", body));
    acknowledged[i] = (acknowledged[i] as number) + size;
    return String(position);
  };
  for (const [i] of SENSORS.entries()) for (let sent = 0; sent < before; sent += 500) await send(i, Math.min(500, before - sent));

  let counts = 0;
  let isOver = false;
  const crossed = SENSORS.map(() => 0);
  const load = async (i: number): Promise<void> => {
    const about = `sensorId=${SENSORS[i]}&fromTimestamp=2026-01-01T00:00:00Z&toTimestamp=2026-02-01T00:00:00Z`;
    while (!isOver) {
      const position = await send(i, FRAMES_A_BODY);
      const frames = await asked((call) => call.all("/frames", `${about}&limit=1000&after=${position}`, "frames"));
      if (frames.length !== acknowledged[i]) faults.push(`${frames.length} frames of ${SENSORS[i]} instead of ${acknowledged[i]}`);
      const crossings = await asked((call) => call.all("/crossings", `${about}&limit=1000&after=${position}`, "crossings"));
      if (crossings.length < (crossed[i] as number)) faults.push(`${crossings.length} crossings of ${SENSORS[i]} after ${crossed[i]}`);
      crossed[i] = crossings.length;
      counts += 2;
      await sleep(20);
    }
  };
  const loads = SENSORS.map((_, i) => load(i));
  for (const one of loads) one.catch(() => undefined);

  let rebuilds = 0;
  /** One table from the beginning to the end: rebuilt, kept, and the old one dropped. */
  const ended = async (body: object): Promise<Job> => {
    const { id } = (await asked((call) => call("POST", "/rebuilds", body))) as unknown as Job;
    const late = performance.now() + LATE_MS * 5;
    for (;;) {
      const job = (await asked((call) => call("GET", `/rebuilds/${id}`))) as unknown as Job;
      if (/done|failed|cancelled/.test(job.state)) return job;
      if (performance.now() > late) throw new Error(`the job is still ${job.state}`);
      await sleep(50);
    }
  };
  let isKilling = true;
  const rebuild = async (): Promise<void> => {
    for (let n = 0; isKilling || n === 0; n++) {
      const projection = TABLES[n % TABLES.length] as string;
      for (;;) {
        const job = await ended({ projection });
        if (job.state === "done") break;
        // Killed so often that it was given up; the next one goes on from there. Or it was asked for once more than was known.
        if (/its process ended/.test(job.reason ?? "")) continue;
        if (/drop it first/.test(job.reason ?? "")) break;
        faults.push(`the rebuild of ${projection} ${job.state}: ${job.reason}`);
        return;
      }
      rebuilds += 1;
      const again = await ended({ projection });
      if (!/drop it first|its process ended/.test(again.reason ?? ""))
        faults.push(`the old table of ${projection} was not kept: ${again.state}`);
      const dropped = await ended({ projection, step: "drop-old" });
      if (dropped.state !== "done" && !/no old table|its process ended/.test(dropped.reason ?? ""))
        faults.push(`the old table of ${projection} was not dropped: ${dropped.reason}`);
    }
  };
  const work = rebuild();
  work.catch(() => undefined);

  let killed = 0;
  while (killed < kills && faults.length === 0) {
    server?.process.kill("SIGKILL");
    await server?.ended;
    const one = await start(`${roll(2) === 0 ? "before" : "after"}:${1 + roll(STATEMENTS)}`);
    killed += 1;
    if (one !== undefined) await Promise.race([one.ended, work, sleep(LATE_MS)]);
    if (killed % 10 === 0) say(`${killed} kills, ${rebuilds} tables rebuilt, ${counts} counts`);
  }
  server?.process.kill("SIGKILL");
  await server?.ended;
  await start();
  isKilling = false;
  await work;
  isOver = true;
  await Promise.all(loads);

  const answers = async (): Promise<Record<string, unknown>> => {
    const all: Record<string, unknown> = {};
    for (const [i, sensorId] of SENSORS.entries()) {
      const about = `sensorId=${sensorId}&fromTimestamp=2026-01-01T00:00:00Z&toTimestamp=2026-02-01T00:00:00Z&limit=1000`;
      for (const what of ["frames", "crossings", "alerts"])
        all[`${what} of ${sensorId}`] = await asked((call) => call.all(`/${what}`, `${about}&after=${last[i]}`, what));
    }
    return all;
  };
  const last = await Promise.all(SENSORS.map((_, i) => send(i, FRAMES_A_BODY)));
  const here = await answers();
  const code = await server?.stop();
  if (code !== 0) faults.push(`a clean stop ended with ${code}`);
  say("the same, from a warehouse made anew from the log");
  await rm(join(data, "warehouse"), { recursive: true });
  await start();
  const fresh = await answers();
  for (const [what, rows] of Object.entries(fresh))
    if (JSON.stringify(rows) !== JSON.stringify(here[what])) faults.push(`${what} differ from a warehouse made anew`);
  const n = (what: string): number => SENSORS.reduce((sum, sensor) => sum + (fresh[`${what} of ${sensor}`] as unknown[]).length, 0);
  const frames = acknowledged.reduce((a, b) => a + b);
  if (n("frames") !== frames || n("crossings") === 0 || n("alerts") === 0)
    faults.push(`${n("frames")} frames, ${n("crossings")} crossings, ${n("alerts")} alerts in the end`);
  await server?.stop();
  if (faults.length === 0) await rm(data, { recursive: true });
  else say(`the data is kept in ${data}`);
  return { faults, killed, rebuilds, wentOn, counts, frames };
};
