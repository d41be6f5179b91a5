/**
 * Kills engines and the broker under load and looks whether anything is lost or there twice.
 *
 *   npm run exactly-once                                    100,000 frames, 6 partitions, 3 engines, each killed three times, the broker once
 *   npm run exactly-once -- --frames 10000 --seconds 30     smaller
 *   npm run exactly-once -- --seed 7                        other frames, another order of kills
 */
import { parseArgs } from "node:util";
import { exactlyOnce } from "./scale/exactly-once.ts";
import { stopwatch, tell } from "./scale/tell.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "100000" },
    partitions: { type: "string", default: "6" },
    engines: { type: "string", default: "3" },
    kills: { type: "string", default: "3" },
    cameras: { type: "string", default: "24" },
    live: { type: "string", default: "4" },
    seconds: { type: "string", default: "150" },
    seed: { type: "string", default: "1" },
  },
});
tell(
  await exactlyOnce({
    frames: Number(values.frames),
    partitions: Number(values.partitions),
    engines: Number(values.engines),
    kills: Number(values.kills),
    cameras: Number(values.cameras),
    live: Number(values.live),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    say: stopwatch(),
  }),
);
