/**
 * A bad network in front of Kafka and of the warehouse, under load: is anything acknowledged lost, does anything hang, and how long
 * after the end of each fault is everything through again?
 *
 *   npm run network                     50 seeds
 *   npm run network -- --seeds 8        fewer
 *   npm run network -- --only 17,18     these
 *
 * In front of the warehouse: no ClickHouse server can be had here, so it is the real engine behind test/servers/clickhouse-dialect.ts.
 */
import { parseArgs } from "node:util";
import { startClickhouseDialect } from "../servers/clickhouse-dialect.ts";
import { network } from "./scale/network.ts";
import { stopwatch, tell } from "./scale/tell.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "50" },
    only: { type: "string" },
    partitions: { type: "string", default: "6" },
    engines: { type: "string", default: "2" },
    "frames-per-second": { type: "string", default: "300" },
  },
});
const warehouse = await startClickhouseDialect();
const verdict = await network({
  seeds: values.only?.split(",").map(Number) ?? Array.from({ length: Number(values.seeds) }, (_, i) => i),
  warehouse: { port: warehouse.port, path: new URL(warehouse.url).pathname },
  partitions: Number(values.partitions),
  engines: Number(values.engines),
  cameras: 12,
  live: 2,
  framesPerSecond: Number(values["frames-per-second"]),
  recoveredWithinMs: () => 10_000,
  say: stopwatch(),
}).finally(() => warehouse.stop());
tell(verdict);
