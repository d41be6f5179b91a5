/** A whole server is asked what other rules would have given, over HTTP and by the command, and what it knew before. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { demoConfiguration, demoSensor, shopEntrance } from "../../examples/simulator.ts";
import { connect, type Loose } from "../support/surface.ts";
import { type Client, client } from "./client.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const PARTS = [1500, 2500];
const begin = Date.parse("2026-01-05T08:00:00.000Z");
const at = (ms: number): string => new Date(begin + ms).toISOString();
const range = { fromTimestamp: at(0), toTimestamp: at(3_600_000) };
const whole = `sensorId=${demoSensor}&fromTimestamp=${range.fromTimestamp}&toTimestamp=${range.toTimestamp}`;

let data: string;
let server: RunningServer;
let call: Client;
/** After each part: its position, and what was answered then. */
const told: { readonly position: string; readonly alerts: Loose[]; readonly crossings: Loose[]; readonly counts: Loose }[] = [];

/** All alerts and crossings, and the counts, with more in the query. */
const state = async (more: string) => ({
  alerts: await call.all("/alerts", `${whole}&${more}`, "alerts"),
  crossings: await call.all("/crossings", `${whole}&${more}`, "crossings"),
  counts: (await call("GET", `/alerts/count?${whole}&${more}`)).alerts,
});

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-backtest-"));
  server = await startServer({ data });
  call = client(server.url);
  await call("POST", "/config/tripwire", demoConfiguration.tripwire);
  await call("POST", "/config/roi", demoConfiguration.roi);
  for (const [analytic, rules] of Object.entries(demoConfiguration.rules)) await call("POST", `/config/rule/alerts/${analytic}`, rules);
  const frames = shopEntrance({ begin, seed: 7 });
  for (const part of PARTS) {
    const { position } = await call(
      "POST",
      "/frames",
      Array.from({ length: part }, () => frames.next().value),
    );
    told.push({ position: String(position), ...((await state(`after=${position}`)) as Loose) });
  }
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

/** What is in force, as it is answered: it can be a candidate as it is. */
const inForce = async (): Promise<Loose> => {
  const of = async (path: string, name: string) => (await call("GET", `/config/${path}?sensorId=${demoSensor}`))[name];
  const rules = await Promise.all(["fov", "tripwire", "roi"].map(async (a) => [a, await of(`rule/alerts/${a}`, "rules")] as const));
  return {
    sensorId: demoSensor,
    tripwires: await of("tripwire", "tripwires"),
    rois: await of("roi", "rois"),
    rules: Object.fromEntries(rules),
  };
};
const done = async (id: unknown): Promise<Loose> => {
  for (;;) {
    const job = (await call("GET", `/backtests/${id}`)) as Loose;
    if (job.endedAt !== undefined) return job;
    await sleep(50);
  }
};
const backtest = async (body: object): Promise<Loose> => {
  const job = await done((await call("POST", "/backtests", { ...range, ...body })).id);
  expect(job.reason).toBeUndefined();
  expect(job.state).toBe("done");
  return job;
};
const alertsOf = (id: string, query = "") => call.all(`/backtests/${id}/alerts`, `limit=5&${query}`, "alerts") as Promise<Loose[]>;

describe("a backtest of a whole server", () => {
  it.each(["sensorIds", "sensors"])("of what was in force, by %s, gives what was raised", { timeout: 60_000 }, async (how) => {
    const body = how === "sensors" ? { sensors: [await inForce()] } : { sensorIds: [demoSensor] };
    const { id, result } = await backtest(body);
    const last = told.at(-1);
    expect(result).toMatchObject({ onlyThen: 0, onlyNow: 0, both: last?.alerts.length, changed: 0, crossings: last?.crossings.length });
    const both = await alertsOf(id, "side=both");
    expect(both).toHaveLength(last?.alerts.length ?? -1);
    for (const { thenAlert, nowAlert } of both) expect(nowAlert).toEqual(thenAlert);
    expect(await alertsOf(id, "side=now")).toEqual([]);
  });

  it("with another rule says what it would have raised, touches nothing live, and is told of on the socket", {
    timeout: 60_000,
  }, async () => {
    const peer = connect(`${server.url}/api/v2/jobs/ws`);
    await peer.opened;
    const candidate = await inForce();
    candidate.rules = { tripwire: [{ id: "door", ruleId: "third", ruleType: "increment", countThreshold: 3, direction: "entry" }] };
    const { id, result } = await backtest({ sensors: [candidate] });
    const entries = told.at(-1)?.crossings.filter(({ direction }) => direction === "entry").length ?? 0;
    const now = await alertsOf(id, "side=now");
    expect(now).toHaveLength(Math.floor(entries / 3));
    expect(now.length).toBeGreaterThan(5);
    for (const { nowAlert } of now) expect(nowAlert).toMatchObject({ rule_id: "third", rule_version: 0, count: 3, sensorId: demoSensor });
    expect(result.onlyThen).toBe(told.at(-1)?.alerts.length);
    const rushes = (alerts: readonly Loose[] = []) => alerts.filter(({ rule_id }) => rule_id === "rush").map((alert) => alert.id);
    const lost = (await alertsOf(id, "side=then&ruleId=rush")).map(({ thenAlert }) => thenAlert);
    expect(rushes(lost).sort()).toEqual(rushes(told.at(-1)?.alerts).sort());
    expect(await call.all(`/backtests/${id}/crossings`, "limit=50", "crossings")).toHaveLength(told.at(-1)?.crossings.length ?? -1);
    expect((await state("")).alerts).toEqual(told.at(-1)?.alerts);
    await peer.until(() => peer.messages.some(({ job }) => job.id === id && job.state === "done"));
    peer.socket.close();
    await peer.closed;
  });

  it("of hundreds of sensors, seen or not, with one candidate for all of them ends, and leaves room for questions", {
    timeout: 60_000,
  }, async () => {
    const named = Array.from({ length: 600 }, (_, i) => `many-${i}`);
    const seen = named.slice(0, 300).map((sensorId, seed) => shopEntrance({ begin, seed, sensorId }).next().value);
    const { position } = await call("POST", "/frames", seen);
    const { sensorId: _, rules, ...places } = await inForce();
    const { tripwire, roi } = rules;
    const sensors = named.map((sensorId) => ({ ...places, sensorId, rules: { tripwire, roi } }));
    const question = `/alerts/count?${whole}&after=${position}`;
    const [{ result }] = await Promise.all([backtest({ sensors }), call("GET", question), call("GET", question)]);
    expect(result).toMatchObject({ frames: 300, onlyThen: 0 });
    const before = await backtest({ sensorIds: named, fromTimestamp: at(-3_600_000), toTimestamp: at(0) });
    expect(before.result).toMatchObject({ frames: 0 });
  });

  it("holds labels against its crossings", { timeout: 60_000 }, async () => {
    const seen = (told.at(-1)?.crossings ?? []).slice(0, 40);
    const labels = seen.map(({ tripwireId, direction, at: timestamp }) => ({ tripwireId, direction, timestamp }));
    const from = seen.at(-1)?.at as string;
    const { id } = await backtest({ sensorIds: [demoSensor], fromTimestamp: from, labels, tolerance: 0 });
    const counts = (await call("GET", `/backtests/${id}/counts`)) as Loose;
    expect(counts.labels.reduce((sum: number, one: Loose) => sum + one.found, 0)).toBe(labels.length);
    for (const one of counts.labels) expect(one).toMatchObject({ recall: 1, found: one.labels });
  });
});

describe("tallywire backtest", () => {
  it("prints what it comes to, and writes the alerts to a file", { timeout: 60_000 }, async () => {
    const { sensorId: _, ...candidate } = await inForce();
    candidate.rules.tripwire[0].countThreshold = 4;
    const [rules, csv] = [join(data, "rules.json"), join(data, "alerts.csv")];
    await writeFile(rules, JSON.stringify(candidate));
    const flags = ["--sensor", demoSensor, "--from", range.fromTimestamp, "--to", range.toTimestamp, "--server", server.url, "--csv", csv];
    const { stdout } = await run(process.execPath, [MAIN, "backtest", rules, ...flags]);
    expect(stdout).toMatch(/^rule +sensor +place +only then +only now +both +changed\n/);
    expect(stdout).toMatch(/every-fifth-guest +\S+ +tripwire door +\d+ +\d+ +\d+/);
    expect(stdout).toMatch(/\ntripwire +sensor +direction +then +now\ndoor .* (\d+) +\1\n/);
    const lines = (await readFile(csv, "utf8")).trimEnd().split("\r\n");
    expect(lines.filter((line) => line.startsWith("both,")).length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.startsWith("now,")).length).toBeGreaterThan(0);
  });

  it("ends with 1 where the server refuses, and leaves no file behind", { timeout: 60_000 }, async () => {
    const csv = join(data, "refused.csv");
    const flags = ["--sensor", demoSensor, "--from", range.toTimestamp, "--to", range.fromTimestamp, "--server", server.url, "--csv", csv];
    await expect(run(process.execPath, [MAIN, "backtest", ...flags])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("422: fromTimestamp: is not before toTimestamp"),
    });
    await expect(readFile(csv)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("what was known before", () => {
  it("is answered as it was then: as of the position of a write, for every part", { timeout: 60_000 }, async () => {
    expect(told[0]?.alerts.length).toBeGreaterThan(0);
    expect(told[0]?.alerts.length).toBeLessThan(told[1]?.alerts.length ?? 0);
    for (const { position, ...then } of told) expect(await state(`asOf=${position}`)).toEqual(then);
  });

  it("as of an instant before anything arrived is nothing, as of now is all", { timeout: 60_000 }, async () => {
    expect((await state("asOf=2020-01-01T00:00:00Z")).alerts).toEqual([]);
    expect((await state(`asOf=${new Date().toISOString()}`)).alerts).toEqual(told.at(-1)?.alerts);
  });

  it("as of a socket's cursor is what stands before it", { timeout: 60_000 }, async () => {
    const peer = connect(`${server.url}/api/v2/alerts/ws?filter=${encodeURIComponent(JSON.stringify([{ sensorId: "nobody" }]))}`, [
      "tallywire.v1",
    ]);
    await peer.until(() => peer.messages.length > 0);
    const { cursor } = peer.messages[0];
    peer.socket.close();
    await peer.closed;
    expect((await state(`asOf=${cursor}`)).alerts).toEqual(told.at(-1)?.alerts);
  });

  it("is as it was then though a recomputation has revised it since", { timeout: 60_000 }, async () => {
    const [every, ...others] = demoConfiguration.rules.tripwire.rules;
    await call("POST", "/config/rule/alerts/tripwire", { sensorId: demoSensor, rules: [{ ...every, countThreshold: 3 }, ...others] });
    const { id } = await call("POST", "/recomputes", { sensorId: demoSensor, ...range, definitions: "now" });
    let job: Loose;
    for (job = await call("GET", `/recomputes/${id}`); job.endedAt === undefined; job = await call("GET", `/recomputes/${id}`))
      await sleep(50);
    expect(job).toMatchObject({ state: "done" });
    const [part] = told.slice(-1) as [(typeof told)[number]];
    const fifths = (alerts: readonly Loose[]) => alerts.filter(({ rule_id, count }) => rule_id === every?.ruleId && count === 5).length;
    // What the job waited for is in the log; it is asked for until it is in the warehouse.
    for (let { alerts } = await state(""); fifths(alerts) > 0; alerts = (await state("")).alerts) await sleep(50);
    const { position, ...then } = part;
    expect(fifths(then.alerts)).toBeGreaterThan(0);
    expect(await state(`asOf=${position}`)).toEqual(then);
  });
});

describe("tallywire backtest without a server", () => {
  const flags = ["--sensor", demoSensor, "--from", range.fromTimestamp, "--to", range.toTimestamp];
  const command = (...more: string[]) => run(process.execPath, [MAIN, "backtest", join(data, "rules.json"), ...flags, ...more]);

  it("works at the data once nobody has it, and says who may be asked while somebody does", { timeout: 60_000 }, async () => {
    const there = await command("--server", server.url);
    await expect(command("--data", data)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("Ask that one") });
    await server.stop();
    const csv = join(data, "here.csv");
    const here = await command("--data", data, "--csv", csv);
    expect(here.stdout).toBe(there.stdout);
    expect((await readFile(csv, "utf8")).split("\r\n").length).toBeGreaterThan(20);
    await expect(command("--data", data, "--to", "2026-01-01T00:00:00Z")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not before"),
    });
    server = await startServer({ data });
  });
});
