/**
 * From the frame in to the alert out: node bench/latency.ts [--seconds 40] [--rate 2000] [--quick]
 *
 * 100 sensors send 20 objects a frame, 2,000 frames a second in all, one frame a request and then ten; every crossing raises an
 * alert. One client sends the frames and listens at a socket, and measures from when the frame was due to be sent to when the
 * alert is there.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServer } from "../examples/server.ts";
import { caughtUp, defineSensors, EACH, ready } from "./support/house.ts";
import { memoryOf, processorOf, startPace } from "./support/processes.ts";
import { load, round, table } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "40" },
    rate: { type: "string", default: "2000" },
    quick: { type: "boolean", default: false },
  },
});
const seconds = values.quick ? 5 : Number(values.seconds);
const framesPerSecond = Number(values.rate);
const TARGET_MS = 50;

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
try {
  const rows: Record<string, number | undefined>[] = [];
  for (const framesPerBody of [1, 10]) {
    // A server of its own each: timestamps begin anew.
    const server = await startServer({ data: join(folder, String(framesPerBody)) });
    const pid = server.process.pid as number;
    await ready(server.url);
    await defineSensors(server.url, EACH);
    const client = startPace();
    const before = processorOf(pid);
    const warmSeconds = values.quick ? 2 : 5;
    const paced = await client.run({ url: server.url, framesPerSecond, framesPerBody, connections: 16, seconds, warmSeconds });
    const used = (processorOf(pid) - before) / (seconds + warmSeconds);
    const lag = await caughtUp(server.url);
    const { server: memory, warehouse } = memoryOf(pid);
    const [p50, p90, p99, p999, most] = paced.quantiles.map((ms) => round(ms, 1));
    rows.push({
      "frames a body": framesPerBody,
      "frames/s": round(paced.framesPerSecond),
      alerts: paced.alerts,
      "p50 ms": p50,
      "p90 ms": p90,
      "p99 ms": p99,
      "p99.9 ms": p999,
      "max ms": most,
      "server cpu": round(used, 2),
      "catch-up s": round(lag, 1),
      "server MB": memory.own,
      "with maps": memory.now,
      "warehouse MB": warehouse?.now,
      load: load(),
    });
    client.close();
    await server.stop();
  }
  table(`Frame in to alert out, ${framesPerSecond} frames a second for ${seconds} s`, rows);
  for (const row of rows) console.log(JSON.stringify({ bench: "latency", ...row, targetP99: TARGET_MS }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
