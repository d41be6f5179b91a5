/**
 * How fast the past is asked again: node bench/backtest.ts [--frames 1000000] [--rounds 3]
 *
 * Frames of 100 cameras of 30 fps, 20 objects each, in an LMDB log, and what a live run derived of them beside it: one wire, one region and
 * four rules at each camera. Then, in turn and in one process: the facts read and decoded, and nothing else; the same with what was derived,
 * which a backtest reads too; a backtest of what was in force; and one of another candidate (the wire moved, every threshold another).
 * Read the ratios. The pause after each slice costs nothing here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../adapters/clock.ts";
import { openLmdbLogs } from "../adapters/log-lmdb.ts";
import { backtest } from "../analytics/backtest.ts";
import { drive } from "../analytics/drive.ts";
import type { BacktestResult } from "../domain/backtest-rows.ts";
import type { Candidate } from "../domain/candidate.ts";
import type { Definition, Frame } from "../domain/event.ts";
import type { Logs } from "../domain/ports.ts";
import { createStop } from "../domain/stop.ts";
import { median } from "../test/support/figures.ts";
import { definitionsFor } from "./small-job.ts";
import { load, round } from "./support/report.ts";
import { type NativeFrame, walking } from "./walkers.ts";

const { values } = parseArgs({ options: { frames: { type: "string", default: "1000000" }, rounds: { type: "string", default: "3" } } });
const FRAMES = Number(values.frames);
const ROUNDS = Number(values.rounds);
const CAMERAS = 100;
const PARTITIONS = 4;
const PER_APPEND = 1000;
const FPS = 30;
/** Imported, not live: no heartbeats are written into what is measured. */
const UNDER_WAY_MS = 3_600_000;

const tell = (line: object): void => console.log(JSON.stringify(line));
const seconds = async (work: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

const frameOf = ({ sensorId, timestamp: text, id, objects }: NativeFrame): Frame => {
  const timestamp = Date.parse(text);
  return {
    kind: "frame",
    tenant: "default",
    camera: sensorId,
    receivedAt: timestamp + UNDER_WAY_MS,
    timestamp,
    id,
    modelVersion: undefined,
    objects: objects.map(({ id: object, type, bbox, confidence }) => ({ id: object, type, bbox, confidence, info: undefined })),
  };
};

const names = Array.from({ length: CAMERAS }, (_, n) => `cam-${String(n).padStart(3, "0")}`);

const fill = async ({ facts }: Logs): Promise<number> => {
  await facts.append(definitionsFor(names, 1));
  let objects = 0;
  let waiting: Frame[] = [];
  let before: Promise<unknown> = Promise.resolve();
  for (const native of walking(FRAMES, 1, FPS)) {
    waiting.push(frameOf(native));
    objects += native.objects.length;
    if (waiting.length < PER_APPEND) continue;
    await before;
    before = facts.append(waiting);
    waiting = [];
  }
  await before;
  if (waiting.length > 0) await facts.append(waiting);
  return objects;
};

/** What follows from it all stands in the derived log, as a live run leaves it. */
const live = async (logs: Logs): Promise<void> => {
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
  const parts = {
    logs,
    clock: systemClock,
    meter: { count() {}, set() {}, observe() {} },
    journal: quiet,
    watch: { late() {}, clockReset() {} },
  };
  const done: Promise<void>[] = [];
  let failure: unknown;
  const release = await logs.claim(async (owned) => {
    const driven = { position: 0, caughtUp: false, stopped: [] as readonly string[] };
    const running = drive(parts, { checkpointMs: 5000, checkpointFrames: 50_000 }, owned, driven).catch((error: unknown) => {
      failure = error;
    });
    done.push(
      (async () => {
        while (!driven.caughtUp && failure === undefined) await parts.clock.sleep(50);
      })(),
    );
    await running;
  });
  while (done.length < PARTITIONS && failure === undefined) await parts.clock.sleep(50);
  await Promise.all(done);
  await release();
  if (failure !== undefined) throw failure;
};

const candidate = (): Candidate => {
  const decisions = definitionsFor(["any"], 1).map((fact) => (fact as Definition).decision);
  return {
    tripwires: decisions.flatMap((one) =>
      one.type === "tripwire-defined" ? [{ ...one.tripwire, wire: one.tripwire.wire.map(({ x }) => ({ x, y: 350 })) }] : [],
    ),
    rois: decisions.flatMap((one) => (one.type === "roi-defined" ? [one.roi] : [])),
    rules: decisions.flatMap((one) => (one.type === "rule-defined" ? [{ ...one.rule, countThreshold: 7 }] : [])),
    settings: undefined,
  };
};

const readAlone = async ({ facts }: Logs): Promise<void> => {
  let read = 0;
  for (let p = 0; p < PARTITIONS; p++)
    for await (const { events } of facts.read(p, "start")) for (const { kind } of events) if (kind === "frame") read++;
  if (read !== FRAMES) throw new Error(`${read} frames were read of ${FRAMES}`);
};

const readBoth = async (logs: Logs): Promise<number> => {
  await readAlone(logs);
  let read = 0;
  for (let p = 0; p < PARTITIONS; p++) for await (const { events } of logs.derived.read(p, "start")) read += events.length;
  return read;
};

const ask = async (logs: Logs, asked: Candidate | undefined): Promise<BacktestResult> => {
  const cameras = names.map((camera) => ({ tenant: "default", camera, candidate: asked }));
  const range = { from: 0, to: Number.MAX_SAFE_INTEGER - 1e9, late: false, labels: [], tolerance: 0 };
  let result: BacktestResult | undefined;
  for await (const part of backtest(
    { logs, archive: undefined },
    { cameras, ...range, pause: () => Promise.resolve(), stop: createStop().signal },
  ))
    result = part.result;
  if (result?.frames !== FRAMES) throw new Error(`${result?.frames} frames were stepped of ${FRAMES}`);
  return result;
};

const dir = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
try {
  const logs = await openLmdbLogs({ dir, partitions: PARTITIONS });
  tell({ machine: `${cpus().length} x ${cpus()[0]?.model}`, node: process.version, load: load() });
  const objects = await fill(logs);
  await live(logs);
  tell({ frames: FRAMES, cameras: CAMERAS, objects, partitions: PARTITIONS, derived: await readBoth(logs) });
  const taken = { read: [] as number[], both: [] as number[], inForce: [] as number[], candidate: [] as number[] };
  const results = { inForce: [] as BacktestResult[], candidate: [] as BacktestResult[] };
  for (let n = 0; n < ROUNDS; n++) {
    taken.read.push(await seconds(() => readAlone(logs)));
    taken.both.push(await seconds(async () => void (await readBoth(logs))));
    taken.inForce.push(await seconds(async () => void results.inForce.push(await ask(logs, undefined))));
    taken.candidate.push(await seconds(async () => void results.candidate.push(await ask(logs, candidate()))));
  }
  for (const result of results.inForce)
    if (result.onlyNow + result.onlyThen + result.changed > 0 || result.both === 0)
      throw new Error(`a backtest of what was in force differs: ${JSON.stringify(result)}`);
  const rate = (all: readonly number[]): number => Math.round(FRAMES / median(all));
  const between = (all: readonly number[]): string =>
    `${Math.round(FRAMES / Math.max(...all))} to ${Math.round(FRAMES / Math.min(...all))}`;
  const reading = { bench: "read and decode", framesPerSecond: rate(taken.read), between: between(taken.read) };
  const readingBoth = { bench: "read and decode, what was derived too", framesPerSecond: rate(taken.both), between: between(taken.both) };
  tell(reading);
  tell(readingBoth);
  for (const [bench, all, result] of [
    ["backtest of what was in force", taken.inForce, results.inForce[0]],
    ["backtest of a candidate", taken.candidate, results.candidate[0]],
  ] as const) {
    const framesPerSecond = rate(all);
    tell({
      bench,
      framesPerSecond,
      between: between(all),
      ofFactsAlone: round(framesPerSecond / reading.framesPerSecond, 3),
      ofBothLogs: round(framesPerSecond / readingBoth.framesPerSecond, 3),
      timesRealTime: round(framesPerSecond / FPS),
      result,
    });
  }
  tell({ rssMb: Math.round(process.memoryUsage().rss / 2 ** 20), load: load() });
  await logs.close();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
