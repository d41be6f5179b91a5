/** A backtest over data that nobody has: the logs and the warehouse are opened, and nothing is written to them. */
import { readBacktest } from "./api/emdx/jobs-read.ts";
import { knownFields } from "./api/emdx/jobs-schemas.ts";
import { readJson } from "./api/json-body.ts";
import { Problem } from "./api/problem.ts";
import type { Config } from "./config.ts";
import type { BacktestRow } from "./domain/backtest-rows.ts";
import { initialCamera } from "./domain/camera.ts";
import type { BacktestWish } from "./domain/job.ts";
import { limits } from "./domain/limits.ts";
import type { Stop } from "./domain/ports.ts";
import { openData } from "./open-data.ts";
import { positionsOfMany } from "./projections/positions.ts";
import { readerOf } from "./projections/reader.ts";
import { backtestWork } from "./roles/jobs/backtest.ts";

/** What was sent is read as a server reads it. Throws Problem. */
const wishOf = (sent: object): Promise<BacktestWish> =>
  // A candidate stands in the place of all a camera has: nothing of that is needed to judge it.
  readBacktest(readJson(Buffer.from(JSON.stringify(sent)), knownFields), async () => initialCamera());

export type Here = {
  readonly config: Config;
  readonly tenant: string;
  readonly stop: Stop;
  readonly progress: (done: number, of: number) => void;
  /** Rows as they come. */
  readonly rows: (rows: readonly BacktestRow[]) => Promise<void>;
};

/** Undefined when it is done, else why what was sent cannot be. Throws AdapterError (`in-use` where a server has the data), ConfigError, JobFailure. */
export const backtestHere = async ({ config, tenant, stop, progress, rows }: Here, sent: object): Promise<string | undefined> => {
  let wish: BacktestWish;
  try {
    wish = await wishOf(sent);
  } catch (error) {
    if (error instanceof Problem) return error.detail;
    throw error;
  }
  const { logs, warehouse, archive, close } = await openData(config);
  try {
    const work = backtestWork({
      logs,
      archive,
      spans: (owner, cameras, range) => positionsOfMany(readerOf(warehouse, owner), cameras, range),
      // How far the tables are nobody says: all of the log from the range on is looked through.
      settled: () => Promise.resolve(false),
      limits,
    });
    await work({
      tenant,
      id: "",
      wish,
      stop,
      kept: undefined,
      progress,
      keep: () => Promise.resolve(),
      // Nothing else waits for this process, but it is to hear that it is stopped.
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      rows: (_number, found) => rows(found as unknown as readonly BacktestRow[]),
    });
    return undefined;
  } finally {
    await close();
  }
};
