/** Brings one partition of one log into the warehouse: feed, mark, batch, and on. */
import type { Derived, Fact } from "../domain/event.ts";
import { AdapterError, type Batch, EVENTS_PER_RECORD, type Log, type Position, type Warehouse } from "../domain/ports.ts";
import { type Gathered, gathering, tablesOf, tokenOf } from "./batch.ts";
import { type Counts, countRows, type Mark, readMark, writeMark } from "./marks.ts";
import { type Patience, patiently } from "./patience.ts";
import type { Progress } from "./progress.ts";
import type { LogKind, Projection } from "./projection.ts";

export type Source = {
  readonly kind: LogKind;
  readonly log: Log<Fact> | Log<Derived>;
  readonly partition: number;
  readonly projections: readonly Projection[];
  readonly warehouse: Warehouse;
};
export type Projecting = Source & Patience & { readonly progress: Progress };

const insertAll = async (
  { kind, log, partition, projections, warehouse }: Source,
  work: Gathered,
  only: (p: Projection) => boolean,
): Promise<void> => {
  const inserts = tablesOf(projections, kind).filter((p) => only(p) && work.rows.has(p.name));
  const from = { epoch: log.epoch, partition };
  await Promise.all(inserts.map((p) => warehouse.insert(p.name, work.rows.get(p.name) ?? [], tokenOf(p, from, work))));
};

/** What lies in [begin, end), as rows. */
const readAgain = async (source: Source, begin: Position, end: Position): Promise<Gathered> => {
  const { kind, log, partition, projections } = source;
  const gather = gathering(tablesOf(projections, kind), { epoch: log.epoch, partition });
  const whole = gather.empty(begin);
  const { start } = await log.bounds(partition);
  for await (const batch of log.read(partition, Math.max(begin, start), { to: end })) {
    for (let i = 0; i < batch.events.length; ) {
      const part = gather.empty(begin);
      i = gather.take(part, batch as Batch<Fact | Derived>, i);
      for (const [name, rows] of part.rows) whole.rows.set(name, [...(whole.rows.get(name) ?? []), ...rows]);
    }
  }
  whole.end = end;
  return whole;
};

/**
 * Finishes what a crash may have cut off. Tokens are forgotten after a while, so a table that has the rows it should have is left alone;
 * a summary can be told twice. Returns the mark, and the tables whose rows do not add up even so.
 */
export const resume = async (source: Source): Promise<{ readonly mark: Mark | undefined; readonly short: readonly string[] }> => {
  const { kind, log, partition, projections, warehouse } = source;
  const mark = await readMark(warehouse, kind, partition);
  if (mark === undefined || mark.epoch !== log.epoch) return { mark, short: [] };
  const differing = async (): Promise<Set<string>> => {
    const names = tablesOf(projections, kind).filter((p) => p.kind === "rows" && mark.counts[p.name] !== undefined);
    const counts = await Promise.all(names.map(({ name }) => countRows(warehouse, name, partition)));
    return new Set(names.filter(({ name }, i) => counts[i] !== mark.counts[name]).map(({ name }) => name));
  };
  const before = await differing();
  if (mark.begin === mark.end) return { mark, short: [...before] };
  const again = await readAgain(source, mark.begin, mark.end);
  await insertAll(source, again, (p) => p.kind === "summary" || before.has(p.name));
  return { mark, short: before.size === 0 ? [] : [...(await differing())] };
};

const countsAfter = ({ projections, kind }: Source, before: Counts, { rows }: Gathered): Counts =>
  Object.fromEntries(
    tablesOf(projections, kind)
      .filter((p) => p.kind === "rows")
      .map(({ name }) => [name, (before[name] ?? 0) + (rows.get(name)?.length ?? 0)]),
  );

/**
 * Milliseconds between the beginnings of two batches. An insert costs the warehouse as much for one row as for a thousand, and a
 * part to merge: without a pace, a steady load made inserts of a few rows one after another and took more of the machine than
 * everything else together.
 */
const PACE_MS = 1000;

/**
 * Holds what was read until it is taken. An idle feed is brought in at once, and so is one that somebody waits for or that has a
 * full batch; a steady one at a pace.
 */
const pump = (source: Projecting, from: Position) => {
  const { kind, log, partition, projections, stop, clock, progress } = source;
  const gather = gathering(tablesOf(projections, kind), { epoch: log.epoch, partition });
  let waiting = gather.empty(from);
  let ended = false;
  let failure: unknown;
  let wakeWriter = (): void => undefined;
  let takenAt = Number.NEGATIVE_INFINITY;
  let wakeReader = (): void => undefined;
  const reading = async (): Promise<void> => {
    // Before the first record there is none: the record of `from` itself is yet to be read.
    let last = from - EVENTS_PER_RECORD;
    for await (const batch of log.read(partition, from, { follow: true, signal: stop })) {
      const newest = batch.positions.at(-1) ?? last;
      progress.read(kind, batch.events.length, last, newest);
      last = newest;
      let i = 0;
      do {
        if (gather.isFull(waiting)) {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
          if (stop.aborted) return;
        }
        i = gather.take(waiting, batch as Batch<Fact | Derived>, i);
        wakeWriter();
      } while (i < batch.events.length);
    }
  };
  const done = reading()
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      ended = true;
      wakeWriter();
    });
  stop.addEventListener(
    "abort",
    () => {
      wakeReader();
      wakeWriter();
    },
    { once: true },
  );
  progress.onWanted(kind, partition, () => wakeWriter());
  const isUrgent = (): boolean => ended || stop.aborted || gather.isFull(waiting) || progress.wanted(kind, partition);
  const pace = async (): Promise<void> => {
    // A clock that was set back must not hold a batch for longer than the pace.
    const early = Math.min(PACE_MS, takenAt + PACE_MS - clock.now());
    if (early <= 0 || isUrgent()) return;
    const hurried = new Promise<void>((resolve) => {
      wakeWriter = () => {
        if (isUrgent()) resolve();
      };
    });
    await Promise.race([clock.sleep(early, stop), hurried]);
  };
  return {
    done,
    /** Undefined when the feed has ended. Throws what the feed threw. */
    async next(): Promise<Gathered | undefined> {
      while (waiting.end === waiting.begin && !ended) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
      if (failure !== undefined) throw failure;
      if (waiting.end === waiting.begin) return undefined;
      await pace();
      if (failure !== undefined) throw failure;
      takenAt = clock.now();
      const taken = waiting;
      waiting = gather.empty(taken.end);
      wakeReader();
      return taken;
    },
  };
};

/** Runs until `stop`. The tables must have been opened (open.ts). Throws what trying again cannot heal. */
export const project = async (source: Projecting): Promise<void> => {
  const { kind, log, partition, warehouse, progress, stop } = source;
  const fields = { log: kind, partition };
  const again = <T>(work: () => Promise<T>): Promise<T> => patiently(source, fields, work);
  try {
    const { mark, short } = await again(() => resume(source));
    if (short.length > 0) throw new AdapterError("corrupt", `The rows of ${short.join(", ")} do not add up.`, { retryable: false });
    const { start } = await log.bounds(partition);
    const from = Math.max(start, mark?.epoch === log.epoch ? mark.end : start);
    let turn = mark?.turn ?? 0;
    let counts: Counts = mark?.counts ?? {};
    progress.advance(kind, partition, from);
    const feed = pump(source, from);
    for (let work = await feed.next(); work !== undefined && !stop.aborted; work = await feed.next()) {
      const batch = work;
      if (batch.rows.size > 0) {
        turn += 1;
        counts = countsAfter(source, counts, batch);
        const next: Mark = { epoch: log.epoch, begin: batch.begin, end: batch.end, turn, counts };
        await again(() => writeMark(warehouse, kind, partition, next));
        await again(() => insertAll(source, batch, () => true));
      }
      progress.advance(kind, partition, batch.end);
    }
    await feed.done;
  } catch (error) {
    if (!stop.aborted || !(error instanceof AdapterError) || !error.retryable) throw error;
  }
};
