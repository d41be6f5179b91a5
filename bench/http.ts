/**
 * How much the whole server costs beside the least one that keeps what it is sent: node bench/http.ts [--rounds 5] [--seconds 5] [--quick]
 *
 * One client process sends one frame of 20 objects a body over 16 connections, in turn to a bare `node:http` server that appends
 * the same bodies to a file and fsyncs them in groups before it answers, and to Tallywire with its engine and projector at work
 * on a wire, a region and four rules at each of 100 sensors. Before the bare server's turn the projector has caught up.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServer } from "../examples/server.ts";
import { median } from "../test/support/figures.ts";
import { caughtUp, defineSensors, FOUR_RULES, ready } from "./support/house.ts";
import { memoryOf, processorOf, startBare, startFlood, warehousePid } from "./support/processes.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
  },
});
const rounds = values.quick ? 2 : Number(values.rounds);
const seconds = values.quick ? 2 : Number(values.seconds);
const TARGET = 0.4;

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
try {
  const server = await startServer({ data: join(folder, "data"), env: { TALLYWIRE_LOG_LEVEL: "info" } });
  const pid = server.process.pid as number;
  const bare = await startBare(join(folder, "bodies"));
  const flood = startFlood();
  await ready(server.url);
  await defineSensors(server.url, FOUR_RULES);
  const order = { connections: 16, framesPerBody: 1 };
  // Both are warm before anything counts.
  await flood.run({ ...order, url: bare.url, seconds: 1 });
  await flood.run({ ...order, url: server.url, seconds: values.quick ? 1 : 3 });
  await caughtUp(server.url);

  const rows: Record<string, number>[] = [];
  for (let turn = 1; turn <= rounds; turn++) {
    const theirs = await flood.run({ ...order, url: bare.url, seconds });
    const warehouse = warehousePid(pid) as number;
    const before = [processorOf(pid), processorOf(warehouse)] as const;
    const ours = await flood.run({ ...order, url: server.url, seconds });
    const used = [processorOf(pid) - before[0], processorOf(warehouse) - before[1]] as const;
    const lag = await caughtUp(server.url);
    const { server: memory, warehouse: its } = memoryOf(pid);
    rows.push({
      round: turn,
      bare: round(theirs.requests / theirs.seconds),
      tallywire: round(ours.requests / ours.seconds),
      ratio: round(ours.requests / ours.seconds / (theirs.requests / theirs.seconds), 3),
      "p99 ms": round(ours.p99, 1),
      "catch-up s": round(lag, 1),
      "server cpu": round(used[0] / ours.seconds, 2),
      "warehouse cpu": round(used[1] / ours.seconds, 2),
      "server MB": memory.own,
      "with maps": memory.now,
      "warehouse MB": its?.now ?? 0,
      load: load(),
    });
  }
  table(`POST /frames, requests a second, 16 connections, one frame of 20 objects a body, ${seconds} s a round`, rows);
  const column = (name: string): number => median(rows.map((row) => row[name] as number));
  const { server: most, warehouse: itsMost } = memoryOf(pid);
  console.log(
    JSON.stringify({
      bench: "http",
      bare: round(column("bare")),
      tallywire: round(column("tallywire")),
      ratio: round(column("ratio"), 3),
      target: TARGET,
      catchUpSeconds: round(column("catch-up s"), 1),
      serverMbMost: most.most,
      warehouseMbMost: itsMost?.most,
    }),
  );
  flood.close();
  bare.close();
  await server.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
