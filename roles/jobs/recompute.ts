import type { CameraKey, Instant, Json } from "../../domain/envelope.ts";
import type { Recomputed } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { JobFailure, type RecomputeWish, type Run, type Work } from "../../domain/job.ts";
import type { Limits } from "../../domain/limits.ts";
import { AdapterError, type Clock, type Logs, type Position, type Stop } from "../../domain/ports.ts";

type Parts = {
  readonly logs: Pick<Logs, "facts" | "derived">;
  readonly clock: Pick<Clock, "now">;
  readonly limits: Limits;
  /** Whether anything was ever decided of the camera. */
  readonly isDecided: (camera: CameraKey) => Promise<boolean>;
  /** Where its frames of a time lie; undefined where none are known. */
  readonly span: (
    camera: CameraKey,
    range: { readonly from: Instant; readonly to: Instant },
  ) => Promise<{ readonly first: Position; readonly last: Position } | undefined>;
  /** Waits, not for ever, until all facts of the partition before a position are projected; false where they are not. */
  readonly settled: (partition: number, end: Position, stop: Stop) => Promise<boolean>;
};

/**
 * What is kept. `from`: where the derived log ended before it was asked for; `asked`: the fact is durable; `waits`: how many runs have waited
 * since. The work is then with the owner of the partition: processes that are lost while they wait come no nearer to a failure of the job.
 */
type Kept = { readonly epoch: string; readonly from: Position; readonly asked: boolean; readonly waits?: number };

const DAY_MS = 86_400_000;
const EVER = { from: Number.MIN_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER };

/**
 * Asks the owner of the camera's partition, through the log, and waits for what it tells: whichever process that is, and however often it
 * changes meanwhile. Asked for twice, where a run was cut off between, the second finds nothing to tell. One that is cancelled is no longer
 * waited for; what was asked for is done all the same.
 */
export const recomputeWork =
  (parts: Parts): Work<RecomputeWish> =>
  async (run) => {
    const { tenant, wish } = run;
    const partition = partitionOf(tenant, wish.camera, parts.logs.facts.partitions);
    const before = run.kept as Kept | undefined;
    const begun = before?.epoch === parts.logs.facts.epoch ? before : await begin(parts, run, partition);
    if (begun.asked) await run.keep({ ...begun, waits: (begun.waits ?? 0) + 1 });
    else await ask(parts, run, begun, partition);
    run.progress(0, 1);
    const outcome = await outcomeOf(parts, run, partition, begun.from);
    if (outcome.fault !== undefined) throw new JobFailure(outcome.fault);
    run.progress(1, 1);
    const { from, to, alerts, crossings, stays } = outcome;
    return { from, to, alerts: { ...alerts }, crossings: { ...crossings }, stays: { ...stays } } satisfies Json;
  };

const begin = async (parts: Parts, { tenant, wish, keep }: Run<RecomputeWish>, partition: number): Promise<Kept> => {
  const { camera, from, to } = wish;
  const { limits, logs, isDecided, span } = parts;
  if (!(from < to)) throw new JobFailure("The time ends before it begins.");
  if (to - from > limits.jobRangeMs) throw new JobFailure(`The time is longer than the ${limits.jobRangeMs / DAY_MS} days of one job.`);
  const key = { tenant, camera };
  if (!(await isDecided(key)) && (await span(key, EVER)) === undefined) throw new JobFailure("Nothing was ever heard of this camera.");
  const kept: Kept = { epoch: logs.facts.epoch, from: (await logs.derived.bounds(partition)).end, asked: false };
  await keep({ ...kept });
  return kept;
};

const ask = async (
  { logs, clock, span, settled }: Parts,
  { id, tenant, wish, keep, stop }: Run<RecomputeWish>,
  begun: Kept,
  partition: number,
): Promise<void> => {
  const { camera, from, to, definitions } = wish;
  // A frame that is not projected yet stands after those that are: where there are any, the first of them is the first.
  const { start, end } = await logs.facts.bounds(partition);
  if (start < end) await settled(partition, end, stop);
  const { first: since = 0 } = (await span({ tenant, camera }, { from, to })) ?? {};
  await logs.facts.append([{ kind: "recompute", tenant, camera, receivedAt: clock.now(), id, from, to, definitions, since }]);
  await keep({ ...begun, asked: true });
};

/** What the owner tells of it, once. */
const outcomeOf = async (
  { logs }: Parts,
  { id, tenant, wish, stop }: Run<RecomputeWish>,
  partition: number,
  from: Position,
): Promise<Recomputed> => {
  for await (const { events } of logs.derived.read(partition, from, { follow: true, signal: stop }))
    for (const event of events)
      if (event.kind === "recomputed" && event.id === id && event.tenant === tenant && event.camera === wish.camera) return event;
  throw new AdapterError("closed", "It was told to stop before the recomputation came to its end.", { retryable: true });
};
