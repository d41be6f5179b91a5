/**
 * What a backtest does to the alerts of the same server: node bench/beside-backtest.ts [--seconds 40] [--rate 500] [--history 60] [--quick]
 *
 * 100 sensors send 20 objects a frame; every crossing raises an alert. First a history is made, then frames go through without a backtest,
 * with backtests of all sensors over that history one after the other, and without again. Measured from when a frame was due to be sent
 * to when its alert is there.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServer } from "../examples/server.ts";
import { client } from "../test/e2e/client.ts";
import { caughtUp, defineSensors, EACH, ready } from "./support/house.ts";
import { processorOf, startPace } from "./support/processes.ts";
import { load, round, table } from "./support/report.ts";
import { SENSORS, sensorName } from "./support/tape.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "40" },
    rate: { type: "string", default: "500" },
    history: { type: "string", default: "60" },
    quick: { type: "boolean", default: false },
  },
});
const seconds = values.quick ? 5 : Number(values.seconds);
const historySeconds = values.quick ? 5 : Number(values.history);
const framesPerSecond = Number(values.rate);
/** The history is made at this pace. */
const HISTORY_RATE = 2000;
const WARM_SECONDS = 5;
const LOOK_MS = 200;

type Job = { readonly id: string; readonly state: string; readonly reason?: string; readonly result?: { readonly frames: number } };

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
const server = await startServer({ data: folder });
try {
  await ready(server.url);
  await defineSensors(server.url, EACH);
  const call = client(server.url);
  const frames = startPace();
  const pace = (rate: number, lasting: number) =>
    frames.run({
      ...{ url: server.url, framesPerSecond: rate, framesPerBody: 1, connections: 16 },
      ...{ seconds: lasting, warmSeconds: WARM_SECONDS },
    });

  const begun = new Date();
  await pace(HISTORY_RATE, historySeconds);
  await caughtUp(server.url);
  const ended = new Date();

  /** Backtests until told to end; the one under way is cancelled then. How many were through, and how many frames they stepped. */
  const backtests = (until: { isOver: boolean }) =>
    (async () => {
      let through = 0;
      let stepped = 0;
      while (!until.isOver) {
        const wish = {
          sensorIds: Array.from({ length: SENSORS }, (_, sensor) => sensorName(sensor)),
          fromTimestamp: begun.toISOString(),
          toTimestamp: ended.toISOString(),
        };
        let job = (await call("POST", "/backtests", wish)) as Job;
        while (job.state === "queued" || job.state === "running") {
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
          if (until.isOver) await call("DELETE", `/backtests/${job.id}`);
          job = (await call("GET", `/backtests/${job.id}`)) as Job;
        }
        if (job.state === "failed") throw new Error(`the backtest failed: ${job.reason}`);
        if (job.state !== "done") continue;
        through += 1;
        stepped += job.result?.frames ?? 0;
      }
      return { through, stepped };
    })();

  const phase = async (isOn: boolean) => {
    const until = { isOver: false };
    const pid = server.process.pid as number;
    const [before, since] = [processorOf(pid), performance.now()];
    const running = isOn ? backtests(until) : undefined;
    const paced = await pace(framesPerSecond, seconds);
    until.isOver = true;
    const ran = await running;
    const took = (performance.now() - since) / 1000;
    await caughtUp(server.url);
    const [p50, p90, p99, , most] = paced.quantiles.map((ms) => round(ms, 1));
    return {
      p99: paced.quantiles[2] as number,
      row: {
        ...{ backtests: ran?.through ?? 0, "frames stepped/s": round((ran?.stepped ?? 0) / took) },
        ...{ "frames/s": round(paced.framesPerSecond), alerts: paced.alerts },
        ...{ "p50 ms": p50, "p90 ms": p90, "p99 ms": p99, "max ms": most },
        ...{ "server cpu": round((processorOf(pid) - before) / took, 2), load: load() },
      },
    };
  };
  const phases = [await phase(false), await phase(true), await phase(false)] as const;
  frames.close();
  table(
    `Frame in to alert out, ${framesPerSecond} frames a second of 20 objects, for ${seconds} s: without, with and without backtests of ${SENSORS} cameras`,
    phases.map(({ row }) => row),
  );
  const [before, during, after] = phases.map(({ p99 }) => p99) as [number, number, number];
  const ratio = during / ((before + after) / 2);
  console.log(
    JSON.stringify({
      bench: "beside-backtest",
      p99: round(during, 1),
      without: [round(before, 1), round(after, 1)],
      ratio: round(ratio, 2),
      target: 2,
    }),
  );
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
