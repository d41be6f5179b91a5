/**
 * `npm run fuzz [-- --requests 5000 --seed 1]`: a server of its own, and so many requests for each OpenAPI document, made from it. Exit 1 when an
 * answer was a 5xx or not as the document declares it, when an operation was never let succeed, or when the server was not well afterwards.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { startGuarded } from "./guarded-server.ts";
import { faultsAfter } from "./well-being.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "5000" }, seed: { type: "string", default: "1" } },
});
const data = await mkdtemp(join(tmpdir(), "tallywire-fuzz-"));
// Whoever interrupts us leaves no server behind: it ends when we exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const server = await startGuarded(data);
console.log(`seed ${values.seed}`);
try {
  const fuzzed = await fuzz(server, { requests: Number(values.requests), seed: Number(values.seed) });
  for (const { surface, name, requests, statuses } of fuzzed.tried) {
    const told = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    console.log(`${surface} ${name}: ${requests} requests, ${told.join(", ")}`);
  }
  const surfaces = [...new Set(fuzzed.tried.map(({ surface }) => surface))];
  for (const surface of surfaces) {
    const tried = fuzzed.tried.filter((one) => one.surface === surface);
    console.log(`${surface}: ${tried.reduce((sum, { requests }) => sum + requests, 0)} requests to ${tried.length} operations`);
  }
  const { before, after } = fuzzed.memory;
  console.log(`refused before routing: ${fuzzed.beforeRouting}; queries that waited in vain: ${fuzzed.waitedInVain}`);
  console.log(`memory of the server: ${before} MiB before, ${after} MiB after`);
  const faults = await faultsAfter(server, fuzzed);
  for (const fault of faults) console.log(`FAULT: ${fault}`);
  if (faults.length === 0) console.log("no 5xx, and every answer as its document declares it");
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await server.stop();
  await rm(data, { recursive: true, force: true });
}
