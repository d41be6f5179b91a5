/**
 * How fast the engine steps: node bench/engine.ts [frames.ndjson] [--mode decoded|json|both] [--frames 80000] [--seconds 6] [--minFrames 1]
 *
 * Without a file it makes the frames itself. One wire, one region and four rules on 100 sensors, checkpoints every 50,000 frames or
 * 5 s of the wall clock. `decoded`: frames to alerts, beside a bare loop that does a smaller job of the same shape. `json`: from text
 * by the door's own validation to alerts, beside JSON.parse of the same text. Both in turn in the same run; read the ratio.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Subject } from "rxjs";
import { engine } from "../analytics/engine.ts";
import { createMemory, saveTouched, stoppedCameras } from "../analytics/memory.ts";
import type { Fact, Frame } from "../domain/event.ts";
import { median } from "../test/support/figures.ts";
import { bareLoop } from "./bare-loop.ts";
import { fromLines } from "./native-lines.ts";
import { definitionsFor } from "./small-job.ts";
import { type NativeFrame, walkers } from "./walkers.ts";

const CHECKPOINT_FRAMES = 50_000;
const CHECKPOINT_MS = 5000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    frames: { type: "string", default: "80000" },
    seconds: { type: "string", default: "6" },
    mode: { type: "string", default: "both" },
    minFrames: { type: "string", default: "1" },
  },
});

const [file] = positionals;
const lines: string[] =
  file === undefined
    ? walkers(Number(values.frames)).map((frame) => JSON.stringify(frame))
    : readFileSync(file, "latin1").trim().split("\n");
const minFrames = Number(values.minFrames);

const cameras = new Set<string>();
let objects = 0;
for (const line of lines) {
  const frame = JSON.parse(line) as NativeFrame;
  cameras.add(frame.sensorId);
  objects += frame.objects.length;
}
const decode = (line: string): Frame => {
  const { sensorId, timestamp: text, id, objects } = JSON.parse(line) as NativeFrame;
  const timestamp = Date.parse(text);
  const read = objects.map(({ id, type, bbox, confidence }) => ({ id, type, bbox, confidence, info: undefined }));
  return {
    kind: "frame",
    tenant: "default",
    camera: sensorId,
    receivedAt: timestamp + 50,
    timestamp,
    id,
    modelVersion: undefined,
    objects: read,
  };
};
const definitions = definitionsFor(cameras, minFrames);

type Pass = {
  readonly rate: number;
  readonly counts: Record<string, number>;
  readonly checkpoints: number;
  readonly checkpointBytes: number;
};

/** `frames` gives one frame at a time, so that reading and validating JSON can be part of the pass. */
const enginePass = (frames: Iterable<Frame>): Pass => {
  const memory = createMemory();
  const facts = new Subject<Fact>();
  const counts: Record<string, number> = {};
  const subscription = facts.pipe(engine(memory)).subscribe((event) => {
    const name = event.kind === "alert" ? event.ruleType : event.kind;
    counts[name] = (counts[name] ?? 0) + (event.kind === "alert" && event.revision > 0 ? 0 : 1);
  });
  for (const definition of definitions) facts.next(definition);
  let since = 0;
  let checkpoints = 0;
  let checkpointBytes = 0;
  const start = performance.now();
  let savedAt = start;
  for (const frame of frames) {
    facts.next(frame);
    if (++since < CHECKPOINT_FRAMES && (since & 1023 || performance.now() - savedAt < CHECKPOINT_MS)) continue;
    checkpointBytes += JSON.stringify(saveTouched(memory)).length;
    checkpoints++;
    since = 0;
    savedAt = performance.now();
  }
  const rate = objects / ((performance.now() - start) / 1000);
  subscription.unsubscribe();
  const stopped = stoppedCameras(memory);
  if (stopped.length > 0) throw new Error(`stopped by a defect: ${stopped[0]}`);
  return { rate, counts, checkpoints, checkpointBytes };
};

const barePass = (decoded: readonly Frame[]): Pass => {
  const start = performance.now();
  const counts = bareLoop(decoded);
  return { rate: objects / ((performance.now() - start) / 1000), counts, checkpoints: 0, checkpointBytes: 0 };
};

const parsePass = (): Pass => {
  const start = performance.now();
  let length = 0;
  for (const line of lines) length += (JSON.parse(line) as NativeFrame).objects.length;
  return { rate: length / ((performance.now() - start) / 1000), counts: {}, checkpoints: 0, checkpointBytes: 0 };
};

const spread = (passes: readonly Pass[]) => {
  const rates = passes.map(({ rate }) => rate);
  const [objectsPerSec, min, max] = [median(rates), Math.min(...rates), Math.max(...rates)].map(Math.round) as [number, number, number];
  return { objectsPerSec, min, max, passes: rates.length };
};

const rssMb = (): number => Math.round(process.memoryUsage().rss / 1024 / 1024);
const tell = (line: object): void => console.log(JSON.stringify(line));

/** The two in turn, so that a noisy machine is noisy for both; the first pass of each only warms up. */
const compare = (mode: string, name: string, ours: () => Pass, beside: string, theirs: () => Pass): void => {
  ours();
  theirs();
  const a: Pass[] = [];
  const b: Pass[] = [];
  const until = performance.now() + 1000 * Number(values.seconds);
  while (a.length < 3 || (a.length < 15 && performance.now() < until)) {
    a.push(ours());
    b.push(theirs());
  }
  const [mine, other] = [spread(a), spread(b)];
  const last = a.at(-1) as Pass;
  tell({
    bench: name,
    mode,
    ...mine,
    checkpoints: last.checkpoints,
    checkpointBytes: last.checkpointBytes,
    rssMb: rssMb(),
    events: last.counts,
  });
  tell({ bench: beside, mode, ...other, events: b.at(-1)?.counts });
  tell({ ratio: Number((mine.objectsPerSec / other.objectsPerSec).toFixed(3)), of: `${name} to ${beside}`, mode });
};

if (values.mode === "both") {
  // Each in a process of its own: frames decoded for the one would be a burden on the other's memory.
  for (const mode of ["decoded", "json"]) execFileSync(process.execPath, [...process.argv.slice(1), "--mode", mode], { stdio: "inherit" });
} else {
  tell({ frames: lines.length, objects, sensors: cameras.size, minFrames });
  if (values.mode === "decoded") {
    const decoded = lines.map(decode);
    compare(
      "decoded",
      "engine",
      () => enginePass(decoded),
      "bare loop",
      () => barePass(decoded),
    );
  } else compare("json", "engine", () => enginePass(fromLines(lines)), "JSON.parse", parsePass);
}
