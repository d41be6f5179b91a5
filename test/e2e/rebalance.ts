/**
 * Engines join and leave under load: how long a subscriber waits for an alert meanwhile, and whether anything is lost or there twice.
 *
 *   npm run rebalance                    10 rounds of leaving (SIGTERM), joining, being killed (-9), joining
 *   npm run rebalance -- --rounds 2      fewer
 */
import { parseArgs } from "node:util";
import { rebalance } from "./scale/rebalance.ts";
import { stopwatch, tell } from "./scale/tell.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    partitions: { type: "string", default: "6" },
    engines: { type: "string", default: "3" },
    "frames-per-second": { type: "string", default: "300" },
  },
});
tell(
  await rebalance({
    rounds: Number(values.rounds),
    partitions: Number(values.partitions),
    engines: Number(values.engines),
    cameras: 12,
    live: 0,
    framesPerSecond: Number(values["frames-per-second"]),
    probeEveryMs: 200,
    say: stopwatch(),
  }),
);
