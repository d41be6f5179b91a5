/** A backtest as a job: what a candidate would have given, row by row, beside what was raised. */
import { type BacktestCamera, backtest } from "../../analytics/backtest.ts";
import type { History } from "../../analytics/past.ts";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import type { CameraKey, Instant, Json } from "../../domain/envelope.ts";
import { partitionOf } from "../../domain/ids.ts";
import { type BacktestWish, JobFailure, type Run, type Work } from "../../domain/job.ts";
import type { Limits } from "../../domain/limits.ts";
import type { Position, Stop } from "../../domain/ports.ts";

type Parts = History & {
  /** Positions between which all frames of the camera in [from, to) lie, of those that are projected; undefined where there are none. */
  readonly span: (
    camera: CameraKey,
    range: { readonly from: Instant; readonly to: Instant },
  ) => Promise<{ readonly first: Position; readonly last: Position } | undefined>;
  /** Waits, not for ever, until all facts of the partition before a position are projected; false where they are not. */
  readonly settled: (partition: number, end: Position, stop: Stop) => Promise<boolean>;
  readonly limits: Pick<Limits, "backtestHeld" | "backtestTailMs" | "lateObjects">;
};

/** Rows that are written at once. */
const ROWS = 500;

/** A run that was cut off begins again: a day of a camera takes seconds. */
export const backtestWork =
  (parts: Parts): Work<BacktestWish> =>
  async (run) => {
    const { wish, pause, stop } = run;
    const { from, to, late, labels, tolerance } = wish;
    const cameras = await camerasOf(parts, run);
    let waiting: BacktestRow[] = [];
    let written = 0;
    const write = async (): Promise<void> => {
      // What is undefined is absent in JSON.
      await run.rows(written, waiting as unknown as readonly Json[]);
      written += waiting.length;
      waiting = [];
    };
    let result: Json = null;
    for await (const part of backtest(parts, { cameras, from, to, late, labels, tolerance, pause, stop, limits: parts.limits })) {
      for (const row of part.rows) {
        waiting.push(row);
        if (waiting.length === ROWS) await write();
      }
      run.progress(part.done, part.of);
      if (part.result !== undefined) result = { ...part.result };
    }
    await write();
    return result;
  };

/** Where each camera's range lies. */
const camerasOf = async ({ logs, archive, span, settled }: Parts, run: Run<BacktestWish>): Promise<readonly BacktestCamera[]> => {
  const { tenant, wish, stop } = run;
  const { from, to } = wish;
  const ends = new Map<number, Promise<{ readonly start: Position; readonly end: Position; readonly isSettled: boolean }>>();
  const endOf = async (partition: number) => {
    const { start, end } = await logs.facts.bounds(partition);
    return { start, end, isSettled: start === end || (await settled(partition, end, stop)) };
  };
  const lying = await Promise.all(
    wish.cameras.map(async ({ camera, candidate }) => {
      const key = { tenant, camera };
      const partition = partitionOf(tenant, camera, logs.facts.partitions);
      const known = ends.get(partition) ?? endOf(partition);
      ends.set(partition, known);
      const { start, isSettled } = await known;
      const within = await span(key, { from, to });
      if (within !== undefined && within.first < start && archive === undefined)
        throw new JobFailure(`Facts of sensor ${camera} of that time are no longer in the log, and there is no archive.`);
      return { key, candidate, partition, within, isSettled };
    }),
  );
  const cameras: BacktestCamera[] = [];
  for (const { key, candidate, partition, within, isSettled } of lying) {
    // Frames may be in the log that are not projected yet: then all of it is looked through.
    if (!isSettled) cameras.push({ ...key, candidate, ...(within && { since: within.first }) });
    else if (within !== undefined) cameras.push({ ...key, candidate, since: within.first, last: within.last });
    else {
      // Without a frame in that time there may be timers in it: of frames before, and no others are to come.
      const others = lying.flatMap((one) => (one.partition === partition && one.within !== undefined ? [one.within.first] : []));
      const since = others.length > 0 ? Math.min(...others) : (await span(key, { from: Number.MIN_SAFE_INTEGER, to: from }))?.last;
      if (since !== undefined) cameras.push({ ...key, candidate, since, last: -1 });
    }
  }
  return cameras;
};
