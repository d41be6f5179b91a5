/** A backtest as a job: what a candidate would have given, row by row, beside what was raised. */
import { type BacktestCamera, backtest } from "../../analytics/backtest.ts";
import type { History } from "../../analytics/past.ts";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import { eachSaid } from "../../domain/candidate.ts";
import type { Instant, Json } from "../../domain/envelope.ts";
import { partitionOf } from "../../domain/ids.ts";
import { type BacktestWish, JobFailure, type Run, type Work } from "../../domain/job.ts";
import type { Limits } from "../../domain/limits.ts";
import type { Position, Stop } from "../../domain/ports.ts";

type Parts = History & {
  /** By camera, positions between which all its frames in [from, to) lie, of those that are projected; one without any is left out. */
  readonly spans: (
    tenant: string,
    cameras: readonly string[],
    range: { readonly from: Instant; readonly to: Instant },
  ) => Promise<ReadonlyMap<string, { readonly first: Position; readonly last: Position }>>;
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
const camerasOf = async ({ logs, archive, spans, settled }: Parts, run: Run<BacktestWish>): Promise<readonly BacktestCamera[]> => {
  const { tenant, wish, stop } = run;
  const { from, to } = wish;
  const wanted = eachSaid(wish.cameras).map(({ camera, candidate }) => ({
    key: { tenant, camera },
    candidate,
    partition: partitionOf(tenant, camera, logs.facts.partitions),
  }));
  const partitions = new Map<number, { readonly start: Position; readonly isSettled: boolean }>();
  await Promise.all(
    [...new Set(wanted.map(({ partition }) => partition))].map(async (partition) => {
      const { start, end } = await logs.facts.bounds(partition);
      partitions.set(partition, { start, isSettled: start === end || (await settled(partition, end, stop)) });
    }),
  );
  const named = wanted.map(({ key }) => key.camera);
  const within = await spans(tenant, named, { from, to });
  /** By partition, where the first frame of that time of any of its cameras lies. */
  const firsts = new Map<number, Position>();
  for (const { key, partition } of wanted) {
    const { first } = within.get(key.camera) ?? {};
    if (first === undefined) continue;
    if (first < (partitions.get(partition)?.start ?? 0) && archive === undefined)
      throw new JobFailure(`Facts of sensor ${key.camera} of that time are no longer in the log, and there is no archive.`);
    firsts.set(partition, Math.min(first, firsts.get(partition) ?? first));
  }
  const isSettled = (partition: number): boolean => partitions.get(partition)?.isSettled === true;
  // Without a frame in that time there may be timers in it: of frames before, and no others are to come.
  const silent = wanted.filter(({ partition }) => isSettled(partition) && !firsts.has(partition)).map(({ key }) => key.camera);
  const before = await spans(tenant, silent, { from: Number.MIN_SAFE_INTEGER, to: from });
  return wanted.flatMap(({ key, candidate, partition }): readonly BacktestCamera[] => {
    const span = within.get(key.camera);
    // Frames may be in the log that are not projected yet: then all of it is looked through.
    if (!isSettled(partition)) return [{ ...key, candidate, ...(span && { since: span.first }) }];
    if (span !== undefined) return [{ ...key, candidate, since: span.first, last: span.last }];
    const since = firsts.get(partition) ?? before.get(key.camera)?.last;
    return since === undefined ? [] : [{ ...key, candidate, since, last: -1 }];
  });
};
