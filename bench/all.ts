/**
 * Every bench, one after another: node bench/all.ts [--quick] [--only http,log]
 *
 * Each prints its figures and, where there is one, its ratio to the bare thing measured in the same run. Read the ratios: the
 * figures are the machine's. `--quick` shows that they run, not how fast anything is.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load, round } from "./support/report.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false }, only: { type: "string" } } });

type Bench = {
  readonly name: string;
  readonly full: readonly string[];
  readonly quick: readonly string[];
  readonly flags?: readonly string[];
};
const benches: readonly Bench[] = [
  { name: "ingest-json", full: [], quick: [] },
  { name: "log", full: [], quick: ["--frames", "5000"] },
  // As `npm start` runs it.
  { name: "engine", full: [], quick: ["--frames", "20000", "--seconds", "1"], flags: ["--max-semi-space-size=64"] },
  { name: "sockets", full: [], quick: ["1000"], flags: ["--expose-gc"] },
  { name: "warehouse", full: [], quick: ["--rows", "100000", "--runs", "5"] },
  { name: "http", full: [], quick: ["--quick"] },
  { name: "auth", full: [], quick: ["--quick"] },
  { name: "latency", full: [], quick: ["--quick"] },
  { name: "restart", full: [], quick: ["--quick"] },
];
const only = values.only?.split(",");
const unknown = only?.filter((name) => benches.every((bench) => bench.name !== name)) ?? [];
if (unknown.length > 0) throw new Error(`there is no bench ${unknown.join(", ")}; there are ${benches.map(({ name }) => name).join(", ")}`);

console.log(
  `${cpus().length} x ${cpus()[0]?.model}, ${round(totalmem() / 2 ** 30)} GB, node ${process.version}, ${new Date().toISOString()}, load ${load()}`,
);
const failed: string[] = [];
for (const { name, full, quick, flags = [] } of benches) {
  if (only !== undefined && !only.includes(name)) continue;
  console.log(`\n== ${name} (load ${load()})`);
  const program = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...flags, program, ...(values.quick ? quick : full)], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
