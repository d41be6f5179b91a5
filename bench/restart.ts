/**
 * How long a server killed under load takes to come back: node bench/restart.ts [--frames 1000000] [--quick]
 *
 * Fills the log through POST /frames, in large bodies, waits for the warehouse, and kills the server with more frames under way.
 * Then again with the warehouse's folder deleted, so that it is built anew from the log while frames are taken in.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { caughtUp, defineSensors, FOUR_RULES, ready } from "./support/house.ts";
import { memoryOf, startFlood } from "./support/processes.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({ options: { frames: { type: "string", default: "1000000" }, quick: { type: "boolean", default: false } } });
const frames = values.quick ? 40_000 : Number(values.frames);
const TARGET_S = 3;
const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { readonly port: number };
  probe.close();
  await once(probe, "close");
  return port;
};

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
const data = join(folder, "data");
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
let child: ChildProcess | undefined;

const start = (): void => {
  const env = { ...process.env, TALLYWIRE_PORT: String(port), TALLYWIRE_DATA: data, TALLYWIRE_LOG_LEVEL: "warn" };
  child = spawn(process.execPath, [MAIN, "serve"], { env, stdio: ["ignore", "inherit", "inherit"] });
};
const kill = async (): Promise<void> => {
  const ended = once(child as ChildProcess, "exit");
  child?.kill("SIGKILL");
  await ended;
};

/** The answer, or undefined while nobody listens. */
const ask = (path: string, init?: RequestInit): Promise<Response | undefined> => fetch(url + path, init).catch(() => undefined);

let posted = 0;
const postOne = async (): Promise<boolean> => {
  const frame = { sensorId: "restart", timestamp: new Date().toISOString(), id: String(++posted), objects: [] };
  const answer = await ask("/api/v2/frames", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(frame),
  });
  await answer?.text();
  return answer?.status === 202;
};

type Ready = { readonly parts: readonly { readonly part: string; readonly ready: boolean; readonly detail: string }[] };

/** Starts the server and watches it come back, from the start of its process. */
const comeBack = async (what: string) => {
  const began = performance.now();
  const since = (): number => round((performance.now() - began) / 1000, 2);
  start();
  while (!(await postOne())) await sleep(5);
  const acknowledged = since();
  const said = new Set<string>();
  let slowest = 0;
  let engine: number | undefined;
  let takenMeanwhile = 0;
  for (;;) {
    const answer = await ask("/readyz");
    if (answer === undefined) throw new Error(`${what}: the server went away`);
    const { parts } = (await answer.json()) as Ready;
    if (parts.find(({ part }) => part === "engine")?.ready === true) engine ??= since();
    if (answer.ok) break;
    for (const { part, ready: isReady, detail } of parts) if (!isReady) said.add(`${part}: ${detail.replace(/\d+/, "n")}`);
    const asked = performance.now();
    if (!(await postOne())) throw new Error(`${what}: a frame was refused while /readyz is 503`);
    slowest = Math.max(slowest, performance.now() - asked);
    takenMeanwhile++;
    await sleep(20);
  }
  const { server, warehouse } = memoryOf(child?.pid as number);
  return {
    row: {
      "": what,
      "first frame s": acknowledged,
      "engine s": engine,
      "ready s": since(),
      "taken meanwhile": takenMeanwhile,
      "slowest ms": round(slowest),
      "server MB": server.own,
      "most with maps": server.most,
      "warehouse MB": warehouse?.most,
      load: load(),
    },
    said: [...said],
  };
};

try {
  start();
  while ((await ask("/healthz"))?.ok !== true) await sleep(20);
  await ready(url);
  await defineSensors(url, FOUR_RULES);
  const flood = startFlood();
  const filled = await flood.run({ url, connections: 4, framesPerBody: values.quick ? 500 : 2000, frames });
  const lag = await caughtUp(url);
  console.log(
    `${filled.frames} frames in ${round(filled.seconds)} s (${round(filled.frames / filled.seconds)}/s), readable ${round(lag, 1)} s later`,
  );
  const rows: object[] = [];
  const told: string[] = [];
  for (const [what, before] of [
    ["killed under load", undefined],
    ["and without its warehouse", join(data, "warehouse")],
  ] as const) {
    const loading = flood.run({ url, connections: 16, framesPerBody: 1, seconds: 60 }).catch(() => "the server was killed");
    await sleep(3000);
    await kill();
    await loading;
    if (before !== undefined) rmSync(before, { recursive: true });
    const { row, said } = await comeBack(what);
    rows.push(row);
    told.push(`${what}, /readyz said: ${said.join("; ")}`);
    console.log(JSON.stringify({ bench: "restart", frames, targetFirstFrame: TARGET_S, ...row }));
    await caughtUp(url);
  }
  table(`Back after kill -9 with ${frames} frames in the log`, rows as Record<string, unknown>[]);
  for (const line of told) console.log(line);
  flood.close();
} finally {
  await kill();
  rmSync(folder, { recursive: true, force: true });
}
