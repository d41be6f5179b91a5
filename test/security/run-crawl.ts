/**
 * `npm run crawl`: a server of its own, two tenants with the same data and the same ids, every operation of every document as one of them, then as
 * the other: nothing of the other's is to be seen. Exit 1 when something was, or when an answer was not as it is to be.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crawl } from "./crawl.ts";
import { startGuarded } from "./guarded-server.ts";

/** Of many faults of one kind the first say enough. */
const FEW = 20;
const print = (what: string, lines: readonly string[]): void => {
  for (const line of lines.slice(0, FEW)) console.log(`${what}: ${line}`);
  if (lines.length > FEW) console.log(`${what}: ${lines.length - FEW} more`);
};

const data = await mkdtemp(join(tmpdir(), "tallywire-crawl-"));
// Whoever interrupts us leaves no server behind: it ends when we exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const server = await startGuarded(data);
try {
  const { operations, requests, messages, statuses, seen, faults, shown, planted } = await crawl(server, {
    share: Number(process.argv[2] ?? 1),
    directions: 2,
  });
  for (const [surface, count] of requests)
    console.log(`${surface}: ${operations.get(surface) ?? 0} operations, ${count} requests, ${messages.get(surface) ?? 0} socket messages`);
  const told = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} of ${status}`);
  console.log(`answers: ${told.join(", ")}`);
  console.log(`${shown} marked texts were shown to whose they are; shown to the other on purpose, marks were seen in ${planted} answers`);
  print("SEEN", seen);
  print("FAULT", faults);
  print("LOG", server.errors);
  if (seen.length === 0) console.log("no canary of another tenant was seen");
  process.exitCode = seen.length + faults.length + server.errors.length === 0 ? 0 : 1;
} finally {
  await server.stop();
  await rm(data, { recursive: true, force: true });
}
