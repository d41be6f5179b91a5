/** Brings one partition of one log into the warehouse: feed, mark, batch, and on. */

import { type Patience, patiently } from "../domain/patience.ts";
import { AdapterError, type Position } from "../domain/ports.ts";
import { createStop, whenStopped } from "../domain/stop.ts";
import { type Gathered, tablesOf } from "./batch.ts";
import { Borders } from "./borders.ts";
import type { Claims, Turn } from "./claims.ts";
import { type Counts, type Mark, turnAfter, writeMark } from "./marks.ts";
import type { Progress } from "./progress.ts";
import { pump } from "./pump.ts";
import { insertAll, makeGood, resume, type Source } from "./resume.ts";

/** Where several processes share the work. */
export type Others = {
  readonly claims: Claims;
  /** Why nothing may be brought into this partition's tables yet; undefined when it may. */
  readonly obstacle: (source: Source) => Promise<string | undefined>;
};
export type Projecting = Source &
  Patience & {
    readonly progress: Progress;
    readonly others?: Others;
    /** Where tables may be built anew meanwhile. */
    readonly borders?: Borders;
  };

/** Milliseconds between looks at whether the tables stand. */
const LOOK_MS = 250;
/** Milliseconds one waits who was told that it is another's turn: until it hears that the partition is not its own any more. */
const APART_MS = 1000;
/** Milliseconds between counts of the rows: a server may start again beside us and leave out a part it finds broken. */
const RECOUNT_MS = 60 * 60 * 1000;

const countsAfter = ({ projections, kind }: Source, before: Counts, { rows }: Gathered): Counts =>
  Object.fromEntries(
    tablesOf(projections, kind)
      .filter((p) => p.kind === "rows")
      .map(({ name }) => [name, (before[name] ?? 0) + (rows.get(name)?.length ?? 0)]),
  );

const nobodyElse: Turn = { term: 0, isOver: () => Promise.resolve(false) };

/** Runs until `stop`. The tables must have been opened (open.ts), by whichever process. Throws what trying again cannot heal. */
export const project = async (source: Projecting): Promise<void> => {
  const { kind, partition, others, stop, clock, journal, progress } = source;
  const fields = { log: kind, partition };
  try {
    if (others === undefined) return void (await bring(source, nobodyElse));
    for (;;) {
      await untilTablesStand(source, others);
      if (stop.aborted) return;
      const turn = await patiently(source, fields, () => others.claims.take(kind, partition));
      // Tables may have been taken down between the look and the claim; from the claim on, who takes them down is seen.
      if ((await patiently(source, fields, () => others.obstacle(source))) !== undefined) continue;
      const isOver = await bring(source, turn);
      if (stop.aborted) return;
      if (!isOver) continue;
      journal.info(fields, "another took the partition's turn in the warehouse; it is taken up anew");
      progress.hold(kind, partition, "waits for its turn");
      await clock.sleep(APART_MS, stop);
    }
  } catch (error) {
    if (!stop.aborted || !(error instanceof AdapterError) || !error.retryable) throw error;
  } finally {
    progress.hold(kind, partition, undefined);
  }
};

const untilTablesStand = async (source: Projecting, { obstacle }: Others): Promise<void> => {
  const { kind, partition, stop, clock, progress, journal } = source;
  let said: string | undefined;
  while (!stop.aborted) {
    const why = await patiently(source, { log: kind, partition }, () => obstacle(source));
    progress.hold(kind, partition, why);
    if (why === undefined) return;
    if (why !== said) journal.info({ log: kind, partition, why }, "a projector waits");
    said = why;
    await clock.sleep(LOOK_MS, stop);
  }
};

/** Until `stop`, until the rows are due to be counted again, or until it is another's turn: then true. */
const bring = async (source: Projecting, turn: Turn): Promise<boolean> => {
  const ending = createStop();
  const takeBack = whenStopped(source.stop, ending.stop);
  try {
    return await follow({ ...source, stop: ending.signal }, turn);
  } finally {
    takeBack();
    ending.stop();
  }
};

const follow = async (source: Projecting, { term, isOver }: Turn): Promise<boolean> => {
  const { kind, log, partition, warehouse, progress, stop, clock, journal, others, borders = new Borders() } = source;
  const isShared = others !== undefined;
  const fields = { log: kind, partition };
  const again = <T>(work: () => Promise<T>): Promise<T> => patiently(source, fields, work);
  /** What is brought in: not into tables that are being built. */
  const whole = (): Projecting => ({ ...source, projections: source.projections.filter(({ name }) => !borders.isOut(name)) });
  const since = clock.now();
  const { start } = await log.bounds(partition);
  const mark = async (last: Mark | undefined, next: Omit<Mark, "epoch" | "turn">): Promise<Mark> => {
    const written: Mark = { ...next, epoch: log.epoch, turn: turnAfter(last, term) };
    await again(() => writeMark(warehouse, kind, partition, written));
    return written;
  };
  const takeUp = async (): Promise<Position> => {
    const taken = await again(() => resume(whole(), isShared));
    let last = taken.mark?.epoch === log.epoch ? taken.mark : undefined;
    if (last !== undefined) {
      let attempt = 0;
      const { mark: found, off } = { mark: last, off: taken.off };
      const good = await again(() => makeGood(whole(), { mark: found, off }, `${found.turn}/${term}/${attempt++}`));
      if (off.size > 0) journal.warn({ ...fields, off: [...off], refilled: good.refilled }, "rows did not add up; they do again");
      if (isShared || off.size > 0)
        last = await mark(last, { begin: found.end, end: found.end, counts: good.counts, repeats: good.repeats });
    }
    const from = Math.max(start, last?.end ?? start);
    borders.stand(kind, partition, { mark: last, end: from });
    return from;
  };
  /** Who is cut off on the way stands at no border: whoever has the next turn must not take the last one for his. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> =>
    borders.batch(kind, partition, async () => {
      try {
        return await work();
      } catch (error) {
        borders.stand(kind, partition, undefined);
        throw error;
      }
    });
  /** From one border to the next. True where it is another's turn. */
  const bringOne = async (batch: Gathered): Promise<boolean> => {
    const { begin, end } = batch;
    let last = borders.at(kind, partition)?.mark;
    const into = whole();
    const counts = countsAfter(into, last?.counts ?? {}, batch);
    const repeats = last?.repeats ?? {};
    if (batch.rows.size > 0) {
      last = await mark(last, { begin, end, counts, repeats });
      if (isShared && (await again(isOver))) return true;
      try {
        await again(() => insertAll(into, batch, () => true));
      } catch (error) {
        // Tables of another version by now: whoever made them has taken the turn.
        if (isShared && !(error instanceof AdapterError && error.retryable) && (await again(isOver))) return true;
        throw error;
      }
    }
    // For who asks in other processes.
    if (isShared) last = await mark(last, { begin: end, end, counts, repeats });
    if (isShared && batch.rows.size === 0 && (await again(isOver))) return true;
    borders.stand(kind, partition, { mark: last, end });
    progress.advance(kind, partition, end);
    return false;
  };
  try {
    const from = await inTurn(takeUp);
    progress.advance(kind, partition, from);
    const feed = pump(source, from);
    for (let work = await feed.next(); work !== undefined && !stop.aborted; work = await feed.next()) {
      const batch = work;
      if (await inTurn(() => bringOne(batch))) return true;
      if (isShared && clock.now() - since >= RECOUNT_MS) return false;
    }
    await feed.done;
    return false;
  } finally {
    borders.stand(kind, partition, undefined);
  }
};
