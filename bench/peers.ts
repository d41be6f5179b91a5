/**
 * Beside Esper, Kafka Streams and Flink on the same input, in turns on the same machine:
 *
 *   node bench/peers.ts ../shared/bench [--rounds 3] [--only esper,ttd,flink,e2e] [--frames 80000]
 *
 * The folder holds the peers' own runner (`run.sh`, which takes ONLY, FRAMES and PEERS_WORK, needs Java and Maven, and writes
 * results.ndjson). The job there is less than ours: no confirmation, no path, no ids, no checkpoints.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../test/support/figures.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "esper,ttd,flink" },
    frames: { type: "string", default: "80000" },
    work: { type: "string", default: join(tmpdir(), "tallywire-peers") },
  },
});
const folder = resolve(positionals[0] ?? "../shared/bench");
if (!existsSync(join(folder, "run.sh"))) {
  console.log(`no peers at ${folder}: nothing was measured`);
  process.exit(process.env.CI === "true" ? 1 : 0);
}

type Row = { readonly peer: string; readonly mode: string; readonly objectsPerSec: number; readonly rssMb: number };
const OURS = "Tallywire";
const engine = fileURLToPath(new URL("engine.ts", import.meta.url));
const input = join(values.work, `frames-${values.frames}.ndjson`);
const figures = new Map<string, number[]>();
const memory = new Map<string, number>();
const note = ({ peer, mode, objectsPerSec, rssMb }: Row): void => {
  const name = `${peer}|${mode}`;
  figures.set(name, [...(figures.get(name) ?? []), objectsPerSec]);
  memory.set(name, Math.max(memory.get(name) ?? 0, rssMb));
};
const rowsOf = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const peers = (): void => {
  const env = { ...process.env, ONLY: values.only, FRAMES: values.frames, PEERS_WORK: values.work };
  execFileSync("bash", [join(folder, "run.sh")], { env, stdio: ["ignore", "ignore", "ignore"] });
  for (const row of rowsOf(readFileSync(join(values.work, "results.ndjson"), "utf8"))) note(row as Row);
};
/** Each mode in a process of its own, as the peers have them: decoded frames must not weigh on the other's memory. */
const ours = (): void => {
  for (const mode of ["decoded", "json"]) {
    // The young generation as `npm start` has it; room for the decoded frames, as the peers have.
    const args = ["--max-semi-space-size=64", "--max-old-space-size=6000", engine, input, "--mode", mode];
    for (const row of rowsOf(execFileSync(process.execPath, args, { encoding: "utf8" })))
      if (row.bench === "engine") note({ peer: OURS, ...(row as Omit<Row, "peer">) });
  }
};

const rounds = Number(values.rounds);
for (let round = 0; round < rounds; round++) {
  // Peers first once, for their input; then turn about, so that a machine that warms up or slows down favours nobody.
  for (const turn of round % 2 === 0 ? [peers, ours] : [ours, peers]) turn();
  console.error(`round ${round + 1} of ${rounds} done, load ${loadavg()[0]?.toFixed(1)}`);
}

const million = (n: number): string => (n / 1e6).toFixed(2);
for (const mode of ["decoded", "json"]) {
  console.log(
    `\n| from ${mode === "json" ? "JSON text" : "decoded frames"} | M objects/s, median (min-max) of ${rounds} rounds | memory, MB |`,
  );
  console.log("| --- | --- | --- |");
  let best = 0;
  for (const [name, rates] of figures) {
    const [peer, of] = name.split("|");
    if (of !== mode) continue;
    if (peer !== OURS) best = Math.max(best, median(rates));
    console.log(
      `| ${peer} | ${million(median(rates))} (${million(Math.min(...rates))}-${million(Math.max(...rates))}) | ${memory.get(name)} |`,
    );
  }
  const own = figures.get(`${OURS}|${mode}`);
  if (own !== undefined && best > 0) console.log(`\n${OURS} to the best of the others: ${(median(own) / best).toFixed(2)}`);
}
