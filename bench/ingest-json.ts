/**
 * How much the door costs beside bare parsing: `node bench/ingest-json.ts [frames.ndjson]`. Without a file it makes one with the
 * generator of the shared benchmark (20,000 frames). Both ways read the same bytes in the same run, turn by turn; the best of each counts.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { limits } from "../domain/limits.ts";
import { linesOf } from "../ingest/body.ts";
import { isRejection } from "../ingest/normalise.ts";
import { isNotReceived } from "../ingest/received.ts";

const GENERATOR = fileURLToPath(new URL("../../shared/bench/gen.mjs", import.meta.url));
const ROUNDS = 9;
const FRAMES_A_BODY = 1000;

const input = (): Buffer => {
  const given = process.argv[2];
  if (given !== undefined) return readFileSync(given);
  if (!existsSync(GENERATOR)) throw new Error(`give a file of NDJSON frames: ${GENERATOR} is not here`);
  const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
  try {
    const file = join(folder, "frames.ndjson");
    execFileSync(process.execPath, [GENERATOR, "--frames", "20000", "--out", file]);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** Bodies as a client sends them, cut at line ends. */
const bodiesOf = (bytes: Buffer): Buffer[] => {
  const bodies: Buffer[] = [];
  for (let from = 0, at = 0, lines = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(10, at);
    at = newline === -1 ? bytes.length : newline + 1;
    if (++lines % FRAMES_A_BODY === 0 || at === bytes.length) {
      bodies.push(bytes.subarray(from, at));
      from = at;
    }
  }
  return bodies;
};

const bare = (bodies: readonly Buffer[]): number => {
  let objects = 0;
  for (const body of bodies) {
    for (const line of body.toString("utf8").split("\n"))
      if (line !== "") objects += (JSON.parse(line) as { objects: unknown[] }).objects.length;
  }
  return objects;
};

const door = (bodies: readonly Buffer[]): number => {
  const context = { now: Date.now(), limits };
  let objects = 0;
  for (const body of bodies) {
    const lines = linesOf(body, "ndjson", context);
    if (isNotReceived(lines)) throw new Error(lines.detail);
    for (const { line, frame } of lines) {
      if (isRejection(frame)) throw new Error(`line ${line}: ${frame.field} ${frame.detail}`);
      objects += frame.objects.length;
    }
  }
  return objects;
};

const seconds = (work: () => number, expected: number): number => {
  const start = performance.now();
  const objects = work();
  if (objects !== expected) throw new Error(`${objects} objects where ${expected} were expected`);
  return (performance.now() - start) / 1000;
};

const bytes = input();
const bodies = bodiesOf(bytes);
const objects = bare(bodies);
let parse = Number.POSITIVE_INFINITY;
let ingest = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS; round++) {
  parse = Math.min(
    parse,
    seconds(() => bare(bodies), objects),
  );
  ingest = Math.min(
    ingest,
    seconds(() => door(bodies), objects),
  );
}
console.log(
  JSON.stringify({
    bytes: bytes.length,
    objects,
    parseObjectsPerSecond: Math.round(objects / parse),
    ingestObjectsPerSecond: Math.round(objects / ingest),
    speedOfParsing: Number((parse / ingest).toFixed(3)),
  }),
);
