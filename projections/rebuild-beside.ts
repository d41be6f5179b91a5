/**
 * Builds a table anew beside the one that is used, while its projectors go on:
 *
 *   carry      what the log no longer holds is copied from the old table
 *   fill       the rest is made from the log, up to where the projectors are; again, until that is a slice away
 *   exchange   the projectors stand still at a border: the last slice, the tables change places, the marks count the new one's rows
 *   put away   the old table stays as <name>__old, or goes
 *
 * Questions are answered from one whole table or the other, at any moment. How far it is stands in the books (rebuild-books.ts): whoever
 * is started again goes on from there. What was cut off in the middle is sent again under its token, or deleted and copied again.
 * All in one process: the others' projectors would have to stand still as well, as open.ts has it.
 */
import { AdapterError } from "../domain/ports.ts";
import { rested } from "../domain/stop.ts";
import type { Stand } from "./borders.ts";
import { readMark } from "./marks.ts";
import { carry } from "./rebuild-carry.ts";
import { exchange, giveUp, markExchanged, putAway, settle, setVersion } from "./rebuild-exchange.ts";
import { fill } from "./rebuild-fill.ts";
import { again, type Beside, countAll, type Half, note, takeUp } from "./rebuild-half.ts";

/** `rows`: in the new table; undefined for a summary. */
export type Rebuilt = { readonly rows: number | undefined };

/** Milliseconds between looks at whether the projectors are at work. */
const LOOK_MS = 20;
/** Times the rest is filled at the pace that was given, while it does not become less. Then without a rest. */
const PACED = 3;
/** Times the rows may not add up before that is nobody's accident. */
const TRIES = 3;

const partitionsOf = ({ log }: Beside): readonly number[] => Array.from({ length: log.partitions }, (_, partition) => partition);

/** At the start of a process they finish first what was cut off. */
const untilStanding = async (half: Beside): Promise<void> => {
  const { borders, projection, clock, stop } = half;
  while (partitionsOf(half).some((partition) => borders.at(projection.log, partition) === undefined)) {
    await rested(() => clock.sleep(LOOK_MS, stop), stop);
  }
};

const gone = (): AdapterError =>
  new AdapterError("closed", "How far a table has to be built cannot be known: its projectors ended.", { retryable: true });

/** Where a projector stands. Throws AdapterError `closed` where it does not, or where the work is to end. */
const standOf = ({ borders, projection, stop }: Beside, partition: number): Stand => {
  const stand = borders.at(projection.log, partition);
  if (stop.aborted || stand === undefined) throw gone();
  return stand;
};

/** To be called while the projectors stand still. What ended meanwhile is not said to stand again. */
const standOn = ({ borders, projection }: Beside, partition: number, from: Stand | undefined, to: Partial<Stand>): void => {
  if (from !== undefined && borders.at(projection.log, partition) === from) borders.stand(projection.log, partition, { ...from, ...to });
};

/** What an earlier call could not end, since the warehouse did not answer any more. Says who wanted that. */
const finishBefore = (beside: Beside): Promise<string | undefined> => {
  const { borders, projection, log, warehouse } = beside;
  return borders.still(projection.log, log.partitions, async () => {
    const by = await again(beside, () => settle(warehouse, projection));
    if (by === undefined) return by;
    for (const partition of partitionsOf(beside)) {
      const stand = borders.at(projection.log, partition);
      const mark = await again(beside, () => readMark(warehouse, projection.log, partition));
      if (mark !== undefined) standOn(beside, partition, stand, { mark });
    }
    return by;
  });
};

/** Fills every partition to where its projector is. Says in how many slices. Throws AdapterError `closed` where one ended. */
const fillAll = async (half: Half): Promise<number> => {
  let slices = 0;
  for (const partition of partitionsOf(half)) slices += await fill(half, partition, standOf(half, partition).end);
  return slices;
};

/** Until hardly anything is left that the old table has and this one has not. */
const catchUp = async (half: Half): Promise<void> => {
  let before = Number.POSITIVE_INFINITY;
  for (let round = 0; ; round++) {
    const slices = await fillAll(half);
    const isNear = slices <= half.log.partitions;
    // Where more comes in than the pace lets through, it would go on for ever.
    if (isNear || (round > PACED && slices >= before)) return;
    before = slices;
  }
};

const rowsOf = async (half: Beside, table: string): Promise<number | undefined> =>
  half.projection.kind === "rows" ? again(half, () => countAll(half.warehouse, table)) : undefined;

/**
 * Undefined where the rows do not add up. Throws AdapterError `closed` where a projector ended before the exchange: nothing is exchanged
 * then. One that ends afterwards brings nothing in, so what is left is done.
 */
const takePlace = (half: Half): Promise<Rebuilt | undefined> => {
  const { borders, projection, log, warehouse, next } = half;
  const { name, version } = projection;
  const inHaste: Half = { ...half, pause: () => Promise.resolve() };
  return borders.still(projection.log, log.partitions, async () => {
    const stands = partitionsOf(half).map((partition) => standOf(half, partition));
    await fillAll(inHaste);
    const isStill = (): boolean =>
      !half.stop.aborted &&
      stands.every((stand, partition) => {
        const filled = inHaste.at.begins[partition] ?? 0;
        return borders.at(projection.log, partition) === stand && filled >= stand.end;
      });
    if (!isStill()) throw gone();
    const rows = await rowsOf(half, next);
    if (rows !== undefined && rows !== inHaste.at.rows) {
      half.journal.warn({ table: name, rows, expected: inHaste.at.rows }, "the rows of a new table do not add up");
      return undefined;
    }
    await note(inHaste, { stage: "exchange" });
    const isExchanged = await again(half, async () => {
      if (!isStill()) return false;
      await exchange(warehouse, projection, inHaste.at);
      return true;
    });
    if (!isExchanged) throw gone();
    for (const [partition, stand] of stands.entries()) {
      const { mark } = stand;
      if (mark === undefined) continue;
      standOn(half, partition, stand, { mark: await again(half, () => markExchanged(warehouse, projection, partition, mark)) });
    }
    await again(half, () => setVersion(warehouse, name, version));
    await note(inHaste, { stage: "swapped" });
    borders.putIn(name);
    half.at = inHaste.at;
    return { rows };
  });
};

/**
 * Resolves when the new table is in its place. Throws AdapterError; `closed` where it was stopped: what there is stays, and the same call
 * goes on with it, in this process or in another.
 */
export const rebuildBeside = async (beside: Beside): Promise<Rebuilt> => {
  const { projection, warehouse, journal, meter } = beside;
  meter.count("tallywire_warehouse_rebuilds_total");
  for (let tries = 1; tries <= TRIES; tries++) {
    await untilStanding(beside);
    if ((await finishBefore(beside)) === beside.by) return { rows: await rowsOf(beside, projection.name) };
    const half = await takeUp(beside);
    if (half.at.stage === "carry") await carry(half);
    await catchUp(half);
    const rebuilt = await takePlace(half);
    if (rebuilt === undefined) {
      await again(beside, () => giveUp(warehouse, projection.name));
      continue;
    }
    await again(half, () => putAway(warehouse, projection, half.at));
    await note(half, { stage: "done" });
    journal.info({ table: projection.name, keeps: half.at.keeps, ...rebuilt }, "the new table is in its place");
    return rebuilt;
  }
  throw new AdapterError("corrupt", `The table ${projection.name} was built ${TRIES} times, and never had the rows it should.`, {
    retryable: false,
  });
};
